module github.com/llac-project/llac/cmd/llac

go 1.26.0

require (
	github.com/spf13/cobra v1.10.2
	github.com/vbauerster/mpb/v8 v8.9.3
	github.com/llac-project/llac/events v0.0.0
	github.com/llac-project/llac/platform v0.0.0
	github.com/llac-project/llac/platform/local v0.0.0
	github.com/llac-project/llac/services/scheduler v0.0.0
	github.com/llac-project/llac/services/fetcher v0.0.0
	github.com/llac-project/llac/services/validator v0.0.0
	github.com/llac-project/llac/services/stager v0.0.0
	github.com/llac-project/llac/services/quality-gate v0.0.0
	github.com/llac-project/llac/services/landing-janitor v0.0.0
)

replace (
	github.com/llac-project/llac/events => ../../events
	github.com/llac-project/llac/platform => ../../platform
	github.com/llac-project/llac/platform/local => ../../platform/local
	github.com/llac-project/llac/services/scheduler => ../../services/scheduler
	github.com/llac-project/llac/services/fetcher => ../../services/fetcher
	github.com/llac-project/llac/services/validator => ../../services/validator
	github.com/llac-project/llac/services/stager => ../../services/stager
	github.com/llac-project/llac/services/quality-gate => ../../services/quality-gate
	github.com/llac-project/llac/services/landing-janitor => ../../services/landing-janitor
)
