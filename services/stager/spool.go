package stager

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// The bounds of what an attempt holds of files not yet uploaded. What is beyond them lies on disk.
const (
	heldOfFile = 256 << 10
	heldOfAll  = 16 << 20
)

// spool keeps the bytes of an attempt's files until they are uploaded: a little in memory, the rest in one file for all
// of them, which has no name and so is gone when the process is, however it ends. It may be used by several goroutines.
type spool struct {
	folder string // where the file lies; empty: the system's folder for temporary files

	mu    sync.Mutex
	file  *os.File // nil until it is needed
	end   int64    // of what is used of the file
	held  int64    // bytes in memory, of all contents
	alive int      // contents not released
}

// extent is a piece of the spool's file.
type extent struct{ at, size int64 }

// content is what one file has received: its extents, then what is held in memory. It is for one goroutine at a time.
type content struct {
	spool   *spool
	extents []extent
	held    []byte
	size    int64
}

func (s *spool) create() *content {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive++
	return &content{spool: s}
}

// reserve takes n bytes of what may be held in memory.
func (s *spool) reserve(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held+int64(n) > heldOfAll {
		return false
	}
	s.held += int64(n)
	return true
}

func (c *content) Write(b []byte) (int, error) {
	if !c.hold(b) {
		held := c.held
		c.forget()
		for _, piece := range [][]byte{held, b} {
			if err := c.spill(piece); err != nil {
				return 0, err
			}
		}
	}
	c.size += int64(len(b))
	return len(b), nil
}

// hold keeps b in memory if it may.
func (c *content) hold(b []byte) bool {
	need := len(c.held) + len(b)
	if need > heldOfFile {
		return false
	}
	if more := min(max(need, 2*cap(c.held)), heldOfFile) - cap(c.held); need > cap(c.held) {
		if !c.spool.reserve(more) {
			return false
		}
		grown := make([]byte, len(c.held), cap(c.held)+more)
		copy(grown, c.held)
		c.held = grown
	}
	c.held = append(c.held, b...)
	return true
}

// forget gives back what is held in memory.
func (c *content) forget() {
	c.spool.mu.Lock()
	defer c.spool.mu.Unlock()
	c.spool.held -= int64(cap(c.held))
	c.held = nil
}

// spill appends b to the file.
func (c *content) spill(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	file, at, err := c.spool.take(int64(len(b)))
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(b, at); err != nil {
		return fmt.Errorf("spool an output: %w; LLAC_TEMP names a folder with more room", err)
	}
	if last := len(c.extents) - 1; last >= 0 && c.extents[last].at+c.extents[last].size == at {
		c.extents[last].size += int64(len(b))
	} else {
		c.extents = append(c.extents, extent{at, int64(len(b))})
	}
	return nil
}

// take finds room for n bytes in the file, which it makes when there is none.
func (s *spool) take(n int64) (*os.File, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		f, err := os.CreateTemp(s.folder, "llac-stager-")
		if err != nil {
			return nil, 0, fmt.Errorf("spool the outputs: %w; LLAC_TEMP names a folder that may be written to", err)
		}
		s.file = f
		_ = os.Remove(f.Name()) // where an open file has to keep its name, close removes it
	}
	at := s.end
	s.end += n
	return s.file, at, nil
}

// Reader reads the content from its beginning.
func (c *content) Reader() io.Reader {
	c.spool.mu.Lock()
	defer c.spool.mu.Unlock()
	return &contentReader{file: c.spool.file, extents: c.extents, held: c.held}
}

// contentReader reads extents one after another, then what was held.
type contentReader struct {
	file    *os.File
	extents []extent
	read    int64 // of the first extent
	held    []byte
}

func (r *contentReader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if len(r.extents) > 0 {
		e := r.extents[0]
		n, err := r.file.ReadAt(b[:min(int64(len(b)), e.size-r.read)], e.at+r.read)
		if r.read += int64(n); r.read == e.size {
			r.extents, r.read = r.extents[1:], 0
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // somebody has cut the file
		}
		return n, err
	}
	if len(r.held) == 0 {
		return 0, io.EOF
	}
	n := copy(b, r.held)
	r.held = r.held[n:]
	return n, nil
}

// release ends the content. When it is the last one the file begins anew: a second pass takes the first one's room.
func (c *content) release() {
	c.forget()
	c.extents = nil
	c.spool.mu.Lock()
	defer c.spool.mu.Unlock()
	c.spool.alive--
	if c.spool.alive == 0 {
		c.spool.end = 0
	}
}

// close ends the spool; nothing of it is left.
func (s *spool) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return
	}
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
	s.file = nil
}
