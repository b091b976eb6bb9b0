package quality

import "github.com/llac-project/llac/platform/lake"

// measureCells measures the share of rows in which count counts the column's cell. Without a column, it measures the column
// with the highest share and names it.
func (s *Subject) measureCells(column string, count func(lake.Cells) int64) Measure {
	return &rowCounter{result: func(rows int64) Result {
		most, of := count(s.Cells[column]), column
		if column == "" {
			for name, cells := range s.Cells {
				if n := count(cells); n > most || n == most && n > 0 && name < of {
					most, of = n, name
				}
			}
		}
		r := Result{Value: share(most, rows, "percent")}
		if column == "" && of != "" {
			r.Note = "column " + of
		}
		return r
	}}
}
