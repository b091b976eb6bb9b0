package contract_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/contracttest"
)

// folder writes contracts made from the base: a dataset's name, and the references of its columns library_id (text)
// and budget_eur (decimal).
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func dataset(name, reference string) string {
	text := strings.Replace(contracttest.Base, "name: libraries", "name: "+name, 1)
	if reference != "" {
		text = strings.Replace(text, "        description: Number of the library.\n",
			"        description: Number of the library.\n        relationships: [{to: "+reference+"}]\n", 1)
	}
	return text
}

// libraries have names to be found by, and matched is a dataset that does.
var libraries = strings.Replace(dataset("libraries", ""), "      - name: loan_count\n",
	"      - {name: reader_name, logicalType: string, description: A name.}\n      - {name: town, logicalType: string, description: A group.}\n      - name: loan_count\n", 1)

func matched(match string) string {
	return strings.Replace(dataset("loans", ""), "      - name: loan_count\n", `      - name: found_id
        logicalType: string
        description: Found by its name.
        relationships: [{to: libraries.library_id}]
        customProperties: [{property: llacMatch, value: {`+match+`}}]
      - {name: group, logicalType: string, description: A group.}
      - name: loan_count
`, 1)
}

func TestContractsOfAFolderAreCheckedTogether(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files map[string]string
		want  []string // each in the error, in this order; none: it must load
	}{
		{"a reference that holds", map[string]string{"loans.odcs.yaml": dataset("loans", "libraries.library_id"), "libraries.odcs.yaml": dataset("libraries", "")}, nil},
		{"a reference to itself", map[string]string{"libraries.odcs.yaml": dataset("libraries", "libraries.library_id")}, nil},
		{"no such dataset", map[string]string{"loans.odcs.yaml": dataset("loans", "librarys.library_id"), "libraries.odcs.yaml": dataset("libraries", "")},
			[]string{`loans.odcs.yaml:39:30: schema[0].properties[1].relationships[0].to: librarys.library_id: no contract of the dataset "librarys"; did you mean libraries?`}},
		{"no such column", map[string]string{"loans.odcs.yaml": dataset("loans", "libraries.libary_id"), "libraries.odcs.yaml": dataset("libraries", "")},
			[]string{`has no column "libary_id"; did you mean library_id?`}},
		{"a column of another type", map[string]string{"loans.odcs.yaml": dataset("loans", "libraries.loan_count"), "libraries.odcs.yaml": dataset("libraries", "")},
			[]string{`libraries.loan_count is of type integer, "library_id" is of type string`}},
		{"a personal column", map[string]string{"loans.odcs.yaml": dataset("loans", "libraries.librarian_name"), "libraries.odcs.yaml": dataset("libraries", "")},
			[]string{"libraries.librarian_name is not staged"}},
		{"a match that holds", map[string]string{"loans.odcs.yaml": matched("name: reader_name, within: {group: town}"), "libraries.odcs.yaml": libraries}, nil},
		{"a match with no such columns", map[string]string{"loans.odcs.yaml": matched("name: readre_name, within: {group: twon}"), "libraries.odcs.yaml": libraries}, []string{
			`loans.odcs.yaml:45:64: schema[0].properties[2]{llacMatch}.name: the dataset "libraries" has no column "readre_name"; did you mean reader_name?`,
			`loans.odcs.yaml:45:93: schema[0].properties[2]{llacMatch}.within.group: the dataset "libraries" has no column "twon"; did you mean town?`}},
		{"a match with columns that are no names", map[string]string{"loans.odcs.yaml": matched("name: librarian_name, within: {group: loan_count}"), "libraries.odcs.yaml": libraries}, []string{
			`{llacMatch}.name: libraries.librarian_name is not staged; name a staged column`,
			`{llacMatch}.within.group: libraries.loan_count is of type integer: only texts are compared; name a text column`}},
		{"a circle", map[string]string{"a.odcs.yaml": dataset("a", "b.library_id"), "b.odcs.yaml": dataset("b", "c.library_id"), "c.odcs.yaml": dataset("c", "a.library_id")},
			[]string{"the references go in a circle: a → b → c → a"}},
		{"a file of another name", map[string]string{"a.odcs.yaml": dataset("b", "")},
			[]string{`a.odcs.yaml:19:11: schema[0].name: the file a.odcs.yaml is for the dataset "a", this one is "b"; rename the file to b.odcs.yaml, or the dataset`}},
		{"a file that would be overlooked", map[string]string{"a.odcs.yaml": dataset("a", ""), "b.yaml": dataset("b", "")},
			[]string{"b.yaml: is not read as a contract; name it <dataset>.odcs.yaml"}},
		{"problems of every file", map[string]string{"a.odcs.yaml": strings.Replace(dataset("a", ""), "socrata", "sokrata", 1), "b.odcs.yaml": strings.Replace(dataset("b", ""), "latency", "latencia", 1)},
			[]string{"a.odcs.yaml:16:39", "b.odcs.yaml:70:1"}},
		{"nothing there", map[string]string{"README.md": "x"}, []string{"no contracts in"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			contracts, err := contract.LoadDir(folder(t, test.files))
			if len(test.want) == 0 {
				if err != nil || len(contracts) != len(test.files) {
					t.Errorf("%d contracts, %v", len(contracts), err)
				}
				return
			}
			if err == nil {
				t.Fatal("no error")
			}
			rest := err.Error()
			for _, want := range test.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("the error is\n%v\nwant in it, in order: %q", err, test.want)
				}
				rest = after
			}
		})
	}
}

func TestAFolderThatIsNotThere(t *testing.T) {
	t.Parallel()
	if _, err := contract.LoadDir(filepath.Join(t.TempDir(), "nowhere")); err == nil || !strings.Contains(err.Error(), "name the folder") {
		t.Errorf("the error is %v", err)
	}
}

func TestTwoFilesClaimOneDataset(t *testing.T) {
	t.Parallel()
	a := contracttest.Parse(t, contracttest.Base)
	problems := contract.CheckTogether([]*contract.Contract{a, a}, []string{"one", "two"})
	if len(problems) != 1 || problems[0].File != "two" || !strings.Contains(problems[0].Message, "claimed by one") {
		t.Errorf("the problems are %v", problems)
	}
}
