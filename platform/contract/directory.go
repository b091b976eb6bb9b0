package contract

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// LoadDir reads every contract of a directory, by dataset name, and checks them together. The error is Problems when
// anything is wrong with any file.
func LoadDir(dir string) ([]*Contract, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the contracts in %s: %w; name the folder that holds the *%s files", dir, err, FileSuffix)
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
			problems = append(problems, Problem{File: path, Message: "is not read as a contract", Fix: "name it <dataset>" + FileSuffix})
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
		return nil, fmt.Errorf("no contracts in %s; name the folder that holds the *%s files", dir, FileSuffix)
	}
	// A reference to a broken contract would be called missing: mend the files first.
	if len(problems) == 0 {
		problems = CheckTogether(contracts, files)
	}
	if len(problems) > 0 {
		return nil, problems.sorted()
	}
	slices.SortFunc(contracts, func(a, b *Contract) int { return strings.Compare(a.Dataset, b.Dataset) })
	return contracts, nil
}

// CheckTogether checks what no contract can know alone: that references lead to staged columns of the same type, that
// nothing waits for itself, that no two files claim one dataset. files name the contracts in problems, in the same order.
func CheckTogether(contracts []*Contract, files []string) Problems {
	t := &together{contracts: map[string]*Contract{}, files: map[string]string{}}
	for i, c := range contracts {
		if first, twice := t.files[c.Dataset]; twice {
			t.problems = append(t.problems, Problem{File: files[i], Path: "schema[0].name", Message: fmt.Sprintf("the dataset %q is claimed by %s already", c.Dataset, first), Fix: "rename one of the two"})
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
		report := func(fix, format string, args ...any) {
			p := Problem{File: file, Path: fmt.Sprintf("schema[0].properties[%d].relationships[0].to", i), Message: fmt.Sprintf(format, args...), Fix: fix}
			if d, _ := parseDocument(file, c.Raw); d.root.exists() {
				at, parent := d.locate([]string{"schema", "0", "properties", fmt.Sprint(i), "relationships", "0", "to"})
				if at = orParent(at, parent); at.exists() {
					p.Line, p.Column = at.yaml.Line, at.yaml.Column
				}
			}
			t.problems = append(t.problems, p)
		}
		other, ok := t.contracts[f.Reference.Dataset]
		if !ok {
			var names []string
			for name := range t.contracts {
				names = append(names, name)
			}
			slices.Sort(names)
			report(didYouMean(f.Reference.Dataset, names), "%s: no contract of the dataset %q", to, f.Reference.Dataset)
			continue
		}
		target := other.Field(f.Reference.Column)
		switch {
		case target == nil:
			report(didYouMean(f.Reference.Column, columnNames(other)), "%s: the dataset %q has no column %q", to, other.Dataset, f.Reference.Column)
		case !target.Staged:
			report("refer to a staged column", "%s is not staged", to)
		case target.Type != f.Type:
			report("give both the same logicalType", "%s is of type %s, %q is of type %s", to, target.Type, f.Name, f.Type)
		}
	}
}

// checkCycles walks the references depth first; a dataset is held back until those it refers to are published, so a
// circle would wait for ever.
func (t *together) checkCycles() {
	const (
		walking = 1
		done    = 2
	)
	state := map[string]int{}
	var walk func(name string, way []string)
	walk = func(name string, way []string) {
		way = append(way, name)
		switch state[name] {
		case done:
			return
		case walking:
			circle := way[slices.Index(way, name):]
			t.problems = append(t.problems, Problem{File: t.files[name], Message: "the references go in a circle: " + strings.Join(circle, " → "), Fix: "take one of them away"})
			return
		}
		state[name] = walking
		for _, next := range t.contracts[name].References() {
			walk(next, way)
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
