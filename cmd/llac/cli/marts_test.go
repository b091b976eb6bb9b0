package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/cmd/llac/cli"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/python"
)

// project is the repository's dbt project.
const project = "../../../dbt"

// on makes the machine's tool use another engine.
func (m *machine) on(engine func(context.Context, io.Writer) (duckdb.Engine, error)) {
	before := m.app
	m.app = func(stdout, stderr *bytes.Buffer) *cli.App {
		a := before(stdout, stderr)
		a.Engine = engine
		return a
	}
}

func (m *machine) file(parts ...string) string {
	return filepath.Join(append([]string{m.dir}, parts...)...)
}

// martsAnswer is the data of marts in --json.
type martsAnswer struct {
	State, Build, Reason string
	Models               []struct {
		Name         string
		Rows, Tests  int64
		Build        string
		SourceSystem string `json:"source_system"`
		Reused       bool
	}
	Failure *struct {
		Nodes []struct {
			Name     string
			Failures int
			Rows     [][]any
		}
	}
}

// Without Python, or with a Python environment that does not work, datasets are published, and the marts are reported as
// missing.
func TestRunWithoutPython(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	for i, c := range []struct {
		name   string
		engine func(context.Context, io.Writer) (duckdb.Engine, error)
		want   []string // on standard error
	}{
		{"no Python", func(context.Context, io.Writer) (duckdb.Engine, error) {
			return duckdb.Engine{}, fmt.Errorf("environment marts: %w", &python.NoPythonError{})
		}, []string{"no Python of at least 3.10 found", "install one"}},
		{"pip cannot install", func(_ context.Context, progress io.Writer) (duckdb.Engine, error) {
			fmt.Fprint(progress, "making a virtual environment in somewhere, once\ninstalling dbt")
			return duckdb.Engine{}, errors.New("environment marts: pip install dbt-core==1.11.16: exit status 1: no such host")
		}, []string{"Marts: making a virtual environment", "no such host"}},
		{"the environment's Python is gone", func(context.Context, io.Writer) (duckdb.Engine, error) { return duckdb.Engine{}, nil },
			[]string{"does not work", "remove that folder"}},
	} {
		m.on(c.engine)
		stdout, stderr, status := m.llac(ctx, "run", "municipalities", "--dbt", project)
		if status != 10 {
			t.Errorf("%s: exit status %d, want 10\n%s%s", c.name, status, stdout, stderr)
		}
		outcome := "municipalities  published"
		if i > 0 {
			outcome = "municipalities  unchanged"
		}
		wants(t, "the report", stdout, outcome)
		wants(t, "standard error", stderr, append(c.want, "the datasets are published, the marts are not", "llac marts",
			"--no-marts leaves them out")...)
	}
	stdout, _, status := m.llac(ctx, "run", "municipalities", "--dbt", project, "--json")
	var reply struct {
		OK   bool
		Data struct {
			Datasets []struct{ State string }
			Marts    martsAnswer
		}
		Error struct{ Code, Hint string }
	}
	if err := json.Unmarshal([]byte(stdout), &reply); err != nil || status != 10 || reply.OK || reply.Error.Code != "marts_missing" ||
		reply.Error.Hint == "" ||
		len(reply.Data.Datasets) != 1 || reply.Data.Datasets[0].State != "unchanged" || reply.Data.Marts.State != "missing" ||
		reply.Data.Marts.Reason == "" {
		t.Errorf("run --json: %v, exit status %d\n%s", err, status, stdout)
	}
	if stdout, _, status := m.llac(ctx, "run", "municipalities", "--no-marts"); status != 0 || strings.Contains(stdout, "Marts") {
		t.Errorf("run --no-marts: exit status %d\n%s", status, stdout)
	}
	stdout, _, _ = m.llac(ctx, "status")
	wants(t, "status", stdout, "Marts: never built; llac marts")
	if _, stderr, status := m.llac(ctx, "marts", "list"); status != 8 || !strings.Contains(stderr, "no marts are published here") {
		t.Errorf("marts list: exit status %d, %s", status, stderr)
	}
	// The process that owns the directory is named, and not disturbed.
	m.on(func(context.Context, io.Writer) (duckdb.Engine, error) { return duckdb.Engine{}, nil })
	owner, err := aws.Start(ctx, aws.Options{Dir: m.dir, OwnerNote: "somebody's run"})
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if _, stderr, status := m.llac(ctx, "marts", "--dbt", project); status != 5 || !strings.Contains(stderr, "somebody's run") {
		t.Errorf("marts in a directory of another owner: exit status %d, %s", status, stderr)
	}
}

func TestMartsOfNoLake(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "none")
	for _, args := range [][]string{{"marts", "--dbt", project}, {"marts", "list"}} {
		if _, stderr, status := llac(t, append(args, "--dir", dir, "--datasets", "testdata/datasets")...); status != 8 ||
			!strings.Contains(stderr, "there is no lake here yet") {
			t.Errorf("%v: exit status %d, %s", args, status, stderr)
		}
	}
}
