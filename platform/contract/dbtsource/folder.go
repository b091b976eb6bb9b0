package dbtsource

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/llac-project/llac/platform/contract"
)

// Folder returns the folder of a dbt project's sources. Every file in it is generated.
func Folder(project string) string { return filepath.Join(project, "models", "sources") }

const suffix = ".yml"

// Write writes the sources of the contracts into the folder of a dbt project and returns the names of the changed files. It
// removes the generated files of deleted contracts, and no other files.
func Write(project string, contracts []*contract.Contract) ([]string, error) {
	folder := Folder(project)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("create the folder of the sources: %w", err)
	}
	changes, err := compare(folder, contracts)
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, c := range changes {
		file := filepath.Join(folder, c.name)
		switch {
		case c.want != nil:
			err = os.WriteFile(file, c.want, 0o644)
		case c.ours:
			err = os.Remove(file)
		default:
			continue
		}
		if err != nil {
			return changed, fmt.Errorf("write the source %s: %w", file, err)
		}
		changed = append(changed, c.name)
	}
	return changed, nil
}

// Stale returns the names of the files that Write would change, and of those that are not generated.
func Stale(project string, contracts []*contract.Contract) ([]string, error) {
	changes, err := compare(Folder(project), contracts)
	var names []string
	for _, c := range changes {
		names = append(names, c.name)
	}
	return names, err
}

// change is a file that differs from the contracts.
type change struct {
	name string
	want []byte // nil: it belongs to no contract
	ours bool   // it was generated
}

func compare(folder string, contracts []*contract.Contract) ([]change, error) {
	var out []change
	known := map[string]bool{}
	for _, c := range contracts {
		name, want := c.Dataset+suffix, Source(c)
		known[name] = true
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read the source %s: %w", name, err)
		}
		if !bytes.Equal(got, want) {
			out = append(out, change{name: name, want: want})
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the folder of the sources: %w", err)
	}
	for _, e := range entries {
		if known[e.Name()] || e.IsDir() {
			continue
		}
		got, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the source %s: %w", e.Name(), err)
		}
		out = append(out, change{name: e.Name(), ours: strings.HasPrefix(string(got), header)})
	}
	return out, nil
}
