package aws

import (
	"net"
	"strings"
	"testing"
	"time"
)

// TestCloseDoesNotWaitForUnusedConnections checks that Close does not wait five seconds for connections that clients opened in
// advance.
func TestCloseDoesNotWaitForUnusedConnections(t *testing.T) {
	t.Parallel()
	c, err := Start(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.Endpoint(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for c.unused.count() == 0 { // until the server has seen it
		time.Sleep(time.Millisecond)
	}
	start := time.Now()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("Close took %s", took)
	}
}

func (u *connections) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.open)
}
