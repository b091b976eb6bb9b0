package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/llac-project/llac/operations/format"
	"github.com/llac-project/llac/operations/ledger"
	"github.com/llac-project/llac/operations/pipeline"
	"github.com/llac-project/llac/operations/services"
)

// screen draws progress on a terminal, one line per dataset, at most ten times per second. If standard error is not a
// terminal, only notices are written.
type screen struct {
	mu     sync.Mutex
	out    io.Writer
	drawn  int // lines on the terminal now
	latest time.Time
	now    func() time.Time
	width  int
	live   bool // progress is drawn
	silent bool // no notice is written
}

const redraw = 100 * time.Millisecond

func (a *App) newScreen() *screen {
	width := a.Width
	if width <= 0 {
		width = 100
	}
	return &screen{out: a.Stderr, now: time.Now, width: width, live: a.Terminal && !a.json, silent: a.json}
}

// notice writes a line that stays. With --json it writes nothing.
func (s *screen) notice(line string) {
	if !s.silent {
		s.write(line)
	}
}

// write writes a line that stays, also with --json.
func (s *screen) write(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	if s.live {
		fmt.Fprint(s.out, "\r\x1b[K") // the terminal shows ^C on the line
	}
	fmt.Fprintln(s.out, printable(line))
}

// progress draws the progress of each dataset.
func (s *screen) progress(all []pipeline.Progress) {
	s.draw(func() []string {
		lines := make([]string, len(all))
		for i, p := range all {
			lines[i] = progressLine(p)
		}
		return lines
	})
}

// draw replaces the lines drawn before. It calls lines only when it is time to draw.
func (s *screen) draw(lines func() []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if !s.live || now.Sub(s.latest) < redraw {
		return
	}
	s.latest = now
	s.erase()
	all := lines()
	for _, l := range all {
		line := []rune(printable(l))
		if len(line) >= s.width {
			line = append(line[:s.width-2], '…') // a wrapped line could not be replaced
		}
		fmt.Fprintln(s.out, string(line))
	}
	s.drawn = len(all)
}

// clear removes the progress from the terminal.
func (s *screen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
}

func (s *screen) erase() {
	if s.drawn > 0 {
		fmt.Fprintf(s.out, "\r\x1b[%dA\x1b[J", s.drawn)
		s.drawn = 0
	}
}

// full returns how many of the ten steps of the bar are full: an equal number for each of the states that a run passes through,
// and for the pages that were fetched.
func full(p pipeline.Progress, states []string) int {
	if p.State.Ended() {
		return 10
	}
	at := max(0, slices.Index(states, string(p.State)))
	first, next := 10*at/len(states), 10*(at+1)/len(states)
	if p.State == ledger.Extracting && p.Pages > 0 {
		return first + (next-first)*min(p.Page, p.Pages)/p.Pages
	}
	return first
}

func progressLine(p pipeline.Progress) string {
	line := fmt.Sprintf("%-16s %s %-11s", p.Dataset, gauge(full(p, services.States())), p.State)
	if p.Pages > 0 {
		line += fmt.Sprintf(" page %d/%d", p.Page, p.Pages)
	}
	if rows := max(p.Landed, p.Rows); rows > 0 {
		line += fmt.Sprintf("  %s rows", format.Count(rows))
	}
	if p.Runs > 1 {
		line += fmt.Sprintf("  %d/%d slices", p.Ended, p.Runs)
	}
	return line
}

// gauge draws a bar with full of its ten steps.
func gauge(full int) string { return strings.Repeat("█", full) + strings.Repeat("░", 10-full) }
