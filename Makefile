# `make help` lists the targets. Each does its own set-up: see scripts/setup.

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR    ?=

CARGO   ?= cargo
CC      ?= cc
INSTALL ?= install
PHP     ?= php
PHPUNIT ?= phpunit
GO      ?= go
# The interpreter that has the packages which apt installs, whatever comes first in PATH.
PYTHON  ?= /usr/bin/python3
export PYTHON

# Where rustup puts cargo, which the PATH of a service may lack.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

TARGET  := $(abspath $(or $(CARGO_TARGET_DIR),target))
RELEASE := $(TARGET)/release
STAGE   := $(TARGET)/stage
VERSION  = $(shell sed -n 's/^version = "\(.*\)"/\1/p;/^version/q' Cargo.toml)
SONAME   = $(shell sed -n 's/^const SONAME.*"\(.*\)";/\1/p' build.rs)
CMAKEDIR = $(LIBDIR)/cmake/wsc

# A test that skips itself has found something missing that the set-up promised. Workerman
# itself is nothing it promises: without WORKERMAN_DIR its tests are counted as skipped.
PHPUNIT_FLAGS := $(if $(WORKERMAN_DIR),--fail-on-skipped) --fail-on-incomplete --fail-on-risky --fail-on-warning

C_WARNINGS := -std=c99 -Wall -Wextra -Wpedantic -Werror

.DEFAULT_GOAL := all
.NOTPARALLEL:
.PHONY: all built help demo demo-c install uninstall stage examples deb abi-check test test-interop \
	bench bench-quick bench-curves bench-micro bench-deflate bench-setup setup-bench \
	setup-build setup-php setup-go setup-python setup-test setup-abi setup-deb \
	setup-interop setup-nightly setup-sanitize setup-miri setup-coverage \
	test-format test-lint test-rust test-fuzz test-install test-cinstall test-packages test-deb test-abi \
	test-demo test-php test-go test-python faults load fuzz fuzz-coverage asan tsan miri deny valgrind soak

# Without the Rust library, beside which cargo leaves link-time optimisation out.
all: setup-build ## build the library in target/release
	scripts/remap-paths $(CARGO) rustc --locked --release --lib --crate-type cdylib,staticlib

setup-build setup-php setup-go setup-python setup-test setup-abi setup-deb setup-interop setup-bench \
setup-nightly setup-sanitize setup-miri setup-coverage:
	@scripts/setup $(@:setup-%=%)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

# The echo server is not optimised: that build has the Rust library.
examples: all
	$(CARGO) build --locked --example echo_server

# The library as a user has it, for what is compiled against it here.
stage: examples
	@$(MAKE) --no-print-directory --silent install \
		DESTDIR= PREFIX=$(STAGE) LIBDIR=$(STAGE)/lib INCLUDEDIR=$(STAGE)/include

demo: setup-php examples ## run the main job from PHP (URL= takes another server)
	@WSC_LIBRARY=$(RELEASE)/libwsc.so timeout 60 \
		scripts/with-echo-server $(RELEASE) sh -c '$(PHP) bindings/php/examples/echo.php "$$URL"'

demo-c: stage ## run the main job from C (URL= takes another server)
	@PKG_CONFIG_PATH=$(STAGE)/lib/pkgconfig sh -c '$(CC) $(C_WARNINGS) \
		-o $(STAGE)/echo examples/echo.c $$(pkg-config --cflags --libs wsc) \
		-Wl,-rpath,$(STAGE)/lib'
	@timeout 60 scripts/with-echo-server $(RELEASE) sh -c '$(STAGE)/echo "$$URL"'

# Compiles only what is not there, so that `make && sudo make install` never builds
# as root, and a package can be made of a build that is done.
built: $(RELEASE)/libwsc.so $(RELEASE)/libwsc.a

$(RELEASE)/libwsc.so $(RELEASE)/libwsc.a:
	@$(MAKE) all

# So that no umask decides who can read what is generated.
INSTALL_TEXT := $(INSTALL) -m 644 /dev/stdin

