//go:build slow

package sqllint

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/local/python"
)

// lint runs sqlfluff in the folder of the dbt project and returns its output.
func lint(t *testing.T, args ...string) (string, error) {
	t.Helper()
	environment, err := python.Ensure(t.Context(), "sqlfluff", []string{"sqlfluff==4.4.0"}, os.Stderr)
	var missing *python.NoPythonError
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs("../../dbt")
	if err != nil {
		t.Fatal(err)
	}
	c := environment.Command(t.Context(), append([]string{"-m", "sqlfluff", "lint", "--nocolor", "--disable-progress-bar"}, args...)...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	return string(out), err
}

func TestSQLStyle(t *testing.T) {
	t.Parallel()
	if out, err := lint(t, "--processes", "2", "models", "tests"); err != nil {
		t.Errorf("%v\n%s\nrun sqlfluff fix, which repairs most of it", err, out)
	}
}

// TestFaultIsFound shows that the linter reads the project's rules.
func TestFaultIsFound(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "fault.sql")
	if err := os.WriteFile(file, []byte("SELECT a from {{ ref('b') }}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := lint(t, "--config", ".sqlfluff", file)
	if err == nil || !strings.Contains(out, "CP01") {
		t.Errorf("an upper-case keyword was accepted: %v\n%s", err, out)
	}
}
