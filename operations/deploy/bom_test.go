package deploy_test

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/llac-project/llac/operations/deploy"
)

// TestBillOfMaterials compares the bill of a service's package with the modules that the linker recorded in its program.
func TestBillOfMaterials(t *testing.T) {
	t.Parallel()
	built := filepath.Join(t.TempDir(), "bootstrap")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", built,
		"github.com/llac-project/llac/services/validator/cmd/validator")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	info, err := buildinfo.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"std " + strings.TrimPrefix(info.GoVersion, "go")}
	for _, m := range info.Deps {
		version := m.Version
		if strings.HasPrefix(m.Path, "github.com/llac-project/llac/") {
			version = "abc"
		}
		want = append(want, m.Path+" "+version)
	}
	folder := t.TempDir()
	packed, err := deploy.Pack("validator", "abc", built, folder)
	if err != nil {
		t.Fatal(err)
	}
	release, file, err := deploy.WriteBOM(folder, "validator")
	if err != nil || release.SHA256 != packed.SHA256 || file != filepath.Join(folder, "validator.cdx.json") {
		t.Fatalf("%+v in %s, error %v", release, file, err)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	type component struct {
		Ref    string `json:"bom-ref"`
		Type   string
		Name   string
		Hashes []struct{ Alg, Content string }
		PURL   string

		Version string
	}
	var bom struct {
		BOMFormat, SpecVersion, SerialNumber string
		Metadata                             struct {
			Timestamp string
			Component component
		}
		Components   []component
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	if err := json.Unmarshal(body, &bom); err != nil {
		t.Fatal(err)
	}
	main := bom.Metadata.Component
	if bom.BOMFormat != "CycloneDX" || bom.SpecVersion != "1.6" || main.Name != "github.com/llac-project/llac/services/validator" ||
		main.Version != "abc" ||
		len(main.Hashes) != 1 || main.Hashes[0].Alg != "SHA-256" || main.Hashes[0].Content != packed.SHA256 {
		t.Errorf("%+v", bom.Metadata)
	}
	var got, refs []string
	for _, c := range bom.Components {
		got, refs = append(got, c.Name+" "+c.Version), append(refs, c.Ref)
		if c.Type != "library" || c.PURL != "pkg:golang/"+c.Name+"@"+c.Version && !strings.Contains(c.PURL, "%2B") {
			t.Errorf("%+v", c)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the bill lists\n%s\nthe program has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(bom.Dependencies) != 1 || bom.Dependencies[0].Ref != main.Ref || !slices.Equal(bom.Dependencies[0].DependsOn, refs) {
		t.Errorf("dependencies: %+v", bom.Dependencies)
	}
	if bom.SerialNumber != "" || bom.Metadata.Timestamp != "" {
		t.Error("two bills of the same package would differ")
	}
	if _, _, err := deploy.WriteBOM(folder, "validator"); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(file); err != nil || !bytes.Equal(body, again) {
		t.Errorf("written twice it differs, error %v", err)
	}
}

func TestBillOfMaterialsNeedsAPackage(t *testing.T) {
	t.Parallel()
	if _, _, err := deploy.WriteBOM(t.TempDir(), "baker"); err == nil || !strings.Contains(err.Error(), `unknown service "baker"`) {
		t.Error(err)
	}
	if _, _, err := deploy.WriteBOM(t.TempDir(), "stager"); err == nil || !strings.Contains(err.Error(), "make package SERVICE=stager") {
		t.Error(err)
	}
	folder := t.TempDir()
	if _, err := deploy.Pack("stager", "abc", program(t, "arm64"), folder); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "stager.zip"), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := deploy.WriteBOM(folder, "stager"); err == nil ||
		!strings.Contains(err.Error(), "is not the one that stager.json describes") {
		t.Error(err)
	}
}
