package cataloguetest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

// Marts tests what the marts' tables must do over any Glue. open returns a Glue with an empty database.
func Marts(t *testing.T, open func(*testing.T) Glue) {
	for name, run := range map[string]func(*testing.T, *MartTables){
		"marts that were never built have no tables":                                 martsNever,
		"a build creates its tables and the public tables":                           martsFirst,
		"a mart with the same rows keeps its table":                                  martsSame,
		"correct tables stay unchanged, others are repaired":                         martsRepaired,
		"the tables of a build are deleted, twice, but never those that readers see": martsForget,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, NewMartTables(t, open(t)))
		})
	}
}

// MartTables is the catalogue of the marts over a lake in memory.
type MartTables struct {
	*runtimetest.Harness
	Marts catalogue.Marts
}

// NewMartTables returns the catalogue of marts that were never built.
func NewMartTables(t *testing.T, g Glue) *MartTables {
	t.Helper()
	b := runtimetest.New(t, Whole(t))
	return &MartTables{b, catalogue.Marts{Glue: g.API, Database: g.Database, Bucket: "data", Lake: b.Lake}}
}

// Mart returns a mart of a build, with a column of each type.
func Mart(name, build string) lake.Mart {
	return lake.Mart{
		Name: name, Kind: "fact", Grain: "One row per town.", Description: "Towns.", Build: build, Rows: 2,
		Content: "content of " + build, SourceSystem: "simulator",
		Snapshots: map[string]string{"towns": Slot1}, Attribution: []string{"Source: the list."},
		Columns: []lake.MartColumn{
			{
				Name:        "town_id",
				Type:        "VARCHAR",
				Description: "Code.",
			}, {Name: "places", Type: "INTEGER"}, {Name: "population", Type: "BIGINT"}, {Name: "gdp_meur", Type: "DECIMAL(18,3)"},
			{
				Name: "share",
				Type: "DOUBLE",
			}, {Name: "month_start_date", Type: "DATE"}, {Name: "seen_at", Type: "TIMESTAMP"}, {Name: "is_current", Type: "BOOLEAN"},
		},
		Objects: []events.Object{{Key: lake.MartKey("fact", name, build)}},
	}
}

// Publish moves the pointer.
func (w *MartTables) Publish(t *testing.T, build string, marts ...lake.Mart) {
	t.Helper()
	w.Put(t, lake.MartsPointerKey, lake.MartsPointer{Build: build, Models: marts})
}

// Follow updates the tables and returns the names of those that it created or changed.
func (w *MartTables) Follow(t *testing.T) []string {
	t.Helper()
	touched, err := w.Marts.Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return touched
}

// Table returns a table; nil if it does not exist.
func (w *MartTables) Table(name string) *types.Table {
	out, err := w.Marts.Glue.GetTable(context.Background(), &glue.GetTableInput{DatabaseName: &w.Marts.Database, Name: &name})
	if err != nil {
		return nil
	}
	return out.Table
}

// Shown returns the build that a public table shows; "" if the table does not exist.
func (w *MartTables) Shown(t *testing.T, mart string) string {
	t.Helper()
	table := w.Table(mart)
	if table == nil {
		return ""
	}
	view, err := catalogue.ReadView(*table)
	if err != nil {
		t.Fatal(err)
	}
	if view.Snapshot != table.Parameters["llac.build"] {
		t.Errorf("the view reads build %s, its parameter names %s", view.Snapshot, table.Parameters["llac.build"])
	}
	return view.Snapshot
}

func martsNever(t *testing.T, w *MartTables) {
	if touched := w.Follow(t); len(touched) != 0 || w.Table("fact_towns") != nil {
		t.Errorf("touched %v", touched)
	}
}

func martsFirst(t *testing.T, w *MartTables) {
	w.Publish(t, Slot1, Mart("fact_towns", Slot1), Mart("fact_roads", Slot1))
	want := []string{"fact_roads", "fact_roads__20250801t063000", "fact_towns", "fact_towns__20250801t063000"}
	if touched := w.Follow(t); !slices.Equal(touched, want) {
		t.Errorf("touched %v, want %v", touched, want)
	}
	if got := w.Shown(t, "fact_towns"); got != Slot1 {
		t.Errorf("readers see build %q", got)
	}
	of := w.Table("fact_towns__20250801t063000")
	if at := aws.ToString(of.StorageDescriptor.Location); at != "s3://data/marts/facts/fact_towns/build=20250801T063000/" {
		t.Errorf("the table is at %s", at)
	}
	var kinds []string
	for _, c := range of.StorageDescriptor.Columns {
		kinds = append(kinds, aws.ToString(c.Type))
	}
	if got := strings.Join(kinds, " "); got != "string int bigint decimal(18,3) double date timestamp boolean" {
		t.Errorf("columns of %s", got)
	}
	view, err := catalogue.ReadView(*w.Table("fact_towns"))
	if err != nil {
		t.Fatal(err)
	}
	kinds = nil
	for _, c := range view.Columns {
		kinds = append(kinds, c.Type)
	}
	if got := strings.Join(kinds, " "); got != "varchar integer bigint decimal(18,3) double date timestamp(3) boolean" {
		t.Errorf("columns of the view are %s", got)
	}
	if of.Parameters["llac.source_system"] != "simulator" || !strings.Contains(aws.ToString(of.Description), "simulator") ||
		!strings.Contains(aws.ToString(of.Description), "Source: the list.") {
		t.Errorf("the table does not name the source system of its rows: %v", of.Parameters) // Invariant 11
	}
}

