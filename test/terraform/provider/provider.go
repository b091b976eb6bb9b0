// Package provider runs Terraform's AWS provider once for many terraform processes, which otherwise start it several times each.
package provider

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

// Provider is a running provider.
type Provider struct {
	command  *exec.Cmd
	alive    io.Closer
	variable string
}

// reattach is the line by which a provider reports where it listens.
var reattach = regexp.MustCompile(`(TF_REATTACH_PROVIDERS)='(.*)'`)

// Start starts the provider that terraform init installed into a data directory. Close stops it; so does the end of this process.
func Start(dataDir string, env []string) (*Provider, error) {
	found, err := filepath.Glob(filepath.Join(dataDir, "providers", "registry.terraform.io", "hashicorp", "aws", "*", "*",
		"terraform-provider-aws*"))
	if err != nil || len(found) != 1 {
		return nil, fmt.Errorf("find the AWS provider in %s: found %v, %w", dataDir, found, err)
	}
	// The shell ends the provider when its input ends: also when this process dies without calling Close.
	p := &Provider{command: exec.Command("sh", "-c", `"$0" -debug & provider=$!; cat >/dev/null; kill -KILL $provider; wait`, found[0])}
	p.command.Env = env
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the AWS provider: %w", err)
	}
	if p.alive, err = p.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start the AWS provider: %w", err)
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start the AWS provider: %w", err)
	}
	reported := make(chan string, 1)
	go func() {
		defer close(reported)
		for lines := bufio.NewScanner(out); lines.Scan(); { // reads on, so that the provider never blocks
			if m := reattach.FindStringSubmatch(lines.Text()); m != nil {
				reported <- m[1] + "=" + m[2]
			}
		}
	}()
	select {
	case p.variable = <-reported:
		if p.variable != "" {
			return p, nil
		}
		return nil, errors.Join(fmt.Errorf("start the AWS provider: %s -debug ended without an address", found[0]), p.Close())
	case <-time.After(2 * time.Minute):
		return nil, errors.Join(errors.New("start the AWS provider: no address after two minutes"), p.Close())
	}
}

// Variable is the environment variable by which terraform finds the provider.
func (p *Provider) Variable() string { return p.variable }

// Close stops the provider.
func (p *Provider) Close() error {
	err := p.alive.Close()
	_ = p.command.Wait() // reports the signal
	return err
}
