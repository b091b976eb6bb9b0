module github.com/llac-project/llac/test

go 1.26.0

require (
	github.com/ThreeDotsLabs/watermill v1.5.1
	github.com/ThreeDotsLabs/watermill-aws v1.0.1
	github.com/apache/arrow-go/v18 v18.8.0
	github.com/aws/aws-sdk-go-v2/service/sqs v1.42.1
	github.com/klauspost/compress v1.19.2
	github.com/llac-project/llac/cmd/llac v0.0.0
	github.com/llac-project/llac/events v0.0.0
	github.com/llac-project/llac/platform v0.0.0
	github.com/llac-project/llac/platform/local v0.0.0
	github.com/llac-project/llac/services/fetcher v0.0.0
	github.com/llac-project/llac/services/landing-janitor v0.0.0
	github.com/llac-project/llac/services/quality-gate v0.0.0
	github.com/llac-project/llac/services/scheduler v0.0.0
	github.com/llac-project/llac/services/stager v0.0.0
	github.com/llac-project/llac/services/validator v0.0.0
	github.com/rogpeppe/go-internal v1.16.0
	gotest.tools/gotestsum v1.13.0
	honnef.co/go/tools v0.8.2
)

replace (
	github.com/llac-project/llac/cmd/llac => ../cmd/llac
	github.com/llac-project/llac/events => ../events
	github.com/llac-project/llac/platform => ../platform
	github.com/llac-project/llac/platform/local => ../platform/local
	github.com/llac-project/llac/services/fetcher => ../services/fetcher
	github.com/llac-project/llac/services/landing-janitor => ../services/landing-janitor
	github.com/llac-project/llac/services/quality-gate => ../services/quality-gate
	github.com/llac-project/llac/services/scheduler => ../services/scheduler
	github.com/llac-project/llac/services/stager => ../services/stager
	github.com/llac-project/llac/services/validator => ../services/validator
)

tool (
	gotest.tools/gotestsum
	honnef.co/go/tools/cmd/staticcheck
)
