package marts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// The datasets that get years of data, and the number of years of the last benchmark of each.
const (
	population, populationYears = "population", 10
	services, serviceYears      = "social_services", 3

	firstPopulationYear = 2015
	firstServiceYear    = 2023
)

// benchLake is a lake whose snapshots the benchmark creates.
type benchLake struct {
	dir       string // state directory, absolute
	engine    duckdb.Engine
	contracts map[string]*contract.Contract
	base      map[string]*lake.Pointer // by dataset: the simulator's snapshot, from which the others are derived
}

// newBenchLake runs all datasets into a new lake.
func newBenchLake(ctx context.Context, dir, contracts string, engine duckdb.Engine) (*benchLake, error) {
	result, err := pipeline.Run(ctx, pipeline.Options{Settings: pipeline.Settings{Dir: dir, Note: "bench"},
		Contracts: contracts, By: "bench"})
	if err != nil {
		return nil, err
	}
	if !result.Good() {
		return nil, fmt.Errorf("llac run failed: %+v", result.Datasets)
	}
	all, err := pipeline.LoadContracts(contracts)
	if err != nil {
		return nil, err
	}
	w := &benchLake{dir: dir, engine: engine, contracts: map[string]*contract.Contract{}, base: map[string]*lake.Pointer{}}
	return w, w.within(ctx, func(store lake.Store) error {
		for _, c := range all {
			w.contracts[c.Dataset] = c
			if w.base[c.Dataset], _, err = lake.ReadPointer(ctx, store, c.Dataset); err != nil {
				return err
			}
			if w.base[c.Dataset] == nil {
				return fmt.Errorf("%s is not published", c.Dataset)
			}
		}
		return nil
	})
}

// within opens the lake for the duration of f, because llac opens it itself.
func (w *benchLake) within(ctx context.Context, f func(lake.Store) error) error {
	cloud, err := pipeline.Open(ctx, w.dir, "bench")
	if err != nil {
		return err
	}
	return errors.Join(f(cloud.Lake()), cloud.Close())
}

// exact returns the query of the simulator's snapshot of a dataset.
func (w *benchLake) exact(dataset string) string {
	return "(" + ledger.Exact(w.base[dataset], w.contracts[dataset], func(key string) string { return pipeline.Place(w.dir, key) }) + ")"
}

// hour is the time of day at which the register is fetched.
const hour = 5 * time.Hour

// snapshot is one snapshot to create: a query for its rows, with the columns of the files first and those of the
// partitions last.
type snapshot struct{ slot, query string }

