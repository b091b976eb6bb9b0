module github.com/llac-project/llac/services/landing-janitor

go 1.26.0

require (
	github.com/klauspost/compress v1.19.2
	github.com/llac-project/llac/events v0.0.0
	github.com/llac-project/llac/platform v0.0.0
)

replace (
	github.com/llac-project/llac/events => ../../events
	github.com/llac-project/llac/platform => ../../platform
)
