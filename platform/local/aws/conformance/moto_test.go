//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package conformance_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/llac-project/llac/platform/local/aws/conformance"
)

// moto is the server of all tests of this package. It is started by the first test that needs it.
var (
	moto  *conformance.Moto
	start = sync.OnceValue(func() (err error) {
		moto, err = conformance.StartMoto(context.Background(), os.Stderr)
		return err
	})
)

func TestMain(m *testing.M) {
	code := m.Run()
	if moto != nil {
		_ = moto.Close()
	}
	os.Exit(code)
}

// needMoto skips the test where moto cannot be started, or fails it if everything is required.
func needMoto(t *testing.T) {
	t.Helper()
	required := os.Getenv("LLAC_REQUIRE_ALL") == "1"
	if testing.Short() && !required {
		t.Skip("moto takes a minute; it does not run with -short")
	}
	if err := start(); err != nil {
		if required {
			t.Fatal(err)
		}
		t.Skip("moto is not available: ", err)
	}
}

// TestMoto runs the suite against moto. The counts are small: in moto, a receive takes time in proportion to the queue's length.
func TestMoto(t *testing.T) {
	t.Parallel()
	needMoto(t)
	conformance.Run(t, conformance.Target{Config: moto.Config, Has: conformance.MotoFeatures(), Racers: 4, Keys: 8})
}
