package staging

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/local/cache"
	"github.com/llac-project/llac/platform/local/python"
	"github.com/llac-project/llac/test/bench/staging/pages"
)

// Set is a set of pages to stage, and the peers that also stage it.
type Set struct {
	pages.Shape
	Rows  int
	Peers []string
}

// Sets returns the sets of the benchmark. rows is the number of register rows; the others scale in proportion.
func Sets(rows int) []Set {
	return []Set{
		{pages.Register, rows, []string{"polars", "duckdb", "pandas", "pandas default"}},
		{pages.OpenRegister, rows, []string{"polars", "duckdb", "pandas"}},
		{pages.Distinct, rows * 6 / 10, []string{"polars"}},
		{pages.Wide, rows * 6 / 100, []string{"polars"}},
	}
}

// Contestant is a program that stages a folder of pages into out/staging/<set> and out/quarantine/<set>.
type Contestant struct {
	Name        string
	Environment []string
	Command     func(set string, data pages.Data, out string) []string
	Counts      func(stdout []byte) (Counts, error)
}

// Counts are the row counts that a contestant reports.
type Counts struct {
	RowsIn      int64            `json:"rows_in"`
	Staged      int64            `json:"staged"`
	Duplicates  int64            `json:"duplicates"`
	Quarantined int64            `json:"quarantined"`
	ByReason    map[string]int64 `json:"by_reason"`
}

// Ours returns llac stage as a contestant.
func Ours(llac string, flags ...string) Contestant {
	return Contestant{
		Name: "llac",
		Command: func(_ string, data pages.Data, out string) []string {
			return append([]string{llac, "stage", data.Contract, "--in", data.Pages, "--out", out, "--json"}, flags...)
		},
		Counts: func(stdout []byte) (Counts, error) {
			var envelope struct{ Data Counts }
			err := json.Unmarshal(stdout, &envelope)
			return envelope.Data, err
		},
	}
}

// BuildLlac builds llac as it is released and returns its path.
func BuildLlac(ctx context.Context, progress io.Writer) (string, error) {
	folder, err := cache.Folder()
	if err != nil {
		return "", err
	}
	at := filepath.Join(folder, "bench", "llac")
	fmt.Fprintln(progress, "building llac")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", at, "./cmd/llac")
	build.Dir = filepath.Dir(folder)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build llac: %w\n%s", err, out)
	}
	return at, nil
}

//go:embed peers/*.py peers/requirements.txt
var peerFiles embed.FS

// Requirements returns the exact packages of the peers.
func Requirements() []string {
	b, err := peerFiles.ReadFile("peers/requirements.txt")
	if err != nil {
		panic(err) // embedded, so it always exists
	}
	return strings.Fields(string(b))
}

// Peers returns the engines that people use for the job, by name. They need Python. If Python or a package is missing,
// Peers returns an error and the benchmark continues without them.
func Peers(ctx context.Context, progress io.Writer) (map[string]Contestant, error) {
	environment, err := python.Ensure(ctx, "bench/peers-venv", Requirements(), progress)
	if err != nil {
		return nil, err
	}
	folder, err := cache.Folder()
	if err != nil {
		return nil, err
	}
	scripts := filepath.Join(folder, "bench", "peers")
	if err := writeScripts(scripts); err != nil {
		return nil, fmt.Errorf("write the peers' scripts: %w", err)
	}
	peer := func(name, script string, flags ...string) Contestant {
		return Contestant{
			Name:        name,
			Environment: environment.Command(ctx).Env,
			Command: func(set string, data pages.Data, out string) []string {
				return append([]string{environment.Python(), filepath.Join(scripts, script), set, data.Pages, out}, flags...)
			},
			Counts: plainCounts,
		}
	}
	return map[string]Contestant{
		"polars":         peer("polars", "with_polars.py"),
		"duckdb":         peer("duckdb", "with_duckdb.py"),
		"pandas":         peer("pandas", "with_pandas.py"),
		"pandas default": peer("pandas default", "with_pandas.py", "default"),
	}, nil
}

// plainCounts parses the output of a peer.
func plainCounts(stdout []byte) (Counts, error) {
	var c Counts
	err := json.Unmarshal(stdout, &c)
	return c, err
}

func writeScripts(dir string) error {
	entries, err := peerFiles.ReadDir("peers")
	if err != nil {
		return err
	}
	// The peer DuckDB is opened in the one place that opens DuckDB.
	err = errors.Join(err, os.MkdirAll(dir, 0o755), os.RemoveAll(filepath.Join(dir, "programs")))
	if _, copyErr := duckdb.Programs(dir); copyErr != nil {
		return errors.Join(err, copyErr)
	}
	for _, e := range entries {
		b, readErr := peerFiles.ReadFile("peers/" + e.Name())
		err = errors.Join(err, readErr, os.WriteFile(filepath.Join(dir, e.Name()), b, 0o644))
	}
	return err
}
