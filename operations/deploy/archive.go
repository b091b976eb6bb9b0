package deploy

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/llac-project/llac/events"
	"github.com/llac-project/llac/operations/services"
	"github.com/llac-project/llac/platform/lake"
)

// Handler is the name of the program inside a package, which Lambda's runtime provided.al2023 starts.
const Handler = "bootstrap"

// MaxUnzipped is Lambda's limit for the unpacked size of a function with its layers (Lambda quotas: 250 MB, which is
// 262,144,000 bytes). A zip that comes from S3 has no limit of its own.
const MaxUnzipped = 250 << 20

// epoch is the earliest time that a zip archive can hold. It is the time of the file in every package.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// Release describes a package.
type Release struct {
	Service       string   `json:"service"`
	Build         string   `json:"build"`
	SHA256        string   `json:"sha256"` // of the zip, lower-case hex
	ZipBytes      int64    `json:"zip_bytes"`
	UnzippedBytes int64    `json:"unzipped_bytes"`
	Architecture  string   `json:"architecture"` // "arm64" or "x86_64"
	Key           string   `json:"key"`          // in the artifacts bucket
	Consumes      []string `json:"consumes"`
	Emits         []string `json:"emits"`
}

// EventTypes returns what the release consumes and emits.
func (r Release) EventTypes() EventTypes {
	return EventTypes{Consumes: r.Consumes, Emits: r.Emits, Build: r.Build}
}

// Write writes the release to a file, for a check against the running builds.
func (r Release) Write(file string) error {
	if err := os.WriteFile(file, lake.Encode(r), 0o644); err != nil {
		return fmt.Errorf("write the release of %s: %w", r.Service, err)
	}
	return nil
}

// UnknownServiceError reports that no service has a name.
type UnknownServiceError struct{ Service string }

func (e *UnknownServiceError) Error() string {
	return fmt.Sprintf("unknown service %q; the services are %s", e.Service, strings.Join(Services(), ", "))
}

// Services lists the services in the order of the flow.
func Services() []string {
	return services.Names()
}

// Known reports, as an *UnknownServiceError, that no service has the name.
func Known(service string) error {
	if !slices.Contains(Services(), service) {
		return &UnknownServiceError{service}
	}
	return nil
}

// TooLargeError reports that a package is over Lambda's limit.
type TooLargeError struct {
	Service  string
	Unzipped int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("package %s: the program has %d bytes, and Lambda's limit is %d; nothing was written: find what has "+
		"grown with go tool nm -size -sort size",
		e.Service, e.Unzipped, int64(MaxUnzipped))
}

// Pack writes the package of a service and its release into a folder: <service>.zip and <service>.json. The same program
// always gives the same bytes.
func Pack(service, build, program, folder string) (Release, error) {
	r := Release{Service: service, Build: build, Consumes: events.Consumes(service), Emits: events.Emits(service)}
	if err := Known(service); err != nil {
		return r, err
	}
	info, err := os.Stat(program)
	if err != nil {
		return r, fmt.Errorf("package %s: %w; make package SERVICE=%s builds it first", service, err, service)
	}
	if r.UnzippedBytes = info.Size(); r.UnzippedBytes > MaxUnzipped {
		return r, &TooLargeError{service, r.UnzippedBytes}
	}
	body, err := os.ReadFile(program)
	if err != nil {
		return r, fmt.Errorf("package %s: %w", service, err)
	}
	if r.Architecture, err = architecture(body); err != nil {
		return r, fmt.Errorf("package %s: %s: %w", service, program, err)
	}
	var archive bytes.Buffer
	if err := writeZip(&archive, body); err != nil {
		return r, fmt.Errorf("package %s: %w", service, err)
	}
	sum := sha256.Sum256(archive.Bytes())
	r.SHA256, r.ZipBytes = hex.EncodeToString(sum[:]), int64(archive.Len())
	r.Key = ArtifactKey(service, r.SHA256)
	err = os.MkdirAll(folder, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, service+".zip"), archive.Bytes(), 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, service+".json"), lake.Encode(r), 0o644)
	}
	if err != nil {
		return r, fmt.Errorf("write the package of %s: %w", service, err)
	}
	return r, nil
}

// ArtifactKey returns the key of a package in the artifacts bucket.
func ArtifactKey(service, sha256 string) string {
	return "functions/" + service + "/" + sha256 + ".zip"
}

// writeZip writes an archive with one program.
func writeZip(w io.Writer, program []byte) error {
	z := zip.NewWriter(w)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	h := &zip.FileHeader{Name: Handler, Method: zip.Deflate, Modified: epoch}
	h.SetMode(0o755)
	f, err := z.CreateHeader(h)
	if err == nil {
		_, err = f.Write(program)
	}
	return errors.Join(err, z.Close())
}

// architecture returns the architecture of a program, as Lambda names it.
func architecture(program []byte) (string, error) {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return "", fmt.Errorf("not a program for Linux: %w; build it with make package", err)
	}
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return "", errors.New("it is linked dynamically; build it with CGO_ENABLED=0, as make package does")
	}
	switch f.Machine {
	case elf.EM_AARCH64:
		return "arm64", nil
	case elf.EM_X86_64:
		return "x86_64", nil
	}
	return "", fmt.Errorf("it is built for %s, and Lambda supports arm64 and x86_64", f.Machine)
}

// ReadRelease reads the release that Pack wrote, and checks that it describes the package.
func ReadRelease(folder, service string) (Release, error) {
	var r Release
	if err := Known(service); err != nil {
		return r, err
	}
	if err := readJSON(filepath.Join(folder, service+".json"), &r); err != nil {
		return r, fmt.Errorf("%w; make package SERVICE=%s makes it", err, service)
	}
	body, err := os.ReadFile(filepath.Join(folder, service+".zip"))
	if err != nil {
		return r, fmt.Errorf("read the package of %s: %w; make package SERVICE=%s makes it", service, err, service)
	}
	if got := lake.SHA256(body); got != r.SHA256 || r.Service != service || r.Key != ArtifactKey(service, got) {
		return r, fmt.Errorf("read the package of %s in %s: it is not the one that %s.json describes; make package SERVICE=%s "+
			"makes both again",
			service, folder, service, service)
	}
	return r, nil
}
