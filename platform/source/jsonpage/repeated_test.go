package jsonpage_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/jsonpage"
)

// TestRepeatedNamesOfEveryKind repeats names that the reader numbers, and names for which it has no number left: too many,
// too long.
func TestRepeatedNamesOfEveryKind(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 5000 {
		many = append(many, fmt.Sprintf(`"n%d":1`, i))
	}
	long := `"` + strings.Repeat("n", 1<<12) + `":1`
	r := newReader(t)
	for _, record := range []string{
		strings.Join(many, ","), long + `,"b":1`, strings.Join(many, ",") + "," + many[0], strings.Join(many, ",") + "," + many[4999],
		long + `,"b":1,` + long, `"b" ` + strings.Repeat(" ", 2000) + `:1,"b":2`, many[7] + "," + many[7], many[4998] + "," + many[4998],
	} {
		for range 2 { // the second time with all names known
			agree(t, r, []byte("[{"+record+`},{"a":1}]`))
		}
	}
}

// TestManyRepeatedNamesInLinearTime reads a record in which each of very many names occurs twice.
func TestManyRepeatedNamesInLinearTime(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString(`[{"a":1`)
	for range 2 {
		for i := range 200_000 {
			fmt.Fprintf(&page, `,"n%d":1`, i)
		}
	}
	page.WriteString("}]")
	done := make(chan error, 1)
	go func() {
		done <- newReader(t).Rows([]byte(page.String()), func(row source.Row) error {
			if !errors.Is(row.Bad, source.ErrRepeatedName) || len(row.Fields) != 1 || row.Fields[0].Name != "a" {
				return fmt.Errorf("%d fields, %w", len(row.Fields), row.Bad)
			}
			return nil
		})
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute): // it takes a tenth of a second; the square of the names would take an hour
		t.Fatal("the time grows faster than the page")
	}
}

// TestRepeatedName finds the first repeated name in any object of a value.
func TestRepeatedName(t *testing.T) {
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, `"n%d":{},`, i)
	}
	for value, want := range map[string]int{
		`{}`: -1, `[]`: -1, `"a"`: -1, `1`: -1, `[1,[2,[3]]]`: -1, `{"a":1}`: -1, `{"a":"a","b":"a"}`: -1,
		`{"a":{"a":{"a":[{"a":1}]}}}`: -1,
		`[{"a":1},{"a":1}]`:           -1, `{"type":"Point","coordinates":[2.1,41.4]}`: -1, `{"a":"{\"b\":1,\"b\":2}"}`: -1,
		`{"a":1,"a":1}`: 7, ` { "a" : 1 , "b" : 2 , "a" : 3 } `: 23, `{"a":1,"\u0061":2}`: 7, `{"\u0061":1,"a":2}`: 12, `{"":1,"":2}`: 6,
		`[{"a":1},{"a":1,"a":2}]`: 16, `{"a":[[{"b":1,"b":2}]]}`: 14, `{"a":{"b":1},"a":2}`: 13,
		"{" + many.String() + `"z":1}`: -1, "{" + many.String() + `"n999":1}`: 1 + many.Len(),
		"{" + many.String() + `"n3":1}`: 1 + many.Len(),
	} {
		if got := jsonpage.RepeatedName([]byte(value)); got != want {
			t.Errorf("%.60s: byte %d, want %d", value, got, want)
		}
	}
	point := []byte(`{"type":"Point","coordinates":[2.1,41.4]}`)
	if n := testing.AllocsPerRun(100, func() { jsonpage.RepeatedName(point) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
