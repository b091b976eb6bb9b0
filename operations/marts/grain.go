package marts

import (
	"fmt"
	"slices"
	"strings"
)

// kinds lists what a mart may be.
var kinds = []string{"dimension", "fact", "aggregate"}

// mart is a model that is published, as its config.meta declares it.
type mart struct {
	Node
	Kind   string
	Grain  string     // "One row per …"
	Key    []string   // the columns that identify a row
	proofs [][]string // ids of tests; each group of tests, when all of it passes, proves the key
}

// marts lists the models that are published, by name. A model in the marts' folder that lacks a declaration, or a test that
// proves its key, is an error: it would be tested and never published, or published without proof.
func (l *lineage) marts() ([]mart, error) {
	var out []mart
	for _, n := range l.nodes {
		kind := n.text("kind")
		if n.Type != "model" || kind == "" && !strings.Contains("/"+n.Path, "/marts/") {
			continue
		}
		m := mart{Node: n, Kind: kind, Grain: n.text("grain"), Key: n.texts("key")}
		m.proofs = l.proofs(m)
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b mart) int { return strings.Compare(a.Name, b.Name) })
	for _, m := range out {
		if err := m.check(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// check reports what a mart's declaration lacks, and what to write.
func (m mart) check() error {
	problem := func(format string, args ...any) error {
		return fmt.Errorf("model %s (%s): %s", m.Name, m.Path, fmt.Sprintf(format, args...))
	}
	switch {
	case !slices.Contains(kinds, m.Kind):
		return problem("config.meta.kind is %q; write one of %s", m.Kind, strings.Join(kinds, ", "))
	case m.Grain == "":
		return problem(`config.meta.grain is missing; write "One row per …"`)
	case m.Key == nil:
		return problem("config.meta.key is missing; list the columns that identify a row, such as [municipality_id, month]")
	case m.proofs != nil:
		return nil
	case len(m.Key) == 1:
		return problem("no test proves the grain %q; write data_tests: [is_unique_and_not_null] under its column %s", m.Grain, m.Key[0])
	}
	return problem("no test proves the grain %q; write data_tests: [{is_key: {arguments: {columns: [%s]}}}] under the model",
		m.Grain, strings.Join(m.Key, ", "))
}

// proofs finds the tests of a mart that prove its key: is_key, is_unique_and_not_null, or dbt's unique and not_null together
// (unique alone lets nulls repeat). A key of fewer columns proves one of more. A test of some rows only proves nothing.
func (l *lineage) proofs(m mart) [][]string {
	var out [][]string
	notNull := map[string]string{} // test ids by column
	unique := map[string]string{}
	for id, test := range l.nodes {
		if test.Type != "test" || test.Where != "" || !slices.Equal(test.DependsOn, []string{m.ID}) || !within(test.TestColumns, m.Key) {
			continue
		}
		switch test.Test {
		case "is_key", "is_unique_and_not_null":
			out = append(out, []string{id})
		case "not_null":
			notNull[test.TestColumns[0]] = id
		case "unique":
			unique[test.TestColumns[0]] = id
		}
	}
	for column, id := range unique {
		if other := notNull[column]; other != "" {
			out = append(out, []string{id, other})
		}
	}
	return out
}

// within reports whether columns has members and all of them are in key.
func within(columns, key []string) bool {
	return len(columns) > 0 && !slices.ContainsFunc(columns, func(c string) bool { return !slices.Contains(key, c) })
}

// proven reports, as an error, that no test of the mart's key passed. A build with a failed test has ended already; what is
// left are tests that only warn.
func (m mart) proven(results map[string]Result) error {
	for _, proof := range m.proofs {
		if !slices.ContainsFunc(proof, func(id string) bool { return results[id].Status != "pass" || results[id].Failures != 0 }) {
			return nil
		}
	}
	return fmt.Errorf("model %s (%s): the tests of its grain %q did not pass; remove the severity and the limits that let them only warn",
		m.Name, m.Path, m.Grain)
}

// orderKey is the column that identifies the rows of a file; empty if several columns do.
func (m mart) orderKey() string {
	if len(m.Key) == 1 {
		return m.Key[0]
	}
	return ""
}
