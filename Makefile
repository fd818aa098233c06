# Everything a person or a CI does with foresize. `make help` lists it.
#
# Needs: Node 20 or newer with npm (which fetches the pinned Node 24 that everything then runs on), bash, git.
# The tests also need a redis-server, kustomize, promtool and chromium: scripts/install-*.sh find or fetch them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

export PATH := $(CURDIR)/node_modules/.bin:$(CURDIR)/.foresize/bin:$(PATH)

installed := node_modules/.installed
redis := .foresize/bin/redis-server
kustomize := .foresize/bin/kustomize
promtool := .foresize/bin/promtool
helm := .foresize/bin/helm
chromium := .foresize/bin/chromium
results := .foresize/test-results.json
contract := proto/foresize-v1.binpb
descriptors := shared/rpc/contract.binpb
launcher := workers/typescript/launcher/launch
python_worker := .foresize/venv/.installed
go_worker := .foresize/bin/conformance-go
runner := .foresize/bin/foresize-run
console := dist/console/index.html
console_sources := package-lock.json cli/quantity.ts cli/notice-text.ts $(shell find console -type f) $(shell find shared/domain -name '*.ts')
go_sources := workers/go/go.mod $(shell find workers/go -name '*.go')

# Two descriptor sets one after the other are one set: the contract, and standard health.
build-descriptors = { buf build --path proto/foresize/v1 --as-file-descriptor-set --output -; \
  buf build node_modules/grpc-health-check/proto --as-file-descriptor-set --output -; } > $(1)

# One suite or one file: make test TESTS=test/unit
TESTS ?=

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(installed) ## Install the pinned tools and libraries into node_modules

# A tree that already holds what the lock file says (after `npm install x`) is left as it is.
$(installed): package.json package-lock.json
	@node scripts/is-installed.mjs || npm ci --no-audit --no-fund --loglevel=error
	@node --version | grep -qx "v$$(cat .node-version)" || { \
	  echo "node_modules/.bin/node is not $$(cat .node-version): remove node_modules and run 'make install'" >&2; exit 1; }
	@touch $@

$(redis):
	@scripts/install-redis.sh $@

$(kustomize):
	@scripts/install-kustomize.sh $@

$(chromium):
	@scripts/install-chromium.sh $@

$(promtool):
	@scripts/install-promtool.sh $@

$(helm):
	@scripts/install-helm.sh $@

# Measures commands exactly. Without a compiler they are measured by sampling, and say so.
$(launcher): workers/typescript/launcher/launch.c
	@if command -v cc > /dev/null; then cc -O2 -Wall -o $@ $<; else echo 'no C compiler: the launcher is not built' >&2; fi

$(python_worker): workers/python/pyproject.toml
	@scripts/install-python.sh $@

$(go_worker): $(go_sources)
	@scripts/build-go.sh $@ ./internal/conformance

# Without Go, `foresize run` is Node, and says so.
$(runner): $(go_sources) scripts/build-go.sh package.json
	@scripts/build-go.sh $@ ./cmd/foresize-run

# Everything it is made of is in node_modules: the build asks no network.
$(console): $(installed) $(console_sources)
	@vite build --logLevel error --config console/vite.config.ts

.PHONY: console
console: $(console) ## Build the console's pages into dist/console, which the gateway serves

.PHONY: console-pictures
console-pictures: $(installed) $(console) $(chromium) ## Take the pictures of the console in docs/pictures
	@mkdir -p docs/pictures
	@FORESIZE_CONSOLE_PICTURES=docs/pictures vitest run test/console/pages.test.ts --testNamePattern 'pictures'

.PHONY: runner
runner: $(runner) ## Build foresize-run for this machine, and into dist/ for a release (linux amd64 and arm64)
	@for arch in amd64 arm64; do \
	  GOOS=linux GOARCH=$$arch scripts/build-go.sh dist/foresize-run-linux-$$arch ./cmd/foresize-run; done

.PHONY: sdks
sdks: $(python_worker) $(go_worker) ## Set up the Python and Go workers for their tests, where Python and Go are

.PHONY: test-pythons
test-pythons: $(installed) ## The Python worker's tests with every Python from 3.9 on that is found
	@scripts/test-pythons.sh

.PHONY: demo
demo: $(installed) $(launcher) $(console) ## Watch foresize learn real tasks and size them (about a minute; KEEP_OPEN=1 shows it in the console then)
	@cli/foresize demo $(if $(KEEP_OPEN),--keep-open)

.PHONY: newcomer
newcomer: ## The README's first page as someone new plays it, in an empty root with empty caches (LANGUAGES='shell go' picks)
	@scripts/newcomer.sh $(LANGUAGES)

