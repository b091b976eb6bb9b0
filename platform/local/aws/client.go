package aws

import (
	"bytes"
	"io"
	"net/http"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// ConfigFor returns the configuration for SDK clients of a local cloud, which may run in another process (see
// OwnedError.Endpoint). S3 clients need no further option: the SDK addresses buckets by path at an IP address.
func ConfigFor(endpoint, region string) awssdk.Config {
	return awssdk.Config{
		Region:       region,
		BaseEndpoint: &endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient:   SteadyClient(awshttp.NewBuildableClient()),
	}
}

// SteadyClient wraps an HTTP client of the SDK for a server that responds within microseconds.
//
// The SDK closes a request's body as soon as the response headers arrive. net/http may not have read the body's end by then.
// Reading it after the close is an error in the SDK (smithy-go v1.28.1), and net/http drops the connection, if need be in the
// middle of the response body. With ReceiveMessage, messages would then be in flight that no consumer received. Over a network,
// responses never arrive that early.
func SteadyClient(client awssdk.HTTPClient) awssdk.HTTPClient { return steadyClient{client} }

type steadyClient struct{ awssdk.HTTPClient }

// smallBody is the size in bytes up to which a body is copied, so that it is sent in one write with the headers.
const smallBody = 64 << 10

// Do implements aws.HTTPClient.
func (c steadyClient) Do(r *http.Request) (*http.Response, error) {
	switch {
	case r.Body == nil || r.Body == http.NoBody:
	case r.ContentLength >= 0 && r.ContentLength <= smallBody:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		_ = r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(body))
	default:
		// Without WriteTo, a closed body reads as io.EOF.
		r.Body = struct {
			io.Reader
			io.Closer
		}{r.Body, r.Body}
	}
	return c.HTTPClient.Do(r)
}
