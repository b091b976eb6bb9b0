// Command lint runs tflint and checkov over terraform/, each in the version that the project names and installed into its own cache,
// and fails where one of them finds something. What they are not to find is in terraform/.checkov.yaml, each with its reason.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/llac-project/llac/platform/local/cache"
	"github.com/llac-project/llac/platform/local/python"
)

const (
	tflint  = "github.com/terraform-linters/tflint@v0.64.0"
	checkov = "checkov==3.3.30"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := errors.Join(runTflint(ctx), runCheckov(ctx)); err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(1)
	}
	fmt.Println("terraform/: tflint and checkov found nothing")
}

func runTflint(ctx context.Context) error {
	dir, err := cache.Keep(ctx, "tflint", tflint, func(dir string) error {
		fmt.Fprintln(os.Stderr, "building tflint, once (some minutes)")
		c := exec.CommandContext(ctx, "go", "install", tflint)
		// The workspace's settings are not tflint's.
		c.Env = append(os.Environ(), "GOBIN="+dir, "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("go install %s: %w: %s", tflint, err, last(out))
		}
		return nil
	})
	if err != nil {
		return err
	}
	config, err := filepath.Abs("terraform/.tflint.hcl")
	if err != nil {
		return err
	}
	return show(exec.CommandContext(ctx, filepath.Join(dir, "tflint"), "--recursive", "--config", config, "--chdir", "terraform"))
}

func runCheckov(ctx context.Context) error {
	environment, err := python.Ensure(ctx, "checkov-venv", []string{checkov}, os.Stderr)
	if err != nil {
		return err
	}
	// Its output is the findings; the number of passed checks shows that it ran.
	c := environment.Command(ctx, environment.Program("checkov"), "-d", "terraform", "--config-file", "terraform/.checkov.yaml")
	out, err := c.CombinedOutput()
	switch {
	case err != nil:
		return fmt.Errorf("checkov: %w\n%s", err, out)
	case !strings.Contains(string(out), "Passed checks:") || strings.Contains(string(out), "Passed checks: 0,"):
		return fmt.Errorf("checkov checked nothing:\n%s", out)
	}
	return nil
}

func show(c *exec.Cmd) error {
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(c.Path), err, out)
	}
	return nil
}

func last(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
