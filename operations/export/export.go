// Package export writes what can be handed on: a published table as one file, with its source, licence and date inside, or a
// snapshot as it is, with its complete contract.
//
// What must hold: the file appears whole or not at all; it states whether its data are simulated (invariant 11); the same
// snapshot gives the same bytes; a table whose files do not have the published number of rows is not exported.
package export

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/llac-project/llac/operations/duckdb"
	"github.com/llac-project/llac/operations/fault"
	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/views"
)

// Formats are the file formats, by their file name extensions.
var Formats = []string{"csv", "xlsx", "parquet"}

// Where the description of a CSV file is written.
const (
	Inside = "inside" // in comment lines above the header
	Beside = "beside" // in a separate file
)

// Options select how a table is written.
type Options struct {
	Format string // empty: from the extension of Out, or csv
	Out    string // empty: <table>-<snapshot or build>.<format> in the current folder
	About  string // place of the description: Inside, or in a separate file
	Excel  bool   // CSV that Excel reads correctly
	Force  bool   // overwrite existing files
}

// Result describes the file.
type Result struct {
	File      string            `json:"file"`
	About     string            `json:"about,omitempty"` // path of the description in a file of its own
	Table     string            `json:"table"`
	Format    string            `json:"format"`
	Rows      int64             `json:"rows"`
	Bytes     int64             `json:"bytes"`
	SHA256    string            `json:"sha256"`
	Snapshot  string            `json:"snapshot"` // or build
	Simulated bool              `json:"simulated"`
	Metadata  map[string]string `json:"metadata"` // the description in the file
}

// Find returns the table with a name. The error lists the tables.
func Find(tables views.Tables, name, place string, command func(words string) string) (*views.Table, error) {
	table := tables.Find(name)
	switch {
	case table == nil && slices.Contains(tables.Unpublished, name):
		return nil, fault.New(fault.NotFound, fmt.Errorf("%s was never published", name), command("run "+name)+" publishes it")
	case table == nil && len(tables.All) == 0:
		return nil, NothingPublished(place, command)
	case table == nil:
		var names []string
		for _, t := range tables.All {
			names = append(names, Name(t))
		}
		fix := "the tables are " + format.List(names)
		if tables.Build == "" {
			fix += "; the marts were never built: " + command("marts")
		}
		return nil, fault.New(fault.Usage, fmt.Errorf("unknown table %s", name), fix)
	case table.Broken != "":
		return nil, fault.New(fault.NotFound, fmt.Errorf("read %s: %s", name, table.Broken), table.Repair)
	}
	return table, nil
}

// NothingPublished is the error of a place that has no table.
func NothingPublished(place string, command func(words string) string) error {
	return fault.New(fault.NotFound, fmt.Errorf("nothing is published in %s yet", place), command("run")+" publishes datasets")
}

// Name returns the shortest name that finds a table.
func Name(t views.Table) string {
	if t.Schema == views.Quarantine {
		return t.Schema + "." + t.Name
	}
	return t.Name
}

// Complete fills in defaults and refuses combinations that make no sense.
func (o *Options) Complete(t views.Table) error {
	if o.Format == "" {
		o.Format = cmp.Or(strings.TrimPrefix(strings.ToLower(filepath.Ext(o.Out)), "."), "csv")
	}
	switch {
	case !slices.Contains(Formats, o.Format):
		return fault.New(fault.Usage, fmt.Errorf("unknown format %q", o.Format), "use "+strings.Join(Formats, ", "))
	case o.About != Inside && o.About != Beside:
		return fault.New(fault.Usage, fmt.Errorf("unknown value %q of --about", o.About), "use inside or beside")
	case o.Format != "csv" && (o.About != Inside || o.Excel):
		return fault.New(fault.Usage, errors.New("--about and --excel apply to csv only"),
			"leave them out; a file of format "+o.Format+" contains its description")
	}
	o.Out = cmp.Or(o.Out, Name(t)+"-"+t.Snapshot+"."+o.Format)
	if info, err := os.Stat(o.Out); err == nil && info.IsDir() {
		return fault.New(fault.Usage, fmt.Errorf("%s is a folder", o.Out), "--out names a file")
	}
	for _, file := range []string{o.Out, o.metadataPath()} {
		if err := o.free(file); err != nil {
			return err
		}
	}
	return nil
}

// metadataPath returns the path of the description; "" if it is inside.
func (o *Options) metadataPath() string {
	if o.About != Beside {
		return ""
	}
	return o.Out + "-metadata.json"
}

// free reports whether a file may be written: nil if so.
func (o *Options) free(file string) error {
	if file == "" || o.Force {
		return nil
	}
	if _, err := os.Lstat(file); err == nil {
		return fault.New(fault.Exists, fmt.Errorf("%s exists already", file), "use --force to overwrite it, or another --out")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Usage, fmt.Errorf("look for %s: %w", file, err), "--out names a file in an existing folder")
	}
	return nil
}

