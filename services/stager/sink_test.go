package stager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/platform/contract"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
	"github.com/llac-project/llac/services/stager/engine"
)

func outputOf(partition int) engine.Output {
	return engine.Output{Partition: []lake.PartitionValue{{Column: "district_id", Value: fmt.Sprintf("%04d", partition)}}}
}

// noise returns random bytes, which do not compress.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func testSink(t *testing.T, store lake.Store) *sink {
	t.Helper()
	s := newSink(store, dataset, run, "try1", t.TempDir())
	t.Cleanup(s.close)
	return s
}

func create(t *testing.T, s *sink, o engine.Output) engine.File {
	t.Helper()
	f, err := s.Create(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func wantEmpty(t *testing.T, folder string) {
	t.Helper()
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 0 {
		t.Errorf("%s contains %d files, %v", folder, len(left), err)
	}
}

// streams counts the streamed uploads and records the largest upload in one request.
type streams struct {
	*laketest.Memory
	mu      sync.Mutex
	streams int
	largest int
}

func (s *streams) PutStream(ctx context.Context, key string, body io.Reader, o ...lake.PutOption) (lake.Info, error) {
	s.mu.Lock()
	s.streams++
	s.mu.Unlock()
	return s.Memory.PutStream(ctx, key, body, o...)
}

func (s *streams) PutIfAbsent(ctx context.Context, key string, body []byte, o ...lake.PutOption) (lake.Info, lake.Outcome, error) {
	s.mu.Lock()
	s.largest = max(s.largest, len(body))
	s.mu.Unlock()
	return s.Memory.PutIfAbsent(ctx, key, body, o...)
}

// TestLargeFilesGoThroughTheSpool checks that the memory is bounded and that the uploaded bytes are the written bytes.
func TestLargeFilesGoThroughTheSpool(t *testing.T) {
	t.Parallel()
	store := &streams{Memory: laketest.NewMemory()}
	s := testSink(t, store)
	large, small := noise(1, oneRequest+heldOfFile+12345), noise(2, oneRequest)
	big, one := create(t, s, outputOf(1)), create(t, s, outputOf(2))
	for at := 0; at < len(large); at += 100_000 { // write to both in turn, so that their extents alternate
		for _, w := range []struct {
			f    engine.File
			body []byte
		}{{big, large}, {one, small}} {
			piece := w.body[min(at, len(w.body)):min(at+100_000, len(w.body))]
			if n, err := w.f.Write(piece); n != len(piece) || err != nil {
				t.Fatalf("wrote %d of %d bytes: %v", n, len(piece), err)
			}
		}
		if s.spool.held > 2*heldOfFile {
			t.Fatalf("%d bytes of two files are held in memory", s.spool.held)
		}
	}
	wantEmpty(t, s.spool.folder) // the spool's file has no name
	for _, f := range []engine.File{big, one} {
		if err := f.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if store.streams != 1 || store.largest != len(small) {
		t.Errorf("%d streams, %d bytes in the largest request", store.streams, store.largest)
	}
	for i, want := range [][]byte{large, small} {
		o, err := s.object(outputOf(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		got, err := lake.Read(t.Context(), store, o)
		if err != nil || !bytes.Equal(got, want) || o.VersionID == "" {
			t.Errorf("file %d: %d bytes, %v, want %d", i+1, len(got), err, len(want))
		}
	}
	if s.spool.held != 0 || s.spool.alive != 0 || s.spool.end != 0 {
		t.Errorf("the spool still holds %d bytes of %d files, %d on disk", s.spool.held, s.spool.alive, s.spool.end)
	}
}

// TestManyFilesAtOnce checks that the memory of all files is bounded while several goroutines write and commit them.
func TestManyFilesAtOnce(t *testing.T) {
	t.Parallel()
	store := laketest.NewMemory()
	s := testSink(t, store)
	const n = 300
	body := func(i int) []byte { return noise(uint64(i), 1+i*700) } // some in memory, some on disk, most on both
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			var open []engine.File
			for i := worker; i < n; i += 8 {
				f, err := s.Create(context.Background(), outputOf(i))
				if err != nil {
					t.Error(err)
					return
				}
				for b := body(i); len(b) > 0; {
					piece := b[:min(len(b), 1+i*37)]
					if _, err := f.Write(piece); err != nil {
						t.Error(err)
					}
					b = b[len(piece):]
				}
				s.spool.mu.Lock()
				if s.spool.held > heldOfAll {
					t.Errorf("%d bytes are held in memory", s.spool.held)
				}
				s.spool.mu.Unlock()
				open = append(open, f)
			}
			for _, f := range open {
				if err := f.Commit(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for i := range n {
		o, err := s.object(outputOf(i))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := lake.Read(t.Context(), store, o); err != nil || !bytes.Equal(got, body(i)) {
			t.Fatalf("file %d: %d bytes, %v", i, len(got), err)
		}
	}
	if s.spool.held != 0 || s.spool.alive != 0 {
		t.Errorf("the spool still holds %d bytes of %d files", s.spool.held, s.spool.alive)
	}
}

// TestSecondPass checks that an engine may abort all files and write the same ones again.
func TestSecondPass(t *testing.T) {
	t.Parallel()
	store := laketest.NewMemory()
	s := testSink(t, store)
	for pass := range uint64(3) {
		files := []engine.File{create(t, s, outputOf(1)), create(t, s, outputOf(2)), create(t, s, engine.Output{Quarantine: true})}
		for i, f := range files {
			if _, err := f.Write(noise(10*pass+uint64(i), 2*heldOfFile)); err != nil {
				t.Fatal(err)
			}
		}
		if want := int64(3 * 2 * heldOfFile); s.spool.end != want {
			t.Errorf("pass %d has %d bytes on disk, want %d", pass, s.spool.end, want)
		}
		for _, f := range files {
			if pass < 2 {
				f.Abort()
			} else if err := f.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(store.Keys()) != 3 {
		t.Errorf("objects: %v", store.Keys())
	}
	o, err := s.object(outputOf(2))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := lake.Read(t.Context(), store, o); err != nil || !bytes.Equal(got, noise(21, 2*heldOfFile)) {
		t.Errorf("the last pass's file: %v", err)
	}
}

// TestSpoolThatIsCorrupt checks that a file is not committed if the disk returns other bytes than were written.
func TestSpoolThatIsCorrupt(t *testing.T) {
	t.Parallel()
	for _, size := range []int{2 * heldOfFile, oneRequest + 1} {
		s := testSink(t, laketest.NewMemory())
		f := create(t, s, outputOf(1))
		if _, err := f.Write(noise(1, size)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.spool.file.WriteAt([]byte("flipped"), 1000); err != nil {
			t.Fatal(err)
		}
		if err := f.Commit(t.Context()); err == nil || !strings.Contains(err.Error(), "sha256") {
			t.Errorf("%d bytes: %v, want an error", size, err)
		}
		if _, err := s.object(outputOf(1)); err == nil {
			t.Errorf("%d bytes: listed", size)
		}
		f = create(t, s, outputOf(2))
		if _, err := f.Write(noise(1, size)); err != nil {
			t.Fatal(err)
		}
		if err := s.spool.file.Truncate(10); err != nil {
			t.Fatal(err)
		}
		if err := f.Commit(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes cut short: %v", size, err)
		}
	}
}

func TestNoRoomForTheSpool(t *testing.T) {
	t.Parallel()
	s := newSink(laketest.NewMemory(), dataset, run, "try1", t.TempDir()+"/none")
	defer s.close()
	f := create(t, s, outputOf(1))
	if _, err := f.Write(make([]byte, heldOfFile)); err != nil {
		t.Errorf("a file that fits into memory: %v", err)
	}
	if _, err := f.Write([]byte{1}); err == nil || !strings.Contains(err.Error(), "LLAC_TEMP") {
		t.Errorf("got %v, want an error that names LLAC_TEMP", err)
	}
	f.Abort()
}

// TestNothingIsLeftOnDisk checks that the folder is empty after a run that used the spool, and after a failed run.
func TestNothingIsLeftOnDisk(t *testing.T) {
	t.Parallel()
	var page strings.Builder
	page.WriteString("[")
	for i := range 2000 {
		if i > 0 {
			page.WriteString(",")
		}
		fmt.Fprintf(&page, `{"registre":"S%05d","capacitat":"1","notes":"%x"}`, i, noise(uint64(i), 500))
	}
	page.WriteString("]")
	for name, refuse := range map[string]bool{"staged": false, "failed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLanding(t, page.String())
			l.contract.Fields = append(l.contract.Fields, contract.Field{Name: "notes", Source: "notes", Type: contract.Text, Staged: true})
			spooled := false
			l.stage = func(ctx context.Context, in engine.Input, out engine.Sink, o engine.Options) (engine.Result, error) {
				r, err := engine.Stage(ctx, in, out, o)
				spooled = out.(*sink).spool.file != nil
				return r, err
			}
			before := l.lake.Before
			l.lake.Before = func(op, key string) error {
				if refuse && op == "put" && strings.HasPrefix(key, "staging/") {
					return io.ErrUnexpectedEOF
				}
				return before(op, key)
			}
			folder := t.TempDir()
			ports := l.ports()
			ports.Temporary = folder
			out, err := l.handler(ports)(t.Context(), events.New(l.event))
			if refuse != (err != nil) || refuse == (len(out) == 1) || !spooled {
				t.Fatalf("%d events, %v, spooled: %v", len(out), err, spooled)
			}
			wantEmpty(t, folder)
		})
	}
}
