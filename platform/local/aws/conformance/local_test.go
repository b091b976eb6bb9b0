package conformance_test

import (
	"context"
	"testing"

	"github.com/llac-project/llac/platform/local/aws"
	"github.com/llac-project/llac/platform/local/aws/conformance"
)

// start starts a local cloud of its own for a test.
func start(t *testing.T) *aws.Cloud {
	t.Helper()
	cloud, err := aws.Start(context.Background(), aws.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cloud.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return cloud
}

func TestLocalCloud(t *testing.T) {
	t.Parallel()
	conformance.Run(t, conformance.Target{Config: start(t).Config(), Has: conformance.All()})
}
