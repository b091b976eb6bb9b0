package chaos

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// failpoints returns the gaps of invariant 1 in every stage, and the points around the two effects that cannot be
// undone.
func failpoints() []string {
	var out []string
	for _, s := range serviceNames {
		for _, gap := range []string{"effect-receipt", "receipt-publish", "publish-ack"} {
			out = append(out, s+"."+gap)
		}
	}
	return append(out, "quality-gate.before-pointer", "quality-gate.after-pointer", "landing-janitor.before-delete",
		"landing-janitor.after-delete")
}

// baseline returns the state of the lake after a run without a crash.
var baseline = sync.OnceValue(func() func(*testing.T) lakeState {
	var once sync.Once
	var want lakeState
	return func(t *testing.T) lakeState {
		once.Do(func() {
			sys := startSystem(t, "", "municipalities")
			sys.request("municipalities")
			sys.waitDone("municipalities")
			want = sys.readState("municipalities")
		})
		if want.Rows == 0 {
			t.Fatal("the run without a crash failed; there is no baseline to compare with")
		}
		return want
	}
})

func TestBaseline(t *testing.T) {
	got := baseline()(t)
	if got.Rows != 949 || len(got.Published) != 1 || len(got.Archive) == 0 || len(got.Evidence) != 1 || len(got.Events) != 7 {
		t.Errorf("a run without a crash left %+v", got)
	}
	if len(got.Landing) != 0 || len(got.Orphans) != 0 {
		t.Errorf("a run without a crash left objects behind: %v %v", got.Landing, got.Orphans)
	}
}

// TestKilled kills each service at each of its failpoints. The lake must end as without a crash.
func TestKilled(t *testing.T) {
	want := baseline()(t)
	for _, point := range failpoints() {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			service, _, _ := strings.Cut(point, ".")
			sys := startSystem(t, point, "municipalities")
			sys.request("municipalities")
			sys.waitKilled(service)
			sys.start(service)
			sys.waitDone("municipalities")
			if got := sys.readState("municipalities"); !reflect.DeepEqual(got, want) {
				t.Errorf("after a crash at %s the lake differs:%s", point, difference(got, want))
			}
		})
	}
}

// difference lists the fields that differ.
func difference(got, want lakeState) string {
	var out strings.Builder
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			fmt.Fprintf(&out, "\n%s\n got %v\nwant %v", g.Type().Field(i).Name, g.Field(i), w.Field(i))
		}
	}
	return out.String()
}