// publish creates snapshots of a dataset and makes them current one after another. Each supersedes the one before; the
// first supersedes the current one if supersede is set. before are statements that the queries need.
func (w *benchLake) publish(ctx context.Context, dataset string, before []string, snapshots []snapshot, supersede bool) error {
	folder := filepath.Join(w.dir, "made")
	defer os.RemoveAll(folder)
	c := w.contracts[dataset]
	job := duckdb.Job{Statements: before}
	for _, s := range snapshots {
		to := filepath.Join(folder, s.slot)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		job.Statements = append(job.Statements, "copy ("+s.query+") to "+duckdb.Text(to)+" (format parquet, compression zstd, "+
			"partition_by ("+strings.Join(c.Partition, ", ")+"), overwrite_or_ignore)")
	}
	if _, err := w.engine.Run(ctx, job); err != nil {
		return fmt.Errorf("create snapshots of %s: %w", dataset, err)
	}
	return w.within(ctx, func(store lake.Store) error {
		for i, s := range snapshots {
			objects, err := w.put(ctx, store, dataset, s.slot, filepath.Join(folder, s.slot))
			if err != nil {
				return err
			}
			if err := w.point(ctx, store, dataset, s.slot, objects, supersede || i > 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// put writes the files of a snapshot to the lake.
func (w *benchLake) put(ctx context.Context, store lake.Store, dataset, slot, folder string) ([]lake.CandidateObject, error) {
	columns := w.contracts[dataset].Partition
	files, err := filepath.Glob(filepath.Join(folder, strings.Repeat("*/", len(columns)), "*.parquet"))
	if err != nil {
		return nil, err
	}
	var out []lake.CandidateObject
	for _, file := range files {
		relative, err := filepath.Rel(folder, filepath.Dir(file))
		if err != nil {
			return nil, err
		}
		var partition []lake.PartitionValue
		for part := range strings.SplitSeq(filepath.ToSlash(relative), "/") {
			column, value, _ := strings.Cut(part, "=")
			partition = append(partition, lake.PartitionValue{Column: column, Value: value})
		}
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		info, err := store.Put(ctx, lake.StagingKey(dataset, slot, "bench", partition), body)
		if err != nil {
			return nil, err
		}
		out = append(out, lake.CandidateObject{Object: info.Object(), Partition: partition})
	}
	if out == nil {
		return nil, fmt.Errorf("snapshot %s of %s has no rows", slot, dataset)
	}
	return out, nil
}

// point moves the pointer of a dataset, and keeps the old one as history if keep is set.
func (w *benchLake) point(ctx context.Context, store lake.Store, dataset, slot string, objects []lake.CandidateObject, keep bool) error {
	old, etag, err := lake.ReadPointer(ctx, store, dataset)
	if err != nil {
		return err
	}
	p := *w.base[dataset]
	p.Snapshot, p.RunID, p.Previous, p.PreviousObject = slot, slot, "", nil
	p.Parts = []lake.PointerPart{{PublishedPart: events.PublishedPart{RunID: slot}, Objects: objects}}
	if keep {
		p.Previous = old.Snapshot
		if _, err := store.Put(ctx, lake.HistoryKey(dataset, old.Snapshot), lake.Encode(old)); err != nil {
			return err
		}
	}
	_, err = store.CompareAndSwap(ctx, lake.PointerKey(dataset), lake.Encode(p), etag)
	return err
}

// publishPopulation publishes the population on the given number of 1 Januaries and the one after them, which gives
// that many years of months plus one month. Municipalities grow by ten in a thousand per year, in whole persons, and
// add up to the total.
func (w *benchLake) publishPopulation(ctx context.Context, years int) error {
	slot := fmt.Sprintf("20260101T00%02d00", years)
	var all []string
	for year := firstPopulationYear; year <= firstPopulationYear+years; year++ {
		all = append(all, fmt.Sprintf(`
select base.* exclude (year) replace (
    cast(figures.people as bigint) as population, 'invented' as data_origin, '%[2]s' as ingested_process_at
  ), %[1]d as year
from base
inner join (
  select if(grouping(territory_id) = 1, 'TOTAL', territory_id) as territory_id, if(grouping(sex) = 1, 'total', sex) as sex, `+
			`sum(people) as people
  from (
    select territory_id, sex, population * (%[3]d + length(territory_name) %% 7) // 1000 as people
    from base
    where sex <> 'total' and territory_id <> 'TOTAL'
  )
  group by cube (territory_id, sex)
) as figures using (territory_id, sex)`, year, slot, 900+10*(year-firstPopulationYear)))
	}
	base := "create table base as from " + w.exact(population) + " qualify year = max(year) over ()"
	return w.publish(ctx, population, []string{base}, []snapshot{{slot, strings.Join(all, " union all ")}}, false)
}

// registerDays returns the first days of all months of the given years and of the month after them.
func registerDays(years int) []time.Time {
	var out []time.Time
	for m := range 12*years + 1 {
		out = append(out, time.Date(firstServiceYear, time.January+time.Month(m), 1, 0, 0, 0, 0, time.UTC))
	}
	return out
}

// publishServices publishes the register on the given days; number is the index of the first of them. The register is
// the simulator's plus half of it again in other municipalities, which gives a little more than ten thousand rows of
// the fact per day. From one snapshot to the next, five in a thousand services appear and as many disappear.
func (w *benchLake) publishServices(ctx context.Context, days []time.Time, number int) error {
	pool := []string{
		`create table towns as
select municipality_id, municipality_name, comarca_name, row_number() over (order by municipality_id) - 1 as town
from ` + w.exact("municipalities") + ` where municipality_id not like '99%'`,
		"create table base as select *, row_number() over (order by social_service_register_id) as service from " + w.exact(services),
		`create table pool as
select * from base
union all
select base.* replace (
    'S' || (50000 + service) as social_service_register_id, towns.municipality_id as municipality_id, towns.municipality_name ` +
			`as municipality_name,
    towns.comarca_name as comarca_name, 'exact_in_group' as municipality_match_method, cast(1 as double) as municipality_match_confidence,
    '00' as district_id, service + 50000 as service
  )
from base
inner join towns on towns.town = base.service * 31 % (select count(*) from towns)
where service % 2 = 0`,
	}
	var all []snapshot
	for i, day := range days {
		slot := lake.Slot(day.Add(hour))
		all = append(all, snapshot{slot, fmt.Sprintf("select * exclude (service) replace (%s as ingested_process_at) from pool "+
			"where (service * 7919 + %d) %% 997 >= 50 order by social_service_register_id",
			duckdb.Text(slot), 5*(number+i))})
	}
	return w.publish(ctx, services, pool, all, number > 0)
}
