package folder_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/llac-project/llac/operations/folder"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/services/stager/engine"
)

func create(t *testing.T, dir string, replace bool) *folder.Output {
	t.Helper()
	o, err := folder.Create(dir, "places", replace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Discard() })
	return o
}

func part(v string) engine.Output {
	return engine.Output{Partition: []lake.PartitionValue{{Column: "district_id", Value: v}}}
}

// put writes a file in pieces and commits it.
func put(t *testing.T, o *folder.Output, of engine.Output, pieces ...string) {
	t.Helper()
	f, err := o.Create(context.Background(), of)
	for _, p := range pieces {
		if err == nil {
			_, err = f.Write([]byte(p))
		}
	}
	if err == nil {
		err = f.Commit(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// files lists the files below a folder with their contents.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out = append(out, filepath.ToSlash(rel)+" "+string(body))
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return out
}

func TestPublish(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "out")
	o := create(t, dir, false)
	put(t, o, part("01"), "ab", "cd")
	// A second pass aborts the first one and creates the same outputs again.
	for range 2 {
		f, err := o.Create(context.Background(), part("02"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("first pass")); err != nil {
			t.Fatal(err)
		}
		f.Abort()
	}
	put(t, o, part("02"), "second")
	put(t, o, engine.Output{Quarantine: true}, "q")
	if _, err := os.Stat(filepath.Join(dir, "staging")); err == nil {
		t.Error("the output is visible before Publish")
	}
	if err := o.Publish(); err != nil {
		t.Fatal(err)
	}
	want := []string{"quarantine/places/rows.parquet q", "staging/places/district_id=01/places.parquet abcd",
		"staging/places/district_id=02/places.parquet second"}
	if got := files(t, dir); !slices.Equal(got, want) {
		t.Errorf("published %q, want %q", got, want)
	}
	if got := o.Path(part("01")); got != filepath.Join(dir, "staging", "places", "district_id=01", "places.parquet") {
		t.Errorf("Path = %s", got)
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("the folder has %d entries, want staging and quarantine", len(left))
	}

	if _, err := folder.Create(dir, "places", false); !errors.Is(err, folder.ErrExists) {
		t.Errorf("Create of a staged dataset: %v, want ErrExists", err)
	}
	if other, err := folder.Create(dir, "others", false); err != nil || other.Discard() != nil {
		t.Errorf("Create of another dataset: %v", err)
	}
	// A replacement replaces all files, also those of the quarantine.
	o = create(t, dir, true)
	put(t, o, part("03"), "new")
	if got := files(t, dir); len(got) != 4 {
		t.Errorf("before Publish of the replacement: %q", got)
	}
	if err := o.Publish(); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"staging/places/district_id=03/places.parquet new"}) {
		t.Errorf("after Publish of the replacement: %q", got)
	}
}

func TestIncompleteOutputIsNotPublished(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "out")
	o := create(t, dir, false)
	f, err := o.Create(context.Background(), part("01"))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Publish(); err == nil || !strings.Contains(err.Error(), "not finished") {
		t.Errorf("Publish with an unfinished file: %v", err)
	}
	if _, err := o.Create(context.Background(), part("01")); err == nil {
		t.Error("Create created a file twice")
	}
	f.Abort()
	if err := o.Discard(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("Discard left the folder that Create made")
	}
	if _, err := f.Write([]byte("x")); err == nil {
		t.Error("Write to an aborted file returned no error")
	}
}

// TestPublishFails checks that a failed Publish restores the earlier output.
func TestPublishFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := create(t, dir, false)
	put(t, o, part("01"), "old")
	if err := o.Publish(); err != nil {
		t.Fatal(err)
	}
	o = create(t, dir, true)
	put(t, o, part("01"), "new")
	put(t, o, engine.Output{Quarantine: true}, "q")
	if err := os.WriteFile(filepath.Join(dir, "quarantine"), nil, 0o644); err != nil { // a file in the place of the folder
		t.Fatal(err)
	}
	if err := o.Publish(); err == nil {
		t.Fatal("Publish replaced a file by a folder")
	}
	if err := o.Discard(); err != nil {
		t.Error(err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"quarantine ", "staging/places/district_id=01/places.parquet old"}) {
		t.Errorf("files %q", got)
	}
}

// TestConcurrentPublish checks that the second of two outputs without replace is not published.
func TestConcurrentPublish(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, second := create(t, dir, false), create(t, dir, false)
	put(t, first, part("01"), "first")
	put(t, second, part("01"), "second")
	if err := first.Publish(); err != nil {
		t.Fatal(err)
	}
	if err := second.Publish(); !errors.Is(err, folder.ErrExists) {
		t.Errorf("second Publish: %v, want ErrExists", err)
	}
	if got := files(t, filepath.Join(dir, "staging")); !slices.Equal(got, []string{"places/district_id=01/places.parquet first"}) {
		t.Errorf("files %q", got)
	}
}

// TestThousandsOfFiles checks that no file stays open between writes.
func TestThousandsOfFiles(t *testing.T) {
	t.Parallel()
	o := create(t, t.TempDir(), false)
	var open []engine.File
	for i := range 3000 {
		f, err := o.Create(context.Background(), part(fmt.Sprint(i)))
		if err == nil {
			_, err = f.Write([]byte("x"))
		}
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, f)
	}
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil && len(fds) > 500 {
		t.Errorf("%d file descriptors are open", len(fds))
	}
	var all sync.WaitGroup
	for _, half := range [][]engine.File{open[:1500], open[1500:]} {
		all.Go(func() {
			for _, f := range half {
				if err := f.Commit(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := o.Publish(); err != nil {
		t.Fatal(err)
	}
}
