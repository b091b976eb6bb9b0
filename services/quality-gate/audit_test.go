package gate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/quality"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

const (
	slot1 = "20250801T063000"
	slot2 = "20250802T063000"
	slot3 = "20250803T063000"
)

// TestMetrics runs the cases of every metric through contract, gate and verdict.
func TestMetrics(t *testing.T) {
	t.Parallel()
	for _, m := range quality.ForContracts() {
		for i, c := range m.Cases {
			t.Run(fmt.Sprintf("%s/%d", m.Name, i+1), func(t *testing.T) {
				t.Parallel()
				testCase(t, m, c)
			})
		}
	}
}

func testCase(t *testing.T, m quality.Metric, c quality.Case) {
	var more []string
	if c.Unit != "" {
		more = append(more, "unit: "+c.Unit)
	}
	b := newTestGate(t, things(t, custom("the_rule", "metric: "+m.Name+", "+c.Rule, more...)))
	if c.Published > 0 {
		b.Put(
			t,
			lake.PointerKey("things"),
			lake.Pointer{Dataset: "things", Snapshot: slot1, SourceSystem: b.official(), Parts: []lake.PointerPart{{Rows: c.Published}}},
		)
	}
	w := candidate{slot: slot2, files: map[string]string{"": c.Rows}, change: func(doc *lake.Candidate) {
		doc.Quarantined, doc.Duplicates, doc.RowsIn = c.Quarantined, c.Duplicates, doc.Staged+c.Quarantined+c.Duplicates
		doc.Cells = c.Cells
	}}
	var v verdict
	if c.Fails {
		p := b.reject(w)
		if !slices.Equal(codes(p.Problems), []string{"the_rule"}) || p.Problems[0].Message == "" {
			t.Errorf("problems %+v", p.Problems)
		}
		v = b.verdict(p.Verdict)
	} else {
		v = b.verdict(b.publish(w).Parts[0].Verdict)
	}
	r := v.rule(t, "the_rule")
	if r.Passed == c.Fails || (r.Observed == nil) != c.Nothing || len(r.Samples) != c.Samples {
		t.Errorf("passed %v, observed %v, %d samples; want the case %+v", r.Passed, r.Observed, len(r.Samples), c)
	}
	if r.Observed != nil && *r.Observed != c.Observed {
		t.Errorf("observed %v, want %v", *r.Observed, c.Observed)
	}
	for _, s := range r.Samples {
		if s.Key["thing_id"] == "" {
			t.Errorf("sample without a key: %+v", s)
		}
	}
}

// TestAnUnknownMetricNeverPasses: a contract may be newer than the build of the gate.
func TestAnUnknownMetricNeverPasses(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t, custom("known", "metric: row_count, mustBeGreaterThan: 0")))
	g := gate{ports{Lake: b.Ports.Lake, Metrics: b.Ports.Metrics, Clock: b.Ports.Clock}}
	rules := []quality.Rule{{Name: "newer", Metric: "no_such_metric", Severity: "error"}}
	results, err := g.measure(t.Context(), lake.Candidate{}, &quality.Subject{}, rules)
	if err != nil || results[0].Passed || !strings.Contains(results[0].Note, `unknown metric "no_such_metric"`) {
		t.Errorf("%+v, error %v", results, err)
	}
}

// TestShrinkingByHalf: the candidate is rejected and the pointer stays the same, byte for byte.
func TestShrinkingByHalf(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t, custom("does_not_shrink", "metric: row_count_change_percent, mustBeGreaterOrEqualTo: -20")))
	first := b.publish(candidate{slot: slot1, files: map[string]string{"": rows(10)}})
	if r := b.verdict(first.Parts[0].Verdict).rule(t, "does_not_shrink"); !r.Passed || r.Observed != nil || r.Note == "" {
		t.Errorf("without a published snapshot: %+v", r)
	}
	p := b.reject(candidate{slot: slot2, files: map[string]string{"": rows(5)}})
	v := b.verdict(p.Verdict)
	if r := v.rule(t, "does_not_shrink"); *r.Observed != -50 || *r.Baseline != 10 || v.ComparedWith != slot1 {
		t.Errorf("%+v, compared with %s", r, v.ComparedWith)
	}
	if !strings.Contains(p.Problems[0].Message, "-50 %") || !strings.Contains(p.Problems[0].Message, "published: 10") {
		t.Errorf("message %q", p.Problems[0].Message)
	}
	b.publish(candidate{slot: slot3, files: map[string]string{"": rows(8)}})
}

