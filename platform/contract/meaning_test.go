package contract

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSameMeaning covers the checks that keep Migrate from writing a file that differs in more than its forms.
func TestSameMeaning(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join("contracttest", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	base, earlier := read("base.odcs.yaml"), read("earlier.odcs.yaml")
	parsed := func(text string) *Contract {
		c, err := ParsePinned("contract.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if !sameMeaning(parsed(earlier), parsed(base)) {
		t.Error("the two forms of one contract differ")
	}
	for _, change := range [][2]string{
		{"value: ANY", "value: any"}, {"value: prestecs", "value: prestec"}, {"dd/MM/yyyy", "MM/dd/yyyy"},
		{"classification: personal", "classification: internal"}, {"Name of the librarian", "Name"}, {"decimal(12, 2)", "decimal(12, 3)"},
		{"mustBeLessThan: 5", "mustBeLessThan: 6"}, {"missing: reject", "missing: report"}, {"minLength: 4", "minLength: 3"},
	} {
		text := strings.Replace(base, change[0], change[1], 1)
		if text == base || sameMeaning(parsed(earlier), parsed(text)) {
			t.Errorf("%s is taken for %s", change[1], change[0])
		}
	}
	with := "# above\na: 1 # after\nb: [x] # last\n"
	if got := comments([]byte(with)); !slices.Equal(got, []string{"# above", "# after", "# last"}) {
		t.Errorf("comments %q", got)
	}
}
