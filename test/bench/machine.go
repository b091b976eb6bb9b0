package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"

	"github.com/llac-project/llac/test/bench/report"
	"github.com/llac-project/llac/test/bench/staging"
)

// machine describes where the figures are taken.
func machine(ctx context.Context, repository string, rounds int) report.Machine {
	m := report.Machine{System: runtime.GOOS + "/" + runtime.GOARCH, CPU: processor(), Cores: runtime.NumCPU(),
		Go: runtime.Version(), Build: "an unknown commit", Rounds: rounds}
	git := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty")
	git.Dir = repository
	if out, err := git.Output(); err == nil {
		m.Build = strings.TrimSpace(string(out))
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(b), &m.Load) // without it the load stays 0: unknown
	}
	return m
}

// processor returns the model name of the processor.
func processor() string {
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`(?m)^model name\s*:\s*(.+)$`).FindSubmatch(b); m != nil {
			return string(m[1])
		}
	}
	return "unknown processor"
}

// benchmarked are the packages whose Go benchmarks measure staging.
var benchmarked = []string{"./platform/source/jsonpage", "./services/validator", "./services/stager/engine"}

// goBenchmarks runs the Go benchmarks on one core.
func goBenchmarks(ctx context.Context, repository string) ([]report.Benchmark, error) {
	fmt.Fprintln(os.Stderr, "running the Go benchmarks of", strings.Join(benchmarked, ", "))
	c := exec.CommandContext(ctx, "go", append([]string{"test", "-run", "^$", "-bench", ".", "-benchmem", "-cpu", "1"}, benchmarked...)...)
	c.Dir = repository
	out, err := c.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return parseBenchmarks(out), nil
}

var speed = regexp.MustCompile(`([\d.]+) MB/s`)

// parseBenchmarks parses the output of go test.
func parseBenchmarks(out []byte) []report.Benchmark {
	var all []report.Benchmark
	in := ""
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "pkg: "); ok {
			in = strings.TrimPrefix(name, "github.com/llac-project/llac/")
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(line, "Benchmark") {
			continue
		}
		b := report.Benchmark{Package: in, Name: fields[0], Line: strings.Join(fields, "  ")}
		if m := speed.FindStringSubmatch(line); m != nil {
			b.MBPerSecond, _ = strconv.ParseFloat(m[1], 64)
		}
		all = append(all, b)
	}
	return all
}

// profiles stages the sets with the engine in this process, as llac stage does, and writes CPU and memory profiles.
func profiles(ctx context.Context, o options, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return eachSet(o, func(s staging.Set) error {
		cpu, err := os.Create(filepath.Join(dir, s.Name+".cpu.pprof"))
		if err != nil {
			return err
		}
		defer cpu.Close()
		heap, err := os.Create(filepath.Join(dir, s.Name+".heap.pprof"))
		if err != nil {
			return err
		}
		defer heap.Close()
		err = staging.FromFiles(ctx, s, os.Stderr, func(stage func() error) error {
			if err := pprof.StartCPUProfile(cpu); err != nil {
				return err
			}
			defer pprof.StopCPUProfile()
			return stage()
		})
		if err != nil {
			return err
		}
		// All allocations; go tool pprof -sample_index=inuse_space shows the memory in use.
		if err := pprof.Lookup("allocs").WriteTo(heap, 0); err != nil {
			return err
		}
		fmt.Printf("go tool pprof -http=: %s\ngo tool pprof -http=: %s\n", cpu.Name(), heap.Name())
		return nil
	})
}
