package engine

import (
	"context"
	"errors"
	"sync"
)

// encoders write the row groups of a job, as many at once as there are workers, and commit its files. Invariant: a file is
// committed after its last row group or aborted, and never both.
type encoders struct {
	ctx   context.Context
	sink  Sink
	files []*parquetFile
	tasks chan func(*encoder)
	idle  sync.WaitGroup // encoders
	ends  sync.WaitGroup // commits
	slots chan struct{}  // of commits

	mu    sync.Mutex
	eased *sync.Cond // less is held
	held  int        // bytes of the row groups handed over
	err   error
}

// heldBytes bounds the row groups that wait for an encoder or are with one.
const heldBytes = 24 << 20

// errAborted is what encoders find that are told to stop.
var errAborted = errors.New("staging was given up")

// commitsAtOnce bounds how many files are uploaded at a time.
const commitsAtOnce = 8

func newEncoders(ctx context.Context, sink Sink, n, level int) (*encoders, error) {
	s := &encoders{ctx: ctx, sink: sink, tasks: make(chan func(*encoder), n), slots: make(chan struct{}, commitsAtOnce)}
	s.eased = sync.NewCond(&s.mu)
	tasks := s.tasks
	for range n {
		e, err := newEncoder(level)
		if err != nil {
			s.abort()
			return nil, err
		}
		s.idle.Go(func() {
			for task := range tasks {
				task(e)
			}
		})
	}
	return s, nil
}

// outputFile is a file whose row groups are handed over one after another.
type outputFile struct {
	file   *parquetFile // nil before the first row group
	groups int          // handed over
}

// do has an encoder write the next row group of a file, of so many rows and bytes; the first one begins the file. It
// waits while too much is held.
func (s *encoders) do(f *outputFile, of *form, o Output, rows, bytes int, encode func(*encoder) error) error {
	if f.file == nil {
		file, err := newParquetFile(s.ctx, of, s.sink, o)
		if err != nil {
			return err
		}
		f.file = file
		s.files = append(s.files, file)
	}
	file, number := f.file, f.groups
	f.groups++
	if err := s.hold(bytes); err != nil {
		return err
	}
	s.tasks <- func(e *encoder) {
		defer s.hold(-bytes)
		err := s.failed()
		if err == nil {
			err = guarded(func() error {
				if err := encode(e); err != nil {
					return err
				}
				return file.append(e, number, rows)
			})
		}
		if err != nil {
			s.fail(err)
			file.fail(err)
		}
	}
	return nil
}

// hold waits until so many bytes more may be held; what is larger than may be held at all is held alone.
func (s *encoders) hold(bytes int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for bytes > 0 && s.held > 0 && s.held+bytes > heldBytes && s.err == nil {
		s.eased.Wait()
	}
	s.held += bytes
	s.eased.Broadcast()
	return s.err
}

// finish writes the footer of a file after its last row group and commits it.
func (s *encoders) finish(of *outputFile, about []metadatum) {
	f := of.file
	s.ends.Go(func() {
		err := f.await(of.groups)
		if err == nil {
			s.slots <- struct{}{}
			defer func() { <-s.slots }()
			err = errors.Join(s.failed(), s.ctx.Err())
		}
		if err == nil {
			err = guarded(func() error { return f.commit(s.ctx, about) })
		}
		if err != nil {
			s.fail(err)
		}
	})
}

// wait ends all encoders and answers what went wrong.
func (s *encoders) wait() error {
	if s.tasks != nil {
		close(s.tasks)
		s.tasks = nil
	}
	s.idle.Wait()
	s.ends.Wait()
	return s.failed()
}

// abort ends all encoders and gives up what has not been committed.
func (s *encoders) abort() {
	s.fail(errAborted) // what waits is not encoded any more
	_ = s.wait()       // whoever aborts knows why
	for _, f := range s.files {
		f.abort()
	}
}

func (s *encoders) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.eased.Broadcast()
}

func (s *encoders) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
