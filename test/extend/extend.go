// Package extend carries out the checklists of docs/extending.md on a copy of the tree: its tests add a service, a portal
// kind or a metric as a developer would, and then build and test the copy.
package extend

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// root is the top of the repository, from this package's folder.
const root = "../.."

// limit bounds one command in a copy. A machine whose build cache is cold compiles all dependencies within it.
const limit = 15 * time.Minute

// Copy copies the tree, with changes that are not committed yet and without what git ignores, and returns the folder.
func Copy(t testing.TB) string {
	t.Helper()
	listed := git(t, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	to := t.TempDir()
	for _, name := range strings.Split(strings.TrimRight(listed, "\x00"), "\x00") {
		copyFile(t, filepath.Join(root, name), filepath.Join(to, name))
	}
	return to
}

func git(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// copyFile copies a regular file or a link. A file that git lists and that was deleted is left out.
func copyFile(t testing.TB, from, to string) {
	t.Helper()
	info, err := os.Lstat(from)
	if os.IsNotExist(err) {
		return
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode()&os.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err == nil {
			err = os.Symlink(target, to)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, info.Mode().Perm())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Write writes a file of the copy, with its folders.
func Write(t testing.TB, dir, name, content string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Edit replaces the only occurrence of old in a file of the copy.
func Edit(t testing.TB, dir, name, old, new string) {
	t.Helper()
	file := filepath.Join(dir, name)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(content), old); n != 1 {
		t.Fatalf("edit %s: %q occurs %d times, want once", name, old, n)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(content), old, new, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Run runs a command in the copy and returns its output. The test fails when the command does.
func Run(t testing.TB, dir string, cmd ...string) string {
	t.Helper()
	out, err := Try(t, dir, cmd...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd, " "), err, out)
	}
	return out
}

// Try runs a command in the copy and returns its output and its error, for commands that must fail.
func Try(t testing.TB, dir string, cmd ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, cmd[0], cmd[1:]...)
	c.Dir = dir
	// With -trimpath the build cache does not depend on the folder, so that only what differs from the last copy is compiled.
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath", "GOWORK=")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.String(), err
}
