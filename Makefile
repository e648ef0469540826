# make test    everything: sets up what the tests need, then runs all of them with the race detector
# make test-nodes   the black-box tests again, on three nodes that share a store, but for what is the same on every store
# make test-containers   the tests of the shared store again, on Redis servers that run in containers
# make check   format, vet, static analysis, tidy: what must be clean before a commit
# make bench   the benchmarks of the hot paths, a few minutes
# make build   the router binary, in ./bin
GO ?= go

.PHONY: build check test test-nodes test-containers test-setup bench lint fmt clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/router ./cmd/router

fmt:
	gofmt -w $$(git ls-files '*.go')

check:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(GO) mod tidy -diff
	$(GO) tool -modfile=tools.mod staticcheck ./...

lint:
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

# The race detector needs a C compiler; the black-box tests need Node.js and npm for the real function runtimes, webhook
# libraries and queue consumers of tests/node, and the AWS command line. On Debian and its kin they are installed by apt,
# elsewhere what is missing is named.
test-setup:
	@./tests/setup.sh

# At full size the soaks alone take more than half an hour, and the cache of test results does not know of all that has one. Vetting is
# what `make check` does.
test: test-setup
	$(GO) test -race -vet off -timeout $(if $(SIGNALBOX_SOAK),120m -count 1,20m) ./...

# The same tests as before, so without the race detector, and with less of what takes long.
test-nodes: test-setup
	SIGNALBOX_TEST_STORE=$(or $(SIGNALBOX_TEST_STORE),redis) SIGNALBOX_SOAK_TIME=$(or $(SIGNALBOX_SOAK_TIME),$(if $(SIGNALBOX_SOAK),,20s)) \
		$(GO) test -vet off -timeout $(if $(SIGNALBOX_SOAK),120m,20m) ./tests

# Needs a container engine, or root to start one. What these tests are elsewhere with the race detector, here is without.
test-containers: export SIGNALBOX_REDIS = docker
test-containers: test-setup
	$(GO) test -short -vet off -timeout 20m ./tests/redistest ./queue/redisstore

bench:
	./tests/bench.sh

clean:
	rm -rf bin tests/node/node_modules
