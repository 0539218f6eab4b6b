# SPDX-License-Identifier: Apache-2.0
# Sampan's build. `make help` lists the targets.
#
#   CONFIG=debug|release|asan|cov|fuzz   which flavour (default release); output goes to out/$(CONFIG)/
#   ARCH=amd64|arm64                     cross-builds with Debian's multiarch packages; out/$(CONFIG)-$(ARCH)/
#   V=1                                  show the commands

CONFIG ?= release
HOST_ARCH := $(shell dpkg --print-architecture 2>/dev/null || uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/')
ARCH ?= $(HOST_ARCH)
O := out/$(CONFIG)$(if $(filter-out $(HOST_ARCH),$(ARCH)),-$(ARCH))
VERSION := $(shell cat VERSION)
Q := $(if $(V),,@)
PREFIX ?= /usr
LIBEXECDIR ?= $(PREFIX)/libexec
PYTEST ?= /usr/bin/python3 -m pytest

.SUFFIXES:
.DELETE_ON_ERROR:
.PHONY: all
all: programs

# --- tools and flags -----------------------------------------------------------------------------

ifneq ($(ARCH),$(HOST_ARCH))
CROSS := $(if $(filter arm64,$(ARCH)),aarch64-linux-gnu-,x86_64-linux-gnu-)
TRIPLET := $(CROSS:-=)
export PKG_CONFIG_LIBDIR := /usr/lib/$(TRIPLET)/pkgconfig:/usr/share/pkgconfig
# Debian's ISA-L is not co-installable for two architectures: tools/install-deps unpacks it here.
DEPS_DIR := out/deps/$(ARCH)
CPPFLAGS += -isystem $(DEPS_DIR)/usr/include
LDFLAGS += -L$(DEPS_DIR)/usr/lib/$(TRIPLET)
RUNNER := qemu-$(if $(filter arm64,$(ARCH)),aarch64,x86_64)-static -E LD_LIBRARY_PATH=$(DEPS_DIR)/usr/lib/$(TRIPLET):/usr/lib/$(TRIPLET)
endif

ifeq ($(CONFIG),fuzz)
CC := clang
else ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif
AR := $(CROSS)gcc-ar
STRIP := $(CROSS)strip
PKG_CONFIG ?= pkg-config

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Wvla -Wcast-qual -Wno-missing-field-initializers
ifeq ($(CONFIG),fuzz)
# clang: what gcc judges better (formats handed on by variadic functions, casts in the kernel's macros), and GNU C, which this is.
WARN += -Wno-unused-command-line-argument -Wno-format-nonliteral -Wno-cast-qual -Wno-gnu
else
WARN += -Wlogical-op -Wduplicated-cond -Wduplicated-branches
endif
ALL_CPPFLAGS = -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSAMPAN_VERSION='"$(VERSION)"' \
	-DSAMPAN_LIBEXECDIR='"$(LIBEXECDIR)/sampan"' -include common/banned.h $(CPPFLAGS)
ALL_CFLAGS = -std=gnu11 -g $(WARN) -fno-strict-aliasing -fno-common -fPIE $(CFLAGS_$(CONFIG)) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed $(LDFLAGS_$(CONFIG)) $(LDFLAGS)

HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2
# Most of a start runs once, from pages that must be read first: fewer of them are worth more than aligned loops.
UNALIGNED := -falign-functions=4 -falign-jumps=1 -falign-loops=1 -falign-labels=1
# Code of arm64 is larger, and its segments take steps of 64 KiB in a file: sampan-oci has to be below 400. On amd64 these make no difference to a start.
ifeq ($(ARCH),arm64)
UNALIGNED += -fno-inline-small-functions -freorder-blocks-algorithm=simple
endif
# Across files gcc takes "return err_errno(...)" for a possible success; clang-tidy knows better (tools/analyzer_model.h).
# Fat objects, so that unit tests are linked with what is compiled already: a link with -flto compiles all of it again for each test.
CFLAGS_release := -O2 -flto=auto -ffat-lto-objects -Wno-maybe-uninitialized -ffunction-sections -fdata-sections \
	-fno-asynchronous-unwind-tables -fno-unwind-tables $(UNALIGNED) $(HARDEN)
LDFLAGS_release := -O2 -flto=auto -Wl,--gc-sections
CFLAGS_debug := -O0
# Sanitized programs start thousands of times in the tests, and half of a start was relocations and a look for leaks through the shared runtimes' data.
CFLAGS_asan := -O1 -g1 -fno-pie -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS_asan := -no-pie -static-libasan -static-libubsan -fsanitize=address,undefined
CFLAGS_cov := -O0 --coverage
LDFLAGS_cov := --coverage
CFLAGS_fuzz := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LDFLAGS_fuzz := -fsanitize=address,undefined

# What each program may link: docs and DESIGN keep libcurl and its kin out of a container's start. libcurl itself is opened when something is
# fetched (pull/curl_library): with it, each command of sampan-image would load 40 libraries more.
PKG_BASE := libseccomp libcap jansson yajl
PKG_IMAGE := libcrypto libarchive libzstd zlib yaml-0.1
LIBS_BASE = $(shell $(PKG_CONFIG) --libs $(PKG_BASE))
# Loading these would cost a start 0.2 ms: the programs that start containers carry what they use of them, and open libseccomp, which
# is large, when there is a profile to compile. Packed relocations and segments make them smaller, and leave fewer pages to be touched.
LIBS_START = -Wl,-z,pack-relative-relocs,-z,noseparate-code -Wl,-Bstatic $(patsubst -lyajl,-lyajl_s,$(filter-out -lseccomp,$(LIBS_BASE))) -Wl,-Bdynamic
LINK_STATIC = $(if $(filter asan,$(CONFIG)),$(LIBS_BASE),-static -no-pie)
LIBS_IMAGE = $(shell $(PKG_CONFIG) --libs $(PKG_IMAGE)) -lisal $(LIBS_BASE)

# --- folders, lowest layer last in each list (link order) ------------------------------------------

FOLDERS := common oci cgroups store runtime pull engine build ota cli
NEEDS_common :=
NEEDS_oci := common
NEEDS_cgroups := oci common
NEEDS_store := oci common
NEEDS_runtime := cgroups oci common
NEEDS_pull := store oci common
NEEDS_engine := runtime store cgroups oci common
NEEDS_build := pull runtime store cgroups oci common
NEEDS_ota := engine pull store oci common
NEEDS_cli := ota build engine pull runtime store cgroups oci common
LIBS_OF_pull = $(LIBS_IMAGE)
LIBS_OF_build = $(LIBS_IMAGE)
LIBS_OF_cli = $(LIBS_IMAGE)
LIBS_OF_ota = $(LIBS_IMAGE)

# cli/: main_<program>.c and the commands of each program by prefix; the rest is shared by all three.
CLI_SAMPAN := $(wildcard cli/main_sampan.c cli/cmd_*.c)
CLI_OCI := $(wildcard cli/main_oci.c cli/oci_*.c)
CLI_IMAGE := $(wildcard cli/main_image.c cli/image_*.c)
CLI_MONITOR := cli/main_monitor.c
CLI_IPTABLES := cli/main_iptables.c
sources = $(filter-out $(CLI_SAMPAN) $(CLI_OCI) $(CLI_IMAGE) $(CLI_MONITOR) $(CLI_IPTABLES),$(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(O)/obj/%.o,$(1))
archives = $(foreach f,$(1),$(if $(call sources,$(f)),$(O)/lib/$(f).a))

define folder_rules
$(O)/lib/$(1).a: $(call objects,$(call sources,$(1)))
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rules,$(f))))

