//go:build slow

package extend

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A new portal kind is one package and one line. Its simulator is one file and one line, and a test names a kind that
// lacks one. Everything else (contracts, clients, readers, allow-list, --portal, the simulator's flags) derives from them.
func TestAddPortalKind(t *testing.T) {
	t.Parallel()
	dir := Copy(t)
	Write(t, dir, "platform/source/scratch/kind.go", portalFile(t, "kind.go.txt"))
	Write(t, dir, "platform/source/scratch/kind_test.go", portalFile(t, "kind_test.go.txt"))
	Write(t, dir, "scratch/things.odcs.yaml", portalFile(t, "things.odcs.yaml"))

	// What is forgotten is named.
	mustFail(t, dir, []string{"scratch", "portals.All"}, "go", "test", "./platform/source/portals")
	const list = "platform/source/portals/portals.go"
	Edit(t, dir, list, "\tckan.Kind,\n", "\tckan.Kind,\n\tscratch.Kind,\n")
	Edit(t, dir, list, "source/idescat\"\n", "source/idescat\"\n\t\"github.com/llac-project/llac/platform/source/scratch\"\n")
	mustFail(t, dir, []string{`"scratch" has no simulator`}, "go", "test", "-run", "TestEveryKindHasASimulator", "./platform/local/portal")
	mustFail(t, dir, []string{`"scratch" has no simulator`}, "go", "run", "./cmd/llac", "run", "--datasets", "scratch",
		"--dir", "lake", "--no-marts")
	Edit(t, dir, "platform/source/scratch/kind.go", "\tReader:   func() source.Reader { return newReader() },\n", "")
	incomplete := []string{`"scratch" is incomplete`, "Reader"}
	mustFail(t, dir, incomplete, "go", "test", "./platform/source/portals")
	mustFail(t, dir, append(incomplete, "things.odcs.yaml:16:39"), "go", "run", "./cmd/llac", "datasets", "check", "--datasets", "scratch")
	Write(t, dir, "platform/source/scratch/kind.go", portalFile(t, "kind.go.txt"))

	Write(t, dir, "platform/local/portal/scratch.go", portalFile(t, "simulator.go.txt"))
	Edit(t, dir, "platform/local/portal/protocol.go", "\tckanProtocol,\n", "\tckanProtocol,\n\tscratchProtocol,\n")
	Run(t, dir, "go", "vet", "./platform/source/...", "./platform/local/portal", "./platform/contract", "./cmd/llac")
	Run(t, dir, "go", "test", "./platform/source/scratch", "./platform/source/portals")
	Run(t, dir, "go", "test", "-run", "TestEveryKindHasASimulator", "./platform/local/portal")
	Run(t, dir, "go", "run", "./cmd/llac", "datasets", "check", "--datasets", "scratch")
	if out := Run(t, dir, "go", "run", "./cmd/llac", "run", "--datasets", "scratch", "--dir", "lake",
		"--no-marts"); !strings.Contains(out, "things   published") {
		t.Errorf("llac run did not publish the dataset:\n%s", out)
	}
	if help := Run(t, dir, "go", "run", "./cmd/llac", "simulator", "--help"); !strings.Contains(help, "--scratch") {
		t.Errorf("llac simulator has no flag for the kind:\n%s", help)
	}
}

// mustFail checks that a command fails and names what is wrong.
func mustFail(t *testing.T, dir string, names []string, cmd ...string) {
	t.Helper()
	out, err := Try(t, dir, cmd...)
	if err == nil {
		t.Errorf("%s succeeded:\n%s", strings.Join(cmd, " "), out)
	}
	for _, name := range names {
		if !strings.Contains(out, name) {
			t.Errorf("%s does not name %q:\n%s", strings.Join(cmd, " "), name, out)
		}
	}
}

// portalFile reads a file of the scratch portal kind.
func portalFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "portal", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
