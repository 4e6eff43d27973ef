# SPDX-License-Identifier: BSD-3-Clause
#
# Wraps meson; everything here can be had without make, too.
#
#	make			build
#	make demo		install what is missing, build, show a guest on our network
#	make test		install what is missing, build, run every test
#	make bench		install what is missing, build a release, measure it
#	make install		build a release and install it; DESTDIR and PREFIX as usual
#	make clean		remove what was built; make distclean also what was downloaded
#
#	CC=clang		another compiler
#	SANITIZE=address,undefined	or thread
#	WERROR=true		warnings are errors
#	RELEASE=true		as it is measured and installed: without tests, optimized across files
#	SUITES="unit spec"	only these tests (unit, fuzz, spec, net, vmnet, vm)
#	BUILD=folder		instead of one per combination of the above
#
# QEMU, the guest and Open vSwitch of the tests are in build/vm, whatever the build folder is.

ifeq ($(origin CC),default)
CC := gcc
endif
export CC
SANITIZE ?= none
WERROR   ?= false
RELEASE  ?= false
SUITES   ?= unit fuzz spec net vmnet vm
PREFIX   ?= /usr/local

variant := $(filter-out gcc cc,$(notdir $(CC)))
ifneq ($(SANITIZE),none)
comma := ,
variant := $(subst address,asan,$(subst undefined,ubsan,$(subst thread,tsan,$(subst $(comma),-,$(SANITIZE)))))$(variant:%=-%)
endif
ifeq ($(RELEASE),true)
variant := $(variant:%=%-)release
endif
BUILD ?= build$(variant:%=/%)

# Programs under ThreadSanitizer need a layout of memory that not every kernel gives.
run := $(if $(findstring thread,$(SANITIZE)),setarch -R)

.PHONY: all build demo test bench measure install install-built clean distclean deps vm ovs

all: build

# A call goes through a dozen small functions of four layers: a fifth of its instructions are spent between
# files. Not for every build: each of the tests' programs would be optimized as a whole.
lto := $(if $(filter true-none,$(RELEASE)-$(SANITIZE)),true,false)
options := --prefix=$(PREFIX) -Db_sanitize=$(SANITIZE) -Dwerror=$(WERROR) -Db_lto=$(lto) \
	--buildtype=$(if $(filter true,$(RELEASE)),release,debugoptimized) \
	-Dtests=$(if $(filter true,$(RELEASE)),false,true)

build:
	@if [ "$$(cat $(BUILD)/.options 2>/dev/null)" != "$(options)" ]; then \
		meson setup $$(test ! -f $(BUILD)/build.ninja || echo --reconfigure) $(BUILD) $(options) && \
		echo "$(options)" > $(BUILD)/.options; \
	fi
	@ninja -C $(BUILD)

deps:
	@scripts/install-deps

vm: deps
	@scripts/get-qemu
	@scripts/get-guest
	@echo "guests run with $$(scripts/pick-accel)"

# Without it, as without a network, its tests are skipped; in CI nothing is to be skipped unnoticed.
ovs: deps
	@scripts/get-ovs || [ -z "$(CI)" ]

demo: vm
	@$(MAKE) --no-print-directory build
	@OUTRIGGER=$(abspath $(BUILD))/src/cli/outrigger scripts/demo

test: deps $(if $(filter vm,$(SUITES)),vm) $(if $(filter spec,$(SUITES)),ovs)
	@$(MAKE) --no-print-directory build
	@rm -f $(BUILD)/meson-logs/testlog.*
	@$(run) meson test -C $(BUILD) --no-rebuild --timeout-multiplier 2 --print-errorlogs $(SUITES:%=--suite %) || true
	@shown=true; \
	$(if $(and $(filter unit,$(SUITES)),$(filter spec,$(SUITES))),scripts/conformance $(BUILD) || shown=false;) \
	scripts/test-summary $(BUILD) && $$shown

bench: vm
	@scripts/install-deps passt
	@$(MAKE) --no-print-directory RELEASE=true measure

measure: build
	@OUTRIGGER=$(abspath $(BUILD))/src/cli/outrigger BUILD=$(abspath $(BUILD)) bench/run

install:
	@$(MAKE) --no-print-directory RELEASE=true install-built

install-built: build
	@meson install -C $(BUILD)

clean:
	@for each in build/* build/.[!.]*; do \
		case $$each in build/vm) ;; *) rm -rf "$$each" ;; esac; \
	done

distclean:
	@rm -rf build
