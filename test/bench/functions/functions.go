package functions

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/llac-project/llac/platform/runtime/lambdatest"
)

// Result is the measurement of one service.
type Result struct {
	Service  string  `json:"service"`
	ZipBytes int64   `json:"zip_bytes"` // for arm64
	StartMS  float64 `json:"start_ms"`  // process start to first request for work, median
	IdleRSS  int64   `json:"idle_rss_bytes"`
}

// Measure builds the services in dir with the repository's `make functions` and measures each one, starting it the
// given number of times.
func Measure(ctx context.Context, repository, dir string, starts int, progress io.Writer) ([]Result, error) {
	lambda, native := filepath.Join(dir, "arm64"), filepath.Join(dir, "native")
	fmt.Fprintln(progress, "building the services for Lambda and for this machine")
	if err := build(ctx, repository, lambda, "linux", "arm64"); err != nil {
		return nil, err
	}
	if err := build(ctx, repository, native, runtime.GOOS, runtime.GOARCH); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(lambda)
	if err != nil {
		return nil, err
	}
	var out []Result
	for _, e := range entries {
		r := Result{Service: e.Name()}
		if r.ZipBytes, err = zipped(filepath.Join(lambda, r.Service, "bootstrap")); err != nil {
			return nil, err
		}
		var times []float64
		for range starts {
			ms, rss, err := start(ctx, filepath.Join(native, r.Service, "bootstrap"))
			if err != nil {
				return nil, fmt.Errorf("start %s: %w", r.Service, err)
			}
			times, r.IdleRSS = append(times, ms), max(r.IdleRSS, rss)
		}
		slices.Sort(times)
		r.StartMS = times[len(times)/2]
		fmt.Fprintf(progress, "%-16s  zip %5.2f MB  start %5.1f ms  idle %5.1f MiB\n", r.Service, float64(r.ZipBytes)/1e6,
			r.StartMS, float64(r.IdleRSS)/(1<<20))
		out = append(out, r)
	}
	return out, nil
}

// build creates <dir>/<service>/bootstrap with the Makefile, the only place that defines how functions are built.
func build(ctx context.Context, repository, dir, system, architecture string) error {
	c := exec.CommandContext(ctx, "make", "--no-print-directory", "functions", "FUNCTIONS_DIR="+dir, "FUNCTIONS_OS="+system,
		"FUNCTIONS_ARCH="+architecture)
	c.Dir = repository
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("make functions for %s/%s: %w\n%s", system, architecture, err, out)
	}
	return nil
}

// zipped returns the size of a zip archive that contains only the given file.
func zipped(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var size counter
	w := zip.NewWriter(&size)
	w.RegisterCompressor(zip.Deflate, func(to io.Writer) (io.WriteCloser, error) { return flate.NewWriter(to, flate.BestCompression) })
	entry, err := w.Create(filepath.Base(path))
	if err == nil {
		_, err = io.Copy(entry, f)
	}
	return int64(size), errors.Join(err, w.Close())
}

type counter int64

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }

// startTimeout bounds the start of a function.
const startTimeout = 10 * time.Second

// start starts a function. It returns the milliseconds until it requests its first invocation, and its memory then.
func start(ctx context.Context, binary string) (ms float64, rss int64, err error) {
	api := lambdatest.StartRuntimeAPI()
	defer api.Close()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	c := exec.CommandContext(ctx, binary)
	var log bytes.Buffer
	c.Stdout, c.Stderr = &log, &log
	c.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + api.Address(), "AWS_REGION=eu-south-2", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench",
		"LLAC_ENV=bench", "LLAC_DATA_BUCKET=bench-data", "LLAC_CONFIG_BUCKET=bench-config",
	}
	began := time.Now()
	if err := c.Start(); err != nil {
		return 0, 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	defer func() {
		_ = c.Process.Kill()
		if err == nil {
			<-ended
		}
	}()
	tick := time.NewTicker(50 * time.Microsecond)
	defer tick.Stop()
	for api.Polls() == 0 {
		select {
		case <-tick.C:
		case err := <-ended:
			return 0, 0, fmt.Errorf("the process ended before it requested work: %w: %s", err, log.String())
		}
	}
	ms = float64(time.Since(began).Microseconds()) / 1000
	rss, err = residentBytes(ctx, c.Process.Pid)
	return ms, rss, err
}

// residentBytes returns the resident memory of a process.
func residentBytes(ctx context.Context, pid int) (int64, error) {
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
		for line := range strings.Lines(string(status)) {
			var kib int64
			if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
				return kib << 10, nil
			}
		}
	}
	out, err := exec.CommandContext(ctx, "ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d from ps: %w", pid, err)
	}
	kib, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return kib << 10, err
}
