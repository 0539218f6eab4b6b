/* SPDX-License-Identifier: Apache-2.0 */
/* "# escape=`", "# syntax=...", "# check=...": comments at the very beginning that say how to read the rest. Dockerfile reference, "Parser
 * directives". */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "build/dockerfile_parse.h"
#include "common/cleanup.h"

/* "NAME = VALUE" behind '#'. */
static bool split_directive(struct slice line, struct slice *name, struct slice *value)
{
	struct slice s = trim_left(slice_skip(line, 1));
	size_t n = 0;

	while (n < s.len && isalnum((unsigned char)s.p[n]))
		n++;
	if (n == 0 || !isalpha((unsigned char)s.p[0]))
		return false;
	*name = (struct slice){ s.p, n };
	s = trim_left(slice_skip(s, n));
	if (s.len == 0 || *s.p != '=')
		return false;
	*value = trim_space(slice_skip(s, 1));
	return value->len > 0;
}

static size_t at_of(const struct dockerfile_reader *r, struct slice s)
{
	return (size_t)(s.p - r->f->source);
}

static int seen_twice(const struct dockerfile_reader *r, struct slice name, const char *what, struct err *e)
{
	return dockerfile_error(r->f, at_of(r, name), -EINVAL, e, "only one %s parser directive can be used",
				what);
}

static int set_escape(struct dockerfile_reader *r, struct slice name, struct slice value, struct err *e)
{
	if (r->escape_seen)
		return seen_twice(r, name, "escape", e);
	if (value.len != 1 || (*value.p != '\\' && *value.p != '`'))
		return dockerfile_error(r->f, at_of(r, value), -EINVAL, e,
					"invalid escape token '%.*s' does not match ` or \\", (int)value.len,
					value.p);
	r->escape_seen = true;
	r->f->directives.escape = *value.p;
	return 1;
}

static int set_syntax(struct dockerfile_reader *r, struct slice name, struct slice value, struct err *e)
{
	char **syntax = &r->f->directives.syntax;

	if (*syntax)
		return seen_twice(r, name, "syntax", e);
	*syntax = strndup(value.p, value.len);
	return *syntax ? 1 : err_code(e, -ENOMEM, "cannot read '%s'", r->f->name);
}

/* Up to a blank, as BuildKit has it. */
static int set_check(struct dockerfile_reader *r, struct slice name, struct slice value, struct err *e)
{
	struct dockerfile_directives *d = &r->f->directives;
	const char *blank = memchr(value.p, ' ', value.len);
	cleanup_free char *text = strndup(value.p, blank ? (size_t)(blank - value.p) : value.len);
	struct err cause = { 0 };

	if (d->check_seen)
		return seen_twice(r, name, "check", e);
	if (!text)
		return err_code(e, -ENOMEM, "cannot read '%s'", r->f->name);
	d->check_seen = true;
	if (check_options_parse(text, &d->check, &cause) < 0)
		return dockerfile_error(r->f, at_of(r, value), cause.code, e,
					"failed to parse check options: %s", cause.text);
	return 1;
}

int dockerfile_directive(struct dockerfile_reader *r, struct slice line, struct err *e)
{
	struct slice name, value;

	if (split_directive(line, &name, &value)) {
		if (slice_is(name, "escape"))
			return set_escape(r, name, value, e);
		if (slice_is(name, "syntax"))
			return set_syntax(r, name, value, e);
		if (slice_is(name, "check"))
			return set_check(r, name, value, e);
	}
	r->directives_over = true;
	return 0;
}
