package checks

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// versionTimeout is how long another program may take to print its version.
const versionTimeout = 10 * time.Second

func versionOf(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func golang(ctx context.Context) []Finding {
	v, err := versionOf(ctx, "go", "version")
	if err != nil {
		return one("go", Warn, "not found", "only needed to build llac and to run its tests")
	}
	return one("go", OK, strings.TrimPrefix(v, "go version "), "")
}

var pythonVersion = regexp.MustCompile(`^Python 3\.(\d+)`)

func python(ctx context.Context) []Finding {
	const fix = "only needed for the marts (dbt) and for half of the conformance tests; install Python 3.10 or later"
	v, err := versionOf(ctx, "python3", "--version")
	m := pythonVersion.FindStringSubmatch(v)
	if err != nil || m == nil {
		return one("python", Warn, "not found", fix)
	}
	if minor, _ := strconv.Atoi(m[1]); minor < 10 {
		return one("python", Warn, v, fix)
	}
	return one("python", OK, v, "")
}

func loopback(ctx context.Context) []Finding {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return one("loopback", Fail, fmt.Sprintf("listen on 127.0.0.1: %v", err), "allow programs to listen on the loopback interface")
	}
	_ = l.Close() // it was only a test
	return one("loopback", OK, "a port on 127.0.0.1 can be opened", "")
}
