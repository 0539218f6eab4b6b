# SPDX-License-Identifier: Apache-2.0
# What runs: unit tests, integration tests, virtual machines, fuzz corpora, and all of it together.

SUBMAKE := $(MAKE) --no-print-directory
# Leaks count; UBSan says where.
export ASAN_OPTIONS ?= detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1
export UBSAN_OPTIONS ?= print_stacktrace=1

.PHONY: run-units check-unit check-integration check-fuzz check-soak check-vm check-powercut check-plug check-arm64 \
	check-fast check torture cov
run-units: unit-tests
	@tools/run-units --runner '$(RUNNER)' $(UNIT_TESTS)

check-unit: ## all unit tests with ASan and UBSan
	@$(SUBMAKE) CONFIG=asan run-units

check-integration: programs $(O)/bench/put_log ## the programs against real parts, on this machine (as root); CONFIG=asan for ASan and UBSan
	@SAMPAN_BUILD=$(O) $(PYTEST) --durations=20 --durations-min=2 tests/integration $(PYTEST_ARGS)

check-soak: programs ## many containers for a time: SECONDS=600 CONTAINERS=200; a short form is in check-integration
	@SAMPAN_BUILD=$(O) SAMPAN_SOAK_SECONDS=$(or $(SECONDS),600) SAMPAN_SOAK_CONTAINERS=$(or $(CONTAINERS),200) \
		$(PYTEST) tests/integration/test_soak.py -s $(PYTEST_ARGS)

check-fast: ## under 10 s: run it before every commit
	@$(SUBMAKE) check-layers check-headers check-format check-size
	@$(SUBMAKE) CONFIG=debug run-units

VM_UNIT_FOLDERS := cgroups runtime
.PHONY: vm-unit-tests
vm-unit-tests: $(foreach f,$(VM_UNIT_FOLDERS),$(filter $(O)/tests/unit/$(f)/%,$(UNIT_TESTS)))
check-vm: programs vm-unit-tests ## what needs cgroup v2 or systemd, in a virtual machine of this architecture
	@tests/vm/run-pytest $(ARCH) --build $(O) --systemd --timeout 2700 --units '$(VM_UNIT_FOLDERS)' -- -m 'cgroup2 or systemd' $(PYTEST_ARGS)

.PHONY: check-corpus
check-corpus: programs ## Dockerfiles of a conformance suite beside this repository (ONLY=REGEX), compared with BuildKit and buildah
	@tools/check-corpus $(O)

CUTS ?= 100
check-powercut: programs ## cuts the power of a virtual machine while it changes a store, CUTS times (default 100)
	@tests/vm/powercut-store $(CUTS) $(O)

check-plug: ## the package, a web server, a power cut, in a virtual machine: is the site up again?
	@$(SUBMAKE) CONFIG=release deb >/dev/null
	@tests/vm/plug out/sampan_$(VERSION)_$(ARCH).deb

# qemu-user neither forks reliably nor knows clone3, openat2 and seccomp: what tests with them skip there runs in the
# virtual machine.
USER_MODE_FOLDERS := oci store pull cli
KERNEL_FOLDERS := $(filter-out oci cli,$(FOLDERS))
check-arm64: ## cross-build; units under qemu-user; the other units and the main job in an arm64 virtual machine
	@$(SUBMAKE) ARCH=arm64 check-foreign
.PHONY: check-foreign
check-foreign: programs unit-tests
	@STRIP=$(TRIPLET)-strip tools/check-linked $(if $(STATIC),--static) $(O)/sampan $(O)/sampan-oci $(O)/libexec/sampan/sampan-monitor $(O)/libexec/sampan/netavark/iptables
	@tools/run-units --runner '$(RUNNER)' $(filter $(foreach f,$(USER_MODE_FOLDERS),$(O)/tests/unit/$(f)/%),$(UNIT_TESTS))
	@tests/vm/run-pytest $(ARCH) --build $(O) --timeout 1800 --units '$(KERNEL_FOLDERS)' -- -m main_job $(PYTEST_ARGS)

# tests/fuzz/fuzz_NAME.c replays tests/fuzz/corpus/NAME/.
FUZZERS := $(patsubst tests/fuzz/%.c,$(O)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
.PHONY: run-fuzz
$(O)/tests/fuzz/%: $(O)/obj/tests/fuzz/%.o $(call archives,$(NEEDS_cli))
	$(call link,$^,-fsanitize=fuzzer $(LIBS_IMAGE))
run-fuzz: $(FUZZERS)
	@tools/run-fuzz $(FUZZERS)
check-fuzz: ## replays the fuzz corpora
	@$(SUBMAKE) CONFIG=fuzz run-fuzz

fuzz: ## fuzzes for a time: FUZZ=seccomp SECONDS=3600; what it finds stays in out/fuzz/corpus-NAME, crashes-NAME
	@$(SUBMAKE) CONFIG=fuzz out/fuzz/tests/fuzz/fuzz_$(FUZZ)
	@tools/fuzz $(FUZZ) $(or $(SECONDS),3600)
.PHONY: fuzz

check: ## everything that CI checks
	@tools/install-deps build test cross-arm64 vm clients
	@tools/check

torture: ## fails each allocation of each unit test in turn (TORTURE=FOLDER for one)
	@$(SUBMAKE) CONFIG=debug run-torture
.PHONY: run-torture
run-torture: unit-tests $(O)/tools/fail_malloc.so
	@tools/torture $(O)/tools/fail_malloc.so $(filter $(O)/tests/unit/$(TORTURE)%,$(UNIT_TESTS))
$(O)/tools/fail_malloc.so: tools/fail_malloc.c
	@mkdir -p $(@D)
	@$(CC) -D_GNU_SOURCE -O1 -Wall -Wextra -shared -fPIC -o $@ $<

cov: ## coverage of the unit tests: out/cov/index.html
	-@$(SUBMAKE) CONFIG=cov run-units
	@gcovr --root . --object-directory out/cov/obj --exclude 'tests/' --html-details out/cov/index.html --print-summary
