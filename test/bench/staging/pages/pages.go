package pages

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/llac-project/llac/platform/local/cache"
)

// version must be incremented when a shape gives different bytes; cached data is then generated again.
const version = 2

// PerPage is the number of rows per page.
const PerPage = 1000

// Shape is one kind of data.
type Shape struct {
	Name     string                       // also the name of the contract's dataset
	Contract string                       // the text of the contract file
	row      func(b []byte, i int) []byte // appends record number i as JSON
}

// Data is a folder of pages and their contract file.
type Data struct{ Pages, Contract string }

// Page appends page number p of a data set with the given rows, in the layout of SODA 2.1: "[{…}\n,{…}\n]\n".
func (s Shape) Page(b []byte, p, rows int) []byte {
	b = append(b, '[')
	for i := p * PerPage; i < min((p+1)*PerPage, rows); i++ {
		if i > p*PerPage {
			b = append(b, ',')
		}
		b = append(s.row(b, i), '\n')
	}
	return append(b, "]\n"...)
}

// Make returns the given number of rows as pages, page-000000.json and so on, and generates them if they are missing.
// It reports progress once per second.
func (s Shape) Make(ctx context.Context, rows int, progress io.Writer) (Data, error) {
	stamp := fmt.Sprintf("%s %d rows, version %d\n%s", s.Name, rows, version, s.Contract)
	dir, err := cache.Keep(ctx, fmt.Sprintf("bench/%s-%d", s.Name, rows), stamp, func(dir string) error {
		d := data(dir, s.Name)
		if err := os.WriteFile(d.Contract, []byte(s.Contract), 0o644); err != nil {
			return err
		}
		return s.write(ctx, d.Pages, rows, progress)
	})
	if err != nil {
		return Data{}, fmt.Errorf("generate %d rows of %s: %w", rows, s.Name, err)
	}
	return data(dir, s.Name), nil
}

func data(dir, name string) Data {
	return Data{Pages: filepath.Join(dir, "pages"), Contract: filepath.Join(dir, name+".odcs.yaml")}
}

func (s Shape) write(ctx context.Context, dir string, rows int, progress io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	pages := (rows + PerPage - 1) / PerPage
	var next, done, bytes atomic.Int64
	workers, working := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() error {
			var b []byte
			for p := int(next.Add(1)) - 1; p < pages; p = int(next.Add(1)) - 1 {
				if err := working.Err(); err != nil {
					return err
				}
				b = s.Page(b[:0], p, rows)
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("page-%06d.json", p)), b, 0o644); err != nil {
					return err
				}
				done.Add(1)
				bytes.Add(int64(len(b)))
			}
			return nil
		})
	}
	finished := make(chan error, 1)
	go func() { finished <- workers.Wait() }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Fprintf(progress, "generating %s: %d of %d pages\n", s.Name, done.Load(), pages)
		case err := <-finished:
			if err == nil {
				fmt.Fprintf(progress, "generated %s: %d rows, %d MB, kept in %s\n", s.Name, rows, bytes.Load()/1e6, dir)
			}
			return err
		}
	}
}

// draw is the random number generator of one row.
type draw struct{ *rand.Rand }

// drawFor returns the random numbers of row i in the stream named by purpose.
func drawFor(purpose uint64, i int) draw {
	return draw{rand.New(rand.NewPCG(0x6c6c6163^purpose, uint64(i)))}
}

func (d draw) perMille(n int) bool       { return d.IntN(1000) < n }
func (d draw) between(low, high int) int { return low + d.IntN(high-low+1) }
func (d draw) one(of ...string) string   { return of[d.IntN(len(of))] }
func pick[T any](d draw, of []T) T       { return of[d.IntN(len(of))] }

// record appends the members of a JSON object.
type record struct {
	b     []byte
	first bool
}

func open(b []byte) record { return record{append(b, '{'), true} }

func (r *record) close() []byte { return append(r.b, '}') }

func (r *record) name(name string) {
	if !r.first {
		r.b = append(r.b, ',')
	}
	r.first = false
	r.b = append(append(append(r.b, '"'), name...), '"', ':')
}

// text writes a string with the escapes that a portal uses.
func (r *record) text(name, value string) {
	r.name(name)
	r.b = appendText(r.b, value)
}

// raw writes a JSON value.
func (r *record) raw(name, value string) {
	r.name(name)
	r.b = append(r.b, value...)
}

func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			escaped, _ := json.Marshal(s[i : i+1])
			b = append(b, escaped[1:len(escaped)-1]...)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
