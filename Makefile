# SPDX-License-Identifier: GPL-2.0-or-later
#
# One non-recursive build. Targets: all test demo bench lint install clean; see `make help`.
# Knobs: V=1 shows commands, DEVELOPER=1 makes warnings errors, SAN=1 adds the address and
# undefined-behaviour sanitizers, TSAN=1 the one for data races, FUZZER=1 with CC=clang links the
# fuzz targets to libFuzzer (scripts/fuzz does), CC=clang, DESTDIR= and prefix= for install, O= for
# output.

.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

VERSION := 0.1.0

ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
LD ?= ld
OBJCOPY ?= objcopy
variant := $(if $(filter-out gcc,$(CC)),-$(notdir $(CC)))$(if $(SAN),-san)$(if $(TSAN),-tsan)$(if $(FUZZER),-fuzz)
O ?= build/out$(variant)
# One name for one directory: what depends on what is noted by name.
override O := $(patsubst $(CURDIR)/%,%,$(O))
prefix ?= /usr
sbindir ?= $(prefix)/sbin
libexecdir ?= $(prefix)/lib/lifeboat
mandir ?= $(prefix)/share/man
docdir ?= $(prefix)/share/doc/lifeboat
sysconfdir ?= /etc
unitdir ?= $(prefix)/lib/systemd/system
dracutdir ?= $(prefix)/lib/dracut/modules.d
udevdir ?= $(prefix)/lib/udev/rules.d
completiondir ?= $(prefix)/share/bash-completion/completions

CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 -Wall -Wextra -Wshadow=local -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -fno-strict-aliasing -fstack-protector-strong -pthread $(CFLAGS)
ifeq ($(CC),clang)
ALL_CFLAGS := $(filter-out -Wshadow=local,$(ALL_CFLAGS)) -Wno-gnu-statement-expression
endif
ALL_CFLAGS += $(if $(DEVELOPER),-Werror)
ALL_CPPFLAGS := -I. -D_GNU_SOURCE -DLIFEBOAT_VERSION='"$(VERSION)"' -D_FILE_OFFSET_BITS=64 \
	$(CPPFLAGS)
ALL_LDFLAGS := -pthread $(LDFLAGS)
ifneq ($(FUZZER),)
SAN := 1
ALL_CFLAGS += -fsanitize=fuzzer-no-link
endif
ifneq ($(SAN)$(TSAN),)
san_flags := $(if $(TSAN),-fsanitize=thread,-fsanitize=address,undefined -fno-sanitize-recover=all)
ALL_CFLAGS += -O1 -fno-omit-frame-pointer $(san_flags)
ALL_LDFLAGS += $(san_flags)
else
# The programs run where there is no shared library at all.
STATIC := -static
endif

# Libraries of codecs and formats, linked from their static archives into the programs.
LIBS_vmcore := -ldeflate -lz -llzo2 -lzstd
LIBS_collector := -lblkid -lxxhash
LIBS_loader := -ljson-c -lblkid -lxxhash

ifeq ($(V),1)
Q :=
say := @:
else
Q := @
say := @printf '  %-7s %s\n'
endif

# What is built: a library a folder, in the order in which includes may point.
modules := base crashnotes vmcore
programs := $(O)/lifeboat-collect $(O)/lifeboat $(O)/lifeboat-receive

