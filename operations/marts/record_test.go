package marts_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
)

// TestReadFormerRecord checks that a record is read that an earlier version wrote, whose member service_snapshots is now
// accumulated.
func TestReadFormerRecord(t *testing.T) {
	t.Parallel()
	accumulated := map[string][]string{"fact_service_usage_daily": {"20251101T050000", "20251103T133000"}}
	for name, c := range map[string]struct {
		record string
		want   map[string][]string
	}{
		"former": {`{"build":"20251103T140000","started_at":"2025-11-03T14:00:00Z","snapshots":{"social_services":"20251103T133000"},
			"service_snapshots":["20251101T050000","20251103T133000"],"milliseconds":{"build":4}}`, accumulated},
		"former without new snapshots": {`{"build":"20251103T140000","started_at":"2025-11-03T14:00:00Z",
			"snapshots":{"social_services":"20251103T133000"},"milliseconds":{"build":4}}`, nil},
		"current": {`{"build":"20251103T140000","started_at":"2025-11-03T14:00:00Z","snapshots":{"social_services":"20251103T133000"},
			"accumulated":{"fact_service_usage_daily":["20251101T050000","20251103T133000"]},"milliseconds":{"build":4}}`, accumulated},
	} {
		store := laketest.NewMemory()
		info, err := store.Put(t.Context(), lake.MartsRecordKey("20251103T140000"), []byte(c.record))
		if err != nil {
			t.Fatal(err)
		}
		want := marts.Record{Build: "20251103T140000", StartedAt: time.Date(2025, 11, 3, 14, 0, 0, 0, time.UTC),
			Snapshots: map[string]string{"social_services": "20251103T133000"}, Accumulated: c.want, Times: map[string]int64{"build": 4}}
		got, err := marts.ReadRecord(t.Context(), store, info.Object())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read %+v, %v", name, got, err)
		}
		state, _, err := lake.ReadState[marts.Record](t.Context(), store, lake.MartsRecordKey("20251103T140000"))
		if err != nil || !reflect.DeepEqual(*state, want) {
			t.Errorf("%s: read as state %+v, %v", name, state, err)
		}
	}
}
