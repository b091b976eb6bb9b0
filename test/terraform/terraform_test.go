package terraform

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const repository = "../.."

func read(t *testing.T, name string) []byte {
	b, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// roots lists the folders under terraform/ that are applied by themselves.
func roots(t *testing.T) []string {
	out := []string{"bootstrap", "service"}
	stacks, err := os.ReadDir(filepath.Join(repository, "terraform/stacks"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stacks {
		if s.IsDir() && !strings.HasPrefix(s.Name(), ".") {
			out = append(out, "stacks/"+s.Name())
		}
	}
	return out
}

// withoutCaches leaves out what terraform has put into the work tree: providers, and the state of a first apply.
type withoutCaches struct{ fs.FS }

func (f withoutCaches) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == ".terraform" || strings.HasPrefix(e.Name(), "terraform.tfstate") || e.Name() == "backend_override.tf" ||
			strings.HasPrefix(name, "modules/") && e.Name() == ".terraform.lock.hcl"
	}), err
}
