package contract

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// LoadDir reads every contract of a directory, checks them together and returns them sorted by dataset. Its error is of
// type Problems if any file has a problem.
func LoadDir(dir string) ([]*Contract, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the contracts in %s: %w; pass the folder with the *%s files", dir, err, FileSuffix)
	}
	var (
		contracts []*Contract
		files     []string
		problems  Problems
	)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			continue
		case strings.HasSuffix(e.Name(), FileSuffix):
		case strings.HasSuffix(e.Name(), ".yaml"), strings.HasSuffix(e.Name(), ".yml"):
			problems = append(problems,
				Problem{File: path, Message: "the file name is not that of a contract", Fix: "rename it to <dataset>" + FileSuffix})
			continue
		default:
			continue
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the contract %s: %w", path, err)
		}
		c, err := Parse(path, raw)
		if found, ok := err.(Problems); ok {
			problems = append(problems, found...)
			continue
		}
		if err != nil {
			return nil, err
		}
		contracts = append(contracts, c)
		files = append(files, path)
	}
	if len(contracts) == 0 && len(problems) == 0 {
		return nil, fmt.Errorf("no contracts in %s; pass the folder with the *%s files", dir, FileSuffix)
	}
	// A reference to an invalid contract would be reported as missing: the files must be valid first.
	if len(problems) == 0 {
		problems = CheckTogether(contracts, files)
	}
	if len(problems) > 0 {
		return nil, problems.sorted()
	}
	slices.SortFunc(contracts, func(a, b *Contract) int { return strings.Compare(a.Dataset, b.Dataset) })
	return contracts, nil
}

// CheckTogether checks the rules that concern several contracts: references lead to staged columns of the same type,
// matches compare texts, no dataset waits for itself, no two files describe one dataset. files are the contracts' names in
// problems, in the same order.
func CheckTogether(contracts []*Contract, files []string) Problems {
	t := &together{contracts: map[string]*Contract{}, files: map[string]string{}}
	for i, c := range contracts {
		if first, twice := t.files[c.Dataset]; twice {
			message := fmt.Sprintf("%s already describes the dataset %q", first, c.Dataset)
			t.problems = append(t.problems, Problem{File: files[i], Path: "schema[0].name", Message: message, Fix: "rename one of the two"})
			continue
		}
		t.contracts[c.Dataset], t.files[c.Dataset] = c, files[i]
	}
	for i, c := range contracts {
		t.checkReferences(c, files[i])
	}
	if len(t.problems) == 0 {
		t.checkCycles()
	}
	return t.problems.sorted()
}

type together struct {
	contracts map[string]*Contract
	files     map[string]string
	problems  Problems
}

func (t *together) checkReferences(c *Contract, file string) {
	for i, f := range c.Fields {
		if f.Reference == nil {
			continue
		}
		to := f.Reference.Dataset + "." + f.Reference.Column
		// at returns the node of the problem, given the property's node.
		report := func(at func(d *document, property node) node, path, fix, format string, args ...any) {
			p := Problem{File: file, Path: fmt.Sprintf("schema[0].properties[%d]", i) + path, Message: fmt.Sprintf(format, args...),
				Fix: fix}
			if d, _ := parseDocument(file, c.Raw); d.root.exists() {
				property, _ := d.locate([]string{"schema", "0", "properties", fmt.Sprint(i)})
				if n := orParent(at(d, property), property); n.exists() {
					p.Line, p.Column = n.yaml.Line, n.yaml.Column
				}
			}
			t.problems = append(t.problems, p)
		}
		reference := func(fix, format string, args ...any) {
			report(func(_ *document, p node) node {
				list := p.get("relationships")
				if items := list.items(); len(items) > 0 {
					return orParent(items[0].get("to"), items[0])
				}
				return list
			}, ".relationships[0].to", fix, format, args...)
		}
		other, ok := t.contracts[f.Reference.Dataset]
		if !ok {
			var names []string
			for name := range t.contracts {
				names = append(names, name)
			}
			slices.Sort(names)
			reference(didYouMean(f.Reference.Dataset, names), "%s: no contract describes the dataset %q", to, f.Reference.Dataset)
			continue
		}
		target := other.Field(f.Reference.Column)
		switch {
		case target == nil:
			reference(didYouMean(f.Reference.Column, columnNames(other)), "%s: the dataset %q has no column %q", to, other.Dataset,
				f.Reference.Column)
		case !target.Staged:
			reference("reference a staged column", "%s is not staged", to)
		case target.Type != f.Type:
			reference("give both the same logicalType", "%s is of type %s, %q is of type %s", to, target.Type, f.Name, f.Type)
		}
		if f.Match == nil {
			continue
		}
		matched := func(key, column string, at func(match node) node) {
			reportMatch := func(fix, format string, args ...any) {
				report(func(d *document, p node) node { return at(d.custom(p, "llacMatch")) }, "{llacMatch}."+key, fix, format, args...)
			}
			switch there := other.Field(column); {
			case there == nil:
				reportMatch(didYouMean(column, columnNames(other)), "the dataset %q has no column %q", other.Dataset, column)
			case !there.Staged:
				reportMatch("name a staged column", "%s.%s is not staged", other.Dataset, column)
			case there.Type != Text:
				reportMatch("name a text column", "%s.%s is of type %s: only text columns can be compared", other.Dataset, column,
					there.Type)
			}
		}
		matched("name", f.Match.Name, func(m node) node { return m.get("name") })
		if f.Match.Within != "" {
			matched("within."+f.Match.Within, f.Match.Group, func(m node) node { return m.get("within").get(f.Match.Within) })
		}
	}
}

// checkCycles walks the references depth first. A dataset waits until the datasets that it references are published, so a
// cycle would wait for ever.
func (t *together) checkCycles() {
	const (
		walking = 1
		done    = 2
	)
	state := map[string]int{}
	var walk func(name string, path []string)
	walk = func(name string, path []string) {
		path = append(path, name)
		switch state[name] {
		case done:
			return
		case walking:
			cycle := path[slices.Index(path, name):]
			message := "the references form a cycle: " + strings.Join(cycle, " → ")
			t.problems = append(t.problems, Problem{File: t.files[name], Message: message, Fix: "remove one of them"})
			return
		}
		state[name] = walking
		for _, next := range t.contracts[name].References() {
			walk(next, path)
		}
		state[name] = done
	}
	names := make([]string, 0, len(t.contracts))
	for name := range t.contracts {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		walk(name, nil)
	}
}
