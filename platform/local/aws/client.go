package aws

import (
	"bytes"
	"io"
	"net/http"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// ConfigFor is the configuration for SDK clients of a local cloud, also one in another process (see
// OwnedError.Endpoint). S3 clients need no further option: the SDK addresses buckets by path at an IP address.
func ConfigFor(endpoint, region string) awssdk.Config {
	return awssdk.Config{
		Region:       region,
		BaseEndpoint: &endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
		HTTPClient:   SteadyClient(awshttp.NewBuildableClient()),
	}
}

// SteadyClient makes an HTTP client of the SDK fit for a server that answers within microseconds.
//
// The SDK closes a request's body as soon as the answer's head is there. net/http may then not yet have asked the body
// for its end, and what the SDK (smithy-go v1.28.1) answers to that question after the close is an error: net/http
// drops the connection, in the middle of the answer's body if that is long. For ReceiveMessage this means messages in
// flight that nobody got. Over a network the answer never comes that early.
func SteadyClient(client awssdk.HTTPClient) awssdk.HTTPClient { return steadyClient{client} }

type steadyClient struct{ awssdk.HTTPClient }

// smallBody is the size in bytes up to which a body is copied, so that it leaves in one write with its head.
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
		// Without its WriteTo, a closed body reads as ended.
		r.Body = struct {
			io.Reader
			io.Closer
		}{r.Body, r.Body}
	}
	return c.HTTPClient.Do(r)
}
