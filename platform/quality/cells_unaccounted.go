package quality

import "github.com/llac-project/llac/platform/lake"

var _ = register(Metric{
	Name: "cells_unaccounted", Units: []string{"cells"}, Internal: true,
	Text: "Refused cells that the stager reports and the rows do not count, or the other way round.",
	Start: func(rule Rule, s *Subject) (Measure, error) {
		return &cellSum{column: rule.Column, missing: lake.TotalCells(s.Cells).Refused}, nil
	},
})

// cellSum subtracts a column of counts from a number of cells.
type cellSum struct {
	column  string
	missing int64
}

func (c *cellSum) Add(r Row) bool {
	n, _ := r.Number(c.column)
	c.missing -= int64(n)
	return false
}

func (c *cellSum) Result() Result { return Result{Value: float64(c.missing)} }
