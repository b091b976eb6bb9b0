package chaos

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// failpoints are the gaps of invariant 1 in every stage, and the two places where a stage has an effect that cannot be
// taken back.
func failpoints() []string {
	var out []string
	for _, s := range services {
		for _, gap := range []string{"effect-receipt", "receipt-publish", "publish-ack"} {
			out = append(out, s+"."+gap)
		}
	}
	return append(out, "quality-gate.before-pointer", "quality-gate.after-pointer", "landing-janitor.before-delete", "landing-janitor.after-delete")
}

// undisturbed is how the run ends when nobody dies.
var undisturbed = sync.OnceValue(func() func(*testing.T) essence {
	var once sync.Once
	var want essence
	return func(t *testing.T) essence {
		once.Do(func() {
			w := newWorld(t, "", "municipalities")
			w.request("municipalities")
			w.ended("municipalities")
			want = w.essence("municipalities")
		})
		if want.Rows == 0 {
			t.Fatal("the undisturbed run failed; nothing can be compared with it")
		}
		return want
	}
})

func TestUndisturbed(t *testing.T) {
	got := undisturbed()(t)
	if got.Rows != 949 || len(got.Published) != 1 || len(got.Archive) == 0 || len(got.Evidence) != 1 || len(got.Events) != 7 {
		t.Errorf("an undisturbed run left %+v", got)
	}
	if len(got.Landing) != 0 || len(got.Orphans) != 0 {
		t.Errorf("an undisturbed run left objects behind: %v %v", got.Landing, got.Orphans)
	}
}

// TestKilled kills each service at each of its failpoints. The lake must come out as if nothing had happened.
func TestKilled(t *testing.T) {
	want := undisturbed()(t)
	for _, point := range failpoints() {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			service, _, _ := strings.Cut(point, ".")
			w := newWorld(t, point, "municipalities")
			w.request("municipalities")
			w.died(service)
			w.start(service)
			w.ended("municipalities")
			if got := w.essence("municipalities"); !reflect.DeepEqual(got, want) {
				t.Errorf("after a death at %s the lake differs:%s", point, difference(got, want))
			}
		})
	}
}

// difference lists the fields of the lake that differ.
func difference(got, want essence) string {
	var out strings.Builder
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		if !reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			fmt.Fprintf(&out, "\n%s\n got %v\nwant %v", g.Type().Field(i).Name, g.Field(i), w.Field(i))
		}
	}
	return out.String()
}
