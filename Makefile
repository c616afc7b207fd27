# Cybex-P. `make help` lists what can be made.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
DGRAPH    := v25.4.0
GOLANGCI  := v2.15.0
GOVULN    := v1.1.4
NFPM      := v2.45.2

DATA      ?= data
LISTEN    ?= 127.0.0.1:8090
ARGS      ?=
FUZZTIME  ?= 30s
BENCHTIME ?= 1s

# A Debian version begins with a digit: that of the product, then which commit.
DEBVERSION := $(shell sed -n 's/^const Version = "\(.*\)"/\1/p' embed.go)+$(subst -,.,$(VERSION))

LDFLAGS        := -s -w -X main.version=$(VERSION)
DGRAPH_LDFLAGS := -s -w -X github.com/dgraph-io/dgraph/v25/x.dgraphVersion=$(DGRAPH)

export PATH := $(CURDIR)/bin:$(PATH)

##@ Use

.PHONY: run
run: build ## build, start the whole platform with a small real sample, and stay in front (Ctrl-C stops it)
	exec bin/cybexp up --data '$(DATA)' --listen '$(LISTEN)' --demo $(ARGS)

.PHONY: test
test: build deb debian bin/promtool bin/prometheus ## run every test, on a real Dgraph, a real NATS and a real browser
	go test -timeout 15m ./...

##@ Build

.PHONY: build
build: bin/cybexp bin/dgraph bin/nats-server ## put bin/cybexp, and the servers of a split deployment, bin/dgraph and bin/nats-server

.PHONY: bin/cybexp
bin/cybexp:
	go build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/cybexp

# The server of the version that go.mod names, which cybexp has in itself too.
bin/nats-server: go.mod go.sum
	go build -trimpath -ldflags '-s -w' -o $@ github.com/nats-io/nats-server/v2

