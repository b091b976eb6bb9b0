package report

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/llac-project/llac/test/bench/functions"
	"github.com/llac-project/llac/test/bench/staging"
)

// table is a Markdown table that is also readable in a terminal.
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

// Markdown formats the whole report.
func (r Report) Markdown() string {
	parts := []string{r.Machine.markdown()}
	for _, why := range r.LeftOut {
		parts = append(parts, "Left out: "+why)
	}
	if targets := r.Targets(); len(targets) > 0 {
		t := table{head: []string{"target", "promised", "measured", ""}}
		for _, x := range targets {
			t.add(x.What, x.Promised, x.Measured, x.verdict())
		}
		parts = append(parts, "### Targets\n\n"+t.String())
	}
	for _, s := range r.Staging {
		parts = append(parts, stagingMarkdown(s))
	}
	if r.Cloud != nil && len(r.Cloud.Ratios) > 0 {
		parts = append(parts, cloudMarkdown(*r.Cloud))
	}
	if len(r.Functions) > 0 {
		parts = append(parts, functionsMarkdown(r.Functions))
	}
	if len(r.Figures) > 0 {
		parts = append(parts, figuresMarkdown(r.Figures))
	}
	if r.Marts != nil && len(r.Marts.Warm) > 0 {
		parts = append(parts, martsTables(*r.Marts))
	}
	if len(r.Benchmarks) > 0 {
		parts = append(parts, benchmarksMarkdown(r.Benchmarks))
	}
	for i := range parts {
		parts[i] = strings.TrimRight(parts[i], "\n")
	}
	return strings.Join(parts, "\n\n") + "\n"
}

func stagingMarkdown(s staging.Result) string {
	t := table{head: []string{"program", "wall / llac (range)", "wall median s", "min s", "CPU s", "peak MiB", "output MB", "files MB"}}
	for _, x := range s.Runs {
		ratio := "1"
		if len(x.Ratios) > 0 {
			ratio = fmt.Sprintf("%.2f (%.2f to %.2f)", Median(x.Ratios), slices.Min(x.Ratios), slices.Max(x.Ratios))
		}
		if len(x.Wall) == 0 {
			continue
		}
		t.add(x.Contestant, ratio, two(Median(x.Wall)), two(slices.Min(x.Wall)), two(Median(x.CPU)),
			fmt.Sprint(slices.Max(x.PeakRSS)>>20), two(float64(x.Bytes)/1e6), two(float64(x.FileBytes)/1e6))
	}
	same := ""
	if len(s.Runs) > 1 {
		same = " All outputs contain the same rows."
	}
	return fmt.Sprintf("### Staging: %s\n\n%s rows, %.0f MB of JSON; %s staged, %s duplicates, %s quarantined.%s\n\n%s", s.Set,
		thousands(s.Rows), float64(s.InputBytes)/1e6, thousands(int(s.Counts.Staged)), thousands(int(s.Counts.Duplicates)),
		thousands(int(s.Counts.Quarantined)), same, t)
}

func cloudMarkdown(c staging.CloudResult) string {
	return fmt.Sprintf("### From S3\n\n%s rows of %s, with the local cloud as S3 in the same process: %.2f s, and %.2f s from "+
		"files to files.\n"+
		"The median ratio is %.2f (%.2f to %.2f).",
		thousands(c.Rows), c.Set, Median(c.Cloud), Median(c.Files), Median(c.Ratios), slices.Min(c.Ratios), slices.Max(c.Ratios))
}

func functionsMarkdown(results []functions.Result) string {
	t := table{head: []string{"function", "zip MB (arm64)", "start to ready ms", "idle MiB"}}
	for _, f := range results {
		t.add(f.Service, two(float64(f.ZipBytes)/1e6), fmt.Sprintf("%.1f", f.StartMS), fmt.Sprintf("%.1f", float64(f.IdleRSS)/(1<<20)))
	}
	return "### Functions\n\n" + t.String()
}

func figuresMarkdown(figures []Figure) string {
	t := table{head: []string{"pipeline", "median", "min", "max", "unit", "aim"}}
	for _, f := range figures {
		t.add(f.Name, two(Median(f.Samples)), two(slices.Min(f.Samples)), two(slices.Max(f.Samples)), f.Unit, f.Target)
	}
	return "### Pipeline\n\n" + t.String()
}

func benchmarksMarkdown(benchmarks []Benchmark) string {
	var lines strings.Builder
	last := ""
	for _, b := range benchmarks {
		if b.Package != last {
			fmt.Fprintf(&lines, "%s\n", b.Package)
			last = b.Package
		}
		fmt.Fprintf(&lines, "  %s\n", b.Line)
	}
	return fmt.Sprintf("### Go benchmarks, one core\n\n```\n%s```", lines.String())
}

// two formats a number with two decimals.
func two(n float64) string { return fmt.Sprintf("%.2f", n) }

// markdown lists the machine and the versions of a measurement.
func (m Machine) markdown() string {
	list := fmt.Sprintf("- machine: %s, %s, %d cores, %s\n- llac at %s, %d rounds", m.System, m.CPU, m.Cores, m.Go, m.Build, m.Rounds)
	if len(m.Packages) > 0 {
		list += "\n- compared with " + strings.Join(m.Packages, ", ")
	}
	if m.Load >= 1 {
		list += fmt.Sprintf("\n- the machine was busy: load average %.1f at the start", m.Load)
	}
	return list
}

func (t Target) verdict() string {
	if t.Met {
		return "met"
	}
	return "NOT MET"
}

// Markers of the generated part of a document.
const (
	begin = "<!-- generated by make bench-write: text between these lines is replaced -->\n"
	end   = "<!-- end of the text generated by make bench-write -->\n"
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
		return "", errors.New("markers of the generated part are missing; restore the two comment lines")
	}
	return before + begin + "\n" + strings.TrimSpace(markdown) + "\n\n" + end + after, nil
}
