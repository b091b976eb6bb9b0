package trino

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/local/python"
)

// Adapter is the dbt adapter for Trino. All other packages of the environment are the project's own.
const Adapter = "dbt-trino==1.11.0"

// Requirements returns the packages of the environment: those of the marts, and dbt-trino.
func Requirements() []string { return append(duckdb.Requirements(), Adapter) }

// Project is the dbt project on one engine.
type Project struct {
	Environment python.Environment
	Dir         string   // of the project
	Target      string   // a target of its profiles.yml: duckdb, trino, athena
	Settings    []string // environment variables that the target reads
	Out         string   // folder for the output of dbt: target, logs
	Vars        map[string]any
}

// Node is a node of dbt's manifest, with the fields that the tests need.
type Node struct {
	ID           string         `json:"unique_id"`
	Name         string         `json:"name"`
	ResourceType string         `json:"resource_type"`
	Schema       string         `json:"schema"`
	Alias        string         `json:"alias"`
	FQN          []string       `json:"fqn"` // project, folders, name
	CompiledCode string         `json:"compiled_code"`
	Config       map[string]any `json:"config"`
}

// Relation returns the name of the node's table or view.
func (n Node) Relation() string { return duckdb.Name(n.Schema) + "." + duckdb.Name(n.Alias) }

// IsMart reports whether the node is a mart, which readers see.
func (n Node) IsMart() bool { return len(n.FQN) > 1 && n.FQN[1] == "marts" }

// Run runs dbt with a command such as "build". An error includes the end of its output.
func (p Project) Run(ctx context.Context, command ...string) error {
	vars := []byte("{}")
	if p.Vars != nil {
		var err error
		if vars, err = json.Marshal(p.Vars); err != nil {
			return err
		}
	}
	args := append([]string{
		"--no-send-anonymous-usage-stats", "--no-use-colors", "--no-version-check", "--log-path", filepath.Join(p.Out, "logs"),
	}, command...)
	args = append(args, "--project-dir", p.Dir, "--profiles-dir", p.Dir,
		"--target", p.Target, "--target-path", filepath.Join(p.Out, "target"), "--vars", string(vars))
	c := p.Environment.Command(ctx, append([]string{"-c", "from dbt.cli.main import cli; cli()"}, args...)...)
	// Without the user's own accounts and projects.
	c.Env = slices.DeleteFunc(c.Env, func(v string) bool {
		return strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "DBT_") || strings.HasPrefix(v, "LLAC_")
	})
	c.Env = append(c.Env, p.Settings...)
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("dbt %s on %s: %w\n%s", strings.Join(command, " "), p.Target, err, lastLines(string(out), 60))
	}
	return nil
}

// lastLines returns the last n lines of s.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Nodes reads the manifest of the last command and returns the nodes that have a table or view, by name.
func (p Project) Nodes() ([]Node, error) {
	var manifest struct {
		Nodes map[string]Node `json:"nodes"`
	}
	if err := p.read("manifest.json", &manifest); err != nil {
		return nil, err
	}
	var out []Node
	for _, n := range manifest.Nodes {
		if n.ResourceType == "seed" || n.ResourceType == "model" && n.Config["materialized"] != "ephemeral" {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Compiled returns the SQL of each model and test of the last command, by id.
func (p Project) Compiled() (map[string]string, error) {
	var manifest struct {
		Nodes map[string]Node `json:"nodes"`
	}
	if err := p.read("manifest.json", &manifest); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for id, n := range manifest.Nodes {
		if n.CompiledCode != "" {
			out[id] = n.CompiledCode
		}
	}
	return out, nil
}

// Results returns the status of each node of the last build, by id.
func (p Project) Results() (map[string]string, error) {
	var run struct {
		Results []struct {
			ID     string `json:"unique_id"`
			Status string `json:"status"`
		} `json:"results"`
	}
	if err := p.read("run_results.json", &run); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, r := range run.Results {
		out[r.ID] = r.Status
	}
	return out, nil
}

// read reads a JSON file of dbt's target folder.
func (p Project) read(name string, into any) error {
	b, err := os.ReadFile(filepath.Join(p.Out, "target", name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: dbt has not written it; run dbt first", name)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}
