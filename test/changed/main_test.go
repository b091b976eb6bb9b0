package main

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// repository is a Git repository with this project's Makefile and go.work, and little else.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) repository {
	t.Helper()
	t.Parallel()
	r := repository{t, t.TempDir()}
	r.git("init", "--quiet", "--initial-branch=main")
	for _, name := range []string{"Makefile", "go.work", "go.work.sum"} {
		b, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		r.write(name, string(b))
	}
	for _, s := range all {
		r.write("services/"+s+"/go.mod", "module "+s+"\n")
		r.write("terraform/policies/"+s+".json", "{}\n")
	}
	for _, f := range []string{
		"events/flow.go", "platform/lake/keys.go", "platform/local/aws/sqs.go", "terraform/modules/service/main.tf",
		"terraform/modules/network/main.tf", "terraform/stacks/storage/main.tf",
		"terraform/environments/dev/env.tfvars", "terraform/environments/dev/stacks-storage.tfvars", "docs/architecture.md",
		"cmd/llac/main.go", "datasets/one.odcs.yaml", "terraform/services.json", "terraform/service/main.tf",
		"terraform/policies/common.json",
	} {
		r.write(f, "one\n")
	}
	r.commit()
	return r
}

// all are the services, in the order of go.work.
var all = func() []string {
	names, err := tree{dir: "../.."}.services()
	if err != nil {
		panic(err) // the project's own go.work
	}
	return names
}()