// Write writes a table into a file. The options must be complete. An error of the query is a *duckdb.Error.
func Write(ctx context.Context, e duckdb.Engine, t views.Table, o Options) (Result, error) {
	about, err := describe(ctx, e, t)
	if err != nil {
		return Result{}, err
	}
	// Invariant 2: the file is written to a hidden folder of the same file system, and appears in one rename.
	hidden, err := os.MkdirTemp(filepath.Dir(o.Out), ".llac-export-")
	if err != nil {
		return Result{}, fault.New(fault.Usage, fmt.Errorf("write %s: %w", o.Out, err),
			"--out names a file in a folder that can be written to")
	}
	defer func() { _ = os.RemoveAll(hidden) }()
	part := filepath.Join(hidden, "part."+o.Format)
	rows, err := e.Export(ctx, duckdb.Export{
		Query: t.Query, Rows: t.Rows, Format: o.Format, Out: part, About: about, Warning: Warning(t),
		Inside: o.About == Inside, Excel: o.Excel,
	})
	if err != nil {
		return Result{}, err
	}
	if rows != t.Rows {
		return Result{}, fault.New(fault.NotFound, fmt.Errorf("the files of %s contain %s rows, and %s were published",
			Name(t), format.Count(rows), format.Count(t.Rows)), t.Repair)
	}
	r := Result{
		File: o.Out, About: o.metadataPath(), Table: t.Schema + "." + t.Name, Format: o.Format, Rows: rows, Snapshot: t.Snapshot,
		Simulated: t.Simulated,
		Metadata:  map[string]string{},
	}
	for _, kv := range about {
		r.Metadata[kv[0]] = kv[1]
	}
	if r.Bytes, r.SHA256, err = digest(part); err != nil {
		return Result{}, err
	}
	return r, o.publish(part, t, about)
}

// publish moves the finished files to their paths, the description first.
func (o *Options) publish(part string, t views.Table, about [][2]string) error {
	if metadata := o.metadataPath(); metadata != "" {
		if err := os.WriteFile(part+".json", csvw(t, filepath.Base(o.Out), about), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", metadata, err)
		}
		if err := o.move(part+".json", metadata); err != nil {
			return err
		}
	}
	return o.move(part, o.Out)
}

func (o *Options) move(part, file string) error {
	if err := o.free(file); err != nil { // another process may have created it meanwhile
		return err
	}
	if err := os.Rename(part, file); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// digest returns a file's size and SHA-256.
func digest(file string) (int64, string, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return n, hex.EncodeToString(h.Sum(nil)), err
}

// describe returns the description of a table as ordered keys and values.
func describe(ctx context.Context, e duckdb.Engine, t views.Table) ([][2]string, error) {
	origins, err := origins(ctx, e, t)
	if err != nil {
		return nil, err
	}
	kind, version := "dataset", "snapshot"
	if t.Schema == views.Marts {
		kind, version = "mart", "build"
	}
	all := [][2]string{
		{kind, Name(t)}, {"title", t.Title}, {"grain", t.Grain}, {"description", t.Notes},
		{"simulated", fmt.Sprint(t.Simulated)}, // Invariant 11
		{"source_system", t.Source}, {"data_origin", pairs(origins)}, {"source", strings.Join(t.Sources, "; ")},
		{"attribution", strings.Join(t.Attribution, "; ")}, {"licence", strings.Join(t.Licences, "; ")}, {"source_updated_at", t.UpdatedAt},
		{version, t.Snapshot}, {"snapshots", pairs(t.Snapshots)}, {"rows", fmt.Sprint(t.Rows)},
		{"refused_cells", pairs(t.Refused)},
	}
	return slices.DeleteFunc(all, func(kv [2]string) bool { return kv[1] == "" || kv[0] == "title" && t.Title == t.Grain }), nil
}

// origins counts the rows by data_origin.
func origins(ctx context.Context, e duckdb.Engine, t views.Table) (map[string]int64, error) {
	if t.Origins != nil || t.Schema != views.Staging {
		return t.Origins, nil
	}
	rows, err := e.Run(ctx, duckdb.Job{Query: "select data_origin, count(*) from (" + t.Query + ") group by all"})
	if err != nil {
		return nil, fmt.Errorf("count the rows of %s: %w", t.Name, err)
	}
	out := map[string]int64{}
	for _, r := range rows.Values {
		if n, ok := r[1].(json.Number); ok {
			out[fmt.Sprint(r[0])], _ = n.Int64()
		}
	}
	return out, nil
}