.PHONY: test
test: $(installed) $(redis) $(kustomize) $(promtool) $(chromium) $(launcher) $(runner) $(console) sdks ## Every suite: unit, contract, integration, interop, e2e, fault
	@mkdir -p $(dir $(results)); rm -rf $(results) .foresize/not-run
	@status=0; \
	  vitest run --reporter=default --reporter=json --outputFile.json=$(results) $(TESTS) || status=$$?; \
	  node scripts/test-count.ts $(results) || status=1; \
	  exit $$status

.PHONY: coverage
coverage: $(installed) $(redis) $(kustomize) $(promtool) $(launcher) sdks ## Lines and branches that the tests reach, spawned processes included (TESTS=test/unit picks)
	@node scripts/coverage.ts $(TESTS)

# Fuzzing is of both services, so long each.
KILLS ?= 500
FAILOVERS ?= 50
FUZZ_SECONDS ?= 1800

.PHONY: fault
fault: $(installed) $(redis) ## The fault suite at length: 500 kills a durable store, 50 fail-overs of each kind, an hour of fuzzing, 100,000 executions, 1,000,000 names (some hours)
	FORESIZE_TEST_KILLS=$(KILLS) FORESIZE_TEST_FAILOVERS=$(FAILOVERS) FORESIZE_TEST_FUZZ_SECONDS=$(FUZZ_SECONDS) FORESIZE_TEST_HOT_EXECUTIONS=100000 FORESIZE_TEST_NAMES=1000000 \
	  vitest run --maxWorkers=1 test/fault

TIMES ?= 40

.PHONY: properties
properties: $(installed) ## The properties of the unit tests, so many times as often as in make test (TIMES=40; about eight minutes)
	FORESIZE_TEST_PROPERTY_TIMES=$(TIMES) vitest run $$(grep -rlE "'fast-check'|contract/strategy" test/unit)

# The domain's own code. Mutants are tried where it differs from SINCE, or with MUTATE, a comma between patterns.
domain := services/estimator/domain services/profiler/domain shared/domain
SINCE ?= HEAD
MUTATE ?= $(shell git diff --name-only --diff-filter=d $(SINCE) -- $(domain) | grep '\.ts$$' | paste -sd, -)

.PHONY: mutation
mutation: $(installed) ## Mutants of the domain that no unit test notices (SINCE=REF what changed, MUTATE='**' all of it)
	@$(if $(MUTATE),stryker run $(if $(filter-out **,$(MUTATE)),--mutate '$(MUTATE)'),echo 'no change to the domain since $(SINCE)')

.PHONY: test-cgroup-v2
test-cgroup-v2: $(installed) $(runner) ## foresize-run in cgroups of v2: boots a small system in qemu (Debian; fetches 50 MB, about a minute)
	@node test/cgroup-v2/main.ts

.PHONY: test-schedulers
test-schedulers: $(installed) $(runner) ## Real schedulers, installed below .foresize, with foresize beside them (SCHEDULERS=slurm,… picks)
	@node test/schedulers/main.ts

.PHONY: test-kubernetes
test-kubernetes: $(installed) $(kustomize) $(helm) $(if $(NODE),$(redis) $(runner)) ## Manifests, chart and webhook on a real API server (Go; builds it and Helm once: some eighteen minutes of CPU); NODE=1 also a real node that runs Pods (root, Debian)
	@scripts/build-kubernetes.sh etcd kube-apiserver || { [ $$? = 3 ] && echo 'NOT RUN: test/kubernetes needs a Kubernetes API server'; exit 1; }
	@vitest run --config test/kubernetes/vitest.config.ts $(TESTS)
	@$(if $(NODE),test/kubernetes/node/run.sh)

.PHONY: chart
chart: $(installed) $(kustomize) ## The Helm chart, made of the kustomize tree, into dist/chart/foresize
	@node scripts/chart/main.ts dist/chart/foresize

.PHONY: test-image
test-image: $(installed) ## The image built twice by its Dockerfile gives the same bytes (buildah, root; some minutes)
	@test/image/twice.sh

.PHONY: test-release
test-release: $(installed) $(launcher) $(runner) ## What is published, built and installed from its files by npm, pip and go, on Node 22 and 24 (TESTS=… picks)
	@mkdir -p $(dir $(results)); rm -rf $(results) .foresize/not-run
	@status=0; \
	  vitest run --config test/release/vitest.config.ts --reporter=default --reporter=json --outputFile.json=$(results) $(TESTS) || status=$$?; \
	  node scripts/test-count.ts $(results) || status=1; \
	  exit $$status

.PHONY: check
check: lock lint types contract generated check-sdks docs-current audit ## Every static check

.PHONY: lock
lock: $(installed)
	node scripts/complete-lock.ts --check

