package python

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/platform/local/cache"
)

// NoPythonError is the error for a machine without a suitable Python. Tests may skip on it.
type NoPythonError struct {
	TooOld []string // interpreters found, with their versions
}

func (e *NoPythonError) Error() string {
	if len(e.TooOld) > 0 {
		return fmt.Sprintf("no Python of at least 3.10 found, only %s; install a newer one and have it in PATH",
			strings.Join(e.TooOld, ", "))
	}
	return "no Python of at least 3.10 found; install one, with its venv module, and have it in PATH"
}

// installTime bounds an installation. The largest takes about a minute.
const installTime = 10 * time.Minute

// Environment is an installed virtual environment.
type Environment struct{ dir string }

// Python returns the path of the interpreter.
func (e Environment) Python() string { return e.Program("python") }

// Program returns the path of a program of one of its packages.
func (e Environment) Program(name string) string { return filepath.Join(e.dir, "bin", name) }

// Command returns a command of the interpreter, isolated from the user's packages and settings.
func (e Environment) Command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, e.Python(), args...)
	c.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PYTHON") }),
		"PYTHONNOUSERSITE=1", "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")
	return c
}

// Ensure returns the environment of a name with exactly the requirements, in pip's format ("duckdb==2.0.0"). It installs the
// environment if it is missing or has other requirements. Several processes may call it at once. It writes one line per step of
// an installation to progress.
func Ensure(ctx context.Context, name string, requirements []string, progress io.Writer) (Environment, error) {
	dir, err := cache.Keep(ctx, name, strings.Join(requirements, "\n"), func(dir string) error {
		base, err := find(ctx, exec.LookPath)
		if err != nil {
			return err
		}
		return install(ctx, base, dir, requirements, progress)
	})
	if err != nil {
		return Environment{}, fmt.Errorf("environment %s: %w", name, err)
	}
	return Environment{dir}, nil
}

func install(ctx context.Context, base, dir string, requirements []string, progress io.Writer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, installTime, fmt.Errorf("not done after %s", installTime))
	defer cancel()
	fmt.Fprintf(progress, "making a virtual environment in %s, once\n", dir)
	if out, err := exec.CommandContext(ctx, base, "-m", "venv", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%s -m venv: %w: %s; install Python's venv module (Debian and Ubuntu: python3-venv)",
			base, failure(ctx, err), lastLine(out))
	}
	if len(requirements) == 0 {
		return nil
	}
	fmt.Fprintf(progress, "installing %s\n", strings.Join(requirements, ", "))
	started := time.Now()
	args := append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"}, requirements...)
	if out, err := (Environment{dir}).Command(ctx, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("pip install %s: %w: %s; use a package index that has them for this Python (see pip config)",
			strings.Join(requirements, " "), failure(ctx, err), lastLine(out))
	}
	fmt.Fprintf(progress, "installed in %.0f s\n", time.Since(started).Seconds())
	return nil
}

// failure returns why a command failed. The end of the context takes precedence over the exit status.
func failure(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

var names = []string{"python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"}

// version is a program that prints, for example, "3 11".
const version = "import sys; print(sys.version_info[0], sys.version_info[1])"

// find returns a Python of version 3.10 or later. look finds a program by its name.
func find(ctx context.Context, look func(string) (string, error)) (string, error) {
	missing := &NoPythonError{}
	for _, name := range names {
		path, err := look(name)
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, path, "-c", version).Output()
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		var major, minor int
		if _, scan := fmt.Sscan(string(out), &major, &minor); errors.Join(err, scan) != nil {
			continue // the name does not run, for example a version manager's shim
		}
		if major > 3 || major == 3 && minor >= 10 {
			return path, nil
		}
		missing.TooOld = append(missing.TooOld, fmt.Sprintf("%s %d.%d", path, major, minor))
	}
	return "", missing
}
