package docs

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/llac-project/llac/cmd/llac/cli"
	"github.com/llac-project/llac/platform/clock"
)

const repository = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// pages returns the Markdown files of the repository.
func pages(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(repository, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		skip := strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"testdata", "bin", "site", "node_modules"}, d.Name())
		if d.IsDir() && name != repository && skip {
			return filepath.SkipDir
		}
		if rel, err := filepath.Rel(repository, name); err == nil && strings.HasSuffix(name, ".md") {
			out = append(out, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// llacHelp returns the help of a command of llac, or an error when there is no such command.
var llacHelp = func() func(words []string) (string, error) {
	var mu sync.Mutex
	known := map[string]string{}
	return func(words []string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		name := strings.Join(words, " ")
		if help, ok := known[name]; ok {
			if help == "" {
				return "", errors.New("unknown command")
			}
			return help, nil
		}
		var out, log bytes.Buffer
		app := cli.App{Stdout: &out, Stderr: &log, Clock: clock.System{}, Getenv: func(string) string { return "" }}
		if words[0] == "help" {
			words = []string{"help"}
		}
		status := app.Execute(context.Background(), append(slices.Clone(words), "--help"))
		if usage := "llac " + name; status == 0 && regexp.MustCompile(regexp.QuoteMeta(usage)+`(\s|$)`).MatchString(out.String()) {
			known[name] = out.String()
			return out.String(), nil
		}
		known[name] = ""
		return "", errors.New("unknown command")
	}
}()

func tree(t *testing.T) Tree {
	t.Helper()
	out := Tree{
		Exists: func(path string) bool {
			_, err := os.Stat(filepath.Join(repository, filepath.FromSlash(path)))
			return err == nil
		},
		Page: func(path string) string {
			b, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(path)))
			if err != nil {
				return ""
			}
			return string(b)
		},
		Targets: map[string]bool{},
		Llac:    func(words []string) error { _, err := llacHelp(words); return err },
		Flag:    func(words []string) string { help, _ := llacHelp(words); return help },
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`).FindAllStringSubmatch(read(t, "Makefile"), -1) {
		out.Targets[m[1]] = true
	}
	return out
}

// TestPages checks every page: links, commands, make targets.
func TestPages(t *testing.T) {
	t.Parallel()
	tree := tree(t)
	found := pages(t)
	if len(found) < 40 {
		t.Fatalf("only %d pages were found", len(found))
	}
	for _, page := range found {
		for _, p := range Check(page, read(t, page), tree) {
			t.Error(p)
		}
	}
}

// TestCheck shows what Check finds.
func TestCheck(t *testing.T) {
	t.Parallel()
	tree := tree(t)
	for _, c := range []struct{ name, text, want string }{
		{"a dead link", "[x](nowhere.md)", "dead link: docs/nowhere.md does not exist"},
		{"a dead heading", "[x](architecture.md#nothing)", "dead link: docs/architecture.md has no heading #nothing"},
		{"links that lead somewhere", "[x](architecture.md#invariants) [y](https://example.cat) [z](../README.md)", ""},
		{"a command that does not exist", "```sh\nbin/llac frobnicate --dir x\n```", "llac has no command frobnicate"},
		{"a flag that does not exist", "`llac status --frobnicate`", "llac status has no flag --frobnicate"},
		{"a make target that does not exist", "Run `make frobnicate`.", "make has no target frobnicate"},
		{"commands that exist", "```sh\nmake run\nbin/llac dlq list --json  # all\n```\n`llac marts build --env dev`", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, p := range Check("docs/x.md", c.text, tree) {
				got = append(got, p.Text)
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// TestDecisionsAreListed holds the index of decisions to the files: each is listed once, by its title.
func TestDecisionsAreListed(t *testing.T) {
	t.Parallel()
	index := read(t, "docs/adr/README.md")
	names, err := filepath.Glob(filepath.Join(repository, "docs/adr/2*.md"))
	if err != nil || len(names) < 30 {
		t.Fatalf("%d decisions: %v", len(names), err)
	}
	for _, name := range names {
		title, _, _ := strings.Cut(strings.TrimPrefix(read(t, "docs/adr/"+filepath.Base(name)), "# "), "\n")
		if entry := "[" + title + "](" + filepath.Base(name) + ")"; strings.Count(index, entry) != 1 {
			t.Errorf("docs/adr/README.md lacks the entry %s", entry)
		}
	}
}

// TestDocsMap checks that the map of the documentation names every page and every folder of pages.
func TestDocsMap(t *testing.T) {
	t.Parallel()
	text := read(t, "docs/README.md")
	entries, err := os.ReadDir(filepath.Join(repository, "docs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			name += "/README.md"
		}
		if name != "README.md" && strings.HasSuffix(name, ".md") && !strings.Contains(text, "("+name+")") {
			t.Errorf("docs/README.md does not link %s", name)
		}
	}
}

// maxWords is how long README may be.
const maxWords = 1300

func TestReadmeIsShort(t *testing.T) {
	t.Parallel()
	if n := len(strings.Fields(read(t, "README.md"))); n > maxWords {
		t.Errorf("README.md has %d words, at most %d are allowed; move details to docs/", n, maxWords)
	}
}