func martsSame(t *testing.T, w *MartTables) {
	w.Publish(t, Slot1, Mart("fact_towns", Slot1), Mart("fact_roads", Slot1))
	w.Follow(t)
	// The next build makes other rows of the roads. Of the towns it makes the same rows, with more descriptions.
	same := Mart("fact_towns", Slot1)
	same.Description, same.Columns[0].Description, same.Snapshots = "All towns.", "Code of Idescat.", map[string]string{"towns": Slot2}
	w.Publish(t, Slot2, same, Mart("fact_roads", Slot2))
	if touched, want := w.Follow(t), []string{"fact_roads", "fact_roads__20250802t063000", "fact_towns"}; !slices.Equal(touched, want) {
		t.Errorf("touched %v, want %v", touched, want)
	}
	if w.Shown(t, "fact_roads") != Slot2 || w.Shown(t, "fact_towns") != Slot1 || w.Table("fact_roads__20250801t063000") == nil {
		t.Errorf("readers see roads of build %s and towns of %s", w.Shown(t, "fact_roads"), w.Shown(t, "fact_towns"))
	}
	if c := w.Table("fact_towns").StorageDescriptor.Columns[0]; aws.ToString(c.Comment) != "Code of Idescat." {
		t.Errorf("the column's comment is %q", aws.ToString(c.Comment))
	}
}

func martsRepaired(t *testing.T, w *MartTables) {
	w.Publish(t, Slot1, Mart("fact_towns", Slot1), Mart("fact_roads", Slot1))
	w.Follow(t)
	if touched := w.Follow(t); len(touched) != 0 {
		t.Errorf("nothing changed, but touched are %v", touched)
	}
	for _, name := range []string{"fact_towns", "fact_towns__20250801t063000"} {
		in := &glue.DeleteTableInput{DatabaseName: &w.Marts.Database, Name: &name}
		if _, err := w.Marts.Glue.DeleteTable(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if touched := w.Follow(t); !slices.Equal(touched, []string{name}) || w.Shown(t, "fact_towns") != Slot1 {
			t.Errorf("%s was deleted, touched are %v", name, touched)
		}
	}
	name := "fact_roads__20250801t063000"
	if _, err := w.Marts.Glue.UpdateTable(t.Context(), &glue.UpdateTableInput{
		DatabaseName: &w.Marts.Database, TableInput: &types.TableInput{
			Name: &name, TableType: aws.String("EXTERNAL_TABLE"),
			StorageDescriptor: &types.StorageDescriptor{Location: aws.String("s3://elsewhere/")},
		},
	}); err != nil {
		t.Fatal(err)
	}
	touched := w.Follow(t)
	if location := aws.ToString(w.Table(name).StorageDescriptor.Location); !slices.Equal(touched, []string{name}) ||
		location != "s3://data/marts/facts/fact_roads/build="+Slot1+"/" {
		t.Errorf("%s was changed, touched are %v", name, touched)
	}
}

func martsForget(t *testing.T, w *MartTables) {
	w.Publish(t, Slot1, Mart("fact_towns", Slot1), Mart("fact_roads", Slot1))
	w.Follow(t)
	if err := w.Marts.Forget(t.Context(), "fact_towns", Slot1); err == nil {
		t.Error("the table of the published build was deleted")
	}
	// The pointer moved, the tables did not, and the roads are not a mart any more.
	w.Publish(t, Slot2, Mart("fact_towns", Slot2))
	if err := w.Marts.Forget(t.Context(), "fact_towns", Slot1); err == nil {
		t.Error("the table of the build that readers see was deleted")
	}
	w.Follow(t)
	for range 2 {
		for _, mart := range []string{"fact_towns", "fact_roads"} {
			if err := w.Marts.Forget(t.Context(), mart, Slot1); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, want := range map[string]bool{
		"fact_towns": true, "fact_towns__20250802t063000": true, "fact_towns__20250801t063000": false,
		"fact_roads": false, "fact_roads__20250801t063000": false,
	} {
		if got := w.Table(name) != nil; got != want {
			t.Errorf("table %s exists: %v, want %v", name, got, want)
		}
	}
}
