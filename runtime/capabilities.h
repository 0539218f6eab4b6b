/* SPDX-License-Identifier: Apache-2.0 */
/* Capability names, sets, and a process taking on its sets. runtime-spec config.md#linux-process, capabilities(7). */
#ifndef SAMPAN_RUNTIME_CAPABILITIES_H
#define SAMPAN_RUNTIME_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/strvec.h"
#include "oci/runtime_spec.h"

/* Bit n is capability n of linux/capability.h. */
struct capability_sets {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

/* "CAP_CHOWN" -> 0; in any case, with or without "CAP_". -1 for names that we do not know. */
int capability_number(const char *name);
/* 0 -> "CAP_CHOWN"; NULL over the last one that we know. Static. */
const char *capability_name(int number);

/* The capabilities that the running kernel has, as a set. */
uint64_t capability_supported(void);

/* The sets of a spec; NULL gives empty ones. Names that we or the set `supported` do not have are left out, as runc does, and appended to
 * *ret_ignored (once each; may be NULL) for a warning. -ENOMEM. */
int capability_sets_from_spec(const struct spec_capabilities *c, uint64_t supported,
			      struct capability_sets *ret, struct strvec *ret_ignored,
			      struct err *e) MUST_CHECK;

/* Both halves are for use between clone and exec: nothing is allocated. Return 0 or -errno.
 *
 * Before setgroups, setgid and setuid: takes out of the bounding set what is not in `sets`, and, if that `changes_user`, asks the kernel to
 * keep the permitted set across setuid. Needs CAP_SETPCAP (-EPERM) unless there is nothing to take out. */
int capability_apply_before_setuid(const struct capability_sets *sets, uint64_t supported,
				   bool changes_user) MUST_CHECK;

/* Whether any of the sets has it. Pure. */
bool capability_sets_have(const struct capability_sets *s, int number);

/* Between the two, where setuid to another user has emptied the effective set, but kept the permitted one: makes all of that effective. */
int capability_restore_effective(void) MUST_CHECK;

/* After them: permitted, effective and inheritable in one capset(2), then ambient. What is ambient, but not both permitted and inheritable,
 * cannot be and is left out. changes_user as before. -EPERM where a set asks for more than this process has. */
int capability_apply_after_setuid(const struct capability_sets *sets, bool changes_user) MUST_CHECK;

#endif
