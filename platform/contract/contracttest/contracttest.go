// Package contracttest provides contracts for tests: a complete valid one, and edits of it.
package contracttest

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
)

// Base is a small valid contract that uses most keys: dataset libraries, partitioned by year.
//
//go:embed base.odcs.yaml
var Base string

// Earlier is Base in the forms of earlier versions of Llac, which only ParsePinned accepts.
//
//go:embed earlier.odcs.yaml
var Earlier string

// Parse parses a contract that must be valid.
func Parse(t testing.TB, text string) *contract.Contract {
	t.Helper()
	c, err := contract.Parse("contract.yaml", []byte(text))
	if err != nil {
		t.Fatalf("the contract of the test is not valid:\n%v", err)
	}
	return c
}

// Edit applies edits to a text. In the script, the lines that start with "< " are replaced by the lines that start with
// "> " after them; the replaced lines must occur exactly once in the text. An empty line ends an edit. Indentation counts
// after the mark.
func Edit(text, script string) (string, error) {
	var from, to []string
	apply := func() error {
		if len(from) == 0 {
			if len(to) > 0 {
				return fmt.Errorf("an edit adds %q without a position: repeat the line before it", to[0])
			}
			return nil
		}
		old := strings.Join(from, "\n") + "\n"
		if n := strings.Count("\n"+text, "\n"+old); n != 1 {
			return fmt.Errorf("the lines to replace occur %d times in the text, want once:\n%s", n, old)
		}
		replacement := ""
		if len(to) > 0 {
			replacement = strings.Join(to, "\n") + "\n"
		}
		text = strings.Replace("\n"+text, "\n"+old, "\n"+replacement, 1)[1:]
		from, to = nil, nil
		return nil
	}
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "<"):
			if len(to) > 0 {
				if err := apply(); err != nil {
					return "", err
				}
			}
			from = append(from, strings.TrimPrefix(strings.TrimPrefix(line, "<"), " "))
		case strings.HasPrefix(line, ">"):
			to = append(to, strings.TrimPrefix(strings.TrimPrefix(line, ">"), " "))
		case strings.TrimSpace(line) == "":
			if err := apply(); err != nil {
				return "", err
			}
		default:
			return "", fmt.Errorf("a line of an edit must start with < or >, not %q", line)
		}
	}
	return text, apply()
}
