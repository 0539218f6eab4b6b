/* SPDX-License-Identifier: Apache-2.0 */
/* "--name=value" behind an instruction's name. Quotes and backslashes are taken off here, whatever the escape character is. */
#include <string.h>
#include <strings.h>

#include "build/dockerfile_parse.h"
#include "build/suggest.h"

#define FLAGS_OF_ONE_MAX 32 /* in a table */

/* A flag up to a blank that is not quoted, into `out`. */
static int take_flag(struct slice *s, struct buf *out)
{
	char quote = '\0';
	int r = 0;

	while (r == 0 && s->len > 0 && (quote || space_len(s->p, s->len) == 0)) {
		char c = *s->p;

		*s = slice_skip(*s, 1);
		if (c == quote) {
			quote = '\0';
		} else if (!quote && (c == '"' || c == '\'')) {
			quote = c;
		} else if (c != '\\') {
			r = buf_add_char(out, c);
		} else if (s->len > 0) {
			r = buf_add_char(out, *s->p);
			*s = slice_skip(*s, 1);
		}
	}
	return r;
}

int dockerfile_take_flags(struct dockerfile_in *in, struct err *e)
{
	cleanup_buf struct buf flag = BUF_INIT(DOCKERFILE_MAX_BYTES);
	struct slice s = trim_left(in->rest);
	int r = 0;

	while (r == 0 && s.len >= 2 && s.p[0] == '-' && s.p[1] == '-') {
		size_t at = dockerfile_line_at(in->line, s.p);

		buf_clear(&flag);
		r = take_flag(&s, &flag);
		if (r == 0 && flag.len == 2)
			break; /* "--": what follows is none, whatever it looks like */
		if (r == 0)
			r = dockerfile_words_add(&in->flags, flag.data, flag.len, at);
		s = trim_left(s);
	}
	in->rest = trim_space(s);
	return r < 0 ? dockerfile_words_error(in, r, e) : 0;
}

/* A flag that is being read: "--name", and its value or NULL. */
struct given {
	const char *name; /* with the "--" */
	size_t name_len;
	const char *value;
	size_t at;
};

static int unknown_flag(struct dockerfile_in *in, const struct given *g, const struct dockerfile_flag *flags,
			struct err *e)
{
	const char *names[FLAGS_OF_ONE_MAX];
	char name[SUGGEST_WORD_MAX + 1] = "";
	struct suggestion s = { "" };
	size_t n = 0;

	for (; flags && flags[n].name && n < FLAGS_OF_ONE_MAX; n++)
		names[n] = flags[n].name;
	if (n > 0 && g->name_len - 2 <= SUGGEST_WORD_MAX) {
		memcpy(name, g->name + 2, g->name_len - 2);
		s = suggest(name, names, n, false);
	}
	return dockerfile_error(in->f, g->at, -EINVAL, e, "unknown flag: %.*s%s", (int)g->name_len, g->name,
				s.text);
}

static int set_bool(struct dockerfile_in *in, const struct given *g, struct dockerfile_bool *b, struct err *e)
{
	if (b->set)
		return dockerfile_error(in->f, g->at, -EINVAL, e, "duplicate flag specified: %.*s",
					(int)g->name_len, g->name);
	if (g->value && !*g->value)
		return dockerfile_error(in->f, g->at, -EINVAL, e, "missing a value on flag: %.*s",
					(int)g->name_len, g->name);
	if (g->value && strcasecmp(g->value, "true") != 0 && strcasecmp(g->value, "false") != 0)
		return dockerfile_error(in->f, g->at, -EINVAL, e,
					"expecting boolean value for flag %.*s, not: %s", (int)g->name_len,
					g->name, g->value);
	b->set = true;
	b->value = !g->value || strcasecmp(g->value, "true") == 0;
	return 0;
}

static int set_string(struct dockerfile_in *in, const struct given *g, struct dockerfile_word *w,
		      struct err *e)
{
	if (w->text)
		return dockerfile_error(in->f, g->at, -EINVAL, e, "duplicate flag specified: %.*s",
					(int)g->name_len, g->name);
	w->text = strdup(g->value);
	w->at = g->at;
	return w->text ? 0 : dockerfile_words_error(in, -ENOMEM, e);
}

static int set_flag(struct dockerfile_in *in, const struct given *g, const struct dockerfile_flag *flag,
		    void *dest, struct err *e)
{
	void *member = (char *)dest + flag->offset;
	int r;

	if (flag->kind == DOCKERFILE_FLAG_BOOL)
		return set_bool(in, g, member, e);
	if (!g->value)
		return dockerfile_error(in->f, g->at, -EINVAL, e, "missing a value on flag: %.*s",
					(int)g->name_len, g->name);
	if (flag->kind == DOCKERFILE_FLAG_STRING)
		return set_string(in, g, member, e);
	r = dockerfile_words_add(member, g->value, strlen(g->value), g->at);
	return r < 0 ? dockerfile_words_error(in, r, e) : 0;
}

int dockerfile_read_flags(struct dockerfile_in *in, const struct dockerfile_flag *flags, void *dest,
			  struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < in->flags.len; i++) {
		const char *text = in->flags.items[i].text, *equals = strchr(text, '=');
		struct given g = { text, equals ? (size_t)(equals - text) : strlen(text),
				   equals ? equals + 1 : NULL, in->flags.items[i].at };
		const struct dockerfile_flag *f = flags;

		while (f && f->name &&
		       (strlen(f->name) != g.name_len - 2 || memcmp(f->name, text + 2, g.name_len - 2) != 0))
			f++;
		r = f && f->name ? set_flag(in, &g, f, dest, e) : unknown_flag(in, &g, flags, e);
	}
	return r;
}
