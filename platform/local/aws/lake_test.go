package aws_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/llac-project/llac/platform/clock"
	"github.com/llac-project/llac/platform/lake"
	"github.com/llac-project/llac/platform/lake/laketest"
	"github.com/llac-project/llac/platform/local/aws"
)

// openStore starts a local cloud with one bucket and returns the lake's store on it.
func openStore(t *testing.T, strict bool) laketest.Faulty {
	t.Helper()
	c, err := aws.Start(t.Context(), aws.Options{Dir: t.TempDir(), Buckets: []string{"data"}, StrictMissing: strict})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	config := c.Config()
	config.Retryer = func() awssdk.Retryer { // the SDK's own, without its waits
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Millisecond, nil })
		})
	}
	return laketest.Faulty{
		Store: lake.NewS3(config, "data", clock.System{}), NoBucket: lake.NewS3(config, "nowhere", clock.System{}),
		Set: func(decide func(*http.Request) laketest.Fault) {
			if decide == nil {
				c.SetFault(nil)
				return
			}
			c.SetFault(func(r *http.Request) aws.Fault {
				f := decide(r)
				return aws.Fault{Status: f.Status, Code: f.Code, LoseResponse: f.LoseResponse}
			})
		},
	}
}

// The lake's store passes these suites here, in memory, and against a small fake of S3.

func TestLakeStore(t *testing.T) {
	t.Parallel()
	laketest.Conformance(t, func(t *testing.T) lake.Store { return openStore(t, false).Store })
}

func TestLakeStoreFaults(t *testing.T) {
	t.Parallel()
	laketest.Faults(t, openStore)
}
