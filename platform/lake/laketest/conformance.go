package laketest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/llac-project/llac/platform/lake"
)

// Conformance tests what every Store must do. open returns an empty store and is called once per case.
func Conformance(t *testing.T, open func(t *testing.T) lake.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s lake.Store)
	}{
		{"get returns what put wrote", putAndGet},
		{"a missing object is ErrNotFound", missing},
		{"open streams an object", stream},
		{"metadata is stored with the object", metadata},
		{"put replaces an object", replace},
		{"an empty object exists", empty},
		{"put-if-absent: created, already mine, exists", putIfAbsent},
		{"put-if-absent: one of sixteen concurrent writers wins", race},
		{"compare-and-swap: create, swap, changed, deleted", compareAndSwap},
		{"compare-and-swap: one of sixteen concurrent writers wins", swapRace},
		{"put-stream creates a large object", largeStream},
		{"put-stream leaves nothing if the reader fails", brokenStream},
		{"list is in key order and within its prefix", list},
		{"list returns more than a thousand keys", longList},
		{"list stops when yield returns false", shortList},
		{"delete is idempotent", deletes},
		{"a cancelled context ends the call", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

func putAndGet(t *testing.T, s lake.Store) {
	body := []byte("{\"nom\": \"L'Hospitalet\"}\r\n\x00\xff")
	put, err := s.Put(t.Context(), "landing/a b/ingested_process_at=1/é+&=.json", body)
	check(t, err)
	b, info, err := s.Get(t.Context(), "landing/a b/ingested_process_at=1/é+&=.json")
	check(t, err)
	if !bytes.Equal(b, body) {
		t.Errorf("got %q, put %q", b, body)
	}
	want := lake.Info{Key: put.Key, Size: int64(len(body)), SHA256: lake.SHA256(body), ETag: put.ETag, VersionID: put.VersionID}
	for name, got := range map[string]lake.Info{"Put": put, "Get": info} {
		if got.Key != want.Key || got.Size != want.Size || got.SHA256 != want.SHA256 || got.ETag != want.ETag ||
			got.VersionID != want.VersionID {
			t.Errorf("%s returned %+v, want %+v", name, got, want)
		}
	}
	if info.Modified.IsZero() || info.ETag == "" {
		t.Errorf("modified %v, ETag %q, want both set", info.Modified, info.ETag)
	}
	if _, err := lake.Read(t.Context(), s, put.Object()); err != nil {
		t.Errorf("read the object by its reference: %v", err)
	}
}

func missing(t *testing.T, s lake.Store) {
	const key = "state/nothing/current.json"
	if _, _, err := s.Get(t.Context(), key); !errors.Is(err, lake.ErrNotFound) || !strings.Contains(err.Error(), key) {
		t.Errorf("Get: %v; want ErrNotFound with the key", err)
	}
	if body, _, err := s.Open(t.Context(), key); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("Open: %v, want ErrNotFound", err)
		if err == nil {
			body.Close()
		}
	}
}

func stream(t *testing.T, s lake.Store) {
	want := bytes.Repeat([]byte("dades obertes "), 10_000)
	_, err := s.Put(t.Context(), "a", want)
	check(t, err)
	body, info, err := s.Open(t.Context(), "a")
	check(t, err)
	defer body.Close()
	got, err := io.ReadAll(body)
	check(t, err)
	if !bytes.Equal(got, want) || info.Size != int64(len(want)) {
		t.Errorf("read %d bytes of %d, size %d", len(got), len(want), info.Size)
	}
}

func metadata(t *testing.T, s lake.Store) {
	want := map[string]string{"run": "20250803T140512", "source-system": "simulator"}
	_, err := s.Put(t.Context(), "put", []byte("1"), lake.Metadata(want))
	check(t, err)
	_, _, err = s.PutIfAbsent(t.Context(), "create", []byte("1"), lake.Metadata(want))
	check(t, err)
	_, err = s.CompareAndSwap(t.Context(), "swap", []byte("1"), "", lake.Metadata(want))
	check(t, err)
	for _, key := range []string{"put", "create", "swap"} {
		_, info, err := s.Get(t.Context(), key)
		check(t, err)
		for k, v := range want {
			if info.Metadata[k] != v {
				t.Errorf("%s: metadata %q is %q, want %q", key, k, info.Metadata[k], v)
			}
		}
	}
}

func replace(t *testing.T, s lake.Store) {
	first, err := s.Put(t.Context(), "a", []byte("one"))
	check(t, err)
	second, err := s.Put(t.Context(), "a", []byte("two, longer"))
	check(t, err)
	if first.ETag == second.ETag {
		t.Errorf("two versions have the same ETag %s", first.ETag)
	}
	want(t, s, "a", "two, longer")
}

func empty(t *testing.T, s lake.Store) {
	_, _, err := s.PutIfAbsent(t.Context(), "empty", nil)
	check(t, err)
	want(t, s, "empty", "")
	if _, _, err := s.PutIfAbsent(t.Context(), "empty", []byte("x")); !errors.Is(err, lake.ErrExists) {
		t.Errorf("put over an empty object: %v, want ErrExists", err)
	}
}

func putIfAbsent(t *testing.T, s lake.Store) {
	created, outcome, err := s.PutIfAbsent(t.Context(), "runs/a.json", []byte("mine"))
	if err != nil || outcome != lake.Created || created.SHA256 != lake.SHA256([]byte("mine")) {
		t.Fatalf("first: %v, outcome %d, sha256 %q", err, outcome, created.SHA256)
	}
	again, outcome, err := s.PutIfAbsent(t.Context(), "runs/a.json", []byte("mine"))
	if err != nil || outcome != lake.AlreadyMine || again.VersionID != created.VersionID || again.ETag != created.ETag {
		t.Errorf("again: %v, outcome %d, %+v; want AlreadyMine and %+v", err, outcome, again, created)
	}
	there, outcome, err := s.PutIfAbsent(t.Context(), "runs/a.json", []byte("another's"))
	if !errors.Is(err, lake.ErrExists) || outcome != 0 || there.ETag != created.ETag {
		t.Errorf("other bytes: %v, outcome %d, %+v; want ErrExists and the existing object", err, outcome, there)
	}
	want(t, s, "runs/a.json", "mine")
}

func race(t *testing.T, s lake.Store) {
	outcomes := together(16, func(i int) error {
		_, _, err := s.PutIfAbsent(t.Context(), "receipt", fmt.Appendf(nil, "writer %d", i))
		return err
	})
	oneWinner(t, s, "receipt", outcomes, lake.ErrExists)
}

func swapRace(t *testing.T, s lake.Store) {
	first, err := s.CompareAndSwap(t.Context(), "pointer", []byte("first"), "")
	check(t, err)
	outcomes := together(16, func(i int) error {
		_, err := s.CompareAndSwap(t.Context(), "pointer", fmt.Appendf(nil, "writer %d", i), first.ETag)
		return err
	})
	oneWinner(t, s, "pointer", outcomes, lake.ErrChanged)
}

// together runs n calls concurrently and returns their errors by index.
func together(n int, call func(i int) error) []error {
	var wg sync.WaitGroup
	out := make([]error, n)
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			out[i] = call(i)
		})
	}
	close(begin)
	wg.Wait()
	return out
}

