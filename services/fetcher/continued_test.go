package fetcher

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

// A continuation may crash at any step, and time passes. The next delivery completes the chain: what the crashed delivery
// wrote under the chain's attempt id does not block it.
func TestACrashAtEachStepOfAContinuation(t *testing.T) {
	t.Parallel()
	died := errors.New("killed")
	for _, pages := range []int{2, 4} { // the second part completes the landing, or hands over again
		for step := 1; ; step++ {
			b := newFetcher(t)
			b.portal.pages = nil
			for i := range pages {
				b.portal.pages = append(b.portal.pages, fmt.Sprintf(`[{"codi":"%d"}]`, i))
			}
			b.portal.page = func(int) error { return b.Clock.Sleep(t.Context(), time.Minute) }
			in := runtimetest.Event("1", events.ExtractionRequested{Run: b.run()})
			out, err := b.Deliver(deadline{t.Context(), b.Clock.Now().Add(time.Minute)}, Service, in)
			runtimetest.Only[events.ExtractionContinued](t, out, err)
			in = out[0]

			done := 0
			b.Lake.Before = func(string, string) error {
				if done++; done == step {
					return died
				}
				return nil
			}
			_, err = b.Deliver(deadline{t.Context(), b.Clock.Now().Add(time.Minute)}, Service, in)
			b.Lake.Before = nil
			if err == nil {
				break
			}
			if !errors.Is(err, died) {
				t.Fatalf("step %d: %v", step, err)
			}
			for parts := 0; ; parts++ {
				out, err = b.Deliver(deadline{t.Context(), b.Clock.Now().Add(time.Minute)}, Service, in)
				if err != nil || len(out) != 1 || parts > pages {
					t.Fatalf("%d pages, step %d, part %d: %v %v", pages, step, parts, out, err)
				}
				if in = out[0]; in.Type == (events.LandingWritten{}).EventType() {
					break
				}
			}
			p := runtimetest.Only[events.LandingWritten](t, out, err)
			m := b.manifest(p.Manifest)
			b.landed(m)
			if p.Pages != pages || p.Rows != int64(pages) || m.Rows != p.Rows || m.Bytes != p.Bytes {
				t.Errorf("%d pages, step %d: %+v", pages, step, p)
			}
		}
	}
}
