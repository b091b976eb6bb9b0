# Llac. `make run` and `make test` are all a newcomer needs; `make help` lists the rest.
MODULES := $(shell awk '/^\t\.\//{print substr($$1, 3)}' go.work)
PACKAGES := $(addprefix ./,$(addsuffix /...,$(MODULES)))
export CGO_ENABLED ?= 0
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

# How a service becomes a Lambda function; nothing else states it. The tags omit what no function uses: RPC mode of the
# Lambda library, and gRPC's tracing. Without them the archives are a quarter bigger.
FUNCTIONS_TAGS := lambda.norpc,grpcnotrace
FUNCTIONS_LDFLAGS := -s -w -buildid=
FUNCTIONS_DIR ?= bin/functions
FUNCTIONS_OS ?= linux
FUNCTIONS_ARCH ?= arm64
SERVICES := $(notdir $(wildcard services/*))

# What a service is built from. Its build is named after the last commit that changed any of it, so that a commit to
# another service does not change its package; "-changed" means that some of it is not committed.
SOURCES = events platform ':!platform/local' services/$(1) go.work go.work.sum Makefile
# What Terraform reads for a service. The stacks are not included: an administrator applies those.
ROOT_SOURCES = $(addprefix terraform/,service $(addprefix modules/,conventions deployment service) services.json \
  policies/common.json policies/$(1).json environments/*/env.tfvars environments/*/services.tfvars)
FUNCTIONS_BUILD ?=
build_name = if [ -n "$(FUNCTIONS_BUILD)" ]; then echo "$(FUNCTIONS_BUILD)"; \
  elif b=$$(git log -1 --abbrev=12 --format=%h -- $(call SOURCES,$(1)) 2>/dev/null) && [ -n "$$b" ]; then \
    if [ -n "$$(git status --porcelain -- $(call SOURCES,$(1)))" ]; then echo "$$b-changed"; else echo "$$b"; fi; \
  else echo unversioned; fi
# The commit of the whole tree is not stamped in: it would make another package of the same service.
build_function = CGO_ENABLED=0 GOOS=$(FUNCTIONS_OS) GOARCH=$(FUNCTIONS_ARCH) go build -trimpath -buildvcs=false -tags $(FUNCTIONS_TAGS) \
  -ldflags "$(FUNCTIONS_LDFLAGS) -X github.com/llac-project/llac/platform/runtime.version=$$build" \
  -o "$(FUNCTIONS_DIR)/$(1)/bootstrap" ./services/$(1)/cmd/$(1)

.PHONY: functions
functions: ## build the six services as Lambda functions: bin/functions/<service>/bootstrap
	@$(foreach s,$(SERVICES),build=$$($(call build_name,$(s))); $(call build_function,$(s)) || exit 1;)

PACKAGES_DIR ?= bin/packages
LLAC ?= bin/llac
named = test -n "$(SERVICE)" || { echo "which service? make $(1) SERVICE=<one of: $(SERVICES)>$(2)" >&2; exit 2; }; \
  test -f "services/$(SERVICE)/go.mod" || { echo "unknown service \"$(SERVICE)\"; the services are: $(SERVICES)" >&2; exit 2; }

.PHONY: bin/llac
bin/llac:
	@mkdir -p bin
	@go build -o bin/llac ./cmd/llac

.PHONY: package
package: ## zip one service for Lambda, with its bill of materials; the same build gives the same bytes: make package SERVICE=stager
	@$(call named,package)
	@$(MAKE) --no-print-directory $(filter bin/llac,$(LLAC)) package-of-$(SERVICE)

package-of-%:
	@build=$$($(call build_name,$*)); $(call build_function,$*) && \
	  $(LLAC) deploy package $* --program "$(FUNCTIONS_DIR)/$*/bootstrap" --build "$$build" --out "$(PACKAGES_DIR)"
	@$(LLAC) deploy bom $* --packages "$(PACKAGES_DIR)"

.PHONY: sources
sources: ## list the paths that a service and its root are built from: make sources SERVICE=stager
	@$(call named,sources)
	@printf '%s\n' $(call SOURCES,$(SERVICE)) $(foreach f,$(call ROOT_SOURCES,$(SERVICE)),'$(f)')

.PHONY: sbom
sbom: package ## the same as package, which also writes the bill of materials (CycloneDX): make sbom SERVICE=stager

TERRAFORM ?= terraform
# A person must confirm before the plan is applied; APPLY=yes confirms for a program.
APPLY ?=

# What a command on an environment needs before it starts.
in_env = test -n "$(ENV)" || { echo "$(1)" >&2; exit 2; }; \
  test -d "terraform/environments/$(ENV)" || \
  { echo "unknown environment \"$(ENV)\"; the environments are: $(notdir $(wildcard terraform/environments/*))" >&2; exit 2; }; \
  $(with_terraform)
with_terraform = command -v $(TERRAFORM) >/dev/null || \
  { echo "terraform is not found; install 1.11 or later, or set TERRAFORM=/path/to/terraform" >&2; exit 2; }

.PHONY: bootstrap
bootstrap: ## once per account: create the buckets of the states and packages, and GitHub's OpenID Connect provider
	@$(with_terraform)
	@TERRAFORM=$(TERRAFORM) terraform/tf dev bootstrap apply $(if $(APPLY),-auto-approve)
	@echo "Next: make stacks ENV=dev"

.PHONY: stacks
stacks: ## apply the stacks in order: storage and security, messaging, monitoring and marts: make stacks ENV=dev
	@$(call in_env,into which environment? make stacks ENV=dev)
	@$(MAKE) --no-print-directory stack-of-storage stack-of-security
	@$(MAKE) --no-print-directory stack-of-messaging
	@$(MAKE) --no-print-directory stack-of-monitoring stack-of-marts
	@echo "Next: make deploy-changed ENV=$(ENV)"

stack-of-%:
	@TERRAFORM=$(TERRAFORM) terraform/tf $(ENV) stacks/$* apply $(if $(APPLY),-auto-approve)

.PHONY: deploy
deploy: ## plan and apply one service, and no other: make deploy SERVICE=stager ENV=dev
	@$(call named,deploy, ENV=dev)
	@$(call in_env,into which environment? make deploy SERVICE=$(SERVICE) ENV=dev)
	@$(MAKE) --no-print-directory $(filter bin/llac,$(LLAC)) deploy-of-$(SERVICE)

# Plans a service's root with what llac wrote for it, into $$plan. All services share the root; each has a state and a data directory.
plan_root = root=terraform/service; files="$(abspath $(PACKAGES_DIR))/$(1).$(ENV)"; plan="$$files.plan"; \
  export TF_DATA_DIR="$${LLAC_TF_DATA:-$(CURDIR)/terraform/.terraform}/$(ENV)/services/$(1)"; mkdir -p "$$TF_DATA_DIR"; \
  given="$(foreach f,$(wildcard $(addprefix $(CURDIR)/terraform/environments/$(ENV)/,env.tfvars services.tfvars)),-var-file=$(f))"; \
  $(TERRAFORM) -chdir=$$root init -input=false -reconfigure -backend-config="$$files.backend.hcl" && \
  $(TERRAFORM) -chdir=$$root plan -input=false -var="env=$(ENV)" -var="service=$(1)" $$given -var-file="$$files.tfvars.json" -out="$$plan"

apply_root = if [ -z "$(APPLY)" ]; then printf 'Apply this plan to %s? Only "yes" does: ' "$(ENV)"; read answer; \
  [ "$$answer" = yes ] || { echo "nothing was applied"; exit 1; }; fi && \
  $(TERRAFORM) -chdir=$$root apply -input=false "$$plan"

# The check comes first: nothing is built, uploaded or planned that breaks other services.
deploy-of-%:
	@build=$$($(call build_name,$*)); $(LLAC) deploy check $* --env "$(ENV)" --build "$$build"
	@$(MAKE) --no-print-directory package-of-$*
	@$(LLAC) deploy upload $* --env "$(ENV)" --packages "$(PACKAGES_DIR)"
	@$(call plan_root,$*) && $(apply_root)

.PHONY: rollback
rollback: ## roll a service back to its previous package, if that does not break other services: make rollback SERVICE=stager ENV=dev
	@$(call named,rollback, ENV=dev)
	@$(call in_env,in which environment? make rollback SERVICE=$(SERVICE) ENV=dev)
	@$(MAKE) --no-print-directory $(filter bin/llac,$(LLAC)) rollback-of-$(SERVICE)

rollback-of-%:
	@mkdir -p "$(PACKAGES_DIR)" && $(LLAC) deploy running $* --env "$(ENV)" --previous --out "$(PACKAGES_DIR)"
	@$(LLAC) deploy check $* --env "$(ENV)" --release "$(PACKAGES_DIR)/$*.$(ENV).release.json"
	@$(call plan_root,$*) && $(apply_root)

.PHONY: deploy-changed
deploy-changed: ## deploy every service that differs from what is deployed, consumers before producers: make deploy-changed ENV=dev
	@test -n "$(ENV)" || { echo "into which environment? make deploy-changed ENV=dev" >&2; exit 2; }
	@$(MAKE) --no-print-directory $(filter bin/llac,$(LLAC)) && mkdir -p "$(PACKAGES_DIR)"
	@files="$(PACKAGES_DIR)/$(ENV)" && \
	  $(LLAC) deploy running --env "$(ENV)" --json >"$$files.running.json" && \
	  $(LLAC) deploy check --env "$(ENV)" --json >"$$files.order.json" && \
	  services=$$(go run ./test/changed --running "$$files.running.json" --order "$$files.order.json" --lines) && \
	  for service in $$services; do $(MAKE) --no-print-directory deploy SERVICE=$$service || exit 1; done

.PHONY: plan
plan: ## plan one service with its deployed package; changes nothing: make plan SERVICE=stager ENV=dev
	@$(call named,plan, ENV=dev)
	@test -n "$(ENV)" || { echo "in which environment? make plan SERVICE=$(SERVICE) ENV=dev" >&2; exit 2; }
	@$(MAKE) --no-print-directory $(filter bin/llac,$(LLAC)) plan-of-$(SERVICE)

# The role for plans may not upload, so that the package is the deployed one. The plan also gets a summary without any
# value, for public places.
plan-of-%:
	@mkdir -p "$(PACKAGES_DIR)"; status=0; $(LLAC) deploy running $* --env "$(ENV)" --out "$(PACKAGES_DIR)" || status=$$?; \
	  case $$status in 0) ;; 8) echo "A service has no plan before its first deploy."; \
	    echo "$*: not deployed into $(ENV) yet" >"$(PACKAGES_DIR)/$*.$(ENV).plan.md"; exit 0;; *) exit $$status;; esac; \
	  $(call plan_root,$*) && \
	  $(TERRAFORM) -chdir=$$root show -json "$$plan" >"$$plan.json" && \
	  go run ./test/planned --service $* --env "$(ENV)" "$$plan.json" >"$$plan.md"; \
	  status=$$?; rm -f "$$plan.json"; exit $$status

