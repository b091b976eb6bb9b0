package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/llac-project/llac/events"
)

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

// Role renders the policies that a role of stacks/security has, its own and those it shares, as one list of statements.
func (e Environment) Role(repository string, policies ...string) ([]Statement, error) {
	words, err := e.SharedWords(repository)
	if err != nil {
		return nil, err
	}
	var out []Statement
	for _, name := range policies {
		p, err := Render(repository, name, words)
		if err != nil {
			return nil, err
		}
		for _, s := range p.Statements {
			s.Sid = name + "/" + s.Sid
			out = append(out, s)
		}
	}
	return out, nil
}

// Read reads a policy as it is written, its words not filled in.
func Read(repository, name string) (Policy, error) {
	return decode(repository, name, func(text string) (string, error) { return text, nil })
}

// Render reads a policy as Terraform renders it, with the words of an environment.
func Render(repository, name string, words map[string]string) (Policy, error) {
	return decode(repository, name, func(text string) (string, error) { return fill(text, words) })
}

// ReadService reads the policy of a service's role as modules/deployment composes it, its words not filled in.
func ReadService(repository, service string) (Policy, error) {
	return decodeService(repository, service, func(text string) (string, error) {
		return strings.ReplaceAll(text, "${service}", service), nil
	})
}

// RenderService reads the policy of a service's role as Terraform renders it, with the words of an environment.
func (e Environment) RenderService(repository, service string) (Policy, error) {
	words, err := e.ServiceWords(repository, service)
	if err != nil {
		return Policy{}, err
	}
	return renderService(repository, service, words)
}

func renderService(repository, service string, words map[string]string) (Policy, error) {
	return decodeService(repository, service, func(text string) (string, error) { return fill(text, words) })
}

// Services lists the names of the services, whose roles modules/deployment makes.
func Services() []string {
	var names []string
	for _, f := range events.Flow {
		if f.Service != events.Operator {
			names = append(names, f.Service)
		}
	}
	return names
}

// decodeService composes a service's own statements and the common ones, whose Sid an own statement may take over.
func decodeService(repository, service string, render func(string) (string, error)) (Policy, error) {
	p, err := decode(repository, service, render)
	if errors.Is(err, fs.ErrNotExist) {
		p, err = Policy{}, nil // a service that needs nothing of its own has no file
	}
	if err != nil {
		return p, err
	}
	common, err := decode(repository, "common", render)
	if err != nil {
		return p, err
	}
	for _, s := range common.Statements {
		if !slices.ContainsFunc(p.Statements, func(own Statement) bool { return own.Sid == s.Sid }) {
			p.Statements = append(p.Statements, s)
		}
	}
	return p, nil
}

func decode(repository, name string, render func(string) (string, error)) (Policy, error) {
	var p Policy
	file := filepath.Join(repository, "terraform", "policies", name+".json")
	b, err := os.ReadFile(file)
	if err != nil {
		return p, err
	}
	text, err := render(string(b))
	if err != nil {
		return p, fmt.Errorf("%s: %w", file, err)
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

// word is a placeholder of Terraform.
var word = regexp.MustCompile(`\$\{([^}]+)\}`)

// fill puts values into a template; an unknown one is an error.
func fill(text string, values map[string]string) (string, error) {
	var unknown []string
	out := word.ReplaceAllStringFunc(text, func(w string) string {
		v, ok := values[w[2:len(w)-1]]
		if !ok {
			unknown = append(unknown, w)
		}
		return v
	})
	if len(unknown) > 0 {
		return "", fmt.Errorf("unknown placeholder %s", strings.Join(unknown, ", "))
	}
	return out, nil
}

// Environment is the environment that policies are rendered for.
type Environment struct {
	Name string // dev
	Account
}

// DataBucket, ConfigBucket and Database are named as terraform/stacks/storage names them.
func (e Environment) DataBucket() string   { return "llac-" + e.Name + "-data-" + e.ID }
func (e Environment) ConfigBucket() string { return "llac-" + e.Name + "-config-" + e.ID }
func (e Environment) Database() string {
	return "llac_" + strings.ReplaceAll(e.Name, "-", "_") + "_staging"
}

// ServiceWords returns what the policy of a service may name: local.words of modules/deployment itself, so that a test which
// passes has seen what Terraform renders.
func (e Environment) ServiceWords(repository, service string) (map[string]string, error) {
	return e.words(repository, "terraform/modules/deployment/main.tf", `words = {`, map[string]string{"var.service": service})
}

// SharedWords returns what the other policies may name: local.words of stacks/security.
func (e Environment) SharedWords(repository string) (map[string]string, error) {
	return e.words(repository, "terraform/stacks/security/main.tf", `words = {`, nil)
}

// assignment is one line of a map in Terraform's language.
var assignment = regexp.MustCompile(`^\s*([a-z_]+)\s*=\s*(?:"(.*)"|([a-z0-9_.]+))\s*$`)

// words reads the lines of a map of Terraform that begins with opener, and evaluates them.
func (e Environment) words(repository, file, opener string, more map[string]string) (map[string]string, error) {
	b, err := os.ReadFile(filepath.Join(repository, file))
	if err != nil {
		return nil, err
	}
	_, after, ok := strings.Cut(string(b), opener+"\n")
	if !ok {
		return nil, fmt.Errorf("%s does not contain %q; change test/iam to where its policies get their words", file, opener)
	}
	known := map[string]string{
		"var.env": e.Name, "var.region": e.Region, "local.region": e.Region, "local.account": e.ID, "local.partition": "aws",
		"local.prefix": "llac-" + e.Name,
		"local.s3":     "arn:aws:s3:::", "local.iam": "arn:aws:iam::" + e.ID, "local.found.data_bucket": e.DataBucket(),
		"local.found.config_bucket": e.ConfigBucket(),
		"local.database":            e.Database(), "module.conventions.databases.staging": e.Database(),
		"module.conventions.databases.marts": strings.TrimSuffix(e.Database(), "staging") + "marts",
		"module.conventions.parameters":      "/llac/" + e.Name,
	}
	for _, s := range []string{"athena", "cloudwatch", "glue", "lambda", "logs", "sns", "sqs", "ssm"} {
		known["local.here."+s] = "arn:aws:" + s + ":" + e.Region + ":" + e.ID
	}
	for k, v := range more {
		known[k] = v
	}
	out := map[string]string{}
	for line := range strings.Lines(after) {
		if strings.HasPrefix(strings.TrimSpace(line), "}") {
			return out, nil
		}
		m := assignment.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			return nil, fmt.Errorf("%s: cannot read %q", file, line)
		}
		text := m[2]
		if m[3] != "" {
			text = "${" + m[3] + "}"
		}
		if out[m[1]], err = fill(text, known); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", file, m[1], err)
		}
	}
	return nil, fmt.Errorf("%s: the map after %q does not end", file, opener)
}

