package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llac-project/llac/cmd/llac/cli"
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

// toolDir is the folder of llac: a link to this test's program, which is llac when it is called by that name. llac need not be linked.
var toolDir string

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "llac" {
		os.Exit(cli.Main())
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	var err error
	if toolDir, err = os.MkdirTemp("", "llac-deploy"); err == nil {
		defer os.RemoveAll(toolDir)
		var self string
		if self, err = os.Executable(); err == nil {
			err = os.Symlink(self, filepath.Join(toolDir, "llac"))
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "link llac:", err)
		return 1
	}
	status := m.Run()
	if moto, err := moto(); err == nil {
		_ = moto.Close()
	}
	return status
}

// llac returns the path of the tool.
func llac() string { return filepath.Join(toolDir, "llac") }

// run runs a target of make in a tree. It returns the output and whether make succeeded.
func run(t *testing.T, tree string, env []string, args ...string) (string, bool) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", "LLAC=" + llac()}, args...)...)
	c.Dir = tree
	c.Env = append(os.Environ(), append([]string{"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null"}, env...)...)
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

// TestRefusedPackagesAndDeploys checks that a mistake is refused before anything is built or changed.
func TestRefusedPackagesAndDeploys(t *testing.T) {
	t.Parallel()
	terraform, _ := terraform(t)
	for name, c := range map[string]struct {
		args, env []string
		want      string
	}{
		"no service": {[]string{"package"}, nil, "which service? make package SERVICE="},
		"an unknown service": {[]string{"package", "SERVICE=baker"}, nil,
			`unknown service "baker"; the services are: fetcher landing-janitor`},
		"deploy of no service": {[]string{"deploy", "ENV=dev"}, nil, "which service? make deploy SERVICE="},
		"deploy of an unknown": {[]string{"deploy", "SERVICE=baker", "ENV=dev"}, nil, `unknown service "baker"`},
		"into no environment":  {[]string{"deploy", "SERVICE=stager"}, nil, "into which environment?"},
		"without Terraform": {[]string{"deploy", "SERVICE=stager", "ENV=dev", "TERRAFORM=terraform-that-is-not-there"}, nil,
			"terraform is not found"},
		"into no such name": {[]string{"deploy-of-stager", "SERVICE=stager", "ENV=Dev!", "TERRAFORM=" + terraform}, nil,
			`"Dev!" is not the name of an environment`},
		"without credentials": {[]string{"deploy-of-stager", "SERVICE=stager", "ENV=dev", "TERRAFORM=" + terraform},
			[]string{"AWS_REGION=eu-west-1"}, "find AWS credentials"},
		"without a region either": {[]string{"deploy-of-stager", "SERVICE=stager", "ENV=dev", "TERRAFORM=" + terraform}, nil,
			"set AWS_REGION"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := t.TempDir()
			output, ok := run(t, root(t), c.env, append(c.args, "FUNCTIONS_DIR="+out, "PACKAGES_DIR="+out)...)
			if ok || !strings.Contains(output, c.want) {
				t.Errorf("succeeded %v, output\n%s", ok, output)
			}
			if left, _ := os.ReadDir(out); len(left) > 0 {
				t.Errorf("refused only after it left %v", left)
			}
		})
	}
}

// terraform returns a program that records its calls, one line per call.
func terraform(t *testing.T) (program, record string) {
	t.Helper()
	dir := t.TempDir()
	program, record = filepath.Join(dir, "terraform"), filepath.Join(dir, "calls")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$@\" >> "+record+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return program, record
}
