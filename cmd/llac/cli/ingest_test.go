package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/llac-project/llac/operations/ingest"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
)

// archived writes what a run of a dataset archived as files, as a person would have saved them, in the pages' order.
func (m *machine) archived(dataset string) []string {
	m.t.Helper()
	pages, err := filepath.Glob(filepath.Join(m.dir, "lake", "data", "archive", dataset, "*", "*.json.zst"))
	if err != nil || len(pages) == 0 {
		m.t.Fatalf("no archived pages of %s: %v", dataset, err)
	}
	unpack, err := zstd.NewReader(nil)
	if err != nil {
		m.t.Fatal(err)
	}
	defer unpack.Close()
	var out []string
	folder := m.t.TempDir()
	for _, p := range pages {
		packed, err := os.ReadFile(p)
		if err != nil {
			m.t.Fatal(err)
		}
		body, err := unpack.DecodeAll(packed, nil)
		if err != nil {
			m.t.Fatal(err)
		}
		name := filepath.Join(folder, strings.TrimSuffix(filepath.Base(p), ".zst"))
		if err := os.WriteFile(name, body, 0o644); err != nil {
			m.t.Fatal(err)
		}
		out = append(out, name)
	}
	return out
}

// manifests reads the archived manifests of a dataset that a person collected.
func (m *machine) manifests(dataset string) []lake.Manifest {
	m.t.Helper()
	found, _ := filepath.Glob(filepath.Join(m.dir, "lake", "data", "archive", dataset, "*", "_manifest.*.json"))
	var out []lake.Manifest
	for _, f := range found {
		var one lake.Manifest
		b, err := os.ReadFile(f)
		if err == nil {
			err = json.Unmarshal(b, &one)
		}
		if err != nil {
			m.t.Fatal(err)
		}
		if one.Manual != nil {
			out = append(out, one)
		}
	}
	return out
}

func TestIngest(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	if stdout, stderr, status := m.llac(ctx, "run", "municipalities", "--no-marts"); status != 0 {
		t.Fatalf("run: exit status %d\n%s%s", status, stdout, stderr)
	}
	page := m.archived("municipalities")[0]
	args := []string{"ingest", "--dataset", "municipalities", "--file", page, "--reason", "the portal is down"}
	stdout, stderr, status := m.llac(ctx, args...)
	if status != 0 {
		t.Fatalf("ingest: exit status %d\n%s%s", status, stdout, stderr)
	}
	// Invariant 11: no person vouched for the pages, and every output shows that.
	wants(t, "the report", stdout, "municipalities  published", "949", "unofficial:manual")
	made := m.manifests("municipalities")
	if len(made) != 1 || made[0].Manual.Reason != "the portal is down" || made[0].Manual.By == "" || made[0].Manual.Vouched ||
		made[0].Manual.Files[0] != filepath.Base(page) ||
		made[0].Run.Trigger != "manual" || made[0].Description.SourceSystem != ingest.Unofficial || made[0].Description.Rows != -1 {
		t.Fatalf("manifests %+v", made)
	}
	stdout, _, _ = m.llac(ctx, "show", "latest", "municipalities")
	wants(t, "show", stdout, "trigger manual", "collected by hand by", "the portal is down", "no person vouches", "operator",
		"published landing.written", "evidence")
	if strings.Contains(stdout, "fetcher") {
		t.Errorf("the fetcher did not take part:\n%s", stdout)
	}
	// The next run fetches from the portal, because the published pages did not come from it.
	if stdout, _, status = m.llac(ctx, "run", "municipalities", "--no-marts"); status != 0 ||
		!strings.Contains(stdout, "municipalities  published") {
		t.Errorf("the run after: exit status %d\n%s", status, stdout)
	}

	// No person can vouch for a page that has the simulator's mark. The directory stays usable: the next run replaces what is
	// published.
	vouch := []string{"--vouch", "--url", "https://analisi.transparenciacatalunya.cat/resource/9aju-tpwc.json"}
	if stdout, stderr, status = m.llac(ctx, append(args, vouch...)...); status != 2 {
		t.Errorf("vouching for the simulator's bytes: exit status %d\n%s", status, stdout)
	}
	wants(t, "standard error", stderr, "has the mark of the portal simulator: no portal sent it", "leave --vouch out")
	if stdout, _, status = m.llac(ctx, "run", "municipalities", "--no-marts"); status != 0 {
		t.Errorf("the run after the refusal: exit status %d\n%s", status, stdout)
	}

	// If vouched for, the rows count as the portal's, and simulated rows never replace them.
	real := append([]string{"ingest", "--dataset", "municipalities", "--file", unmarked(t, page), "--reason", "the portal is down"},
		vouch...)
	if stdout, stderr, status = m.llac(ctx, real...); status != 0 {
		t.Fatalf("ingest --vouch: exit status %d\n%s%s", status, stdout, stderr)
	}
	wants(t, "the report", stdout, "real (analisi.transparenciacatalunya.cat)")
	stdout, _, _ = m.llac(ctx, "show", "latest", "municipalities")
	wants(t, "show", stdout, "vouches that the portal sent these bytes")
	stdout, _, status = m.llac(ctx, args...)
	if status != 4 {
		t.Errorf("unofficial over real: exit status %d\n%s", status, stdout)
	}
	wants(t, "the report", stdout, "rejected", "simulated_is_not_real")
}

