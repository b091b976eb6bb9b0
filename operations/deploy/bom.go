package deploy

import (
	"archive/zip"
	"bytes"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// ours is the prefix of this project's modules. Their version is the build.
const ours = "github.com/llac-project/llac/"

// BOMFile returns the file name of a service's bill of materials.
func BOMFile(service string) string { return service + ".cdx.json" }

// WriteBOM writes the CycloneDX bill of materials of a package next to it, and returns the release and the file. It lists the
// modules that the linker recorded in the program of the package, and nothing else. The same package gives the same bytes: the
// bill has no time, serial number or machine.
func WriteBOM(folder, service string) (Release, string, error) {
	r, err := ReadRelease(folder, service)
	if err != nil {
		return r, "", err
	}
	info, err := builtFrom(filepath.Join(folder, service+".zip"))
	if err != nil {
		return r, "", fmt.Errorf("read the modules in the package of %s: %w; make package SERVICE=%s makes it again", service, err, service)
	}
	bom, err := bill(info, r)
	if err != nil {
		return r, "", fmt.Errorf("bill of materials of %s: %w", r.Service, err)
	}
	var out bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&out, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom,
		cyclonedx.SpecVersion1_6); err != nil {
		return r, "", fmt.Errorf("bill of materials of %s: %w", r.Service, err)
	}
	at := filepath.Join(folder, BOMFile(r.Service))
	if err := os.WriteFile(at, out.Bytes(), 0o644); err != nil {
		return r, "", fmt.Errorf("write the bill of materials of %s: %w", r.Service, err)
	}
	return r, at, nil
}

// builtFrom reads the modules that the program in a package was built from.
func builtFrom(archive string) (*debug.BuildInfo, error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return nil, err
	}
	defer func() { _ = z.Close() }()
	f, err := z.Open(Handler)
	if err != nil {
		return nil, err
	}
	program, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return buildinfo.Read(bytes.NewReader(program))
}

// bill lists the modules of a program.
func bill(info *debug.BuildInfo, r Release) (*cyclonedx.BOM, error) {
	main := component(info.Main, r.Build)
	main.Type = cyclonedx.ComponentTypeApplication
	main.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: r.SHA256}} // of the package
	components := []cyclonedx.Component{}
	uses := []string{}
	add := func(c cyclonedx.Component) {
		components, uses = append(components, c), append(uses, c.BOMRef)
	}
	for _, m := range info.Deps {
		actual := *m
		if m.Replace != nil && m.Replace.Version != "" { // a replacement by a folder is the module itself
			actual = *m.Replace
		}
		c := component(actual, r.Build)
		if actual.Sum != "" {
			sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(actual.Sum, "h1:"))
			if err != nil {
				return nil, fmt.Errorf("the checksum of %s: %w", m.Path, err)
			}
			// The checksum of go.sum: of the list of the module's files, not of an archive.
			c.Properties = &[]cyclonedx.Property{{Name: "llac:go.sum:h1", Value: hex.EncodeToString(sum)}}
		}
		add(c)
	}
	add(component(debug.Module{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}, r.Build))

	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Component: &main, Properties: &[]cyclonedx.Property{{Name: "llac:architecture",
		Value: r.Architecture}, {Name: "llac:key", Value: r.Key}}}
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: main.BOMRef, Dependencies: &uses}}
	return bom, nil
}

func component(m debug.Module, build string) cyclonedx.Component {
	version := m.Version
	if strings.HasPrefix(m.Path, ours) {
		version = build
	}
	// The package URL of a Go module: https://github.com/package-url/purl-spec, type golang.
	purl := "pkg:golang/" + m.Path + "@" + url.PathEscape(version)
	return cyclonedx.Component{BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: m.Path, Version: version, PackageURL: purl}
}
