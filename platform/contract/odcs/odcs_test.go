package odcs_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"go.yaml.in/yaml/v3"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/contract/contracttest"
	"github.com/llac-project/llac/platform/contract/odcs"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func publication(c *contract.Contract, files *arrow.Schema) odcs.Publication {
	return odcs.Publication{Path: odcs.PathOf(c), Snapshot: "20250803T051500", SourceSystem: "simulator", Files: files}
}

// TestComplete compares a complete contract with the golden file.
func TestComplete(t *testing.T) {
	t.Parallel()
	c := contracttest.Parse(t, contracttest.Base)
	got, err := odcs.Complete(c, publication(c, arrowschema.Schema(c)))
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/libraries.odcs.yaml"
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

// complete is what the tests read of a complete contract.
type complete struct {
	Servers []struct{ Server, Type, Path, Format, Description string }
	Schema  []struct {
		Properties []struct {
			Name, LogicalType, PhysicalType, PhysicalName, Description string
			Required                                                   bool
			Classification                                             string
		}
	}
}

func read(t *testing.T, raw []byte) complete {
	t.Helper()
	lower := strings.NewReplacer("logicalType:", "logicaltype:", "physicalType:", "physicaltype:", "physicalName:", "physicalname:")
	var out complete
	if err := yaml.Unmarshal([]byte(lower.Replace(string(raw))), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Readers see exactly the columns of the files and of their paths, and no field that is not staged (invariant 8).
func TestColumnsOfTheProject(t *testing.T) {
	t.Parallel()
	contracts, err := contract.LoadDir(filepath.Join("..", "..", "..", "datasets"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range contracts {
		raw, err := odcs.Complete(c, publication(c, arrowschema.Schema(c)))
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		out := read(t, raw)
		for _, p := range out.Schema[0].Properties {
			got = append(got, p.Name)
			if p.PhysicalType == "" || p.Description == "" || p.PhysicalName != "" || p.Classification == "personal" {
				t.Errorf("%s.%s is %+v", c.Dataset, p.Name, p)
			}
		}
		for _, f := range slices.Concat(arrowschema.InFiles(c), arrowschema.InPath(c)) {
			want = append(want, f.Name)
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s has the columns %s, want %s", c.Dataset, got, want)
		}
		if len(out.Servers) != 1 || out.Servers[0].Type != "local" || !strings.Contains(out.Servers[0].Description, "simulated") {
			t.Errorf("%s has the servers %+v", c.Dataset, out.Servers)
		}
	}
}

// A pinned contract in earlier forms is completed in the present ones, with the columns that its files have.
func TestEarlierContractAndFiles(t *testing.T) {
	t.Parallel()
	c, err := contract.ParsePinned("libraries.odcs.yaml", []byte(contracttest.Earlier))
	if err != nil {
		t.Fatal(err)
	}
	fields := append(arrowschema.Schema(c).Fields()[:4:4], arrow.Field{Name: "row_hash", Type: arrow.BinaryTypes.String})
	raw, err := odcs.Complete(c, publication(c, arrow.NewSchema(fields, nil)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range read(t, raw).Schema[0].Properties {
		names = append(names, p.Name)
	}
	if got := strings.Join(names, " "); got != "year library_id loan_count budget_eur opening_date row_hash" {
		t.Errorf("the columns are %s", got)
	}
}

func TestFilesOfAnotherContract(t *testing.T) {
	t.Parallel()
	c := contracttest.Parse(t, contracttest.Base)
	fields := arrowschema.Schema(c).Fields()
	missing := arrow.NewSchema(fields[1:], nil)
	retyped := slices.Clone(fields)
	retyped[1].Type = arrow.BinaryTypes.String
	for want, files := range map[string]*arrow.Schema{
		"do not have the contract's column library_id":                                               missing,
		"column loan_count of the files of libraries has the type utf8, and the contract's is int64": arrow.NewSchema(retyped, nil),
	} {
		if _, err := odcs.Complete(c, publication(c, files)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	c.Raw = []byte(strings.Replace(contracttest.Base, "status: active", "status: activ", 1))
	var problems contract.Problems
	if _, err := odcs.Complete(c, publication(c, arrowschema.Schema(c))); !errors.As(err, &problems) {
		t.Errorf("got %v", err)
	}
}
