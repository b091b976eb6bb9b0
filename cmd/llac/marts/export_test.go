package marts

import (
	"slices"
	"testing"

	"github.com/llac-project/llac/platform/lake"
)

func TestOrder(t *testing.T) {
	t.Parallel()
	var columns []lake.MartColumn
	for _, name := range []string{"row_key", "day", "town_key", "town", "kind", "owner", "places"} {
		columns = append(columns, lake.MartColumn{Name: name})
	}
	for key, want := range map[string][]string{
		"":        {"day", "town", "kind", "owner", "places", "row_key", "town_key"},
		"row_key": {"day", "town", "kind", "owner", "row_key"},
		"town":    {"day", "town"}, // nothing behind the key could matter
		"places":  {"day", "town", "kind", "owner", "places"},
	} {
		if got := order(columns, key); !slices.Equal(got, want) {
			t.Errorf("by the key %q: %v, want %v", key, got, want)
		}
	}
	if got := order(columns[:2], "row_key"); !slices.Equal(got, []string{"day", "row_key"}) {
		t.Errorf("got %v", got)
	}
}
