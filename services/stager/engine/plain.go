package engine

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/llac-project/llac/platform/contract/arrowschema"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/source"
)

// maxPartitions bounds how many files a run may become: a partition column of free text would make one a row.
const maxPartitions = 10_000

// Stage stages one run. An error that says Permanent() is final; the outputs of a failed call are worthless and nobody
// has been told of them.
func Stage(ctx context.Context, in Input, out Sink, o Options) (Result, error) {
	j, err := newJob(in)
	if err != nil {
		return Result{}, &Fault{"prepare staging of " + in.Contract.Dataset, err}
	}
	for i := range in.Pages {
		if err := j.readPage(ctx, i); err != nil {
			return Result{}, err
		}
		if o.Progress != nil {
			o.Progress(Progress{Pages: i + 1, Of: len(in.Pages), Rows: j.rows})
		}
	}
	if err := j.settleConflicts(ctx); err != nil {
		return Result{}, err
	}
	result, err := j.count()
	if err != nil {
		return Result{}, err
	}
	result.Files, err = j.write(ctx, out)
	return result, err
}

// job is one run being staged.
type job struct {
	Input
	plan       *plan
	schema     *arrow.Schema
	everything []int // all columns: what a row's hash is taken over

	rows       int64
	dedup      *dedup
	partitions []*partition
	byPath     map[string]uint32
	quarantine quarantine
}

func newJob(in Input) (*job, error) {
	p, err := newPlan(in.Contract, in.Slice)
	if err != nil {
		return nil, err
	}
	p.simulated = simulated(in.Lineage.SourceSystem)
	schema := arrowschema.Schema(in.Contract)
	for _, col := range p.columns {
		if fields, ok := schema.FieldsByName(col.field.Name); ok && !fields[0].Nullable {
			col.required = true // what the files cannot hold as null must not be null
		}
	}
	return &job{
		Input: in, plan: p, schema: schema, everything: p.all(),
		dedup: newDedup(in.Contract.KeyConflict), byPath: map[string]uint32{},
	}, nil
}

// fault is a permanent error about the dataset as a whole.
func (j *job) fault(format string, a ...any) error {
	return &Fault{"stage " + j.Contract.Dataset, fmt.Errorf(format, a...)}
}

// each calls yield for every record of page i. A page that cannot be read to its end fails the run: the validator has
// read it before, so it is not the page that was validated, or this build reads pages differently.
func (j *job) each(ctx context.Context, i int, yield func(source.Row) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stage page %s: %w", j.Pages[i].Key, err)
	}
	body, err := j.Pages[i].Read(ctx, nil)
	if err != nil {
		return fmt.Errorf("stage page %s: %w", j.Pages[i].Key, err)
	}
	err = source.Rows(j.Contract.Source.Kind, body, yield)
	var malformed *source.PageError
	if errors.As(err, &malformed) {
		return &Fault{"stage page " + j.Pages[i].Key, fmt.Errorf("%w; nothing was staged, run the dataset again", err)}
	}
	return err
}

func (j *job) readPage(ctx context.Context, i int) error {
	r := j.plan.newRow()
	var rows int64
	err := j.each(ctx, i, func(rec source.Row) error {
		rows++
		if bad := j.plan.read(rec, r); bad != nil {
			j.quarantine.add(j.plan, i, rec, *bad)
			return nil
		}
		return j.place(r, position{uint32(i), uint32(rec.Index)})
	})
	if err != nil {
		return err
	}
	j.rows += rows
	if want := j.Pages[i].Rows; want >= 0 && rows != want {
		return &Fault{"stage page " + j.Pages[i].Key, fmt.Errorf("%d rows, but its manifest counts %d; run the dataset again", rows, want)}
	}
	return nil
}

// place keeps a row that has passed, unless it repeats another.
func (j *job) place(r *row, here position) error {
	at, part, err := j.partitionOf(r)
	if err != nil {
		return err
	}
	hash := j.plan.hash(r, j.everything)
	if len(j.plan.key) > 0 {
		same := func(p place) bool { return j.partitions[p.partition].hashes[p.row] == hash }
		v, was := j.dedup.see(j.plan.hash(r, j.plan.key), place{at, uint32(len(part.rows))}, here, same)
		switch v {
		case drop:
			return nil
		case supersede:
			j.partitions[was.partition].takeBack(was.row)
		}
	}
	part.append(j.plan, r, here, hash)
	return nil
}

