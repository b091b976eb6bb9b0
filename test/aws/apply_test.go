//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/test/terraform"
)

// TestApply applies all roots to moto and holds their second plans against the list. It takes minutes: make test-aws runs it.
// LLAC_PACKAGES names a folder of packages; without one they are empty programs.
func TestApply(t *testing.T) {
	if os.Getenv("LLAC_TEST_AWS") == "" {
		return // not a skip: what a machine lacks is not the reason
	}
	m, err := StartMoto(t.Context(), "moto_server.py", os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	plans := t.TempDir()
	config, err := terraform.CLIConfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	packages := os.Getenv("LLAC_PACKAGES")
	if packages == "" {
		packages = emptyPackages(t)
	}
	started := time.Now()
	c := exec.CommandContext(t.Context(), "./apply.sh", plans, packages)
	c.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+m.Endpoint, "TF_CLI_CONFIG_FILE="+config)
	out, err := c.CombinedOutput()
	t.Logf("%s\nin %s", out, time.Since(started).Round(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	SecondPlans(t, plans)
}

func emptyPackages(t *testing.T) string {
	dir := t.TempDir()
	for _, f := range events.Flow {
		file, err := os.Create(filepath.Join(dir, f.Service+".zip"))
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(file)
		w, err := z.CreateHeader(&zip.FileHeader{Name: "bootstrap", Method: zip.Deflate})
		if err == nil {
			_, err = w.Write([]byte("#!/bin/sh\n# " + f.Service + "\n"))
		}
		if err == nil {
			err = z.Close()
		}
		if err == nil {
			err = file.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
