package cataloguetest

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

// Glue is a Glue with one database.
type Glue struct {
	API      catalogue.API
	Database string
}

// The slots of the tests.
const (
	Slot1 = "20250801T063000"
	Slot2 = "20250802T063000"
	Slot3 = "20250803T063000"
)

// Conformance tests what the catalogue must do over any Glue. open returns a Glue with an empty database.
func Conformance(t *testing.T, open func(*testing.T) Glue) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *Tables)
		of   func(*testing.T) *contract.Contract
	}{
		{"a dataset that was never published has no tables", never, Whole},
		{"a publication creates the snapshot's table and the public table", first, Whole},
		{"the public table moves and the old snapshot's table stays", moves, Whole},
		{"correct tables stay unchanged", again, Whole},
		{"each partition has the location of its file", partitions, Partitioned},
		{"many partitions", many, Partitioned},
		{"slices of several runs form one table", slicesOfRuns, Sliced},
		{"the table of a superseded snapshot is deleted, twice", forget, Whole},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, NewTables(t, open(t), c.of(t)))
		})
	}
}

// Tables is the catalogue of one dataset, things, over a lake in memory.
type Tables struct {
	*runtimetest.Harness
	Catalogue catalogue.Catalogue
	c         *contract.Contract
}

// NewTables returns the catalogue of one dataset that was never published.
func NewTables(t *testing.T, g Glue, c *contract.Contract) *Tables {
	t.Helper()
	b := runtimetest.New(t, c)
	return &Tables{b, catalogue.Catalogue{
		Glue: g.API, Database: g.Database, Bucket: "data", Lake: b.Lake, Contracts: b.Ports.Contracts,
		Failpoint: func(string) {}, Log: slog.New(slog.DiscardHandler),
	}, c}
}

const thing = `
      - {name: thing_id, logicalType: string, required: true,
         primaryKey: true, primaryKeyPosition: 1, description: Code., customProperties: [{property: llacSource, value: codi}]}
      - {name: places, logicalType: integer, description: Places.}
`

// Whole returns a contract without partitions.
func Whole(t *testing.T) *contract.Contract {
	return runtimetest.Parse(t, "things", runtimetest.Shape{Properties: thing}.Text())
}

// Partitioned returns a contract with partitions by district.
func Partitioned(t *testing.T) *contract.Contract {
	return runtimetest.Parse(t, "things", runtimetest.Shape{Properties: thing + `
      - {name: district_id, logicalType: string, required: true, partitioned: true, description: District.,
         customProperties: [{property: llacSource, value: districte}]}
`}.Text())
}

// Sliced returns a contract in which each year has a run of its own.
func Sliced(t *testing.T) *contract.Contract {
	return runtimetest.Parse(t, "things", runtimetest.Shape{
		Properties: `
      - {name: year, logicalType: string, required: true, partitioned: true,
         primaryKey: true, primaryKeyPosition: 1, description: Year., customProperties: [{property: llacSource, value: any}]}
      - {name: thing_id, logicalType: string, required: true,
         primaryKey: true, primaryKeyPosition: 2, description: Code., customProperties: [{property: llacSource, value: codi}]}
`,
		Custom: `      - {property: llacSlicing, value: {column: year, parameter: YEAR, values: ["2023", "2024"], prefix: "y"}}` + "\n",
	}.Text())
}

// Part returns one run's part of a snapshot: a file per partition value, or one file without partitions.
func (w *Tables) Part(run, slice string, values ...string) lake.PointerPart {
	p := lake.PointerPart{
		PublishedPart: events.PublishedPart{
			RunID:     run,
			Slice:     slice,
			Candidate: events.Object{Key: lake.CandidateKey("things", run, "s1")},
		},
	}
	if len(values) == 0 {
		p.Objects = []lake.CandidateObject{{Object: events.Object{Key: lake.StagingKey("things", run, "s1", nil)}}}
	}
	for _, v := range values {
		partition := []lake.PartitionValue{{Column: w.c.Partition[0], Value: v}}
		p.Objects = append(
			p.Objects,
			lake.CandidateObject{Object: events.Object{Key: lake.StagingKey("things", run, "s1", partition)}, Partition: partition},
		)
	}
	return p
}

// Publish moves the pointer.
func (w *Tables) Publish(t *testing.T, slot string, parts ...lake.PointerPart) {
	t.Helper()
	w.Put(t, lake.PointerKey("things"), lake.Pointer{
		Dataset: "things", Snapshot: slot, RunID: slot, ContractSHA256: w.c.SHA256, SourceSystem: "portal.example", Parts: parts, Rows: 3,
	})
}

// Follow updates the tables and fails the test if that fails.
func (w *Tables) Follow(t *testing.T) {
	t.Helper()
	if err := w.Catalogue.Follow(t.Context(), "things"); err != nil {
		t.Fatal(err)
	}
}

// Shown returns the snapshot that the public table shows; "" if the table does not exist.
func (w *Tables) Shown(t *testing.T) string {
	t.Helper()
	out, err := w.Catalogue.Glue.GetTable(
		context.Background(),
		&glue.GetTableInput{DatabaseName: &w.Catalogue.Database, Name: aws.String("things")},
	)
	if err != nil {
		return ""
	}
	view, err := catalogue.ReadView(*out.Table)
	if err != nil {
		t.Fatal(err)
	}
	if view.Snapshot != out.Table.Parameters["llac.snapshot"] {
		t.Errorf("the view reads snapshot %s, its parameter names %s", view.Snapshot, out.Table.Parameters["llac.snapshot"])
	}
	return view.Snapshot
}

