package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/portal"
	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/source/socrata"
)

// fastClock is the system clock with short sleeps: retries of a portal that stays down take no minutes.
type fastClock struct{}

func (fastClock) Now() time.Time { return time.Now().UTC() }

func (fastClock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(d, 5*time.Millisecond)):
		return nil
	}
}

// workspace is a state directory and a simulated portal for several runs.
type workspace struct {
	t         *testing.T
	dir       string
	contracts string
	portal    *portal.Portal
}

// newWorkspace adds a hundred libraries to the simulator's own datasets and deploys copies of the named contracts.
// "libraries" and "facilities" are contracts of the tests; any other is the project's.
func newWorkspace(t *testing.T, contracts ...string) *workspace {
	t.Helper()
	w := &workspace{t: t, dir: t.TempDir(), contracts: t.TempDir(), portal: portal.New(portal.Options{})}
	for _, name := range contracts {
		w.contract(name, nil)
	}
	if err := w.portal.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.portal.Close)
	if err := w.portal.Add(socrata.Name, libraries(100)); err != nil {
		t.Fatal(err)
	}
	return w
}

// contract deploys a contract, edited by edit.
func (w *workspace) contract(name string, edit func(string) string) {
	w.t.Helper()
	file := filepath.Join("testdata", "contracts", name+".odcs.yaml")
	if _, err := os.Stat(file); err != nil {
		file = filepath.Join("..", "..", "datasets", name+".odcs.yaml")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if edit != nil {
		edited := edit(string(b))
		if edited == string(b) {
			w.t.Fatalf("the edit of %s changes nothing", name)
		}
		b = []byte(edited)
	}
	if err := os.WriteFile(filepath.Join(w.contracts, name+".odcs.yaml"), b, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// librarian marks the personal values of the libraries.
const librarian = "Planted Person"

// libraries returns n rows, one in three in a district of Barcelona.
func libraries(n int) portal.Dataset {
	d := portal.Dataset{ID: "llib-0001", Title: "Biblioteques", Columns: []portal.Column{
		{Name: "codi"}, {Name: "nom"}, {Name: "prestecs", Type: "number"}, {Name: "districte"}, {Name: "responsable"},
	}}
	for i := range n {
		row := portal.Row{
			"codi": fmt.Sprintf("B%03d", i), "nom": fmt.Sprintf("Biblioteca %d", i), "prestecs": fmt.Sprint(i * 7),
			"responsable": fmt.Sprintf("%s %d", librarian, i),
		}
		if i%3 == 0 {
			row["districte"] = fmt.Sprint(i%10 + 1)
		}
		d.Rows = append(d.Rows, row)
	}
	return d
}

func (w *workspace) settings() pipeline.Settings {
	return pipeline.Settings{
		Dir: w.dir, Simulator: w.portal, Clock: fastClock{}, MaxReceives: 2,
		Backoff: messaging.Backoff{First: 5 * time.Millisecond, Max: 20 * time.Millisecond}, Note: "e2e",
	}
}

// run runs datasets to their end.
func (w *workspace) run(datasets ...string) map[string]pipeline.Outcome {
	w.t.Helper()
	return w.runWith(func(*pipeline.Options) {}, datasets...)
}

func (w *workspace) runWith(change func(*pipeline.Options), datasets ...string) map[string]pipeline.Outcome {
	w.t.Helper()
	o := pipeline.Options{Settings: w.settings(), Contracts: w.contracts, Datasets: datasets, Timeout: 90 * time.Second, By: "e2e"}
	change(&o)
	result, err := pipeline.Run(w.t.Context(), o)
	if err != nil {
		w.t.Fatalf("run %v: %v", datasets, err)
	}
	out := map[string]pipeline.Outcome{}
	for _, d := range result.Datasets {
		out[d.Dataset] = d
	}
	return out
}

// withCloud opens the lake between runs.
func (w *workspace) withCloud(use func(*pipeline.Cloud)) {
	w.t.Helper()
	c, err := pipeline.Look(w.t.Context(), w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	use(c)
	if err := c.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// pointer reads a dataset's pointer; nil if the dataset was never published.
func (w *workspace) pointer(dataset string) *lake.Pointer {
	w.t.Helper()
	var p *lake.Pointer
	w.withCloud(func(c *pipeline.Cloud) {
		var err error
		if p, _, err = lake.ReadPointer(w.t.Context(), c.Lake(), dataset); err != nil {
			w.t.Fatal(err)
		}
	})
	return p
}

// keys lists the lake under a prefix.
func (w *workspace) keys(prefix string) []string {
	w.t.Helper()
	var out []string
	w.withCloud(func(c *pipeline.Cloud) {
		if err := c.Lake().List(w.t.Context(), prefix, func(i lake.Info) bool {
			out = append(out, i.Key)
			return true
		}); err != nil {
			w.t.Fatal(err)
		}
	})
	return out
}

// read returns an object of the lake as text.
func (w *workspace) read(key string) string {
	w.t.Helper()
	b, err := os.ReadFile(pipeline.Place(w.dir, key))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// want checks the state of a run, and that its reasons contain the given texts.
func want(t *testing.T, o pipeline.Outcome, state ledger.State, reasons ...string) {
	t.Helper()
	if o.State != state {
		t.Errorf("%s ended as %q (%s), want %q", o.Dataset, o.State, o.Reason, state)
	}
	text := o.Reason
	for _, p := range o.Problems {
		text += " " + p.Code + " " + p.Message
	}
	for _, f := range o.Failures {
		text += " " + f.Reason
	}
	for _, s := range reasons {
		if !strings.Contains(text, s) {
			t.Errorf("%s: want a reason with %q, got: %s", o.Dataset, s, text)
		}
	}
	if strings.Contains(text, librarian) {
		t.Errorf("%s: the reason contains a personal value: %s", o.Dataset, text)
	}
}

// checkRowCounts checks invariant 5 on the counts of a run.
func checkRowCounts(t *testing.T, o pipeline.Outcome) {
	t.Helper()
	if o.RowsFetched != o.Staged+o.Duplicates+o.Quarantined {
		t.Errorf("%s: %d rows fetched, but %d staged + %d duplicate + %d quarantined", o.Dataset, o.RowsFetched, o.Staged,
			o.Duplicates, o.Quarantined)
	}
}
