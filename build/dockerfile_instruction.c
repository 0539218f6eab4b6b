/* SPDX-License-Identifier: Apache-2.0 */
/* One logical line becomes one instruction. Texts of errors are BuildKit's, frontend/dockerfile/instructions. */
#include <stdlib.h>
#include <string.h>

#include "build/dockerfile_parse.h"
#include "build/suggest.h"
#include "common/cleanup.h"

static const char *const DOCKERFILE_OP_NAMES[DOCKERFILE_OPS] = {
	"ADD",    "ARG",   "CMD",         "COPY",  "ENTRYPOINT", "ENV",
	"EXPOSE", "FROM",  "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
	"RUN",    "SHELL", "STOPSIGNAL",  "USER",  "VOLUME",     "WORKDIR",
};

const char *dockerfile_op_name(enum dockerfile_op op)
{
	return DOCKERFILE_OP_NAMES[op];
}

void dockerfile_instruction_done(struct dockerfile_instruction *i)
{
	free(i->name);
	free(i->text);
	strvec_done(&i->comments);
	dockerfile_words_done(&i->words);
	dockerfile_pairs_done(&i->pairs);
	dockerfile_heredocs_done(&i->heredocs);
	dockerfile_from_free(i->from);
	dockerfile_copy_free(i->copy);
	dockerfile_run_free(i->run);
	free(i->health);
	if (i->trigger)
		dockerfile_instruction_done(i->trigger); /* has none itself */
	free(i->trigger);
	free(i->trigger_text);
	*i = (struct dockerfile_instruction){ 0 };
}

void dockerfile_in_done(struct dockerfile_in *in)
{
	dockerfile_words_done(&in->flags);
}

static int missing(struct dockerfile_in *in, struct err *e, const char *what)
{
	return dockerfile_error(in->f, in->i->at, -EINVAL, e, "%s requires %s", dockerfile_op_name(in->i->op),
				what);
}

/* EXPOSE */
static int read_words(struct dockerfile_in *in, struct err *e)
{
	int r = dockerfile_read_flags(in, NULL, NULL, e);

	if (r == 0 && in->rest.len == 0)
		return missing(in, e, "at least one argument");
	return r < 0 ? r : dockerfile_words_split(in, &in->i->words, e);
}

/* Takes the blanks around a word of a list away. */
static int trim_volume(struct dockerfile_in *in, struct dockerfile_word *w, struct err *e)
{
	struct slice s = trim_space((struct slice){ w->text, strlen(w->text) });

	if (s.len == 0)
		return dockerfile_error(in->f, w->at, -EINVAL, e,
					"VOLUME specified can not be an empty string");
	memmove(w->text, s.p, s.len);
	w->text[s.len] = '\0';
	return 0;
}

static int read_volume(struct dockerfile_in *in, struct err *e)
{
	struct dockerfile_words *w = &in->i->words;
	int r = dockerfile_read_flags(in, NULL, NULL, e);

	if (r == 0)
		r = dockerfile_words_json(in, in->rest, w, e);
	in->i->json = r == 1;
	if (r == 0)
		r = dockerfile_words_split(in, w, e);
	if (r >= 0 && w->len == 0)
		return missing(in, e, "at least one argument");
	for (size_t i = 0; r >= 0 && i < w->len; i++)
		r = trim_volume(in, &w->items[i], e);
	return r < 0 ? r : 0;
}

/* USER, WORKDIR, MAINTAINER: all that there is, as one. */
static int read_one(struct dockerfile_in *in, struct err *e)
{
	int r = dockerfile_read_flags(in, NULL, NULL, e);

	if (r == 0 && in->rest.len == 0)
		return missing(in, e, "exactly one argument");
	if (r < 0)
		return r;
	r = dockerfile_words_add(&in->i->words, in->rest.p, in->rest.len,
				 dockerfile_line_at(in->line, in->rest.p));
	return r < 0 ? dockerfile_words_error(in, r, e) : 0;
}

