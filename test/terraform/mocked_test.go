package terraform

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// resource is one that Terraform would make.
type resource struct {
	Address string `json:"address"`
	Mode    string `json:"mode"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Index   any    `json:"index"`
	Change  struct {
		After   map[string]any `json:"after"`
		Unknown map[string]any `json:"after_unknown"`
	} `json:"change"`
}

func (r resource) text(attribute string) string {
	s, _ := r.Change.After[attribute].(string)
	return s
}

// mocked plans a folder with the mocked provider of its own tests, whose variables are overruled by those given (as HCL), and
// answers what would be made. What AWS alone knows is missing.
func mocked(t *testing.T, folder, variables string) []resource {
	t.Helper()
	prepare(t) // skips each test where there is no terraform
	plansMutex.Lock()
	one := plans[folder+"\n"+variables]
	if one == nil {
		one = &planOnce{}
		plans[folder+"\n"+variables] = one
	}
	plansMutex.Unlock()
	one.once.Do(func() { one.made = planOf(t, folder, variables) })
	if len(one.made) == 0 {
		t.Fatalf("there is no plan of terraform/%s; another test says why", folder)
	}
	return one.made
}

// planOnce is a plan that is made once for all tests: each takes seconds. Nobody changes it.
type planOnce struct {
	once sync.Once
	made []resource
}

var (
	plansMutex sync.Mutex
	plans      = map[string]*planOnce{}
)

func planOf(t *testing.T, folder, variables string) []resource {
	t.Helper()
	w := prepare(t)
	tests, err := filepath.Glob(filepath.Join(repository, "terraform", folder, "tests", "*.tftest.hcl"))
	if err != nil || len(tests) != 1 {
		t.Fatalf("terraform/%s has no tests, or more than one file of them: %v, %v", folder, tests, err)
	}
	b, err := os.ReadFile(tests[0])
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(b), "\nrun \"")
	if !ok {
		t.Fatalf("%s runs nothing", tests[0])
	}
	// A folder of tests of our own beside the others, in a copy of our own.
	dir, err := os.MkdirTemp(w.dir, "mocked-")
	if err == nil {
		err = os.CopyFS(filepath.Join(dir, "terraform"), withoutCaches{os.DirFS(filepath.Join(repository, "terraform"))})
	}
	if err == nil {
		err = os.CopyFS(filepath.Join(dir, "datasets"), os.DirFS(filepath.Join(repository, "datasets")))
	}
	const name = "plan"
	at := filepath.Join(dir, "terraform", folder, name)
	if err == nil {
		err = os.MkdirAll(at, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	run := head + "\nrun \"everything\" {\n  command = plan\n  variables {\n" + variables + "\n  }\n}\n"
	if err := os.WriteFile(filepath.Join(at, "plan.tftest.hcl"), []byte(run), 0o644); err != nil {
		t.Fatal(err)
	}
	own := workspace{program: w.program, dir: dir, env: append(w.env[:len(w.env):len(w.env)], "TF_DATA_DIR="+filepath.Join(dir, "data"))}
	own.must(t, folder, "init", "-backend=false", "-input=false", "-no-color", "-test-directory="+name)
	out := own.must(t, folder, "test", "-json", "-verbose", "-test-directory="+name)
	for _, changes := range planned(t, out) { // one run
		return slices.DeleteFunc(changes, func(r resource) bool { return r.Mode != "managed" })
	}
	t.Fatalf("terraform test of %s told of no plan", folder)
	return nil
}

// command is a command line of ours in a text for people.
var command = regexp.MustCompile("`(llac [^`]+)`")
