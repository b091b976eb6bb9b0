//go:build slow

package extend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	scratchSQL = `select
    comarca_id,
    count(*) as municipalities,
    max(source_system) as source_system,
    max(data_origin) as data_origin
from {{ ref('dim_municipalities') }}
where is_current
group by comarca_id
`
	scratchYAML = `version: 2

models:
  - name: agg_comarques
    description: One row per comarca, with its number of municipalities.
    config:
      meta:
        kind: aggregate
        grain: One row per comarca.
        key: [comarca_id]
        datasets: [municipalities]
    data_tests:
      - origin_is_known
    columns:
      - name: comarca_id
        data_type: varchar
        description: Two-digit id of the comarca.
@@TEST@@      - name: municipalities
        data_type: bigint
        description: Number of municipalities.
      - name: source_system
        data_type: varchar
        description: "{{ doc('source_system') }}"
      - name: data_origin
        data_type: varchar
        description: "{{ doc('data_origin') }}"
`
	scratchTest = "        data_tests:\n          - is_unique_and_not_null\n"
)

// A new mart is one SQL file and its YAML, which declares the grain and tests it.
func TestAddMart(t *testing.T) {
	t.Parallel()
	dir := Copy(t)
	cache, err := filepath.Abs(filepath.Join(root, ".cache"))
	if err == nil {
		err = os.Symlink(cache, filepath.Join(dir, ".cache"))
	}
	if err != nil {
		t.Fatal(err)
	}
	Run(t, dir, "go", "build", "-o", "bin/llac", "./cmd/llac")
	Run(t, dir, "bin/llac", "run", "municipalities", "--no-marts")
	const folder = "dbt/models/marts/aggregates/agg_comarques"
	Write(t, dir, folder+".sql", scratchSQL)
	Write(t, dir, folder+".yml", strings.Replace(scratchYAML, "@@TEST@@", "", 1))
	mustFail(t, dir, []string{"agg_comarques", "comarca_id"}, "bin/llac", "marts", "build")
	Write(t, dir, folder+".yml", strings.Replace(scratchYAML, "@@TEST@@", scratchTest, 1))
	Run(t, dir, "bin/llac", "marts", "build")
	if out := Run(t, dir, "bin/llac", "marts", "list"); !strings.Contains(out, "agg_comarques") {
		t.Errorf("llac marts list does not list the mart:\n%s", out)
	}
	if out := Run(t, dir, "bin/llac", "sql", "select count(*) from agg_comarques"); !strings.Contains(out, "43") {
		t.Errorf("the mart does not hold 43 comarques:\n%s", out)
	}
}
