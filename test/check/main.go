// Command check vets the packages that changed and the packages that import them, and runs the unit tests of those that
// changed:
//
//	go run ./test/check                      # what is not committed, and the commits that origin/main does not have
//	go run ./test/check --base HEAD~3        # since a commit
//
// It runs go test -short: tests that need Python, moto or Terraform skip themselves. make test runs everything.
// Exit status: 0 passed or nothing changed, 1 something failed, 2 the command line is wrong.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	base := flags.String("base", "", "commit since which to check; default: where the branch left origin/main, else HEAD")
	if flags.Parse(os.Args[1:]) != nil || flags.NArg() > 0 {
		os.Exit(2)
	}
	started := time.Now()
	if err := check(*base, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(1)
	}
	fmt.Printf("check: done in %.0f s\n", time.Since(started).Seconds())
}

func check(base string, out io.Writer) error {
	files, err := changedFiles(base)
	if err != nil {
		return err
	}
	dirs := packageDirs(files, hasGo)
	if len(dirs) == 0 {
		fmt.Fprintln(out, "check: nothing that has tests changed")
		return nil
	}
	packages, err := goPackages()
	if err != nil {
		return err
	}
	changed, affected := affectedBy(dirs, packages)
	fmt.Fprintf(out, "check: vet %d packages, test %d: %s\n", len(affected), len(changed), strings.Join(dirs, " "))
	if err := run(out, append([]string{"vet"}, affected...)); err != nil {
		return fmt.Errorf("go vet: %w", err)
	}
	if err := run(out, append([]string{"test", "-short", "-timeout", "5m"}, changed...)); err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	return nil
}

// changedFiles returns the files that differ from the base commit, and those that git does not track yet.
func changedFiles(base string) ([]string, error) {
	if base == "" {
		base = "HEAD"
		if b, err := git("merge-base", "HEAD", "origin/main"); err == nil {
			base = b[0]
		}
	}
	tracked, err := git("diff", "--name-only", base)
	if err != nil {
		return nil, err
	}
	untracked, err := git("ls-files", "--others", "--exclude-standard")
	return slices.Concat(tracked, untracked), err
}

// git returns the lines that a git command prints.
func git(args ...string) ([]string, error) {
	var failure bytes.Buffer
	c := exec.Command("git", args...)
	c.Stderr = &failure
	b, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(failure.String()))
	}
	return strings.Fields(string(b)), nil
}

// hasGo reports whether a folder holds Go files.
func hasGo(dir string) bool {
	found, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*.go"))
	return err == nil && len(found) > 0
}

// packageDirs returns the folders of the packages whose tests read the files: the nearest folder with Go files, and the
// checks of docs and language for texts.
func packageDirs(files []string, hasGo func(string) bool) []string {
	dirs := map[string]bool{}
	for _, f := range files {
		dir := path.Dir(f)
		for dir != "." && !hasGo(dir) {
			dir = path.Dir(dir)
		}
		switch {
		case dir != ".":
			dirs[dir] = true
		case strings.HasSuffix(f, ".md"):
			dirs["test/docs"] = true
		}
		dirs["test/language"] = true
	}
	out := make([]string, 0, len(dirs))
	for d := range dirs {
		out = append(out, d)
	}
	slices.Sort(out)
	return out
}

// goPackage is a package of the workspace.
type goPackage struct {
	name, dir string
	imports   []string // of its code and its tests, directly
}

// goPackages lists the packages of every module of the workspace.
func goPackages() ([]goPackage, error) {
	modules, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}/...").Output()
	if err != nil {
		return nil, fmt.Errorf("list the modules: %w", err)
	}
	const format = `{{.ImportPath}} {{.Dir}} {{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}`
	listed, err := exec.Command("go", append([]string{"list", "-f", format}, strings.Fields(string(modules))...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages: %w", err)
	}
	top, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	var out []goPackage
	for line := range strings.Lines(string(listed)) {
		fields := strings.Fields(line)
		dir, err := filepath.Rel(top, fields[1])
		if err != nil {
			return nil, err
		}
		out = append(out, goPackage{fields[0], filepath.ToSlash(dir), fields[2:]})
	}
	return out, nil
}

// affectedBy returns the packages of the folders, and those together with every package that imports one of them,
// directly or not.
func affectedBy(dirs []string, packages []goPackage) (changed, affected []string) {
	for _, p := range packages {
		if slices.Contains(dirs, p.dir) {
			changed = append(changed, p.name)
		}
	}
	affected = slices.Clone(changed)
	for i := 0; i < len(affected); i++ {
		for _, p := range packages {
			if slices.Contains(p.imports, affected[i]) && !slices.Contains(affected, p.name) {
				affected = append(affected, p.name)
			}
		}
	}
	return changed, affected
}

func run(out io.Writer, args []string) error {
	c := exec.Command("go", args...)
	c.Stdout, c.Stderr = out, out
	return c.Run()
}