# The loader's cache is left to ldconfig: see README.md.
install: built ## install under PREFIX, below DESTDIR
	$(if $(filter-out /%,$(PREFIX) $(LIBDIR) $(INCLUDEDIR)),$(error PREFIX, LIBDIR and INCLUDEDIR are absolute paths))
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(CMAKEDIR) $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 755 $(RELEASE)/libwsc.so $(DESTDIR)$(LIBDIR)/libwsc.so.$(VERSION)
	ln -sf libwsc.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libwsc.so
	$(INSTALL) -m 644 $(RELEASE)/libwsc.a $(DESTDIR)$(LIBDIR)/libwsc.a
	$(INSTALL) -m 644 include/wsc.h bindings/cpp/include/wsc.hpp $(DESTDIR)$(INCLUDEDIR)
	sed -e 's|@PREFIX@|$(PREFIX)|' \
		-e 's|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
		-e 's|@INCLUDEDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))|' \
		-e 's|@VERSION@|$(VERSION)|' \
		scripts/wsc.pc.in | $(INSTALL_TEXT) $(DESTDIR)$(LIBDIR)/pkgconfig/wsc.pc
	$(INSTALL) -m 644 bindings/cpp/cmake/wsc-targets.cmake $(DESTDIR)$(CMAKEDIR)
	for file in wsc-config wsc-config-version; do \
		sed -e 's|@VERSION@|$(VERSION)|g' -e 's|@SONAME@|$(SONAME)|g' -e 's|@LIBDIRS@|../..|g' \
			-e "s|@INCLUDEDIR@|$$(realpath -m --relative-to=$(CMAKEDIR) $(INCLUDEDIR))|g" \
			bindings/cpp/cmake/$$file.cmake.in | $(INSTALL_TEXT) $(DESTDIR)$(CMAKEDIR)/$$file.cmake || exit 1; \
	done

uninstall: ## remove what install has put there
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libwsc.so $(SONAME) libwsc.so.$(VERSION) libwsc.a pkgconfig/wsc.pc)
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/,wsc.h wsc.hpp)
	rm -rf $(DESTDIR)$(CMAKEDIR)

deb: all setup-deb ## make the Debian packages in target/deb
	scripts/deb $(TARGET)

abi-check: setup-build setup-abi ## compare the C ABI with the last release's
	scripts/abi-check

test: ## run every check and every test
	@scripts/test test-format test-lint test-rust test-fuzz test-install test-cinstall test-packages test-deb \
		test-abi test-demo test-php test-go test-python

test-format: setup-build setup-test
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path bench/Cargo.toml
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml

test-lint: setup-build setup-test
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps
	shellcheck --severity=warning .ci/run scripts/setup scripts/test scripts/test-install \
		scripts/test-cinstall scripts/test-packages scripts/test-deb scripts/test-abi \
		scripts/check-install scripts/check-paths scripts/remap-paths scripts/abi-check scripts/deb \
		scripts/test-demo scripts/with-echo-server scripts/interop \
		scripts/fuzz scripts/fuzz-coverage scripts/sanitize scripts/miri scripts/valgrind scripts/soak \
		bindings/cpp/tests/package/run

test-rust: setup-build setup-test ## Rust tests; header, symbols, C and C++ programs are among them
	WSC_VALGRIND=1 $(CARGO) test --locked --no-fail-fast

test-fuzz: setup-build ## the fuzz targets over their corpora, without a fuzzer
	$(CARGO) test --locked --no-default-features --manifest-path fuzz/Cargo.toml \
		--target-dir $(TARGET)/fuzz

# Not part of `test`, which needs no network.
test-interop: setup-build setup-interop ## compression against python websockets, node ws and nginx
	scripts/interop $(TARGET)

# What takes longer than `make test` may; the short forms of these are in it.

OFFSETS ?= 100
MINUTES ?= 60
SECONDS ?= 60

faults: setup-build setup-test ## faults at OFFSETS bytes of each way, conversation, direction and kind; `every` for all of the brief ones
	WSC_FAULTS=$(OFFSETS) WSC_TEST_LIMIT=36000 $(CARGO) test --locked --test faults -- --nocapture

load: setup-build setup-test ## ten thousand connections, gigabytes, reconnect cycles; with figures
	WSC_LOAD=1 WSC_TEST_LIMIT=3600 \
		$(CARGO) test --locked --release --test load -- --nocapture --test-threads=1

fuzz: setup-build setup-test setup-nightly ## each fuzz target for SECONDS (needs Rust nightly)
	scripts/fuzz $(TARGET) $(SECONDS)

fuzz-coverage: setup-build setup-coverage ## lines that the corpora of the fuzz targets reach (needs Rust nightly)
	scripts/fuzz-coverage $(TARGET)

asan: setup-build setup-test setup-sanitize ## the Rust tests and the C programs under the address sanitizer (needs Rust nightly)
	scripts/sanitize address $(TARGET)

tsan: setup-build setup-test setup-sanitize ## the same under the thread sanitizer (needs Rust nightly)
	scripts/sanitize thread $(TARGET)

miri: setup-build setup-miri ## what needs neither sockets, OpenSSL nor threads, in Miri (needs Rust nightly)
	scripts/miri $(TARGET)

deny: setup-build ## licences, versions and sources of what is depended on (needs cargo-deny)
	$(CARGO) fetch --locked
	$(CARGO) deny --offline check licenses bans sources

