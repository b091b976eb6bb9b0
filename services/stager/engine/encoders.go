package engine

import (
	"context"
	"errors"
	"sync"
)

// encoders is a pool of goroutines that encode the row groups of a job, one goroutine per worker, and commit its files.
// Invariant: a file is either committed after its last row group or aborted, never both.
type encoders struct {
	ctx   context.Context
	sink  Sink
	files []*parquetFile
	tasks chan func(*encoder)
	idle  sync.WaitGroup // waits for the encoder goroutines
	ends  sync.WaitGroup // waits for the commits
	slots chan struct{}  // limits concurrent commits

	mu       sync.Mutex
	released *sync.Cond // signals that held has decreased or an error occurred
	held     int        // bytes of the submitted row groups
	err      error
}

// heldBytes bounds the row groups that wait for an encoder or are being encoded.
const heldBytes = 24 << 20

// errAborted stops the encoders without another cause.
var errAborted = errors.New("staging was aborted")

// commitsAtOnce bounds the number of concurrent uploads.
const commitsAtOnce = 8

func newEncoders(ctx context.Context, sink Sink, n, level int) (*encoders, error) {
	s := &encoders{ctx: ctx, sink: sink, tasks: make(chan func(*encoder), n), slots: make(chan struct{}, commitsAtOnce)}
	s.released = sync.NewCond(&s.mu)
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

// outputFile is a file whose row groups are submitted one after another.
type outputFile struct {
	file   *parquetFile // nil before the first row group
	groups int          // row groups submitted
}

// submit has an encoder write the next row group of a file, of the given rows and bytes. The first row group creates
// the file. submit blocks while too many bytes are held.
func (s *encoders) submit(f *outputFile, of *format, o Output, rows, bytes int, encode func(*encoder) error) error {
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

// hold blocks until the given bytes fit within heldBytes. A row group larger than heldBytes is held alone.
func (s *encoders) hold(bytes int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for bytes > 0 && s.held > 0 && s.held+bytes > heldBytes && s.err == nil {
		s.released.Wait()
	}
	s.held += bytes
	s.released.Broadcast()
	return s.err
}

// finish writes the footer of a file after its last row group and commits the file.
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

// wait stops all encoders and returns the first error.
func (s *encoders) wait() error {
	if s.tasks != nil {
		close(s.tasks)
		s.tasks = nil
	}
	s.idle.Wait()
	s.ends.Wait()
	return s.failed()
}

// abort stops all encoders and aborts the files that are not committed.
func (s *encoders) abort() {
	s.fail(errAborted) // tasks still in the queue are then skipped
	_ = s.wait()       // the caller already has an error
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
	s.released.Broadcast()
}

func (s *encoders) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
