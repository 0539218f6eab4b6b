/* SPDX-License-Identifier: Apache-2.0 */
/* linux.resources as the list of writes that puts it into force. Pure. */
#ifndef SAMPAN_CGROUPS_LIMITS_H
#define SAMPAN_CGROUPS_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "cgroups/cgroup.h"
#include "common/err.h"

/* Bits. */
enum limit_flags {
	/* It only lifts a limit: where the file is absent, there is none to lift. */
	LIMIT_OPTIONAL = 1 << 0,
	/* If the file is there, the next entry is left out; if not, this one is. */
	LIMIT_OR_NEXT = 1 << 1,
};

struct limit {
	char *file; /* "memory.max": a single path component */
	char *value;
	unsigned int flags;
};

struct limit_list {
	struct limit *items;
	size_t len, cap;
};
void limit_list_done(struct limit_list *l);
#define cleanup_limit_list __attribute__((cleanup(limit_list_done)))

/* The writes, in the order in which they must happen. *ret is owned by the caller. -EINVAL bad value, -EOPNOTSUPP what cgroup v1
 * alone can do (both name the key), -ENOMEM. config-linux.md, "memory" to "unified". */
int limits_plan(const struct spec_resources *r, struct limit_list *ret, struct err *e) MUST_CHECK;

/* cpu.shares (2 to 262144) as cpu.weight (1 to 10000) so that 1024 is 100: 10^((l^2 + 125 l) / 612 - 7 / 34) with l = log2 of the
 * shares, rounded up; values outside are clamped. 0 gives 0: unset. */
uint64_t limits_cpu_weight(uint64_t shares);

#endif
