/* SPDX-License-Identifier: Apache-2.0 */
/* The value of --chmod, expanded: "755", or what chmod(1) takes, "u=rwX,go-w". Pure. */
#ifndef SAMPAN_BUILD_CHMOD_EXPR_H
#define SAMPAN_BUILD_CHMOD_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define CHMOD_CLAUSES_MAX 32

struct chmod_clause {
	uint32_t who;     /* S_IRWXU, S_IRWXG, S_IRWXO, or several */
	uint32_t keep;    /* bits that are left alone: those of the umask where nobody is named */
	char op;          /* '+', '-' or '=' */
	char from;        /* 'u', 'g' or 'o', whose bits are copied; else 0 */
	uint32_t perms;   /* of 07777, those of "rwxst" for `who` */
	bool x_if_useful; /* X: for directories, and where somebody may execute already */
};

struct chmod_expr {
	bool octal;
	uint32_t mode; /* where octal */
	struct chmod_clause clauses[CHMOD_CLAUSES_MAX];
	size_t len;
};

/* Clauses that name nobody mean all, but for the bits of `umask`. -EINVAL with what is wrong; -EFBIG too many clauses. */
int chmod_expr_parse(const char *text, uint32_t umask, struct chmod_expr *ret, struct err *e) MUST_CHECK;

/* The mode, 07777 at most, of a file that has `mode` so far. */
uint32_t chmod_expr_apply(const struct chmod_expr *x, uint32_t mode, bool is_directory);

#endif
