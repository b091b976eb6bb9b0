package portal

import (
	"fmt"
	"slices"
	"time"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
)

// Add publishes a dataset of rows on the portal of a kind, or replaces the one with the same id by a new version. It
// copies the rows.
func (p *Portal) Add(kind string, d Dataset) error {
	k, err := portals.All.Find(kind)
	if err != nil {
		return fmt.Errorf("add dataset %q: %w", d.ID, err)
	}
	p.publishing.Lock()
	defer p.publishing.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if d.Package == "" {
		d.Package = d.ID
	}
	s, err := newSeries(d, k.ID, p.options.UpdatedAt, p.series[kind][d.ID])
	if err != nil {
		return err
	}
	if p.series[kind] == nil {
		p.series[kind] = map[string]*series{}
	}
	p.series[kind][d.ID] = s
	return nil
}

// AddTable publishes a table on the Idescat portal, or replaces the table with the same id.
func (p *Portal) AddTable(t Table) error {
	if err := t.check(); err != nil {
		return fmt.Errorf("add %w", err)
	}
	t = t.clone()
	if t.Updated == "" {
		t.Updated = p.options.UpdatedAt.Format(time.DateOnly)
	}
	p.publishing.Lock()
	defer p.publishing.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tables[t.ID] == nil {
		p.order = append(p.order, t.ID)
	}
	p.tables[t.ID] = &t
	return nil
}

// Republish publishes a new version of a Socrata dataset or a CKAN resource: mutate receives a copy of the rows and
// returns those of the new version; nil keeps the rows. ETag, Last-Modified, every :id and :updated_at
// change, and a field that no column names becomes a new text column.
func (p *Portal) Republish(dataset string, mutate func(rows []Row) []Row) error {
	return p.republish(dataset, false, func(v *version) *version {
		next := &version{columns: v.columns, rows: copyRows(v.rows)}
		if mutate != nil {
			next.rows = mutate(next.rows)
		}
		next.columns = columnsOf(next.columns, next.rows)
		return next
	})
}

// republish publishes a new version of the rows of a dataset; a silent one has the number and the time of the version before.
func (p *Portal) republish(dataset string, silent bool, next func(*version) *version) error {
	p.publishing.Lock()
	defer p.publishing.Unlock()
	p.mu.Lock()
	var s *series
	for _, datasets := range p.series {
		if found := datasets[dataset]; found != nil {
			s = found
		}
	}
	if s == nil {
		p.mu.Unlock()
		return fmt.Errorf("republish %q: unknown dataset or resource; use RepublishTable for tables", dataset)
	}
	now := s.now
	p.mu.Unlock()
	now.ready()
	made := next(now) // without the lock: the mutate of a test may call the portal
	p.mu.Lock()
	defer p.mu.Unlock()
	s.republish(made.columns, made.rows)
	if silent {
		s.now.number, s.now.updated = now.number, now.updated
	}
	return nil
}

// RepublishTable publishes a new version of an Idescat table: mutate receives a copy; nil keeps it. Its
// updated date advances by a day, unless mutate sets a later one.
func (p *Portal) RepublishTable(id string, mutate func(t Table) Table) error {
	return p.republishTable(id, false, mutate)
}

