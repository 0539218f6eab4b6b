/* SPDX-License-Identifier: Apache-2.0 */
/* ADD, COPY and FROM. */
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "build/dockerfile_parse.h"

static const struct dockerfile_flag ADD_FLAGS[] = {
	{ "checksum", offsetof(struct dockerfile_copy, checksum), DOCKERFILE_FLAG_STRING },
	{ "chmod", offsetof(struct dockerfile_copy, chmod), DOCKERFILE_FLAG_STRING },
	{ "chown", offsetof(struct dockerfile_copy, chown), DOCKERFILE_FLAG_STRING },
	{ "exclude", offsetof(struct dockerfile_copy, exclude), DOCKERFILE_FLAG_STRINGS },
	{ "keep-git-dir", offsetof(struct dockerfile_copy, keep_git_dir), DOCKERFILE_FLAG_BOOL },
	{ "link", offsetof(struct dockerfile_copy, link), DOCKERFILE_FLAG_BOOL },
	{ "unpack", offsetof(struct dockerfile_copy, unpack), DOCKERFILE_FLAG_BOOL },
	{ 0 }
};

static const struct dockerfile_flag COPY_FLAGS[] = {
	{ "chmod", offsetof(struct dockerfile_copy, chmod), DOCKERFILE_FLAG_STRING },
	{ "chown", offsetof(struct dockerfile_copy, chown), DOCKERFILE_FLAG_STRING },
	{ "exclude", offsetof(struct dockerfile_copy, exclude), DOCKERFILE_FLAG_STRINGS },
	{ "from", offsetof(struct dockerfile_copy, from), DOCKERFILE_FLAG_STRING },
	{ "link", offsetof(struct dockerfile_copy, link), DOCKERFILE_FLAG_BOOL },
	{ "parents", offsetof(struct dockerfile_copy, parents), DOCKERFILE_FLAG_BOOL },
	{ 0 }
};

static const struct dockerfile_flag FROM_FLAGS[] = {
	{ "platform", offsetof(struct dockerfile_from, platform), DOCKERFILE_FLAG_STRING }, { 0 }
};

void dockerfile_copy_free(struct dockerfile_copy *c)
{
	if (!c)
		return;
	free(c->from.text);
	free(c->chown.text);
	free(c->chmod.text);
	free(c->checksum.text);
	dockerfile_words_done(&c->exclude);
	free(c->heredoc_of);
	free(c);
}

void dockerfile_from_free(struct dockerfile_from *from)
{
	if (!from)
		return;
	free(from->base.text);
	free(from->name.text);
	free(from->platform.text);
	free(from);
}

int dockerfile_read_copy(struct dockerfile_in *in, struct err *e)
{
	struct dockerfile_instruction *i = in->i;
	int r;

	i->copy = calloc(1, sizeof(*i->copy));
	if (!i->copy)
		return dockerfile_words_error(in, -ENOMEM, e);
	r = dockerfile_read_flags(in, i->op == DOCKERFILE_ADD ? ADD_FLAGS : COPY_FLAGS, i->copy, e);
	if (r == 0)
		r = dockerfile_words_json(in, in->rest, &i->words, e);
	i->json = r == 1;
	if (r == 0)
		r = dockerfile_words_split(in, &i->words, e);
	if (r >= 0 && i->words.len < 2)
		return dockerfile_error(in->f, i->at, -EINVAL, e,
					"%s requires at least two arguments, but only one was provided. "
					"Destination could not be determined",
					dockerfile_op_name(i->op));
	return r < 0 ? r : 0;
}

/* The heredoc that a source is; of several with one name the last, as they would all be written to one file. */
static size_t find_heredoc(const struct dockerfile_heredocs *h, const char *name)
{
	for (size_t n = h->len; n > 0; n--)
		if (strcmp(h->items[n - 1].name, name) == 0)
			return n - 1;
	return DOCKERFILE_NO_HEREDOC;
}

static int heredoc_of_word(const struct dockerfile_instruction *i, const struct dockerfile_word *w,
			   size_t *ret)
{
	struct dockerfile_heredoc h = { 0 };
	int r = dockerfile_heredoc_word((struct slice){ w->text, strlen(w->text) }, &h);

	if (r == 1)
		*ret = find_heredoc(&i->heredocs, h.name);
	free(h.name);
	return r == -EINVAL ? 0 : r; /* half of a quoted word: a path like any other */
}

int dockerfile_finish_copy(struct dockerfile *f, struct dockerfile_instruction *i, struct err *e)
{
	const struct dockerfile_word *dest = &i->words.items[i->words.len - 1];
	size_t unused;
	int r = 0;

	i->copy->heredoc_of = calloc(i->words.len, sizeof(*i->copy->heredoc_of));
	if (!i->copy->heredoc_of)
		return err_code(e, -ENOMEM, "cannot read '%s'", f->name);
	for (size_t n = 0; n < i->words.len; n++)
		i->copy->heredoc_of[n] = DOCKERFILE_NO_HEREDOC;
	if (i->json)
		return 0;
	for (size_t n = 0; r >= 0 && n + 1 < i->words.len; n++)
		r = heredoc_of_word(i, &i->words.items[n], &i->copy->heredoc_of[n]);
	if (r >= 0)
		r = heredoc_of_word(i, dest, &unused);
	if (r == 1)
		return dockerfile_error(f, dest->at, -EINVAL, e,
					"%s cannot accept a heredoc as a destination",
					dockerfile_op_name(i->op));
	return r < 0 ? err_code(e, r, "cannot read '%s'", f->name) : 0;
}

/* --- FROM ----------------------------------------------------------------------------------------- */

/* [a-z][a-z0-9-_.]*, in any case */
static bool is_stage_name(const char *name)
{
	if (!isalpha((unsigned char)*name))
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
			return false;
	return true;
}

static void take_word(struct dockerfile_word *to, struct dockerfile_word *from)
{
	*to = *from;
	from->text = NULL;
}

static int take_from_words(struct dockerfile_in *in, struct dockerfile_words *w, struct err *e)
{
	struct dockerfile_from *from = in->i->from;
	bool named =
		w->len == 3 && slice_is((struct slice){ w->items[1].text, strlen(w->items[1].text) }, "as");

	if (!named && w->len != 1)
		return dockerfile_error(in->f, w->len > 1 ? w->items[1].at : in->i->at, -EINVAL, e,
					"FROM requires either one or three arguments");
	take_word(&from->base, &w->items[0]);
	if (!named)
		return 0;
	take_word(&from->name, &w->items[2]);
	if (!is_stage_name(from->name.text))
		return dockerfile_error(
			in->f, from->name.at, -EINVAL, e,
			"invalid name for build stage: \"%s\", name can't start with a number or contain "
			"symbols",
			from->name.text);
	for (char *c = from->name.text; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return 0;
}

int dockerfile_read_from(struct dockerfile_in *in, struct err *e)
{
	struct dockerfile_words w = { 0 };
	int r;

	in->i->from = calloc(1, sizeof(*in->i->from));
	if (!in->i->from)
		return dockerfile_words_error(in, -ENOMEM, e);
	r = dockerfile_read_flags(in, FROM_FLAGS, in->i->from, e);
	if (r == 0)
		r = dockerfile_words_split(in, &w, e);
	if (r == 0)
		r = take_from_words(in, &w, e);
	dockerfile_words_done(&w);
	return r;
}
