package catalogue_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/catalogue/cataloguetest"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

const (
	slot1 = cataloguetest.Slot1
	slot2 = cataloguetest.Slot2
)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	cataloguetest.Conformance(t, func(*testing.T) cataloguetest.Glue {
		return cataloguetest.Glue{API: &cataloguetest.Memory{Database: "llac_test_staging", PageSize: 7}, Database: "llac_test_staging"}
	})
}

func open(t *testing.T, of func(*testing.T) *contract.Contract) (*cataloguetest.Tables, *cataloguetest.Memory) {
	t.Helper()
	g := &cataloguetest.Memory{Database: "db"}
	return cataloguetest.NewTables(t, cataloguetest.Glue{API: g, Database: "db"}, of(t)), g
}

// TestTheViewHasAthenasForm compares the view with the text that Athena writes, because no test runs Athena.
func TestTheViewHasAthenasForm(t *testing.T) {
	t.Parallel()
	w, g := open(t, cataloguetest.Partitioned)
	w.Publish(t, slot1, w.Part(slot1, "", "01"))
	w.Follow(t)
	public := g.Table("things")
	v, err := catalogue.ReadView(*public)
	if err != nil {
		t.Fatal(err)
	}
	lineage := `"source_system", "source_dataset_id", "source_updated_at", "data_origin", ` +
		`"ingested_process_at", "correlation_id", "source_page", "source_row", "refused_cells", "is_repaired"`
	if want := `SELECT "thing_id", "places", ` + lineage + `, "district_id" FROM "db"."things__20250801t063000"`; v.SQL != want {
		t.Errorf("the view is\n%s\nwant\n%s", v.SQL, want)
	}
	if v.Catalog != "awsdatacatalog" || v.Schema != "db" || v.Columns[1] != (catalogue.ViewColumn{Name: "places", Type: "bigint"}) ||
		v.Columns[len(v.Columns)-1] != (catalogue.ViewColumn{Name: "district_id", Type: "varchar"}) {
		t.Errorf("view %+v", v)
	}
	if aws.ToString(public.ViewExpandedText) != "/* Presto View */" || public.Parameters["comment"] != "Presto View" ||
		len(public.PartitionKeys) != 0 ||
		aws.ToString(public.StorageDescriptor.Columns[1].Type) != "bigint" {
		t.Errorf("public table %+v", public)
	}
	snapshot := g.Table("things__20250801t063000")
	if aws.ToString(snapshot.TableType) != "EXTERNAL_TABLE" || aws.ToString(snapshot.PartitionKeys[0].Name) != "district_id" ||
		snapshot.Parameters["llac.source_system"] != "portal.example" ||
		!strings.Contains(aws.ToString(snapshot.Description), "portal.example") {
		t.Errorf("snapshot's table %+v", snapshot)
	}
}

var errDied = errors.New("died")

// TestAFailureAtEachCall lets each call fail, before or after its effect. The next delivery must update the tables to
// the pointer, and readers must never see an incomplete table.
func TestAFailureAtEachCall(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for step := 1; ; step++ {
			w, g := open(t, cataloguetest.Partitioned)
			w.Publish(t, slot1, w.Part(slot1, "", "01", "02"))
			w.Follow(t)
			w.Publish(t, slot2, w.Part(slot2, "", "02", "03"))
			n := 0
			fail := func(string, string) error {
				if n++; n == step {
					return errDied
				}
				return nil
			}
			if after {
				g.After = fail
			} else {
				g.Before = fail
			}
			err := w.Catalogue.Follow(t.Context(), "things")
			g.Before, g.After = nil, nil
			whole(t, w, g)
			if err == nil {
				if step < 6 {
					t.Errorf("only %d calls", step)
				}
				break
			}
			if !errors.Is(err, errDied) || runtime.IsPermanent(err) {
				t.Fatalf("step %d: %v", step, err)
			}
			w.Follow(t)
			if got := w.Shown(t); got != slot2 {
				t.Errorf("after call %d failed (after its effect: %v) the public table shows %s", step, after, got)
			}
			whole(t, w, g)
		}
	}
}

