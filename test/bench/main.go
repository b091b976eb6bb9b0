// Command bench measures the speed of Llac on this machine: staging compared with Polars, DuckDB and pandas, in memory
// and in time; staging from S3; the services as functions; a hop through the local cloud; the consumer compared with
// the library's; a whole run; builds of the marts.
//
// It prints figures and ratios; only the ratios carry over to another machine. A slow result is not an error. Errors
// are a peer that does a different job, and output bytes that differ between two runs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/llac-project/llac/platform/local/cache"
	"github.com/llac-project/llac/test/bench/functions"
	"github.com/llac-project/llac/test/bench/marts"
	"github.com/llac-project/llac/test/bench/report"
	"github.com/llac-project/llac/test/bench/staging"
	"github.com/llac-project/llac/test/bench/timed"
)

// parts are the measurements that run by default, in order.
var parts = []string{"staging", "cloud", "benchmarks", "functions", "pipeline", "marts"}

// extraParts run only when they are named.
var extraParts = []string{"data", "profile"}

type options struct {
	only       []string
	sets       []string
	rows       int
	rounds     int
	messages   int
	contracts  string
	llac       string
	tenMillion bool
	years      bool
}

func main() {
	timed.Serve()
	var o options
	var asJSON, write bool
	only := flag.String("only", strings.Join(parts, ","), "comma-separated `parts` to measure; also data (generate the pages, "+
		"print their folders) and profile")
	sets := flag.String("sets", "register,open_register,distinct,wide", "comma-separated `sets` to stage")
	flag.IntVar(&o.rows, "rows", 1_000_000, "number of register rows to stage; the other sets scale in proportion")
	flag.IntVar(&o.rounds, "rounds", 3, "number of rounds; llac and its peers alternate within a round")
	flag.IntVar(&o.messages, "messages", 20000, "number of messages of the throughput benchmark")
	flag.StringVar(&o.contracts, "datasets", "datasets", "folder of the contracts for the pipeline run")
	flag.StringVar(&o.llac, "llac", "", "llac binary to measure; default: build it")
	flag.BoolVar(&o.tenMillion, "ten-million", false, "also stage ten million rows (4.4 GB of pages, kept in .cache) to measure memory")
	flag.BoolVar(&o.years, "years", true, "also measure mart builds over years of data, which takes minutes and temporarily "+
		"some GB of .cache")
	flag.BoolVar(&asJSON, "json", false, "print JSON")
	flag.BoolVar(&write, "write", false, "also write docs/performance.md")
	flag.Parse()
	o.only, o.sets = strings.Split(*only, ","), strings.Split(*sets, ",")

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, o, asJSON, write)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "bench: interrupted; partial output was removed, generated data was kept")
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, asJSON, write bool) error {
	for _, name := range o.only {
		if !slices.Contains(parts, name) && !slices.Contains(extraParts, name) {
			return fmt.Errorf("unknown part %q; use %s", name, strings.Join(slices.Concat(parts, extraParts), ", "))
		}
	}
	for _, name := range o.sets {
		if !slices.ContainsFunc(staging.Sets(0), func(s staging.Set) bool { return s.Name == name }) {
			return fmt.Errorf("unknown set %q; use register, open_register, distinct, wide", name)
		}
	}
	folder, err := cache.Folder()
	if err != nil {
		return err
	}
	repository := filepath.Dir(folder)
	if err := os.MkdirAll(filepath.Join(folder, "bench"), 0o755); err != nil {
		return err
	}
	r, err := measure(ctx, o, repository)
	if err != nil || slices.ContainsFunc(o.only, func(name string) bool { return slices.Contains(extraParts, name) }) {
		return err
	}
	if write {
		if err := report.Write(filepath.Join(repository, "docs", "performance.md"), r.Markdown()); err != nil {
			return err
		}
	}
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		_, err = fmt.Print(r.Markdown())
	}
	for _, s := range r.Staging {
		if len(s.Differing) > 0 {
			err = errors.Join(err, fmt.Errorf("staging %s gives different bytes with %s (invariant 6)", s.Set,
				strings.Join(s.Differing, ", ")))
		}
	}
	return err
}

func measure(ctx context.Context, o options, repository string) (report.Report, error) {
	r := report.Report{Machine: machine(ctx, repository, o.rounds)}
	for _, part := range slices.Concat(extraParts, parts) {
		if !slices.Contains(o.only, part) {
			continue
		}
		var err error
		switch part {
		case "data":
			err = eachSet(o, func(s staging.Set) error {
				data, err := s.Make(ctx, s.Rows, os.Stderr)
				fmt.Println(data.Contract, data.Pages)
				return err
			})
		case "profile":
			err = profiles(ctx, o, filepath.Join(repository, ".cache", "profile"))
		case "staging":
			err = measureStaging(ctx, &o, &r)
		case "cloud":
			var c staging.CloudResult
			c, err = staging.FromCloud(ctx, staging.Sets(o.rows)[0], o.rounds, os.Stderr)
			r.Cloud = &c
		case "benchmarks":
			r.Benchmarks, err = goBenchmarks(ctx, repository)
		case "functions":
			err = within(func(dir string) (err error) {
				r.Functions, err = functions.Measure(ctx, repository, dir, 21, os.Stderr)
				return err
			})
		case "pipeline":
			r.Figures, err = pipelineFigures(ctx, o.rounds, o.messages, filepath.Join(repository, o.contracts))
		case "marts":
			r.Marts, err = measureMarts(ctx, &o, repository)
		}
		if err != nil {
			return r, fmt.Errorf("%s: %w", part, err)
		}
	}
	return r, nil
}

// eachSet calls f for the requested sets.
func eachSet(o options, f func(staging.Set) error) error {
	for _, s := range staging.Sets(o.rows) {
		if slices.Contains(o.sets, s.Name) {
			if err := f(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// build builds llac unless a binary was given.
func (o *options) build(ctx context.Context) (err error) {
	if o.llac == "" {
		o.llac, err = staging.BuildLlac(ctx, os.Stderr)
	}
	return err
}

func measureMarts(ctx context.Context, o *options, repository string) (*marts.Result, error) {
	if err := o.build(ctx); err != nil {
		return nil, err
	}
	bench := marts.Bench{
		Llac: o.llac, Contracts: filepath.Join(repository, o.contracts), Project: filepath.Join(repository, "dbt"),
		Folder: filepath.Join(repository, ".cache", "bench", "marts"), Rounds: o.rounds, Years: o.years, Progress: os.Stderr,
	}
	result, err := bench.Measure(ctx)
	return &result, err
}

func measureStaging(ctx context.Context, o *options, r *report.Report) error {
	if err := o.build(ctx); err != nil {
		return err
	}
	contest := staging.Contest{Ours: staging.Ours(o.llac), Rounds: o.rounds, Progress: os.Stderr}
	peers, err := staging.Peers(ctx, os.Stderr)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.LeftOut = append(r.LeftOut, fmt.Sprintf("Polars, DuckDB and pandas: %v", err))
		fmt.Fprintln(os.Stderr, "without peers:", err)
	} else {
		contest.Peers, r.Machine.Packages = peers, staging.Requirements()
	}
	err = eachSet(*o, func(s staging.Set) error {
		result, err := contest.Run(ctx, s)
		r.Staging = append(r.Staging, result)
		return err
	})
	if err != nil || !o.tenMillion {
		return err
	}
	ten := staging.Sets(10_000_000)[0]
	u, err := contest.Alone(ctx, ten)
	r.Memory = append(r.Memory, report.Memory{Rows: ten.Rows, PeakRSS: u.PeakRSS, Wall: u.Wall})
	return err
}
