// Command vulncheck runs govulncheck, the version that tools/go.mod pins, over packages of this workspace. What it adds is a
// plain answer where the database of vulnerabilities cannot be read: then nothing was checked, which must not look like
// nothing was found.
//
// The database is https://vuln.go.dev, or what GOVULNDB names: a URL, file:///… for a copy of it
// (https://vuln.go.dev/vulndb.zip, unpacked).
//
// A package is named by its path, or by its folder from the top of the workspace, ./events/... .
//
// Exit status: 0 no known vulnerability is reached, 3 one is, 4 the database cannot be read and nothing was checked, 1 anything
// else failed, 2 the command line is wrong. Through make each of them but 0 is "Error <status>".
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The exit statuses. found is govulncheck's own.
const (
	failed    = 1
	usage     = 2
	found     = 3
	unchecked = 4
)

// ours begins the paths of this project's packages.
const ours = "github.com/llac-project/llac/"

const (
	publicDatabase = "https://vuln.go.dev"
	databaseTime   = 30 * time.Second
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Getenv("GOVULNDB"), os.Stdout, os.Stderr))
}

func run(ctx context.Context, packages []string, database string, stdout, stderr io.Writer) int {
	if len(packages) == 0 {
		fmt.Fprintln(stderr, "vulncheck: which packages? make vulncheck names all of them")
		return usage
	}
	if database == "" {
		database = publicDatabase
	}
	modified, err := databaseOf(ctx, database)
	if err != nil {
		fmt.Fprintf(stderr, "vulncheck: NOTHING WAS CHECKED, the database of vulnerabilities cannot be read: %v\n"+
			"next: where there is no network, unpack %s/vulndb.zip of another machine and set GOVULNDB=file:///path/to/it\n", err,
			publicDatabase)
		return unchecked
	}
	top, err := workspace(ctx)
	if err != nil {
		fmt.Fprintln(stderr, "vulncheck:", err)
		return failed
	}
	program, err := build(ctx, top)
	if err != nil {
		fmt.Fprintln(stderr, "vulncheck:", err)
		return failed
	}
	defer func() { _ = os.RemoveAll(filepath.Dir(program)) }()
	fmt.Fprintf(stdout, "database %s of %s\n", database, modified.UTC().Format(time.RFC3339))
	arguments := []string{"-db", database}
	for _, p := range packages {
		if folder, relative := strings.CutPrefix(p, "./"); relative {
			p = ours + folder
		}
		arguments = append(arguments, p)
	}
	c := exec.CommandContext(ctx, program, arguments...)
	// It refuses to start where there is no go.mod, as at the top of a workspace.
	c.Dir = filepath.Join(top, "test")
	c.Stdout, c.Stderr = stdout, stderr
	err = c.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() == found:
		fmt.Fprintln(stderr, "vulncheck: go get the fixed version in every module that requires it, then go work sync")
		return found
	}
	fmt.Fprintln(stderr, "vulncheck: govulncheck:", err)
	return failed
}

// databaseOf reads when a database was last changed, and so whether it can be read at all.
func databaseOf(ctx context.Context, database string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, databaseTime)
	defer cancel()
	var body []byte
	var err error
	if folder, local := strings.CutPrefix(database, "file://"); local {
		body, err = os.ReadFile(filepath.Join(filepath.FromSlash(folder), "index", "db.json"))
	} else {
		body, err = get(ctx, database+"/index/db.json")
	}
	if err != nil {
		return time.Time{}, err
	}
	var index struct{ Modified time.Time }
	if err := json.Unmarshal(body, &index); err != nil || index.Modified.IsZero() {
		return time.Time{}, fmt.Errorf("read %s/index/db.json: no date of change; it is not a database of vulnerabilities", database)
	}
	return index.Modified, nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s", url, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, 1<<20))
}

// workspace is the folder of go.work.
func workspace(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, "go", "env", "GOWORK").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOWORK: %w", err)
	}
	file := strings.TrimSpace(string(output))
	if file == "" || file == "off" {
		return "", errors.New("find go.work: not here; run it inside the source tree, without GOWORK=off")
	}
	return filepath.Dir(file), nil
}

// build builds govulncheck in its own module, whose requirements are not the workspace's.
func build(ctx context.Context, top string) (string, error) {
	dir, err := os.MkdirTemp("", "llac-vulncheck")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "govulncheck")
	c := exec.CommandContext(ctx, "go", "build", "-o", program, "golang.org/x/vuln/cmd/govulncheck")
	c.Dir = filepath.Join(top, "tools")
	c.Env = append(slices.Clone(os.Environ()), "GOWORK=off")
	if output, err := c.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("build govulncheck: %w\n%s", err, output), os.RemoveAll(dir))
	}
	return program, nil
}
