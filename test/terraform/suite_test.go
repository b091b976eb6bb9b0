package terraform

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// resource is one that Terraform would create.
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

// plan is a folder to plan with the mocked provider of its own tests, and variables as HCL that override those of the tests.
type plan struct{ folder, variables string }

// plans lists the plans that tests inspect. One terraform process makes all of them and runs the tests of all folders.
func plans(t *testing.T) []plan {
	return []plan{
		{"modules/service", ""},
		{"stacks/messaging", ""},
		{"stacks/monitoring", bothDashboards},
		{"stacks/monitoring", variablesOf(t, "dev", "stacks/monitoring")},
		{"stacks/monitoring", variablesOf(t, "prod", "stacks/monitoring")},
		{"stacks/security", ""},
		{"stacks/storage", ""},
		{"stacks/storage", withReplica},
	}
}

const (
	bothDashboards = `dashboards = ["operational", "business"]`
	withReplica    = `replica_region = "eu-central-1"`
)

// suite is what one run of terraform test printed: the tests of all folders, and the plans of plans.
type suite struct {
	events []event
	err    error
}

// event is a line of terraform test -json.
type event struct {
	Level   string `json:"@level"`
	Message string `json:"@message"`
	File    string `json:"@testfile"`
	Run     string `json:"@testrun"`
	Type    string `json:"type"`
	Result  *struct {
		Path, Progress, Status string
	} `json:"test_file"`
	Plan *struct {
		Changes []resource `json:"resource_changes"`
	} `json:"test_plan"`
	Diagnostic *struct{ Summary, Detail string } `json:"diagnostic"`
}

var (
	suiteOnce sync.Once
	theSuite  suite
)

// runSuite returns the result of the one terraform test. Its root is empty; each run names the folder that it tests as its module.
func runSuite(t *testing.T) suite {
	t.Helper()
	w := prepare(t)
	suiteOnce.Do(func() {
		const root = "all"
		for name, text := range suiteFiles(t) {
			at := filepath.Join(w.dir, "terraform", root, "tests", name)
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(w.dir, "terraform", root, "main.tf"), []byte("terraform {}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		w.must(t, root, "init", "-backend=false", "-input=false", "-no-color")
		out, err := w.run(t, root, "test", "-json", "-verbose")
		theSuite.err = err
		for line := range strings.Lines(out) {
			var e event
			if json.Unmarshal([]byte(line), &e) == nil {
				theSuite.events = append(theSuite.events, e)
			}
		}
	})
	if len(theSuite.events) == 0 {
		t.Fatalf("terraform test printed no events: %v", theSuite.err)
	}
	return theSuite
}

// runBlock is the first line of a run of a test file.
var runBlock = regexp.MustCompile(`(?m)^run "\w+" \{$`)

// suiteFiles returns the test files of all folders and of plans, by the name that they have in the suite.
func suiteFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	of := func(folder, text string) string {
		return runBlock.ReplaceAllString(text, "$0\n  module {\n    source = \"../"+folder+"\"\n  }\n")
	}
	for _, folder := range testedFolders(t) {
		files[testFile(folder)] = of(folder, string(read(t, filepath.Join("terraform", folder, "tests",
			filepath.Base(folder)+".tftest.hcl"))))
	}
	for _, p := range plans(t) {
		head, _, _ := strings.Cut(files[testFile(p.folder)], "\nrun \"")
		files[p.file()] = head + of(p.folder, "\nrun \"plan\" {\n  command = plan\n  variables {\n"+p.variables+"\n  }\n}\n")
	}
	return files
}

// testFile returns the name of a folder's test file in the suite.
func testFile(folder string) string { return strings.ReplaceAll(folder, "/", "-") + ".tftest.hcl" }

// file returns the name of a plan's file in the suite.
func (p plan) file() string {
	name := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(p.folder+" "+p.variables, "-")
	return "plan-" + strings.Trim(name, "-") + ".tftest.hcl"
}

// testedFolders lists the folders under terraform/ that have tests.
func testedFolders(t *testing.T) []string {
	t.Helper()
	tests, err := filepath.Glob(filepath.Join(repository, "terraform/*/*/tests/*.tftest.hcl"))
	if err != nil || len(tests) == 0 {
		t.Fatal("no tests are found: ", err)
	}
	var folders []string
	for _, file := range tests {
		folder, err := filepath.Rel(filepath.Join(repository, "terraform"), filepath.Dir(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Base(folder) + ".tftest.hcl"; filepath.Base(file) != want {
			t.Fatalf("rename %s to %s: a folder has one file of tests, named like the folder", file, want)
		}
		folders = append(folders, filepath.ToSlash(folder))
	}
	return folders
}

// passed reports whether a file of the suite passed, and what terraform printed about it.
func (s suite) passed(file string) (bool, string) {
	passed, printed := false, ""
	for _, e := range s.events {
		if filepath.Base(e.File) != file {
			continue
		}
		if e.Result != nil && e.Result.Progress == "complete" {
			passed = e.Result.Status == "pass"
		}
		if e.Level == "error" || e.Diagnostic != nil {
			printed += e.Run + ": " + e.Message + "\n"
			if e.Diagnostic != nil {
				printed += e.Diagnostic.Detail + "\n"
			}
		}
	}
	return passed, printed
}

// planned returns what each run of a file plans, by the run's name.
func (s suite) planned(file string) map[string][]resource {
	runs := map[string][]resource{}
	for _, e := range s.events {
		if filepath.Base(e.File) == file && e.Plan != nil {
			runs[e.Run] = e.Plan.Changes
		}
	}
	return runs
}

// TestModules runs the tests of all folders: with a mocked provider, without an account or a network.
func TestModules(t *testing.T) {
	t.Parallel()
	all := runSuite(t)
	for _, folder := range testedFolders(t) {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			file := testFile(folder)
			if passed, printed := all.passed(file); !passed {
				t.Fatalf("terraform test in terraform/%s did not pass: %v\n%s", folder, all.err, printed)
			}
			// The plans of queues, topics and buckets are inspected too.
			if exposed := declared(t, filepath.Join(repository, "terraform", folder)); len(exposed) > 0 {
				for _, problem := range insecure(all.planned(file), exposed) {
					t.Error(problem)
				}
			}
		})
	}
}

// mocked returns the resources of one of plans. Values that only AWS knows are missing.
func mocked(t *testing.T, folder, variables string) []resource {
	t.Helper()
	p := plan{folder, variables}
	if !slices.Contains(plans(t), p) {
		t.Fatalf("no plan of terraform/%s with %q; add it to plans", folder, variables)
	}
	for _, changes := range runSuite(t).planned(p.file()) { // one run
		managed := slices.DeleteFunc(slices.Clone(changes), func(r resource) bool { return r.Mode != "managed" })
		if len(managed) > 0 {
			return managed
		}
	}
	_, printed := runSuite(t).passed(p.file())
	t.Fatalf("terraform test printed no plan of terraform/%s with %q: %s", folder, variables, printed)
	return nil
}

// command is a command line of llac in a text for people.
var command = regexp.MustCompile("`(llac [^`]+)`")