func (r repository) git(args ...string) string {
	r.t.Helper()
	c := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"},
		args...)...)
	c.Dir = r.dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := c.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r repository) write(name, body string) {
	r.t.Helper()
	at := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(body), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// commit commits everything and returns the commit.
func (r repository) commit() string {
	r.t.Helper()
	r.git("add", "--all")
	r.git("commit", "--quiet", "--allow-empty", "--message", "a change")
	return r.git("rev-parse", "HEAD")
}

// changed runs the program, which must succeed, and returns what it found and why.
func (r repository) changed(args ...string) (found, why string) {
	r.t.Helper()
	var out, log bytes.Buffer
	if status := run(args, r.dir, &out, &log); status != 0 {
		r.t.Fatalf("exit status %d\n%s", status, log.String())
	}
	return strings.TrimSpace(out.String()), log.String()
}

// inOrder sorts services as go.work does.
func inOrder(services []string) []string {
	return slices.SortedFunc(slices.Values(services), func(a, b string) int { return slices.Index(all, a) - slices.Index(all, b) })
}

// list returns the expected output for some services.
func list(services ...string) string {
	if len(services) == 0 {
		return "[]"
	}
	return `["` + strings.Join(inOrder(services), `","`) + `"]`
}

// TestOneFile checks which files change which services.
func TestOneFile(t *testing.T) {
	r := newRepository(t)
	for file, want := range map[string]string{
		"services/stager/stager.go":                        list("stager"),
		"services/quality-gate/x_test.go":                  list("quality-gate"),
		"terraform/service/main.tf":                        list(all...),
		"terraform/policies/common.json":                   list(all...),
		"terraform/policies/validator.json":                list("validator"),
		"events/flow.go":                                   list(all...),
		"platform/lake/keys.go":                            list(all...),
		"go.work":                                          list(all...),
		"go.work.sum":                                      list(all...),
		"Makefile":                                         list(all...),
		"terraform/services.json":                          list(all...),
		"terraform/modules/service/main.tf":                list(all...),
		"terraform/environments/dev/env.tfvars":            list(all...),
		"terraform/environments/dev/stacks-storage.tfvars": list(),
		"platform/local/aws/sqs.go":                        list(),
		"terraform/modules/network/main.tf":                list(),
		"terraform/stacks/storage/main.tf":                 list(),
		"docs/architecture.md":                             list(),
		"README.md":                                        list(),
		"cmd/llac/main.go":                                 list(),
		"datasets/one.odcs.yaml":                           list(),
	} {
		before := r.git("rev-parse", "HEAD")
		b, _ := os.ReadFile(filepath.Join(r.dir, file))
		r.write(file, string(b)+"\n")
		r.commit()
		if got, why := r.changed("--base", before); got != want {
			t.Errorf("%s: %s, want %s\n%s", file, got, want, why)
		}
	}
}

func TestNothingChanged(t *testing.T) {
	r := newRepository(t)
	got, why := r.changed("--base", "HEAD")
	if got != "[]" || !strings.Contains(why, "no service has changed") {
		t.Errorf("%s\n%s", got, why)
	}
	if lines, _ := r.changed("--base", "HEAD", "--lines"); lines != "" {
		t.Errorf("lines: %q", lines)
	}
}

func TestADeletedAndAMovedFile(t *testing.T) {
	r := newRepository(t)
	r.write("services/stager/old.go", "package stager // long enough to be found again when it is moved\n")
	r.write("services/fetcher/gone.go", "package fetcher\n")
	before := r.commit()
	r.git("rm", "--quiet", "services/fetcher/gone.go")
	r.git("mv", "services/stager/old.go", "services/validator/new.go")
	r.commit()
	if got, why := r.changed("--base", before); got != list("fetcher", "validator", "stager") {
		t.Errorf("%s\n%s", got, why)
	}
}

// TestNewAndRemovedService checks that a service in go.work is found without another list, and that a removed one is not.
func TestNewAndRemovedService(t *testing.T) {
	r := newRepository(t)
	before := r.git("rev-parse", "HEAD")
	r.write("services/baker/go.mod", "module baker\n")
	b, _ := os.ReadFile(filepath.Join(r.dir, "go.work"))
	r.write("go.work", strings.Replace(string(b), "./services/scheduler", "./services/baker", 1))
	r.git("rm", "-r", "--quiet", "services/scheduler")
	middle := r.commit()
	if got, why := r.changed("--base", before); got != strings.ReplaceAll(list(all...), `"scheduler"`, `"baker"`) {
		t.Errorf("%s\n%s", got, why)
	}
	r.write("services/baker/baker.go", "package baker\n")
	r.commit()
	if got, why := r.changed("--base", middle); got != list("baker") {
		t.Errorf("%s\n%s", got, why)
	}
}

// TestSinceBranchPoint checks that only the changes of the branch count, not those of main since.
func TestSinceBranchPoint(t *testing.T) {
	r := newRepository(t)
	r.git("switch", "--quiet", "--create", "branch")
	r.write("services/stager/a.go", "package stager\n")
	r.commit()
	r.git("switch", "--quiet", "main")
	r.write("services/fetcher/a.go", "package fetcher\n")
	r.commit()
	if got, why := r.changed("--base", "main", "--head", "branch"); got != list("stager") {
		t.Errorf("%s\n%s", got, why)
	}
}

func TestNothingToCompareWith(t *testing.T) {
	r := newRepository(t)
	if got, _ := r.changed("--base", strings.Repeat("0", 40)); got != list(all...) {
		t.Errorf("a first push: %s", got)
	}
	if got, why := r.changed("--base", strings.Repeat("1", 40)); got != list(all...) || !strings.Contains(why, "is gone") {
		t.Errorf("a push by force: %s\n%s", got, why)
	}
}

func TestAShallowClone(t *testing.T) {
	r := newRepository(t)
	before := r.git("rev-parse", "HEAD")
	r.write("services/stager/a.go", "package stager\n")
	r.commit()
	shallow := repository{t, t.TempDir()}
	shallow.git("clone", "--quiet", "--depth=1", "file://"+r.dir, ".")
	var out, log bytes.Buffer
	if status := run([]string{"--base", before}, shallow.dir, &out, &log); status != 1 || !strings.Contains(log.String(),
		"fetch-depth: 0") || out.Len() > 0 {
		t.Errorf("exit status %d, %q\n%s", status, out.String(), log.String())
	}
}

// TestSinceDeployedBuild checks that the deployed build counts, so that the next deploy makes up for a failed one.
func TestSinceDeployedBuild(t *testing.T) {
	r := newRepository(t)
	old := r.git("rev-parse", "--short=12", "HEAD")
	r.write("services/stager/a.go", "package stager\n")
	r.write("services/fetcher/a.go", "package fetcher\n")
	now := r.commit()
	r.write("docs/architecture.md", "two\n")
	r.commit()
	running, order := filepath.Join(t.TempDir(), "running.json"), filepath.Join(t.TempDir(), "order.json")
	write := func(file, body string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// scheduler: untouched. fetcher: deployed. stager: not yet. validator: from a tree with changes. gate: never. janitor: of a lost
	// commit.
	write(running, `{"command":"deploy running","data":{"env":"dev","services":[
		{"service":"scheduler","build":"`+old+`"},{"service":"fetcher","build":"`+now[:12]+`"},
		{"service":"stager","build":"`+old+`"},{"service":"validator","build":"`+old+`-changed"},{"service":"landing-janitor","build":"0123456789ab"}]}}`)
	want := list("validator", "stager", "quality-gate", "landing-janitor")
	if got, why := r.changed("--running", running); got != want {
		t.Errorf("%s, want %s\n%s", got, want, why)
	}
	// What llac deploy check orders comes first, changed or not.
	write(order, `{"data":{"order":["quality-gate","fetcher","stager"],"stuck":[]}}`)
	if got, why := r.changed("--running", running, "--order", order,
		"--lines"); got != strings.Join(append([]string{"quality-gate", "fetcher", "stager"}, inOrder([]string{"validator",
		"landing-janitor"})...), "\n") {
		t.Errorf("%s\n%s", got, why)
	}
	for name, c := range map[string]struct{ running, order, want string }{
		"another service": {`{"data":{"services":[]}}`, `{"data":{"order":["baker"]}}`, `names "baker"`},
		"another output":  {`{"data":{}}`, `{"data":{"order":[]}}`, "no data.services"},
		"a later build": {`{"data":{"services":[{"service":"stager","build":"` + r.git("commit-tree", "-p", "HEAD", "-m", "later",
			"HEAD^{tree}") + `"}]}}`, `{"data":{"order":[]}}`, "is of a later commit"},
		"not JSON": {`llac: no AWS credentials`, `{"data":{"order":[]}}`, "not the output of llac --json"},
	} {
		write(running, c.running)
		write(order, c.order)
		var out, log bytes.Buffer
		if status := run([]string{"--running", running, "--order", order}, r.dir, &out, &log); status != 1 ||
			!strings.Contains(log.String(), c.want) {
			t.Errorf("%s: exit status %d, %s", name, status, log.String())
		}
	}
}

func TestWrongCommandLine(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"--base", "a", "--running", "b"}, {"--since", "x"}} {
		var out, log bytes.Buffer
		if status := run(args, ".", &out, &log); status != 2 || log.Len() == 0 {
			t.Errorf("%v: exit status %d, %s", args, status, log.String())
		}
	}
}

