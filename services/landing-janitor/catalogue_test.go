package janitor

import (
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/catalogue/cataloguetest"
)

func (b *bench) withTables() *cataloguetest.Memory {
	g := &cataloguetest.Memory{Database: "db"}
	b.Ports.Catalogue = catalogue.Catalogue{
		Glue: g, Database: "db", Bucket: "data", Lake: b.Lake, Contracts: b.Ports.Contracts, Log: b.Ports.Log, Failpoint: b.Ports.Failpoint,
	}
	return g
}

func TestTheSweepBringsTablesToThePointer(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	g := b.withTables()
	b.publish(slot1, b.land(slot1, ""))
	b.swept(0)
	want := []string{"things", catalogue.TableName("things", slot1)}
	if got := g.Tables(); !slices.Equal(got, want) {
		t.Fatalf("tables %v, want %v", got, want)
	}
	g.Change("things", func(t *types.Table, _ map[string]types.Partition) { t.ViewOriginalText = nil })
	b.swept(day)
	if v, err := catalogue.ReadView(*g.Table("things")); err != nil || v.Snapshot != slot1 {
		t.Errorf("the view reads %q, error %v", v.Snapshot, err)
	}
}

// The table of a superseded snapshot goes with it: not before, and not after its objects.
func TestTheTableOfASweptSnapshotGoesFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	g := b.withTables()
	old := b.land(slot1, "")
	b.publish(slot1, old)
	b.swept(0)
	b.supersede()
	b.publish(slot2, b.land(slot2, ""))
	b.swept(day)
	table := catalogue.TableName("things", slot1)
	if g.Table(table) == nil {
		t.Fatal("the table of a snapshot that one can still go back to is gone")
	}
	out := errors.New("Glue is out")
	g.Before = func(operation, _ string) error {
		if operation == "DeleteTable" {
			return out
		}
		return nil
	}
	if err := b.sweep(91 * day); !errors.Is(err, out) {
		t.Fatalf("error %v", err)
	}
	if !slices.Contains(b.Lake.Keys(), old.Objects[0].Key) {
		t.Error("the objects are gone, and the table that reads them is still there")
	}
	g.Before = nil
	b.swept(92 * day)
	if got := g.Tables(); slices.Contains(got, table) || slices.Contains(b.Lake.Keys(), old.Objects[0].Key) {
		t.Errorf("tables %v, lake %v", got, b.under("staging/"))
	}
}

// A table that could not be brought to the pointer may show what is about to be deleted.
func TestNothingIsSweptWhileATableIsBehind(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	g := b.withTables()
	old := b.land(slot1, "")
	b.publish(slot1, old)
	b.swept(0)
	b.supersede()
	b.publish(slot2, b.land(slot2, ""))
	out := errors.New("Glue is out")
	g.Before = func(operation, _ string) error {
		if operation == "UpdateTable" {
			return out
		}
		return nil
	}
	if err := b.sweep(91 * day); !errors.Is(err, out) {
		t.Fatalf("error %v", err)
	}
	if !slices.Contains(b.Lake.Keys(), old.Objects[0].Key) || g.Table(catalogue.TableName("things", slot1)) == nil {
		t.Error("what readers see is gone")
	}
}
