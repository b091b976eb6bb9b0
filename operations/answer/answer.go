package answer

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/views"
	"github.com/llac-project/llac/platform/lake"
)

// The marts that are queried.
const (
	trends = "agg_population_trends_yearly"
	places = "dim_municipalities"
)

// comarques is the number of comarques; an answer with fewer would be a part that looks like the whole.
const comarques = 43

// Change is the answer: the comarques by growth, fastest first.
type Change struct {
	From        int       `json:"from"` // 1 January of this year
	To          int       `json:"to"`   // to 1 January of this
	Start       int64     `json:"population_start"`
	End         int64     `json:"population_end"`
	Comarques   []Comarca `json:"comarques"`
	Origin      string    `json:"data_origin"` // "published" or "recorded": the weaker one of all rows
	Source      string    `json:"source_system"`
	Simulated   bool      `json:"simulated"`
	Attribution []string  `json:"attribution"`
	UpdatedAt   string    `json:"source_updated_at,omitempty"`
	Build       string    `json:"build"`
	Query       string    `json:"query"` // for `llac sql`, which returns the comarques
}

// Comarca is one comarca's change.
type Comarca struct {
	Name    string  `json:"comarca_name"`
	Start   int64   `json:"population_start"`
	End     int64   `json:"population_end"`
	Change  int64   `json:"population_change"`
	Percent float64 `json:"population_change_pct"`
}

// RefusedError reports why there is no answer.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// query selects facts only. People read it, so it is written out.
const query = `select comarca_name, population_start, population_end, population_change, population_change_pct
from ` + trends + `
join (select distinct comarca_id, comarca_name from ` + places + ` where is_current) on comarca_id = geography_id
where geography_type = 'comarca' and year = %d and data_origin in ('recorded', 'published')
order by population_change_pct desc, comarca_name`

// standing returns, for the latest year with a change, the number of rows and of which kind they are.
const standing = `select year, count(*), count(population_change), count(*) filter (data_origin not in ('recorded', ` +
	`'published') or data_origin is null),
  max(case when data_origin = 'recorded' then 'recorded' end)
from marts.` + trends + ` where geography_type = 'comarca' group by year having count(population_change) > 0 order by year desc`

// Population returns the answer; nil if the marts do not have the figures. The error is a *RefusedError if they have figures
// that must not be shown.
func Population(ctx context.Context, e duckdb.Engine, t views.Tables) (*Change, error) {
	mart, named := t.Find(views.Marts+"."+trends), t.Find(views.Marts+"."+places)
	if mart == nil || named == nil {
		return nil, nil
	}
	for _, table := range []*views.Table{mart, named} {
		if table.Broken != "" {
			return nil, &RefusedError{"read " + table.Name + ": " + table.Broken}
		}
		if table.Kind == "dimension" && table.Origins["invented"] > 0 { // their names are not facts
			return nil, refuse("rows of %s are invented", table.Name)
		}
	}
	year, origin, err := latest(ctx, e, mart)
	if err != nil || year == 0 {
		return nil, err
	}
	c := &Change{
		From: year, To: year + 1, Origin: origin, Source: mart.Source, Simulated: lake.Origin(mart.Source).Simulated(),
		Build:       mart.Snapshot,
		Attribution: mart.Attribution, UpdatedAt: mart.UpdatedAt, Query: fmt.Sprintf(query, year),
	}
	// The figures come from one of the datasets that the mart is built from.
	if p := t.Find(views.Staging + ".population"); p != nil && p.Snapshot == mart.Snapshots["population"] {
		c.Attribution, c.UpdatedAt = p.Attribution, cmp.Or(p.UpdatedAt, mart.UpdatedAt)
	}
	if c.Comarques, err = ask(ctx, e, t, c.Query); err != nil {
		return nil, err
	}
	if len(c.Comarques) != comarques {
		return nil, refuse("there are figures of %d of the %d comarques for %d", len(c.Comarques), comarques, year)
	}
	for _, one := range c.Comarques {
		c.Start, c.End = c.Start+one.Start, c.End+one.End
	}
	return c, nil
}

func refuse(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

// latest finds the latest year with a known change, and checks that all its rows are facts (invariant 11).
func latest(ctx context.Context, e duckdb.Engine, mart *views.Table) (year int, origin string, err error) {
	rows, err := e.Run(ctx, duckdb.Job{
		Statements: []string{"create schema marts", "create view marts." + trends + " as " + mart.Query}, Query: standing, Limit: 1,
	})
	if err != nil {
		return 0, "", fmt.Errorf("find the latest year in %s: %w", mart.Name, err)
	}
	if len(rows.Values) == 0 {
		return 0, "", nil
	}
	row := rows.Values[0]
	year, all, known, invented := int(whole(row[0])), whole(row[1]), whole(row[2]), whole(row[3])
	switch {
	case invented > 0:
		return 0, "", refuse("the figures of %d of the %d comarques for %d are invented", invented, all, year)
	case known != all:
		return 0, "", refuse("the figures of %d of the %d comarques for %d are unknown", all-known, all, year)
	}
	origin, _ = row[4].(string)
	return year, cmp.Or(origin, "published"), nil
}

// ask executes the query as `llac sql` does.
func ask(ctx context.Context, e duckdb.Engine, t views.Tables, query string) ([]Comarca, error) {
	asked := slices.DeleteFunc(t.Views(), func(v duckdb.View) bool { return v.Schema != views.Marts })
	report, err := e.Look(ctx, duckdb.Look{Views: asked, Statements: &query, Format: "rows", Limit: 0}, duckdb.Streams{})
	if err != nil {
		return nil, err
	}
	if report.Error != nil {
		return nil, fmt.Errorf("query %s: %w", trends, report.Error)
	}
	var out []Comarca
	for _, row := range report.Results[0].Values {
		name, _ := row[0].(string)
		percent, err := strconv.ParseFloat(fmt.Sprint(row[4]), 64)
		if name == "" || err != nil {
			return nil, refuse("%s has an unreadable row: %v", trends, row)
		}
		c := Comarca{Name: name, Start: whole(row[1]), End: whole(row[2]), Change: whole(row[3]), Percent: percent}
		if c.End-c.Start != c.Change {
			return nil, refuse("the change of %s, %d, is not that from %d to %d", c.Name, c.Change, c.Start, c.End)
		}
		out = append(out, c)
	}
	return out, nil
}

// whole is a whole number of an answer; any other value counts as 0.
func whole(v any) int64 {
	switch v := v.(type) {
	case json.Number:
		n, _ := v.Int64()
		return n
	case string: // beyond what JSON keeps
		n, _ := strconv.ParseInt(v, 10, 64)
		return n
	}
	return 0
}
