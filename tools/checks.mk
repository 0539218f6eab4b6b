# SPDX-License-Identifier: Apache-2.0
# What reads the sources without running them. Each check is quiet when it finds nothing.

C_DIRS := $(FOLDERS) $(wildcard tests/unit tests/fuzz tests/litmus tests/stress bench)
C_SOURCES := $(shell find $(C_DIRS) -name '*.c' 2>/dev/null)
C_HEADERS := $(shell find $(C_DIRS) -name '*.h' 2>/dev/null)
# Flags that clang's tools need; gcc's own warnings stay with the compiler.
LINT_FLAGS = -std=gnu11 -Wall -Wextra -Wno-missing-field-initializers $(ALL_CPPFLAGS)
# Sources of programs and libraries; tests are checked by the compiler, clang-format and check-size.
LINT_SOURCES := $(filter-out tests/% bench/%,$(C_SOURCES))

.PHONY: check-layers check-linked check-headers check-size check-format check-shell
check-layers: ## no folder includes from a folder below it; libraries stay where they belong
	@tools/check-layers $(C_SOURCES) $(C_HEADERS)

check-linked: programs ## sampan and sampan-oci are linked with small libraries only
	@tools/check-linked $(if $(STATIC),--static) $(O)/sampan $(O)/sampan-oci $(O)/libexec/sampan/sampan-monitor $(O)/libexec/sampan/netavark/iptables

.PHONY: check-man
check-man: programs man ## the man pages and --help agree
	@tools/check-man $(O)

check-headers: ## each header compiles alone
	@printf '%s\n' $(C_HEADERS) | xargs -P 2 -I{} $(CC) $(ALL_CPPFLAGS) -std=gnu11 $(WARN) -fsyntax-only -x c {}

check-size: ## functions of at most 70 lines, files of at most 700
	@tools/check-size $(C_SOURCES) $(C_HEADERS) $(SCRIPTS)

check-format: ## clang-format has nothing to change
	@clang-format --dry-run -Werror $(C_SOURCES) $(C_HEADERS)

format: ## clang-format -i on all sources
	clang-format -i $(C_SOURCES) $(C_HEADERS)

# By their first line; Python is checked by running it.
SCRIPTS := $(shell grep -lIE '^\#!/(bin|usr/bin)/(env )?(bash|sh|python3)' -r tools bench packaging .ci tests/vm 2>/dev/null)
check-shell: ## shellcheck
	@grep -lE '^#!.*\b(ba)?sh$$' $(SCRIPTS) | xargs shellcheck

# --- slower ones, one stamp per source so that only what changed is checked again --------------------

# $(1) name, $(2) command on $<
define per_source_check
.PHONY: check-$(1)
check-$(1): $(patsubst %.c,out/lint/$(1)/%.ok,$(LINT_SOURCES))
out/lint/$(1)/%.ok: %.c $(wildcard .clang-tidy) tools/checks.mk tools/analyzer_model.h
	@mkdir -p $$(@D)
	@$(CC) $$(LINT_FLAGS) -MM -MP -MT $$@ -MF $$(@:.ok=.d) $$<
	$(if $(V),,@echo "  $(2)    $$<")
	$$(Q)$(3)
	@touch $$@
-include $(patsubst %.c,out/lint/$(1)/%.d,$(LINT_SOURCES))
endef
# Two thirds of the time that clang's analyzer takes by default are spent on the last two thirds of its states, on the largest functions: TIDY_NODES=225000 is its own limit.
TIDY_NODES ?= 75000
check-tidy: ## clang-tidy; TIDY_NODES=225000 for a longer look
check-analyzer: ## gcc -fanalyzer
# On standard error clang-tidy counts what it does not show.
$(eval $(call per_source_check,tidy,TIDY,clang-tidy --quiet $$< -- $$(LINT_FLAGS) -Xclang -analyzer-config -Xclang max-nodes=$(TIDY_NODES) \
	$$(if $$(filter common/err.c,$$<),,-include tools/analyzer_model.h) 2>$$@.log || { cat $$@.log; exit 1; }))
$(eval $(call per_source_check,analyzer,ANALYZE,$(CC) $$(LINT_FLAGS) -O1 $$(ANALYZER) -c -o /dev/null $$<))

# Leaks are left to ASan: gcc 12's analyzer does not know __attribute__((cleanup)).
# Nor is it good at loops that fill several results; clang-tidy looks for uninitialized values.
ANALYZER := -fanalyzer -Werror -Wno-analyzer-malloc-leak -Wno-analyzer-fd-leak -Wno-analyzer-file-leak \
	-Wno-analyzer-use-of-uninitialized-value -Wno-maybe-uninitialized

check-cppcheck: ## cppcheck
	@mkdir -p out/lint/cppcheck
	@cppcheck --quiet --std=c11 --language=c --platform=unix64 --error-exitcode=1 --inline-suppr \
		--enable=warning,performance,portability --suppressions-list=tools/cppcheck.suppressions \
		--cppcheck-build-dir=out/lint/cppcheck -I. -D_GNU_SOURCE -D__x86_64__ -DSAMPAN_VERSION='""' \
		-DSAMPAN_LIBEXECDIR='""' \
		$(LINT_SOURCES)
.PHONY: check-cppcheck format