var (
	moduleSource = regexp.MustCompile(`(?m)^\s*source\s*=\s*"(\.[^"]*)"`)
	moduleFile   = regexp.MustCompile(`"\$\{path\.module\}/([^"]*)"`)
)

// TestSourcesNameEverythingThatTheRootReads checks that make sources lists the modules and files that terraform/service reads.
func TestSourcesNameEverythingThatTheRootReads(t *testing.T) {
	t.Parallel()
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range all {
		make := exec.Command("make", "--no-print-directory", "sources", "SERVICE="+service)
		make.Dir = top
		output, err := make.Output()
		if err != nil {
			t.Fatal(err)
		}
		named := strings.Fields(string(output))
		folders, read := []string{"terraform/service"}, 0
		for i := 0; i < len(folders); i++ {
			files, err := filepath.Glob(filepath.Join(top, folders[i], "*.tf"))
			if err != nil || len(files) == 0 {
				t.Fatalf("%s has no Terraform files, error %v", folders[i], err)
			}
			if !slices.Contains(named, folders[i]) {
				t.Errorf("%s is part of %s, and make sources does not list it", folders[i], service)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range moduleSource.FindAllSubmatch(text, -1) {
					if folder := path.Join(folders[i], string(m[1])); !slices.Contains(folders, folder) {
						folders = append(folders, folder)
					}
				}
				for _, m := range moduleFile.FindAllSubmatch(text, -1) {
					read++
					if name := path.Join(folders[i], strings.ReplaceAll(string(m[1]), "${var.service}",
						service)); !slices.Contains(named, name) {
						t.Errorf("%s is part of %s, and make sources does not list it", name, service)
					}
				}
			}
		}
		if len(folders) < 4 || read < 2 {
			t.Errorf("%s: inspected only %v, and %d files of theirs", service, folders, read)
		}
	}
}
