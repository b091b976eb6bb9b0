package folder_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/llac-project/llac/operations/folder"
)

func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, body := range files {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func zstded(t *testing.T, body []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(body, nil)
}

func gzipped(t *testing.T, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPageOrder(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	names := []string{ // in page order
		"00000.aaaa.json", "2.json", "10.json", "99999999999999999999.json", "100000000000000000000.json", "a.json",
		"page-1.json", "page-02.json", "page-2.json",
		"page-10.json.zst", "page-11.json.gz", "page-x.json",
	}
	for _, name := range names {
		write(t, dir, map[string][]byte{name: nil})
	}
	write(t, dir, map[string][]byte{"_manifest.try.json": nil, ".hidden.json": nil, "b.jsonl": nil, ".json": nil, "c.zst": nil})
	write(t, elsewhere, map[string][]byte{"x": nil})
	if err := os.Mkdir(filepath.Join(dir, "folder.json"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "x"), filepath.Join(dir, "z.json")); err != nil {
		t.Fatal(err)
	}
	p, err := folder.Open(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, page := range p.Pages {
		got = append(got, page.Key)
	}
	if want := append(names, "z.json"); !slices.Equal(got, want) {
		t.Errorf("page order\n%s\nwant\n%s", strings.Join(got, " "), strings.Join(want, " "))
	}
}

func TestUnreadableFolders(t *testing.T) {
	t.Parallel()
	empty, twice := t.TempDir(), t.TempDir()
	write(t, twice, map[string][]byte{"p.json": nil, "p.json.zst": nil})
	for dir, want := range map[string]error{empty: folder.ErrNoPages, twice: folder.ErrTwice,
		filepath.Join(empty, "none"): os.ErrNotExist} {
		if _, err := folder.Open(dir, 1<<20); !errors.Is(err, want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("Open = %v, want %v for %s", err, want, dir)
		}
	}
}

// TestReadIntoBuffer reads pages of every compression into the buffer if they fit, and into a new one if not.
func TestReadIntoBuffer(t *testing.T) {
	t.Parallel()
	dir, body := t.TempDir(), bytes.Repeat([]byte(`{"a":"b"},`), 20_000)
	write(t, dir, map[string][]byte{"1.json": body, "2.json.zst": zstded(t, body), "3.json.gz": gzipped(t, body)})
	p, err := folder.Open(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range p.Pages {
		for _, room := range []int{0, 1, len(body) - 1, len(body), len(body) + 1, 2 * len(body)} {
			into := make([]byte, min(room, 3), room)
			got, err := page.Read(context.Background(), into)
			if err != nil || !bytes.Equal(got, body) {
				t.Fatalf("%s into %d bytes: %d bytes, %v", page.Key, room, len(got), err)
			}
			if in := room > 0 && &got[0] == &into[:1][0]; in != (room >= len(body)) {
				t.Errorf("%s into %d bytes: in the buffer %v", page.Key, room, in)
			}
		}
	}
	if got := p.Bytes(); got != 3*int64(len(body)) {
		t.Errorf("Bytes = %d", got)
	}
	if p.Pages[0].Size != int64(len(body)) || p.Pages[1].Size != int64(len(body)) || p.Pages[2].Size != int64(len(body)) ||
		p.Pages[0].Rows != -1 {
		t.Errorf("pages: %+v", p.Pages)
	}
}

// TestUnreadablePages reads pages that are too large, truncated or deleted. The error names the file.
func TestUnreadablePages(t *testing.T) {
	t.Parallel()
	dir, body := t.TempDir(), make([]byte, 100_000)
	write(t, dir, map[string][]byte{
		"1.json": body, "2.json.zst": zstded(t, body), "3.json.gz": gzipped(t, body),
		"4.json.zst": zstded(t, []byte("[]"))[:6], "5.json.gz": gzipped(t, []byte("[]"))[:12], "6.json.zst": []byte("[]"),
		"7.json.gz": []byte("[]"), "8.json": nil,
	})
	p, err := folder.Open(dir, 99_999)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "8.json")); err != nil {
		t.Fatal(err)
	}
	for i, page := range p.Pages {
		_, err := page.Read(context.Background(), nil)
		var large *folder.TooLargeError
		if err == nil || errors.As(err, &large) != (i < 3) || !strings.Contains(err.Error(), page.Key) {
			t.Errorf("%s: %v", page.Key, err)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Pages[0].Read(ended, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Read after the end of the context: %v", err)
	}
}
