package cli

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/lake"
)

// text is what a command says to a person.
type text struct {
	strings.Builder
	color bool
	llac  func(words string) string // a command line to type next
}

// line writes one line.
func (t *text) line(format string, args ...any) {
	fmt.Fprintf(t, format, args...)
	t.WriteByte('\n')
}

// The colours; they repeat what the words say and never say anything alone.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (t *text) paint(code, s string) string {
	if !t.color || code == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// table writes rows under a header. A column whose name begins with '>' is aligned to the right. Trailing blanks are
// left out.
func (t *text) table(header []string, rows [][]string, paint func(row, column int) string) {
	widths := make([]int, len(header))
	right := make([]bool, len(header))
	for i, h := range header {
		header[i], right[i] = strings.CutPrefix(h, ">")
		widths[i] = utf8.RuneCountInString(header[i])
	}
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	write := func(row []string, color func(int) string) {
		var b strings.Builder
		for i, cell := range row {
			blank := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			painted := cell
			if color != nil {
				painted = t.paint(color(i), cell)
			}
			switch {
			case right[i]:
				b.WriteString(blank + painted)
			case i < len(row)-1:
				b.WriteString(painted + blank)
			default:
				b.WriteString(painted)
			}
			if i < len(row)-1 {
				b.WriteString("  ")
			}
		}
		t.line("%s", strings.TrimRight(b.String(), " "))
	}
	write(header, nil)
	for r, row := range rows {
		var color func(int) string
		if paint != nil {
			color = func(c int) string { return paint(r, c) }
		}
		write(row, color)
	}
}

// count writes a number with its thousands apart.
func count[N int | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes bytes in the unit that leaves at most three digits before the point.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, units := float64(n), []string{"kB", "MB", "GB", "TB"}
	for i, u := range units {
		f /= 1000
		if f < 999.5 || i == len(units)-1 {
			if f < 9.95 {
				return fmt.Sprintf("%.1f %s", f, u)
			}
			return fmt.Sprintf("%.0f %s", f, u)
		}
	}
	return ""
}

// lasted writes milliseconds.
func lasted(ms float64) string {
	whole := time.Duration(ms * float64(time.Millisecond)).Round(time.Second)
	switch {
	case ms < 10:
		return strconv.FormatFloat(math.Round(ms*10)/10, 'f', -1, 64) + " ms"
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 59_950:
		return fmt.Sprintf("%.1f s", ms/1000)
	case whole < time.Hour:
		return fmt.Sprintf("%d min %d s", whole/time.Minute, whole%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", whole/time.Hour, whole%time.Hour/time.Minute)
}

// age writes a duration as people say it: its largest unit.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// stamp writes a time, in UTC as everything in the lake.
func stamp(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format("2006-01-02 15:04:05")
}

// provenance says whether data are real (invariant 11).
func provenance(sourceSystem string) string {
	switch {
	case sourceSystem == "":
		return "-"
	case lake.Origin(sourceSystem).Simulated():
		if lake.Origin(sourceSystem) == lake.SimulatorOrigin {
			return "simulated"
		}
		return sourceSystem
	}
	return "real (" + sourceSystem + ")"
}

// stateColor is the colour of a request's state.
func stateColor(s ledger.State) string {
	switch {
	case s.Good():
		return green
	case s.Ended():
		return red
	}
	return yellow
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + one + "s"
}

// decimal writes a measured value with at most three decimals.
func decimal(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return count(int64(f))
	}
	return strconv.FormatFloat(math.Round(f*1000)/1000, 'f', -1, 64)
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// indented is a document as a person reads it.
func indented(v any) string { return strings.TrimRight(string(lake.Encode(v)), "\n") }

// and joins names as a sentence does.
func and(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// plainWord is what a shell reads as it stands.
var plainWord = regexp.MustCompile(`^[\w%+,./:=@-]+$`)

// shellWord is a word as a shell reads it whole.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// shellText is a text, which may hold single quotes, as a shell reads it whole.
func shellText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s) + `"`
}