/* BuildKit looks at the flags of ARG and STOPSIGNAL as little. */
static int read_stopsignal(struct dockerfile_in *in, struct err *e)
{
	dockerfile_words_done(&in->flags);
	return read_one(in, e);
}

static int read_env(struct dockerfile_in *in, struct err *e)
{
	int r = dockerfile_read_flags(in, NULL, NULL, e);

	return r < 0 ? r : dockerfile_read_pairs(in, e);
}

int dockerfile_read_command(struct dockerfile_in *in, struct slice text, struct err *e)
{
	int r = dockerfile_words_json(in, text, &in->i->words, e);

	in->i->json = r == 1;
	if (r != 0 || text.len == 0)
		return r < 0 ? r : 0;
	r = dockerfile_words_add(&in->i->words, text.p, text.len, dockerfile_line_at(in->line, text.p));
	return r < 0 ? dockerfile_words_error(in, r, e) : 0;
}

/* CMD, ENTRYPOINT */
static int read_cmd(struct dockerfile_in *in, struct err *e)
{
	int r = dockerfile_read_flags(in, NULL, NULL, e);

	return r < 0 ? r : dockerfile_read_command(in, in->rest, e);
}

static int read_shell(struct dockerfile_in *in, struct err *e)
{
	int r = read_cmd(in, e);

	if (r == 0 && in->i->words.len == 0)
		return missing(in, e, "at least one argument");
	return r == 0 && !in->i->json ? missing(in, e, "the arguments to be in JSON form") : r;
}

static int read_text(struct dockerfile *f, const struct dockerfile_line *l, struct slice text,
		     struct dockerfile_instruction *i, struct err *e);

