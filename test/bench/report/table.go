package report

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// table is a heading and rows, shown as Markdown that also reads well in a terminal.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t table) String() string {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	line := func(cells []string) {
		for i, cell := range cells {
			b.WriteString("| " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1))
		}
		b.WriteString("|\n")
	}
	line(t.head)
	rule := make([]string, len(t.head))
	for i := range rule {
		rule[i] = strings.Repeat("-", widths[i])
	}
	line(rule)
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}

// Markdown shows the whole report.
func (r Report) Markdown() string {
	var parts []string
	part := func(format string, a ...any) { parts = append(parts, fmt.Sprintf(format, a...)) }

	m := r.Machine
	part("%s, %s, %d cores, %s, llac at %s, %d rounds%s.%s", m.System, m.CPU, m.Cores, m.Go, m.Build, m.Rounds, beside(m.Packages), busy(m))
	for _, why := range r.LeftOut {
		part("Left out: %s", why)
	}
	if targets := r.Targets(); len(targets) > 0 {
		t := table{head: []string{"target", "promised", "measured", ""}}
		for _, x := range targets {
			t.add(x.What, x.Promised, x.Measured, map[bool]string{true: "met", false: "NOT MET"}[x.Met])
		}
		part("### Targets\n\n%s", t)
	}
	for _, s := range r.Staging {
		t := table{head: []string{"who", "wall, times llac's", "wall median s", "min s", "CPU s", "peak MiB", "output MB", "files MB"}}
		for _, x := range s.Runs {
			ratio := "1"
			if len(x.Ratios) > 0 {
				ratio = fmt.Sprintf("%.2f (%.2f to %.2f)", Median(x.Ratios), slices.Min(x.Ratios), slices.Max(x.Ratios))
			}
			if len(x.Wall) == 0 {
				continue
			}
			t.add(x.Contestant, ratio, fmt.Sprintf("%.2f", Median(x.Wall)), fmt.Sprintf("%.2f", slices.Min(x.Wall)), fmt.Sprintf("%.2f", Median(x.CPU)),
				fmt.Sprint(slices.Max(x.PeakRSS)>>20), fmt.Sprintf("%.2f", float64(x.Bytes)/1e6), fmt.Sprintf("%.2f", float64(x.FileBytes)/1e6))
		}
		same := ""
		if len(s.Runs) > 1 {
			same = " All outputs hold the same rows."
		}
		part("### Staging: %s\n\n%s rows, %.0f MB of JSON; %s staged, %s duplicates, %s quarantined.%s\n\n%s", s.Set,
			thousands(s.Rows), float64(s.InputBytes)/1e6, thousands(int(s.Counts.Staged)), thousands(int(s.Counts.Duplicates)), thousands(int(s.Counts.Quarantined)), same, t)
	}
	if c := r.Cloud; c != nil && len(c.Ratios) > 0 {
		part("### From S3\n\n%s rows of %s, S3 being the local cloud in the same process: %.2f times the time from files to files (%.2f to %.2f); %.2f s and %.2f s.",
			thousands(c.Rows), c.Set, Median(c.Ratios), slices.Min(c.Ratios), slices.Max(c.Ratios), Median(c.Cloud), Median(c.Files))
	}
	if len(r.Functions) > 0 {
		t := table{head: []string{"function", "zip MB (arm64)", "start to ready ms", "idle MiB"}}
		for _, f := range r.Functions {
			t.add(f.Service, fmt.Sprintf("%.2f", float64(f.ZipBytes)/1e6), fmt.Sprintf("%.1f", f.StartMS), fmt.Sprintf("%.1f", float64(f.IdleRSS)/(1<<20)))
		}
		part("### Functions\n\n%s", t)
	}
	if len(r.Figures) > 0 {
		t := table{head: []string{"pipeline", "median", "min", "max", "unit", "aim"}}
		for _, f := range r.Figures {
			t.add(f.Name, fmt.Sprintf("%.2f", Median(f.Samples)), fmt.Sprintf("%.2f", slices.Min(f.Samples)), fmt.Sprintf("%.2f", slices.Max(f.Samples)), f.Unit, f.Target)
		}
		part("### Pipeline\n\n%s", t)
	}
	if r.Marts != nil && len(r.Marts.Warm) > 0 {
		part("%s", martsTables(*r.Marts))
	}
	if len(r.Benchmarks) > 0 {
		var lines strings.Builder
		last := ""
		for _, b := range r.Benchmarks {
			if b.Package != last {
				fmt.Fprintf(&lines, "%s\n", b.Package)
				last = b.Package
			}
			fmt.Fprintf(&lines, "  %s\n", b.Line)
		}
		part("### Go benchmarks, one core\n\n```\n%s```", lines.String())
	}
	for i := range parts {
		parts[i] = strings.TrimRight(parts[i], "\n")
	}
	return strings.Join(parts, "\n\n") + "\n"
}

func beside(packages []string) string {
	if len(packages) == 0 {
		return ""
	}
	return "; beside " + strings.Join(packages, ", ")
}

// busy warns of figures that were taken beside other work.
func busy(m Machine) string {
	if m.Load < 1 {
		return ""
	}
	return fmt.Sprintf(" The machine had other work: a load of %.1f when the bench began.", m.Load)
}

// The generated part of a document lies between these lines.
const (
	begin = "<!-- made by make bench-write: what is between these lines is replaced -->\n"
	end   = "<!-- end of what is made by make bench-write -->\n"
)

// Write replaces the generated part of a document.
func Write(path, markdown string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text, err := replace(string(old), markdown)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

func replace(document, markdown string) (string, error) {
	before, rest, ok := strings.Cut(document, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", errors.New("it has no part to replace; put back the two comment lines")
	}
	return before + begin + "\n" + strings.TrimSpace(markdown) + "\n\n" + end + after, nil
}
