/* SPDX-License-Identifier: Apache-2.0 */
#include "build/chmod_expr.h"

#include <string.h>
#include <sys/stat.h>

#include "common/parse.h"

#define MODE_BITS   07777
#define ALL_EXECUTE (S_IXUSR | S_IXGRP | S_IXOTH)

static int malformed(const char *text, struct err *e)
{
	/* BuildKit's words, and for what is no number what else may be said. */
	bool number = *text >= '0' && *text <= '9';

	return err_set(
		e, -EINVAL,
		"invalid chmod parameter: '%.100s'. it should be octal string and between 0 and 07777%s",
		text, number ? "" : ", or symbolic like 'u=rwX,go=rX'");
}

/* r, w or x for all that are named */
static uint32_t for_who(uint32_t bits, uint32_t who)
{
	return (bits << 6 | bits << 3 | bits) & who;
}

static uint32_t parse_who(const char **p)
{
	uint32_t who = 0;

	for (; **p && strchr("ugoa", **p); (*p)++)
		who |= **p == 'u' ? S_IRWXU : **p == 'g' ? S_IRWXG : **p == 'o' ? S_IRWXO : 0777;
	return who;
}

/* What setuid, setgid and the sticky bit are to those who are named. */
static uint32_t special_bits(char c, uint32_t who)
{
	if (c == 't')
		return who & S_IRWXO ? S_ISVTX : 0;
	return (who & S_IRWXU ? S_ISUID : 0) | (who & S_IRWXG ? S_ISGID : 0);
}

/* One of "rwxst" for all that are named. */
static uint32_t perm_bits(char c, uint32_t who)
{
	switch (c) {
	case 'r':
		return for_who(4, who);
	case 'w':
		return for_who(2, who);
	case 'x':
		return for_who(1, who);
	default:
		return special_bits(c, who);
	}
}

static void parse_perms(const char **p, struct chmod_clause *c)
{
	if (**p && strchr("ugo", **p)) {
		c->from = *(*p)++;
		return;
	}
	for (; **p && strchr("rwxXst", **p); (*p)++) {
		if (**p == 'X')
			c->x_if_useful = true;
		else
			c->perms |= perm_bits(**p, c->who);
	}
}

/* "go+r-w" up to a comma. */
static int parse_clauses(const char *text, const char **p, uint32_t umask, struct chmod_expr *x,
			 struct err *e)
{
	uint32_t named = parse_who(p);

	if (!**p || !strchr("+-=", **p))
		return malformed(text, e);
	while (**p && strchr("+-=", **p)) {
		struct chmod_clause c = { .who = named ? named : 0777, .keep = named ? 0 : umask & 0777 };

		if (x->len == CHMOD_CLAUSES_MAX)
			return err_set(e, -EFBIG, "invalid chmod parameter: more than %d clauses",
				       CHMOD_CLAUSES_MAX);
		c.op = *(*p)++;
		parse_perms(p, &c);
		x->clauses[x->len++] = c;
	}
	return 0;
}

int chmod_expr_parse(const char *text, uint32_t umask, struct chmod_expr *ret, struct err *e)
{
	struct chmod_expr x = { 0 };
	const char *p = text;
	uint64_t mode;
	int r;

	if (parse_octal(text, MODE_BITS, &mode) == 0) {
		*ret = (struct chmod_expr){ .octal = true, .mode = (uint32_t)mode };
		return 0;
	}
	for (;;) {
		r = parse_clauses(text, &p, umask, &x, e);
		if (r < 0)
			return r;
		if (*p != ',')
			break;
		p++;
	}
	if (*p)
		return malformed(text, e);
	*ret = x;
	return 0;
}

static uint32_t bits_of(char who, uint32_t mode)
{
	return who == 'u' ? mode >> 6 & 7 : who == 'g' ? mode >> 3 & 7 : mode & 7;
}

static uint32_t apply_clause(const struct chmod_clause *c, uint32_t mode, bool useful)
{
	uint32_t bits = c->perms;

	if (c->from)
		bits |= for_who(bits_of(c->from, mode), c->who);
	if (c->x_if_useful && useful)
		bits |= ALL_EXECUTE & c->who;
	bits &= ~c->keep;
	if (c->op == '+')
		return mode | bits;
	if (c->op == '-')
		return mode & ~bits;
	return (mode & ~(c->who | special_bits('s', c->who) | special_bits('t', c->who))) | bits;
}

uint32_t chmod_expr_apply(const struct chmod_expr *x, uint32_t mode, bool is_directory)
{
	bool useful = is_directory || (mode & ALL_EXECUTE);

	if (x->octal)
		return x->mode;
	mode &= MODE_BITS;
	for (size_t i = 0; i < x->len; i++)
		mode = apply_clause(&x->clauses[i], mode, useful);
	return mode;
}
