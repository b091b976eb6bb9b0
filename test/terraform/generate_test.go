package terraform

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"github.com/llac-project/llac/events"
)

//go:generate go test -run TestGenerated . -update

var update = flag.Bool("update", false, "write the generated files")

// TestGenerated fails when a file under terraform/ that is made from the events, from policies/ or from a template is stale.
func TestGenerated(t *testing.T) {
	t.Parallel()
	made := map[string][]byte{"terraform/flow.json": flow(t), "docs/security.md": securityPage(t)}
	lock := read(t, "terraform/providers.lock.hcl")
	for _, root := range roots(t) {
		made["terraform/"+root+"/.terraform.lock.hcl"] = lock
	}
	for _, service := range services() {
		made["terraform/services/"+service+"/main.tf"] = serviceRoot(t, service)
		made["terraform/services/"+service+"/.terraform.lock.hcl"] = lock
	}
	for name, want := range made {
		at := filepath.Join(repository, name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(at); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is stale (%v): go generate ./test/terraform", name, err)
		}
	}
}

// flow is events.Flow as Terraform reads it.
func flow(t *testing.T) []byte {
	type speaker struct {
		Service  string   `json:"service"`
		Consumes []string `json:"consumes"`
		Emits    []string `json:"emits"`
		Direct   []string `json:"direct"`
	}
	some := func(list []string) []string { return append([]string{}, list...) } // never null
	var all []speaker
	for _, f := range events.Flow {
		all = append(all, speaker{f.Service, some(f.Consumes), some(f.Emits), some(f.Direct)})
	}
	b, err := json.MarshalIndent(map[string]any{"generated": "by go generate ./test/terraform from events.Flow; DO NOT EDIT", "flow": all}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func services() []string {
	var names []string
	for _, f := range events.Flow {
		if f.Service != events.Operator {
			names = append(names, f.Service)
		}
	}
	return names
}

// declaration is one variable of a module: handed through by a root as it is.
var declaration = regexp.MustCompile(`(?ms)^variable "([a-z0-9_]+)" \{\n.*?^\}\n`)

// serviceRoot is a service's root: the template, and the variables of modules/deployment but for the service's name.
func serviceRoot(t *testing.T, service string) []byte {
	var b bytes.Buffer
	page, err := template.New("root").Parse(string(read(t, "test/terraform/root.tf.tmpl")))
	if err == nil {
		err = page.Execute(&b, service)
	}
	if err != nil {
		t.Fatal(err)
	}
	var variables []string
	for _, m := range declaration.FindAllStringSubmatch(string(read(t, "terraform/modules/deployment/variables.tf")), -1) {
		if m[1] != "service" {
			variables = append(variables, m[0])
		}
	}
	b.WriteString(strings.Join(variables, "\n"))
	return b.Bytes()
}

// A Policy is terraform/policies/<role>.json: the statements of a role or of a managed policy, each with its reason.
type Policy struct {
	ArchitectureName string      `json:"architecture_name"`
	About            string      `json:"about"`
	Statements       []Statement `json:"statements"`
}

// A Statement is one of IAM's, with who performs it where that is not the role's own program.
type Statement struct {
	Sid       string         `json:"Sid"`
	Reason    string         `json:"reason"`
	By        string         `json:"by"`
	Effect    string         `json:"Effect"`
	Action    []string       `json:"Action"`
	Resource  []string       `json:"Resource"`
	Condition map[string]any `json:"Condition"`
}

func policies(t *testing.T) map[string]Policy {
	files, err := filepath.Glob(filepath.Join(repository, "terraform/policies/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no policies: ", err)
	}
	all := map[string]Policy{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		var p Policy
		if err := d.Decode(&p); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = p
	}
	return all
}

// securityPage is docs/security.md: what is written by hand in security.md.tmpl, and every statement with its reason.
func securityPage(t *testing.T) []byte {
	all := policies(t)
	page, err := template.New("security").Funcs(template.FuncMap{"policy": func(name string) (string, error) {
		p, ok := all[name]
		if !ok {
			return "", fmt.Errorf("there is no terraform/policies/%s.json", name)
		}
		delete(all, name)
		return policyTable(p), nil
	}}).Parse(string(read(t, "test/terraform/security.md.tmpl")))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, services()); err != nil {
		t.Fatal(err)
	}
	for name := range all {
		t.Errorf("terraform/policies/%s.json is not on the page of security: add it to security.md.tmpl", name)
	}
	return b.Bytes()
}

func policyTable(p Policy) string {
	var b strings.Builder
	if p.ArchitectureName != "" {
		fmt.Fprintf(&b, "The architecture's **%s**. ", p.ArchitectureName)
	}
	fmt.Fprintf(&b, "%s\n\n| statement | actions | on | why |\n|---|---|---|---|\n", p.About)
	for _, s := range p.Statements {
		on := code(s.Resource)
		if s.Condition != nil {
			c, _ := json.Marshal(s.Condition)
			on += " where `" + string(c) + "`"
		}
		why := s.Reason
		if s.By != "" {
			why += " *" + s.By + ".*"
		}
		sid := s.Sid
		if s.Effect == "Deny" {
			sid += " (deny)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", sid, code(s.Action), on, why)
	}
	return b.String()
}

func code(list []string) string { return "`" + strings.Join(list, "`, `") + "`" }
