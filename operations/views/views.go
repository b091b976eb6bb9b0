package views

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// The schemas of the tables.
const (
	Staging    = "staging"
	Marts      = "marts"
	Quarantine = "quarantine"
)

// Lake is the lake that tables are read from.
type Lake struct {
	Data, Config lake.Store
	Place        func(key string) string   // returns the address of an object
	Command      func(words string) string // returns a command line to type next
}

// Table is a view with what must accompany its data.
type Table struct {
	duckdb.View
	Kind        string            // dataset, quarantine, dimension, fact, aggregate
	Grain       string            // "One row per …"
	Sources     []string          // addresses
	Attribution []string          // texts that must accompany the data
	Licences    []string          // with their addresses, if known
	UpdatedAt   string            // when the source was last updated, according to the source
	Snapshots   map[string]string // by dataset: the snapshots that it is built from
	Origins     map[string]int64  // rows by data_origin, if the pointer has them
	Refused     map[string]int64  // by column: cells that are null because the source's value is invalid; nil if none
	Notes       string            // what else readers must know
}

// Tables are the tables of a lake, and the datasets that have none.
type Tables struct {
	All         []Table // staging, then marts, then quarantine, by name
	Unpublished []string
	Build       string // of the marts; empty: none
}

// Views returns the tables for a query engine.
func (t Tables) Views() []duckdb.View {
	out := make([]duckdb.View, len(t.All))
	for i, table := range t.All {
		out[i] = table.View
	}
	return out
}

// Find returns the table with a name, with or without its schema, or nil. Quarantined rows are found only with the schema.
func (t Tables) Find(name string) *Table {
	for i, table := range t.All {
		if name == table.Schema+"."+table.Name || name == table.Name && table.Schema != Quarantine {
			return &t.All[i]
		}
	}
	return nil
}

// Read lists the tables of a lake. It checks that their files exist, and does not read them.
func Read(ctx context.Context, l Lake) (Tables, error) {
	var t Tables
	contracts := &runtime.ConfigContracts{Store: l.Config}
	var quarantined []Table
	names, err := ledger.Ledger{Lake: l.Data}.Published(ctx)
	if err != nil {
		return t, err
	}
	for _, name := range names {
		p, _, err := lake.ReadPointer(ctx, l.Data, name)
		if err != nil {
			return t, err
		}
		if p == nil {
			continue
		}
		table, refused, err := l.dataset(ctx, contracts, p)
		if err != nil {
			return t, err
		}
		t.All = append(t.All, table)
		quarantined = append(quarantined, refused...)
	}
	if err := l.marts(ctx, &t); err != nil {
		return t, err
	}
	t.All = append(t.All, quarantined...)
	inForce, _ := contracts.Current(ctx) // llac doctor reports contracts that cannot be read
	for _, c := range inForce {
		if !slices.Contains(names, c.Dataset) {
			t.Unpublished = append(t.Unpublished, c.Dataset)
		}
	}
	return t, nil
}

// marts adds the published marts to the tables, which have the datasets already.
func (l Lake) marts(ctx context.Context, t *Tables) error {
	pointer, _, err := lake.ReadMartsPointer(ctx, l.Data)
	if err != nil || pointer == nil {
		return err
	}
	t.Build = pointer.Build
	for _, m := range pointer.Models {
		mart := l.mart(ctx, m)
		for _, dataset := range slices.Sorted(maps.Keys(m.Snapshots)) {
			if of := t.Find(Staging + "." + dataset); of != nil {
				mart.Sources = append(mart.Sources, of.Sources...)
			}
		}
		t.All = append(t.All, mart)
	}
	return nil
}

