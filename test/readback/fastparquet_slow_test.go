//go:build slow

package readback

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/local/python"
)

// TestFastparquet reads the positions of rows with fastparquet, which supports fewer encodings than the other readers.
func TestFastparquet(t *testing.T) {
	t.Parallel()
	id, whole := newColumn("id", contract.Integer), newColumn("whole", contract.Integer)
	id.field.Required = true
	const rows = 300
	for i := range rows {
		id.add(fmt.Sprint(i), fmt.Sprint(i))
		whole.add(fmt.Sprint(i%7), fmt.Sprint(i%7))
	}
	environment, err := python.Ensure(t.Context(), "fastparquet", []string{"fastparquet==2026.9.0"}, os.Stderr)
	if err != nil {
		t.Skip("fastparquet is not available: ", err)
	}
	columns := []string{"id", "whole", "source_system", "source_page", "source_row", "refused_cells", "is_repaired"}
	var failure bytes.Buffer
	script := filepath.Join("testdata", "fastparquet_lineage.py")
	command := environment.Command(t.Context(), append([]string{script, stage(t, []*column{id, whole})}, columns...)...)
	command.Stderr = &failure
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, failure.String())
	}
	got := map[string][]string{}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(got)); len(names) != len(columns) {
		t.Fatalf("read the columns %v, want %v", names, columns)
	}
	for row := range rows {
		for name, want := range map[string]string{
			"id": fmt.Sprint(row), "whole": fmt.Sprint(row % 7), "source_page": "0", "source_row": fmt.Sprint(row), "refused_cells": "0",
			"is_repaired": "False",
		} {
			if value := got[name][row]; value != want {
				t.Fatalf("row %d: %s is %s, want %s", row, name, value, want)
			}
		}
	}
}
