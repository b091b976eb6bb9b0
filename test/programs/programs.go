// Package programs builds the services and llac once for all tests that run them. The programs are kept in the cache folder,
// so that the next run of the tests links only those that changed.
package programs

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/local/cache"
)

const module = "github.com/llac-project/llac/"

// BuildFailed starts the error of programs that do not compile. test/guards finds it in the output of a test.
const BuildFailed = "build the programs"

// build builds everything in one call of go build, which leaves a program as it is when nothing it is made of has changed.
var build = sync.OnceValues(func() (string, error) {
	return cache.Update(context.Background(), "test-programs", func(dir string) error {
		packages := []string{module + "cmd/llac"}
		for _, name := range services.Names() {
			packages = append(packages, module+"services/"+name+"/cmd/"+name)
		}
		return compile(dir, packages)
	})
})

// compile writes the programs of packages into a folder.
func compile(dir string, packages []string) error {
	args := append([]string{"build", "-buildvcs=false", "-o", dir + string(filepath.Separator)}, packages...)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", BuildFailed, err, out)
	}
	return nil
}

// Dir returns the folder that holds llac and every service, each under its name.
func Dir() (string, error) { return build() }

// Llac returns the path of llac.
func Llac() (string, error) {
	dir, err := build()
	return filepath.Join(dir, "llac"), err
}
