package marts

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
)

// flakyStore counts the objects that are opened, and breaks connections on request.
type flakyStore struct {
	*laketest.Memory
	opened, breaks atomic.Int64
}

func (d *flakyStore) Open(ctx context.Context, key string) (io.ReadCloser, lake.Info, error) {
	d.opened.Add(1)
	body, info, err := d.Memory.Open(ctx, key)
	if err == nil && d.breaks.Add(-1) >= 0 {
		return io.NopCloser(io.MultiReader(io.LimitReader(body, 2), brokenReader{})), info, nil
	}
	return body, info, err
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func (d *flakyStore) put(t *testing.T, key, body string) events.Object {
	t.Helper()
	i, err := d.Put(t.Context(), key, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	i.SHA256 = lake.SHA256([]byte(body))
	return i.Object()
}

func TestCopies(t *testing.T) {
	t.Parallel()
	d := &flakyStore{Memory: laketest.NewMemory()}
	folder := filepath.Join(t.TempDir(), "copies")
	bring := func(objects ...events.Object) (*Copies, error) {
		c := &Copies{Store: d, Folder: folder}
		return c, c.Bring(t.Context(), objects, func(Step) {})
	}
	a, b := d.put(t, "staging/a/district_id=01/a.parquet", "the rows of a"), d.put(t, "staging/b/b.parquet", "the rows of b")
	c, err := bring(a, b)
	if err != nil {
		t.Fatal(err)
	}
	at := c.Place(a.Key)
	if body, err := os.ReadFile(at); err != nil || string(body) != "the rows of a" || !strings.HasSuffix(at, "/"+a.SHA256+"/"+a.Key) {
		t.Errorf("%s: %q, %v", at, body, err)
	}
	if _, err := os.Stat(c.Place("staging/c/c.parquet")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an object that was not copied has a file: %v", err)
	}

	// A second call reads nothing.
	before := d.opened.Load()
	if _, err := bring(a, b); err != nil || d.opened.Load() != before {
		t.Errorf("again: %v, and %d objects were read", err, d.opened.Load()-before)
	}
	// A copy that was changed, with the same length, is downloaded again.
	if err := os.WriteFile(filepath.FromSlash(at), []byte("other rows a!"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := bring(a); err != nil || d.opened.Load() != before+1 {
		t.Errorf("a changed copy: %v", err)
	}
	if body, err := os.ReadFile(at); err != nil || string(body) != "the rows of a" {
		t.Errorf("a changed copy is still %q, %v", body, err)
	}

	// A broken connection is retried a limited number of times.
	e := d.put(t, "staging/e/e.parquet", "the rows of e")
	d.breaks.Store(copyTries - 1)
	if _, err := bring(e); err != nil {
		t.Errorf("a broken connection: %v", err)
	}
	f := d.put(t, "staging/f/f.parquet", "the rows of f")
	d.breaks.Store(copyTries)
	if _, err := bring(f); err == nil || !strings.Contains(err.Error(), "connection reset") {
		t.Errorf("connections that always break: %v", err)
	}
	d.breaks.Store(0)

	// Keep removes the copies that were not requested.
	if c, err = bring(b); err == nil {
		err = c.Keep()
	}
	left, globErr := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || globErr != nil || !slices.Equal(left, []string{filepath.Join(folder, b.SHA256)}) {
		t.Errorf("left are %v (%v)", left, errors.Join(err, globErr))
	}
}

func TestCopiesRefuseOtherObjects(t *testing.T) {
	t.Parallel()
	d := &flakyStore{Memory: laketest.NewMemory()}
	good := d.put(t, "staging/a/a.parquet", "the rows of a")
	altered := good
	altered.SHA256 = lake.SHA256([]byte("the rows of A"))
	for name, o := range map[string]events.Object{
		"other bytes":  altered,
		"another size": {Key: good.Key, Size: 3, SHA256: good.SHA256},
	} {
		c := &Copies{Store: d, Folder: t.TempDir()}
		err := c.Bring(t.Context(), []events.Object{o}, func(Step) {})
		var integrity *lake.IntegrityError
		if !errors.As(err, &integrity) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := filepath.Glob(filepath.Join(c.Folder, "*")); err != nil || len(left) != 0 {
			t.Errorf("%s: left are %v, %v", name, left, err)
		}
	}
	for name, o := range map[string]events.Object{
		"gone":                        {Key: "staging/b/b.parquet", SHA256: good.SHA256},
		"a key outside the folder":    {Key: "../../a.parquet", Size: good.Size, SHA256: good.SHA256},
		"no digest":                   {Key: good.Key, Size: good.Size},
		"a digest outside the folder": {Key: good.Key, Size: good.Size, SHA256: "../" + good.SHA256[3:]},
	} {
		folder := filepath.Join(t.TempDir(), "copies")
		c := &Copies{Store: d, Folder: folder}
		if err := c.Bring(t.Context(), []events.Object{o}, func(Step) {}); err == nil {
			t.Errorf("%s: it was copied", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&Copies{Store: d, Folder: t.TempDir()}).Bring(ctx, []events.Object{good}, func(Step) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
