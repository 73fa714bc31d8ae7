# `make test` is everything a change has to pass; the other targets are its parts and some tools.

GO       ?= go
LINTER   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
LINT_VER := v2.15.0
LINT     := bin/golangci-lint-$(LINT_VER)
PACKAGES  = $(shell $(GO) list ./... | grep -v -e /internal/e2e -e /internal/deploytest)
E2E      := $(GO) test -count=1 -parallel 4 ./internal/e2e

.PHONY: all build test clients vet lint unit torture e2e e2e-race deploy-test deb release fuzz soak bench bench-zone bench-peers bench-sizing clean

all: build

build:
	$(GO) build -o bin/rtmp-edge ./cmd/rtmp-edge

# In this order also under make -j: the end-to-end tests want the machine for themselves.
test:
	$(MAKE) clients
	$(MAKE) vet
	$(MAKE) lint
	$(MAKE) unit
	$(MAKE) torture
	$(MAKE) e2e
	$(MAKE) e2e-race
	$(MAKE) deploy-test

# The real clients that the tests run; Debian packages.
clients:
	./scripts/install-test-clients

vet:
	$(GO) vet ./...
	$(GO) vet -tags soak ./internal/e2e
	$(GO) vet -tags torture,large ./streamzone/...
	$(GO) mod tidy -diff

# The linter is built once and kept in bin/.
$(LINT):
	GOBIN=$(CURDIR)/bin $(GO) install $(LINTER)@$(LINT_VER)
	mv bin/golangci-lint $@

lint: $(LINT)
	$(LINT) run --build-tags torture,soak,large ./...

unit:
	$(GO) test -race -count=1 -timeout 8m $(PACKAGES)

# The stream zone again, with crash points compiled in: processes that are killed at each of them, and mutants of the code that this must
# find. TORTURE=1h is the torture alone, for so long, with its table in the end.
torture:
	STREAMZONE_TORTURE=$(TORTURE) $(GO) test -tags torture -count=1 $(if $(TORTURE),-timeout 0 -v -run '^TestTorture$$',-timeout 8m) ./streamzone

# The real binary, played with real clients.
e2e:
	$(E2E) -timeout 10m

# The same with a server built by the race detector; the largest loads are scaled down, and what is only about pages in a browser, or about OBS, is left out:
# the server does nothing else for them.
e2e-race:
	RTMP_EDGE_E2E_RACE=1 $(E2E) -timeout 10m -skip '^(TestConsole|TestPlayersInBrowser|TestInteropOBS)'

# What is shipped, with the tools that it is for: the image in a container, the unit in a booted systemd, the package in a Debian, the manifests. Needs root.
deploy-test:
	$(GO) test -count=1 -parallel 4 -timeout 12m ./internal/deploytest

# The Debian package for this machine, in dist/.
deb:
	./scripts/build-deb

# All that a release has, in dist/: archives, Debian packages, bills of materials, checksums. Twice the same tree gives twice the same bytes.
release:
	./scripts/release

# Each target for FUZZTIME, 30s unless told.
fuzz:
	./scripts/fuzz

# Streams that must miss nothing, beside attacks, takeovers and kills: for SOAK, 10m unless told. A line a minute, and a table in the end.
soak:
	RTMP_EDGE_E2E_SOAK=$(SOAK) $(GO) test -C internal/e2e -tags soak -count=1 -parallel 4 -timeout 0 -run '^TestSoak$$'

bench:
	$(GO) test -run '^$$' -bench . -benchmem $(PACKAGES)

# The stream zone beside what else there is: the tables of docs/performance.md. Three minutes; needs redis-server.
bench-zone:
	./scripts/bench-zone

# The fan-out beside nginx-rtmp (NGINX=/usr/sbin/nginx) and SRS (SRS=/path/to/objs/srs), where given: the tables of docs/performance.md.
bench-peers:
	./scripts/bench-peers

# What one machine holds: the tables of docs/tuning.md. Ten minutes on a quiet machine.
bench-sizing:
	./scripts/bench-sizing

clean:
	rm -rf bin dist
