# Breakwater. `make deps` once, then `make`, `make run`, `make check`; README.md says more.
BUILD   ?= build
prefix  ?= /usr/local
CC      ?= gcc
CXX     ?= g++
VERSION := 0.1.0

PACKAGES := glib-2.0 gio-2.0 gio-unix-2.0 libcurl jansson libpq libmicrohttpd libetpan gnutls gmime-3.0 \
            libsodium icu-uc
WARN     := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wno-missing-field-initializers
CPPFLAGS += -I. -D_GNU_SOURCE -DBW_VERSION='"$(VERSION)"' $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
CFLAGS   ?= -O2 -g
CXXFLAGS ?= $(CFLAGS)
# libetpan's description also asks for linker settings of Debian's package build, which are not ours.
LDLIBS   += $(filter-out -specs=%,$(shell pkg-config --libs $(PACKAGES) 2>/dev/null)) \
            -Wl,--push-state,--no-as-needed -lcld2_full -lcld2 -Wl,--pop-state -lm
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

SOURCES   := $(sort $(wildcard core/base/*.c core/engine/*.c core/store/*.c core/cli/*.c core/*.c \
               collectors/*.c web/*.c))
SOURCESXX := $(sort $(wildcard core/engine/*.cc))
TESTS     := $(sort $(shell find tests -name 'test_*.c' 2>/dev/null))
SCRIPTS   := $(sort $(shell find tests -name 'test_*.mjs' 2>/dev/null))
OBJECTS    = $(SOURCES:%.c=$(BUILD)/$(1)/%.o) $(SOURCESXX:%.cc=$(BUILD)/$(1)/%.o) $(BUILD)/$(1)/resources.o
LIBRARY    = $(filter-out %/core/cli/main.o,$(call OBJECTS,$(1)))
# drive.c is no test: the connectors' tests in JavaScript run a connector through it.
TESTBINS  := $(TESTS:%.c=$(BUILD)/asan/%) $(BUILD)/asan/tests/collectors/drive

.DEFAULT_GOAL := $(BUILD)/breakwater
.PHONY: deps deps-test run check lint format bench bench-engines install clean asan fuzz
.SECONDARY:
.DELETE_ON_ERROR:

$(BUILD)/breakwater: $(call OBJECTS,obj)
	$(CXX) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/asan/breakwater: $(call OBJECTS,asan)
	$(CXX) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LDLIBS)
asan: $(BUILD)/asan/breakwater

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/obj/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(WARN) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(CPPFLAGS) -O1 -g $(SANITIZE) -MMD -MP -c -o $@ $<
$(BUILD)/asan/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(WARN) $(CPPFLAGS) -O1 -g $(SANITIZE) -MMD -MP -c -o $@ $<

# Everything the program needs at run time is inside it: schema, pages, demo day.
RESOURCE_FILES := $(sort $(wildcard sql/*.sql) $(shell find web/ui core/engine/data -type f 2>/dev/null))
DEMO_FILES     := $(sort $(wildcard demo/*.mjs demo/phrases/*.mjs))
UI_MODULES := preact/dist/preact.module.js preact/hooks/dist/hooks.module.js \
              htm/dist/htm.module.js @preact/signals/dist/signals.module.js \
              @preact/signals-core/dist/signals-core.module.js uplot/dist/uPlot.esm.js uplot/dist/uPlot.min.css
UI_LIB := $(addprefix $(BUILD)/lib/,$(notdir $(UI_MODULES)))
$(BUILD)/lib/.copied: node_modules/.package-lock.json tools/ui-lib.sh Makefile
	tools/ui-lib.sh $(BUILD)/lib $(UI_MODULES)
	@touch $@
$(BUILD)/resources.xml: $(RESOURCE_FILES) tools/resources.sh Makefile
	@mkdir -p $(@D)
	tools/resources.sh '$(UI_LIB)' $(RESOURCE_FILES) demo/outage-day.jsonl >$@
$(BUILD)/demo/outage-day.jsonl: $(DEMO_FILES)
	@mkdir -p $(@D)
	node demo/outage-day.mjs >$@
$(BUILD)/resources.c: $(BUILD)/resources.xml $(RESOURCE_FILES) $(BUILD)/lib/.copied $(BUILD)/demo/outage-day.jsonl
	glib-compile-resources --sourcedir=. --sourcedir=$(BUILD) --generate-source --target=$@ $<
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --omit=dev --ignore-scripts
	@touch $@
$(BUILD)/obj/resources.o $(BUILD)/asan/resources.o: $(BUILD)/resources.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CPPFLAGS) -O0 -c -o $@ $<

$(BUILD)/asan/tests/%: $(BUILD)/asan/tests/%.o $(call LIBRARY,asan)
	$(CXX) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# `make fuzz` runs each harness of tests/fuzz for FUZZ_S seconds (Debian's clang and libclang-rt-dev).
FUZZ_S   ?= 600
FUZZERS  := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZFLAGS = -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FUZZLIB   = $(patsubst %,$(BUILD)/fuzz/%.o,$(basename $(wildcard core/engine/*.c core/base/error.c) $(SOURCESXX)))
$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	clang -std=gnu11 $(CPPFLAGS) $(FUZZFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/%.o: %.cc
	@mkdir -p $(@D)
	clang++ -std=c++17 $(CPPFLAGS) $(FUZZFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/%: $(BUILD)/fuzz/tests/fuzz/%.o $(FUZZLIB) $(BUILD)/obj/resources.o
	clang++ $(FUZZFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)
fuzz: $(FUZZERS)
	for one in $^; do mkdir -p $$one.found && $$one -max_total_time=$(FUZZ_S) -timeout=10 -max_len=65536 \
	  -artifact_prefix=$$one.found/ || exit 1; done

deps:
	tools/deps run
deps-test:
	tools/deps test

run: deps
	$(MAKE) $(BUILD)/breakwater
	$(BUILD)/breakwater up $(ARGS)

# ONLY='tests/core/%' runs a part.
ONLY ?= %
# Test files at once: most of their time is waiting for mail to come and for undo to pass.
JOBS ?= 2
check: deps-test
	$(MAKE) $(BUILD)/asan/breakwater $(BUILD)/breakwater $(TESTBINS)
	BREAKWATER=$(CURDIR)/$(BUILD)/asan/breakwater BREAKWATER_RELEASE=$(CURDIR)/$(BUILD)/breakwater \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.supp:print_suppressions=0 \
	UBSAN_OPTIONS=print_stacktrace=1 \
	prove --timer -j $(JOBS) --exec tests/run $(addprefix $(BUILD)/asan/,$(filter $(ONLY),$(TESTS:%.c=%))) $(filter $(ONLY),$(SCRIPTS))

lint:
	tools/deps lint
	tools/lint
format:
	clang-format -i $$(git ls-files '*.c' '*.h')
# Measures and prints; `make bench-engines` does the same for the engines alone.
bench: deps-test
	$(MAKE) $(BUILD)/breakwater
	node tests/bench/throughput.mjs
	BREAKWATER=$(CURDIR)/$(BUILD)/breakwater node tests/bench/mail-latency.mjs
bench-engines: $(BUILD)/breakwater
	tests/bench/engines

install: $(BUILD)/breakwater
	install -D -m 755 $(BUILD)/breakwater $(DESTDIR)$(prefix)/bin/breakwater
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
