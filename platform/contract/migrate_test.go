package contract_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/contracttest"
)

// Each case is an edit of contracttest.Earlier, a divider, and the new file or, if its name starts with refused, the problems.
func TestMigrate(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join("testdata", "migrate", "*.txt"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			script, want, _ := strings.Cut(string(raw), divider)
			text, err := contracttest.Edit(contracttest.Earlier, script)
			if err != nil {
				t.Fatal(err)
			}
			out, changes, err := contract.Migrate("contract.yaml", []byte(text))
			got := string(out)
			if err != nil {
				got = strings.ReplaceAll(err.Error(), "contract.yaml:", "") + "\n"
			}
			if refused := strings.HasPrefix(filepath.Base(path), "refused"); refused != (err != nil) {
				t.Errorf("got the error %v", err)
			}
			if *update {
				if err := os.WriteFile(path, []byte(script+divider+got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if err == nil {
				sameWithLineEndings(t, text, got)
				again(t, got)
				replayed(t, text, got, changes)
			}
		})
	}
}

// sameWithLineEndings checks that a file of another system gives the same.
func sameWithLineEndings(t *testing.T, text, want string) {
	t.Helper()
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	out, _, err := contract.Migrate("contract.yaml", []byte(crlf(text)))
	if err != nil || string(out) != crlf(want) {
		t.Errorf("%v, with \\r\\n it becomes\n%s", err, out)
	}
}

// again checks that a second call changes nothing.
func again(t *testing.T, text string) {
	t.Helper()
	out, changes, err := contract.Migrate("contract.yaml", []byte(text))
	if err != nil || len(changes) > 0 || string(out) != text {
		t.Errorf("again: %v, %d changes", err, len(changes))
	}
}

// replayed checks that the reported changes lead from the earlier text to the new.
func replayed(t *testing.T, before, after string, changes []contract.Change) {
	t.Helper()
	lines := strings.Split(before, "\n")
	for i := len(changes) - 1; i >= 0; i-- {
		c := changes[i]
		at := c.Line - 1
		if got := strings.Join(lines[at:at+len(c.Removed)], "\n"); got != strings.Join(c.Removed, "\n") {
			t.Errorf("line %d is %q, not %q", c.Line, got, c.Removed)
		}
		lines = append(append(append([]string{}, lines[:at]...), c.Added...), lines[at+len(c.Removed):]...)
	}
	if got := strings.Join(lines, "\n"); got != after {
		t.Errorf("the changes lead to\n%s", got)
	}
}