// partitionOf finds or opens the row's partition.
func (j *job) partitionOf(r *row) (uint32, *partition, error) {
	path := partitionPath(r.partition)
	at, ok := j.byPath[path]
	if !ok {
		if len(j.partitions) == maxPartitions {
			return 0, nil, j.fault("more than %d partitions; partition by a column of fewer values", maxPartitions)
		}
		at = uint32(len(j.partitions))
		j.partitions = append(j.partitions, newPartition(j.plan, r.partition))
		j.byPath[path] = at
	}
	part := j.partitions[at]
	if part.full() {
		return 0, nil, j.fault("too many rows for one run; slice the dataset in its contract")
	}
	return at, part, nil
}

// partitionPath is unique for the values, which hold no '/'.
func partitionPath(values []lake.PartitionValue) string {
	if len(values) == 1 {
		return values[0].Value
	}
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = v.Value
	}
	return strings.Join(parts, "/")
}

// settleConflicts quarantines every row of the keys whose rows differ: which of them is true is not known. It reads
// their pages again, so that no page is kept for a conflict that may never come.
func (j *job) settleConflicts(ctx context.Context) error {
	if len(j.dedup.clash) == 0 {
		return nil
	}
	rivals := map[int]map[int]int{} // page, row: how many rows share the key
	note := func(at position, n int) {
		page := rivals[int(at.page)]
		if page == nil {
			page = map[int]int{}
			rivals[int(at.page)] = page
		}
		page[int(at.row)] = n
	}
	for key := range j.dedup.clash {
		first, later := j.dedup.staged[key], j.dedup.later[key]
		part := j.partitions[first.partition]
		part.takeBack(first.row)
		note(position{part.pages[first.row], part.rows[first.row]}, len(later)+1)
		for _, at := range later {
			note(at, len(later)+1)
		}
	}
	field := strings.Join(j.Contract.Key, ",")
	for i := range j.Pages {
		rows := rivals[i]
		if rows == nil {
			continue
		}
		err := j.each(ctx, i, func(rec source.Row) error {
			if n := rows[rec.Index]; n > 0 {
				j.quarantine.add(j.plan, i, rec, rejection{field, KeyConflict, fmt.Sprintf("%d rows have this key and differ; which is true is not known", n)})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// count takes stock before anything is written.
func (j *job) count() (Result, error) {
	r := Result{
		RowsIn: j.rows, Duplicates: j.dedup.duplicates(),
		Quarantined: int64(len(j.quarantine.rows)), ByReason: j.quarantine.byReason(),
	}
	for _, p := range j.partitions {
		r.Staged += int64(p.live)
	}
	// Invariant 5: rows in = staged + duplicates + quarantined. If not, rows were lost here, and nothing is told.
	if r.RowsIn != r.Staged+r.Duplicates+r.Quarantined {
		return r, j.fault("%d rows in, but %d staged + %d duplicates + %d quarantined; this is a fault of the stager, report it",
			r.RowsIn, r.Staged, r.Duplicates, r.Quarantined)
	}
	return r, nil
}

// write writes one file a partition, in partition order, and the quarantine when there is one.
func (j *job) write(ctx context.Context, out Sink) ([]FileResult, error) {
	slices.SortFunc(j.partitions, func(a, b *partition) int {
		return slices.CompareFunc(a.values, b.values, func(x, y lake.PartitionValue) int { return strings.Compare(x.Value, y.Value) })
	})
	var files []FileResult
	for _, p := range j.partitions {
		if p.live == 0 {
			continue
		}
		rows := p.liveRows()
		f, err := writeFile(ctx, out, Output{Partition: p.values}, j.schema, j.columns(p), rows, j.metadata(j.origins(p, rows)))
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if len(j.quarantine.rows) > 0 {
		j.quarantine.sort()
		rows := make([]int, len(j.quarantine.rows))
		for i := range rows {
			rows[i] = i
		}
		f, err := writeFile(ctx, out, Output{Quarantine: true}, arrowschema.QuarantineSchema(), j.quarantine.columns(j.Pages), rows, j.metadata(""))
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func writeFile(ctx context.Context, out Sink, o Output, s *arrow.Schema, columns map[string]reader, rows []int, metadata []metadatum) (FileResult, error) {
	ordered := make([]reader, s.NumFields())
	for i, f := range s.Fields() {
		c, ok := columns[f.Name]
		if !ok {
			return FileResult{}, &Fault{"write parquet", fmt.Errorf("the schema has a column %s that staging does not make; this is a fault of the build", f.Name)}
		}
		ordered[i] = c
	}
	w, err := out.Create(ctx, o)
	if err != nil {
		return FileResult{}, err
	}
	counted := &counter{File: w}
	if err := writeParquet(counted, s, ordered, rows, metadata); err != nil {
		w.Abort()
		return FileResult{}, fmt.Errorf("write parquet: %w", err)
	}
	if err := w.Commit(ctx); err != nil {
		return FileResult{}, err
	}
	return FileResult{Output: o, Rows: int64(len(rows)), Bytes: counted.n}, nil
}

// counter counts the bytes written to a file.
type counter struct {
	File
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.File.Write(b)
	c.n += int64(n)
	return n, err
}

// columns answers the columns of a staged file by name: the contract's, then the lineage.
func (j *job) columns(p *partition) map[string]reader {
	constant := func(s string) reader {
		b := []byte(s)
		return reader{null: func(int) bool { return s == "" }, bytes: func(int) []byte { return b }}
	}
	columns := map[string]reader{
		"source_system":       constant(j.Lineage.SourceSystem), // Invariant 11: simulated rows say so themselves
		"source_dataset_id":   constant(j.Contract.Source.ID),
		"source_url":          {bytes: func(row int) []byte { return []byte(j.url(p.pages[row])) }},
		"source_updated_at":   constant(j.Lineage.SourceUpdatedAt),
		"ingested_process_at": constant(j.Lineage.Slot),
		"correlation_id":      constant(j.Lineage.RunID),
		"data_origin":         {bytes: func(row int) []byte { return []byte(originNames[p.origins[row]]) }},
		"landing_object_key":  {bytes: func(row int) []byte { return []byte(j.Pages[p.pages[row]].Key) }},
		"row_hash":            {bytes: func(row int) []byte { return hex.AppendEncode(nil, p.hashes[row][:]) }},
	}
	for i, at := range j.plan.files {
		c := &p.columns[i]
		columns[j.plan.columns[at].field.Name] = reader{
			null:  func(row int) bool { return c.nulls[row] },
			bytes: c.text,
			whole: func(row int) int64 { return c.whole[row] },
			float: func(row int) float64 { return c.float[row] },
		}
	}
	return columns
}

// url is where a page came from.
func (j *job) url(page uint32) string {
	if u := j.Pages[page].URL; u != "" {
		return u
	}
	return j.Lineage.SourceURL
}

// origins summarises the data origins of the rows: "published", or "invented=12,recorded=300".
func (j *job) origins(p *partition, rows []int) string {
	var n [len(originNames)]int
	for _, row := range rows {
		n[p.origins[row]]++
	}
	var parts []string
	for o, name := range originNames {
		if n[o] == len(rows) {
			return name
		}
		if n[o] > 0 {
			parts = append(parts, name+"="+strconv.Itoa(n[o]))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// metadata is what a file says of itself, so that the licence's terms travel with every copy.
func (j *job) metadata(origins string) []metadatum {
	c, l := j.Contract, j.Lineage
	all := []metadatum{
		{"attribution", c.Attribution}, {"contract_sha256", c.SHA256}, {"data_origin", origins}, {"dataset", c.Dataset},
		{"licence", c.Licence}, {"licence_url", c.LicenceURL}, {"run", l.RunID},
		{"simulated", strconv.FormatBool(simulated(l.SourceSystem))}, // Invariant 11
		{"source", l.Source}, {"source_updated_at", l.SourceUpdatedAt}, {"source_url", l.SourceURL},
	}
	return slices.DeleteFunc(all, func(m metadatum) bool { return m.value == "" })
}
