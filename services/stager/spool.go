package stager

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Maximum memory for files that are not uploaded yet. Bytes beyond these limits are written to disk.
const (
	heldOfFile = 256 << 10 // per file
	heldOfAll  = 16 << 20  // of all files of an attempt
)

// spool keeps the bytes of an attempt's files until they are uploaded: a few in memory, the others in one file on disk. That
// file has no name, so it disappears when the process ends in any way. Several goroutines may use a spool.
type spool struct {
	folder string // folder of the file; empty: the system's folder for temporary files

	mu    sync.Mutex
	file  *os.File // nil until needed
	end   int64    // end of the used part of the file
	held  int64    // bytes in memory of all contents
	alive int      // number of contents that are not released
}

// extent is a range of the spool's file.
type extent struct{ at, size int64 }

// content is the content of one file: its extents, followed by the bytes in memory. Only one goroutine at a time may use it.
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

// reserve reserves n bytes of memory; false if the limit would be exceeded.
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

// hold keeps b in memory; false if a limit would be exceeded.
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

// forget releases the bytes in memory.
func (c *content) forget() {
	c.spool.mu.Lock()
	defer c.spool.mu.Unlock()
	c.spool.held -= int64(cap(c.held))
	c.held = nil
}

// spill writes b to the file.
func (c *content) spill(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	file, at, err := c.spool.take(int64(len(b)))
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(b, at); err != nil {
		return fmt.Errorf("spool an output: %w; set LLAC_TEMP to a folder with more space", err)
	}
	if last := len(c.extents) - 1; last >= 0 && c.extents[last].at+c.extents[last].size == at {
		c.extents[last].size += int64(len(b))
	} else {
		c.extents = append(c.extents, extent{at, int64(len(b))})
	}
	return nil
}

// take reserves n bytes of the file. It creates the file if needed.
func (s *spool) take(n int64) (*os.File, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		f, err := os.CreateTemp(s.folder, "llac-stager-")
		if err != nil {
			return nil, 0, fmt.Errorf("spool the outputs: %w; set LLAC_TEMP to a writable folder", err)
		}
		s.file = f
		_ = os.Remove(f.Name()) // on systems that cannot remove an open file, close removes it
	}
	at := s.end
	s.end += n
	return s.file, at, nil
}

// Reader returns a reader of the content from its beginning.
func (c *content) Reader() io.Reader {
	c.spool.mu.Lock()
	defer c.spool.mu.Unlock()
	return &contentReader{file: c.spool.file, extents: c.extents, held: c.held}
}

// contentReader reads the extents one after another, then the bytes in memory.
type contentReader struct {
	file    *os.File
	extents []extent
	read    int64 // bytes read of the first extent
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
			err = io.ErrUnexpectedEOF // the file was truncated
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

// release discards the content. After the last release the file is used again from its start, for a second pass.
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

// close closes the spool and deletes its file.
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
