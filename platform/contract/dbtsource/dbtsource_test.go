package dbtsource_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/dbtsource"
)

var update = flag.Bool("update", false, "rewrite the golden file")

const project = "../../../dbt"

func contracts(t *testing.T) []*contract.Contract {
	t.Helper()
	all, err := contract.LoadDir("../../../datasets")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The project's sources are generated and committed.
func TestProjectSourcesAreUpToDate(t *testing.T) {
	t.Parallel()
	stale, err := dbtsource.Stale(project, contracts(t))
	if err != nil || len(stale) > 0 {
		t.Errorf("%v, stale in dbt/models/sources: %s; run make generate, and remove files without a contract", err,
			strings.Join(stale, ", "))
	}
}

// TestSource compares a generated file with the golden file.
func TestSource(t *testing.T) {
	t.Parallel()
	code, zero := "9", "0"
	c := &contract.Contract{
		Dataset: "places", Title: "Places", Grain: "One row per place", Purpose: `Has "quotes": and {{ braces }}, {% too %}`, Owner: "Team",
		Licence: "CC BY 4.0", Attribution: "Source: somebody's.", Source: contract.Source{Kind: "socrata", ID: "abcd-1234"},
		Key: []string{"place_id"}, Partition: []string{"year"}, SLA: contract.SLA{Freshness: 36 * time.Hour},
		Fields: []contract.Field{
			{Name: "year", Type: contract.Text, Staged: true, Required: true, Description: "Year."},
			{Name: "place_id", Type: contract.Text, Staged: true, Required: true, Description: "Its code."},
			{Name: "kind", Type: contract.Text, Staged: true, Description: "Kind.",
				Mapping: map[string]string{"a": "yes", "b": "it's", "c": "yes"}, Default: &code},
			{Name: "level", Type: contract.Integer, Staged: true, Description: "Level.", Mapping: map[string]string{"one": "1"},
				Default: &zero},
			{Name: "area", Type: contract.Decimal, Precision: 12, Scale: 2, Staged: true, Description: "Area."},
			{Name: "owner", Type: contract.Text, Classification: "personal", Description: "Who owns it."},
			{Name: "note", Type: contract.Text, Description: "Read, not staged."},
		},
	}
	got := dbtsource.Source(c)
	const golden = "testdata/places.yml"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(got) != string(want) {
		t.Errorf("%v; go test -update accepts:\n%s", err, got)
	}
}

// TestPersonalFieldsAreNotNamed reads every source of the project for the fields that never leave landing and archive.
func TestPersonalFieldsAreNotNamed(t *testing.T) {
	t.Parallel()
	for _, c := range contracts(t) {
		for _, column := range dbtsource.Columns(c) {
			if f := c.Field(column.Name); f != nil && f.Personal() {
				t.Errorf("%s names the personal field %s", c.Dataset, f.Name)
			}
		}
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	dir, all := t.TempDir(), contracts(t)
	folder := dbtsource.Folder(dir)
	changed, err := dbtsource.Write(dir, all)
	if err != nil || len(changed) != len(all) {
		t.Fatalf("%v, wrote %v", err, changed)
	}
	if again, err := dbtsource.Write(dir, all); err != nil || len(again) != 0 {
		t.Errorf("%v, wrote %v again", err, again)
	}
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("gone.yml", "# Generated from datasets/gone.odcs.yaml\n")
	put("notes.md", "somebody's\n")
	put(all[0].Dataset+".yml", "changed by hand\n")
	want := []string{all[0].Dataset + ".yml", "gone.yml", "notes.md"}
	if stale, err := dbtsource.Stale(dir, all); err != nil || !reflect.DeepEqual(stale, want) {
		t.Errorf("%v, stale: %v, want %v", err, stale, want)
	}
	changed, err = dbtsource.Write(dir, all)
	if err != nil || !reflect.DeepEqual(changed, want[:2]) {
		t.Errorf("%v, wrote %v, want %v", err, changed, want[:2])
	}
	if _, err := os.Stat(filepath.Join(folder, "notes.md")); err != nil {
		t.Error("a file that is somebody's was removed:", err)
	}
}
