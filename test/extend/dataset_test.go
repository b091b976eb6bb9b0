//go:build slow

package extend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A new dataset is one contract.
func TestAddDataset(t *testing.T) {
	t.Parallel()
	dir := Copy(t)
	contract, err := os.ReadFile(filepath.Join(dir, "datasets", "service_types.odcs.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	Write(t, dir, "datasets/scratch_types.odcs.yaml", strings.ReplaceAll(string(contract), "name: service_types", "name: scratch_type"))
	mustFail(t, dir, []string{"scratch_types.odcs.yaml:", "scratch_type"}, "go", "run", "./cmd/llac", "datasets", "check")

	Write(t, dir, "datasets/scratch_types.odcs.yaml", strings.ReplaceAll(string(contract), "name: service_types", "name: scratch_types"))
	Run(t, dir, "go", "run", "./cmd/llac", "datasets", "check")
	mustFail(t, dir, []string{"scratch_types"}, "go", "test", "./platform/contract/dbtsource")
	Run(t, dir, "go", "run", "./cmd/llac", "datasets", "dbt")
	Run(t, dir, "go", "test", "./platform/contract/dbtsource")
	if out := Run(t, dir, "go", "run", "./cmd/llac", "run", "scratch_types", "--no-marts"); !strings.Contains(out,
		"scratch_types") || !strings.Contains(out, "published") {
		t.Errorf("llac run did not publish the dataset:\n%s", out)
	}
}
