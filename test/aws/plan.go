package aws

import (
	"bufio"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
)

// Difference is one attribute that a plan would change.
type Difference struct {
	Address   string // of the resource
	Attribute string
	Action    string // "update", "create", "delete", or "delete,create"
}

func (d Difference) String() string { return d.Action + " " + d.Address + " " + d.Attribute }

// Differences returns what a plan, the output of `terraform show -json`, would change. A resource that would be created or destroyed is
// one difference, of the attribute "*". In a resource that would be updated, an attribute known only after the apply counts as changed.
func Differences(plan []byte) ([]Difference, error) {
	var p struct {
		ResourceChanges []struct {
			Address string `json:"address"`
			Change  struct {
				Actions      []string       `json:"actions"`
				Before       map[string]any `json:"before"`
				After        map[string]any `json:"after"`
				AfterUnknown map[string]any `json:"after_unknown"`
			} `json:"change"`
		} `json:"resource_changes"`
		OutputChanges map[string]struct {
			Actions []string `json:"actions"`
		} `json:"output_changes"`
	}
	if err := json.Unmarshal(plan, &p); err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	var out []Difference
	for _, r := range p.ResourceChanges {
		c := r.Change
		action := strings.Join(c.Actions, ",")
		switch action {
		case "no-op", "read":
			continue
		case "update":
		default:
			out = append(out, Difference{r.Address, "*", action})
			continue
		}
		var names []string
		for name, before := range c.Before {
			if !reflect.DeepEqual(before, c.After[name]) {
				names = append(names, name)
			}
		}
		for name, after := range c.After {
			if _, was := c.Before[name]; !was && after != nil {
				names = append(names, name)
			}
		}
		for name, unknown := range c.AfterUnknown {
			if unknown == true {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			out = append(out, Difference{r.Address, name, action})
		}
	}
	for name, o := range p.OutputChanges {
		if action := strings.Join(o.Actions, ","); action != "no-op" {
			out = append(out, Difference{"output." + name, "*", action})
		}
	}
	slices.SortFunc(out, func(a, b Difference) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// Allowed is a difference that a line of plan_allow.txt allows.
type Allowed struct{ Address, Attribute, Why string }

// ParseAllowed reads plan_allow.txt.
func ParseAllowed(text string) ([]Allowed, error) {
	var out []Allowed
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		what, why, ok := strings.Cut(line, ": ")
		words := strings.Fields(what)
		if !ok || len(words) != 2 || strings.TrimSpace(why) == "" {
			return nil, fmt.Errorf("line %d: want <address> <attribute>: <reason>", n)
		}
		out = append(out, Allowed{words[0], words[1], strings.TrimSpace(why)})
	}
	return out, nil
}

// Judge returns the differences that no line allows, and the lines that allowed no difference.
func Judge(differences []Difference, allowed []Allowed) (unexpected []Difference, unused []Allowed) {
	used := make([]bool, len(allowed))
	for _, d := range differences {
		i := slices.IndexFunc(allowed, func(a Allowed) bool {
			same, _ := path.Match(a.Address, d.Address) // an address has no slash, so that * matches anything
			return same && a.Attribute == d.Attribute && d.Action == "update"
		})
		if i < 0 {
			unexpected = append(unexpected, d)
			continue
		}
		used[i] = true
	}
	for i, a := range allowed {
		if !used[i] {
			unused = append(unused, a)
		}
	}
	return unexpected, unused
}
