package cli

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/platform/lake"
)

// text is the output of a command for a person.
type text struct {
	strings.Builder
	color bool
	width int                       // columns of the terminal; 0: no limit
	llac  func(words string) string // a command line to type next
}

func (a *App) newText() *text { return &text{color: a.Color, width: a.OutWidth, llac: a.llac} }

// line writes one line.
func (t *text) line(format string, args ...any) {
	fmt.Fprintf(t, format, args...)
	t.WriteByte('\n')
}

// own matches the escape sequences that paint writes.
var own = regexp.MustCompile("\x1b\\[(?:31|32|33|0)m")

// printable removes the control characters from a text for a terminal, except line feeds, tabs and the colours of paint. Reasons,
// file names and a portal's messages are written by others: they must not control the terminal that shows them.
func printable(s string) string {
	var b strings.Builder
	for {
		at := own.FindStringIndex(s)
		if at == nil {
			b.WriteString(strings.Map(visible, s))
			return b.String()
		}
		b.WriteString(strings.Map(visible, s[:at[0]]))
		b.WriteString(s[at[0]:at[1]])
		s = s[at[1]:]
	}
}

// visible returns the character, or -1 if it controls a terminal or the direction of the text.
func visible(r rune) rune {
	if r != '\n' && r != '\t' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
		return -1
	}
	return r
}

// The colours. They repeat the text and never carry information of their own.
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

// wrap breaks a text into lines of at most width columns. The first line starts after the columns of indent, the others
// start with indent.
func wrap(s string, width int, indent string) string {
	var b strings.Builder
	column := utf8.RuneCountInString(indent)
	for i, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n" + indent)
			column = utf8.RuneCountInString(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

// provenance describes whether data are real (invariant 11).
func provenance(sourceSystem string) string {
	switch {
	case sourceSystem == "":
		return "-"
	case lake.Origin(sourceSystem) == lake.SimulatorOrigin:
		return "simulated"
	case lake.Origin(sourceSystem).Simulated():
		return sourceSystem
	}
	return "real (" + sourceSystem + ")"
}

// stateColor returns the colour of a request's state.
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

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// indented returns a document as indented JSON.
func indented(v any) string { return strings.TrimRight(string(lake.Encode(v)), "\n") }

// list is never nil, so that its JSON is a list.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
