//go:build unix

package trino

import (
	"bufio"
	"context"
	_ "embed"
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

	"github.com/llac-project/llac/platform/local/cache"
)

// Catalog is the name of the server's catalog. It is the same as Athena's, so that the compiled SQL of both is identical.
const Catalog = "awsdatacatalog"

//go:embed server/pom.xml
var pom string

//go:embed server/Server.java
var program string

// MissingError names what this machine lacks to run Trino. A test may skip because of it.
type MissingError struct{ What string }

func (e *MissingError) Error() string { return e.What }

// Server is a running Trino.
type Server struct {
	Address string // http://127.0.0.1:<port>
	Log     string // file
	command *exec.Cmd
	input   io.Closer
}

// Maximum durations, long enough for a slow network and a busy machine.
const (
	downloadTime = 15 * time.Minute
	startTime    = 3 * time.Minute
	stopTime     = 20 * time.Second
)

// Start starts Trino over dir, to which it also writes its log. If Trino has to be downloaded, progress gets a line.
func Start(ctx context.Context, dir string, progress io.Writer) (*Server, error) {
	java, err := findJava(ctx)
	if err != nil {
		return nil, err
	}
	jars, err := fetch(ctx, progress)
	if err != nil {
		return nil, err
	}
	source := filepath.Join(dir, "Server.java")
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		return nil, fmt.Errorf("start Trino: %w", err)
	}
	s := &Server{Log: filepath.Join(dir, "trino.log")}
	// Java compiles and runs a single source file.
	s.command = exec.Command(java, "-Xmx1400m", "--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.nio=ALL-UNNAMED",
		"-Djdk.attach.allowAttachSelf=true", "-Duser.timezone=UTC", "-cp", filepath.Join(jars, "*"), source, dir)
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// The server exits when its input is closed, which also happens when this process is killed.
	if s.input, err = s.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start Trino: %w", err)
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start Trino: %w", err)
	}
	s.command.Stdout, s.command.Stderr = in, in
	log, err := os.Create(s.Log)
	if err == nil {
		err = s.command.Start()
	}
	_ = in.Close()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start Trino: %w", err), out.Close())
	}
	if s.Address, err = address(ctx, out, log); err != nil {
		return nil, errors.Join(fmt.Errorf("%w; the end of its log:\n%s", err, s.LogTail(40)), s.Close())
	}
	return s, nil
}

// Close stops the server and its child processes.
func (s *Server) Close() error {
	_ = s.input.Close()
	kill := time.AfterFunc(stopTime, func() { _ = syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL) })
	defer kill.Stop()
	return s.command.Wait()
}

// LogTail returns the last lines of the log that report a problem or are printed by the program.
func (s *Server) LogTail(lines int) string {
	b, err := os.ReadFile(s.Log)
	if err != nil {
		return err.Error()
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		relevant := !strings.Contains(line, "\tINFO\t") || strings.Contains(line, "\tstderr\t")
		if relevant && strings.TrimSpace(line) != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out[max(0, len(out)-lines):], "")
}

var listening = regexp.MustCompile(`listening on (http://127\.0\.0\.1:\d+)`)

// address copies the server's output to its log, and returns the address that it prints. It continues to copy afterwards.
func address(ctx context.Context, out, log io.ReadWriteCloser) (string, error) {
	found := make(chan string, 1)
	go func() {
		defer log.Close()
		defer out.Close()
		defer close(found)
		lines := bufio.NewReader(out)
		for sent := false; ; {
			line, err := lines.ReadString('\n')
			_, _ = io.WriteString(log, line)
			if m := listening.FindStringSubmatch(line); m != nil && !sent {
				sent = true
				found <- m[1]
			}
			if err != nil {
				return
			}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	select {
	case address, ok := <-found:
		if ok {
			return address, nil
		}
		return "", errors.New("start Trino: it exited before it listened")
	case <-ctx.Done():
		return "", fmt.Errorf("start Trino: it does not listen: %w", ctx.Err())
	}
}

// fetch returns the folder of Trino's jars. Maven downloads them once.
func fetch(ctx context.Context, progress io.Writer) (string, error) {
	dir, err := cache.Keep(ctx, "trino", pom, func(dir string) error {
		maven, err := exec.LookPath("mvn")
		if err != nil {
			return &MissingError{"find Apache Maven (mvn), which downloads Trino: it is not in PATH; install it (Debian and Ubuntu: maven)"}
		}
		file := filepath.Join(dir, "pom.xml")
		if err := os.WriteFile(file, []byte(pom), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(progress, "downloading Trino with Maven to %s, once: 250 MB\n", dir)
		ctx, cancel := context.WithTimeoutCause(ctx, downloadTime, fmt.Errorf("not finished after %s", downloadTime))
		defer cancel()
		c := exec.CommandContext(ctx, maven, "--batch-mode", "--quiet", "--file", file,
			"dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(dir, "jars"))
		if out, err := c.CombinedOutput(); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return fmt.Errorf("download Trino with %s: %w; Maven needs a repository that has it (see its settings.xml):\n%s",
				maven, err, out)
		}
		return nil
	})
	return filepath.Join(dir, "jars"), err
}

// oldestJava and newestJava are the versions of Java that this Trino and its Hadoop run on; only 17 has been tested.
const (
	oldestJava = 17
	newestJava = 23
)

// findJava returns a Java that can compile and run the server: that of JAVA_HOME, or else the one in PATH.
func findJava(ctx context.Context) (string, error) {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	advice := fmt.Sprintf("install a JDK of version %d to %d in PATH, or set JAVA_HOME (Debian and Ubuntu: openjdk-17-jdk-headless)",
		oldestJava, newestJava)
	path, err := exec.LookPath(java)
	if err != nil {
		return "", &MissingError{"find Java: it is neither in PATH nor at JAVA_HOME; " + advice}
	}
	out, err := exec.CommandContext(ctx, path, "--list-modules").Output()
	if err != nil {
		return "", &MissingError{fmt.Sprintf("%s --list-modules: %v; %s", path, err, advice)}
	}
	major := 0
	if m := regexp.MustCompile(`java\.base@(\d+)`).FindSubmatch(out); m != nil {
		major, _ = strconv.Atoi(string(m[1]))
	}
	if major < oldestJava || major > newestJava {
		return "", &MissingError{fmt.Sprintf("%s is Java %d; %s", path, major, advice)}
	}
	if !strings.Contains(string(out), "jdk.compiler@") {
		return "", &MissingError{fmt.Sprintf("%s has no compiler; %s", path, advice)}
	}
	return path, nil
}