// republishTable publishes a new version of a table; a silent one keeps its date.
func (p *Portal) republishTable(id string, silent bool, mutate func(t Table) Table) error {
	p.publishing.Lock()
	defer p.publishing.Unlock()
	p.mu.Lock()
	now := p.tables[id]
	p.mu.Unlock()
	if now == nil {
		return fmt.Errorf("republish table %q: unknown table", id)
	}
	next := now.clone()
	if mutate != nil {
		next = mutate(next)
	}
	next.ID = id
	if err := next.check(); err != nil {
		return fmt.Errorf("republish %w", err)
	}
	if next.Updated <= now.Updated && !silent {
		day, err := time.Parse(time.DateOnly, now.Updated)
		if err != nil {
			return fmt.Errorf("republish table %q: updated %q is not a date", id, now.Updated)
		}
		next.Updated = day.AddDate(0, 0, 1).Format(time.DateOnly)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tables[id] = &next
	return nil
}

// The names of the changes of RepublishAs.
const (
	ChangeNothing = "touch"  // a new version with the same content
	ChangeEdit    = "edit"   // the first row gets another text, or the first cell another value
	ChangeShrink  = "shrink" // removes the second half
	ChangeEmpty   = "empty"
	ChangeAdd     = "add-field"  // adds Field to every row; to a table, a dimension
	ChangeDrop    = "drop-field" // removes Field from every row; from a table, a dimension
	ChangeSilent  = "silent"     // ChangeEdit, without another date, time or entity tag
)

// RepublishAs publishes a new version with a named change. Only ChangeAdd and ChangeDrop use field; empty: the default of
// Fault.Field.
func (p *Portal) RepublishAs(dataset, change, field string) error {
	kind, known := map[string]FaultKind{
		ChangeNothing: "", ChangeEdit: editView, ChangeShrink: Shrink, ChangeEmpty: EmptyDataset,
		ChangeAdd: AddField, ChangeDrop: DropField, ChangeSilent: editView,
	}[change]
	if !known {
		return fmt.Errorf("republish %q: unknown change %q; use touch, edit, shrink, empty, add-field, drop-field, silent",
			dataset, change)
	}
	view := Fault{Kind: kind, Field: field}
	p.mu.Lock()
	isTable := p.tables[dataset] != nil
	p.mu.Unlock()
	silent := change == ChangeSilent
	if isTable {
		return p.republishTable(dataset, silent, func(t Table) Table { return viewTable(t, view) })
	}
	return p.republish(dataset, silent, func(v *version) *version { return viewRows(v, view) })
}

// published returns the version of a dataset that is served now, or nil, and the dataset's description.
func (p *Portal) published(kind, id string) (*version, Dataset) {
	p.mu.Lock()
	s := p.series[kind][id]
	if s == nil {
		p.mu.Unlock()
		return nil, Dataset{}
	}
	now, about := s.now, s.about
	p.mu.Unlock()
	now.ready() // without the lock: it may take a while
	return now, about
}

// viewRows returns a version as changed by a fault of the data; other faults do not change it.
func viewRows(v *version, f Fault) *version {
	view := &version{number: v.number, updated: v.updated, columns: v.columns, rows: v.rows, origin: v.origin,
		salt: v.salt + string(f.Kind) + f.Field}
	field := f.Field
	if field == "" && len(v.columns) > 0 {
		field = v.columns[0].Name
	}
	alter := func(change func(Row)) {
		count := f.Rows
		if count <= 0 || count > len(v.rows) {
			count = len(v.rows)
		}
		view.rows = slices.Clone(v.rows)
		copy(view.rows, copyRows(v.rows[:count]))
		for _, r := range view.rows[:count] {
			change(r)
		}
	}
	switch f.Kind {
	case EmptyDataset:
		view.rows = nil
	case Shrink:
		view.rows = v.rows[:(len(v.rows)+1)/2]
	case AddField:
		if f.Field == "" {
			field = "camp_nou"
		}
		alter(func(r Row) { r[field] = "x" })
		view.columns = columnsOf(v.columns, []Row{{field: "x"}})
	case DropField:
		alter(func(r Row) { delete(r, field) })
		if f.Rows <= 0 {
			view.columns = slices.DeleteFunc(slices.Clone(v.columns), func(c Column) bool { return c.Name == field })
		}
	case RetypeField:
		alter(func(r Row) {
			if r[field] != nil {
				r[field] = retyped(r[field])
			}
		})
		if f.Rows <= 0 {
			view.columns = slices.Clone(v.columns)
			for i := range view.columns {
				if view.columns[i].Name == field {
					view.columns[i].Type = "json"
				}
			}
		}
	case HugeString:
		f.Rows = max(f.Rows, 1)
		text := hugeText()
		alter(func(r Row) { r[field] = text })
	case editView:
		f.Rows = 1
		alter(func(r Row) { r[field] = fmt.Sprint(r[field], " (editat)"); delete(r, source.Origin) })
	default:
		return v
	}
	return view
}

// viewTable returns a table as changed by a fault of the data.
func viewTable(t Table, f Fault) Table {
	t = t.clone()
	geo := max(t.withRole("geo"), 0)
	keep := make([][]int, len(t.Dimensions))
	for i, d := range t.Dimensions {
		for j := range d.Categories {
			keep[i] = append(keep[i], j)
		}
	}
	switch f.Kind {
	case EmptyDataset:
		keep[geo] = nil
		return t.selectCategories(keep)
	case Shrink:
		keep[geo] = keep[geo][:(len(keep[geo])+1)/2]
		return t.selectCategories(keep)
	case AddField:
		id := f.Field
		if id == "" {
			id = "NOU"
		}
		t.Dimensions = append(t.Dimensions, Dimension{ID: id, Label: "dimensió nova", Categories: []Category{{"TOTAL", "total"}}})
	case DropField:
		at := t.dimension(f.Field)
		if at < 0 {
			at = max(t.dimension("SEX"), 0)
		}
		if n := len(keep[at]); n > 0 {
			keep[at] = keep[at][n-1:]
		}
		t = t.selectCategories(keep)
		t.Dimensions = slices.Delete(t.Dimensions, at, at+1)
	case HugeString:
		if c := t.Dimensions[geo].Categories; len(c) > 0 {
			c[0].Label = hugeText()
		}
	case RetypeField:
		for i := range t.Cells {
			if f.Rows <= 0 || i < f.Rows {
				t.Cells[i].asText = true
			}
		}
	case editView:
		if len(t.Cells) > 0 {
			t.Cells[0] = Cell{Value: t.Cells[0].Value + 1}
		}
	}
	return t
}
