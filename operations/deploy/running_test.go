package deploy_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/llac-project/llac/operations/deploy"
)

// parameters is an SSM with two parameters per page.
type parameters [][2]string

func (p parameters) GetParametersByPath(_ context.Context, in *ssm.GetParametersByPathInput,
	_ ...func(*ssm.Options)) (*ssm.GetParametersByPathOutput, error) {
	if p == nil {
		return nil, errors.New("AccessDeniedException")
	}
	from := len(aws.ToString(in.NextToken))
	out := &ssm.GetParametersByPathOutput{}
	for i := from; i < len(p) && i < from+2; i++ {
		if strings.HasPrefix(p[i][0], aws.ToString(in.Path)) {
			out.Parameters = append(out.Parameters, types.Parameter{Name: &p[i][0], Value: &p[i][1]})
		}
	}
	if from+2 < len(p) {
		out.NextToken = aws.String(strings.Repeat(".", from+2))
	}
	return out, nil
}

const eventTypes = `{"consumes": ["cat.llac.landing.validated.v1"], "emits": ["cat.llac.staging.written.v1"], "build": "b"}`

func TestRunning(t *testing.T) {
	t.Parallel()
	d, err := deploy.Running(t.Context(), parameters{
		{"/llac/dev/services/stager/version", "3"}, {"/llac/dev/services/stager/sha256", "x"},
		{"/llac/dev/services/gone/event_types", "of another project"},
		{"/llac/prod/services/fetcher/event_types", "{}"}, {deploy.EventTypesParameter("dev", "stager"), eventTypes},
	}, "dev")
	if err != nil || len(d) != 1 || d["stager"].Build != "b" || len(d["stager"].Consumes) != 1 {
		t.Errorf("%+v, error %v", d, err)
	}
	for name, c := range map[string]struct {
		p    parameters
		want string
	}{
		"refused":     {nil, "/llac/dev/services/"},
		"not JSON":    {parameters{{deploy.EventTypesParameter("dev", "stager"), "[]"}}, "make deploy SERVICE=stager"},
		"not events":  {parameters{{deploy.EventTypesParameter("dev", "stager"), `{"consumes": ["all"]}`}}, `"all" is not an event type`},
		"nothing new": {parameters{{deploy.EventTypesParameter("dev", "stager"), `{}`}}, "consumes nothing"},
	} {
		if _, err := deploy.Running(t.Context(), c.p, "dev"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadDeployed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deployed.json")
	for body, want := range map[string]string{
		`{"stager": ` + eventTypes + `}`:       "",
		`{"baker": ` + eventTypes + `}`:        `unknown service "baker"`,
		`{"stager": {"consume": []}}`:          "consume",
		`{"stager": {"consumes": ["staging"]}`: "",
		`nothing`:                              "deployed.json",
	} {
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := deploy.ReadDeployed(path)
		good := strings.Contains(body, eventTypes) && !strings.Contains(body, "baker")
		if good != (err == nil) || err != nil && !strings.Contains(err.Error(), want) || good && d["stager"].Build != "b" {
			t.Errorf("%s: %+v, error %v", body, d, err)
		}
	}
	if _, err := deploy.ReadDeployed(path + ".none"); err == nil {
		t.Error("a missing file was read")
	}
}