$(O)/obj/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC      $<")
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Filters that are kept name what has compiled them.
SECCOMP_SOURCES := $(sort $(wildcard runtime/seccomp*.[ch] oci/seccomp*.[ch]))
SECCOMP_COMPILER := $(shell cat $(SECCOMP_SOURCES) | sha256sum | cut -c1-31)
$(O)/obj/runtime/seccomp_cache.o $(O)/static/obj/runtime/seccomp_cache.o: private CPPFLAGS += -DSAMPAN_SECCOMP_COMPILER='"$(SECCOMP_COMPILER)"'
$(O)/obj/runtime/seccomp_cache.o $(O)/static/obj/runtime/seccomp_cache.o: $(SECCOMP_SOURCES)

# Rebuild when the flags or the version change.
FLAGS = $(CC) $(subst ','"'"',$(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(STATIC_CPPFLAGS) $(STATIC_CFLAGS) $(STATIC_LDFLAGS))
.PHONY: force
$(O)/flags: force
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@

link = $(if $(V),,@echo "  LINK    $@" &&) mkdir -p $(@D) && \
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(1) $(2)

# --- programs that start often: static, with musl ---------------------------------------------------

# docs/adr/0021-programs-that-start-are-static.md. Where there is no musl, and in instrumented builds, they are what the others are.
MACHINE := $(if $(filter arm64,$(ARCH)),aarch64,x86_64)
MUSL := /usr/lib/$(MACHINE)-linux-musl
STATIC := $(if $(filter release debug,$(CONFIG)),$(if $(wildcard $(MUSL)/libc.a),yes))
S := $(O)/static
# The kernel's headers, and those of libraries, without the libc beside which they lie.
KERNEL_HEADERS := $(if $(CROSS),/usr/$(TRIPLET)/include,/usr/include)
STATIC_HEADERS := $(addprefix $(KERNEL_HEADERS)/,linux asm-generic) \
	$(firstword $(wildcard $(KERNEL_HEADERS)/asm $(KERNEL_HEADERS)/$(MACHINE)-linux-gnu/asm)) \
	$(wildcard $(foreach d,/usr/include /usr/include/$(MACHINE)-linux-gnu,$(addprefix $d/,jansson.h jansson_config.h yajl seccomp.h seccomp-syscalls.h xxhash.h xxh3.h)))
STATIC_CPPFLAGS := -nostdinc -isystem /usr/include/$(MACHINE)-linux-musl -isystem $(shell $(CC) -print-file-name=include) \
	-isystem $(S)/include -DSAMPAN_STATIC
# What runs once is worth no space: sampan-oci has to be below 400 KiB with its libc.
STATIC_CFLAGS := $(if $(filter release,$(CONFIG)),-Os) -U_FORTIFY_SOURCE
# musl's start of a static program protects nothing of what it has relocated: no pages are set apart for that.
STATIC_LDFLAGS := -static-pie -nostdlib -Wl,-z,norelro,-z,now,-z,noexecstack,-z,noseparate-code,--no-eh-frame-hdr
# Erratum 843419 of Cortex-A53 (Pi 3): ld makes an ADR of an ADRP where that reaches far enough, 1 MiB, and a stub elsewhere. For stubs it sets a page of the file
# apart, used or not; without them it fails if one is needed. sampan is too large for that.
ifeq ($(ARCH),arm64)
$(O)/sampan-oci: private STATIC_LDFLAGS += -Wl,--fix-cortex-a53-843419=adr
endif
static_objects = $(patsubst %.c,$(S)/obj/%.o,$(1))
static_archives = $(foreach f,$(1),$(S)/lib/$(f).a)
static_link = $(if $(V),,@echo "  LINK    $@" &&) mkdir -p $(@D) && \
	$(CC) $(ALL_CFLAGS) $(STATIC_CFLAGS) $(LDFLAGS_$(CONFIG)) $(STATIC_LDFLAGS) \
	-o $@ $(MUSL)/rcrt1.o $(MUSL)/crti.o $(S)/obj/common/heap.o -L$(MUSL) -Wl,--start-group $(1) $(2) -lc -lgcc -Wl,--end-group $(MUSL)/crtn.o

# What libraries and the compiler itself call is not seen by a link-time optimizer.
$(S)/obj/common/fortified.o $(S)/obj/common/heap.o: private STATIC_CFLAGS += -fno-lto

$(S)/include: $(O)/flags
	$(Q)mkdir -p $@ && ln -sfn $(STATIC_HEADERS) $@/ && touch $@

$(S)/obj/%.o: %.c $(O)/flags | $(S)/include
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC      $< (static)")
	$(Q)$(CC) $(ALL_CPPFLAGS) $(STATIC_CPPFLAGS) $(ALL_CFLAGS) $(STATIC_CFLAGS) -MMD -MP -c -o $@ $<

# Of pull/ what reads configuration: the rest is of libraries.
static_sources = $(if $(filter pull,$(1)),$(addprefix pull/,config_dirs.c registries_conf.c registries_conf_files.c),$(call sources,$(1)))
define static_rules
$(S)/lib/$(1).a: $(call static_objects,$(call static_sources,$(1)))
	$$(Q)mkdir -p $$(@D) && rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach f,common oci cgroups store runtime pull engine cli,$(eval $(call static_rules,$(f))))

