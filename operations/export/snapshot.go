package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/operations/marts"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/contract/odcs"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/runtime"
)

// Lake is the lake that snapshots are read from.
type Lake struct {
	Data, Config lake.Store
	Name         string                    // of the place
	Command      func(words string) string // returns a command line to type next
}

// Snapshot describes a snapshot that was written with its contract.
type Snapshot struct {
	Dataset   string   `json:"dataset"`
	Snapshot  string   `json:"snapshot"`
	Contract  string   `json:"contract"` // file of the complete contract
	Files     []string `json:"files"`    // byte for byte as published
	Rows      int64    `json:"rows"`
	Bytes     int64    `json:"bytes"`
	Simulated bool     `json:"simulated"`
}

// WriteSnapshot writes a published snapshot and its complete contract into a folder: <dataset>.odcs.yaml, and the files in
// <dataset>/<partition>=<value>/. They appear whole or not at all, the contract last. force replaces what is there.
func WriteSnapshot(ctx context.Context, l Lake, dataset, folder string, force bool) (Snapshot, error) {
	pointer, _, err := lake.ReadPointer(ctx, l.Data, dataset)
	if err != nil {
		return Snapshot{}, err
	}
	if pointer == nil {
		return Snapshot{}, fault.New(fault.NotFound, fmt.Errorf("%s was never published in %s", dataset, l.Name),
			l.Command("run "+dataset)+" publishes it")
	}
	c, err := (&runtime.ConfigContracts{Store: l.Config}).Load(ctx, pointer.ContractSHA256)
	if err != nil {
		return Snapshot{}, fmt.Errorf("read the contract of the snapshot: %w", err)
	}
	w := snapshotWriter{contract: c, pointer: pointer, folder: folder, force: force}
	if err := w.free(); err != nil {
		return Snapshot{}, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return Snapshot{}, fault.New(fault.Usage, err, "--out names a folder")
	}
	// Invariant 2: the files are written to a hidden folder of the same file system, and appear by renames.
	if w.hidden, err = os.MkdirTemp(folder, ".llac-export-"); err != nil {
		return Snapshot{}, fault.New(fault.Usage, err, "--out names a folder that can be written to")
	}
	defer func() { _ = os.RemoveAll(w.hidden) }()
	if err := w.copy(ctx, l.Data); err != nil {
		return Snapshot{}, fault.New(fault.Failed, err, l.Command("run --force "+dataset)+" publishes it again")
	}
	if err := w.complete(); err != nil {
		return Snapshot{}, err
	}
	return w.publish()
}

// snapshotWriter writes one snapshot.
type snapshotWriter struct {
	contract       *contract.Contract
	pointer        *lake.Pointer
	folder, hidden string
	force          bool
	files          []string // below the folder
}

// text and data return the names of the contract and of the folder of the files.
func (w *snapshotWriter) text() string { return w.pointer.Dataset + contract.FileSuffix }
func (w *snapshotWriter) data() string { return w.pointer.Dataset }

// free returns an error if something would be overwritten.
func (w *snapshotWriter) free() error {
	for _, name := range []string{w.text(), w.data()} {
		at := filepath.Join(w.folder, name)
		if _, err := os.Lstat(at); err == nil && !w.force {
			return fault.New(fault.Exists, fmt.Errorf("%s exists already", at), "use --force to replace it, or another --out")
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.New(fault.Usage, fmt.Errorf("look for %s: %w", at, err), "--out names a folder")
		}
	}
	return nil
}

// copy copies the published objects, each checked against the digest in the pointer.
func (w *snapshotWriter) copy(ctx context.Context, data lake.Store) error {
	copies := &marts.Copies{Store: data, Folder: filepath.Join(w.hidden, "copies")}
	var objects []events.Object
	for _, part := range w.pointer.Parts {
		for _, o := range part.Objects {
			objects = append(objects, o.Object)
		}
	}
	if err := copies.Bring(ctx, objects, func(marts.Step) {}); err != nil {
		return err
	}
	for _, part := range w.pointer.Parts {
		for _, o := range part.Objects {
			name := w.data()
			for _, p := range o.Partition {
				name = path.Join(name, p.Column+"="+p.Value)
			}
			name = path.Join(name, path.Base(o.Key))
			if slices.Contains(w.files, name) || !filepath.IsLocal(name) {
				return fmt.Errorf("copy %s: two files of the snapshot have the path %s, or it leads elsewhere", o.Key, name)
			}
			w.files = append(w.files, name)
			to := filepath.Join(w.hidden, filepath.FromSlash(name))
			from := filepath.FromSlash(copies.Place(o.Key))
			if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Rename(from, to)); err != nil {
				return err
			}
		}
	}
	return nil
}

// complete writes the complete contract next to the copied files.
func (w *snapshotWriter) complete() error {
	var columns *arrow.Schema
	for _, name := range w.files {
		schema, err := schemaOf(filepath.Join(w.hidden, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if columns != nil && !columns.Equal(schema) {
			return fmt.Errorf("%s has other columns than %s: the slices of the snapshot were staged by different versions of Llac; "+
				"publish the dataset again", name, w.files[0])
		}
		columns = schema
	}
	if columns == nil {
		return fault.New(fault.NotFound, fmt.Errorf("the snapshot of %s has no file", w.pointer.Dataset), "publish the dataset again")
	}
	text, err := odcs.Complete(w.contract, odcs.Publication{Path: odcs.PathOf(w.contract), Snapshot: w.pointer.Snapshot,
		SourceSystem: w.pointer.SourceSystem, Files: columns})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.hidden, w.text()), text, 0o644)
}

// schemaOf reads the columns of a Parquet file.
func schemaOf(name string) (*arrow.Schema, error) {
	r, err := file.OpenParquetFile(name, false)
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", name, err)
	}
	defer r.Close() // read only
	schema, err := pqarrow.FromParquet(r.MetaData().Schema, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", name, err)
	}
	return schema, nil
}

// publish moves the finished files to their paths.
func (w *snapshotWriter) publish() (Snapshot, error) {
	out := Snapshot{Dataset: w.pointer.Dataset, Snapshot: w.pointer.Snapshot, Contract: filepath.Join(w.folder, w.text()),
		Rows: w.pointer.Rows, Bytes: w.pointer.Bytes, Simulated: lake.Origin(w.pointer.SourceSystem).Simulated()}
	if err := w.free(); err != nil { // another process may have written meanwhile
		return Snapshot{}, err
	}
	for _, name := range []string{w.data(), w.text()} {
		to, old := filepath.Join(w.folder, name), filepath.Join(w.hidden, "old-"+name)
		if err := os.Rename(to, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Snapshot{}, err
		}
		if err := os.Rename(filepath.Join(w.hidden, name), to); err != nil {
			return Snapshot{}, errors.Join(err, os.Rename(old, to))
		}
	}
	for _, name := range w.files {
		out.Files = append(out.Files, filepath.Join(w.folder, filepath.FromSlash(name)))
	}
	return out, nil
}
