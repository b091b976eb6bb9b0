package contract_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/contracttest"
)

// folder writes contract files into a new folder.
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

// dataset returns the base contract with another name and, if reference is not empty, a reference of column library_id.
func dataset(name, reference string) string {
	text := strings.Replace(contracttest.Base, "name: libraries", "name: "+name, 1)
	if reference != "" {
		text = strings.Replace(text, "        description: Number of the library.\n",
			"        description: Number of the library.\n        relationships: [{to: "+reference+"}]\n", 1)
	}
	return text
}

// libraries is a contract with a column of names and a column of groups, for matches.
var libraries = strings.Replace(dataset("libraries", ""), "      - name: loan_count\n",
	"      - {name: reader_name, logicalType: string, description: A name.}\n"+
		"      - {name: town, logicalType: string, description: A group.}\n      - name: loan_count\n", 1)

// matched returns a contract with a column that is matched with libraries.
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

func TestLoadDirChecksContractsTogether(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files map[string]string
		want  []string // parts of the error, in this order; none: the folder is valid
	}{
		{"a valid reference", map[string]string{
			"loans.odcs.yaml":     dataset("loans", "libraries.library_id"),
			"libraries.odcs.yaml": dataset("libraries", ""),
		}, nil},
		{"a reference to itself", map[string]string{"libraries.odcs.yaml": dataset("libraries", "libraries.library_id")}, nil},
		{"a reference to an unknown dataset", map[string]string{
			"loans.odcs.yaml":     dataset("loans", "librarys.library_id"),
			"libraries.odcs.yaml": dataset("libraries", ""),
		},
			[]string{`loans.odcs.yaml:46:30: schema[0].properties[1].relationships[0].to: ` +
				`librarys.library_id: no contract describes the dataset "librarys"; did you mean libraries?`}},
		{"a reference to an unknown column", map[string]string{
			"loans.odcs.yaml":     dataset("loans", "libraries.libary_id"),
			"libraries.odcs.yaml": dataset("libraries", ""),
		},
			[]string{`has no column "libary_id"; did you mean library_id?`}},
		{"a column of another type", map[string]string{
			"loans.odcs.yaml":     dataset("loans", "libraries.loan_count"),
			"libraries.odcs.yaml": dataset("libraries", ""),
		},
			[]string{`libraries.loan_count is of type integer, "library_id" is of type string`}},
		{"a personal column", map[string]string{
			"loans.odcs.yaml":     dataset("loans", "libraries.librarian_name"),
			"libraries.odcs.yaml": dataset("libraries", ""),
		},
			[]string{"libraries.librarian_name is not staged"}},
		{"a valid match", map[string]string{
			"loans.odcs.yaml":     matched("name: reader_name, within: {group: town}"),
			"libraries.odcs.yaml": libraries,
		}, nil},
		{"a match with unknown columns", map[string]string{
			"loans.odcs.yaml":     matched("name: readre_name, within: {group: twon}"),
			"libraries.odcs.yaml": libraries,
		}, []string{
			`loans.odcs.yaml:52:64: schema[0].properties[2]{llacMatch}.name: ` +
				`the dataset "libraries" has no column "readre_name"; did you mean reader_name?`,
			`loans.odcs.yaml:52:93: schema[0].properties[2]{llacMatch}.within.group: ` +
				`the dataset "libraries" has no column "twon"; did you mean town?`}},
		{"a match with columns that cannot be compared", map[string]string{
			"loans.odcs.yaml":     matched("name: librarian_name, within: {group: loan_count}"),
			"libraries.odcs.yaml": libraries,
		}, []string{
			`{llacMatch}.name: libraries.librarian_name is not staged; name a staged column`,
			`{llacMatch}.within.group: libraries.loan_count is of type integer: only text columns can be compared; name a text column`}},
		{"a cycle", map[string]string{
			"a.odcs.yaml": dataset("a", "b.library_id"),
			"b.odcs.yaml": dataset("b", "c.library_id"),
			"c.odcs.yaml": dataset("c", "a.library_id"),
		},
			[]string{"the references form a cycle: a → b → c → a"}},
		{"a file of another name", map[string]string{"a.odcs.yaml": dataset("b", "")},
			[]string{`a.odcs.yaml:19:11: schema[0].name: the file a.odcs.yaml must contain the dataset "a", not "b"; ` +
				`rename the file to b.odcs.yaml, or rename the dataset`}},
		{"a file with the wrong suffix", map[string]string{"a.odcs.yaml": dataset("a", ""), "b.yaml": dataset("b", "")},
			[]string{"b.yaml: the file name is not that of a contract; rename it to <dataset>.odcs.yaml"}},
		{"problems in two files", map[string]string{
			"a.odcs.yaml": strings.Replace(dataset("a", ""), "socrata", "sokrata", 1),
			"b.odcs.yaml": strings.Replace(dataset("b", ""), "latency", "latencia", 1),
		},
			[]string{"a.odcs.yaml:16:39", "b.odcs.yaml:74:1"}},
		{"no contract", map[string]string{"README.md": "x"}, []string{"no contracts in"}},
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
					t.Fatalf("the error is\n%v\nwant these parts, in order: %q", err, test.want)
				}
				rest = after
			}
		})
	}
}

func TestMissingFolder(t *testing.T) {
	t.Parallel()
	if _, err := contract.LoadDir(filepath.Join(t.TempDir(), "nowhere")); err == nil || !strings.Contains(err.Error(), "pass the folder") {
		t.Errorf("the error is %v", err)
	}
}

func TestTwoFilesOfOneDataset(t *testing.T) {
	t.Parallel()
	a := contracttest.Parse(t, contracttest.Base)
	problems := contract.CheckTogether([]*contract.Contract{a, a}, []string{"one", "two"})
	if len(problems) != 1 || problems[0].File != "two" || !strings.Contains(problems[0].Message, "one already describes") {
		t.Errorf("the problems are %v", problems)
	}
}
