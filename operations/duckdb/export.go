package duckdb

import (
	"context"
	"os"
)

// Export describes a file with the result of a query.
type Export struct {
	Query   string      `json:"query"`
	Rows    int64       `json:"rows"`   // expected number
	Format  string      `json:"format"` // csv, xlsx, parquet
	Out     string      `json:"out"`    // the file; it is overwritten
	About   [][2]string `json:"about"`  // metadata inside the file
	Warning string      `json:"warning"`
	Inside  bool        `json:"inside"` // csv: metadata at the top of the file
	Excel   bool        `json:"excel"`  // csv: for opening in Excel

	Spill string `json:"spill"` // set by Engine.Export
}

func (x *Export) spillTo(folder string) { x.Spill = folder }

// Export writes a file and returns its number of rows. The error is an *Error if DuckDB or the format refused the data.
func (e Engine) Export(ctx context.Context, x Export) (int64, error) {
	var report struct {
		Error *Error `json:"error"`
		Rows  int64  `json:"rows"`
	}
	if err := e.program(ctx, "export", &x, &report, Streams{}); err != nil {
		return 0, err
	}
	if report.Error != nil {
		return 0, report.Error
	}
	if _, err := os.Stat(x.Out); err != nil {
		return 0, err
	}
	return report.Rows, nil
}
