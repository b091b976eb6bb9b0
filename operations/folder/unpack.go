package folder

import (
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// unpacker unpacks pages. It may be used by several goroutines at once.
type unpacker struct {
	once    sync.Once
	decoder *zstd.Decoder
	err     error
	packed  sync.Pool // of *[]byte: the bytes of packed files
}

// unzstd unpacks a page whole, so that it takes no window beside the page.
func (u *unpacker) unzstd(r io.Reader, into []byte, size, largest int64) ([]byte, error) {
	u.once.Do(func() {
		u.decoder, u.err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(largest)))
	})
	if u.err != nil {
		return nil, u.err
	}
	buffer, _ := u.packed.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	defer u.packed.Put(buffer)
	packed, err := fill(r, *buffer, size, largest)
	if err != nil {
		return nil, err
	}
	*buffer = packed
	page, err := u.decoder.DecodeAll(packed, into[:0])
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		err = &TooLargeError{Largest: largest}
	}
	return page, err
}

func (u *unpacker) gunzip(r io.Reader, into []byte, largest int64) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return fill(z, into, 0, largest)
}

// unpacked is what a packed file says that it holds, in bytes; 0: it does not say. Nobody relies on it for more than how
// many pages are in memory at once: reading tells how large the page is.
func (f *pageFile) unpacked() int64 {
	file, err := os.Open(f.path)
	if err != nil {
		return 0 // reading it will say so
	}
	defer file.Close() // only read from
	if packing(f.path) == 1 {
		var header zstd.Header
		begin := make([]byte, min(f.size, zstd.HeaderMaxSize))
		if _, err := io.ReadFull(file, begin); err != nil || header.Decode(begin) != nil || !header.HasFCS {
			return 0
		}
		return int64(min(header.FrameContentSize, uint64(f.pages.largest)))
	}
	var end [4]byte // of a gzip file: the size of its last member, modulo 2^32
	if _, err := file.ReadAt(end[:], f.size-int64(len(end))); err != nil {
		return 0
	}
	return min(int64(binary.LittleEndian.Uint32(end[:])), f.pages.largest)
}