// where returns the locations of a snapshot's table and, by value, of its partitions.
func (w *Tables) where(t *testing.T, slot string) (string, map[string]string) {
	t.Helper()
	name := aws.String(catalogue.TableName("things", slot))
	out, err := w.Catalogue.Glue.GetTable(t.Context(), &glue.GetTableInput{DatabaseName: &w.Catalogue.Database, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	pages := glue.NewGetPartitionsPaginator(
		w.Catalogue.Glue,
		&glue.GetPartitionsInput{DatabaseName: &w.Catalogue.Database, TableName: name},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Partitions {
			all[p.Values[0]] = aws.ToString(p.StorageDescriptor.Location)
		}
	}
	return aws.ToString(out.Table.StorageDescriptor.Location), all
}

func never(t *testing.T, w *Tables) {
	w.Follow(t)
	if got := w.Shown(t); got != "" {
		t.Errorf("the public table shows %s", got)
	}
}

func first(t *testing.T, w *Tables) {
	w.Publish(t, Slot1, w.Part(Slot1, ""))
	w.Follow(t)
	if got := w.Shown(t); got != Slot1 {
		t.Errorf("the public table shows %q", got)
	}
	at, parts := w.where(t, Slot1)
	if want := "s3://data/staging/things/ingested_process_at=20250801T063000-s1/"; at != want || len(parts) != 0 {
		t.Errorf("the table is at %s with partitions %v, want %s", at, parts, want)
	}
}

func moves(t *testing.T, w *Tables) {
	w.Publish(t, Slot1, w.Part(Slot1, ""))
	w.Follow(t)
	w.Publish(t, Slot2, w.Part(Slot2, ""))
	w.Follow(t)
	if got := w.Shown(t); got != Slot2 {
		t.Errorf("the public table shows %q", got)
	}
	for _, slot := range []string{Slot1, Slot2} {
		if at, _ := w.where(t, slot); at != "s3://data/staging/things/ingested_process_at="+slot+"-s1/" {
			t.Errorf("the table of %s is at %s", slot, at)
		}
	}
}

func again(t *testing.T, w *Tables) {
	w.Publish(t, Slot1, w.Part(Slot1, ""))
	w.Follow(t)
	before := w.version(t)
	w.Follow(t)
	if after := w.version(t); after != before {
		t.Errorf("the public table went from version %s to %s", before, after)
	}
}

func (w *Tables) version(t *testing.T) string {
	t.Helper()
	out, err := w.Catalogue.Glue.GetTable(t.Context(), &glue.GetTableInput{DatabaseName: &w.Catalogue.Database, Name: aws.String("things")})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.Table.VersionId)
}

func partitions(t *testing.T, w *Tables) {
	w.Publish(t, Slot1, w.Part(Slot1, "", "01", "02"))
	w.Follow(t)
	base := "s3://data/staging/things/ingested_process_at=" + Slot1 + "-s1/"
	at, parts := w.where(t, Slot1)
	want := map[string]string{"01": base + "district_id=01/", "02": base + "district_id=02/"}
	if at != base || !maps.Equal(parts, want) {
		t.Errorf("table at %s, partitions %v, want %s and %v", at, parts, base, want)
	}
	w.Publish(t, Slot2, w.Part(Slot2, "", "02", "03"))
	w.Follow(t)
	if _, parts := w.where(t, Slot2); len(parts) != 2 || parts["01"] != "" || parts["03"] == "" {
		t.Errorf("partitions of the next snapshot: %v", parts)
	}
	if _, parts := w.where(t, Slot1); !maps.Equal(parts, want) {
		t.Errorf("partitions of the old snapshot: %v", parts)
	}
	if got := w.Shown(t); got != Slot2 {
		t.Errorf("the public table shows %q", got)
	}
}

func many(t *testing.T, w *Tables) {
	var values []string
	for i := range 230 {
		values = append(values, fmt.Sprintf("%03d", i))
	}
	w.Publish(t, Slot1, w.Part(Slot1, "", values...))
	w.Follow(t)
	if _, parts := w.where(t, Slot1); !slices.Equal(slices.Sorted(maps.Keys(parts)), values) {
		t.Errorf("%d partitions, want %d", len(parts), len(values))
	}
}

func slicesOfRuns(t *testing.T, w *Tables) {
	w.Publish(t, Slot2, w.Part(Slot1+"-y2023", "2023", "2023"), w.Part(Slot2+"-y2024", "2024", "2024"))
	w.Follow(t)
	at, parts := w.where(t, Slot2)
	want := map[string]string{
		"2023": "s3://data/staging/things/ingested_process_at=" + Slot1 + "-y2023-s1/year=2023/",
		"2024": "s3://data/staging/things/ingested_process_at=" + Slot2 + "-y2024-s1/year=2024/",
	}
	if at != "s3://data/staging/things/" || !maps.Equal(parts, want) {
		t.Errorf("table at %s, partitions %v, want %v", at, parts, want)
	}
}

func forget(t *testing.T, w *Tables) {
	w.Publish(t, Slot1, w.Part(Slot1, ""))
	w.Follow(t)
	if err := w.Catalogue.Forget(t.Context(), "things", Slot1); err == nil {
		t.Error("the table of the snapshot that readers see was deleted")
	}
	w.Publish(t, Slot2, w.Part(Slot2, ""))
	w.Follow(t)
	for range 2 {
		if err := w.Catalogue.Forget(t.Context(), "things", Slot1); err != nil {
			t.Fatal(err)
		}
	}
	name := aws.String(catalogue.TableName("things", Slot1))
	if _, err := w.Catalogue.Glue.GetTable(t.Context(), &glue.GetTableInput{DatabaseName: &w.Catalogue.Database, Name: name}); err == nil {
		t.Error("the table still exists")
	}
	if got := w.Shown(t); got != Slot2 {
		t.Errorf("the public table shows %q", got)
	}
}
