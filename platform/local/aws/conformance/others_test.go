//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package conformance_test

import (
	"context"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/llac-project/llac/platform/local/aws/conformance"
)

// TestMoto runs the suite against moto, with small counts: a receive there costs as much as its backlog is long.
func TestMoto(t *testing.T) {
	t.Parallel()
	required := os.Getenv("LLAC_REQUIRE_ALL") == "1"
	if testing.Short() && !required {
		t.Skip("moto takes a minute; not with -short")
	}
	moto, err := conformance.StartMoto(context.Background(), os.Stderr)
	if err != nil {
		if required {
			t.Fatal(err)
		}
		t.Skip("moto is not available: ", err)
	}
	t.Cleanup(func() { _ = moto.Close() })
	conformance.Run(t, conformance.Target{Config: moto.Config, Has: conformance.MotoFeatures(), Racers: 4, Keys: 8})
}

// TestAWS runs the suite against the account of the standard credential chain, which it costs a few cents.
func TestAWS(t *testing.T) {
	if os.Getenv("LLAC_CONFORMANCE_AWS") != "1" {
		t.Skip("set LLAC_CONFORMANCE_AWS=1 to run against the account of your AWS credentials")
	}
	settings, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	conformance.Run(t, conformance.Target{Config: settings, Has: conformance.All()})
}
