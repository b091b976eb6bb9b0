package quality

const (
	// moreDuplicates is by how many percentage points the share of duplicates may exceed the published one.
	moreDuplicates = 1.0
	// fewDuplicates is the number of additional duplicates that a small dataset may have in any case.
	fewDuplicates = 10
)

var _ = register(Metric{
	Name: "duplicate_percent", Units: []string{"percent"}, Dimension: "uniqueness",
	Text: "Rows that the stager dropped as duplicates, in percent of the rows that it read. See the built-in rule below.",
	Start: func(_ Rule, s *Subject) (Measure, error) {
		return &rowCounter{result: func(int64) Result {
			return Result{Value: share(s.Duplicates, s.RowsIn, "percent"), Baseline: s.publishedDuplicates()}
		}}, nil
	},
	Cases: []Case{
		{
			Rule: "mustBeLessOrEqualTo: 20", Duplicates: 1, Observed: 20,
			Rows: `[{"thing_id":"1"},{"thing_id":"2"},{"thing_id":"3"},{"thing_id":"4"}]`,
		},
		{
			Rule: "mustBeLessOrEqualTo: 20", Duplicates: 1, Fails: true, Observed: 25,
			Rows: `[{"thing_id":"1"},{"thing_id":"2"},{"thing_id":"3"}]`,
		},
	},
})

// publishedDuplicates returns the share of duplicates of the published snapshot in percent; nil if there is nothing to compare
// with.
func (s *Subject) publishedDuplicates() *float64 {
	if s.PublishedCounts == nil || s.PublishedCounts.RowsIn == 0 {
		return nil
	}
	percent := share(s.PublishedCounts.Duplicates, s.PublishedCounts.RowsIn, "percent")
	return &percent
}

// noMoreDuplicates returns the built-in rule. Rows that a source repeats are as many in one snapshot as in the next; a page that
// was sent for another page makes many more. Without a published snapshot the share is only recorded.
func noMoreDuplicates(s *Subject) Rule {
	r := Rule{
		Name: "no_more_duplicates", Metric: "duplicate_percent", Unit: "percent", Severity: "error", Side: "source",
		Dimension: "uniqueness",
		Text: "rows read twice are at most 1 percentage point, or 10 rows, more than in the published snapshot; " +
			"if the source now repeats more rows, write a rule on duplicate_percent in the contract",
	}
	if published := s.publishedDuplicates(); published != nil {
		most := *published + max(moreDuplicates, share(fewDuplicates, max(s.RowsIn, 1), "percent"))
		r.Max = &most
	}
	return r
}
