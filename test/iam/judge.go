package iam

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Need is one action on one resource.
type Need struct {
	Action   string
	Resource string
	Context  map[string]string
	For      string // the operation that asked first
}

// line is one of actions.json.
type line struct {
	Service   string `json:"service"`
	Operation string `json:"operation"`
	When      string `json:"when"`
	Needs     []struct {
		Action string   `json:"action"`
		On     []string `json:"on"` // kinds of Operation.On, or "*"
	} `json:"needs"`
	Source string `json:"source"` // AWS's document, and its page
}

// performed is one of performed.json: what AWS performs on the roles.
type performed struct {
	By       string   `json:"by"`
	Action   []string `json:"actions"`
	Resource []string `json:"resources"` // as in the policies, words not filled in
	Where    any      `json:"where"`     // the statement's condition
	Roles    []string `json:"roles"`
	Services bool     `json:"services"` // of every service's role
	// Toggle is the sid of a statement that terraform/modules/service adds to every service where a variable asks for it.
	Toggle string `json:"toggle"`
}

var (
	//go:embed actions.json
	actionsTable []byte
	//go:embed performed.json
	performedTable []byte

	actions    = parse[[]line](actionsTable)
	performeds = parse[[]performed](performedTable)
)

func parse[T any](b []byte) T {
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		panic("test/iam: " + err.Error()) // a table of ours
	}
	return v
}

// Needs returns what an operation requires of its role's policy, by the first table.
func (o Operation) Needs() ([]Need, error) {
	i := slices.IndexFunc(actions, func(l line) bool { return l.Service == o.Service && l.Operation == o.Name && l.When == o.When })
	if i < 0 && o.When != "" {
		i = slices.IndexFunc(actions, func(l line) bool { return l.Service == o.Service && l.Operation == o.Name && l.When == "" })
	}
	if i < 0 {
		return nil, fmt.Errorf("%s is not in actions.json; look it up in AWS's service authorization reference and add a line", o)
	}
	var out []Need
	for _, n := range actions[i].Needs {
		found := false
		for _, kind := range n.On {
			arns := o.On[kind]
			if kind == "*" {
				arns = []string{"*"}
			}
			for _, arn := range arns {
				found = true
				out = append(out, Need{Action: n.Action, Resource: arn, Context: o.Context, For: o.String()})
			}
		}
		if !found && o.Name != "DeleteObjects" { // which may name versions alone
			return nil, fmt.Errorf("%s: %s needs %s, and the request names none; see Account.Read", o, n.Action, strings.Join(n.On, ", "))
		}
	}
	return out, nil
}

// key identifies a need.
func (n Need) key() string {
	k := n.Action + " " + n.Resource
	for _, c := range slices.Sorted(maps.Keys(n.Context)) {
		k += " " + c + "=" + n.Context[c]
	}
	return k
}

// Judge compares the statements that a role's own program uses (those without "by") with what it needed. Every line names a difference;
// none means that the policy is minimal.
func Judge(statements []Statement, needs []Need) ([]string, error) {
	own := slices.DeleteFunc(slices.Clone(statements), func(s Statement) bool { return s.By != "" })
	all, err := grants(own)
	if err != nil {
		return nil, err
	}
	var out []string
	alone := make([]bool, len(all)) // whether a need would be refused without this grant
	used := make([]bool, len(all))
	refused := map[string]bool{}
	byAction := map[string][]int{}
	for i, g := range all {
		action := strings.ToLower(g.action)
		byAction[action] = append(byAction[action], i)
	}
	for _, n := range needs {
		var by []int
		for _, i := range byAction[strings.ToLower(n.Action)] {
			if all[i].allows(n) {
				by = append(by, i)
				used[i] = true
			}
		}
		switch len(by) {
		case 0:
			// One line per action and folder is enough.
			if k := n.Action + " " + folder(n.Resource); !refused[k] {
				refused[k] = true
				out = append(out, fmt.Sprintf("%s needs %s on %s, which no statement allows", n.For, n.Action, n.Resource))
			}
		case 1:
			alone[by[0]] = true
		}
	}
	conditional := slices.DeleteFunc(slices.Clone(needs), func(n Need) bool { return len(n.Context) == 0 })
	for i, g := range all {
		if why := wide(g, conditional); why != "" {
			out = append(out, fmt.Sprintf("%s: %s", g, why))
		}
		switch {
		case !used[i]:
			out = append(out, fmt.Sprintf("%s: no recorded request needs it", g))
		case !alone[i]:
			out = append(out, fmt.Sprintf("%s: another grant allows all of it", g))
		}
	}
	return out, nil
}

