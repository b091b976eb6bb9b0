module github.com/llac-project/llac/services/fetcher

go 1.26.0

require (
	github.com/llac-project/llac/events v0.0.0
	github.com/llac-project/llac/platform v0.0.0
)

replace (
	github.com/llac-project/llac/events => ../../events
	github.com/llac-project/llac/platform => ../../platform
)
