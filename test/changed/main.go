// Command changed lists the services that a change affects, as a JSON list for a matrix of GitHub Actions, or one per line:
//
//	go run ./test/changed --base origin/main          # since the branch left main
//	go run ./test/changed --running running.json --order order.json --lines
//
// The Makefile states what a service is built from (make sources SERVICE=stager), and go.work which services exist. With --running, the
// output of llac deploy running --json, each service is compared with its deployed build. --order, the output of llac deploy check --json,
// puts the services first whose order matters. A service that cannot be compared counts as changed: it is deployed once too often rather
// than not at all.
//
// Reasons go to standard error. Exit status: 0 success, 1 failure, 2 wrong command line.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
)

func main() {
	os.Exit(run(os.Args[1:], ".", os.Stdout, os.Stderr))
}

func run(args []string, dir string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("changed", flag.ContinueOnError)
	flags.SetOutput(stderr)
	base := flags.String("base", "", "commit to compare with; of a branch: the commit where head left it. Forty zeros: everything is new")
	head := flags.String("head", "HEAD", "last commit of the change")
	running := flags.String("running", "",
		"file with the output of llac deploy running --json: compare with the deployed builds instead of --base")
	order := flags.String("order", "",
		"file with the output of llac deploy check --json: services whose events differ, in the order to deploy them")
	lines := flags.Bool("lines", false, "one service per line instead of a JSON list")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if (*base == "") == (*running == "") || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "changed: give either --base <commit> or --running <file>")
		return 2
	}
	t := tree{dir: dir, head: *head, log: stderr}
	found, err := t.find(*base, *running, *order)
	if err != nil {
		fmt.Fprintln(stderr, "changed:", err)
		return 1
	}
	if *lines {
		for _, s := range found {
			fmt.Fprintln(stdout, s)
		}
		return 0
	}
	if err := json.NewEncoder(stdout).Encode(found); err != nil {
		fmt.Fprintln(stderr, "changed:", err)
		return 1
	}
	return 0
}

// tree is the source tree to inspect, up to a commit.
type tree struct {
	dir, head string
	log       io.Writer
}

