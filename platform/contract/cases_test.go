package contract_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/contracttest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const divider = "----------\n"

// Each case is a contract, complete or as edits of contracttest.Base, a divider, and the expected problems.
func TestProblemsOfInvalidContracts(t *testing.T) {
	t.Parallel()
	problemCases(t, "cases", contracttest.Base, contract.Parse, 25)
}

// Each case is an edit of contracttest.Earlier. A pinned contract in earlier forms may be used as before, and no more: the
// rules that protect personal fields hold for it.
func TestProblemsOfEarlierContracts(t *testing.T) {
	t.Parallel()
	problemCases(t, "earlier", contracttest.Earlier, contract.ParsePinned, 10)
}

func problemCases(t *testing.T, folder, base string, parse func(string, []byte) (*contract.Contract, error), atLeast int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	if err != nil || len(paths) < atLeast {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			input, want, ok := strings.Cut(string(raw), divider)
			if !ok {
				t.Fatalf("%s has no divider", path)
			}
			text := input
			if strings.HasPrefix(input, "<") {
				if text, err = contracttest.Edit(base, input); err != nil {
					t.Fatal(err)
				}
			}
			_, err = parse("contract.yaml", []byte(text))
			if err == nil {
				t.Fatal("no problem was reported")
			}
			problems, ok := err.(contract.Problems)
			if !ok {
				t.Fatalf("the error is %T (%v), want Problems", err, err)
			}
			got := strings.ReplaceAll(problems.Error(), "contract.yaml:", "") + "\n"
			if *update {
				if err := os.WriteFile(path, []byte(input+divider+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestBaseIsValid(t *testing.T) {
	t.Parallel()
	c := contracttest.Parse(t, contracttest.Base)
	if c.Dataset != "libraries" || len(c.Fields) != 6 {
		t.Errorf("parsed as %q with %d fields", c.Dataset, len(c.Fields))
	}
}
