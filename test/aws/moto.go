//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"time"

	"github.com/llac-project/llac/platform/local/aws/conformance"
	"github.com/llac-project/llac/platform/local/python"
)

// Account is the account that moto reports for every caller.
const Account = "123456789012"

// Moto is a running moto_server.py.
type Moto struct {
	Endpoint string
	command  *exec.Cmd
}

var runningOn = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// StartMoto starts script, which is moto_server.py, on a free port, with the moto of the project's own Python environment.
func StartMoto(ctx context.Context, script string, progress io.Writer) (*Moto, error) {
	environment, err := python.Ensure(ctx, "moto-venv", []string{"moto[server]==" + conformance.MotoVersion}, progress)
	if err != nil {
		return nil, fmt.Errorf("install moto: %w", err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start moto: %w", err)
	}
	m := &Moto{command: environment.Command(context.WithoutCancel(ctx), script, "-H", "127.0.0.1", "-p", "0")}
	m.command.Stdout, m.command.Stderr = in, in
	m.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = m.command.Start()
	_ = in.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start moto: %w", err), out.Close())
	}
	found := make(chan string, 1)
	go func() { // keeps reading, so that moto never blocks on its output
		defer out.Close()
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if at := runningOn.FindStringSubmatch(lines.Text()); at != nil {
				select {
				case found <- at[1]:
				default:
				}
			}
		}
		close(found)
	}()
	select {
	case m.Endpoint = <-found:
		if m.Endpoint != "" {
			return m, nil
		}
		err = errors.New("start moto: it exited before it listened; run test/aws/moto_server.py by hand to see why")
		return nil, errors.Join(err, m.Close())
	case <-time.After(time.Minute):
		return nil, errors.Join(errors.New("start moto: it does not listen after a minute"), m.Close())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), m.Close())
	}
}

// Close stops the server.
func (m *Moto) Close() error {
	_ = syscall.Kill(-m.command.Process.Pid, syscall.SIGKILL)
	_ = m.command.Wait() // its error is that the process was killed
	return nil
}