// whole checks that the table that readers see has all of its partitions.
func whole(t *testing.T, w *cataloguetest.Tables, g *cataloguetest.Memory) {
	t.Helper()
	shown := w.Shown(t)
	got := slices.Sorted(maps.Keys(g.Locations(catalogue.TableName("things", shown))))
	want := map[string][]string{slot1: {"01", "02"}, slot2: {"02", "03"}}[shown]
	if !slices.Equal(got, want) {
		t.Errorf("readers see snapshot %s with partitions %v, want %v", shown, got, want)
	}
}

type killed struct{}

func TestKilledBeforeTheFlip(t *testing.T) {
	t.Parallel()
	w, g := open(t, cataloguetest.Whole)
	w.Publish(t, slot1, w.Part(slot1, ""))
	w.Follow(t)
	w.Publish(t, slot2, w.Part(slot2, ""))
	dying := w.Catalogue
	dying.Failpoint = func(name string) {
		if name == catalogue.FailpointBeforeFlip {
			panic(killed{})
		}
	}
	func() {
		defer func() { _ = recover() }()
		_ = dying.Follow(t.Context(), "things")
		t.Error("Follow returned")
	}()
	if got := w.Shown(t); got != slot1 || g.Table(catalogue.TableName("things", slot2)) == nil {
		t.Errorf("readers see %s; tables %v", got, g.Tables())
	}
	w.Follow(t)
	if got := w.Shown(t); got != slot2 {
		t.Errorf("readers see %s", got)
	}
}

// TestASlowFollowerDoesNotMoveTheTableBack: the pointer moves after a follower has read it (invariant 10).
func TestASlowFollowerDoesNotMoveTheTableBack(t *testing.T) {
	t.Parallel()
	w, g := open(t, cataloguetest.Whole)
	w.Publish(t, slot1, w.Part(slot1, ""))
	slow := w.Catalogue
	overtaken := false
	slow.Failpoint = func(string) {
		if !overtaken {
			overtaken = true
			w.Publish(t, slot2, w.Part(slot2, ""))
			w.Follow(t)
		}
	}
	if err := slow.Follow(t.Context(), "things"); err != nil {
		t.Fatal(err)
	}
	if got := w.Shown(t); !overtaken || got != slot2 {
		t.Errorf("readers see %s", got)
	}
	// The same for an existing table, which is updated.
	w.Publish(t, cataloguetest.Slot3, w.Part(cataloguetest.Slot3, ""))
	const slot4 = "20250804T063000"
	overtaken = false
	slow.Failpoint = func(string) {
		if !overtaken {
			overtaken = true
			w.Publish(t, slot4, w.Part(slot4, ""))
			w.Follow(t)
		}
	}
	if err := slow.Follow(t.Context(), "things"); err != nil {
		t.Fatal(err)
	}
	if got := w.Shown(t); got != slot4 {
		t.Errorf("readers see %s; calls %v", got, g.Calls())
	}
}

func TestManyFollowersAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		w, g := open(t, cataloguetest.Partitioned)
		w.Publish(t, slot1, w.Part(slot1, "", "01", "02"))
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				if err := w.Catalogue.Follow(t.Context(), "things"); err != nil {
					t.Error(err)
				}
			})
		}
		w.Publish(t, slot2, w.Part(slot2, "", "02", "03"))
		w.Follow(t)
		all.Wait()
		if got := w.Shown(t); got != slot2 {
			t.Fatalf("readers see %s", got)
		}
		whole(t, w, g)
	}
}

