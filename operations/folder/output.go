package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/llac-project/llac/services/stager/engine"
)

// Output is where a dataset is staged to: <dir>/staging/<dataset>/<partition>=<value>/<dataset>.parquet and
// <dir>/quarantine/<dataset>/rows.parquet. It is an engine.Sink. Until Publish everything lies in a hidden folder.
type Output struct {
	dir, dataset string
	replace      bool
	made         []string // folders that were not there before, the innermost first
	work         string
	open         atomic.Int64 // files neither committed nor given up
}

// ErrExists says that a dataset has been staged there before.
var ErrExists = errors.New("there is a staging of this dataset already")

// Create begins an output. Unless it may replace what is there, it answers ErrExists when there is something.
func Create(dir, dataset string, replace bool) (*Output, error) {
	o := &Output{dir: dir, dataset: dataset, replace: replace}
	if !replace {
		if err := o.vacant(); err != nil {
			return nil, err
		}
	}
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		o.made = append(o.made, at)
	}
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		// On the same file system as the output, so that publishing is renaming.
		o.work, err = os.MkdirTemp(dir, ".stage-")
	}
	if err == nil {
		err = os.Mkdir(o.Temporary(), 0o755)
	}
	if err != nil {
		return nil, errors.Join(err, o.Discard())
	}
	return o, nil
}

// vacant answers ErrExists when the dataset's folders are taken.
func (o *Output) vacant() error {
	for _, place := range []string{o.Staging(), o.Quarantine()} {
		if _, err := os.Lstat(place); err == nil {
			return fmt.Errorf("%s: %w", place, ErrExists)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Staging is the folder of the staged files, once they are published.
func (o *Output) Staging() string { return filepath.Join(o.dir, "staging", o.dataset) }

// Quarantine is the folder of the quarantine, once it is published.
func (o *Output) Quarantine() string { return filepath.Join(o.dir, "quarantine", o.dataset) }

// Path is the file of an output, once it is published.
func (o *Output) Path(of engine.Output) string { return o.path(o.Staging(), o.Quarantine(), of) }

func (o *Output) path(staging, quarantine string, of engine.Output) string {
	if of.Quarantine {
		return filepath.Join(quarantine, "rows.parquet")
	}
	for _, p := range of.Partition {
		staging = filepath.Join(staging, p.Column+"="+p.Value)
	}
	return filepath.Join(staging, o.dataset+".parquet")
}

// Temporary is a folder for what is needed until the end; it goes with the rest.
func (o *Output) Temporary() string { return filepath.Join(o.work, "temporary") }

// The places of what is being made and of what it replaces, while both are hidden.
func (o *Output) hidden(which, kind string) string { return filepath.Join(o.work, which, kind) }

// Create implements engine.Sink.
func (o *Output) Create(_ context.Context, of engine.Output) (engine.File, error) {
	path := o.path(o.hidden("new", "staging"), o.hidden("new", "quarantine"), of)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	// Never a file twice: where a file system takes A for a, two partitions may share a name.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, err
	}
	o.open.Add(1)
	return &file{output: o, path: path}, nil
}

// file is one file being written. It is open only while it is written to: there may be thousands.
type file struct {
	output *Output
	path   string
}

func (f *file) Write(b []byte) (int, error) {
	w, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, err
	}
	n, err := w.Write(b)
	return n, errors.Join(err, w.Close())
}

func (f *file) Commit(ctx context.Context) error {
	f.output.open.Add(-1)
	return ctx.Err()
}

func (f *file) Abort() {
	f.output.open.Add(-1)
	_ = os.Remove(f.path) // if not now, then with the folder it lies in
}

// Publish shows the output, in place of what was there before, and ends it: the quarantine first, so that there are never
// staged files whose refused rows are another run's.
func (o *Output) Publish() error {
	if n := o.open.Load(); n != 0 {
		return fmt.Errorf("publish %s: %d files are not finished; this is a fault of the engine", o.Staging(), n)
	}
	if !o.replace {
		if err := o.vacant(); err != nil { // somebody else has come meanwhile
			return err
		}
	}
	var done []move
	var err error
	for _, m := range []move{
		{o.Staging(), o.hidden("old", "staging")}, {o.Quarantine(), o.hidden("old", "quarantine")},
		{o.hidden("new", "quarantine"), o.Quarantine()}, {o.hidden("new", "staging"), o.Staging()},
	} {
		if err = m.do(); errors.Is(err, fs.ErrNotExist) {
			err = nil // there was nothing before, or there is nothing of this kind now
			continue
		}
		if err != nil {
			break
		}
		done = append(done, m)
	}
	if err != nil {
		for i := len(done) - 1; i >= 0; i-- {
			err = errors.Join(err, move{done[i].to, done[i].from}.do())
		}
		return fmt.Errorf("publish %s: %w", o.Staging(), err)
	}
	o.made = nil
	return o.Discard()
}

// move is a folder to be renamed.
type move struct{ from, to string }

func (m move) do() error {
	if _, err := os.Lstat(m.from); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(m.to), 0o755); err != nil {
		return err
	}
	return os.Rename(m.from, m.to)
}

// Discard removes everything that is not published.
func (o *Output) Discard() error {
	var err error
	if o.work != "" {
		err = os.RemoveAll(o.work)
	}
	for _, dir := range o.made {
		_ = os.Remove(dir) // ours, and empty unless somebody else has put something there
	}
	return err
}
