package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime/runtimetest"
)

const properties = `
      - {name: thing_id, logicalType: string, required: true,
         primaryKey: true, primaryKeyPosition: 1, description: Code., customProperties: [{property: llacSource, value: codi}]}
      - {name: kind, logicalType: string, description: Kind., customProperties: [{property: llacSource, value: tipus}]}
      - {name: places, logicalType: integer, description: Places.}
      - {name: score, logicalType: number, description: Score., customProperties: [{property: llacSource, value: nota}]}
      - {name: price, logicalType: number, description: Price in euros., customProperties: [{property: llacSource, value: preu}]}
      - {name: comarca_id, logicalType: string, description: Comarca.,
         customProperties: [{property: llacSource, value: comarca}], relationships: [{to: comarques.thing_id}]}
`

// things returns the contract of the tests with these quality rules.
func things(t *testing.T, rules ...string) *contract.Contract {
	t.Helper()
	quality := ""
	for _, r := range rules {
		quality += "      - " + r + "\n"
	}
	text := runtimetest.Shape{Properties: properties, Quality: quality}.Text()
	return runtimetest.Parse(t, "things", text)
}

// custom returns a rule of the engine llac, in YAML.
func custom(name, implementation string, more ...string) string {
	return fmt.Sprintf(
		"{name: %s, type: custom, engine: llac, implementation: {%s}%s}",
		name,
		implementation,
		strings.Join(append([]string{""}, more...), ", "),
	)
}

// testGate is the quality gate of one dataset over a lake in memory.
type testGate struct {
	*runtimetest.Harness
	t *testing.T
	c *contract.Contract
}

func newTestGate(t *testing.T, c *contract.Contract) *testGate {
	b := &testGate{runtimetest.New(t, c), t, c}
	// The dataset that comarca_id refers to.
	rows := b.parquet(
		"staging/comarques/x/comarques.parquet",
		arrow.NewSchema([]arrow.Field{{Name: "thing_id", Type: arrow.BinaryTypes.String}}, nil),
		`[{"thing_id":"01"},{"thing_id":"02"}]`,
	)
	b.Put(
		t,
		lake.PointerKey("comarques"),
		lake.Pointer{Dataset: "comarques", Snapshot: "20250101T000000", Parts: []lake.PointerPart{{Objects: []lake.CandidateObject{rows}}}},
	)
	return b
}

// parquet writes the rows of a JSON array as a Parquet file.
func (b *testGate) parquet(key string, schema *arrow.Schema, rows string) lake.CandidateObject {
	b.t.Helper()
	record, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		b.t.Fatal(err)
	}
	defer record.Release()
	var file bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &file, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		b.t.Fatal(err)
	}
	if record.NumRows() > 0 {
		if err := w.Write(record); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	return lake.CandidateObject{Object: b.Put(b.t, key, file.Bytes()), Rows: record.NumRows()}
}

// schema returns a contract's staged schema, with every column nullable.
func schema(c *contract.Contract) *arrow.Schema {
	var fields []arrow.Field
	for _, f := range arrowschema.Columns(c) {
		fields = append(fields, arrow.Field{Name: f.Name, Type: arrowschema.DataType(f), Nullable: true})
	}
	for _, name := range []string{pageColumn, rowColumn, "refused_cells"} {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Int64, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

// candidate describes a candidate as a stager would write it.
type candidate struct {
	slot   string
	slice  string
	all    []string          // the slot's slices
	files  map[string]string // rows in JSON by partition value; "" if the dataset is not partitioned
	system string            // default: the contract's portal
	change func(*lake.Candidate)
}

// stage writes a candidate and returns its event.
func (b *testGate) stage(c candidate) events.StagingWritten {
	b.t.Helper()
	prefix := ""
	if b.c.Slicing != nil {
		prefix = b.c.Slicing.Prefix
	}
	run := events.Run{
		Dataset: b.c.Dataset, RunID: lake.NewRunID(c.slot, prefix, c.slice).String(), Slot: c.slot, Slice: c.slice, Slices: c.all,
		ContractSHA256: b.c.SHA256,
	}
	doc := lake.Candidate{
		Run: run, Attempt: "s1", SourceSystem: c.system, Validators: events.Validators{UpdatedAt: "2025-08-01"},
		Manifest: events.Object{Key: lake.ManifestKey(run.Dataset, run.RunID, "a1", 0), Size: 1, SHA256: strings.Repeat("1", 64)},
	}
	if doc.SourceSystem == "" {
		doc.SourceSystem = b.official()
	}
	var values []string
	for v := range c.files {
		values = append(values, v)
	}
	slices.Sort(values)
	for _, v := range values {
		var partition []lake.PartitionValue
		if v != "" {
			partition = []lake.PartitionValue{{Column: b.c.Partition[0], Value: v}}
		}
		o := b.parquet(lake.StagingKey(run.Dataset, run.RunID, "s1", partition), schema(b.c), c.files[v])
		o.Partition = partition
		doc.Objects = append(doc.Objects, o)
		doc.Staged, doc.Bytes = doc.Staged+o.Rows, doc.Bytes+o.Size
	}
	doc.RowsIn = doc.Staged
	if c.change != nil {
		c.change(&doc)
	}
	ref := b.Put(b.t, lake.CandidateKey(run.Dataset, run.RunID, "s1"), doc)
	return events.StagingWritten{Run: run, Attempt: "s1", Candidate: ref, RowsIn: doc.RowsIn, Staged: doc.Staged}
}

// rows returns n valid rows in JSON.
func rows(n int) string {
	var out []string
	for i := range n {
		out = append(
			out,
			fmt.Sprintf(`{"thing_id":"t%d","kind":"a","places":%d,"score":0.5,"comarca_id":"01","source_page":0,"source_row":%[1]d}`, i, i),
		)
	}
	return "[" + strings.Join(out, ",") + "]"
}

// official returns the host of the contract's portal.
func (b *testGate) official() string { return strings.TrimPrefix(b.c.Source.BaseURL, "https://") }

func (b *testGate) deliver(p events.Payload) ([]events.Event, error) {
	_, run := p.About()
	return b.Deliver(b.t.Context(), Service, runtimetest.Event("things/"+run+"/stager/1", p))
}

// publish stages a candidate and delivers it. The gate must publish it.
func (b *testGate) publish(c candidate) events.StagingPublished {
	b.t.Helper()
	out, err := b.deliver(b.stage(c))
	return runtimetest.Only[events.StagingPublished](b.t, out, err)
}

// reject stages a candidate and delivers it. The gate must reject it and leave the pointer unchanged.
func (b *testGate) reject(c candidate) events.StagingRejected {
	b.t.Helper()
	before := b.pointerBytes()
	out, err := b.deliver(b.stage(c))
	p := runtimetest.Only[events.StagingRejected](b.t, out, err)
	if after := b.pointerBytes(); !bytes.Equal(before, after) {
		b.t.Errorf("the pointer changed from\n%s\nto\n%s", before, after)
	}
	return p
}

func (b *testGate) pointerBytes() []byte { return b.Lake.Snapshot()[lake.PointerKey(b.c.Dataset)] }

func (b *testGate) pointer() *lake.Pointer {
	b.t.Helper()
	p, _, err := lake.ReadPointer(b.t.Context(), b.Lake, b.c.Dataset)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// verdict is a verdict with a lookup for tests.
type verdict struct{ lake.Verdict }

func (b *testGate) verdict(o events.Object) verdict {
	b.t.Helper()
	v, err := lake.ReadDocument[lake.Verdict](b.t.Context(), b.Lake, o)
	if err != nil {
		b.t.Fatal(err)
	}
	return verdict{v}
}

func (v verdict) rule(t *testing.T, name string) lake.RuleResult {
	t.Helper()
	i := slices.IndexFunc(v.Rules, func(r lake.RuleResult) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("no rule %s in %+v", name, v.Rules)
	}
	return v.Rules[i]
}

func codes(problems []events.Problem) []string {
	out := []string{}
	for _, p := range problems {
		out = append(out, p.Code)
	}
	return out
}

// decode decodes a mutable document.
func decode(t *testing.T, b *testGate, key string, into any) {
	t.Helper()
	body, _, err := b.Lake.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatal(err)
	}
}