// wide returns why a grant is too wide whatever was recorded: a pattern of objects must name a layer, one of tables a database, and a
// condition that every request meets must be present.
func wide(g grant, needs []Need) string {
	if object, ok := strings.CutPrefix(g.resource, "arn:aws:s3:::"); ok && strings.Contains(object, "/") {
		if _, key, _ := strings.Cut(object, "/"); strings.ContainsAny(key[:strings.IndexByte(key+"/", '/')], "*?") {
			return "its pattern names no layer; name one"
		}
	}
	if strings.HasPrefix(g.resource, "arn:aws:glue:") {
		if parts := strings.Split(g.resource, "/"); len(parts) > 1 && strings.ContainsAny(parts[1], "*?") {
			return "its pattern names no database; name one"
		}
	}
	for _, n := range needs {
		for key := range n.Context {
			if g.allows(n) && !slices.ContainsFunc(g.values, func(v value) bool { return v.key == key }) {
				return "it could be narrowed by " + key
			}
		}
	}
	return ""
}

// Refused lists the needs that no statement allows: for policies that bound others, and for recordings of a part of what a
// role does.
func Refused(statements []Statement, needs []Need) ([]string, error) {
	all, err := grants(statements)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, n := range needs {
		if !slices.ContainsFunc(all, func(g grant) bool { return g.allows(n) }) {
			out = append(out, fmt.Sprintf("%s needs %s on %s, which no statement allows", n.For, n.Action, n.Resource))
		}
	}
	return out, nil
}

// JudgePart judges some statements of a role by the needs that they allow: for a recording of a part of what the role does,
// which Refused holds against all of its statements.
func JudgePart(statements []Statement, needs []Need, sids ...string) ([]string, error) {
	part := slices.DeleteFunc(slices.Clone(statements), func(s Statement) bool { return !slices.Contains(sids, s.Sid) })
	if len(part) != len(sids) {
		return nil, fmt.Errorf("of the statements %v only %d are there", sids, len(part))
	}
	all, err := grants(part)
	if err != nil {
		return nil, err
	}
	return Judge(part, slices.DeleteFunc(slices.Clone(needs), func(n Need) bool {
		return !slices.ContainsFunc(all, func(g grant) bool { return g.allows(n) })
	}))
}

func folder(arn string) string { return arn[:strings.LastIndexByte(arn, '/')+1] }

// JudgePerformed compares a role's statements with "by" with the second table. The policy is as it is written, its words
// not filled in.
func JudgePerformed(role string, statements []Statement) []string {
	list := func(by string, action, resource []string, where any) []string {
		condition := ""
		if b, err := json.Marshal(where); err == nil && string(b) != "null" {
			condition = " where " + string(b)
		}
		var out []string
		for _, a := range action {
			for _, r := range resource {
				out = append(out, fmt.Sprintf("%s: %s on %s%s", by, a, r, condition))
			}
		}
		return out
	}
	var has, want []string
	for _, s := range statements {
		if s.By != "" {
			has = append(has, list(s.By, s.Action, s.Resource, s.Condition)...)
		}
	}
	for _, p := range performeds {
		if slices.Contains(p.Roles, role) || p.Services && slices.Contains(Services(), role) {
			want = append(want, list(p.By, p.Action, p.Resource, p.Where)...)
		}
	}
	var out []string
	for _, w := range want {
		if !slices.Contains(has, w) {
			out = append(out, "missing: "+w)
		}
	}
	for i, h := range has {
		if !slices.Contains(want, h) || slices.Contains(has[:i], h) {
			out = append(out, "too much: "+h)
		}
	}
	return out
}
