module github.com/llac-project/llac/platform/local

go 1.26

require (
	github.com/aws/aws-sdk-go-v2 v1.45.1
	github.com/aws/aws-sdk-go-v2/config v1.33.1
	github.com/aws/aws-sdk-go-v2/credentials v1.20.1
	github.com/aws/aws-sdk-go-v2/service/s3 v1.109.1
	github.com/aws/aws-sdk-go-v2/service/sns v1.37.2
	github.com/aws/aws-sdk-go-v2/service/sqs v1.42.1
	github.com/johannesboyne/gofakes3 v1.2.0
	github.com/llac-project/llac/events v0.0.0
	github.com/llac-project/llac/platform v0.0.0
)

replace (
	github.com/llac-project/llac/events => ../../events
	github.com/llac-project/llac/platform => ../
)
