package chaos

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/llac-project/llac/platform/messaging"
	"github.com/llac-project/llac/platform/runtime/lambdatest"
)

// TestAsLambdas runs the six binaries as Lambda functions behind event source mappings. The lake must end as with six
// long-running consumers.
func TestAsLambdas(t *testing.T) {
	want := baseline()(t)
	t.Parallel()
	sys := newSystem(t, "municipalities")
	ctx, cancel := context.WithCancel(t.Context())
	var mappings sync.WaitGroup
	for _, s := range serviceNames {
		api := lambdatest.StartRuntimeAPI()
		sys.start(s, "AWS_LAMBDA_RUNTIME_API="+api.Address())
		source := lambdatest.EventSource{
			API: api, SQS: sys.sqs, QueueURL: sys.topology.Queues[s], QueueARN: sys.cloud.QueueARN(messaging.QueueName(env,
				s)), Timeout: 30 * time.Second,
		}
		mappings.Go(func() {
			defer api.Close() // the function then exits
			for ctx.Err() == nil {
				if r, err := source.Once(ctx); err != nil && ctx.Err() == nil || r.Answer.Failed {
					t.Errorf("%s as a function: %+v %v %s", s, r, err, r.Answer.Payload)
					return
				}
			}
		})
	}
	t.Cleanup(mappings.Wait)
	t.Cleanup(cancel)
	sys.request("municipalities")
	sys.waitDone("municipalities")
	if got := sys.readState("municipalities"); !reflect.DeepEqual(got, want) {
		t.Errorf("with functions the lake differs:%s", difference(got, want))
	}
	cancel()
	mappings.Wait()
}