// TestTablesChangedByHandAreRepaired covers each kind of change.
func TestTablesChangedByHandAreRepaired(t *testing.T) {
	t.Parallel()
	elsewhere := &types.StorageDescriptor{Location: aws.String("s3://elsewhere/")}
	for name, change := range map[string]func(*cataloguetest.Memory, string){
		"a column retyped": func(g *cataloguetest.Memory, table string) {
			g.Change(table, func(t *types.Table, _ map[string]types.Partition) {
				t.StorageDescriptor = &types.StorageDescriptor{Location: t.StorageDescriptor.Location}
			})
		},
		"a partition removed": func(g *cataloguetest.Memory, table string) {
			g.Change(table, func(_ *types.Table, p map[string]types.Partition) { delete(p, "01") })
		},
		"a partition with another location": func(g *cataloguetest.Memory, table string) {
			g.Change(table, func(_ *types.Table, p map[string]types.Partition) {
				p["01"] = types.Partition{Values: []string{"01"}, StorageDescriptor: elsewhere}
			})
		},
		"partitions added": func(g *cataloguetest.Memory, table string) {
			g.Change(table, func(_ *types.Table, p map[string]types.Partition) {
				for i := range 30 {
					v := fmt.Sprintf("x%02d", i)
					p[v] = types.Partition{Values: []string{v}, StorageDescriptor: elsewhere}
				}
			})
		},
		"another query of the public table": func(g *cataloguetest.Memory, _ string) {
			g.Change("things", func(t *types.Table, _ map[string]types.Partition) { t.ViewOriginalText = aws.String("SELECT 1") })
		},
	} {
		w, g := open(t, cataloguetest.Partitioned)
		w.Publish(t, slot1, w.Part(slot1, "", "01", "02"))
		w.Follow(t)
		table := catalogue.TableName("things", slot1)
		want, before := g.Locations(table), g.Table(table)
		change(g, table)
		w.Follow(t)
		if got := g.Locations(table); !maps.Equal(got, want) {
			t.Errorf("%s: partitions %v, want %v", name, got, want)
		}
		if got := g.Table(table); len(got.StorageDescriptor.Columns) != len(before.StorageDescriptor.Columns) {
			t.Errorf(
				"%s: the table has %d columns, want %d",
				name,
				len(got.StorageDescriptor.Columns),
				len(before.StorageDescriptor.Columns),
			)
		}
		if got := w.Shown(t); got != slot1 {
			t.Errorf("%s: readers see %s", name, got)
		}
	}
}

func TestAMissingDatabase(t *testing.T) {
	t.Parallel()
	w, g := open(t, cataloguetest.Whole)
	g.Database = "another"
	w.Publish(t, slot1, w.Part(slot1, ""))
	err := w.Catalogue.Follow(t.Context(), "things")
	if err == nil || !strings.Contains(err.Error(), "LLAC_GLUE_DATABASE") || runtime.IsPermanent(err) {
		t.Errorf("error %v", err)
	}
}

// TestPointersWithoutATable: a pointer that no table can show leaves readers at the previous snapshot.
func TestPointersWithoutATable(t *testing.T) {
	t.Parallel()
	for name, parts := range map[string]func(*cataloguetest.Tables) []lake.PointerPart{
		"no objects": func(*cataloguetest.Tables) []lake.PointerPart { return nil },
		"two objects with one partition": func(w *cataloguetest.Tables) []lake.PointerPart {
			return []lake.PointerPart{w.Part(slot1, "a", "01"), w.Part(slot2, "b", "01")}
		},
		"not partitioned": func(w *cataloguetest.Tables) []lake.PointerPart {
			return []lake.PointerPart{{Objects: []lake.CandidateObject{{Object: events.Object{Key: "staging/things/x/things.parquet"}}}}}
		},
		"partitioned by another column": func(w *cataloguetest.Tables) []lake.PointerPart {
			p := w.Part(slot1, "", "01")
			p.Objects[0].Partition = []lake.PartitionValue{{Column: "places", Value: "1"}}
			return []lake.PointerPart{p}
		},
	} {
		w, g := open(t, cataloguetest.Partitioned)
		w.Publish(t, slot2, parts(w)...)
		err := w.Catalogue.Follow(t.Context(), "things")
		if !runtime.IsPermanent(err) || len(g.Tables()) != 0 {
			t.Errorf("%s: error %v, tables %v", name, err, g.Tables())
		}
	}
}
