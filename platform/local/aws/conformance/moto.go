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
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
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
	server, err := installMoto(ctx, progress)
	if err != nil {
		return nil, err
	}
	m := &Moto{command: exec.Command(server, "-H", "127.0.0.1", "-p", "0")}
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

// installMoto answers the path of moto_server, installing it where it is missing. Several test processes may ask at once.
func installMoto(ctx context.Context, progress io.Writer) (string, error) {
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(cache, "moto-venv.lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return "", fmt.Errorf("lock the moto installation: %w", err)
	}
	defer lock.Close() // also unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock the moto installation: %w", err)
	}
	venv := filepath.Join(cache, "moto-venv")
	server, stamp := filepath.Join(venv, "bin", "moto_server"), filepath.Join(venv, "installed")
	want := "moto[server]==" + MotoVersion
	if b, err := os.ReadFile(stamp); err == nil && string(b) == want {
		return server, nil
	}
	python, err := findPython(ctx)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(progress, "installing %s into %s, once\n", want, venv)
	if err := os.RemoveAll(venv); err != nil {
		return "", fmt.Errorf("remove a half-made virtual environment: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for _, command := range [][]string{
		{python, "-m", "venv", venv},
		{filepath.Join(venv, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", want},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", strings.Join(command[1:], " "), err, lastLine(out))
		}
	}
	return server, os.WriteFile(stamp, []byte(want), 0o644)
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// cacheFolder is <repository>/.cache, or the user's cache outside a checkout.
func cacheFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.work")); err == nil {
			return filepath.Join(d, ".cache"), nil
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache folder: %w", err)
	}
	return filepath.Join(cache, "llac"), nil
}

// findPython answers a Python of at least 3.10.
func findPython(ctx context.Context) (string, error) {
	for _, name := range []string{"python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, path, "-c", "import sys; print(sys.version_info[0] * 100 + sys.version_info[1])").Output()
		if version, e := strconv.Atoi(strings.TrimSpace(string(out))); err == nil && e == nil && version >= 310 {
			return path, nil
		}
	}
	return "", errors.New("no Python of at least 3.10 found; install one to run the suite against moto")
}