// grant is as little of a policy as can be taken away: one action on one resource pattern, under one value of each
// condition that has several.
type grant struct {
	statement        int
	sid              string
	action, resource string
	values           []value
}

// value is one condition of a grant: "StringLike s3:prefix landing/*".
type value struct{ operator, key, want string }

func (g grant) String() string {
	s := g.sid + ": " + g.action + " on " + g.resource
	for _, v := range g.values {
		s += fmt.Sprintf(" where %s %s %s", v.key, v.operator, v.want)
	}
	return s
}

// grants splits a policy into grants.
func grants(statements []Statement) ([]grant, error) {
	var out []grant
	for i, s := range statements {
		if s.Effect != "Allow" {
			return nil, fmt.Errorf("%s: a role's policy only allows; the buckets' own policies deny", s.Sid)
		}
		conditions, err := conditions(s)
		if err != nil {
			return nil, err
		}
		for _, a := range s.Action {
			for _, r := range s.Resource {
				for _, c := range conditions {
					out = append(out, grant{i, s.Sid, a, r, c})
				}
			}
		}
	}
	return out, nil
}

// operators are the conditions that can be judged. A value more of each lets more pass.
var operators = []string{"StringEquals", "StringLike", "ArnEquals", "ArnLike", "ForAnyValue:StringEquals"}

// conditions lists the ways in which a statement's condition can be met.
func conditions(s Statement) ([][]value, error) {
	ways := [][]value{nil}
	for operator, keys := range s.Condition {
		if !slices.Contains(operators, operator) {
			return nil, fmt.Errorf("%s: unsupported condition %s; add it to test/iam", s.Sid, operator)
		}
		of, ok := keys.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: the condition %s is not an object", s.Sid, operator)
		}
		for key, wants := range of {
			list, ok := wants.([]any)
			if !ok {
				list = []any{wants}
			}
			var next [][]value
			for _, way := range ways {
				for _, want := range list {
					next = append(next, append(slices.Clone(way), value{operator, key, fmt.Sprint(want)}))
				}
			}
			ways = next
		}
	}
	return ways, nil
}

// allows reports whether a grant allows a need.
func (g grant) allows(n Need) bool {
	if !strings.EqualFold(g.action, n.Action) || !matches(g.resource, n.Resource) { // actions are named one by one: no wildcards
		return false
	}
	for _, v := range g.values {
		has, ok := n.Context[v.key]
		if !ok {
			return false // a key that the request lacks meets no positive condition
		}
		met := v.want == has
		switch v.operator {
		case "StringLike":
			met = like(v.want, has)
		case "ArnEquals", "ArnLike":
			met = matches(v.want, has)
		}
		if !met {
			return false
		}
	}
	return true
}

// matches compares a resource with a pattern as IAM does: "*" and "?" within each of an ARN's parts between colons, and
// anything at all in the last (IAM user guide, "IAM JSON policy elements: Resource"). IAM lets a "*" at the end of a part
// go beyond the colon; no policy here needs that.
func matches(pattern, arn string) bool {
	if pattern == "*" {
		return true
	}
	for range 5 {
		p, patternRest, ok := strings.Cut(pattern, ":")
		a, arnRest, too := strings.Cut(arn, ":")
		if !ok || !too || !like(p, a) {
			return false
		}
		pattern, arn = patternRest, arnRest
	}
	return like(pattern, arn)
}

// like matches "*" (any characters, none too) and "?" (one character).
func like(pattern, text string) bool {
	p, t := 0, 0
	star, mark := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
