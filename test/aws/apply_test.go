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

// TestCloud applies all roots to moto, by the commands by which a person does it in an account, and runs the services on what they made. It
// takes minutes: make test-aws runs it. LLAC_TEST_AWS is 1, or the address of a moto in which everything is applied already.
func TestCloud(t *testing.T) {
	asked := os.Getenv("LLAC_TEST_AWS")
	if asked == "" {
		return // not a skip: what a machine lacks is not the reason
	}
	t.Parallel()
	at, begun := "", time.Now()
	if strings.HasPrefix(asked, "http") {
		at = asked
	}
	w := newWorld(t, at)
	step := func(name string, f func(t *testing.T)) {
		started := time.Now()
		if !t.Run(name, f) && name == "apply" {
			t.FailNow()
		}
		t.Logf("%s: %s, at %s", name, time.Since(started).Round(time.Second), time.Since(begun).Round(time.Second))
	}
	if at == "" {
		step("apply", w.apply)
	} else {
		w.build(t)
	}
	d := w.deployed(t)
	step("functions, mappings and schedules are as they should be", func(t *testing.T) { configured(t, w, d); templates(t, d) })
	step("the services run on what Terraform made", func(t *testing.T) { flowRuns(t, w, d) })
	step("a function times out in the middle of a batch", func(t *testing.T) { timesOut(t, w, d) })
	step("wrong wiring ends the flow", func(t *testing.T) { broken(t, w, d) })
	step("a message that cannot be delivered", func(t *testing.T) { undeliverable(t, w) })
	step("the runbooks", func(t *testing.T) { runbooks(t, w, d) })
	if at == "" {
		step("one service is deployed, and taken back", func(t *testing.T) { deploysAlone(t, w, d) })
		step("second plans", func(t *testing.T) { secondPlans(t, w) })
		step("a month's cost", func(t *testing.T) { costs(t, w) })
		step("nothing takes the data away", func(t *testing.T) { protected(t, w) })
	}
}

// log runs a program whose words go to a file of the world's, and answers them when it fails.
func (w *world) log(c *exec.Cmd, name string) error {
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	err := c.Run()
	_ = os.WriteFile(filepath.Join(w.plans, name+".log"), said.Bytes(), 0o644) // for people
	if err != nil {
		return &failed{name, err, said.String()}
	}
	return nil
}

type failed struct {
	name string
	err  error
	said string
}

func (f *failed) Error() string {
	lines := strings.Split(strings.TrimSpace(f.said), "\n")
	return f.name + ": " + f.err.Error() + "\n" + strings.Join(lines[max(0, len(lines)-40):], "\n")
}

// build makes the functions for this machine, which the driver runs.
func (w *world) build(t *testing.T) {
	t.Helper()
	w.must(t, "make", "bin/llac")
	w.must(t, "make", "functions", "FUNCTIONS_OS=", "FUNCTIONS_ARCH=", "FUNCTIONS_DIR="+w.binaries)
}

// apply does what README tells a person to do. The provider waits half a minute for each queue and a minute for each bucket's rules, and
// moto is one process: what needs not wait for each other is done at the same time.
func (w *world) apply(t *testing.T) {
	var group errgroup.Group
	group.Go(func() error { return w.log(w.command(t, "make", "bootstrap"), "bootstrap") })
	w.build(t)
	for _, s := range flow { // compiled before it is waited for
		w.must(t, "make", "package", "SERVICE="+s)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	stacks := func(names ...string) error {
		c := w.command(t, "make", append([]string{"-j2"}, names...)...)
		c.Env = append(c.Env, "TF_CLI_ARGS_apply=-var-file="+w.roles(t)) // roots that do not know these variables only say so
		return w.log(c, names[0])
	}
	if err := errors.Join(stacks("stack-of-storage", "stack-of-security"), stacks("stack-of-messaging")); err != nil {
		t.Fatal(err)
	}
	group = errgroup.Group{}
	group.Go(func() error { return stacks("stack-of-monitoring", "stack-of-marts") })
	for _, s := range flow {
		group.Go(func() error { return w.log(w.deploy(t, s), "deploy-"+s) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// deploy is make deploy of a service, or of what else make knows of one, with what moto alone needs.
func (w *world) deploy(t *testing.T, service string, more ...string) *exec.Cmd {
	t.Helper()
	what := "deploy"
	if len(more) > 0 && !strings.Contains(more[0], "=") {
		what, more = more[0], more[1:]
	}
	c := w.command(t, "make", append([]string{what, "SERVICE=" + service}, more...)...)
	c.Env = append(c.Env, "TF_VAR_local=true", "TF_CLI_ARGS_init=-backend-config=use_path_style=true")
	return c
}

// roles are variables with which stacks/security makes every role, and stacks/marts its trigger.
func (w *world) roles(t *testing.T) string {
	t.Helper()
	return filepath.Join(root(t), "test", "aws", "security.tfvars")
}
