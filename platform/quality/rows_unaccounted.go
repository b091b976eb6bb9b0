package quality

var _ = register(Metric{
	Name: "rows_unaccounted", Units: []string{"rows"}, Internal: true,
	Text: "Rows that the stager read and neither staged, nor dropped as duplicates, nor quarantined.",
	Start: func(_ Rule, s *Subject) (Measure, error) {
		lost := float64(s.RowsIn - s.Staged - s.Duplicates - s.Quarantined)
		return &rowCounter{result: func(int64) Result { return Result{Value: lost} }}, nil
	},
})
