package deploy_test

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/llac-project/llac/operations/deploy"
)

// program builds a small program for an architecture.
func program(t *testing.T, arch string) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "bootstrap")
	build := exec.Command("go", "build", "-o", out, source)
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOWORK=off")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}

func TestPack(t *testing.T) {
	t.Parallel()
	p := program(t, "arm64")
	folder := t.TempDir()
	r, err := deploy.Pack("stager", "abc", p, folder)
	if err != nil {
		t.Fatal(err)
	}
	if r.Architecture != "arm64" || r.Key != "functions/stager/"+r.SHA256+".zip" || r.Build != "abc" || len(r.Consumes) == 0 ||
		len(r.Emits) == 0 {
		t.Errorf("%+v", r)
	}
	z, err := zip.OpenReader(filepath.Join(folder, "stager.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if len(z.File) != 1 {
		t.Fatalf("%d files", len(z.File))
	}
	f := z.File[0]
	if f.Name != "bootstrap" || f.Mode() != 0o755 || !f.Modified.Equal(time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)) ||
		int64(f.UncompressedSize64) != r.UnzippedBytes {
		t.Errorf("%+v", f.FileHeader)
	}
	inside, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(inside)
	want, wantErr := os.ReadFile(p)
	if err != nil || wantErr != nil || string(got) != string(want) {
		t.Errorf("the program is not the one packed (%v, %v)", err, wantErr)
	}

	// Another time and mode of the file, and another folder, give the same package.
	if err := errors.Join(os.Chtimes(p, time.Now(), time.Now().Add(-time.Hour)), os.Chmod(p, 0o600)); err != nil {
		t.Fatal(err)
	}
	again, err := deploy.Pack("stager", "abc", p, filepath.Join(t.TempDir(), "made"))
	if err != nil || again.SHA256 != r.SHA256 {
		t.Errorf("packed again it is %s and was %s (%v)", again.SHA256, r.SHA256, err)
	}
	read, err := deploy.ReadRelease(folder, "stager")
	if err != nil || read.SHA256 != r.SHA256 {
		t.Errorf("read %+v, error %v", read, err)
	}
	if err := os.WriteFile(filepath.Join(folder, "stager.zip"), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := deploy.ReadRelease(folder, "stager"); err == nil || !strings.Contains(err.Error(), "make package SERVICE=stager") {
		t.Errorf("a changed package is accepted: %v", err)
	}
}

func TestPackErrors(t *testing.T) {
	t.Parallel()
	write := func(name string, body []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, body, 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// A sparse file is over Lambda's limit and takes no disk space.
	huge := write("bootstrap", []byte("\x7fELF"))
	if err := os.Truncate(huge, deploy.MaxUnzipped+1); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ service, program, want string }{
		"an unknown service": {"baker", program(t, "arm64"), "the services are scheduler, fetcher, validator, stager, " +
			"quality-gate, landing-janitor"},
		"no program":       {"stager", filepath.Join(t.TempDir(), "none"), "make package SERVICE=stager"},
		"no Linux program": {"stager", write("bootstrap", []byte("#!/bin/sh\n")), "not a program for Linux"},
		"another machine":  {"stager", program(t, "riscv64"), "EM_RISCV"},
		"over the limit":   {"stager", huge, "Lambda's limit is 262144000"},
	} {
		folder := t.TempDir()
		_, err := deploy.Pack(c.service, "abc", c.program, folder)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(folder); len(left) > 0 {
			t.Errorf("%s left %v", name, left)
		}
	}
}
