package duckdb

import (
	"context"
	"os"
)

// Export writes the answer to a query into a file.
type Export struct {
	Query   string      `json:"query"`
	Rows    int64       `json:"rows"`   // that are expected
	Format  string      `json:"format"` // csv, xlsx, parquet
	Out     string      `json:"out"`    // the file, written over
	About   [][2]string `json:"about"`  // what is said of the data, inside
	Warning string      `json:"warning"`
	Inside  bool        `json:"inside"` // of csv: what is said stands at the top
	Excel   bool        `json:"excel"`  // of csv: for a double click there

	Spill string `json:"spill"` // set here
}

func (x *Export) spillTo(folder string) { x.Spill = folder }

// Export writes a file and answers how many rows it has. The error is *Error where DuckDB, or the format, refused.
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