srcs_of = $(sort $(wildcard $(1)/*.c))
objs_of = $(patsubst %.c,$(O)/%.o,$(1))

lib_objs := $(foreach m,$(modules),$(call objs_of,$(call srcs_of,$(m))))
libs := $(foreach m,vmcore crashnotes base,$(O)/lib$(m).a)
collector_objs := $(call objs_of,$(filter-out collector/main.c collector/receive_main.c,\
	$(call srcs_of,collector)))
loader_objs := $(call objs_of,$(filter-out loader/main.c,$(call srcs_of,loader)))
unit_srcs := $(call srcs_of,tests/unit)
unit_tests := $(patsubst %.c,$(O)/%,$(unit_srcs))
fuzz_srcs := $(sort $(wildcard tests/fuzz/fuzz_*.c))
fuzz_replays := $(patsubst %.c,$(O)/%,$(fuzz_srcs))
tool_srcs := $(sort $(wildcard tests/tools/*.c))
tools := $(patsubst %.c,$(O)/%,$(tool_srcs))
bench_srcs := $(sort $(wildcard tests/bench/*.c))
bench_tools := $(patsubst %.c,$(O)/%,$(bench_srcs))
testlib_objs := $(call objs_of,$(call srcs_of,tests/lib))
guest_srcs := $(sort $(wildcard tests/vm/guest/*.c))
guest_tools := $(patsubst %.c,$(O)/%,$(guest_srcs))

.PHONY: all
all: $(programs)

$(O)/%.o: %.c
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

define library
$(O)/lib$(1).a: $(call objs_of,$(call srcs_of,$(1)))
	$$(say) AR $$@
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach m,$(modules),$(eval $(call library,$(m))))

$(O)/libcollector.a: $(collector_objs)
	$(say) AR $@
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# What runs between two kernels: no library, no address of its own, no registers that the dying
# kernel would have had to save. Linked twice at different places it must be the same.
purgatory := $(O)/loader/purgatory
purgatory_flags := -std=gnu11 -Wall -Wextra -O2 -ffreestanding -fpie -fvisibility=hidden \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-jump-tables -fno-builtin \
	-mno-red-zone -mgeneral-regs-only -fcf-protection=none -fno-strict-aliasing -I.
purgatory_objs := $(addprefix $(purgatory)/,entry.o purgatory.o sha256.o)

$(purgatory)/%.o: loader/purgatory/%.c
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(purgatory_flags) -MMD -MP -c $< -o $@

$(purgatory)/sha256.o: base/sha256.c
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(purgatory_flags) -MMD -MP -c $< -o $@

$(purgatory)/entry.o: loader/purgatory/entry.S
	$(say) AS $<
	@mkdir -p $(@D)
	$(Q)$(CC) -c $< -o $@

$(purgatory)/purgatory.bin: $(purgatory_objs) loader/purgatory/purgatory.lds
	$(say) LD $@
	$(Q)for base in 0 0x7654321000; do \
		sed "s/BASE/$$base/" loader/purgatory/purgatory.lds > $@.lds && \
		$(LD) -nostdlib -static -T $@.lds --no-warn-rwx-segments --build-id=none \
			$(purgatory_objs) -o $@.elf && \
		$(OBJCOPY) -O binary -j .image $@.elf $@.$$base || exit 1; \
	done; cmp $@.0 $@.0x7654321000 && mv $@.0 $@

$(O)/loader/purgatory_blob.o: loader/purgatory/blob.S $(purgatory)/purgatory.bin
	$(say) AS $<
	$(Q)$(CC) -DPURGATORY_BIN='"$(purgatory)/purgatory.bin"' -c $< -o $@

$(O)/libloader.a: $(loader_objs) $(O)/loader/purgatory_blob.o
	$(say) AR $@
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/libtest.a: $(testlib_objs)
	$(say) AR $@
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/lifeboat-collect: $(O)/collector/main.o $(O)/libcollector.a $(libs)
	$(say) LD $@
	$(Q)$(CC) $(STATIC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $^ $(LIBS_vmcore) $(LIBS_collector) -o $@

$(O)/lifeboat: $(O)/loader/main.o $(O)/libloader.a $(libs)
	$(say) LD $@
	$(Q)$(CC) $(STATIC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $^ $(LIBS_vmcore) $(LIBS_loader) -o $@

# Of the machine that takes dumps in: a machine like any other, with shared libraries.
$(O)/lifeboat-receive: $(O)/collector/receive_main.o $(O)/libcollector.a $(libs)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $^ -lxxhash -o $@

# Tests may use all of it.
test_libs := $(O)/libcollector.a $(O)/libloader.a $(O)/libtest.a $(libs)

$(unit_tests): $(O)/%: $(O)/%.o $(test_libs)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(filter %.o,$^) $(test_libs) -lcmocka $(LIBS_vmcore) \
		$(LIBS_collector) $(LIBS_loader) -lelf -lsnappy -o $@

$(tools) $(bench_tools): $(O)/%: $(O)/%.o $(test_libs)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(filter %.o,$^) $(test_libs) $(LIBS_vmcore) \
		$(LIBS_collector) $(LIBS_loader) -o $@

# A fuzz target is a plain program that replays its corpus, unless FUZZER=1.
fuzz_main := $(if $(FUZZER),,$(O)/tests/fuzz/replay.o)
$(fuzz_replays): $(O)/%: $(O)/%.o $(fuzz_main) $(test_libs)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(if $(FUZZER),-fsanitize=fuzzer) \
		$(filter %.o,$^) $(test_libs) $(LIBS_vmcore) \
		$(LIBS_collector) $(LIBS_loader) -o $@

# Programs that run inside the guests of the lab: static, on their own.
$(guest_tools): $(O)/%: %.c
	$(say) LD $@
	@mkdir -p $(@D)
	$(Q)$(CC) -static $(ALL_CPPFLAGS) $(filter-out $(san_flags),$(ALL_CFLAGS) $(ALL_LDFLAGS)) $< -o $@

# What judges our dumps must not be built of our own parts: neither our libraries nor headers.
oracle_dir := $(O)/tests/oracle
oracle_tools := $(addprefix $(oracle_dir)/,kdumpcmp kdumpfile_hash groundtruth)

$(oracle_dir)/kdumpcmp: $(patsubst %,$(oracle_dir)/%.o,kdumpcmp kdwalk kdcheck kdread coreread)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $^ -lz -llzo2 -lzstd -o $@

$(oracle_dir)/groundtruth: $(patsubst %,$(oracle_dir)/%.o,groundtruth kdread)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $^ -lz -llzo2 -lzstd -o $@

$(oracle_dir)/kdumpfile_hash: $(oracle_dir)/kdumpfile_hash.o
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $^ -lkdumpfile -laddrxlat -o $@

.PHONY: everything
everything: all unit-tests fuzz-replays test-tools bench-tools guest-tools oracle-tools

.PHONY: unit-tests fuzz-replays test-tools bench-tools guest-tools oracle-tools
unit-tests: $(unit_tests)
fuzz-replays: $(fuzz_replays)
test-tools: $(tools)
bench-tools: $(bench_tools)
guest-tools: $(guest_tools)
oracle-tools: $(oracle_tools)

# The whole of the tests; `make test TIERS="lint unit"` runs some of them.
.PHONY: test
test:
	$(Q)scripts/deps test
	$(Q)tests/run $(TIERS)

# Page sets on all kernels, which takes about an hour; a part of it is in `make test`.
# What came out last is in docs/kernel-matrix.md.
.PHONY: test-matrix
test-matrix: all oracle-tools guest-tools
	$(Q)scripts/deps test
	$(Q)tests/vm/matrix

# Dumps over networks and to disks in which something goes wrong, every row of tests/vm/shore.rows; a
# part of them is in `make test`.
.PHONY: test-shore
test-shore: all oracle-tools guest-tools test-tools
	$(Q)scripts/deps test
	$(Q)tests/vm/shore -a

# What the package does to a Debian system, from its installation over crashes and a new kernel to its
# purge; a quarter of an hour, with some minutes for the system when there is none yet.
.PHONY: test-package
test-package:
	$(Q)scripts/deps package
	$(Q)tests/vm/package

# Against makedumpfile: prints a table, writes docs/performance.md. Twenty minutes, on a machine that
# does nothing else; with QUICK=1 a few, and the documents are left alone.
.PHONY: bench
bench:
	$(Q)scripts/bench $(if $(QUICK),--quick)

# The small kernel to capture with, of profile vm, server or debug: build/capture-kernel/PROFILE.
PROFILE ?= vm
.PHONY: capture-kernel check-kconfig
capture-kernel:
	$(Q)scripts/deps kernel
	$(Q)scripts/capture-kernel build $(PROFILE)

# The smallest reservation that captures: hours of real crashes. Writes docs/reservation.md.
.PHONY: bench-reservation
bench-reservation:
	$(Q)scripts/deps test
	$(Q)tests/bench/reservation --doc docs/reservation.md

# Beside kdump-tools, in one Debian system: an hour of real crashes. Writes docs/reservation.md, too.
.PHONY: bench-peers
bench-peers:
	$(Q)scripts/deps package
	$(Q)tests/bench/peers --smallest 'ours cloud kdump-tools' --doc docs/reservation.md

# Do its fragments say what the oldest and the newest kernel understand? Compiles nothing.
check-kconfig:
	$(Q)scripts/deps kconfig
	$(Q)scripts/capture-kernel check

# A real crash, from the panic to a dump that crash(8) opens.
.PHONY: demo
demo:
	$(Q)scripts/demo

.PHONY: lint
lint:
	$(Q)scripts/deps lint
	$(Q)scripts/lint

.PHONY: install
install: all
	install -d $(DESTDIR)$(sbindir) $(DESTDIR)$(libexecdir) $(DESTDIR)$(mandir)/man5 \
		$(DESTDIR)$(mandir)/man8 $(DESTDIR)$(docdir) $(DESTDIR)$(unitdir) \
		$(DESTDIR)$(dracutdir)/99lifeboat $(DESTDIR)$(udevdir) $(DESTDIR)$(completiondir)
	install -m 644 loader/completions/* $(DESTDIR)$(completiondir)
	install -m 755 $(programs) initrd/lifeboat-mkinitrd $(DESTDIR)$(sbindir)
	install -m 755 initrd/init initrd/rebuild initrd/calibrate-init initrd/lifeboat-calibrate \
		$(DESTDIR)$(libexecdir)
	install -m 755 initrd/dracut/99lifeboat/module-setup.sh $(DESTDIR)$(dracutdir)/99lifeboat
	install -m 644 docs/*.5 $(DESTDIR)$(mandir)/man5
	install -m 644 docs/*.8 $(DESTDIR)$(mandir)/man8
	install -m 644 docs/lifeboat.conf $(addprefix docs/,estimate.md manifest.md network.md panic-record.md \
		receipts.md receive-protocol.md) $(DESTDIR)$(docdir)
	for unit in loader/systemd/*.service; do \
		sed 's|@sbindir@|$(sbindir)|' "$$unit" > $(DESTDIR)$(unitdir)/"$${unit##*/}" || exit 1; \
	done
	sed 's|@sbindir@|$(sbindir)|' loader/udev/70-lifeboat.rules > \
		$(DESTDIR)$(udevdir)/70-lifeboat.rules

# A Debian package, in build/deb; lintian has a look at it.
.PHONY: deb version
deb:
	$(Q)scripts/deps deb
	$(Q)scripts/deb

version:
	@printf '%s\n' '$(VERSION)'

# What was fetched (kernels, packages) stays: `make distclean` takes that too.
.PHONY: clean distclean
clean:
	rm -rf build/out* build/lab build/demo build/tests build/deb

distclean:
	rm -rf build

.PHONY: help
help:
	@printf '%s\n' \
		'make           build the programs' \
		'make demo      crash a kernel in QEMU and bring its dump back' \
		'make test      all tests; TIERS="unit golden" runs some' \
		'make test-matrix   page sets on kernels from 5.10 to the newest' \
		'make test-shore   dumps over networks and to disks where something goes wrong' \
		'make test-package   the Debian package in a system with systemd' \
		'make bench     speed against makedumpfile, 20 minutes; QUICK=1: a few' \
		'make capture-kernel   the small kernel to capture with; PROFILE=vm, server or debug' \
		'make bench-reservation   the smallest crashkernel= that captures, in hours' \
		'make bench-peers   that, and times, beside kdump-tools, in an hour' \
		'make check-kconfig   its fragments, against the oldest and the newest kernel' \
		'make lint      format, shell, include arrows, licence' \
		'make install   DESTDIR=, prefix=' \
		'make deb       a Debian package in build/deb' \
		'make clean     all but what was downloaded; distclean takes that too' \
		'knobs: V=1 DEVELOPER=1 SAN=1 TSAN=1 CC=clang O=DIR'

-include $(wildcard $(O)/*/*.d $(O)/*/*/*.d $(O)/*/*/*/*.d)
