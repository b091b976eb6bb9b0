package deploy_test

import (
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/deploy"
)

func TestRecords(t *testing.T) {
	t.Parallel()
	p := parameters{
		{"/llac/dev/services/stager/version", "b"}, {"/llac/dev/services/stager/sha256", "x"},
		{"/llac/dev/services/stager/previous", "none"}, {deploy.EventTypesParameter("dev", "stager"), eventTypes},
		{"/llac/dev/services/gone/version", "of another project"}, {"/llac/prod/services/fetcher/version", "elsewhere"},
		{"/llac/dev/services/scheduler/version", "a"}, {"/llac/dev/services/scheduler/sha256", "y"},
		{"/llac/dev/services/scheduler/previous", "z"}, {deploy.EventTypesParameter("dev", "scheduler"), eventTypes},
	}
	records, err := deploy.Records(t.Context(), p, "dev")
	if err != nil || len(records) != 2 || records[0].Service != "scheduler" || records[0].Previous != "z" {
		t.Fatalf("%+v, error %v", records, err)
	}
	stager, runs := deploy.RecordOf(records, "stager")
	if !runs || stager.Build != "b" || stager.SHA256 != "x" || stager.Previous != "" || len(stager.Consumes) != 1 ||
		stager.Release().Key != "functions/stager/x.zip" {
		t.Errorf("%+v, %v", stager, runs)
	}
	if _, runs := deploy.RecordOf(records, "fetcher"); runs {
		t.Error("the record of another environment is returned")
	}
	if records, err := deploy.Records(t.Context(), parameters{}, "dev"); err != nil || len(records) != 0 {
		t.Errorf("%+v, error %v", records, err)
	}
	if _, err := deploy.Records(t.Context(), p[:3], "dev"); err == nil ||
		!strings.Contains(err.Error(), "make deploy SERVICE=stager writes it again") {
		t.Error(err)
	}
	if _, err := deploy.Records(t.Context(), parameters(nil), "dev"); err == nil || !strings.Contains(err.Error(), "/llac/dev/services/") {
		t.Error(err)
	}
}
