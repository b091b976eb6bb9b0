//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package aws

import (
	"os"
	"strings"
	"testing"
)

// TestCloud applies all roots to moto and runs the services on what they made. It takes minutes: make test-aws runs it. LLAC_TEST_AWS is
// 1, or the address of a moto in which everything is applied already.
func TestCloud(t *testing.T) {
	asked := os.Getenv("LLAC_TEST_AWS")
	if asked == "" {
		return // not a skip: what a machine lacks is not the reason
	}
	at := ""
	if strings.HasPrefix(asked, "http") {
		at = asked
	}
	w := newWorld(t, at)
	d := w.deployed(t)
	t.Run("functions, mappings and schedules are as they should be", func(t *testing.T) { configured(t, w, d); templates(t, d) })
	t.Run("the services run on what Terraform made", func(t *testing.T) { flowRuns(t, w, d) })
	t.Run("wrong wiring ends the flow", func(t *testing.T) { broken(t, w, d) })
}
