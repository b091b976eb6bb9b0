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

// unpacker decompresses pages. Several goroutines may use it at once.
type unpacker struct {
	once    sync.Once
	decoder *zstd.Decoder
	err     error
	packed  sync.Pool // of *[]byte: buffers for compressed files
}

// unzstd decompresses a page in one call, so that the decoder needs no window besides the page.
func (u *unpacker) unzstd(r io.Reader, into []byte, size, largest int64) ([]byte, error) {
	u.once.Do(func() {
		u.decoder, u.err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(uint64(largest)))
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

// unpacked returns the decompressed size that a compressed file states; 0 if it states none. It is used only to decide
// how many pages are in memory at once; the actual size is known after reading.
func (f *pageFile) unpacked() int64 {
	file, err := os.Open(f.path)
	if err != nil {
		return 0 // read reports the error
	}
	defer file.Close() // opened for reading: Close cannot lose data
	if packing(f.path) == 1 {
		var header zstd.Header
		begin := make([]byte, min(f.size, zstd.HeaderMaxSize))
		if _, err := io.ReadFull(file, begin); err != nil || header.Decode(begin) != nil || !header.HasFCS {
			return 0
		}
		return int64(min(header.FrameContentSize, uint64(f.pages.largest)))
	}
	var end [4]byte // gzip: the size of the last member, modulo 2^32
	if _, err := file.ReadAt(end[:], f.size-int64(len(end))); err != nil {
		return 0
	}
	return min(int64(binary.LittleEndian.Uint32(end[:])), f.pages.largest)
}
