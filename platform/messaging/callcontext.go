package messaging

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/llac-project/llac/platform/telemetry"
)

// callContexts passes the contexts of messages to the SDK's calls. watermill-aws's publisher calls the SDK with a background
// context. The marshaler therefore stores a message's context by the input it made, and a middleware of the SDK looks the
// context up by that input.
type callContexts struct {
	timeout time.Duration
	byInput sync.Map // *sns.PublishInput → context.Context
}

func newCallContexts(timeout time.Duration) *callContexts { return &callContexts{timeout: timeout} }

func (c *callContexts) put(in *sns.PublishInput, ctx context.Context) { c.byInput.Store(in, ctx) }

func (c *callContexts) take(in any) context.Context {
	if ctx, ok := c.byInput.LoadAndDelete(in); ok {
		return ctx.(context.Context)
	}
	return context.Background()
}

// install adds two middlewares: one bounds the call's time, one writes X-Ray's header. SNS Publish has no system attributes.
// The header is therefore the only way to pass the trace context.
func (c *callContexts) install(o *sns.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		if err := stack.Initialize.Add(middleware.InitializeMiddlewareFunc("LlacCallContext", c.bound), middleware.Before); err != nil {
			return err
		}
		// Before the SDK's own middleware, which would write the trace header of the Lambda invocation.
		return stack.Build.Add(middleware.BuildMiddlewareFunc("LlacTraceHeader", writeTraceHeader), middleware.Before)
	})
}

type traceHeader struct{}

func (c *callContexts) bound(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
	middleware.InitializeOutput, middleware.Metadata, error,
) {
	caller := c.take(in.Parameters)
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	defer context.AfterFunc(caller, cancel)()
	return next.HandleInitialize(middleware.WithStackValue(ctx, traceHeader{}, telemetry.XRayHeader(caller)), in)
}

func writeTraceHeader(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (
	middleware.BuildOutput, middleware.Metadata, error,
) {
	header, _ := middleware.GetStackValue(ctx, traceHeader{}).(string)
	if request, ok := in.Request.(*smithyhttp.Request); ok && header != "" {
		request.Header.Set(telemetry.XRayHeaderName, header)
	}
	return next.HandleBuild(ctx, in)
}
