package terraform

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/test/terraform/provider"
)

// program returns the terraform to test with: TERRAFORM, or the one in PATH. With LLAC_REQUIRE_ALL its absence is a failure.
func program(t *testing.T) string {
	t.Helper()
	name := os.Getenv("TERRAFORM")
	if name == "" {
		name = "terraform"
	}
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("LLAC_REQUIRE_ALL") == "" {
		t.Skip("terraform is not found; install 1.11 or later")
	}
	if err != nil {
		t.Fatal("terraform is not found; install 1.11 or later: ", err)
	}
	return path
}

// workspace is a copy of terraform/, and the environment to run terraform in.
type workspace struct {
	program, dir string
	env          []string
	provider     *provider.Provider
}

var (
	once   sync.Once
	shared workspace
	reason error
	// few limits how many terraform processes run at once.
	few = make(chan struct{}, 2)
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.provider != nil {
		_ = shared.provider.Close()
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

func prepare(t *testing.T) workspace {
	t.Helper()
	path := program(t)
	once.Do(func() { shared, reason = newWorkspace(path) })
	if reason != nil {
		t.Fatal(reason)
	}
	return shared
}

func newWorkspace(path string) (workspace, error) {
	dir, err := os.MkdirTemp("", "llac-terraform-")
	if err != nil {
		return workspace{}, err
	}
	w := workspace{program: path, dir: dir}
	if err := os.CopyFS(filepath.Join(dir, "terraform"), withoutCaches{os.DirFS(filepath.Join(repository, "terraform"))}); err != nil {
		return w, err
	}
	if err := os.CopyFS(filepath.Join(dir, "datasets"), os.DirFS(filepath.Join(repository, "datasets"))); err != nil {
		return w, err // the storage stack reads from the contracts what is personal
	}
	config, err := CLIConfig(dir)
	if err != nil {
		return w, err
	}
	for _, e := range os.Environ() {
		// The caller's settings and credentials do not reach terraform.
		if name, _, _ := strings.Cut(e, "="); !strings.HasPrefix(name, "TF_") && !strings.HasPrefix(name, "AWS_") {
			w.env = append(w.env, e)
		}
	}
	w.env = append(w.env, "TF_CLI_CONFIG_FILE="+config, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_REGION=eu-west-1")
	// Terraform would start the provider twice per run of a test. One provider for all runs saves most of the time. This init checks
	// that it
	// is the provider that the roots lock.
	data := filepath.Join(dir, "provider")
	init := exec.Command(path, "-chdir="+filepath.Join(dir, "terraform", "service"), "init", "-backend=false", "-input=false",
		"-no-color", "-lockfile=readonly")
	init.Env = append(slices.Clip(w.env), "TF_DATA_DIR="+data)
	if out, err := init.CombinedOutput(); err != nil {
		return w, fmt.Errorf("terraform init in terraform/service: %w\n%s", err, out)
	}
	if w.provider, err = provider.Start(data, w.env); err != nil {
		return w, err
	}
	w.env = append(w.env, w.provider.Variable())
	return w, nil
}

func (w workspace) run(t *testing.T, folder string, args ...string) (string, error) {
	t.Helper()
	few <- struct{}{}
	defer func() { <-few }()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, w.program, append([]string{"-chdir=" + filepath.Join(w.dir, "terraform", folder)}, args...)...)
	c.Env = w.env
	out, err := c.CombinedOutput()
	return string(out), err
}

func (w workspace) must(t *testing.T, folder string, args ...string) string {
	t.Helper()
	out, err := w.run(t, folder, args...)
	if err != nil {
		t.Fatalf("terraform %s in terraform/%s: %v\n%s", strings.Join(args, " "), folder, err, out)
	}
	return out
}

// TestFormat fails where `terraform fmt -recursive terraform` would write. It reads the repository itself: into the workspace,
// other tests generate files that are not formatted.
func TestFormat(t *testing.T) {
	t.Parallel()
	w := prepare(t)
	source, err := filepath.Abs("../../terraform")
	if err != nil {
		t.Fatal(err)
	}
	w.dir = filepath.Dir(source)
	if out, err := w.run(t, ".", "fmt", "-recursive", "-check", "-list=true"); err != nil {
		t.Errorf("not formatted (terraform fmt -recursive terraform): %v\n%s", err, out)
	}
}

// TestValid validates every root and every example that has no tests: terraform test validates the others.
func TestValid(t *testing.T) {
	t.Parallel()
	w := prepare(t)
	folders := slices.DeleteFunc(roots(t), func(folder string) bool {
		_, err := os.Stat(filepath.Join(repository, "terraform", folder, "tests"))
		return err == nil
	})
	examples, err := filepath.Glob(filepath.Join(repository, "terraform/modules/*/examples/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range examples {
		rel, err := filepath.Rel(filepath.Join(repository, "terraform"), e)
		if err != nil {
			t.Fatal(err)
		}
		folders = append(folders, rel)
	}
	for _, folder := range folders {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			w.must(t, folder, "init", "-backend=false", "-input=false", "-no-color")
			w.must(t, folder, "validate", "-no-color")
		})
	}
}

// TestScript checks that terraform/tf refuses mistakes and prints what exists instead.
func TestScript(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a shell script")
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no arguments": {nil, "terraform/tf <env> <root> <command>"},
		"an unknown service": {[]string{"dev", "services/cleaner", "plan"},
			"unknown root services/cleaner; the roots are:\nbootstrap\nstacks/marts"},
		"a folder of a service": {[]string{"dev", "services/stager/cmd", "plan"}, "unknown root services/stager/cmd; the roots are:"},
		"a folder of a stack":   {[]string{"dev", "stacks/storage/tests", "plan"}, "unknown root stacks/storage/tests"},
		"a pattern":             {[]string{"dev", "stacks/.*", "plan"}, "unknown root stacks/.*"},
		"another service": {[]string{"dev", "services/stager", "plan", "-var=service=validator"},
			"-var=service=validator: services/stager sets this variable itself"},
		"another service, two words": {[]string{"dev", "services/stager", "plan", "-var", "service=validator"},
			"service=validator: services/stager sets this variable itself"},
		"another service, two hyphens": {[]string{"dev", "services/stager", "apply", "-auto-approve", "--var=service=validator"},
			"--var=service=validator: services/stager sets this variable itself"},
		"another environment": {[]string{"dev", "stacks/storage", "plan", "-var=env=prod"},
			"-var=env=prod: stacks/storage sets this variable itself"},
		"another variable": {[]string{"dev", "services/stager", "plan", "-var", "artifact_sha256=service=x"},
			"create it with terraform/tf dev"},
		"a module": {[]string{"dev", "modules/bucket", "plan"}, "unknown root modules/bucket"},
		"an unknown env": {[]string{"staging", "stacks/storage", "plan"},
			"unknown environment staging; the environments are: dev prod"},
		"before the bootstrap": {[]string{"dev", "stacks/storage", "plan"}, "create it with terraform/tf dev bootstrap apply"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c2 := exec.CommandContext(t.Context(), filepath.Join(repository, "terraform/tf"), c.args...)
			c2.Env = append(os.Environ(), "LLAC_ACCOUNT_FILE="+filepath.Join(t.TempDir(), "account.hcl"), "LLAC_TF_DATA="+t.TempDir(),
				"LLAC_STATE_BUCKET=")
			out, err := c2.CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.want) {
				t.Errorf("got %v: %s, want %q", err, out, c.want)
			}
		})
	}
}
