/* SPDX-License-Identifier: Apache-2.0 */
/* Shared libraries that few commands need, and that are large: opened when they are needed, not when a program starts. A static program cannot open any: it
 * fails with -ELIBACC, and the program that is linked dynamically has to do what it was asked for (docs/adr/0021-programs-that-start-are-static.md). */
#ifndef SAMPAN_COMMON_LIBRARY_H
#define SAMPAN_COMMON_LIBRARY_H

#include <stddef.h>

#include "common/err.h"

struct library {
	const char *soname;
	const char *need;    /* who wants it, and the verb, for errors: "reading the journal needs" */
	const char *name;    /* in errors, too: "libsystemd" */
	const char *package; /* Debian's */
};

struct library_symbol {
	const char *name;
	size_t offset; /* of the pointer that takes its address */
};

/* One of a table of pointers that are called as the functions are, but for a prefix. */
#define LIBRARY_SYMBOL(prefix, table, member)           \
	{                                               \
		prefix #member, offsetof(table, member) \
	}

/* Opens it and fills `table`. *ret belongs to library_close. -EOPNOTSUPP it is not there, or older than what is asked of it; -ELIBACC this
 * program is static. */
int library_open(const struct library *l, const struct library_symbol *symbols, size_t len, void *table,
		 void **ret, struct err *e) MUST_CHECK;

/* -ELIBACC: this program is static; with the words of library_open. For those who would do half of their work before they find out. Pure. */
int library_possible(const struct library *l, struct err *e) MUST_CHECK;

/* Nothing of it is used any more. Takes NULL. */
void library_close(void *library);

#endif
