package marts_test

import (
	"testing"

	"github.com/llac-project/llac/platform/lake"
)

func TestBuild(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.two()
	out := w.build()
	t.Logf("%s", lake.Encode(out.Record))
	t.Log(w.rows("fact_service_usage_daily", "*"), w.notices)
}