.PHONY: test
test: ## all tests that need no JVM or cloud account
	@json=$$(mktemp) && trap 'rm -f "$$json"' EXIT && \
	go tool gotestsum --format pkgname-and-test-fails --jsonfile "$$json" -- -count=1 -timeout 40m $(PACKAGES) && \
	go run ./test/skips "$$json"

.PHONY: test-trino
test-trino: ## compare the marts on Trino and DuckDB; dbt-athena against moto; needs Java 17, Maven, Python; minutes
	@json=$$(mktemp) && trap 'rm -f "$$json"' EXIT && \
	go tool gotestsum --format testname --jsonfile "$$json" -- -count=1 -tags trino -timeout 40m ./test/trino && \
	go run ./test/skips "$$json"

.PHONY: check
check: ## vet, and the unit tests of what changed: under a minute (ARGS="--base HEAD~3" for what changed since a commit)
	@go run ./test/check $(ARGS)

.PHONY: test-slow
test-slow: ## the tests with the build tag slow: additions to a copy of the tree (docs/extending.md), SQL style, datacontract-cli; minutes
	@json=$$(mktemp) && trap 'rm -f "$$json"' EXIT && \
	go tool gotestsum --format testname --jsonfile "$$json" -- -count=1 -tags slow -timeout 40m $(SLOW) && \
	go run ./test/skips "$$json"