// dataset returns the table of a published snapshot and, if it has quarantined rows, the table of these.
func (l Lake) dataset(ctx context.Context, contracts *runtime.ConfigContracts, p *lake.Pointer) (Table, []Table, error) {
	table := Table{
		View: duckdb.View{
			Schema: Staging, Name: p.Dataset, Rows: p.Rows, Source: p.SourceSystem,
			Simulated: lake.Origin(p.SourceSystem).Simulated(), Snapshot: p.Snapshot, Title: p.Dataset,
			Repair: l.Command("run --force "+p.Dataset) + " publishes it again",
		},
		Kind: "dataset", Snapshots: map[string]string{p.Dataset: p.Snapshot},
		Sources: some(p.Attribution["source"]), Attribution: some(p.Attribution["attribution"]), UpdatedAt: p.Attribution["updated"],
		Licences: some(strings.TrimSpace(p.Attribution["licence"] + " " + p.Attribution["licence_url"])),
	}
	for column, c := range p.Cells() {
		if c.Refused > 0 {
			if table.Refused == nil {
				table.Refused = map[string]int64{}
			}
			table.Refused[column] = c.Refused
		}
	}
	for _, part := range p.Parts {
		for _, o := range part.Objects {
			l.add(ctx, &table.View, o.Object)
		}
	}
	c, err := contracts.Load(ctx, p.ContractSHA256)
	if err != nil {
		table.Broken = fmt.Sprintf("read its contract: %v", err)
		return table, nil, ctx.Err()
	}
	table.Query, table.Title, table.Grain, table.Columns = ledger.Exact(p, c, l.Place), c.Title, c.Grain, columns(c)
	refused, err := l.quarantine(ctx, table, p)
	return table, refused, err
}

// columns returns the columns of a staged table, in the order of ledger.Exact.
func columns(c *contract.Contract) []duckdb.ViewColumn {
	var out []duckdb.ViewColumn
	for _, f := range slices.Concat(arrowschema.InFiles(c), arrowschema.InPath(c)) {
		out = append(out, duckdb.ViewColumn{Name: f.Name, Description: f.Description})
	}
	return out
}

// quarantine returns the table of the quarantined rows of a published snapshot.
func (l Lake) quarantine(ctx context.Context, of Table, p *lake.Pointer) ([]Table, error) {
	v := duckdb.View{
		Schema: Quarantine, Name: of.Name, Source: of.Source, Simulated: of.Simulated, Snapshot: of.Snapshot, Repair: of.Repair,
		Title: "Quarantined rows and refused cells of " + of.Name + ", with page, position and reason",
	}
	for _, part := range p.Parts {
		c, err := lake.ReadDocument[lake.Candidate](ctx, l.Data, part.Candidate)
		if err != nil { // reading the published rows does not need it
			v.Broken = err.Error()
			continue
		}
		if c.Quarantine != nil {
			v.Rows += c.Quarantined + lake.TotalCells(c.Cells).Refused
			l.add(ctx, &v, *c.Quarantine)
		}
	}
	if len(v.Files) == 0 {
		return nil, ctx.Err()
	}
	v.Query = "SELECT * FROM " + duckdb.Files(v.Files)
	return []Table{{View: v, Kind: "quarantine", Grain: "One row per quarantined row or refused cell.", Snapshots: of.Snapshots,
		Sources: of.Sources, Attribution: of.Attribution, Licences: of.Licences, UpdatedAt: of.UpdatedAt}}, nil
}

func (l Lake) mart(ctx context.Context, m lake.Mart) Table {
	t := Table{
		View: duckdb.View{
			Schema: Marts, Name: m.Name, Rows: m.Rows, Source: m.SourceSystem,
			Simulated: lake.Origin(m.SourceSystem).Simulated(), Snapshot: m.Build, Title: m.Grain,
			Repair: l.Command("marts") + " builds it again",
		},
		Kind: m.Kind, Grain: m.Grain, Attribution: m.Attribution, Licences: m.Licences, UpdatedAt: m.UpdatedAt,
		Snapshots: m.Snapshots, Origins: m.DataOrigins, Notes: m.Description,
	}
	for _, o := range m.Objects {
		l.add(ctx, &t.View, o)
	}
	for _, c := range m.Columns {
		t.Columns = append(t.Columns, duckdb.ViewColumn{Name: c.Name, Description: c.Description})
	}
	t.Query = "SELECT * FROM " + duckdb.Files(t.Files)
	return t
}

// add adds a file to a view, and marks the view as broken if the file is not the published one.
func (l Lake) add(ctx context.Context, v *duckdb.View, o events.Object) {
	v.Files = append(v.Files, l.Place(o.Key))
	if v.Broken != "" {
		return // one broken file is enough
	}
	r, info, err := l.Data.Open(ctx, o.Key)
	switch {
	case errors.Is(err, lake.ErrNotFound):
		v.Broken = l.Place(o.Key) + " is missing"
	case err != nil:
		v.Broken = err.Error()
	default:
		_ = r.Close() // nothing was read
		if info.Size != o.Size {
			v.Broken = fmt.Sprintf("%s has %d bytes; %d were published", l.Place(o.Key), info.Size, o.Size)
		}
	}
}

// some returns a list of one text; none if it is empty.
func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
