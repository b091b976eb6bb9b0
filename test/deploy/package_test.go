package deploy

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// root is the repository's folder.
func root(t *testing.T) string {
	t.Helper()
	r, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var tools = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "llac-deploy")
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "llac")
	build := exec.Command("go", "build", "-o", out, "../../cmd/llac")
	if text, err := build.CombinedOutput(); err != nil {
		return string(text), err
	}
	return out, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if llac, err := tools(); err == nil {
		_ = os.RemoveAll(filepath.Dir(llac))
	}
	os.Exit(status)
}

// llac is the tool, built once.
func llac(t *testing.T) string {
	t.Helper()
	path, err := tools()
	if err != nil {
		t.Fatalf("%v\n%s", err, path)
	}
	return path
}

// make runs a target in a tree and answers what it said and whether it succeeded.
func run(t *testing.T, tree string, env []string, args ...string) (string, bool) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", "LLAC=" + llac(t)}, args...)...)
	c.Dir = tree
	c.Env = append(os.Environ(), append([]string{"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"}, env...)...)
	out, err := c.CombinedOutput()
	return string(out), err == nil
}

type release struct {
	SHA256 string `json:"sha256"`
	Build  string `json:"build"`
}

func packed(t *testing.T, folder, service string) (release, []byte) {
	t.Helper()
	var r release
	b, err := os.ReadFile(filepath.Join(folder, service+".json"))
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	zip, err := os.ReadFile(filepath.Join(folder, service+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	return r, zip
}

// The same source gives the same package: built in another folder, of files of another time.
func TestAPackageBuiltTwiceIsTheSame(t *testing.T) {
	t.Parallel()
	const service = "validator"
	other := copied(t, root(t))
	one, two := t.TempDir(), t.TempDir()
	for tree, out := range map[string]string{root(t): one, other: two} {
		if said, ok := run(t, tree, nil, "package", "SERVICE="+service, "FUNCTIONS_BUILD=test", "FUNCTIONS_DIR="+out+"/functions", "PACKAGES_DIR="+out); !ok {
			t.Fatal(said)
		} else if r, _ := packed(t, out, service); !strings.Contains(said, r.SHA256) {
			t.Errorf("the digest %s is not in what was said:\n%s", r.SHA256, said)
		}
	}
	a, zipA := packed(t, one, service)
	b, zipB := packed(t, two, service)
	if a != b || !bytes.Equal(zipA, zipB) || a.Build != "test" {
		t.Errorf("built twice: %+v and %+v", a, b)
	}
}

// copied is a copy of the source tree.
func copied(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); rel != "." && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata") {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !d.Type().IsRegular() || d.Name() == ".git" {
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), body, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func TestWhatCannotBePackagedOrDeployed(t *testing.T) {
	t.Parallel()
	terraform, _ := terraform(t)
	for name, c := range map[string]struct {
		args, env []string
		want      string
	}{
		"no service":              {[]string{"package"}, nil, "which service? make package SERVICE="},
		"an unknown service":      {[]string{"package", "SERVICE=baker"}, nil, `there is no service "baker"; the services are: fetcher landing-janitor`},
		"deploy of no service":    {[]string{"deploy", "ENV=dev"}, nil, "which service? make deploy SERVICE="},
		"deploy of an unknown":    {[]string{"deploy", "SERVICE=baker", "ENV=dev"}, nil, `there is no service "baker"`},
		"into no environment":     {[]string{"deploy", "SERVICE=stager"}, nil, "into which environment?"},
		"without Terraform":       {[]string{"deploy", "SERVICE=stager", "ENV=dev", "TERRAFORM=terraform-that-is-not-there"}, nil, "terraform is not found"},
		"into no such name":       {[]string{"deploy-of-stager", "SERVICE=stager", "ENV=Dev!", "TERRAFORM=" + terraform}, nil, `"Dev!" is no name of an environment`},
		"without credentials":     {[]string{"deploy-of-stager", "SERVICE=stager", "ENV=dev", "TERRAFORM=" + terraform}, []string{"AWS_REGION=eu-west-1"}, "no AWS credentials that can be used, so nothing was done"},
		"without a region either": {[]string{"deploy-of-stager", "SERVICE=stager", "ENV=dev", "TERRAFORM=" + terraform}, nil, "set AWS_REGION"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := t.TempDir()
			said, ok := run(t, root(t), c.env, append(c.args, "FUNCTIONS_DIR="+out, "PACKAGES_DIR="+out)...)
			if ok || !strings.Contains(said, c.want) {
				t.Errorf("succeeded %v, said\n%s", ok, said)
			}
			if left, _ := os.ReadDir(out); len(left) > 0 {
				t.Errorf("something was done before it was refused: %v", left)
			}
		})
	}
}

// terraform is a program that writes down how it is called, one line a call.
func terraform(t *testing.T) (program, record string) {
	t.Helper()
	dir := t.TempDir()
	program, record = filepath.Join(dir, "terraform"), filepath.Join(dir, "calls")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$@\" >> "+record+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return program, record
}
