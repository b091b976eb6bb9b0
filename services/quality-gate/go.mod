module github.com/llac-project/llac/services/quality-gate

go 1.26.0

require (
	github.com/apache/arrow-go/v18 v18.8.0
	github.com/llac-project/llac/events v0.0.0
	github.com/llac-project/llac/platform v0.0.0
)

replace (
	github.com/llac-project/llac/events => ../../events
	github.com/llac-project/llac/platform => ../../platform
)
