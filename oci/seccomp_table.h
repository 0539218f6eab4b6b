/* SPDX-License-Identifier: Apache-2.0 */
/* Data of the default seccomp profile. For oci/seccomp_*.c alone. */
#ifndef SAMPAN_OCI_SECCOMP_TABLE_H
#define SAMPAN_OCI_SECCOMP_TABLE_H

#include <stdint.h>

struct seccomp_name {
	const char *name;
	uint64_t
		capabilities; /* 0: always allowed; else with any of these (bit n: capability n) in the bounding set */
};

/* Sorted; ends with a NULL name. clone and clone3 are here for CAP_SYS_ADMIN, and have rules of their own without it. */
extern const struct seccomp_name SECCOMP_DEFAULT_NAMES[];

#endif
