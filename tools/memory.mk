# SPDX-License-Identifier: Apache-2.0
# Memory that processes share: the orders of its accesses, on the model, in the ARM64 code, and on this machine's processors.

# With flags of their own: the model changes stacks under the compiler's feet, ThreadSanitizer wants all that it watches, and what is
# read is the code of one object.
MEMORY := out/memory
MEMORY_FLAGS := -std=gnu11 -g -O2 -fPIE $(WARN) $(ALL_CPPFLAGS)
ARM64_TOOLS ?= aarch64-linux-gnu-

.PHONY: check-memory check-litmus check-barriers check-stress
check-memory: check-litmus check-barriers check-stress ## the orders of shared memory: model, ARM64 code, stress (STRESS_SECONDS=60)

check-litmus: $(MEMORY)/check_seqlock
	@$<

check-barriers: $(MEMORY)/shared_page.arm64.o
	@tools/check-barriers $(ARM64_TOOLS)objdump $<

# Without its random addresses, which ThreadSanitizer of gcc 12 does not expect in all places.
STRESS_SECONDS ?= 5
check-stress: $(MEMORY)/stress $(MEMORY)/stress-tsan
	@$(MEMORY)/stress processes $(STRESS_SECONDS)
	@setarch -R $(MEMORY)/stress-tsan threads $(STRESS_SECONDS)
	@echo 'stress: 2 passed, 0 failed'

$(MEMORY)/check_seqlock: tests/litmus/check_seqlock.c tests/litmus/model.c tests/litmus/model.h common/seqlock.h
	@mkdir -p $(@D)
	$(CC) $(MEMORY_FLAGS) -o $@ $(filter %.c,$^)

$(MEMORY)/shared_page.arm64.o: common/shared_page.c common/shared_page.h common/seqlock.h
	@mkdir -p $(@D)
	$(ARM64_TOOLS)gcc $(MEMORY_FLAGS) -fstack-protector-strong -c -o $@ $<

STRESS_SOURCES := tests/stress/stress_shared_page.c $(addprefix common/,shared_page.c process.c err.c names.c parse.c file.c buf.c)
$(MEMORY)/stress: $(STRESS_SOURCES) common/seqlock.h common/shared_page.h
	@mkdir -p $(@D)
	$(CC) $(MEMORY_FLAGS) -o $@ $(filter %.c,$^) -pthread

$(MEMORY)/stress-tsan: $(STRESS_SOURCES) common/seqlock.h common/shared_page.h
	@mkdir -p $(@D)
	$(CC) $(MEMORY_FLAGS) -fsanitize=thread -Wno-tsan -o $@ $(filter %.c,$^) -pthread
