package contract_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/contracttest"
)

// A file that is made to exhaust its reader gives a bounded list of problems.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	var keys, bomb strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
	}
	bomb.WriteString("a0: &a0 [x]\n")
	for i := range 60 {
		fmt.Fprintf(&bomb, "a%[2]d: &a%[2]d [*a%[1]d,*a%[1]d,*a%[1]d,*a%[1]d,*a%[1]d,*a%[1]d,*a%[1]d,*a%[1]d]\n", i, i+1)
	}
	for name, text := range map[string]string{
		"unknown keys":           keys.String(),
		"aliases":                bomb.String(),
		"itself":                 "a: &a [*a]\n",
		"deep, flow":             "a: " + strings.Repeat("[", 200_000),
		"deep, block":            strings.Repeat("- ", 200_000) + "x",
		"deep, allowed":          "a: " + strings.Repeat("{a: ", 5000) + strings.Repeat("}", 5000),
		"merge":                  strings.Replace(contracttest.Base, "status: active", "<<: {status: active}", 1),
		"binary":                 strings.Replace(contracttest.Base, "status: active", "status: !!binary YWN0aXZl", 1),
		"keys that are not text": "? [a, b]\n: 1\n? {c: d}\n: 2\n",
		"infinite bound":         strings.Replace(contracttest.Base, "mustBeLessThan: 5", "mustBeLessThan: 1e999", 1),
		"growing pattern":        strings.Replace(contracttest.Base, `"[0-9]{4}"`, `"((a{1000}){1000}){1000}"`, 1),
		"not UTF-8":              "name: \"\xff\"\n",
		"UTF-16":                 "\xff\xfen\x00",
		"too large":              "# " + strings.Repeat("x", 1<<20) + "\n" + contracttest.Base,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := contract.Parse("contract.yaml", []byte(text))
			var problems contract.Problems
			if c != nil || !errors.As(err, &problems) || len(problems) == 0 || len(problems) > 1000 {
				t.Errorf("contract %v, %T with %d problems", c != nil, err, len(problems))
			}
		})
	}
}