func TestAWarningDoesNotStopPublication(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t, custom("plausible", "metric: maximum, column: places, mustBeLessOrEqualTo: 1", "severity: warning")))
	r := b.verdict(b.publish(candidate{slot: slot1, files: map[string]string{"": rows(5)}}).Parts[0].Verdict).rule(t, "plausible")
	if r.Passed || *r.Observed != 4 || r.Severity != "warning" {
		t.Errorf("%+v", r)
	}
}

// TestBuiltInRules: these rules apply to every dataset, whatever its contract demands.
func TestBuiltInRules(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]candidate{
		"not_empty":                        {files: map[string]string{"": "[]"}},
		"key_is_unique":                    {files: map[string]string{"": `[{"thing_id":"a","places":1},{"thing_id":"a","places":2}]`}},
		"every_row_accounted_for":          {files: map[string]string{"": rows(3)}, change: func(c *lake.Candidate) { c.RowsIn++ }},
		"every_refused_cell_accounted_for": {files: map[string]string{"": `[{"thing_id":"a","refused_cells":1},{"thing_id":"b"}]`}},
		"few_cells_are_refused": {
			files:  map[string]string{"": `[{"thing_id":"a","refused_cells":1},{"thing_id":"b"}]`},
			change: func(c *lake.Candidate) { c.Cells = map[string]lake.Cells{"kind": {Refused: 1}} },
		},
		"files_hold_what_was_staged": {files: map[string]string{"": rows(3)}, change: func(c *lake.Candidate) { c.Staged++; c.RowsIn++ }},
		"simulated_is_not_real":      {files: map[string]string{"": rows(3)}, system: "elsewhere.example"},
	} {
		c.slot = slot1
		b := newTestGate(t, things(t))
		if p := b.reject(c); !slices.Equal(codes(p.Problems), []string{want}) {
			t.Errorf("problems %v, want %s", codes(p.Problems), want)
		}
	}
}

// TestKeysOfSeveralColumns: nulls, and values that contain separators, are not duplicates.
func TestKeysOfSeveralColumns(t *testing.T) {
	t.Parallel()
	two := strings.Replace(
		properties,
		"logicalType: string, description: Kind.",
		"logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 2, description: Kind.",
		1,
	)
	c := runtimetest.Parse(t, "things", runtimetest.Shape{Properties: two}.Text())
	newTestGate(
		t,
		c,
	).publish(
		candidate{
			slot:  slot1,
			files: map[string]string{"": `[{"thing_id":"a:1","kind":"b"},{"thing_id":"a","kind":"1:b"},{"thing_id":"a","kind":"b"}]`},
		},
	)
	newTestGate(
		t,
		c,
	).reject(candidate{slot: slot1, files: map[string]string{"": `[{"thing_id":"a","kind":"b"},{"thing_id":"a","kind":"b"}]`}})
}

// TestUniquenessAcrossPartitions: the key must be unique in all files together.
func TestUniquenessAcrossPartitions(t *testing.T) {
	t.Parallel()
	parted := strings.Replace(
		properties,
		"logicalType: string, description: Kind.",
		"logicalType: string, required: true, partitioned: true, description: Kind.",
		1,
	)
	c := runtimetest.Parse(
		t,
		"things",
		runtimetest.Shape{
			Properties: parted,
			Quality:    "      - " + custom("kinds", "metric: distinct_count, column: kind, mustBe: 2") + "\n",
		}.Text(),
	)
	newTestGate(t, c).publish(candidate{slot: slot1, files: map[string]string{"01": `[{"thing_id":"a"}]`, "02": `[{"thing_id":"b"}]`}})
	p := newTestGate(t, c).reject(candidate{slot: slot1, files: map[string]string{"01": `[{"thing_id":"a"}]`, "02": `[{"thing_id":"a"}]`}})
	if !slices.Equal(codes(p.Problems), []string{"key_is_unique"}) {
		t.Errorf("problems %v", codes(p.Problems))
	}
}

// Invariant 11: simulated data are published only where that is allowed, and never replace real data.
func TestSimulatedData(t *testing.T) {
	t.Parallel()
	simulated := func(slot string) candidate {
		return candidate{slot: slot, files: map[string]string{"": rows(3)}, system: "simulator"}
	}
	b := newTestGate(t, things(t))
	if p := b.reject(simulated(slot1)); !slices.Equal(codes(p.Problems), []string{"simulated_is_not_real"}) {
		t.Errorf("in an environment for real data: %v", codes(p.Problems))
	}
	b = newTestGate(t, things(t, custom("does_not_shrink", "metric: row_count_change_percent, mustBeGreaterOrEqualTo: 0")))
	b.Ports.AllowSimulated = true
	b.publish(simulated(slot1))
	if got := b.pointer().SourceSystem; got != "simulator" {
		t.Errorf("the pointer's source system is %q", got)
	}
	// Real data are not compared with simulated data, and may replace them.
	b.publish(candidate{slot: slot2, files: map[string]string{"": rows(1)}})
	if p := b.reject(simulated(slot3)); !slices.Equal(codes(p.Problems), []string{"simulated_is_not_real"}) {
		t.Errorf("over real data: %v", codes(p.Problems))
	}
}

