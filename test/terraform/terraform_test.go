package terraform

import (
	"os"
	"path/filepath"
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

// roots are the folders under terraform/ that are applied by themselves, but for the services'.
func roots(t *testing.T) []string {
	out := []string{"bootstrap"}
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