# --- programs -------------------------------------------------------------------------------------

# What needs a shared library is done by programs of the same names that are linked with glibc.
DYNAMIC_OCI := $(if $(STATIC),$(O)/libexec/sampan/sampan-oci,$(O)/sampan-oci)
DYNAMIC_SAMPAN := $(if $(STATIC),$(O)/libexec/sampan/sampan,$(O)/sampan)
PROGRAMS := $(sort $(O)/sampan $(DYNAMIC_SAMPAN) $(O)/sampan-oci $(DYNAMIC_OCI)) $(O)/libexec/sampan/sampan-image $(O)/libexec/sampan/sampan-monitor \
	$(O)/libexec/sampan/netavark/iptables $(O)/libexec/sampan/netavark/ip6tables
.PHONY: programs
programs: $(PROGRAMS)

# Of pull/ only what reads configuration is linked: tools/check-linked sees to that.
BASE_ARCHIVES := $(call archives,cli engine runtime pull store cgroups oci common)
$(DYNAMIC_SAMPAN): $(call objects,$(CLI_SAMPAN)) $(BASE_ARCHIVES)
	$(call link,$^,$(LIBS_START))
$(DYNAMIC_OCI): $(call objects,$(CLI_OCI)) $(call archives,cli runtime cgroups oci common)
	$(call link,$^,$(LIBS_START))
