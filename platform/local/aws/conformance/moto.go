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

// MotoVersion is the version of moto that the suite runs against.
const MotoVersion = "5.2.1"

// MotoFeatures are the features of that version: no dead-letter queues of subscriptions, and fewer checks.
func MotoFeatures() Features {
	return Features{}
}

// Moto is a running moto_server.
type Moto struct {
	Config  aws.Config
	command *exec.Cmd
}

// StartMoto starts moto on a free port. It installs moto once, in a virtual environment of the project. It writes a line to
// progress before an installation.
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
	m.Config = aws.Config{Region: "eu-west-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test",
		"test", "")}
	return m, nil
}

var runningOn = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// motoAddress reads the server's address from its log. It keeps reading the log, so that the server never blocks.
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
		return "", errors.New("start moto_server: it ended before it listened; run it by hand to see why")
	case <-ctx.Done():
		return "", fmt.Errorf("start moto_server: it does not listen: %w", ctx.Err())
	}
}

// Close ends the server and its child processes.
func (m *Moto) Close() error {
	_ = syscall.Kill(-m.command.Process.Pid, syscall.SIGKILL)
	_ = m.command.Wait() // the error is "killed"
	return nil
}