static int check_trigger(struct dockerfile_in *in, struct err *e)
{
	static const char *const BANNED[] = { "FROM", "MAINTAINER" };
	struct slice name = in->rest;

	for (size_t n = 0; n < name.len; n++)
		if (is_separator(name.p[n]))
			name.len = n;
	if (slice_is(name, "ONBUILD"))
		return dockerfile_in_error(in, name.p, e,
					   "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	for (size_t n = 0; n < ARRAY_LEN(BANNED); n++)
		if (slice_is(name, BANNED[n]))
			return dockerfile_in_error(in, name.p, e, "%s isn't allowed as an ONBUILD trigger",
						   BANNED[n]);
	return 0;
}

static int read_onbuild(struct dockerfile_in *in, struct err *e)
{
	int r = dockerfile_read_flags(in, NULL, NULL, e);

	if (r == 0 && in->rest.len == 0)
		return missing(in, e, "at least one argument");
	if (r == 0)
		r = check_trigger(in, e);
	if (r < 0)
		return r;
	in->i->trigger = calloc(1, sizeof(*in->i->trigger));
	if (!in->i->trigger)
		return dockerfile_words_error(in, -ENOMEM, e);
	return read_text(in->f, in->line, in->rest, in->i->trigger, e);
}

static int (*const READERS[DOCKERFILE_OPS])(struct dockerfile_in *in, struct err *e) = {
	[DOCKERFILE_ADD] = dockerfile_read_copy,
	[DOCKERFILE_ARG] = dockerfile_read_args,
	[DOCKERFILE_CMD] = read_cmd,
	[DOCKERFILE_COPY] = dockerfile_read_copy,
	[DOCKERFILE_ENTRYPOINT] = read_cmd,
	[DOCKERFILE_ENV] = read_env,
	[DOCKERFILE_EXPOSE] = read_words,
	[DOCKERFILE_FROM] = dockerfile_read_from,
	[DOCKERFILE_HEALTHCHECK] = dockerfile_read_health,
	[DOCKERFILE_LABEL] = read_env,
	[DOCKERFILE_MAINTAINER] = read_one,
	[DOCKERFILE_ONBUILD] = read_onbuild,
	[DOCKERFILE_RUN] = dockerfile_read_run,
	[DOCKERFILE_SHELL] = read_shell,
	[DOCKERFILE_STOPSIGNAL] = read_stopsignal,
	[DOCKERFILE_USER] = read_one,
	[DOCKERFILE_VOLUME] = read_volume,
	[DOCKERFILE_WORKDIR] = read_one,
};

static int unknown_instruction(struct dockerfile_in *in, struct err *e)
{
	struct suggestion s = suggest(in->i->name, DOCKERFILE_OP_NAMES, DOCKERFILE_OPS, true);

	return dockerfile_error(in->f, in->i->at, -EINVAL, e, "unknown instruction: %s%s", in->i->name,
				s.text);
}

/* The name in front, up to a blank. */
static int take_name(struct dockerfile_in *in, struct slice text, struct err *e)
{
	struct slice name = { text.p, 0 };

	while (name.len < text.len && !is_separator(text.p[name.len]))
		name.len++;
	in->rest = slice_skip(text, name.len);
	in->i->at = dockerfile_line_at(in->line, text.p);
	in->i->name = strndup(name.p, name.len);
	in->i->text = strndup(text.p, text.len);
	if (!in->i->name || !in->i->text)
		return dockerfile_words_error(in, -ENOMEM, e);
	for (size_t op = 0; op < DOCKERFILE_OPS; op++) {
		if (slice_is(name, DOCKERFILE_OP_NAMES[op])) {
			in->i->op = (enum dockerfile_op)op;
			return 0;
		}
	}
	return unknown_instruction(in, e);
}

/* A trigger comes here from inside: twice at most. */
static int read_text(struct dockerfile *f, const struct dockerfile_line *l, struct slice text,
		     struct dockerfile_instruction *i, struct err *e)
{
	cleanup_dockerfile_in struct dockerfile_in in = { .f = f, .line = l, .i = i };
	int r;

	i->first_line = l->first_line;
	i->last_line = l->last_line;
	i->empty_line = l->empty_line;
	r = take_name(&in, text, e);
	if (r == 0)
		r = dockerfile_take_flags(&in, e);
	return r < 0 ? r : READERS[i->op](&in, e);
}

int dockerfile_read_instruction(struct dockerfile *f, const struct dockerfile_line *l,
				struct dockerfile_instruction *i, struct err *e)
{
	return read_text(f, l, trim_space((struct slice){ l->text.data, l->text.len }), i, e);
}

/* What an image's config keeps of ONBUILD: the line behind it, and the heredocs as they stand in the file. */
static int write_trigger(const struct dockerfile *f, const struct dockerfile_line *l,
			 struct dockerfile_instruction *i, struct err *e)
{
	cleanup_buf struct buf out = BUF_INIT(2 * DOCKERFILE_MAX_BYTES);
	const struct dockerfile_heredocs *h = &i->trigger->heredocs;
	struct slice s = trim_left((struct slice){ l->text.data, l->text.len });
	int r;

	s = trim_left(slice_skip(s, strlen("ONBUILD")));
	r = buf_add(&out, s.p, s.len);
	for (size_t n = 0; r == 0 && n < h->len; n++)
		r = buf_printf(&out, "\n%s%s", h->items[n].content, h->items[n].name);
	if (r == 0)
		i->trigger_text = buf_take(&out);
	return i->trigger_text ? 0 : err_code(e, r < 0 ? r : -ENOMEM, "cannot read '%s'", f->name);
}

int dockerfile_finish_instruction(struct dockerfile *f, const struct dockerfile_line *l,
				  struct dockerfile_instruction *i, struct err *e)
{
	struct dockerfile_instruction *inner = i->trigger ? i->trigger : i;
	int r = 0;

	i->last_line = inner->last_line = l->last_line;
	if (inner->copy)
		r = dockerfile_finish_copy(f, inner, e);
	else if (inner->run)
		r = dockerfile_finish_run(inner, e);
	return r == 0 && i->trigger ? write_trigger(f, l, i, e) : r;
}
