package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

// strictSink counts what happens to every file and fails the calls that refuse selects.
type strictSink struct {
	mu                          sync.Mutex
	created, committed, aborted int
	refuse                      func(call string, n int) error // call is "create", "write" or "commit"; n counts its calls from 0
	calls                       map[string]int
}

func (s *strictSink) call(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.calls[name]
	s.calls[name]++
	return s.refuse(name, n)
}

func (s *strictSink) Create(context.Context, Output) (File, error) {
	if err := s.call("create"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created++
	return &strictFile{sink: s}, nil
}

type strictFile struct {
	sink  *strictSink
	ended bool
}

func (f *strictFile) Write(b []byte) (int, error) {
	if f.ended {
		panic("written after its end")
	}
	if err := f.sink.call("write"); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (f *strictFile) end(counter *int) {
	f.sink.mu.Lock()
	defer f.sink.mu.Unlock()
	if f.ended {
		panic("ended twice")
	}
	f.ended = true
	*counter++
}

func (f *strictFile) Commit(context.Context) error {
	f.end(&f.sink.committed)
	return f.sink.call("commit")
}

func (f *strictFile) Abort() { f.end(&f.sink.aborted) }

// TestEveryFileEndsOnce checks that Stage returns the sink's error, whichever call fails, and that every file is
// committed or aborted once.
func TestEveryFileEndsOnce(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left")
	pages := registerPages(8, 4, 100, 300)
	for _, call := range []string{"create", "write", "commit"} {
		for _, n := range []int{0, 1, 5, 11} {
			for _, workers := range []int{1, 3} {
				sink := &strictSink{calls: map[string]int{}, refuse: func(c string, i int) error {
					if c == call && i == n {
						return full
					}
					return nil
				}}
				_, err := Stage(t.Context(), plainRun(t, everyType, pages...), sink, Options{Workers: workers})
				if !errors.Is(err, full) {
					t.Errorf("%s %d, %d workers: got %v, want %v", call, n, workers, err, full)
				}
				if sink.created != sink.committed+sink.aborted {
					t.Errorf("%s %d, %d workers: %d files created, %d committed, %d aborted", call, n, workers, sink.created,
						sink.committed, sink.aborted)
				}
			}
		}
	}
}

// TestReadingFails checks that an error of reading any page ends the run with that error and without a file.
func TestReadingFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	for _, n := range []int{0, 4, 9} {
		in := plainRun(t, everyType, registerPages(9, 10, 30, 100)...)
		in.Pages[n].Read = func(context.Context, []byte) ([]byte, error) { return nil, broken }
		out := newMemorySink()
		if _, err := Stage(t.Context(), in, out, Options{Workers: 3}); !errors.Is(err, broken) || len(out.files) > 0 {
			t.Errorf("page %d: got %v and %v, want %v and no file", n, err, out.names(), broken)
		}
	}
}

// TestCancelled checks that a cancelled run returns the context's error and commits nothing.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	in := plainRun(t, everyType, registerPages(10, 10, 30, 100)...)
	read := in.Pages[4].Read
	in.Pages[4].Read = func(ctx context.Context, into []byte) ([]byte, error) { cancel(); return read(ctx, into) }
	out := newMemorySink()
	if _, err := Stage(ctx, in, out, Options{Workers: 3}); !errors.Is(err, context.Canceled) || len(out.files) > 0 {
		t.Errorf("got %v and %v, want %v and no file", err, out.names(), context.Canceled)
	}
}

// TestProgress checks that progress is reported after each page, never concurrently, and ends with all pages.
func TestProgress(t *testing.T) {
	t.Parallel()
	in := plainRun(t, everyType, registerPages(11, 10, 30, 100)...)
	var reports []Progress // without a lock: the race detector finds concurrent calls
	r, err := Stage(t.Context(), in, newMemorySink(), Options{Workers: 3, Progress: func(p Progress) { reports = append(reports, p) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) < 10 {
		t.Fatalf("progress was reported %d times, want 10 at least", len(reports))
	}
	last := reports[len(reports)-1]
	if last.Pages != 10 || last.Of != 10 || slices.ContainsFunc(reports, func(p Progress) bool { return p.Of != 10 || p.Pages > 10 }) {
		t.Errorf("got %+v, want 10 pages of 10", reports)
	}
	if most := slices.MaxFunc(reports, func(a, b Progress) int { return int(a.Rows - b.Rows) }); most.Rows != r.RowsIn {
		t.Errorf("at most %d rows were reported, want %d", most.Rows, r.RowsIn)
	}
}