# The packages that have such tests.
SLOW = $(sort $(dir $(shell grep -rl --include=*_test.go '^//go:build slow' $(MODULES) | sed 's,^,./,')))

.PHONY: lint
lint: ## formatting, vet and staticcheck
	@test -z "$$(gofmt -l $(MODULES))" || { echo "not formatted (make format):"; gofmt -l $(MODULES); exit 1; }
	go vet $(PACKAGES)
	go vet -tags trino ./test/trino
	go vet -tags slow $(SLOW)
	go tool staticcheck $(PACKAGES)
	go tool staticcheck -tags trino ./test/trino
	go tool staticcheck -tags slow $(SLOW)

.PHONY: format
format: ## gofmt everything
	gofmt -w $(MODULES)

.PHONY: generate
generate: ## event schemas and the AsyncAPI document from the Go types, dbt sources from the contracts, Terraform's flow and roots
	go generate ./events/... ./operations/services ./test/terraform
	go run ./cmd/llac datasets dbt

# In these modules a service is required besides its own.
SERVICE_USERS := operations cmd/llac test
.PHONY: service-module
service-module: ## write or update the module files of a new service and enter it in go.work: make service-module SERVICE=counter
	@test -d "services/$(SERVICE)/cmd/$(SERVICE)" || { echo "write services/$(SERVICE)/cmd/$(SERVICE)/main.go first" >&2; exit 2; }
	@set -e; base=github.com/llac-project/llac; cd services/$(SERVICE); \
	  test -f go.mod || printf 'module %s/services/%s\n\ngo 1.26.0\n' $$base $(SERVICE) >go.mod; \
	  go mod edit -require=$$base/events@v0.0.0 -require=$$base/platform@v0.0.0 \
	    -replace=$$base/events=../../events -replace=$$base/platform=../../platform; \
	  test -f go.sum || cp ../validator/go.sum go.sum; GOWORK=off go mod tidy
	@go work use ./services/$(SERVICE)
	@set -e; for m in $(SERVICE_USERS); do ( cd $$m; up=$$(echo $$m | sed 's,[^/]*,..,g'); \
	  module=github.com/llac-project/llac/services/$(SERVICE); \
	  go mod edit -require=$$module@v0.0.0 -replace=$$module=$$up/services/$(SERVICE) ); done
	@set -e; for m in $(SERVICE_USERS); do ( cd $$m; GOWORK=off go mod tidy ); done

