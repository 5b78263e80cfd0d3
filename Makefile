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

# Where rustup puts cargo, which the PATH of a service may lack.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

TARGET  := $(abspath $(or $(CARGO_TARGET_DIR),target))
RELEASE := $(TARGET)/release
STAGE   := $(TARGET)/stage
VERSION  = $(shell sed -n 's/^version = "\(.*\)"/\1/p;/^version/q' Cargo.toml)
SONAME   = $(shell readelf -d $(RELEASE)/libwsc.so | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')

# A test that skips itself has found something missing that the set-up promised.
PHPUNIT_FLAGS := --fail-on-skipped --fail-on-incomplete --fail-on-risky --fail-on-warning

C_WARNINGS := -std=c99 -Wall -Wextra -Wpedantic -Werror

.DEFAULT_GOAL := all
.NOTPARALLEL:
.PHONY: all help demo demo-c install stage examples test test-interop \
	setup-build setup-php setup-go setup-test setup-interop \
	test-format test-lint test-rust test-install test-demo test-php test-go

all: setup-build ## build the library in target/release
	$(CARGO) build --locked --release --lib

setup-build setup-php setup-test setup-interop:
	@scripts/setup $(@:setup-%=%)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

examples: setup-build
	$(CARGO) build --locked --release --lib --example echo_server

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

# Installing compiles only what is not there, so that `make && sudo make install`
# never builds as root.
$(RELEASE)/libwsc.so $(RELEASE)/libwsc.a:
	@$(MAKE) all

install: $(RELEASE)/libwsc.so $(RELEASE)/libwsc.a ## install under PREFIX, below DESTDIR
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 755 $(RELEASE)/libwsc.so $(DESTDIR)$(LIBDIR)/libwsc.so.$(VERSION)
	ln -sf libwsc.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libwsc.so
	$(INSTALL) -m 644 $(RELEASE)/libwsc.a $(DESTDIR)$(LIBDIR)/libwsc.a
	$(INSTALL) -m 644 include/wsc.h $(DESTDIR)$(INCLUDEDIR)/wsc.h
	sed -e 's|@PREFIX@|$(PREFIX)|' \
		-e 's|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
		-e 's|@INCLUDEDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))|' \
		-e 's|@VERSION@|$(VERSION)|' \
		scripts/wsc.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/wsc.pc
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/cmake/wsc
	$(INSTALL) -m 644 bindings/cpp/include/wsc.hpp $(DESTDIR)$(INCLUDEDIR)/wsc.hpp
	$(INSTALL) -m 644 bindings/cpp/cmake/wsc-targets.cmake $(DESTDIR)$(LIBDIR)/cmake/wsc/
	for file in wsc-config wsc-config-version; do \
		sed -e 's|@VERSION@|$(VERSION)|g' -e 's|@SONAME@|$(SONAME)|g' \
			-e "s|@INCLUDEDIR_FROM_LIBDIR@|$$(realpath -m --relative-to=$(LIBDIR) $(INCLUDEDIR))|g" \
			bindings/cpp/cmake/$$file.cmake.in >$(DESTDIR)$(LIBDIR)/cmake/wsc/$$file.cmake || exit 1; \
	done

test: ## run every check and every test
	@scripts/test test-format test-lint test-rust test-install test-demo test-php test-go

test-format: setup-build setup-test
	$(CARGO) fmt --check

test-lint: setup-build setup-test
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps
	shellcheck --severity=warning .ci/run scripts/setup scripts/test scripts/test-install \
		scripts/test-demo scripts/with-echo-server scripts/interop \
		bindings/cpp/tests/package/run

test-rust: setup-build setup-test ## Rust tests; header, symbols, C and C++ programs are among them
	WSC_VALGRIND=1 $(CARGO) test --locked --no-fail-fast

# Not part of `test`, which needs no network.
test-interop: setup-build setup-interop ## compression against python websockets and node ws
	scripts/interop $(TARGET)

test-install: setup-test stage
	scripts/test-install $(RELEASE)

test-demo: examples
	scripts/test-demo $(RELEASE)

test-php: setup-php setup-test examples
	@report=$$(find bindings/php -name '*.php' -not -path '*/vendor/*' -print0 \
		| xargs -0 -n 1 $(PHP) -l 2>&1) || { echo "$$report"; exit 1; }
	cd bindings/php && WSC_LIBRARY=$(RELEASE)/libwsc.so $(PHPUNIT) $(PHPUNIT_FLAGS)

# The pointer checks of cgo became a build experiment in Go 1.21.
GO_CHECK = $(shell $(GO) version | grep -qE 'go1\.(19|20)([. ]|$$)' \
	&& echo GODEBUG=cgocheck=2 || echo GOEXPERIMENT=cgocheck2)

test-go: setup-go setup-test stage
	@cd bindings/go && files=$$(gofmt -l .) && [ -z "$$files" ] || { echo "gofmt: $$files"; exit 1; }
	cd bindings/go && export PKG_CONFIG_PATH=$(STAGE)/lib/pkgconfig CGO_LDFLAGS=-Wl,-rpath,$(STAGE)/lib \
		WSC_ECHO_SERVER=$(RELEASE)/examples/echo_server && \
		$(GO) vet ./... && $(GO_CHECK) $(GO) test -count=1 -race -v -timeout 300s ./...
