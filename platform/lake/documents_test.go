package lake_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
)

func TestReadRefusesOtherBytes(t *testing.T) {
	t.Parallel()
	m := laketest.NewMemory()
	info, err := m.Put(t.Context(), "landing/a/1.json", []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	right := info.Object()
	longer, other := right, right
	longer.Size++
	other.SHA256 = lake.SHA256([]byte("other"))
	if _, err := lake.Read(t.Context(), m, right); err != nil {
		t.Errorf("unchanged bytes: %v", err)
	}
	for name, o := range map[string]events.Object{"size": longer, "digest": other} {
		var integrity *lake.IntegrityError
		if _, err := lake.Read(t.Context(), m, o); !errors.As(err, &integrity) || !integrity.Permanent() ||
			!strings.Contains(err.Error(), o.Key) {
			t.Errorf("%s: %v, want a permanent *IntegrityError with the key", name, err)
		}
	}
	m.Corrupt("landing/a/1.json", []byte(`{"a":2}`))
	if _, err := lake.ReadDocument[map[string]int](t.Context(), m, right); err == nil {
		t.Error("Read returned changed bytes of the same length")
	}
}

// TestReadIntoReusesTheBuffer: a buffer is reused if it is large enough, and never shows its earlier content.
func TestReadIntoReusesTheBuffer(t *testing.T) {
	t.Parallel()
	m := laketest.NewMemory()
	put := func(key, body string) events.Object {
		info, err := m.Put(t.Context(), key, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return info.Object()
	}
	long, short, none := put("long", strings.Repeat("à", 1000)), put("short", "b"), put("none", "")
	var buffer []byte
	for _, c := range []struct {
		object events.Object
		want   string
	}{{short, "b"}, {long, strings.Repeat("à", 1000)}, {short, "b"}, {none, ""}, {long, strings.Repeat("à", 1000)}} {
		had := cap(buffer)
		b, err := lake.ReadInto(t.Context(), m, c.object, buffer)
		if err != nil || string(b) != c.want {
			t.Fatalf("%s: %d bytes, error %v", c.object.Key, len(b), err)
		}
		if grown := cap(b) != had; grown != (had < len(c.want)+512) {
			t.Errorf("%s: a buffer of %d bytes became one of %d", c.object.Key, had, cap(b))
		}
		buffer = b
	}
	m.Corrupt("short", []byte("c, and longer"))
	huge := long
	huge.Size = 1 << 60
	for name, o := range map[string]events.Object{"corrupt": short, "a size that cannot be": huge} {
		var integrity *lake.IntegrityError
		b, err := lake.ReadInto(t.Context(), m, o, buffer)
		if !errors.As(err, &integrity) || len(b) != 0 || cap(b) != cap(buffer) {
			t.Errorf("%s: %v, %d bytes in a buffer of %d; want an *IntegrityError and the buffer", name, err, len(b), cap(b))
		}
	}
	if _, err := lake.ReadInto(t.Context(), m, events.Object{Key: "nothing"}, nil); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("missing: %v, want ErrNotFound", err)
	}
}

// breaking is a store whose streams break in the middle, the given number of times.
type breaking struct {
	lake.Store
	times int
}

func (b *breaking) Open(ctx context.Context, key string) (io.ReadCloser, lake.Info, error) {
	body, info, err := b.Store.Open(ctx, key)
	if b.times--; err != nil || b.times < 0 {
		return body, info, err
	}
	return io.NopCloser(io.MultiReader(io.LimitReader(body, info.Size/2), iotest.ErrReader(io.ErrUnexpectedEOF))), info, nil
}

func TestReadRetriesABrokenStream(t *testing.T) {
	t.Parallel()
	m := laketest.NewMemory()
	info, err := m.Put(t.Context(), "a", []byte("dades obertes"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := lake.Read(t.Context(), &breaking{m, 2}, info.Object()); err != nil || string(b) != "dades obertes" {
		t.Errorf("broken twice: %q, %v", b, err)
	}
	var integrity *lake.IntegrityError
	if _, err := lake.Read(t.Context(), &breaking{m, 3}, info.Object()); !errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &integrity) {
		t.Errorf("broken every time: %v; a partial object is not an integrity error", err)
	}
}

// TestUndecodableDocumentsArePermanent: a retry reads the same bytes.
func TestUndecodableDocumentsArePermanent(t *testing.T) {
	t.Parallel()
	m := laketest.NewMemory()
	for _, key := range []string{lake.PointerKey("a"), lake.CursorKey("a"), "doc"} {
		if _, err := m.Put(t.Context(), key, []byte("{broken")); err != nil {
			t.Fatal(err)
		}
	}
	_, info, err := m.Get(t.Context(), "doc")
	if err != nil {
		t.Fatal(err)
	}
	_, _, pointer := lake.ReadPointer(t.Context(), m, "a")
	_, cursor := lake.ReadCursor(t.Context(), m, "a")
	_, document := lake.ReadDocument[lake.Manifest](t.Context(), m, info.Object())
	for key, err := range map[string]error{lake.PointerKey("a"): pointer, lake.CursorKey("a"): cursor, "doc": document} {
		var p interface{ Permanent() bool }
		if !errors.As(err, &p) || !p.Permanent() || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v, want a permanent error with the key", key, err)
		}
	}
}

func TestReadPointerOfAnUnpublishedDataset(t *testing.T) {
	t.Parallel()
	m := laketest.NewMemory()
	if p, etag, err := lake.ReadPointer(t.Context(), m, "a"); p != nil || etag != "" || err != nil {
		t.Errorf("pointer %v, etag %q, error %v", p, etag, err)
	}
	if c, err := lake.ReadCursor(t.Context(), m, "a"); c != nil || err != nil {
		t.Errorf("cursor %v, error %v", c, err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	sha := strings.Repeat("ab", 32)
	const run = "20250803T140512"
	page, manifest := lake.LandingPageKey("services", run, 7, sha), lake.ManifestKey("services", run, "k3", 0)
	district := []lake.PartitionValue{{Column: "district_id", Value: "01"}}
	staged := lake.StagingKey("services", run, "k3", district)
	slice := lake.NewRunID(run, "y", "2024").String()
	for _, c := range []struct{ want, got string }{
		{"landing/services/ingested_process_at=" + run + "/00007.abababababab.json", page},
		{"landing/services/ingested_process_at=" + run + "/_manifest.k3.json", manifest},
		{"landing/services/ingested_process_at=" + run + "/_manifest.k3.part2.json", lake.ManifestKey("services", run, "k3", 2)},
		{"staging/services/ingested_process_at=" + run + "-k3/district_id=01/services.parquet", staged},
		{"archive/services/ingested_process_at=" + run + "/00007.abababababab.json.zst", lake.ArchiveKey(page)},
		{"archive/services/ingested_process_at=" + run + "/_manifest.k3.json", lake.ArchiveKey(manifest)},
		{"runs/population/20250803T140512-y2024/fetcher.json", lake.ReceiptKey("population", slice, "fetcher", 0)},
		{"runs/population/20250803T140512/fetcher.part1.json", lake.ReceiptKey("population", run, "fetcher", 1)},
		{"runs/a/1/validator.failed.a-1-x.json", lake.FailureKey("a", "1", "validator", "a/1/x")},
	} {
		if c.got != c.want {
			t.Errorf("key %s\nwant %s", c.got, c.want)
		}
	}
}
