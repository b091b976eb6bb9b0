package jsonpage_test

import (
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
	"github.com/llac-project/llac/platform/source/socrata"
)

// TestLongNamesAreNotRemembered reads long names, also with much white space before the colon. They must not need more
// memory than their page.
func TestLongNamesAreNotRemembered(t *testing.T) {
	t.Parallel()
	r, err := portals.All.NewReader(socrata.Name)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("n", 1<<20)
	page := []byte(`[{"a":1,"` + long + `":2,"b"` + strings.Repeat(" ", 1<<20) + `:3,"c":4},{"a":1,"b":3,"` + long + `":2,"c":4}]`)
	for range 3 {
		err := r.Rows(page, func(row source.Row) error {
			if row.Bad != nil || len(row.Fields) != 4 {
				t.Fatalf("row %d: %d fields, %v", row.Index, len(row.Fields), row.Bad)
			}
			want := map[string]string{"a": "1", "b": "3", "c": "4", long: "2"}
			for _, f := range row.Fields {
				if want[f.Name] != string(f.Raw) || (f.ID < 0) != (f.Name == long) {
					t.Errorf("row %d: field %.5q has the ID %d and the value %s", row.Index, f.Name, f.ID, f.Raw)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
