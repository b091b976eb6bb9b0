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

// Folder is where a dbt project keeps the sources. Every file of it is generated.
func Folder(project string) string { return filepath.Join(project, "models", "sources") }

const suffix = ".yml"

// Write writes the sources of the contracts into the folder of a dbt project and answers the names of the files that
// have changed. A file of a contract that is no more is removed; one that Write did not make stays.
func Write(project string, contracts []*contract.Contract) ([]string, error) {
	folder := Folder(project)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the sources: %w", err)
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

// Stale names the files of a dbt project's sources that are not what Write would leave there.
func Stale(project string, contracts []*contract.Contract) ([]string, error) {
	changes, err := compare(Folder(project), contracts)
	var names []string
	for _, c := range changes {
		names = append(names, c.name)
	}
	return names, err
}

// change is a file that is not as it should be.
type change struct {
	name string
	want []byte // nil: it belongs to no contract
	ours bool   // it says that it was generated
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
