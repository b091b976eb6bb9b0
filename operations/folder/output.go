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

// Output writes a staged dataset: <dir>/staging/<dataset>/<partition>=<value>/<dataset>.parquet and
// <dir>/quarantine/<dataset>/rows.parquet. It is an engine.Sink. Until Publish, all files are in a hidden folder.
type Output struct {
	dir, dataset string
	replace      bool
	made         []string // folders that Create made, the innermost first
	work         string
	open         atomic.Int64 // files neither committed nor aborted
}

// ErrExists is returned if the folder already contains the staged dataset.
var ErrExists = errors.New("the dataset is already staged")

// Create starts an output. Unless replace is set, it returns ErrExists if the dataset is already staged in dir.
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
		// The same file system as the output, so that Publish only renames.
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

// vacant returns ErrExists if a folder of the dataset exists.
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

// Staging returns the folder of the staged files after Publish.
func (o *Output) Staging() string { return filepath.Join(o.dir, "staging", o.dataset) }

// Quarantine returns the folder of the quarantine after Publish.
func (o *Output) Quarantine() string { return filepath.Join(o.dir, "quarantine", o.dataset) }

// Path returns the file of an output after Publish.
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

// Temporary returns a folder for temporary files; Publish and Discard remove it.
func (o *Output) Temporary() string { return filepath.Join(o.work, "temporary") }

// hidden returns the folder of the new files, or of the files they replace, inside the hidden folder.
func (o *Output) hidden(which, kind string) string { return filepath.Join(o.work, which, kind) }

// Create implements engine.Sink.
func (o *Output) Create(_ context.Context, of engine.Output) (engine.File, error) {
	path := o.path(o.hidden("new", "staging"), o.hidden("new", "quarantine"), of)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	// Never create a file twice: on a file system that ignores case, two partitions may share a name.
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

// file is one file being written. It is open only during a Write, because there may be thousands of files.
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
	_ = os.Remove(f.path) // if this fails, Discard removes it with its folder
}

// Publish makes the output visible in place of an earlier one, and ends it. The quarantine comes first, so that staged
// files never appear next to the quarantine of another run.
func (o *Output) Publish() error {
	if n := o.open.Load(); n != 0 {
		return fmt.Errorf("publish %s: %d files are not finished; this is a defect of the engine", o.Staging(), n)
	}
	if !o.replace {
		if err := o.vacant(); err != nil { // another process may have published meanwhile
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
			err = nil // no earlier output, or no files of this kind now
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

// move is one rename of a folder.
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
		_ = os.Remove(dir) // Create made it; it stays if another process has put files there
	}
	return err
}
