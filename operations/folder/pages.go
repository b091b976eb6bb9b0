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

// Pages are the pages of a folder, in page order.
type Pages struct {
	Pages   []engine.Page
	files   []*pageFile
	largest int64
	packed  unpacker
}

// The errors of a folder of pages.
var (
	ErrNoPages = errors.New("no pages")
	ErrTwice   = errors.New("the same page twice")
	ErrPacking = errors.New("it cannot be unpacked")
)

// Suffixes end the names of the files that are pages; what they add to .json says how the page is packed.
var Suffixes = []string{".json", ".json.zst", ".json.gz"}

// Open finds the pages of a folder: the files directly in it that have one of the Suffixes, in the order of their names
// with numbers by their value, page-2 before page-10. Names that begin with '.' or '_' are no pages, as in the lake,
// where _manifest.json lies beside them. No page may hold more than largest bytes, unpacked.
func Open(dir string, largest int64) (*Pages, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err // it names the folder
	}
	p := &Pages{largest: largest}
	for _, e := range entries {
		name := e.Name()
		if name[0] == '.' || name[0] == '_' || packing(name) < 0 {
			continue
		}
		f := &pageFile{pages: p, path: filepath.Join(dir, name)}
		info, err := os.Stat(f.path) // of what a link leads to
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

// Bytes is how many bytes the pages read so far hold, unpacked.
func (p *Pages) Bytes() int64 {
	var n int64
	for _, f := range p.files {
		n += f.held.Load()
	}
	return n
}

// packing is the index in Suffixes of the longest that ends the name; -1: none.
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
	held  atomic.Int64 // bytes of the page, once it has been read
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
	defer file.Close() // only read from
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

// fill reads r to its end into the buffer, or into a larger one when it does not fit there. expect is how long it should
// be; 0: not known.
func fill(r io.Reader, into []byte, expect, largest int64) ([]byte, error) {
	page := into[:0]
	if expect = min(expect, largest); int64(cap(page)) < expect {
		page = make([]byte, 0, expect)
	}
	for {
		var n int
		var err error
		if len(page) == cap(page) { // the end may be here: only one more byte makes the buffer grow
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

// TooLargeError says that a page does not fit the memory.
type TooLargeError struct{ Largest int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the page holds more than %d bytes, which do not fit the memory; raise --memory, or split the page", e.Largest)
}

// natural compares names with the numbers in them by value; where that leaves a tie, byte by byte.
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

// digits is how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
