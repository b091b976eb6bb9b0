package marts

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/platform/contract/gluetable"
	"github.com/llac-project/llac/platform/lake"
)

// ownSystem is the source system of rows that the project itself carries: the calendar, the seeds.
const ownSystem = "llac"

// measure fills in the pointer's entry of every mart, from the tables as they were made. A mart that could not be made keeps
// its published entry.
func (b *build) measure(ctx context.Context) error {
	b.next = &lake.MartsPointer{
		Build: b.id, Project: b.plan.Project, Code: b.Code, Snapshots: b.read, Previous: b.record.Previous,
	}
	for _, m := range b.marts {
		if len(b.lineage.lacks(m.ID, b.isReadable)) > 0 {
			if kept := b.plan.mart(m.Name); kept != nil {
				b.next.Models = append(b.next.Models, *kept)
			}
			continue
		}
		entry := b.describe(m)
		if err := measure(ctx, b.session, &entry, m.Node); err != nil {
			return err
		}
		if err := checkOrigin(entry, b.plan.origin()); err != nil {
			return err
		}
		b.next.Models = append(b.next.Models, entry)
	}
	b.Failpoint(FailpointTested)
	return nil
}

// describe returns what the plan and the project state about a mart.
func (b *build) describe(m mart) lake.Mart {
	entry := lake.Mart{
		Name: m.Name, Kind: m.Kind, Grain: m.Grain, Description: m.Description, Build: b.id, Snapshots: map[string]string{},
		Model: m.Checksum,
	}
	for _, dataset := range b.lineage.list(m.ID) {
		s := b.plan.Snapshots[dataset]
		entry.Snapshots[dataset] = s.Snapshot
		entry.UpdatedAt = max(entry.UpdatedAt, s.Attribution["updated"])
		entry.Attribution = appendNew(entry.Attribution, s.Attribution["attribution"])
		entry.Licences = appendNew(entry.Licences, s.Attribution["licence"])
	}
	for id, r := range b.results {
		if r.isTest() && slices.Contains(b.lineage.nodes[id].DependsOn, m.ID) {
			entry.Tests++
		}
	}
	return entry
}

// appendNew appends a text that is not empty and not in the list yet.
func appendNew(list []string, text string) []string {
	if text == "" || slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

// measure fills in the columns, rows and origins of a mart from its table in the work schema.
func measure(ctx context.Context, s Session, m *lake.Mart, n Node) error {
	table := workSchema + "." + duckdb.Name(n.Name)
	columns, err := s.Query(ctx, "describe "+table, 0)
	if err != nil {
		return fmt.Errorf("read the columns of %s: %w", m.Name, err)
	}
	exists := map[string]bool{}
	for _, row := range columns.Values {
		name, _ := row[0].(string)
		kind, _ := row[1].(string)
		exists[name] = true
		// The cloud's tables are checked here too, or a model that works on this machine would fail there.
		if _, err := gluetable.OfDuckDB(name, kind, ""); err != nil {
			return fmt.Errorf("model %s: %w", n.Name, err)
		}
		m.Columns = append(m.Columns, lake.MartColumn{Name: name, Type: kind, Description: n.Columns[name]})
	}
	if !exists["source_system"] || !exists["data_origin"] { // Invariant 11
		return fmt.Errorf("model %s has no columns source_system and data_origin, which separate real rows from simulated ones; "+
			"add them", m.Name)
	}
	return measureOrigins(ctx, s, m, table)
}

// measureOrigins counts the rows of a table by where they come from.
func measureOrigins(ctx context.Context, s Session, m *lake.Mart, table string) error {
	origins, err := s.Query(ctx, "select source_system, data_origin, count(*)::varchar from "+table+" group by all order by all", 0)
	if err != nil {
		return fmt.Errorf("count the rows of %s: %w", m.Name, err)
	}
	m.DataOrigins = map[string]int64{}
	systems := map[string]bool{}
	for _, row := range origins.Values {
		system, _ := row[0].(string)
		origin, _ := row[1].(string)
		count, _ := row[2].(string)
		var rows int64
		if _, err := fmt.Sscan(count, &rows); err != nil {
			return fmt.Errorf("count the rows of %s: %w", m.Name, err)
		}
		if system == "" || origin == "" { // Invariant 11
			return fmt.Errorf("model %s has %d rows without an origin: source_system or data_origin is null", m.Name, rows)
		}
		m.Rows += rows
		m.DataOrigins[origin] += rows
		systems[system] = true
	}
	m.SourceSystem = weakest(systems)
	return nil
}

// weakest returns the source system of a mart as a whole: the simulator if any row is simulated. Rows of the project's own do
// not count.
func weakest(systems map[string]bool) string {
	var hosts []string
	simulated := ""
	for _, s := range slices.Sorted(maps.Keys(systems)) {
		switch {
		case lake.Origin(s) == lake.SimulatorOrigin:
			return s
		case lake.Origin(s).Simulated() && simulated == "":
			simulated = s
		case s != ownSystem:
			for host := range strings.SplitSeq(s, ", ") {
				if host != ownSystem {
					hosts = appendNew(hosts, host)
				}
			}
		}
	}
	if simulated != "" {
		return simulated
	}
	slices.Sort(hosts)
	return strings.Join(hosts, ", ")
}

// checkOrigin refuses a mart whose rows do not have the origin of its datasets.
func checkOrigin(m lake.Mart, datasets lake.Origin) error {
	if origin := lake.Origin(m.SourceSystem); origin != "" && !origin.Alike(datasets) { // Invariant 11
		return fmt.Errorf("the rows of %s have the source system %s, and its datasets are %s: fix source_system in the model",
			m.Name, m.SourceSystem, kind(datasets.Simulated()))
	}
	if m.SourceSystem == "" && len(m.Snapshots) > 0 && m.Rows > 0 { // Invariant 11
		return fmt.Errorf("no row of %s has the source system of %s: fix source_system in the model",
			m.Name, strings.Join(slices.Sorted(maps.Keys(m.Snapshots)), ", "))
	}
	return nil
}
