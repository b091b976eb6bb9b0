package docs

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/local/python"
	"github.com/llac-project/llac/test/programs"
)

// notRun matches the lines of a shell block that need the cloud, the live portals, or a name of the reader's own, and make
// run and make test themselves.
var notRun = regexp.MustCompile(`(?m)^.*(?:<|--env|--portal live|^make ).*\n`)

// readmeScripts returns README's shell blocks, without the lines that are not run.
func readmeScripts(text string) []string {
	var out []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(text, -1) {
		if script := notRun.ReplaceAllString(block[1], ""); strings.Contains(script, "bin/llac ") {
			out = append(out, script)
		}
	}
	return out
}

// TestReadmeCommands runs the commands of README as a shell would, after a run with marts, in a copy of the folders that they
// need. Those that need the cloud, the live portals or a name of the reader's own are left out.
func TestReadmeCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("builds marts")
	}
	t.Parallel()
	var missing *python.NoPythonError
	if _, err := duckdb.Open(t.Context(), io.Discard); errors.As(err, &missing) {
		t.Skip("no Python of at least 3.10: README's commands are not run")
	} else if err != nil {
		t.Fatal(err)
	}
	dir := checkout(t)
	shell := func(command string) (string, error) {
		c := exec.CommandContext(t.Context(), "sh", "-ec", command)
		c.Dir = dir
		out, err := c.CombinedOutput()
		return string(out), err
	}
	out, err := shell("bin/llac run")
	if err != nil {
		t.Fatalf("bin/llac run: %v\n%s", err, out)
	}
	if lines := outputInReadme(t); !strings.Contains(figures(out), figures(lines)) {
		t.Errorf("make run ends with\n%s\nREADME shows\n%s", out, lines)
	}
	scripts := readmeScripts(read(t, "README.md"))
	for _, script := range scripts {
		if out, err := shell(script); err != nil {
			t.Errorf("%s: %v\n%s", script, err, out)
		} else if strings.Contains(out, "(0 rows)") {
			t.Errorf("%s returns no row:\n%s", script, out)
		}
	}
	if len(scripts) < 7 {
		t.Errorf("only %d blocks of README were run", len(scripts))
	}
}

// checkout returns a folder with a built llac and copies of what it reads.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	llac, err := programs.Llac()
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "bin"), 0o755)
	}
	if err == nil {
		err = os.Symlink(llac, filepath.Join(dir, "bin", "llac"))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"datasets", "dbt"} {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join(repository, folder))); err != nil {
			t.Fatal(err)
		}
	}
	// llac finds the Python environment in the folder .cache next to go.work.
	cache, err := filepath.Abs(filepath.Join(repository, ".cache"))
	if err == nil {
		err = errors.Join(os.WriteFile(filepath.Join(dir, "go.work"), nil, 0o644), os.Symlink(cache, filepath.Join(dir, ".cache")))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// outputInReadme returns the lines of the output that README shows.
func outputInReadme(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile("(?s)ends like this:\n\n```\n(.*?)```").FindStringSubmatch(read(t, "README.md"))
	if m == nil {
		t.Fatal("README.md shows no output of make run")
	}
	return m[1]
}

// figures returns the lines that hold a comarca's change, without the bars, whose width follows the terminal.
func figures(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		if fields := strings.Fields(strings.TrimRight(strings.TrimSpace(line), "█▒ ")); len(fields) > 2 && strings.Contains(line, " %") {
			out = append(out, strings.Join(fields, " "))
		}
	}
	return strings.Join(out, "\n")
}