# Dgraph is built from its module with the patches in dgraph/patches, each of which says what it mends.
bin/dgraph: dgraph/go.mod dgraph/go.sum $(wildcard dgraph/patches/*.patch)
	rm -rf bin/dgraph-src && mkdir -p bin
	cd dgraph && go mod download github.com/dgraph-io/dgraph/v25 && cp -R "$$(go list -m -f '{{.Dir}}' github.com/dgraph-io/dgraph/v25)" ../bin/dgraph-src
	chmod -R u+w bin/dgraph-src
	cd bin/dgraph-src && git init -q && git apply ../../dgraph/patches/*.patch
	cp dgraph/go.mod bin/dgraph-src.mod && cp dgraph/go.sum bin/dgraph-src.sum
	go mod edit -replace github.com/dgraph-io/dgraph/v25=../bin/dgraph-src bin/dgraph-src.mod
	cd dgraph && go build -modfile ../bin/dgraph-src.mod -trimpath -ldflags '$(DGRAPH_LDFLAGS)' -o ../$@ github.com/dgraph-io/dgraph/v25/dgraph
	rm -rf bin/dgraph-src bin/dgraph-src.mod bin/dgraph-src.sum

.PHONY: deb
deb: build bin/nfpm ## put the Debian package dist/cybexp_VERSION_ARCH.deb
	@rm -rf dist && mkdir -p dist/stage
	@export SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || date +%s) ARCH=$$(go env GOARCH) VERSION='$(DEBVERSION)'; \
	bin/cybexp man dist/stage/man && gzip -9n dist/stage/man/*.1 && \
	for shell in bash zsh fish; do bin/cybexp completion $$shell >dist/stage/cybexp.$$shell || exit 1; done && \
	bin/nfpm package -f deploy/nfpm.yaml -p deb -t dist/ && rm -r dist/stage

bin/nfpm:
	GOBIN=$(CURDIR)/bin go install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM)

.PHONY: ui
ui: ui-deps ## build the page from web/ui/src into web/ui/dist, which is committed
	cd web/ui && npm run --silent build

.PHONY: ui-deps
ui-deps: web/ui/node_modules/.package-lock.json

web/ui/node_modules/.package-lock.json: web/ui/package.json web/ui/package-lock.json
	cd web/ui && npm ci --no-audit --no-fund
	@touch $@

.PHONY: ui-clean
ui-clean: debian ui ## the committed page is what its sources make
	@[ -z "$$(git status --porcelain web/ui/dist)" ] || { git status --short web/ui/dist; \
	  echo 'web/ui/dist is not what web/ui/src makes: run make ui and commit it'; exit 1; }

.PHONY: debian
debian: ## install what the tests and the page's build use from Debian's packages, where it is missing: Chromium, jq, Node, npm, systemd and man
	@need=; command -v jq >/dev/null || need=jq; \
	command -v node >/dev/null || need="$$need nodejs node-ws"; \
	command -v npm >/dev/null || need="$$need npm"; \
	command -v systemd-analyze >/dev/null || need="$$need systemd"; \
	command -v man >/dev/null || need="$$need man-db"; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || need="$$need chromium"; \
	[ -z "$$need" ] && exit 0; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -qq && $$sudo apt-get install -y -qq --no-install-recommends $$need

# Debian's package would start a Prometheus for good; its programs alone are enough to try the configuration and the alert rules with.
bin/promtool bin/prometheus &:
	@mkdir -p bin && dir=$$(mktemp -d) && trap 'rm -r "$$dir"' EXIT && chmod 755 "$$dir" && \
	{ sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; get() { (cd "$$dir" && apt-get download -qq prometheus); }; \
	get 2>/dev/null || { $$sudo apt-get update -qq && get; }; } && \
	dpkg-deb --fsys-tarfile "$$dir"/prometheus_*.deb | tar -x -C "$$dir" ./usr/bin && install "$$dir"/usr/bin/promtool "$$dir"/usr/bin/prometheus bin

##@ Care

.PHONY: check
check: build deb debian bin/promtool bin/prometheus ui-clean lint tidy golden-clean ## format, lint, vet, race, goldens and tidiness: what every commit must pass
	go vet ./...
	go test -race -timeout 30m ./...

.PHONY: fmt
fmt: bin/golangci-lint ## format the tree
	bin/golangci-lint fmt

.PHONY: lint
lint: bin/golangci-lint ## formatting and static analysis
	@diff=$$(bin/golangci-lint fmt --diff); if [ -n "$$diff" ]; then echo "$$diff"; echo 'not formatted: run make fmt'; exit 1; fi
	bin/golangci-lint run

.PHONY: tidy
tidy: ## go.mod and go.sum say what is used, no more
	go mod tidy -diff
	cd dgraph && go mod tidy -diff

.PHONY: golden
golden: ## rewrite the golden files from what the code does now
	UPDATE_GOLDEN=1 go test -count=1 $(GOLDEN)

.PHONY: golden-clean
golden-clean: ## rewriting the golden files changes nothing
	@before=$$(git status --porcelain | sha256sum); UPDATE_GOLDEN=1 go test -count=1 $(GOLDEN) && \
	after=$$(git status --porcelain | sha256sum); \
	[ "$$before" = "$$after" ] || { git --no-pager diff --stat; echo 'goldens are not current: run make golden and read the diff'; exit 1; }

GOLDEN := -run 'Golden|Stages|Problems|Transcript' ./tdql/... ./ingest/filter ./reportd ./stix ./web ./cmd/cybexp

.PHONY: bench
bench: build ## measure: one table of our figures beside those of Dgraph's own tools, about 25 minutes
	go run ./internal/bench -benchtime '$(BENCHTIME)'

.PHONY: bench-quick
bench-quick: build ## whether the benchmarks work: small graphs, a minute or two
	go run ./internal/bench -quick -events 2000

.PHONY: bench-docs
bench-docs: build ## measure, and write docs/benchmarks.md with its curve
	go run ./internal/bench -benchtime '$(BENCHTIME)' -docs docs

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME
	@set -e; for p in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$p 2>/dev/null | grep '^Fuzz' || true); do \
	    echo "== $$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime '$(FUZZTIME)' $$p; \
	  done; done

.PHONY: vuln
vuln: ## known vulnerabilities in what we import
	go run golang.org/x/vuln/cmd/govulncheck@$(GOVULN) ./...

.PHONY: clean
clean: ## remove what was built (never the data folder)
	rm -rf bin

bin/golangci-lint:
	GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z\/-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