valgrind: setup-build setup-test ## the C programs, and the Rust tests with many threads, under memcheck
	scripts/valgrind $(TARGET)

soak: setup-build setup-test setup-nightly ## faults, load and fuzzing by turns for MINUTES, with random seeds
	scripts/soak $(TARGET) $(MINUTES)

test-install: setup-test stage
	scripts/test-install $(RELEASE)

test-cinstall: setup-test stage ## what cargo cinstall installs; needs cargo-c
	scripts/test-cinstall $(RELEASE)

test-packages: setup-go setup-test stage
	scripts/test-packages $(RELEASE) $(STAGE)

test-deb: setup-test setup-deb stage
	scripts/deb $(TARGET)
	scripts/test-deb $(RELEASE)

test-abi: setup-build setup-abi
	scripts/test-abi

test-demo: examples
	scripts/test-demo $(RELEASE)

test-php: setup-php setup-test examples
	@report=$$(find bindings/php -name '*.php' -not -path '*/vendor/*' -print0 \
		| xargs -0 -n 1 $(PHP) -l 2>&1) || { echo "$$report"; exit 1; }
	cd bindings/php && phpcs -n
	@! command -v composer >/dev/null || (cd bindings/php && composer validate --no-interaction --strict)
	cd bindings/php && WSC_LIBRARY=$(RELEASE)/libwsc.so $(PHPUNIT) $(PHPUNIT_FLAGS)

# The pointer checks of cgo became a build experiment in Go 1.21.
GO_CHECK = $(shell $(GO) version | grep -qE 'go1\.(19|20)([. ]|$$)' \
	&& echo GODEBUG=cgocheck=2 || echo GOEXPERIMENT=cgocheck2)

test-go: setup-go setup-test stage
	@cd bindings/go && files=$$(gofmt -l .) && [ -z "$$files" ] || { echo "gofmt: $$files"; exit 1; }
	cd bindings/go && export PKG_CONFIG_PATH=$(STAGE)/lib/pkgconfig CGO_LDFLAGS=-Wl,-rpath,$(STAGE)/lib \
		WSC_ECHO_SERVER=$(TARGET)/debug/examples/echo_server && \
		$(GO) vet ./... && $(GO_CHECK) $(GO) test -count=1 -race -v -timeout 300s ./...

test-python: setup-python all
	cd bindings/python && WSC_LIBRARY=$(RELEASE)/libwsc.so $(PYTHON) -m pytest -q -rs

# What is measured, and how: see docs/performance.md.
ROUNDS    ?= 5
WORKLOADS ?=
CURVES    ?=
CLIENTS   ?=
OUT       ?= $(TARGET)/bench

# A run over everything renews the document.
BENCH_DOCUMENT = $(if $(strip $(WORKLOADS)$(CURVES)$(CLIENTS)),,--document docs/performance.md)
BENCH = $(MAKE) --no-print-directory bench-setup && python3 bench/run.py

# The clients of the curves: one of each language, and its best peers.
CURVE_CLIENTS = floor libwsc-thread libwsc-poll libwsc-go libwsc-php tungstenite beast-async libwebsockets \
	gorilla workerman websockets-asyncio ws

bench-setup: setup-bench stage
	-@scripts/setup peers

bench: ## measure libwsc, its peers and the floors (ROUNDS= WORKLOADS= CLIENTS= OUT=)
	@$(BENCH) suite --target $(TARGET) --out $(OUT) --rounds $(ROUNDS) $(BENCH_DOCUMENT) \
		--workloads '$(WORKLOADS)' --clients '$(CLIENTS)'

bench-quick: ## the same in a few minutes, for a first look
	@$(BENCH) suite --target $(TARGET) --out $(OUT) --rounds 3 --seconds 0.05 \
		--workloads '$(or $(WORKLOADS),rtt-64 flood-64 flood-1k send-64 echo-1m fan-1000-burst tls-rtt-64)' \
		--clients '$(CLIENTS)'

bench-curves: ## cost against message size, connections and queue depth (CURVES= ROUNDS= CLIENTS=)
	@$(BENCH) curves --target $(TARGET) --out $(OUT) --rounds $(ROUNDS) --seconds 0.1 $(BENCH_DOCUMENT) \
		--curves '$(CURVES)' --clients '$(or $(CLIENTS),$(CURVE_CLIENTS))'

bench-micro: setup-build ## measure masking, UTF-8, parsing and compression against memcpy
	$(CARGO) bench --locked

bench-deflate: setup-bench ## compare what could do the compression
	@python3 bench/run.py messages --target $(TARGET) --out $(OUT)
	@$(MAKE) --silent --no-print-directory -C bench deflate TARGET=$(TARGET) OUT=$(OUT)
