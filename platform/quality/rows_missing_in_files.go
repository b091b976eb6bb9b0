package quality

var _ = register(Metric{
	Name: "rows_missing_in_files", Units: []string{"rows"}, Internal: true,
	Text: "Rows that the stager reports as staged and that are not in the files.",
	Start: func(_ Rule, s *Subject) (Measure, error) {
		return &rowCounter{result: func(rows int64) Result { return Result{Value: float64(s.Staged - rows)} }}, nil
	},
})
