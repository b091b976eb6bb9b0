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

// Catalog is the name of the server's catalog: Athena's, so that the compiled SQL of both is the same text.
const Catalog = "awsdatacatalog"

//go:embed server/pom.xml
var pom string

//go:embed server/Server.java
var program string

// MissingError says what this machine lacks to run Trino. A test may skip by it.
type MissingError struct{ What string }

func (e *MissingError) Error() string { return e.What }

// Server is a running Trino.
type Server struct {
	Address string // http://127.0.0.1:<port>
	Log     string // file
	command *exec.Cmd
	input   io.Closer
}

// Bounds, for a slow network and a busy machine.
const (
	downloadTime = 15 * time.Minute
	startTime    = 3 * time.Minute
	stopTime     = 20 * time.Second
)

// Start starts Trino over dir, which gets its log too; progress gets a line when Trino has to be fetched.
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
	// Java compiles a single file itself.
	s.command = exec.Command(java, "-Xmx1400m", "--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.nio=ALL-UNNAMED",
		"-Djdk.attach.allowAttachSelf=true", "-Duser.timezone=UTC", "-cp", filepath.Join(jars, "*"), source, dir)
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// The server ends with its input: also when this process is killed.
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

// Close stops the server and what it has started.
func (s *Server) Close() error {
	_ = s.input.Close()
	kill := time.AfterFunc(stopTime, func() { _ = syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL) })
	defer kill.Stop()
	return s.command.Wait()
}

// LogTail is the last lines of the log that say more than that all goes well.
func (s *Server) LogTail(lines int) string {
	b, err := os.ReadFile(s.Log)
	if err != nil {
		return err.Error()
	}
	var said []string
	for line := range strings.Lines(string(b)) {
		// What went wrong, and what the program itself printed, its stack trace included.
		telling := !strings.Contains(line, "\tINFO\t") || strings.Contains(line, "\tstderr\t")
		if telling && strings.TrimSpace(line) != "" {
			said = append(said, line)
		}
	}
	return strings.Join(said[max(0, len(said)-lines):], "")
}

var listening = regexp.MustCompile(`listening on (http://127\.0\.0\.1:\d+)`)

// address copies the server's output to its log, reading it until it says where it listens, and goes on copying.
func address(ctx context.Context, out, log io.ReadWriteCloser) (string, error) {
	found := make(chan string, 1)
	go func() {
		defer log.Close()
		defer out.Close()
		defer close(found)
		lines := bufio.NewReader(out)
		for said := false; ; {
			line, err := lines.ReadString('\n')
			_, _ = io.WriteString(log, line)
			if m := listening.FindStringSubmatch(line); m != nil && !said {
				said = true
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
		return "", errors.New("trino ended before it listened")
	case <-ctx.Done():
		return "", fmt.Errorf("trino does not listen: %w", ctx.Err())
	}
}

// fetch answers the folder of Trino's jars. Maven fetches them once.
func fetch(ctx context.Context, progress io.Writer) (string, error) {
	dir, err := cache.Keep(ctx, "trino", pom, func(dir string) error {
		maven, err := exec.LookPath("mvn")
		if err != nil {
			return &MissingError{"no Apache Maven (mvn) found, which fetches Trino; install it and have it in PATH (Debian and Ubuntu: maven)"}
		}
		file := filepath.Join(dir, "pom.xml")
		if err := os.WriteFile(file, []byte(pom), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(progress, "fetching Trino with Maven into %s, once: 250 MB\n", dir)
		ctx, cancel := context.WithTimeoutCause(ctx, downloadTime, fmt.Errorf("not done after %s", downloadTime))
		defer cancel()
		c := exec.CommandContext(ctx, maven, "--batch-mode", "--quiet", "--file", file, "dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(dir, "jars"))
		if out, err := c.CombinedOutput(); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return fmt.Errorf("fetch Trino by %s: %w; it needs a repository that has it (see Maven's settings.xml):\n%s", maven, err, out)
		}
		return nil
	})
	return filepath.Join(dir, "jars"), err
}

// oldestJava and newestJava bound what Trino's version and the Hadoop in it run on; only 17 has been tried.
const (
	oldestJava = 17
	newestJava = 23
)

// findJava answers a Java that can run and compile the server: JAVA_HOME's, or else the one in PATH.
func findJava(ctx context.Context) (string, error) {
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	wanted := fmt.Sprintf("install a JDK of version %d to %d and have it in PATH, or name it by JAVA_HOME (Debian and Ubuntu: openjdk-17-jdk-headless)", oldestJava, newestJava)
	path, err := exec.LookPath(java)
	if err != nil {
		return "", &MissingError{"no Java found; " + wanted}
	}
	out, err := exec.CommandContext(ctx, path, "--list-modules").Output()
	if err != nil {
		return "", &MissingError{fmt.Sprintf("%s --list-modules: %v; %s", path, err, wanted)}
	}
	major := 0
	if m := regexp.MustCompile(`java\.base@(\d+)`).FindSubmatch(out); m != nil {
		major, _ = strconv.Atoi(string(m[1]))
	}
	if major < oldestJava || major > newestJava {
		return "", &MissingError{fmt.Sprintf("%s is Java %d; %s", path, major, wanted)}
	}
	if !strings.Contains(string(out), "jdk.compiler@") {
		return "", &MissingError{fmt.Sprintf("%s cannot compile; %s", path, wanted)}
	}
	return path, nil
}
