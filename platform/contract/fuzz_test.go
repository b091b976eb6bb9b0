package contract_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/contracttest"
)

// For any bytes, Parse returns a contract or the problems of the file, and never panics. Migrate refuses what it cannot read,
// and a second call changes nothing.
func FuzzParse(f *testing.F) {
	f.Add([]byte(contracttest.Base))
	f.Add([]byte(contracttest.Earlier))
	paths, err := filepath.Glob(filepath.Join("..", "..", "datasets", "*.odcs.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, seed := range []string{
		"", "a", "- a", "a: &a [*a]", "a: .nan", "? [x]\n: y", "schema: [{properties: [null, 1, {name: [x]}]}]", "!!binary x: y",
		"slaProperties: [{property: frequency, value: 1, schedule: 'TZ='}]", "servers: {a: b}", "x: 1e999", "schema: [[[[[[[[{}]]]]]]]]",
		"schema:\n- name: a\n  properties:\n  - name: a\n    customProperties: [{property: llacMapping, value: {a: {b: c}}}]\n" +
			"    quality: [{type: custom, engine: llac, implementation: {metric: minimum, mustBeBetween: [1]}}]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if text, _, err := contract.Migrate("contract.yaml", raw); err == nil {
			if again, changes, err := contract.Migrate("contract.yaml", text); err != nil || len(changes) > 0 || !bytes.Equal(again, text) {
				t.Fatalf("a second migration: %v, %v", changes, err)
			}
		}
		c, err := contract.Parse("contract.yaml", raw)
		if (c == nil) == (err == nil) {
			t.Fatalf("contract %v and error %v", c, err)
		}
		if err == nil {
			return
		}
		problems, ok := err.(contract.Problems)
		if !ok || len(problems) == 0 {
			t.Fatalf("the error %T %v is not a list of problems", err, err)
		}
		for _, p := range problems {
			if p.Message == "" || p.Line < 0 {
				t.Fatalf("the problem %+v has no message", p)
			}
		}
	})
}
