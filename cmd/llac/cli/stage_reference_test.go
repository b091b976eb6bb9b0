package cli_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	towns    = "../../../datasets/municipalities.odcs.yaml"
	services = "../../../datasets/social_services.odcs.yaml"
	official = "analisi.transparenciacatalunya.cat"
)

// servicesOf is a page of the register, one row for each municipality and comarca.
func servicesOf(t *testing.T, rows ...[2]string) string {
	t.Helper()
	var out []string
	for i, r := range rows {
		out = append(out, fmt.Sprintf(`{"registre":"S%05d","tipologia":"Servei","municipi":%q,"comarca":%q}`, i, r[0], r[1]))
	}
	return folderOf(t, map[string]string{"page-1.json": "[" + strings.Join(out, ",") + "]"})
}

// stagedTowns stages a part of the list of municipalities.
func stagedTowns(t *testing.T, more ...string) string {
	t.Helper()
	in := folderOf(t, map[string]string{"p.json": `[
		{"codi":"081017","nom":"Hospitalet de Llobregat, l'","codi_comarca":"13","nom_comarca":"Barcelonès"},
		{"codi":"251214","nom":"Les","codi_comarca":"39","nom_comarca":"Aran"},
		{"codi":"999998","nom":"No consta","codi_comarca":"98","nom_comarca":"No consta"}]`})
	out := t.TempDir()
	if _, stderr, status := llac(t, append([]string{"stage", towns, "--in", in, "--out", out}, more...)...); status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	return out
}

func TestStageReference(t *testing.T) {
	t.Parallel()
	reference := stagedTowns(t)
	file := filepath.Join(reference, "staging", "municipalities", "municipalities.parquet")
	in := servicesOf(t, [2]string{"L’HOSPITALET DE LLOBREGAT", "Barcelonès"}, [2]string{"Les", "Val d'Aran"}, [2]string{"Atlantis", "Aran"},
		[2]string{"No consta", "No consta"})
	var first map[string]string
	for _, path := range []string{reference, filepath.Dir(file), file} {
		out := t.TempDir()
		stdout, stderr, status := llac(t, "stage", services, "--in", in, "--out", out, "--reference", "municipalities="+path)
		if status != 0 || !strings.Contains(stdout, "Matched with municipalities: "+path) {
			t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
		}
		got := tree(t, out)
		values := ""
		for _, body := range got {
			values += everyValue(t, body)
		}
		for value, times := range map[string]int{"081017\n": 1, "251214\n": 1, "exact_in_group\n": 2, "unmatched\n": 2, "999998\n": 0} {
			if n := strings.Count(values, value); n != times {
				t.Errorf("%q occurs %d times in the staged rows, want %d", value, n, times)
			}
		}
		if first == nil {
			first = got
		}
		if !maps.Equal(first, got) {
			t.Errorf("%s gives different files than the folder of its staging", path)
		}
	}
	// Into the same folder as the reference, as in the help.
	if _, stderr, status := llac(t, "stage", services, "--in", in, "--out", reference, "--reference",
		"municipalities="+reference); status != 0 {
		t.Errorf("exit status %d: %s", status, stderr)
	}
}

func TestStageUnmatched(t *testing.T) {
	t.Parallel()
	in, out := servicesOf(t, [2]string{"Les", "Aran"}), t.TempDir()
	stdout, stderr, status := llac(t, "stage", services, "--in", in, "--out", out, "--unmatched")
	if status != 0 || !strings.Contains(stdout, "Not matched, and null in every row: municipality_id") {
		t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
	}
	for _, body := range tree(t, out) {
		if values := everyValue(t, body); !strings.Contains(values, "not_matched\n") || strings.Contains(values, "251214") {
			t.Errorf("staged\n%s", values)
		}
	}
	if stdout, _, _ := llac(t, "stage", services, "--in", in, "--out", t.TempDir(), "--unmatched", "--json"); !strings.Contains(stdout,
		`"municipality_id"`) {
		t.Errorf("the document does not name the column:\n%s", stdout)
	}
}

func TestStageReferenceRefused(t *testing.T) {
	t.Parallel()
	reference := stagedTowns(t)
	in := servicesOf(t, [2]string{"Les", "Aran"})
	several := t.TempDir()
	body := tree(t, reference)["staging/municipalities/municipalities.parquet"]
	for _, slot := range []string{"1", "2"} {
		dir := filepath.Join(several, "ingested_process_at="+slot)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "m.parquet"), []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	broken := folderOf(t, map[string]string{"a.parquet": body[:len(body)/2]})
	for name, c := range map[string]struct {
		contract string
		more     []string
		want     string
	}{
		"not given": {services, nil, "municipality_id is matched with municipalities, which was not given"},
		"no path":   {services, []string{"--reference", "municipalities"}, "names no dataset and path"},
		"twice":     {services, []string{"--reference", "municipalities=a", "--reference", "municipalities=b"}, "is given twice"},
		"another dataset": {services, []string{"--unmatched", "--reference", "places=" + reference},
			"the contract matches with municipalities"},
		"nothing is matched": {towns, []string{"--reference", "municipalities=" + reference},
			"no column of municipalities is matched with it"},
		"not there":         {services, []string{"--reference", "municipalities=" + filepath.Join(reference, "none")}, "no such file"},
		"no Parquet":        {services, []string{"--reference", "municipalities=" + in}, "no *.parquet file"},
		"broken":            {services, []string{"--reference", "municipalities=" + broken}, "a.parquet: read Parquet"},
		"several snapshots": {services, []string{"--reference", "municipalities=" + several}, "it contains several snapshots, 1 and 2"},
		// Invariant 11.
		"real rows with simulated ones": {services, []string{"--reference", "municipalities=" + reference, "--source-system", official},
			"no portal vouches for, and --source-system names " + official},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			_, stderr, status := llac(t, append([]string{"stage", c.contract, "--in", in, "--out", out}, c.more...)...)
			if status != 2 || !strings.Contains(stderr, c.want) {
				t.Errorf("exit status %d, standard error\n%swant %q", status, stderr, c.want)
			}
			if _, err := os.Stat(out); err == nil {
				t.Error("files were written")
			}
		})
	}
	// A reference that is vouched for may be used for rows that are vouched for.
	real := stagedTowns(t, "--source-system", official)
	if _, stderr, status := llac(t, "stage", services, "--in", in, "--out", t.TempDir(), "--reference", "municipalities="+real,
		"--source-system", official); status != 0 {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	if _, stderr, status := llac(t, "stage", services, "--in", in, "--out", t.TempDir(), "--reference",
		"municipalities="+filepath.Join(real, "staging")+"/none", "--unmatched"); status != 2 {
		t.Errorf("a missing reference, with --unmatched: exit status %d: %s", status, stderr)
	}
}

// TestStageReferenceOfAnotherDataset checks that a file of another dataset is refused.
func TestStageReferenceOfAnotherDataset(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	if _, stderr, status := llac(t, "stage", places, "--in", folderOf(t, pages), "--out", out); status != 0 {
		t.Fatalf("exit status %d: %s", status, stderr)
	}
	_, stderr, status := llac(t, "stage", services, "--in", servicesOf(t), "--out", t.TempDir(), "--reference",
		"municipalities="+filepath.Join(out, "staging"))
	if status != 2 || !strings.Contains(stderr, "it contains the dataset places, not municipalities") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
}
