//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package conformance

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

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/llac-project/llac/platform/local/python"
)

// MotoVersion is the moto that the suite is run against.
const MotoVersion = "5.2.1"

// MotoFeatures is what that moto has: no move tasks, no dead-letter queues of subscriptions, and fewer checks.
func MotoFeatures() Features {
	return Features{}
}

// Moto is a running moto_server.
type Moto struct {
	Config  aws.Config
	command *exec.Cmd
}

// StartMoto installs moto into a virtual environment of the project's own, once, and starts it on a free port. progress
// gets a line when an installation begins.
func StartMoto(ctx context.Context, progress io.Writer) (*Moto, error) {
	environment, err := python.Ensure(ctx, "moto-venv", []string{"moto[server]==" + MotoVersion}, progress)
	if err != nil {
		return nil, fmt.Errorf("install moto: %w", err)
	}
	m := &Moto{command: exec.Command(environment.Program("moto_server"), "-H", "127.0.0.1", "-p", "0")}
	m.command.Env = append(os.Environ(), "PYTHONUNBUFFERED=1")
	m.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start moto: %w", err)
	}
	m.command.Stdout, m.command.Stderr = in, in
	err = m.command.Start()
	_ = in.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start moto: %w", err), out.Close())
	}
	endpoint, err := motoAddress(ctx, out)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	m.Config = aws.Config{Region: "eu-west-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	return m, nil
}

var runningOn = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// motoAddress reads the server's log until it says where it listens, and keeps reading so that it never blocks.
func motoAddress(ctx context.Context, log io.ReadCloser) (string, error) {
	found := make(chan string, 1)
	go func() {
		defer log.Close()
		var last string
		for lines := bufio.NewScanner(log); lines.Scan(); {
			last = lines.Text()
			if m := runningOn.FindStringSubmatch(last); m != nil {
				select {
				case found <- m[1]:
				default:
				}
			}
		}
		close(found)
	}()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	select {
	case address, ok := <-found:
		if ok {
			return address, nil
		}
		return "", errors.New("moto_server ended before it listened; run it by hand to see why")
	case <-ctx.Done():
		return "", fmt.Errorf("moto_server does not listen: %w", ctx.Err())
	}
}

// Close stops the server and what it has started.
func (m *Moto) Close() error {
	_ = syscall.Kill(-m.command.Process.Pid, syscall.SIGKILL)
	_ = m.command.Wait() // says "killed"
	return nil
}