func TestReferencesToAnUnpublishedDataset(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t, custom("orphans", "metric: reference_orphans, column: comarca_id, mustBe: 0")))
	if err := b.Lake.Delete(t.Context(), lake.PointerKey("comarques"), ""); err != nil {
		t.Fatal(err)
	}
	if p := b.reject(candidate{slot: slot1, files: map[string]string{"": rows(2)}}); !slices.Equal(codes(p.Problems), []string{"orphans"}) {
		t.Errorf("problems %v", codes(p.Problems))
	}
}

// TestTamperedFiles changes the files of a candidate, its document, and the files that it refers to.
func TestTamperedFiles(t *testing.T) {
	t.Parallel()
	for name, tamper := range map[string]func(b *testGate, w events.StagingWritten){
		"a file": func(b *testGate, w events.StagingWritten) {
			b.Lake.Corrupt(lake.StagingKey("things", slot1, "s1", nil), []byte("PAR1"))
		},
		"the candidate document": func(b *testGate, w events.StagingWritten) { b.Lake.Corrupt(w.Candidate.Key, []byte("{}")) },
		"a referenced file": func(b *testGate, w events.StagingWritten) {
			b.Lake.Corrupt("staging/comarques/x/comarques.parquet", []byte("PAR1"))
		},
	} {
		b := newTestGate(t, things(t, custom("orphans", "metric: reference_orphans, column: comarca_id, mustBe: 0")))
		w := b.stage(candidate{slot: slot1, files: map[string]string{"": rows(2)}})
		tamper(b, w)
		if _, err := b.deliver(w); !runtime.IsPermanent(err) || !strings.Contains(err.Error(), "integrity") {
			t.Errorf("%s: %v, want a permanent integrity error", name, err)
		}
		if b.pointerBytes() != nil {
			t.Errorf("%s: a snapshot was published", name)
		}
	}
}

func TestAFileThatIsNotParquet(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t))
	w := b.stage(candidate{slot: slot1, files: map[string]string{"": rows(2)}, change: func(c *lake.Candidate) {
		c.Objects[0].Object = b.Put(t, c.Objects[0].Key, []byte("not a Parquet file at all"))
	}})
	if _, err := b.deliver(w); !runtime.IsPermanent(err) || !strings.Contains(err.Error(), lake.StagingKey("things", slot1, "s1", nil)) {
		t.Errorf("error %v", err)
	}
}

// TestSamplesAreShort: a sample contains the beginning of a long value.
func TestSamplesAreShort(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t, custom("known", `metric: invalid, column: kind, validValues: ["b"], mustBe: 0`)))
	many := make([]string, 0, 40)
	for i := range 40 {
		many = append(
			many,
			fmt.Sprintf(`{"thing_id":"%d","kind":"%s","source_page":7,"source_row":%[1]d}`, i, strings.Repeat("é", 1<<12)),
		)
	}
	r := b.verdict(
		b.reject(candidate{slot: slot1, files: map[string]string{"": "[" + strings.Join(many, ",") + "]"}}).Verdict,
	).rule(
		t,
		"known",
	)
	if len(r.Samples) != samplesPerRule || len(r.Samples[0].Value) > 2*maxShown || *r.Samples[1].Page != 7 ||
		*r.Samples[1].Row != 1 || *r.Observed != 40 {
		t.Errorf("%d samples, %d bytes, %+v", len(r.Samples), len(r.Samples[0].Value), r.Samples[1])
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]float64{"0": 0, "-50": -50, "33.333": 100.0 / 3, "1000000000000000000": 1e18, "12345678": 12345678} {
		if got := number(f); got != want {
			t.Errorf("number(%v) = %s, want %s", f, got, want)
		}
	}
}

