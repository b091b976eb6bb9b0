package marts_test

import (
	"bytes"
	"encoding/csv"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/names"
)

var update = flag.Bool("update", false, "write the columns of the seeds that are made from others")

// madeFrom holds the forms of a name that seeds have, by the ending of the column.
var madeFrom = map[string]func(string) string{"_folded": names.Fold, "_natural": names.Natural}

// TestNamesOfSeeds checks the columns of the seeds that hold the folded or natural form of the column before their ending: SQL
// compares names and folds none. Run it with -update after a change of a seed.
func TestNamesOfSeeds(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(realProject + "/seeds/*.csv")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d seeds, %v", len(files), err)
	}
	made := 0
	for _, file := range files {
		raw, rows := readSeed(t, file)
		for i, column := range rows[0] {
			for ending, form := range madeFrom {
				of := slices.Index(rows[0], strings.TrimSuffix(column, ending))
				if of < 0 || !strings.HasSuffix(column, ending) {
					continue
				}
				made++
				for _, row := range rows[1:] {
					row[i] = form(row[of])
				}
			}
		}
		var want bytes.Buffer
		w := csv.NewWriter(&want)
		if err := w.WriteAll(rows); err != nil {
			t.Fatal(err)
		}
		switch {
		case bytes.Equal(raw, want.Bytes()):
		case *update:
			if err := os.WriteFile(file, want.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s: its folded and natural names are not those of its names; run go test ./operations/marts -run %s -update",
				file, t.Name())
		}
	}
	if made < 7 {
		t.Errorf("%d columns of seeds are made from names, want at least 7", made)
	}
}

func readSeed(t *testing.T, file string) (raw []byte, rows [][]string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if rows, err = csv.NewReader(bytes.NewReader(raw)).ReadAll(); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return raw, rows
}

// TestSQLFoldsNothing checks that no model, test or macro changes the characters of a text: names are folded by platform/names.
func TestSQLFoldsNothing(t *testing.T) {
	t.Parallel()
	changes := regexp.MustCompile(`(?i)\b(lower|upper|translate|normalize|nfc_normalize|strip_accents|regexp_replace|replace)\s*\(`)
	hexadecimal := "lower(to_hex(" // of a hash
	files := 0
	for _, folder := range []string{"models", "macros", "tests"} {
		err := filepath.WalkDir(filepath.Join(realProject, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".sql" {
				return err
			}
			files++
			raw, err := os.ReadFile(path)
			if found := changes.FindString(strings.ReplaceAll(string(raw), hexadecimal, "")); found != "" {
				t.Errorf("%s has %s: compare a column with llacFolded instead", path, found)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 40 {
		t.Errorf("%d files of SQL", files)
	}
}

// TestRecordedHistoryOfMunicipalities checks that the register's contract and the marts know the same history: the names and
// the comarques that municipalities had before.
func TestRecordedHistoryOfMunicipalities(t *testing.T) {
	t.Parallel()
	comarques := map[string]string{}
	_, rows := readSeed(t, realProject+"/seeds/comarques.csv")
	for _, row := range rows[1:] {
		comarques[row[0]] = row[1]
	}
	_, history := readSeed(t, realProject+"/seeds/municipality_history.csv")
	column := func(name string) int { return slices.Index(history[0], name) }
	id, name, comarca := column("municipality_id"), column("municipality_name"), column("comarca_id")
	now := map[string][]string{} // the last row of each municipality
	for _, row := range history[1:] {
		now[row[id]] = row
	}
	earlier, aliases := map[string][]string{}, map[string]string{}
	for _, row := range history[1:] {
		last := now[row[id]]
		if row[comarca] != last[comarca] {
			earlier[row[id]] = append(earlier[row[id]], comarques[row[comarca]])
		}
		if row[name] != last[name] {
			aliases[row[name]] = last[name]
		}
	}
	contracts, err := contract.LoadDir("../../datasets")
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(contracts, func(c *contract.Contract) bool { return c.Dataset == "social_services" })
	m := contracts[at].Field("municipality_id").Match
	if !maps.EqualFunc(m.Earlier, earlier, slices.Equal) || !maps.Equal(m.Aliases, aliases) {
		t.Errorf("the contract has the earlier comarques %v and names %v, the seed %v and %v", m.Earlier, m.Aliases, earlier, aliases)
	}
}
