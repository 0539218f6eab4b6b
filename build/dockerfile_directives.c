/* SPDX-License-Identifier: Apache-2.0 */
/* "# escape=`", "# syntax=...", "# check=...": comments at the very beginning that say how to read the rest. Dockerfile reference, "Parser
 * directives". */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "build/dockerfile_parse.h"

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

static int keep_text(struct dockerfile_reader *r, struct slice name, struct slice value, const char *what,
		     char **text, struct err *e)
{
	if (*text)
		return seen_twice(r, name, what, e);
	*text = strndup(value.p, value.len);
	return *text ? 1 : err_code(e, -ENOMEM, "cannot read '%s'", r->f->name);
}

int dockerfile_directive(struct dockerfile_reader *r, struct slice line, struct err *e)
{
	struct dockerfile_directives *d = &r->f->directives;
	struct slice name, value;

	if (split_directive(line, &name, &value)) {
		if (slice_is(name, "escape"))
			return set_escape(r, name, value, e);
		if (slice_is(name, "syntax"))
			return keep_text(r, name, value, "syntax", &d->syntax, e);
		if (slice_is(name, "check"))
			return keep_text(r, name, value, "check", &d->check, e);
	}
	r->directives_over = true;
	return 0;
}