# One for each container that runs: static, so that its pages are shared with the other ones or never touched. With glibc, whose memchr and memcpy are worth more to logs than its
# start costs.
$(O)/libexec/sampan/sampan-monitor: $(call objects,$(CLI_MONITOR)) $(call archives,cli engine common)
	$(call link,$^,$(LINK_STATIC))
ifdef STATIC
$(O)/sampan: $(call static_objects,$(CLI_SAMPAN)) $(call static_archives,cli engine runtime pull store cgroups oci common)
	$(call static_link,$^,-ljansson -lyajl_s)
$(O)/sampan-oci: $(call static_objects,$(CLI_OCI)) $(call static_archives,cli runtime cgroups oci common)
	$(call static_link,$^,-ljansson -lyajl_s)
# Some forty of them run for each container on a network, one after the other.
$(O)/libexec/sampan/netavark/iptables: $(call static_objects,$(CLI_IPTABLES)) $(call static_archives,common)
	$(call static_link,$^,)
else
$(O)/libexec/sampan/netavark/iptables: $(call objects,$(CLI_IPTABLES)) $(call archives,common)
	$(call link,$^,$(LINK_STATIC))
endif
$(O)/libexec/sampan/netavark/ip6tables: $(O)/libexec/sampan/netavark/iptables
	$(Q)ln -sf iptables $@
$(O)/libexec/sampan/sampan-image: $(call objects,$(CLI_IMAGE)) $(call archives,cli build engine pull runtime cgroups store oci common)
	$(call link,$^,$(LIBS_IMAGE))

# --- unit tests -----------------------------------------------------------------------------------

UNIT_SOURCES := $(wildcard tests/unit/*/test_*.c)
UNIT_TESTS := $(patsubst %.c,$(O)/%,$(UNIT_SOURCES))
.PHONY: unit-tests
unit-tests: $(UNIT_TESTS)

TEST_LINK_release := -fno-lto
# Tests run once: what it takes to compile them counts for more.
TEST_CFLAGS_release := -O1 -fno-lto
TEST_CFLAGS_asan := -O0
$(O)/obj/tests/unit/%.o: private CFLAGS += $(TEST_CFLAGS_$(CONFIG))
# A test links with its folder and those above it: tests/unit/oci/test_platform.c -> oci.a common.a
define unit_rule
$(O)/tests/unit/$(1)/%: $(O)/obj/tests/unit/$(1)/%.o $(call archives,$(1) $(NEEDS_$(1)))
	$$(call link,$$^,$$(TEST_LINK_$$(CONFIG)) -lcmocka $$(or $$(LIBS_OF_$(1)),$$(LIBS_BASE)))
endef
$(foreach f,$(FOLDERS),$(eval $(call unit_rule,$(f))))
# What is of sampan-image alone is in no archive.
$(O)/tests/unit/cli/test_build_output: $(call objects,cli/image_name.c cli/image_output.c)
.PRECIOUS: $(O)/obj/%.o

-include $(shell find $(O)/obj $(S)/obj -name '*.d' 2>/dev/null)

# --- checks, demo, bench, packaging: tools/*.mk --------------------------------------------------------

include $(wildcard tools/*.mk)

.PHONY: clean
clean: ## remove out/
	rm -rf out
