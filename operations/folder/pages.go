package folder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/llac-project/llac/services/stager/engine"
)

// Pages contains the pages of a folder, in page order.
type Pages struct {
	Pages   []engine.Page
	files   []*pageFile
	largest int64
	packed  unpacker
}

// Errors of Open and of reading a page.
var (
	ErrNoPages = errors.New("no pages")
	ErrTwice   = errors.New("the same page twice")
	ErrPacking = errors.New("cannot decompress the page")
)

// Suffixes are the suffixes of the names of page files. The part after .json names the compression.
var Suffixes = []string{".json", ".json.zst", ".json.gz"}

// Open finds the pages of a folder: the files directly in it that have one of the Suffixes. They are ordered by name, with
// numbers compared by value: page-2 before page-10. Names that begin with '.' or '_' are not pages, as in the lake, where
// _manifest.json is in the same folder. A page may have at most largest bytes, decompressed.
func Open(dir string, largest int64) (*Pages, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err // the error names the folder
	}
	p := &Pages{largest: largest}
	for _, e := range entries {
		name := e.Name()
		if name[0] == '.' || name[0] == '_' || packing(name) < 0 {
			continue
		}
		f := &pageFile{pages: p, path: filepath.Join(dir, name)}
		info, err := os.Stat(f.path) // Stat follows a link
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			continue
		}
		f.size = info.Size()
		p.files = append(p.files, f)
	}
	if len(p.files) == 0 {
		return nil, fmt.Errorf("read %s: %w", dir, ErrNoPages)
	}
	slices.SortFunc(p.files, func(a, b *pageFile) int { return natural(filepath.Base(a.path), filepath.Base(b.path)) })
	packed := map[string]string{}
	for _, f := range p.files {
		name := filepath.Base(f.path)
		page := strings.TrimSuffix(name, Suffixes[packing(name)])
		if other, ok := packed[page]; ok {
			return nil, fmt.Errorf("read %s: %w: %s and %s", dir, ErrTwice, other, name)
		}
		packed[page] = name
		one := engine.Page{Key: name, Rows: -1, Size: f.size, Read: f.read}
		if packing(name) != 0 {
			one.Size = f.unpacked()
		}
		p.Pages = append(p.Pages, one)
	}
	return p, nil
}

// Bytes returns the size of the pages read so far, in decompressed bytes.
func (p *Pages) Bytes() int64 {
	var n int64
	for _, f := range p.files {
		n += f.held.Load()
	}
	return n
}

// packing returns the index in Suffixes of the name's suffix; -1 if it has none.
func packing(name string) int {
	for i, s := range Suffixes {
		if strings.HasSuffix(name, s) && len(name) > len(s) {
			return i
		}
	}
	return -1
}

// pageFile is the file of one page.
type pageFile struct {
	pages *Pages
	path  string
	size  int64
	held  atomic.Int64 // bytes of the page; 0 before it is read
}

// read implements engine.Page's Read.
func (f *pageFile) read(ctx context.Context, into []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer file.Close() // opened for reading: Close cannot lose data
	var page []byte
	packed := packing(f.path)
	switch largest := f.pages.largest; packed {
	case 1:
		page, err = f.pages.packed.unzstd(file, into, f.size, largest)
	case 2:
		page, err = f.pages.packed.gunzip(file, into, largest)
	default:
		page, err = fill(file, into, f.size, largest)
	}
	var large *TooLargeError
	switch {
	case err != nil && packed != 0 && !errors.As(err, &large):
		return nil, fmt.Errorf("read %s: %w: %w", f.path, ErrPacking, err)
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", f.path, err)
	}
	f.held.Store(int64(len(page)))
	return page, nil
}

// fill reads r to its end into the buffer, or into a larger one if the buffer is too small. expect is the expected length;
// 0: unknown.
func fill(r io.Reader, into []byte, expect, largest int64) ([]byte, error) {
	page := into[:0]
	if expect = min(expect, largest); int64(cap(page)) < expect {
		page = make([]byte, 0, expect)
	}
	for {
		var n int
		var err error
		if len(page) == cap(page) { // this may be the end: grow the buffer only if another byte follows
			var one [1]byte
			if n, err = r.Read(one[:]); n == 1 {
				page = append(slices.Grow(page, max(len(page), 64<<10)), one[0])
			}
		} else {
			n, err = r.Read(page[len(page):cap(page)])
			page = page[:len(page)+n]
		}
		switch {
		case int64(len(page)) > largest:
			return nil, &TooLargeError{Largest: largest}
		case err == io.EOF:
			return page, nil
		case err != nil:
			return nil, err
		}
	}
}

// TooLargeError reports a page that does not fit into memory.
type TooLargeError struct{ Largest int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the page has more than %d bytes, which do not fit into memory; raise --memory, or split the page", e.Largest)
}

// natural compares names, with the numbers in them by value. Names that are equal in this order are compared as bytes.
func natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		m, n := digits(x), digits(y)
		if m == 0 || n == 0 {
			if x[0] != y[0] {
				return cmp.Compare(x[0], y[0])
			}
			x, y = x[1:], y[1:]
			continue
		}
		p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
		if c := cmp.Or(cmp.Compare(len(p), len(q)), cmp.Compare(p, q)); c != 0 {
			return c
		}
		x, y = x[m:], y[n:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// digits returns the number of digits at the beginning of s.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