func oneWinner(t *testing.T, s lake.Store, key string, outcomes []error, lost error) {
	t.Helper()
	var winners []int
	for i, err := range outcomes {
		switch {
		case err == nil:
			winners = append(winners, i)
		case !errors.Is(err, lost):
			t.Errorf("writer %d: %v", i, err)
		}
	}
	if len(winners) != 1 {
		t.Fatalf("winners: %v, want one", winners)
	}
	want(t, s, key, fmt.Sprintf("writer %d", winners[0]))
}

func compareAndSwap(t *testing.T, s lake.Store) {
	const key = "state/a/current.json"
	first, err := s.CompareAndSwap(t.Context(), key, []byte("one"), "")
	check(t, err)
	if _, err := s.CompareAndSwap(t.Context(), key, []byte("another one"), ""); !errors.Is(err, lake.ErrChanged) {
		t.Errorf("create over an existing object: %v, want ErrChanged", err)
	}
	_, read, err := s.Get(t.Context(), key)
	check(t, err)
	if read.ETag != first.ETag {
		t.Errorf("the swap returned ETag %s, the read %s", first.ETag, read.ETag)
	}
	second, err := s.CompareAndSwap(t.Context(), key, []byte("two"), read.ETag)
	check(t, err)
	if _, err := s.CompareAndSwap(t.Context(), key, []byte("three"), first.ETag); !errors.Is(err, lake.ErrChanged) {
		t.Errorf("swap of an old version: %v, want ErrChanged", err)
	}
	want(t, s, key, "two")
	check(t, s.Delete(t.Context(), key, second.VersionID))
	check(t, s.Delete(t.Context(), key, first.VersionID))
	if _, err := s.CompareAndSwap(t.Context(), key, []byte("three"), second.ETag); !errors.Is(err, lake.ErrChanged) {
		t.Errorf("swap of a deleted object: %v, want ErrChanged", err)
	}
	if _, _, err := s.Get(t.Context(), key); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("a failed swap left an object: %v", err)
	}
}

// large is longer than two parts of a multipart upload.
var large = bytes.Repeat([]byte("0123456789abcdef"), 17<<20/16+1)

