package janitor

import (
	"errors"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/llac-project/llac/platform/catalogue"
	"github.com/llac-project/llac/platform/catalogue/cataloguetest"
)

func (b *fixture) withTables() *cataloguetest.Memory {
	g := &cataloguetest.Memory{Database: "db"}
	b.Ports.Catalogue = catalogue.Catalogue{
		Glue: g, Database: "db", Bucket: "data", Lake: b.Lake, Contracts: b.Ports.Contracts, Log: b.Ports.Log, Failpoint: b.Ports.Failpoint,
	}
	return g
}

func TestTheSweepUpdatesTablesToThePointer(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
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

// TestTheSweepDeletesTheTableBeforeItsObjects checks that the table of a superseded snapshot is deleted when the snapshot is,
// before its objects.
func TestTheSweepDeletesTheTableBeforeItsObjects(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	g := b.withTables()
	old := b.land(slot1, "")
	b.publish(slot1, old)
	b.swept(0)
	b.supersede()
	b.publish(slot2, b.land(slot2, ""))
	b.swept(day)
	table := catalogue.TableName("things", slot1)
	if g.Table(table) == nil {
		t.Fatal("the table of a snapshot that can still be rolled back to was deleted")
	}
	out := errors.New("Glue is unavailable")
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
		t.Error("the objects were deleted before the table that reads them")
	}
	g.Before = nil
	b.swept(92 * day)
	if got := g.Tables(); slices.Contains(got, table) || slices.Contains(b.Lake.Keys(), old.Objects[0].Key) {
		t.Errorf("tables %v, lake %v", got, b.under("staging/"))
	}
}

// TestNothingIsSweptWhileATableIsBehind checks that nothing is deleted while a table could not be updated to the pointer: it
// may still read the objects.
func TestNothingIsSweptWhileATableIsBehind(t *testing.T) {
	t.Parallel()
	b := newFixture(t, "")
	g := b.withTables()
	old := b.land(slot1, "")
	b.publish(slot1, old)
	b.swept(0)
	b.supersede()
	b.publish(slot2, b.land(slot2, ""))
	out := errors.New("Glue is unavailable")
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
		t.Error("objects or the table that readers still see were deleted")
	}
}
