//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestCloud applies all roots to moto, with the commands that a person uses in an account, and runs the services on the result. It takes
// minutes; make test-aws runs it. LLAC_TEST_AWS is 1, or the address of a moto in which everything is applied already.
func TestCloud(t *testing.T) {
	setting := os.Getenv("LLAC_TEST_AWS")
	if setting == "" {
		return // not a skip: a skip means that the machine lacks something
	}
	t.Parallel()
	address, start := "", time.Now()
	if strings.HasPrefix(setting, "http") {
		address = setting
	}
	e := newEnvironment(t, address)
	step := func(name string, f func(t *testing.T)) {
		stepStart := time.Now()
		if !t.Run(name, f) && name == "apply" {
			t.FailNow()
		}
		t.Logf("%s: %s, at %s", name, time.Since(stepStart).Round(time.Second), time.Since(start).Round(time.Second))
	}
	if address == "" {
		step("apply", e.apply)
	} else {
		e.build(t)
	}
	d := e.deployed(t)
	step("functions, mappings and schedules are configured as required", func(t *testing.T) {
		checkConfiguration(t, e, d)
		checkSchedules(t, d)
	})
	step("the services run on the applied environment", func(t *testing.T) { flowRuns(t, e, d) })
	step("a function times out during a batch", func(t *testing.T) { timesOut(t, e, d) })
	step("wrong wiring stops the flow", func(t *testing.T) { wrongWiring(t, e, d) })
	step("a message that cannot be delivered", func(t *testing.T) { undeliverable(t, e) })
	step("the runbooks", func(t *testing.T) { runbooks(t, e, d) })
	if address == "" {
		step("one service is deployed and rolled back", func(t *testing.T) { deployAndRollBack(t, e, d) })
		step("second plans", func(t *testing.T) { secondPlans(t, e) })
		step("cost of a month", func(t *testing.T) { cost(t, e) })
		step("the data cannot be destroyed", func(t *testing.T) { protected(t, e) })
	}
}

// log runs a program and writes its output to the file <name>.log. An error includes the end of the output.
func (e *environment) log(c *exec.Cmd, name string) error {
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	err := c.Run()
	_ = os.WriteFile(filepath.Join(e.plans, name+".log"), output.Bytes(), 0o644) // for people
	if err != nil {
		return &commandError{name, err, output.String()}
	}
	return nil
}

// commandError is a program that failed, with its output.
type commandError struct {
	name   string
	err    error
	output string
}

func (f *commandError) Error() string {
	lines := strings.Split(strings.TrimSpace(f.output), "\n")
	return f.name + ": " + f.err.Error() + "\n" + strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// build builds the functions for this machine; the driver runs them.
func (e *environment) build(t *testing.T) {
	t.Helper()
	e.must(t, "make", "bin/llac")
	e.must(t, "make", "functions", "FUNCTIONS_OS=", "FUNCTIONS_ARCH=", "FUNCTIONS_DIR="+e.binaries)
}

// apply runs the commands that create an environment. The provider waits half a minute for each queue and a minute for each bucket's rules,
// and moto is one process, so independent commands run at the same time.
func (e *environment) apply(t *testing.T) {
	var group errgroup.Group
	group.Go(func() error { return e.log(e.command(t, "make", "bootstrap"), "bootstrap") })
	e.build(t)
	for _, s := range flow { // compile while bootstrap is applied
		e.must(t, "make", "package", "SERVICE="+s)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	// stacks applies roots under terraform/stacks; Terraform only warns about a variable that a root does not declare.
	stacks := func(names ...string) error {
		c := e.command(t, "make", append([]string{"-j2"}, names...)...)
		c.Env = append(c.Env, "TF_CLI_ARGS_apply=-var-file="+e.roles(t))
		return e.log(c, names[0])
	}
	if err := errors.Join(stacks("stack-of-storage", "stack-of-security"), stacks("stack-of-messaging")); err != nil {
		t.Fatal(err)
	}
	group = errgroup.Group{}
	group.Go(func() error { return stacks("stack-of-monitoring", "stack-of-marts") })
	for _, s := range flow {
		group.Go(func() error { return e.log(e.deploy(t, s), "deploy-"+s) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// deploy returns the command make deploy for a service, or another target if the first of more names one, with the settings for moto.
func (e *environment) deploy(t *testing.T, service string, more ...string) *exec.Cmd {
	t.Helper()
	target := "deploy"
	if len(more) > 0 && !strings.Contains(more[0], "=") {
		target, more = more[0], more[1:]
	}
	c := e.command(t, "make", append([]string{target, "SERVICE=" + service}, more...)...)
	c.Env = append(c.Env, "TF_VAR_local=true", "TF_CLI_ARGS_init=-backend-config=use_path_style=true")
	return c
}

// roles returns the file of variables with which stacks/security creates every role, and stacks/marts its trigger.
func (e *environment) roles(t *testing.T) string {
	t.Helper()
	return filepath.Join(root(t), "test", "aws", "security.tfvars")
}