func largeStream(t *testing.T, s lake.Store) {
	info, err := s.PutStream(t.Context(), "marts/a.parquet", bytes.NewReader(large))
	check(t, err)
	if info.Size != int64(len(large)) || info.SHA256 != lake.SHA256(large) {
		t.Errorf("info: %d bytes, sha256 %s", info.Size, info.SHA256)
	}
	if _, err := lake.Read(t.Context(), s, info.Object()); err != nil {
		t.Error(err)
	}
	again, err := s.PutStream(t.Context(), "marts/a.parquet", bytes.NewReader(large))
	if err != nil || again.SHA256 != info.SHA256 {
		t.Errorf("the same bytes again: %v, sha256 %s", err, again.SHA256)
	}
	other := bytes.Clone(large)
	other[len(other)-1] ^= 1
	if _, err := s.PutStream(t.Context(), "marts/a.parquet", bytes.NewReader(other)); !errors.Is(err, lake.ErrExists) {
		t.Errorf("other bytes: %v, want ErrExists", err)
	}
	if _, err := s.PutStream(t.Context(), "marts/a.parquet", strings.NewReader("short")); !errors.Is(err, lake.ErrExists) {
		t.Errorf("a short stream over the object: %v, want ErrExists", err)
	}
	if _, err := lake.Read(t.Context(), s, info.Object()); err != nil {
		t.Errorf("after the rejected writes: %v", err)
	}
}

func brokenStream(t *testing.T, s lake.Store) {
	cut := errors.New("the reader failed")
	_, err := s.PutStream(t.Context(), "marts/b.parquet", io.MultiReader(bytes.NewReader(large[:9<<20]), brokenReader{cut}))
	if !errors.Is(err, cut) {
		t.Errorf("error %v, want that of the reader", err)
	}
	if _, _, err := s.Get(t.Context(), "marts/b.parquet"); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("a partial object is visible: %v", err)
	}
}

type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }

func list(t *testing.T, s lake.Store) {
	for _, key := range []string{"a/2", "a/10", "a/1", "ab/1", "b/1", "a/sub/1"} {
		_, err := s.Put(t.Context(), key, []byte(key))
		check(t, err)
	}
	if got, want := keys(t, s, "a/"), []string{"a/1", "a/10", "a/2", "a/sub/1"}; !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	if got := keys(t, s, "nothing/"); len(got) != 0 {
		t.Errorf("listed %v under an unused prefix", got)
	}
	check(t, s.List(t.Context(), "a/10", func(i lake.Info) bool {
		if i.Size != 4 || i.Modified.IsZero() || i.ETag == "" {
			t.Errorf("listed %+v, want size, time and ETag set", i)
		}
		return true
	}))
}

func longList(t *testing.T, s lake.Store) {
	const n = 1050
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("landing/a/%05d.json", i))
	}
	for _, err := range together(8, func(w int) error {
		for i := w; i < n; i += 8 {
			if _, err := s.Put(t.Context(), want[i], []byte("{}")); err != nil {
				return err
			}
		}
		return nil
	}) {
		check(t, err)
	}
	if got := keys(t, s, "landing/"); !slices.Equal(got, want) {
		t.Errorf("listed %d keys of %d, or not in order", len(got), n)
	}
}

func shortList(t *testing.T, s lake.Store) {
	for _, key := range []string{"a", "b", "c"} {
		_, err := s.Put(t.Context(), key, nil)
		check(t, err)
	}
	seen := 0
	check(t, s.List(t.Context(), "", func(lake.Info) bool { seen++; return seen < 2 }))
	if seen != 2 {
		t.Errorf("yield was called %d times, want 2", seen)
	}
}

func deletes(t *testing.T, s lake.Store) {
	info, err := s.Put(t.Context(), "landing/a", []byte("a"))
	check(t, err)
	_, err = s.Put(t.Context(), "landing/ab", []byte("neighbour"))
	check(t, err)
	for range 2 {
		check(t, s.Delete(t.Context(), "landing/a", info.VersionID))
	}
	check(t, s.Delete(t.Context(), "landing/never", ""))
	if _, _, err := s.Get(t.Context(), "landing/a"); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("after the delete: %v", err)
	}
	want(t, s, "landing/ab", "neighbour")
	_, outcome, err := s.PutIfAbsent(t.Context(), "landing/a", []byte("new"))
	if err != nil || outcome != lake.Created {
		t.Errorf("create after a delete: %v, outcome %d", err, outcome)
	}
}

func cancelled(t *testing.T, s lake.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Put(ctx, "a", []byte("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v, want context.Canceled", err)
	}
	if _, _, err := s.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("get: %v, want context.Canceled", err)
	}
}

func keys(t *testing.T, s lake.Store, prefix string) []string {
	t.Helper()
	var out []string
	check(t, s.List(t.Context(), prefix, func(i lake.Info) bool { out = append(out, i.Key); return true }))
	return out
}

func want(t *testing.T, s lake.Store, key, body string) {
	t.Helper()
	b, _, err := s.Get(t.Context(), key)
	if err != nil || string(b) != body {
		t.Errorf("%s contains %.40q (%v), want %q", key, b, err, body)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