// TestAFailedCountShowsTheRarestValues: the value of one wrong row is among thousands of right ones.
func TestAFailedCountShowsTheRarestValues(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, things(t, custom("two_kinds", `metric: distinct_count, column: kind, mustBe: 2`)))
	var many []string
	for i := range 200 {
		many = append(many, fmt.Sprintf(`{"thing_id":"%d","kind":"%c"}`, i, 'a'+i%2))
	}
	many[77] = `{"thing_id":"77","kind":"44"}`
	p := b.reject(candidate{slot: slot1, files: map[string]string{"": "[" + strings.Join(many, ",") + "]"}})
	r := b.verdict(p.Verdict).rule(t, "two_kinds")
	if !strings.HasPrefix(r.Note, `rarest values and their rows: "44" in 1, `) {
		t.Errorf("note %q", r.Note)
	}
}

// The rows of a page that was sent for another page become duplicates: they are compared with those of the published snapshot.
func TestMoreDuplicatesThanPublished(t *testing.T) {
	t.Parallel()
	with := func(slot string, staged int, duplicates int64) candidate {
		return candidate{slot: slot, files: map[string]string{"": rows(staged)}, change: func(c *lake.Candidate) {
			c.Duplicates, c.RowsIn = duplicates, c.RowsIn+duplicates
		}}
	}
	for name, c := range map[string]struct {
		before, after  int // rows staged
		published, now int64
		rejected       bool
		rule           string // a rule of the contract
		change         func(*lake.Pointer)
	}{
		"as many":                       {before: 1980, published: 20, after: 1980, now: 20},
		"a percentage point more":       {before: 1980, published: 20, after: 1960, now: 40},
		"a repeated page":               {before: 1980, published: 20, after: 1900, now: 100, rejected: true},
		"a few rows of a small dataset": {before: 50, published: 0, after: 50, now: 10},
		"many rows of a small dataset":  {before: 50, published: 0, after: 50, now: 11, rejected: true},
		"mostly duplicates":             {before: 20, published: 980, after: 20, now: 985},
		"the contract has its own bound": {before: 50, published: 0, after: 50, now: 45,
			rule: "metric: duplicate_percent, mustBeLessThan: 50"},
		"the contract's bound is lower": {before: 50, published: 5, after: 50, now: 5, rejected: true,
			rule: "metric: duplicate_percent, mustBeLessThan: 5"},
		"the candidate of the published snapshot is gone": {before: 1980, published: 20, after: 1900, now: 100,
			change: func(p *lake.Pointer) { p.Parts[0].Candidate.Key += ".gone" }},
		"the contract of the published snapshot is gone": {before: 1980, published: 20, after: 1900, now: 100,
			change: func(p *lake.Pointer) { p.ContractSHA256 = strings.Repeat("0", 64) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTestGate(t, things(t))
			b.publish(with(slot1, c.before, c.published))
			if c.rule != "" {
				b.c = things(t, custom("own", c.rule))
				if err := runtime.DeployContracts(t.Context(), b.Config, []*contract.Contract{b.c}); err != nil {
					t.Fatal(err)
				}
			}
			if c.change != nil {
				p := b.pointer()
				c.change(p)
				b.Put(t, lake.PointerKey("things"), *p)
			}
			if !c.rejected {
				b.publish(with(slot2, c.after, c.now))
				return
			}
			p := b.reject(with(slot2, c.after, c.now))
			want := "no_more_duplicates"
			if c.rule != "" {
				want = "own"
			}
			r := b.verdict(p.Verdict).rule(t, want)
			if !slices.Equal(codes(p.Problems), []string{want}) || r.Baseline == nil || r.Observed == nil || r.Maximum == nil {
				t.Errorf("problems %+v, rule %+v", p.Problems, r)
			}
		})
	}
}

// Duplicates under another key are not comparable.
func TestDuplicatesOfAnotherKey(t *testing.T) {
	t.Parallel()
	b := newTestGate(t, runtimetest.Parse(t, "things", runtimetest.Shape{Properties: strings.Replace(properties,
		"primaryKey: true, primaryKeyPosition: 1, ", "", 1)}.Text()))
	b.publish(candidate{slot: slot1, files: map[string]string{"": rows(90)}})
	b.c = things(t)
	if err := runtime.DeployContracts(t.Context(), b.Config, []*contract.Contract{b.c}); err != nil {
		t.Fatal(err)
	}
	p := b.publish(candidate{slot: slot2, files: map[string]string{"": rows(50)}, change: func(c *lake.Candidate) {
		c.Duplicates, c.RowsIn = 40, c.RowsIn+40
	}})
	if r := b.verdict(p.Parts[0].Verdict).rule(t, "no_more_duplicates"); r.Maximum != nil || r.Observed == nil || !r.Passed {
		t.Errorf("rule %+v, want the share without a bound", r)
	}
}
