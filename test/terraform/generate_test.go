package terraform

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/test/iam"
)

//go:generate go test -run TestGenerated . -update

var update = flag.Bool("update", false, "write the generated files")

// TestGenerated fails when a file that is made from terraform/ is stale: the page of security, each root's lock, the variables of the
// services' root.
func TestGenerated(t *testing.T) {
	t.Parallel()
	made := map[string][]byte{"docs/security.md": securityPage(t), "terraform/service/variables.tf": rootVariables(t)}
	lock := read(t, "terraform/providers.lock.hcl")
	for _, root := range roots(t) {
		made["terraform/"+root+"/.terraform.lock.hcl"] = lock
	}
	for name, want := range made {
		at := filepath.Join(repository, name)
		if *update {
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

func services() []string {
	var names []string
	for _, f := range events.Flow {
		if f.Service != events.Operator {
			names = append(names, f.Service)
		}
	}
	return names
}

// declaration is one variable of a module, as it is written.
var declaration = regexp.MustCompile(`(?ms)^variable "([a-z0-9_]+)" \{\n.*?^\}\n`)

// rootVariables returns the variables of terraform/service: those of modules/deployment, which it passes on, and the region.
func rootVariables(t *testing.T) []byte {
	variables := []string{ownVariables}
	for _, m := range declaration.FindAllStringSubmatch(string(read(t, "terraform/modules/deployment/variables.tf")), -1) {
		if m[1] != "service" { // which module checks there
			variables = append(variables, m[0])
		}
	}
	return []byte(strings.Join(variables, "\n"))
}

const ownVariables = `# Code generated from modules/deployment/variables.tf by go generate ./test/terraform; DO NOT EDIT.

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-west-1"
}

variable "service" {
  description = "Name of the service: a key of services.json."
  type        = string
}
`

// passedOn is an argument of a module call that is the variable of the same name.
var passedOn = regexp.MustCompile(`(?m)^  ([a-z0-9_]+)\s+= var\.([a-z0-9_]+)$`)

// TestServiceRootPassesVariablesOn checks that terraform/service gives modules/deployment each of its variables.
func TestServiceRootPassesVariablesOn(t *testing.T) {
	t.Parallel()
	_, call, ok := strings.Cut(string(read(t, "terraform/service/main.tf")), "\nmodule \"deployment\" {\n")
	if !ok {
		t.Fatal("terraform/service/main.tf does not call modules/deployment")
	}
	passed := map[string]bool{}
	for _, m := range passedOn.FindAllStringSubmatch(call, -1) {
		passed[m[1]] = m[1] == m[2]
	}
	for _, m := range declaration.FindAllStringSubmatch(string(read(t, "terraform/modules/deployment/variables.tf")), -1) {
		if !passed[m[1]] {
			t.Errorf("terraform/service/main.tf does not pass %s on to modules/deployment: add %s = var.%s", m[1], m[1], m[1])
		}
	}
}

// policies returns terraform/policies by name. A service's is complete: its own statements and those that all services share.
func policies(t *testing.T) map[string]iam.Policy {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository, "terraform/policies/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no policies: ", err)
	}
	all := map[string]iam.Policy{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if all[name], err = iam.Read(repository, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, service := range services() {
		if all[service], err = iam.ReadService(repository, service); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// securityPage returns docs/security.md: the text of security.md.tmpl, and every statement with its reason.
func securityPage(t *testing.T) []byte {
	all := policies(t)
	page, err := template.New("security").Funcs(template.FuncMap{"policy": func(name string) (string, error) {
		p, ok := all[name]
		if !ok {
			return "", fmt.Errorf("read terraform/policies/%s.json: it does not exist", name)
		}
		delete(all, name)
		if !slices.Contains(services(), name) {
			return policyTable(p), nil
		}
		own, err := iam.Read(repository, name) // what all services share is on the page once
		if errors.Is(err, fs.ErrNotExist) {
			return "It has no statements of its own.\n", nil
		}
		return policyTable(own), err
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

func policyTable(p iam.Policy) string {
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
