// Command bench measures what Llac promises of its speed, on this machine: the hop through the local cloud, the
// throughput of the consumer beside that of the library's, and a whole run. It prints figures and ratios; only ratios
// mean anything on another machine. Nothing in it is a test, and nothing fails for being slow.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/llac-project/llac/test/bench/staging/pages"
)

// Figure is one measured thing.
type Figure struct {
	Name    string    `json:"name"`
	Unit    string    `json:"unit"`
	Target  string    `json:"target"`
	Samples []float64 `json:"samples"` // one a round
}

func (f Figure) median() float64 {
	s := slices.Sorted(slices.Values(f.Samples))
	return s[len(s)/2]
}

func main() {
	rounds := flag.Int("rounds", 3, "rounds; peers alternate within each")
	messages := flag.Int("messages", 20000, "messages of the throughput bench")
	asJSON := flag.Bool("json", false, "print JSON")
	contracts := flag.String("datasets", "datasets", "folder of the contracts")
	only := flag.String("only", "", "data: make the pages that staging is timed on, and say where they are")
	rows := flag.Int("rows", 1_000_000, "rows of the register that is staged")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *only == "data" {
		data, err := pages.Register.Make(ctx, *rows, os.Stderr)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		fmt.Println(data.Contract, data.Pages)
		return
	}
	figures, err := bench(ctx, *rounds, *messages, *contracts)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if *asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(figures); err != nil {
			os.Exit(1)
		}
		return
	}
	fmt.Printf("%s/%s, %d cores, %s, %d rounds\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), *rounds)
	w := tabwriter.NewWriter(os.Stdout, 2, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tmedian\tmin\tmax\tunit\taim")
	for _, f := range figures {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%s\t%s\n", f.Name, f.median(), slices.Min(f.Samples), slices.Max(f.Samples), f.Unit, f.Target)
	}
	w.Flush()
}

func bench(ctx context.Context, rounds, messages int, contracts string) ([]Figure, error) {
	hop := Figure{Name: "idle hop, SNS publish to handler (median)", Unit: "ms", Target: "<= 5"}
	ours := Figure{Name: "consumer: received, handled, deleted", Unit: "msg/s", Target: ">= 5000"}
	library := Figure{Name: "watermill-aws subscriber, same queue", Unit: "msg/s", Target: "peer"}
	ratio := Figure{Name: "consumer / watermill-aws", Unit: "x", Target: "> 1"}
	run := Figure{Name: "llac run, three datasets", Unit: "s", Target: "<= 5"}
	rows := Figure{Name: "rows published by it", Unit: "rows", Target: ">= 12000"}
	again := Figure{Name: "llac run again, sources unchanged", Unit: "s", Target: ""}
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, rounds)
		ms, err := measureHop(ctx, 200)
		if err != nil {
			return nil, err
		}
		hop.Samples = append(hop.Samples, ms)
		// Alternate who goes first: the second to run finds warmer caches.
		var us, them float64
		for i := range 2 {
			if (i == 0) == (round%2 == 0) {
				us, err = measureConsumer(ctx, messages)
			} else {
				them, err = measureLibrary(ctx, messages/20)
			}
			if err != nil {
				return nil, err
			}
		}
		ours.Samples, library.Samples, ratio.Samples = append(ours.Samples, us), append(library.Samples, them), append(ratio.Samples, us/them)
		first, second, published, err := measureRun(ctx, contracts)
		if err != nil {
			return nil, err
		}
		run.Samples, again.Samples, rows.Samples = append(run.Samples, first), append(again.Samples, second), append(rows.Samples, published)
	}
	return []Figure{hop, ours, library, ratio, run, rows, again}, nil
}

// within makes a folder for the time of f.
func within(f func(dir string) error) error {
	dir, err := os.MkdirTemp("", "llac-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return f(dir)
}

// since is the time since start in seconds.
func since(start time.Time) float64 { return time.Since(start).Seconds() }
