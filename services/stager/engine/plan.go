package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/services/stager/matching"
)

// plan is a contract made ready for rows. It knows nothing of fields that are not staged: their values are never read.
type plan struct {
	columns   []*column        // staged columns in contract order
	bySource  map[string][]int // source field to the columns made of it
	key       []int            // columns of the key, in key order
	partition []int            // columns of the partition, in order
	files     []int            // columns inside the files: all but the partition's
	sliceBy   int              // the column that must equal the run's slice; -1: none
	slice     string
	simulated bool // no portal vouches for the rows
	exposed   []exposed
	matches   []match
	raws      int // values of a record that are told apart: one a column, and the name of each match
}

// exposed is a source field whose values a quarantine row may show.
type exposed struct {
	name []byte // as a row's JSON holds it, with its colon
	raw  int    // where its value is laid
}

func newPlan(c *contract.Contract, slice string, finders map[string]matching.Finder) (*plan, error) {
	p := &plan{bySource: map[string][]int{}, sliceBy: -1, slice: slice}
	personal, hidden := map[string]string{}, map[string]bool{}
	for _, f := range c.Fields {
		if f.Personal() {
			personal[f.Source] = f.Name
		}
		if !f.Derived() && (!f.Staged || !public(f)) {
			hidden[f.Source] = true
		}
	}
	for _, f := range c.Fields {
		// Invariant 8: a personal field is never staged, whatever the contract says besides.
		if f.Personal() || !f.Staged {
			continue
		}
		if as, ok := personal[f.Source]; ok {
			return nil, fmt.Errorf("column %s is made of the source field that column %s classifies as personal; correct the contract", f.Name, as)
		}
		at := len(p.columns)
		inKey, inPartition := slices.Contains(c.Key, f.Name), slices.Contains(c.Partition, f.Name)
		col, err := newColumn(f, inKey || inPartition)
		if err != nil {
			return nil, err
		}
		col.folder = inPartition || c.Slicing != nil && c.Slicing.Column == f.Name
		p.columns = append(p.columns, col)
		if f.Match == nil && !f.Derived() {
			p.bySource[f.Source] = append(p.bySource[f.Source], at)
		}
		if !inPartition {
			p.files = append(p.files, at)
		}
		if c.Slicing != nil && c.Slicing.Column == f.Name && slice != "" {
			p.sliceBy = at
		}
	}
	if err := p.prepareMatches(c, finders); err != nil {
		return nil, err
	}
	for i, col := range p.columns {
		if col.field.Derived() {
			continue
		}
		if col.match > 0 {
			i = p.matches[col.match-1].name
		}
		if s := col.field.Source; !hidden[s] {
			hidden[s] = true // once is enough
			p.exposed = append(p.exposed, exposed{append(appendJSON(nil, s), ':'), i})
		}
	}
	var err error
	if p.key, err = p.named(c.Key, "key"); err != nil {
		return nil, err
	}
	if p.partition, err = p.named(c.Partition, "partition"); err != nil {
		return nil, err
	}
	if len(p.files) == 0 {
		return nil, fmt.Errorf("contract of %s stages no column inside its files; stage one that is not a partition", c.Dataset)
	}
	return p, nil
}

func public(f contract.Field) bool { return f.Classification == "" || f.Classification == "public" }

func (p *plan) named(names []string, role string) ([]int, error) {
	var out []int
	for _, name := range names {
		at := slices.IndexFunc(p.columns, func(c *column) bool { return c.field.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("%s column %s is not a staged column; correct the contract", role, name)
		}
		out = append(out, at)
	}
	return out, nil
}

// Data origins: what the simulator says of a row (source.Origin), and what every other row is.
const (
	originPublished = iota
	originRecorded
	originInvented
)

var originNames = [...]string{"published", "recorded", "invented"}

// belongs answers what forbids a row to be staged although each of its values is good: its partition or its slice.
func (p *plan) belongs(cells []cell) *rejection {
	for _, at := range p.partition {
		if !cells[at].folder.safe {
			return p.columns[at].reject(BadPartition, fmt.Sprintf("want a folder's name: 1 to %d of A-Z, a-z, 0-9, '.', '_' and '-', not beginning with '.' and no reader's word for null", maxPartitionLength))
		}
	}
	if p.sliceBy >= 0 && (cells[p.sliceBy].null || cells[p.sliceBy].folder.name != p.slice) {
		return p.columns[p.sliceBy].reject(WrongSlice, "want "+p.slice+", the slice this run is for")
	}
	return nil
}

// conflict is the reason of a row whose key another row has, too, and differs from it.
func (p *plan) conflict() *rejection {
	names := make([]string, len(p.key))
	for i, at := range p.key {
		names[i] = p.columns[at].field.Name
	}
	return &rejection{strings.Join(names, ","), KeyConflict, "another row has this key and differs; which is true is not known"}
}

// originOf reads the simulator's word on a row; nil: it gives none. Whatever it says that we do not know is not taken for
// real, and a simulator that says nothing, or that its row is published, is not either (invariant 11).
func (p *plan) originOf(raw []byte) uint8 {
	said, _ := unquote(raw)
	switch {
	case string(said) == "recorded":
		return originRecorded
	case !p.simulated && (raw == nil || string(said) == "published"):
		return originPublished
	}
	return originInvented
}

const maxPartitionLength = 128

// hiveNulls are the folder names that readers of hive partitions take for null: DuckDB the first, in any case, Hive,
// Athena and Spark the second.
var hiveNulls = []string{"null", "__hive_default_partition__"}

// pathSafe says whether a partition value can be part of a key, of a path and of a hive partition as it is.
func pathSafe(s string) bool {
	if s == "" || len(s) > maxPartitionLength || s[0] == '.' || slices.Contains(hiveNulls, strings.ToLower(s)) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}
