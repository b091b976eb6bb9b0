package cli

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// column is the layout of one column of a table.
type column struct {
	name     string
	right    bool // aligned to the right
	optional bool // left out if the table is wider than the terminal
	width    int
}

// gap separates the columns.
const gap = "  "

// columns reads the header of a table: ">" before a name aligns the column to the right, "?" makes it optional.
func columns(header []string, rows [][]string) []column {
	out := make([]column, len(header))
	for i, name := range header {
		c := &out[i]
		name, c.optional = strings.CutPrefix(name, "?")
		c.name, c.right = strings.CutPrefix(name, ">")
		c.width = utf8.RuneCountInString(c.name)
		for _, row := range rows {
			c.width = max(c.width, utf8.RuneCountInString(row[i]))
		}
	}
	return out
}

// fit returns the indexes of the columns that are shown in a width; 0 means no limit. Optional columns are left out from
// the right until the others fit.
func fit(all []column, width int) []int {
	var shown []int
	total := -len(gap)
	for i, c := range all {
		shown = append(shown, i)
		total += len(gap) + c.width
	}
	for i := len(all) - 1; i >= 0 && width > 0 && total > width; i-- {
		if all[i].optional {
			total -= len(gap) + all[i].width
			shown = slices.DeleteFunc(shown, func(s int) bool { return s == i })
		}
	}
	return shown
}

// table writes rows under a header (see columns). Trailing blanks are left out. If the terminal is too narrow, optional
// columns are left out, and then the last column is cut.
func (t *text) table(header []string, rows [][]string, paint func(row, column int) string) {
	all := columns(header, rows)
	shown := fit(all, t.width)
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.name
	}
	t.row(all, shown, names, nil)
	for r, row := range rows {
		var color func(int) string
		if paint != nil {
			color = func(c int) string { return paint(r, c) }
		}
		t.row(all, shown, row, color)
	}
}

// row writes one row of a table.
func (t *text) row(all []column, shown []int, cells []string, color func(column int) string) {
	var b strings.Builder
	used := 0
	for n, i := range shown {
		cell, c, last := cells[i], all[i], n == len(shown)-1
		if room := t.width - used; last && t.width > 0 && utf8.RuneCountInString(cell) > room {
			cell = string([]rune(cell)[:max(0, room-1)]) + "…"
		}
		blank := strings.Repeat(" ", max(0, c.width-utf8.RuneCountInString(cell)))
		painted := cell
		if color != nil {
			painted = t.paint(color(i), cell)
		}
		if c.right {
			b.WriteString(blank + painted)
		} else {
			b.WriteString(painted + blank)
		}
		b.WriteString(gap)
		used += c.width + len(gap)
	}
	t.line("%s", strings.TrimRight(b.String(), " "))
}
