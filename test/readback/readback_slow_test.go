//go:build slow

package readback

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/contract"
)

func TestManyRows(t *testing.T) {
	t.Parallel()
	columns := manyRows()
	path := stage(t, columns)
	inFileOrder(columns)
	got := read(t, path)
	if len(got.Groups) < 2 {
		t.Errorf("the file has %d row groups, want several; add rows", len(got.Groups))
	}
	checkValues(t, columns, got)
	checkStatistics(t, columns, got)
}

// manyRows returns a table with more rows than a row group, and a column with more values than a dictionary.
func manyRows() []*column {
	id, code, few, price, day, late := newColumn("id", contract.Integer), newColumn("code", contract.Text),
		newColumn("few", contract.Text), newColumn("price", contract.Decimal),
		newColumn("day", contract.Date), newColumn("late", contract.Number)
	price.field.Precision, price.field.Scale = 12, 2
	const rows = 15 * pageRows
	for i := range rows {
		id.add(strconv.Itoa(i*7), strconv.Itoa(i*7))
		s := fmt.Sprintf("codi núm. %d", i*2654435761%1_000_003)
		if i/20_000%2 == 1 {
			s = fmt.Sprintf("comarca %d", i%42)
		}
		code.add(strconv.Quote(s), s)
		s = []string{"home", "dona", "à"}[i%3]
		few.add(strconv.Quote(s), s)
		price.add(fmt.Sprintf("%d.25", 75_000-i), fmt.Sprintf("%d.25", 75_000-i))
		t := time.Date(1900, 1, 1+i%60_000, 0, 0, 0, 0, time.UTC)
		day.add(t.Format(`"2006-01-02"`), date(t))
		if i < rows-pageRows/2 { // null in all pages but one
			late.add("null")
		} else {
			late.add(strconv.Itoa(i), float(float64(i)))
		}
	}
	return []*column{id, code, few, price, day, late}
}

// inFileOrder reorders a table's pages as in the file: last page first.
func inFileOrder(columns []*column) {
	for _, c := range columns {
		var out []*string
		for end := len(c.out); end > 0; end -= pageRows {
			out = append(out, c.out[max(0, end-pageRows):end]...)
		}
		c.out = out
	}
}
