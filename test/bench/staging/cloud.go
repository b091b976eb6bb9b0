package staging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/runtime"
	"github.com/llac-project/llac/platform/source"
	"github.com/llac-project/llac/platform/source/portals"
	"github.com/llac-project/llac/services/stager"
	"github.com/llac-project/llac/services/stager/engine"
	"github.com/llac-project/llac/test/bench/staging/pages"
)

// CloudResult compares staging from S3 to S3 with staging from files to files, in one process, in seconds per round.
type CloudResult struct {
	Set    string    `json:"set"`
	Rows   int       `json:"rows"`
	Files  []float64 `json:"files_seconds"`
	Cloud  []float64 `json:"cloud_seconds"`
	Ratios []float64 `json:"ratios"`
}

const (
	dataBucket = "llac-bench-data"
	benchRun   = "20260504T030201"
)

// FromCloud times the stager's own handler on pages in the local cloud, which runs in this process, and its engine on
// the same pages in files.
func FromCloud(ctx context.Context, set Set, rounds int, progress io.Writer) (CloudResult, error) {
	r := CloudResult{Set: set.Name, Rows: set.Rows}
	data, err := set.Make(ctx, set.Rows, progress)
	if err != nil {
		return r, err
	}
	c, err := contract.Parse(data.Contract, []byte(set.Contract))
	if err != nil {
		return r, err
	}
	err = within(func(dir string) error {
		l, err := land(ctx, c, data, filepath.Join(dir, "cloud"), progress)
		if err != nil {
			return err
		}
		defer l.close()
		for round := range rounds {
			var seconds [2]float64
			for i := range 2 {
				which := (i + round) % 2
				start := time.Now()
				if which == 0 {
					err = stageFiles(ctx, c, data, filepath.Join(dir, "files"))
				} else {
					_, err = l.handle(ctx, l.landed)
				}
				if err != nil {
					return err
				}
				seconds[which] = time.Since(start).Seconds()
				if err := os.RemoveAll(filepath.Join(dir, "files")); err != nil {
					return err
				}
			}
			fmt.Fprintf(progress, "%-8s  files %6.2f s  cloud %6.2f s\n", set.Name, seconds[0], seconds[1])
			r.Files, r.Cloud, r.Ratios = append(r.Files, seconds[0]), append(r.Cloud, seconds[1]), append(r.Ratios, seconds[1]/seconds[0])
		}
		return nil
	})
	if err != nil {
		return r, fmt.Errorf("stage %s from the local cloud: %w", set.Name, err)
	}
	return r, nil
}

// landing is validated pages in the local cloud, and the stager and the event that processes them.
type landing struct {
	cloud     *aws.Cloud
	transport *http.Transport
	handle    runtime.Handler
	landed    events.Event
}

func (l landing) close() {
	l.transport.CloseIdleConnections()
	_ = l.cloud.Close()
}

// fixed provides one contract.
type fixed struct{ *contract.Contract }

func (f fixed) Load(context.Context, string) (*contract.Contract, error) { return f.Contract, nil }

func (f fixed) Current(context.Context) ([]*contract.Contract, error) {
	return []*contract.Contract{f.Contract}, nil
}

func land(ctx context.Context, c *contract.Contract, data pages.Data, dir string, progress io.Writer) (_ landing, err error) {
	l := landing{transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	if l.cloud, err = aws.Start(ctx, aws.Options{Dir: dir, Buckets: []string{dataBucket}}); err != nil {
		return l, err
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	config := l.cloud.Config()
	config.HTTPClient = &http.Client{Transport: l.transport}
	ports := runtime.NewPorts("stager", runtime.PortOptions{AWS: config, DataBucket: dataBucket, ConfigBucket: dataBucket,
		AllowSimulated: true})
	ports.Contracts = fixed{c}
	l.handle = stager.Service.New.Handler(ports)

	run := events.Run{Dataset: c.Dataset, RunID: benchRun, Slot: benchRun, ContractSHA256: c.SHA256, Trigger: "schedule"}
	m := lake.Manifest{Run: run, Attempt: "bench", Description: source.Description{SourceSystem: string(lake.SimulatorOrigin),
		URL: "https://bench.invalid"}}
	fmt.Fprintf(progress, "uploading %s to the local cloud\n", c.Dataset)
	err = each(data.Pages, func(path, name string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		at := len(m.Pages)
		info, err := ports.Lake.Put(ctx, lake.LandingPageKey(c.Dataset, benchRun, at, lake.SHA256(body)), body)
		if err != nil {
			return err
		}
		rows, err := countRows(c.Source.Kind, body)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		m.Pages = append(m.Pages, lake.ManifestPage{Object: info.Object(), Index: at, Rows: rows})
		m.Rows, m.Bytes = m.Rows+rows, m.Bytes+info.Size
		return nil
	})
	if err != nil {
		return l, err
	}
	written, err := ports.Lake.Put(ctx, lake.ManifestKey(c.Dataset, benchRun, "bench", 0), lake.Encode(m))
	if err != nil {
		return l, err
	}
	l.landed = events.New(events.LandingValidated{Run: run, Attempt: "bench", Manifest: written.Object(), Pages: len(m.Pages),
		Rows: m.Rows, Bytes: m.Bytes})
	return l, nil
}

func countRows(kind string, body []byte) (int64, error) {
	var rows int64
	err := portals.All.Rows(kind, body, func(source.Row) error { rows++; return nil })
	return rows, err
}

// FromFiles calls f with a function that stages a set from files to files with the engine in this process. f must call
// it once.
func FromFiles(ctx context.Context, set Set, progress io.Writer, f func(stage func() error) error) error {
	data, err := set.Make(ctx, set.Rows, progress)
	if err != nil {
		return err
	}
	c, err := contract.Parse(data.Contract, []byte(set.Contract))
	if err != nil {
		return err
	}
	return within(func(dir string) error {
		return f(func() error { return stageFiles(ctx, c, data, dir) })
	})
}

// stageFiles runs the stager's engine from files to files.
func stageFiles(ctx context.Context, c *contract.Contract, data pages.Data, out string) error {
	in := engine.Input{Contract: c, Lineage: engine.Lineage{Source: "bench", SourceSystem: string(lake.SimulatorOrigin),
		Slot: benchRun, RunID: benchRun}}
	err := each(data.Pages, func(path, name string) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		in.Pages = append(in.Pages, engine.Page{Key: name, Rows: -1, Size: info.Size(),
			Read: func(_ context.Context, into []byte) ([]byte, error) {
				return readInto(path, into)
			}})
		return nil
	})
	if err != nil {
		return err
	}
	_, err = engine.Stage(ctx, in, folderSink(out), engine.Options{})
	return err
}

// readInto reads a file into the memory of into if it fits.
func readInto(path string, into []byte) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if int64(cap(into)) < info.Size() {
		into = make([]byte, info.Size())
	}
	into = into[:info.Size()]
	_, err = io.ReadFull(f, into)
	return into, err
}

// folderSink writes outputs below a folder.
type folderSink string

func (s folderSink) Create(_ context.Context, o engine.Output) (engine.File, error) {
	dir := filepath.Join(string(s), "quarantine")
	if !o.Quarantine {
		dir = filepath.Join(string(s), "staging")
		for _, p := range o.Partition {
			dir = filepath.Join(dir, p.Column+"="+p.Value)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "rows.parquet"))
	return folderFile{f}, err
}

type folderFile struct{ *os.File }

func (f folderFile) Commit(context.Context) error { return f.Close() }

func (f folderFile) Abort() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }
