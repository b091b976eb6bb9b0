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

.PHONY: test
test: ## all tests that need no JVM, cloud account or Terraform
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
generate: ## event schemas and the AsyncAPI document from the Go types
	go generate ./events/...

.PHONY: alone
alone: ## build and test every module on its own, without the workspace
	@for m in $(MODULES); do echo "== $$m"; (cd $$m && GOWORK=off go vet ./... && GOWORK=off go test ./...) || exit 1; done

.PHONY: guards
guards: ## remove each guard in a copy of the tree and see its test fail
	go run ./test/guards

.PHONY: bench
bench: ## hop latency, consumer throughput, warm run; prints figures and ratios
	go run ./test/bench

.PHONY: clean
clean: ## remove built files and the local lake (.llac)
	rm -rf bin .llac