.PHONY: alone
alone: ## build and test every module on its own, without the workspace
	@for m in $(MODULES); do echo "== $$m"; (cd $$m && GOWORK=off go vet ./... && GOWORK=off go test ./...) || exit 1; done

# CI tests a service's module alone when the service changed.
SHARED_MODULES := $(filter-out services/%,$(MODULES))
.PHONY: alone-shared
alone-shared: ## the same for the modules that are not services
	@$(MAKE) --no-print-directory alone MODULES="$(SHARED_MODULES)"

.PHONY: guards
guards: ## remove each guard from a copy of the tree and check that its test fails (ONLY=receipt: guards whose name or file contains it)
	go run ./test/guards $(ONLY)

FUZZTIME ?= 10s
.PHONY: fuzz
fuzz: ## run every fuzz test, each for ten seconds (FUZZTIME=1m)
	@grep -roE --include=*_test.go '^func Fuzz[A-Za-z0-9_]*' $(MODULES) | sort -u | sed 's,/[^/]*:func , ,' | \
	  while read -r package function; do echo "== $$package $$function"; \
	    go test -run '^$$' -fuzz "^$$function$$" -fuzztime $(FUZZTIME) "./$$package" || exit 1; done

.PHONY: bench
bench: ## measure staging next to Polars, DuckDB and pandas, functions, pipeline and marts (ARGS="-only staging -rounds 5")
	go run ./test/bench $(ARGS)

.PHONY: bench-write
bench-write: ## the same, with ten million rows too, into docs/performance.md
	go run ./test/bench -rounds 5 -ten-million -write $(ARGS)

.PHONY: bench-profile
bench-profile: ## stage the bench's data under the profiler; files in .cache/profile
	go run ./test/bench -only profile $(ARGS)

VULNERABILITIES ?= $(PACKAGES)
.PHONY: vulncheck
vulncheck: ## run govulncheck over all modules; GOVULNDB sets a database other than https://vuln.go.dev
	@mkdir -p bin && go build -o bin/vulncheck ./test/vulncheck # go run would replace the exit status with 1
	@bin/vulncheck $(VULNERABILITIES)

.PHONY: lint-terraform
lint-terraform: ## run tflint and checkov over terraform/, in the project's own tools
	go run ./test/terraform/lint

.PHONY: test-aws
test-aws: ## apply everything to moto, run the services on it, deploy and roll back one, plan again; about ten minutes
	LLAC_TEST_AWS=1 go test -count=1 -timeout 20m -v ./test/aws

.PHONY: docs
docs: ## build the documentation as a site in site/; ARGS="serve" serves it on 127.0.0.1:8000
	@go run ./test/docs/site $(ARGS)

.PHONY: clean
clean: ## remove built files and the local lake (.llac)
	rm -rf bin .llac