.PHONY: lint
lint: $(installed)
	biome ci --colors=off

.PHONY: types
types: $(installed)
	tsc
	tsc -p shared/domain
	tsc -p console

.PHONY: contract
contract: $(installed)
	buf lint
	buf format --diff --exit-code
	buf breaking --against $(contract)

.PHONY: contract-release
contract-release: $(installed) $(kustomize) ## Make today's proto/ the contract that `make check` holds later ones to
	buf build --path proto/foresize/v1 --exclude-source-info --output $(contract)

.PHONY: generate
generate: $(installed) $(python_worker) ## Generate shared/wire/gen and the descriptors for reflection from proto/
	buf generate
	buf generate --template console/buf.gen.yaml --path proto/foresize/v1
	$(call build-descriptors,$(descriptors))
	scripts/check-sdks.sh --write

.PHONY: generated
generated: $(installed)
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	  buf generate --output "$$fresh"; \
	  buf generate --template console/buf.gen.yaml --path proto/foresize/v1 --output "$$fresh"; \
	  $(call build-descriptors,"$$fresh/contract.binpb"); \
	  diff -r "$$fresh/shared/wire/gen" shared/wire/gen && diff -r "$$fresh/console/contract/gen" console/contract/gen && cmp "$$fresh/contract.binpb" $(descriptors) || { \
	    echo "what was generated is not what proto/ generates: run 'make generate'" >&2; exit 1; }

.PHONY: check-sdks
check-sdks: $(installed) sdks
	scripts/check-sdks.sh

.PHONY: docs
docs: $(installed) ## Write docs/config.md from the settings' schemas
	node scripts/config-docs.ts --write

.PHONY: docs-current
docs-current: $(installed)
	node scripts/config-docs.ts --check

.PHONY: audit
audit: $(installed)
	scripts/audit.sh

.PHONY: bench
bench: $(installed) $(launcher) $(runner) $(redis) ## Rates as ratios to a bare gRPC echo server (BENCH='ingest --json' picks)
	@node bench/main.ts $(BENCH)
	@$(if $(BENCH),true,node bench/overhead.ts)

.PHONY: bench-accuracy
bench-accuracy: $(installed) ## Wastage on real traces as ratios to the best usual way to size (TRACES=DIR)
	@node bench/accuracy.ts $(if $(TRACES),--traces '$(TRACES)') $(BENCH)

.PHONY: bench-rivals
bench-rivals: $(installed) ## CPU of a decision and of learning, beside what else sizes tasks (TRACES=DIR, BENCH='--python PYTHON')
	@node bench/rivals.ts $(if $(TRACES),--traces '$(TRACES)') $(BENCH)

.PHONY: bench-frontier
bench-frontier: $(installed) ## Executions that fail against wastage, over the risk and for each usual way to size (TRACES=DIR)
	@node bench/frontier.ts $(if $(TRACES),--traces '$(TRACES)') $(BENCH)

.PHONY: sdk
sdk: $(installed) ## The npm package of the TypeScript worker and scheduler, into dist/
	@rm -rf dist/sdk; node workers/typescript/package/assemble.ts dist/sdk
	@npm pack --silent --pack-destination dist ./dist/sdk

.PHONY: release
release: $(installed) $(kustomize) $(runner) ## What is published, into dist/release: packages, module, protos, programs, chart, image, SBOM, licences, checksums (PARTS='npm go' picks)
	@node scripts/release/main.ts $(PARTS)

.PHONY: bench-overhead
bench-overhead: $(installed) $(launcher) $(runner) ## What foresize costs a scheduling decision, a command, a worker
	@node bench/overhead.ts

MINUTES ?= 30

.PHONY: soak
soak: $(installed) ## Memory and latency at 70 % of what this machine stores, and flooded (MINUTES=30; leave the machine alone meanwhile)
	@node bench/soak.ts --minutes $(MINUTES)

.PHONY: bench-stores
bench-stores: $(installed) $(redis) ## Samples, durable folds and memory inside the profiler, each beside what it is built on
	@node bench/stores.ts

.PHONY: bench-scale
bench-scale: $(installed) $(redis) ## 1, 2 and 4 processes of each service, a part of a core each (root, cgroup v1); an estimator of a million profiles
	@node bench/scale.ts $(BENCH)
	@$(if $(BENCH),true,node bench/many-profiles.ts)

.PHONY: bench-admission
bench-admission: $(installed) $(kustomize) ## The admission webhook at 200 reviews a second beside a bare HTTPS server (BENCH='--rate 500')
	@scripts/build-kubernetes.sh etcd kube-apiserver
	@node bench/admission.ts $(BENCH)

.PHONY: clean
clean: ## Remove what was installed, built and measured
	rm -rf node_modules dist coverage .foresize
