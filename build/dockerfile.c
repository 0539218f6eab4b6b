/* SPDX-License-Identifier: Apache-2.0 */
#include "build/dockerfile.h"

#include <stdlib.h>
#include <string.h>

#include "build/dockerfile_parse.h"

#define INSTRUCTIONS_FIRST 16

void dockerfile_done(struct dockerfile *f)
{
	for (size_t i = 0; i < f->len; i++)
		dockerfile_instruction_done(&f->items[i]);
	free(f->items);
	free(f->name);
	free(f->source);
	free(f->directives.syntax);
	check_options_done(&f->directives.check);
	*f = (struct dockerfile){ 0 };
}

static int keep_source(struct dockerfile *f, const char *text, size_t len, const char *name, struct err *e)
{
	const char *nul;

	if (len == 0)
		return err_set(e, -EINVAL, "%s: the Dockerfile cannot be empty", name);
	if (len > DOCKERFILE_MAX_BYTES)
		return err_set(e, -EFBIG, "%s: it is larger than %u bytes", name, DOCKERFILE_MAX_BYTES);
	f->directives.escape = '\\';
	f->name = strdup(name);
	f->source = malloc(len + 1);
	if (!f->name || !f->source)
		return err_code(e, -ENOMEM, "cannot read '%s'", name);
	memcpy(f->source, text, len);
	f->source[len] = '\0';
	f->source_len = len;
	nul = memchr(f->source, '\0', len);
	if (nul)
		return dockerfile_error(f, (size_t)(nul - f->source), -EINVAL, e,
					"it is not a text file (there is a NUL byte)");
	return 0;
}

/* Room for one more instruction; it counts at once, so that dockerfile_done() finds it. */
static struct dockerfile_instruction *new_instruction(struct dockerfile *f)
{
	if (f->len == 0 || (f->len >= INSTRUCTIONS_FIRST && (f->len & (f->len - 1)) == 0)) {
		size_t cap = f->len ? 2 * f->len : INSTRUCTIONS_FIRST;
		void *grown = reallocarray(f->items, cap, sizeof(*f->items));

		if (!grown)
			return NULL;
		f->items = grown;
	}
	f->items[f->len] = (struct dockerfile_instruction){ 0 };
	return &f->items[f->len++];
}

static bool has_heredocs(const struct dockerfile_instruction *i)
{
	return (i->copy || i->run) && !i->json;
}

static int read_one(struct dockerfile_reader *r, struct dockerfile_line *l, struct err *e)
{
	struct dockerfile_instruction *i;
	int ret;

	if (r->f->len >= DOCKERFILE_INSTRUCTIONS_MAX)
		return dockerfile_error(r->f, dockerfile_line_at(l, l->text.data), -EFBIG, e,
					"more than %d instructions", DOCKERFILE_INSTRUCTIONS_MAX);
	i = new_instruction(r->f);
	if (!i)
		return err_code(e, -ENOMEM, "cannot read '%s'", r->f->name);
	i->comments = r->comments;
	r->comments = (struct strvec){ 0 };
	ret = dockerfile_read_instruction(r->f, l, i, e);
	if (ret == 0 && has_heredocs(i))
		ret = dockerfile_read_heredocs(r, l, &i->heredocs, e);
	else if (ret == 0 && i->trigger && has_heredocs(i->trigger))
		ret = dockerfile_read_heredocs(r, l, &i->trigger->heredocs, e);
	return ret < 0 ? ret : dockerfile_finish_instruction(r->f, l, i, e);
}

static int read_all(struct dockerfile *f, struct err *e)
{
	cleanup_dockerfile_line struct dockerfile_line l = { 0 };
	struct dockerfile_reader r = { .f = f };
	int ret;

	do {
		ret = dockerfile_read_line(&r, &l, e);
		if (ret == 1)
			ret = read_one(&r, &l, e) < 0 ? e->code : 1;
	} while (ret == 1);
	strvec_done(&r.comments);
	if (ret == 0 && f->len == 0)
		return dockerfile_error(f, 0, -EINVAL, e, "file with no instructions");
	return ret;
}

int dockerfile_parse(const char *text, size_t len, const char *name, struct dockerfile *ret, struct err *e)
{
	cleanup_dockerfile struct dockerfile f = { 0 };
	int r = keep_source(&f, text, len, name, e);

	if (r == 0)
		r = read_all(&f, e);
	if (r < 0)
		return r;
	*ret = f;
	f = (struct dockerfile){ 0 };
	return 0;
}

static int check_trigger(const struct dockerfile *f, struct err *e)
{
	const struct dockerfile_instruction *i = f->items;

	if (f->len > 1)
		return dockerfile_error(f, f->items[1].at, -EINVAL, e,
					"onbuild trigger should be a single expression");
	if (i->op == DOCKERFILE_ONBUILD)
		return dockerfile_error(f, i->at, -EINVAL, e,
					"Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	if (i->op == DOCKERFILE_FROM || i->op == DOCKERFILE_MAINTAINER)
		return dockerfile_error(f, i->at, -EINVAL, e, "%s isn't allowed as an ONBUILD trigger",
					dockerfile_op_name(i->op));
	return 0;
}

int dockerfile_parse_trigger(const char *text, size_t len, const char *name, struct dockerfile *ret,
			     struct err *e)
{
	cleanup_dockerfile struct dockerfile f = { 0 };
	int r = dockerfile_parse(text, len, name, &f, e);

	if (r == 0 && f.len > 0) /* a file with nothing in it is refused */
		r = check_trigger(&f, e);
	if (r < 0)
		return r;
	*ret = f;
	f = (struct dockerfile){ 0 };
	return 0;
}
