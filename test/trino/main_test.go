//go:build trino && unix

package trino

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

// shared is the one Trino of all tests; each test has its own schemas.
var shared struct {
	sync.Mutex
	server *Server
	dir    string
	failed bool
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		if shared.failed {
			fmt.Fprintf(os.Stderr, "the end of Trino's log:\n%s", shared.server.LogTail(60))
		}
		if err := shared.server.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "Trino did not exit by itself: %v\n", err)
			code = max(code, 1)
		}
	}
	if err := os.RemoveAll(shared.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// startTrino returns the shared Trino, which it starts for the first test.
func startTrino(t *testing.T) *Client {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	t.Cleanup(func() {
		shared.Lock()
		defer shared.Unlock()
		shared.failed = shared.failed || t.Failed()
	})
	if shared.server == nil {
		var err error
		if shared.dir == "" {
			if shared.dir, err = os.MkdirTemp("", "llac-trino"); err != nil {
				t.Fatal(err)
			}
		}
		shared.server, err = Start(context.Background(), shared.dir, os.Stderr)
		var missing *MissingError
		if errors.As(err, &missing) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return &Client{shared.server.Address}
}
