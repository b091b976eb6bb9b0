package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/services/stager/matching"
)

// plan is a contract compiled for staging. It does not contain fields that are not staged: their values are never read.
type plan struct {
	columns   []*column        // staged columns in contract order
	bySource  map[string][]int // source field to the columns derived from it
	key       []int            // columns of the key, in key order
	partition []int            // columns of the partition, in order
	files     []int            // columns inside the files: all but the partition columns
	sliceBy   int              // the column that must equal the run's slice; -1 if none
	slice     string
	simulated bool // the source system is not an official portal
	exposed   []exposed
	shown     []int // by column: the index in worker.raw of its source value if the quarantine may show it, otherwise -1
	fallbacks []int // columns that have a default
	rules     []rule
	byName    map[string]int // column by name
	runDate   time.Time      // of the run's slot; zero if it has none
	matches   []match
	names     []nameColumn
	raws      int // values per record in worker.raw: one per column, and the name of each match
}

// exposed is a source field whose values a quarantine row may contain.
type exposed struct {
	name []byte // as in JSON, quoted and with its colon
	raw  int    // index of its value in worker.raw
}

// newPlan compiles a contract for the run of a slice.
func newPlan(c *contract.Contract, slice string, finders map[string]matching.Finder) (*plan, error) {
	p := &plan{bySource: map[string][]int{}, sliceBy: -1, slice: slice}
	personal, hidden := map[string]string{}, map[string]bool{}
	for _, f := range c.Fields {
		if f.Personal() {
			personal[f.Source] = f.Name
		}
		if !f.Derived() && (!f.Staged || !isPublic(f)) {
			hidden[f.Source] = true
		}
	}
	if err := p.addColumns(c, personal); err != nil {
		return nil, err
	}
	if err := p.prepareMatches(finders); err != nil {
		return nil, err
	}
	if err := p.prepareNames(c); err != nil {
		return nil, err
	}
	p.expose(hidden)
	var err error
	if p.key, err = p.columnIndexes(c.Key, "key"); err != nil {
		return nil, err
	}
	if p.partition, err = p.columnIndexes(c.Partition, "partition"); err != nil {
		return nil, err
	}
	if len(p.fallbacks) > 64 {
		return nil, fmt.Errorf("the contract of %s has %d columns with a default, at most 64 are possible", c.Dataset, len(p.fallbacks))
	}
	if len(p.files) == 0 {
		return nil, fmt.Errorf("the contract of %s stages no column inside its files; stage one that is not a partition column",
			c.Dataset)
	}
	return p, nil
}

// addColumns adds the staged columns. personal names the column that classifies a source field as personal.
func (p *plan) addColumns(c *contract.Contract, personal map[string]string) error {
	for _, f := range c.Fields {
		// Invariant 8: a personal field is never staged, whatever else the contract declares.
		if f.Personal() || !f.Staged {
			continue
		}
		if as, ok := personal[f.Source]; ok {
			return fmt.Errorf("column %s uses the source field that column %s classifies as personal; correct the contract",
				f.Name, as)
		}
		at := len(p.columns)
		inKey, inPartition := slices.Contains(c.Key, f.Name), slices.Contains(c.Partition, f.Name)
		col, err := newColumn(f, inKey || inPartition)
		if err != nil {
			return err
		}
		col.inKey = inKey
		if col.fallback != nil {
			p.fallbacks = append(p.fallbacks, at)
		}
		col.folder = inPartition || c.Slicing != nil && c.Slicing.Column == f.Name
		p.columns = append(p.columns, col)
		if f.Match == nil && !f.Derived() {
			p.bySource[f.Source] = append(p.bySource[f.Source], at)
		}
		if !inPartition {
			p.files = append(p.files, at)
		}
		if c.Slicing != nil && c.Slicing.Column == f.Name && p.slice != "" {
			p.sliceBy = at
		}
	}
	return nil
}

// expose sets the source fields that a quarantine row may contain: all staged ones that are not hidden.
func (p *plan) expose(hidden map[string]bool) {
	p.shown = slices.Repeat([]int{-1}, len(p.columns))
	once := map[string]bool{}
	for i, col := range p.columns {
		if col.field.Derived() {
			continue
		}
		column := i
		if col.match > 0 {
			i = p.matches[col.match-1].name
		}
		s := col.field.Source
		if hidden[s] {
			continue
		}
		p.shown[column] = i
		if !once[s] {
			once[s] = true
			p.exposed = append(p.exposed, exposed{append(appendJSON(nil, s), ':'), i})
		}
	}
}

func isPublic(f contract.Field) bool { return f.Classification == "" || f.Classification == "public" }

func (p *plan) columnIndexes(names []string, role string) ([]int, error) {
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

// Data origins, by index in originNames: what the simulator declares for a row (source.Origin), and "published" for all
// others.
const (
	originPublished = iota
	originRecorded
	originInvented
)

var originNames = [...]string{"published", "recorded", "invented"}

// checkPlacement returns why a row of valid values cannot be staged: its partition or its slice.
func (p *plan) checkPlacement(cells []cell) *rejection {
	for _, at := range p.partition {
		if !cells[at].folder.safe {
			return p.columns[at].reject(BadPartition, wantFolderName)
		}
	}
	if p.sliceBy >= 0 && (cells[p.sliceBy].null || cells[p.sliceBy].folder.name != p.slice) {
		return p.columns[p.sliceBy].reject(WrongSlice, "want "+p.slice+", the slice this run is for")
	}
	return nil
}

// conflict returns the rejection of a row whose key another, different row has.
func (p *plan) conflict() *rejection {
	names := make([]string, len(p.key))
	for i, at := range p.key {
		names[i] = p.columns[at].field.Name
	}
	return &rejection{strings.Join(names, ","), KeyConflict, "another row has this key and differs; which is true is not known"}
}

// originOf reads the origin that the simulator declares for a row; nil if it declares none. An unknown origin counts as
// invented, and so does a simulator's row without an origin or with origin "published" (invariant 11).
func (p *plan) originOf(raw []byte) uint8 {
	origin, _ := unquote(raw)
	switch {
	case string(origin) == "recorded":
		return originRecorded
	case !p.simulated && (raw == nil || string(origin) == "published"):
		return originPublished
	}
	return originInvented
}

const maxPartitionLength = 128

var wantFolderName = fmt.Sprintf("want a folder name: 1 to %d of A-Z, a-z, 0-9, '.', '_' and '-', not starting with '.' "+
	"and not a word that readers take for null", maxPartitionLength)

// hiveNulls are the folder names that readers of Hive partitions read as null: DuckDB the first, in any case; Hive,
// Athena and Spark the second.
var hiveNulls = []string{"null", "__hive_default_partition__"}

// pathSafe reports whether a partition value can be used unchanged in an object key, a path and a Hive partition.
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
