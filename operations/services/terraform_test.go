package services_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/llac-project/llac/operations/services"
)

var update = flag.Bool("update", false, "write terraform/services.json")

func TestTerraformFileIsCurrent(t *testing.T) {
	t.Parallel()
	const file = "../../terraform/services.json"
	want, err := services.TerraformFile()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("terraform/services.json is stale (%v): go generate ./operations/services", err)
	}
}
