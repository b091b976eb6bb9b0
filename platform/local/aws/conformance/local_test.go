package conformance_test

import (
	"context"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/aws/conformance"
)

func TestLocalCloud(t *testing.T) {
	t.Parallel()
	cloud, err := aws.Start(context.Background(), aws.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cloud.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	conformance.Run(t, conformance.Target{Config: cloud.Config(), Has: conformance.All()})
}

// TestAWS runs the suite against the account of the standard credential chain. It costs a few cents.
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
