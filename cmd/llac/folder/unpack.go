package folder

import (
	"compress/gzip"
	"errors"
	"io"
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
