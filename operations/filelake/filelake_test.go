package filelake_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/filelake"
	"github.com/llac-project/llac/platform/lake"
)

func bucket(t *testing.T, keys ...string) *filelake.Bucket {
	t.Helper()
	dir := t.TempDir()
	b := filelake.Open(dir, "data")
	for _, key := range keys {
		if err := os.MkdirAll(filepath.Dir(b.Path(key)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.Path(key), []byte(key), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestGet(t *testing.T) {
	t.Parallel()
	b := bucket(t, "state/x/current.json")
	body, info, err := b.Get(context.Background(), "state/x/current.json")
	if err != nil || string(body) != "state/x/current.json" || info.SHA256 != lake.SHA256(body) || info.Size != int64(len(body)) {
		t.Errorf("Get = %q, %+v, %v", body, info, err)
	}
	for _, key := range []string{"state/x/other.json", "state/x", "../data/state/x/current.json", "", "."} {
		if _, _, err := b.Get(context.Background(), key); !errors.Is(err, lake.ErrNotFound) {
			t.Errorf("Get(%q) = %v, want ErrNotFound", key, err)
		}
	}
}

func TestListIsInKeyOrder(t *testing.T) {
	t.Parallel()
	keys := []string{"runs/a-b/1.json", "runs/a/2/x.json", "runs/a/2-y/x.json", "runs/a/20/x.json", "state/a.json"}
	b := bucket(t, keys...)
	for prefix, want := range map[string][]string{
		"":           keys,
		"runs/":      keys[:4],
		"runs/a/2":   keys[1:4],
		"runs/a/2/":  keys[1:2],
		"runs/none/": nil,
		"nothing":    nil,
	} {
		want = slices.Sorted(slices.Values(want))
		var got []string
		if err := b.List(context.Background(), prefix, func(i lake.Info) bool { got = append(got, i.Key); return true }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("List(%q) = %s, want %s", prefix, strings.Join(got, " "), strings.Join(want, " "))
		}
	}
	n := 0
	if err := b.List(context.Background(), "", func(lake.Info) bool { n++; return n < 2 }); err != nil || n != 2 {
		t.Errorf("List after yield returned false: %d objects, %v; want 2", n, err)
	}
}

func TestMissingBucketIsEmpty(t *testing.T) {
	t.Parallel()
	b := filelake.Open(filepath.Join(t.TempDir(), "nowhere"), "data")
	if err := b.List(context.Background(), "", func(lake.Info) bool { t.Error("List returned an object"); return true }); err != nil {
		t.Error(err)
	}
}

func TestNothingIsWritten(t *testing.T) {
	t.Parallel()
	b, ctx := bucket(t, "a"), context.Background()
	_, put := b.Put(ctx, "a", nil)
	_, _, absent := b.PutIfAbsent(ctx, "b", nil)
	_, stream := b.PutStream(ctx, "b", strings.NewReader(""))
	_, swap := b.CompareAndSwap(ctx, "a", nil, "")
	for i, err := range []error{put, absent, stream, swap, b.Delete(ctx, "a", "")} {
		if !errors.Is(err, filelake.ErrReadOnly) {
			t.Errorf("write %d = %v, want ErrReadOnly", i, err)
		}
	}
}