// find lists the changed services, in the order to deploy them if one is given.
func (t tree) find(base, running, order string) ([]string, error) {
	services, err := t.services()
	if err != nil {
		return nil, err
	}
	since := map[string]string{}
	var first []string
	if running != "" {
		since, err = builds(running)
		if err == nil {
			err = t.notOlder(since)
		}
	} else {
		base, err = t.left(base)
		for _, s := range services {
			since[s] = base
		}
	}
	if err == nil && order != "" {
		first, err = ordered(order)
	}
	if err != nil {
		return nil, err
	}
	for _, s := range first {
		if !slices.Contains(services, s) {
			return nil, fmt.Errorf("%s names %q, which is not a service in go.work; llac and the tree have different commits", order, s)
		}
		fmt.Fprintf(t.log, "%s: its events differ from those of the deployed build\n", s)
	}
	out := append([]string{}, first...) // a list even if it is empty
	for _, s := range services {
		if slices.Contains(first, s) {
			continue
		}
		why, err := t.why(s, since[s])
		if err != nil {
			return nil, err
		}
		if why != "" {
			fmt.Fprintf(t.log, "%s: %s\n", s, why)
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		fmt.Fprintln(t.log, "no service has changed")
	}
	return out, nil
}

// services lists those of go.work, in its order.
func (t tree) services() ([]string, error) {
	output, err := t.output("go", "work", "edit", "-json", "go.work")
	if err != nil {
		return nil, fmt.Errorf("read go.work: %w", err)
	}
	var work struct{ Use []struct{ DiskPath string } }
	if err := json.Unmarshal(output, &work); err != nil {
		return nil, fmt.Errorf("read go.work: %w", err)
	}
	var out []string
	for _, use := range work.Use {
		if folder, name := path.Split(path.Clean(use.DiskPath)); folder == "services/" {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("go.work uses no module under services/")
	}
	return out, nil
}

// unshallow is what to do about a shallow clone.
const unshallow = "git fetch --unshallow, or fetch-depth: 0 at actions/checkout"

var zeros = regexp.MustCompile(`^0{40}$`)

// left returns the commit where head left the line of base, or "" if everything counts as new: GitHub sends forty zeros when a branch is
// pushed for the first time, and a commit that is gone after a forced push.
func (t tree) left(base string) (string, error) {
	if zeros.MatchString(base) {
		return "", nil
	}
	if !t.has(base) {
		shallow, err := t.output("git", "rev-parse", "--is-shallow-repository")
		if err != nil {
			return "", err
		}
		if strings.TrimSpace(string(shallow)) == "true" {
			return "", fmt.Errorf("commit %s is not in this shallow clone: %s", base, unshallow)
		}
		fmt.Fprintf(t.log, "commit %s is gone: everything counts as changed\n", base)
		return "", nil
	}
	at, err := t.output("git", "merge-base", base, t.head)
	if err != nil {
		return "", fmt.Errorf("%s and %s have no commit in common in this clone; if it is shallow: %s: %w", base, t.head, unshallow, err)
	}
	return strings.TrimSpace(string(at)), nil
}

func (t tree) has(commit string) bool {
	_, err := t.output("git", "rev-parse", "--verify", "--quiet", "--end-of-options", commit+"^{commit}")
	return err == nil
}

// notOlder refuses a tree that is older than a deployed build: a deploy that waited while main moved on must not go back.
func (t tree) notOlder(builds map[string]string) error {
	for service, build := range builds {
		if !t.has(build) {
			continue
		}
		at, err := t.output("git", "merge-base", t.head, build)
		if err != nil {
			continue // no common history: it counts as changed
		}
		ends, err := t.output("git", "rev-parse", t.head+"^{commit}", build+"^{commit}")
		if err != nil {
			return err
		}
		if tips := strings.Fields(string(ends)); string(bytes.TrimSpace(at)) == tips[0] && tips[0] != tips[1] {
			return fmt.Errorf("refuse to deploy this tree: the deployed build %s of %s is of a later commit; "+
				"to go back on purpose, make deploy SERVICE=%s", build, service, service)
		}
	}
	return nil
}

// why returns why a service counts as changed since a commit, or "" if it does not.
func (t tree) why(service, since string) (string, error) {
	if since == "" {
		return "there is nothing to compare it with", nil
	}
	if !t.has(since) {
		return fmt.Sprintf("build %s is not a commit of this clone", since), nil
	}
	sources, err := t.output("make", "--no-print-directory", "sources", "SERVICE="+service)
	if err != nil {
		return "", fmt.Errorf("list the sources of %s: %w", service, err)
	}
	diff := append([]string{"diff", "--name-only", "--no-renames", "-z", since, t.head, "--"}, strings.Fields(string(sources))...)
	changed, err := t.output("git", diff...)
	if err != nil {
		return "", err
	}
	files := strings.FieldsFunc(string(changed), func(r rune) bool { return r == 0 })
	switch len(files) {
	case 0:
		return "", nil
	case 1:
		return files[0], nil
	}
	return fmt.Sprintf("%s and %d more", files[0], len(files)-1), nil
}

// output runs a program in the tree.
func (t tree) output(program string, args ...string) ([]byte, error) {
	c := exec.Command(program, args...)
	c.Dir = t.dir
	// The settings of a make that started this program must not reach the one it runs.
	c.Env = slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "MAKEFLAGS=") || strings.HasPrefix(s, "MFLAGS=") || strings.HasPrefix(s, "MAKELEVEL=") ||
			strings.HasPrefix(s, "MAKEOVERRIDES=")
	})
	var output bytes.Buffer
	c.Stderr = &output
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", program, args[0], err, strings.TrimSpace(output.String()))
	}
	return out, nil
}

// builds reads the deployed build of each service.
func builds(file string) (map[string]string, error) {
	var services []struct{ Service, Build string }
	if err := data(file, "services", &services); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, s := range services {
		out[s.Service] = s.Build
	}
	return out, nil
}

// ordered reads the services whose events differ from those deployed, in the order to deploy them.
func ordered(file string) ([]string, error) {
	var out []string
	err := data(file, "order", &out)
	return out, err
}

// data reads one field of the data in an output of llac.
func data(file, field string, into any) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var answer struct{ Data map[string]json.RawMessage }
	if err := json.Unmarshal(b, &answer); err != nil {
		return fmt.Errorf("read %s: not the output of llac --json: %w", file, err)
	}
	if answer.Data[field] == nil {
		return fmt.Errorf("read %s: no data.%s; it is the output of another command, or of a failure", file, field)
	}
	if err := json.Unmarshal(answer.Data[field], into); err != nil {
		return fmt.Errorf("%s: data.%s: %w", file, field, err)
	}
	return nil
}
