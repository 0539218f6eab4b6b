/* SPDX-License-Identifier: Apache-2.0 */
/* Platforms and their order of preference, as containerd's platforms package has it. Pure: what this machine is
 * comes from common/machine.h. */
#ifndef SAMPAN_OCI_PLATFORM_H
#define SAMPAN_OCI_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/machine.h"

#define PLATFORM_FIELD_MAX 32

struct platform {
	char os[PLATFORM_FIELD_MAX];           /* "linux" */
	char architecture[PLATFORM_FIELD_MAX]; /* GOARCH: "amd64", "arm64", "arm", "386", ... */
	char variant[PLATFORM_FIELD_MAX];      /* "v8", "v7", "v2", ...; "" where none */
};

/* The platforms that a machine runs, best first. */
#define PLATFORM_LIST_MAX 16
struct platform_list {
	struct platform items[PLATFORM_LIST_MAX];
	size_t len;
};

/* "linux/arm64/v8", "linux/arm/v7", "arm64", "linux/amd64": normalised (aarch64 -> arm64, x86_64 -> amd64, armhf -> arm/v7,
 * armel -> arm/v6, i386 -> 386, ...). A lone word is an architecture (os linux), or an os if it is a known one. -EINVAL. */
int platform_parse(const char *text, struct platform *ret, struct err *e) MUST_CHECK;

/* Canonical spelling of aliases; arm64 v8 -> "", arm "" -> v7, amd64 v1 -> "". */
void platform_normalize(struct platform *p);

/* "linux/arm/v7". `out` must hold 3 * PLATFORM_FIELD_MAX bytes. */
void platform_format(const struct platform *p, char *out);

/* What a machine runs, best first: amd64 by level (v4 v3 v2 v1), 386 after it; arm64, then arm v8 v7 v6 v5 only where
 * machine->aarch32; arm by its variant downwards; a 32-bit userland under a 64-bit kernel gets the 32-bit list only. */
void platform_list_for_machine(const struct machine *machine, struct platform_list *ret);

/* What satisfies a --platform that the user named: exactly it, and for arm the lower variants, for amd64 the lower levels,
 * after it. */
void platform_list_for_request(const struct platform *wanted, struct platform_list *ret);

/* The rank (0 is best) of `p` in the list, or -1. Compares normalised. */
int platform_rank(const struct platform_list *list, const struct platform *p);

#endif