// unmarked writes a page without the simulator's mark, as a portal would have sent it, and returns the file.
func unmarked(t *testing.T, page string) string {
	t.Helper()
	body, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	body = regexp.MustCompile(`,":@llac_origin":"[a-z]+"`).ReplaceAll(body, nil)
	file := filepath.Join(t.TempDir(), "unmarked.json")
	if err := os.WriteFile(file, body, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// The page of a table is never ingested as the page of another table of the same form: the table names itself.
func TestIngestOfAnotherTable(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	if stdout, stderr, status := m.llac(ctx, "run", "gdp_quarterly_raw", "--no-marts"); status != 0 {
		t.Fatalf("run: exit status %d\n%s%s", status, stdout, stderr)
	}
	raw := m.archived("gdp_quarterly_raw")[0]
	stdout, stderr, status := m.llac(ctx, "ingest", "--dataset", "gdp_quarterly", "--file", raw, "--reason", "a test")
	if status != 2 {
		t.Errorf("the page of the unadjusted table as that of the adjusted one: exit status %d\n%s", status, stdout)
	}
	wants(t, "standard error", stderr, `belongs to "pibt/21132/24942/cat", but "pibt/21129/24938/cat" was requested`,
		"next: name the dataset")
	if stdout, stderr, status = m.llac(ctx, "ingest", "--dataset", "gdp_quarterly_raw", "--file", raw, "--reason", "a test"); status != 0 {
		t.Errorf("the page as that of its own table: exit status %d\n%s%s", status, stdout, stderr)
	}
}

// What a person writes is shown later. It must not control the terminal that shows it.
func TestIngestWithControlCharacters(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	page := filepath.Join(t.TempDir(), "page.json")
	if err := os.WriteFile(page, []byte(`[{"codi":"080193"}]`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, reason := range []string{"x \x1b]0;TITLE\a", "x\r", "x \u009b31m", "x \xff"} {
		_, stderr, status := m.llac(ctx, "ingest", "--dataset", "municipalities", "--file", page, "--reason", reason)
		if status != 2 || !strings.Contains(stderr, "contains a control character") {
			t.Errorf("reason %q: exit status %d, %s", reason, status, stderr)
		}
	}
}

// A slice without a voucher is not combined with slices of another source.
func TestIngestOfASlice(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	if stdout, stderr, status := m.llac(ctx, "run", "population", "--no-marts"); status != 0 {
		t.Fatalf("run: exit status %d\n%s%s", status, stdout, stderr)
	}
	pages := m.archived("population")
	page := pages[len(pages)-1]
	stdout, _, status := m.llac(ctx, "ingest", "--dataset", "population", "--slice", "2024", "--file", page, "--reason", "a test")
	if status != 4 {
		t.Errorf("exit status %d\n%s", status, stdout)
	}
	wants(t, "the report", stdout, "slices_missing")
}

// The next run resumes an ingestion that died between the landing and its event.
func TestDeadIngestionIsResumed(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	if stdout, stderr, status := m.llac(ctx, "run", "municipalities", "--no-marts"); status != 0 {
		t.Fatalf("run: exit status %d\n%s%s", status, stdout, stderr)
	}
	contracts, err := contract.LoadDir("../../../datasets")
	if err != nil {
		t.Fatal(err)
	}
	var c *contract.Contract
	for _, one := range contracts {
		if one.Dataset == "municipalities" {
			c = one
		}
	}
	pages, err := ingest.Read(c, ingest.Collection{Files: m.archived("municipalities"), By: "somebody", Reason: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	cloud, err := pipeline.Look(ctx, m.dir)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(time.Minute).UTC().Truncate(time.Second)
	landed, err := pages.Land(ctx, cloud.Lake(), lake.Slot(at), "aaaa", at)
	if err != nil {
		t.Fatal(err)
	}
	if err := cloud.Close(); err != nil {
		t.Fatal(err)
	}
	pending := map[string]any{"requests": []pipeline.Pending{{Dataset: "municipalities", Slot: lake.Slot(at), Why: "collected by hand",
		Portal: "simulator", Event: ingest.Event(landed, at)}}}
	if err := os.WriteFile(filepath.Join(m.dir, "unfinished.json"), lake.Encode(pending), 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := m.llac(ctx, "run", "municipalities", "--no-marts")
	if status != 0 {
		t.Fatalf("run: exit status %d\n%s%s", status, stdout, stderr)
	}
	wants(t, "standard error", stderr, "Resuming run "+lake.Slot(at))
	wants(t, "the report", stdout, "municipalities  published", lake.Slot(at), "unofficial:manual")
}

func TestIngestRefused(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	folder := t.TempDir()
	write := func(name string, body []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, body, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.json", []byte(`[{"codi":"080193"}]`))
	huge := write("huge.json", nil)
	if err := os.Truncate(huge, ingest.Largest+1); err != nil {
		t.Fatal(err)
	}
	why := []string{"--reason", "a test"}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no dataset":         {append(why, "--file", good), "no dataset is named"},
		"an unknown dataset": {append(why, "--file", good, "--dataset", "nothing"), "no contract describes nothing"},
		"no file":            {append(why, "--dataset", "municipalities"), "no file is named"},
		"no reason":          {[]string{"--file", good, "--dataset", "municipalities"}, "no reason is given"},
		"a blank reason":     {[]string{"--file", good, "--dataset", "municipalities", "--reason", "  "}, "no reason is given"},
		"a file that is not": {append(why, "--dataset", "municipalities", "--file", filepath.Join(folder, "none.json")), "no such file"},
		"a folder":           {append(why, "--dataset", "municipalities", "--file", folder), "is not a file"},
		"too large":          {append(why, "--dataset", "municipalities", "--file", huge), "a page may have at most"},
		"packed": {append(why, "--dataset", "municipalities", "--file", write("p.json", []byte("\x1f\x8b\x08rest"))),
			"is compressed"},
		"not JSON": {append(why, "--dataset", "municipalities", "--file", write("page.csv", []byte("codi;nom\n1;Abella"))),
			"is not a page of socrata"},
		"a web page": {append(why, "--dataset", "municipalities", "--file", write("page.html", []byte("<!DOCTYPE html>"))),
			"JSON, not CSV or a web page"},
		"half a page": {append(why, "--dataset", "municipalities", "--file", write("half.json", []byte(`[{"codi":"080193"},{"codi`))),
			"is not a page of socrata"},
		"nothing in it": {append(why, "--dataset", "municipalities", "--file", write("empty.json", nil)), "is not a page of socrata"},
		"a page twice": {append(why, "--dataset", "municipalities", "--file", good, "--file",
			write("copy.json", []byte(`[{"codi":"080193"}]`))), "have the same bytes"},
		"a slice of the whole": {append(why, "--dataset", "municipalities", "--file", good, "--slice", "2024"), "has no slices"},
		"no slice":             {append(why, "--dataset", "population", "--file", good), "is fetched in slices"},
		"an unknown slice":     {append(why, "--dataset", "population", "--file", good, "--slice", "1714"), `unknown slice "1714"`},
		"no address":           {append(why, "--dataset", "municipalities", "--file", good, "--url", "somewhere"), "is not a web address"},
		"vouched for another": {append(why, "--dataset", "municipalities", "--file", good, "--vouch", "--url", "https://example.org/x"),
			"the source of municipalities is analisi.transparenciacatalunya.cat"},
		"a bad environment": {append(why, "--dataset", "municipalities", "--file", good, "--env", "Dev!"),
			"is not the name of an environment"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, status := m.llac(ctx, append([]string{"ingest"}, c.args...)...)
			if status != 2 || !strings.Contains(stderr, c.want) || !strings.Contains(stderr, "next: ") {
				t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
			}
		})
	}
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(m.dir, "lake")); err == nil {
			t.Error("pages were landed")
		}
	})
}

// A page with other fields is landed, kept, and rejected by the validator, as a fetched page would be.
func TestIngestOfAnotherShape(t *testing.T) {
	t.Parallel()
	m, ctx := newMachine(t), context.Background()
	page := filepath.Join(t.TempDir(), "page.json")
	if err := os.WriteFile(page, []byte(`[{"codi_ine":"08019","nom":"Barcelona"}]`), 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, _, status := m.llac(ctx, "ingest", "--dataset", "municipalities", "--file", page, "--reason", "a test")
	if status != 4 {
		t.Errorf("exit status %d\n%s", status, stdout)
	}
	wants(t, "the report", stdout, "rejected", "field_missing")
}
