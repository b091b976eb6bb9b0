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
	width    int  // of the widest cell; after fit, of the column
	least    int  // width to which it is cut before optional columns are left out
	last     int  // width to which it is cut after that
}

// gap separates the columns.
const gap = "  "

// shortest is the least width of a column that may be cut: the first word of a provenance ("simulated", "real") stays readable.
const shortest = len("simulated") + len(".")

// columns reads the header of a table. Before a name, "?" makes the column optional, then ">" aligns it to the right and "~"
// lets it be cut. The last column may always be cut, unless it is optional or aligned to the right.
func columns(header []string, rows [][]string) []column {
	out := make([]column, len(header))
	for i, name := range header {
		c := &out[i]
		name, c.optional = strings.CutPrefix(name, "?")
		name, c.right = strings.CutPrefix(name, ">")
		name, cut := strings.CutPrefix(name, "~")
		c.name = name
		c.width = utf8.RuneCountInString(c.name)
		atLeast := max(c.width, shortest)
		for _, row := range rows {
			c.width = max(c.width, utf8.RuneCountInString(row[i]))
		}
		c.least, c.last = c.width, c.width
		if cut {
			c.least, c.last = min(c.width, atLeast), min(c.width, atLeast)
		} else if i == len(header)-1 && !c.optional && !c.right {
			c.least, c.last = min(c.width, atLeast), 1
		}
	}
	return out
}

// fit returns the columns that are shown in a width, with their widths there; 0 means no limit. Columns are cut, then optional
// ones are left out from the right, then the last column is cut further. If the others do not fit even then, the table is wider
// than the terminal, which breaks its lines: no number, name or provenance disappears (invariant 11).
func fit(all []column, width int) (shown []int, fitted []column) {
	fitted = slices.Clone(all)
	total := -len(gap)
	for i, c := range all {
		shown = append(shown, i)
		total += len(gap) + c.least
	}
	if width == 0 {
		return shown, fitted
	}
	for i := len(all) - 1; i >= 0 && total > width; i-- {
		if all[i].optional {
			total -= len(gap) + all[i].least
			shown = slices.DeleteFunc(shown, func(s int) bool { return s == i })
		}
	}
	spare := width - total
	for _, i := range shown {
		more := min(spare, all[i].width-all[i].least)
		if spare < 0 {
			more = max(spare, all[i].last-all[i].least)
		}
		fitted[i].width = all[i].least + more
		spare -= more
	}
	return shown, fitted
}

// table writes rows under a header (see columns). Trailing blanks are left out. If the terminal is too narrow, columns are cut
// or left out (see fit).
func (t *text) table(header []string, rows [][]string, paint func(row, column int) string) {
	shown, all := fit(columns(header, rows), t.width)
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
	for _, i := range shown {
		c := all[i]
		cell := shorten(cells[i], c.width)
		blank := strings.Repeat(" ", c.width-utf8.RuneCountInString(cell))
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
	}
	t.line("%s", strings.TrimRight(b.String(), " "))
}

// shorten cuts a cell to a width.
func shorten(cell string, width int) string {
	if utf8.RuneCountInString(cell) <= width {
		return cell
	}
	return string([]rune(cell)[:max(0, width-1)]) + "…"
}
