# Llac. `make run` and `make test` are all a newcomer needs; `make help` lists the rest.
MODULES := events platform platform/local services/scheduler services/fetcher services/validator services/stager services/quality-gate services/landing-janitor cmd/llac test
PACKAGES := $(addprefix ./,$(addsuffix /...,$(MODULES)))
export CGO_ENABLED ?= 0
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/llac and the six services
	@mkdir -p bin
	go build -o bin/ ./cmd/llac ./services/*/cmd/*

.PHONY: run
run: ## the whole pipeline on this machine: portal (simulated) to published snapshots, no account needed
	@mkdir -p bin
	@test -x bin/llac || echo "building llac (the first time this downloads and compiles its modules, a few minutes)"
	@go build -o bin/llac ./cmd/llac
	@bin/llac run $(ARGS)

# How a service becomes a Lambda function; nothing else says it. The tags leave out what no function calls: RPC mode of
# the Lambda library, and gRPC's tracing. Without them the archives are a quarter bigger.
FUNCTIONS_TAGS := lambda.norpc,grpcnotrace
FUNCTIONS_LDFLAGS := -s -w -buildid=
FUNCTIONS_DIR ?= bin/functions
FUNCTIONS_OS ?= linux
FUNCTIONS_ARCH ?= arm64

.PHONY: functions
functions: ## build the six services as Lambda functions: bin/functions/<service>/bootstrap
	@for s in $(notdir $(wildcard services/*)); do \
	  CGO_ENABLED=0 GOOS=$(FUNCTIONS_OS) GOARCH=$(FUNCTIONS_ARCH) go build -trimpath -tags $(FUNCTIONS_TAGS) -ldflags '$(FUNCTIONS_LDFLAGS)' \
	    -o "$(FUNCTIONS_DIR)/$$s/bootstrap" ./services/$$s/cmd/$$s || exit 1; \
	done

.PHONY: test
test: ## all tests that need no JVM or cloud account
	@json=$$(mktemp) && trap 'rm -f "$$json"' EXIT && \
	go tool gotestsum --format pkgname-and-test-fails --jsonfile "$$json" -- -count=1 $(PACKAGES) && \
	go run ./test/skips "$$json"

.PHONY: lint
lint: ## formatting, vet and staticcheck
	@test -z "$$(gofmt -l $(MODULES))" || { echo "not formatted (make format):"; gofmt -l $(MODULES); exit 1; }
	go vet $(PACKAGES)
	go tool staticcheck $(PACKAGES)

.PHONY: format
format: ## gofmt everything
	gofmt -w $(MODULES)

.PHONY: generate
generate: ## event schemas and the AsyncAPI document from the Go types; Terraform's flow, the services' roots and docs/security.md
	go generate ./events/... ./test/terraform

.PHONY: alone
alone: ## build and test every module on its own, without the workspace
	@for m in $(MODULES); do echo "== $$m"; (cd $$m && GOWORK=off go vet ./... && GOWORK=off go test ./...) || exit 1; done

.PHONY: guards
guards: ## remove each guard in a copy of the tree and see its test fail
	go run ./test/guards

.PHONY: bench
bench: ## staging beside Polars, DuckDB and pandas; from S3; functions; the pipeline: figures, ratios, targets (ARGS="-only staging -rounds 5")
	go run ./test/bench $(ARGS)

.PHONY: bench-write
bench-write: ## the same, with ten million rows too, into docs/performance.md
	go run ./test/bench -rounds 5 -ten-million -write $(ARGS)

.PHONY: bench-profile
bench-profile: ## stage the bench's data under the profiler; files in .cache/profile
	go run ./test/bench -only profile $(ARGS)

.PHONY: lint-terraform
lint-terraform: ## tflint and checkov over terraform/, in tools of the project's own
	go run ./test/terraform/lint

.PHONY: test-aws
test-aws: ## everything under terraform/ applied to moto, and its second plans held against test/aws/plan_allow.txt
	LLAC_TEST_AWS=1 go test -count=1 -timeout 20m -v ./test/aws

.PHONY: clean
clean: ## remove built files and the local lake (.llac)
	rm -rf bin .llac
