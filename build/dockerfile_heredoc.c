/* SPDX-License-Identifier: Apache-2.0 */
/* "RUN <<EOF": lines behind an instruction that belong to it. Which words of a line are heredocs is what BuildKit's shell lexer says, whose
 * escape character is a backslash here, whatever the file's is. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "build/dockerfile_parse.h"
#include "common/cleanup.h"
#include "common/utf8.h"

#define SUBSTITUTION_DEPTH_MAX 32 /* ${a:-${b:-...}} */
#define FD_MAX                 1023

static void heredoc_done(struct dockerfile_heredoc *h)
{
	free(h->name);
	free(h->content);
	*h = (struct dockerfile_heredoc){ 0 };
}

void dockerfile_heredocs_done(struct dockerfile_heredocs *h)
{
	for (size_t i = 0; i < h->len; i++)
		heredoc_done(&h->items[i]);
	free(h->items);
	*h = (struct dockerfile_heredocs){ 0 };
}

/* --- the words of a line -------------------------------------------------------------------------- */

static bool scan_until(struct slice *s, const char *stop, int depth);

static bool scan_quoted(struct slice *s, int depth)
{
	char quote = *s->p;
	const char *end;

	*s = slice_skip(*s, 1);
	if (quote == '"')
		return scan_until(s, "\"", depth);
	end = s->len ? memchr(s->p, '\'', s->len) : NULL;
	if (!end)
		return false;
	*s = slice_skip(*s, (size_t)(end - s->p) + 1);
	return true;
}

static size_t name_len(struct slice s)
{
	size_t n = 0;

	if (s.len > 0 && strchr("@*#?-$!", *s.p))
		return 1;
	while (n < s.len &&
	       (isalnum((unsigned char)s.p[n]) || s.p[n] == '_' || (unsigned char)s.p[n] >= 0x80))
		n++;
	return n;
}

/* At "$": a variable, as long as it is one. False: what BuildKit calls a bad substitution, and then the line has no heredocs at all. */
static bool scan_dollar(struct slice *s, int depth)
{
	char c;

	*s = slice_skip(*s, 1);
	if (s->len == 0 || *s->p != '{') {
		*s = slice_skip(*s, name_len(*s));
		return true;
	}
	*s = slice_skip(*s, 1);
	if (s->len == 0 || strchr("{}:", *s->p))
		return false;
	*s = slice_skip(*s, name_len(*s));
	if (s->len == 0)
		return false;
	c = *s->p;
	*s = slice_skip(*s, 1);
	if (c == '}')
		return true;
	if (c == '/')
		return scan_until(s, "/", depth + 1) && scan_until(s, "}", depth + 1);
	if (c == ':' && s->len > 0)
		*s = slice_skip(*s, 1);
	else if (!strchr("+-?#%", c))
		return false;
	return scan_until(s, "}", depth + 1);
}

/* One character, an escaped one, a quoted text or a variable. */
static bool scan_piece(struct slice *s, bool in_quotes, int depth)
{
	size_t n;

	if (*s->p == '$')
		return scan_dollar(s, depth);
	if (!in_quotes && (*s->p == '"' || *s->p == '\''))
		return scan_quoted(s, depth);
	n = *s->p == '\\' && s->len > 1 ? 1 : 0;
	*s = slice_skip(*s, n);
	n = utf8_char_len(s->p, s->len);
	*s = slice_skip(*s, n ? n : 1);
	return true;
}

/* Up to a character and over it. False: it does not come. */
static bool scan_until(struct slice *s, const char *stop, int depth)
{
	bool in_quotes = *stop == '"';

	if (depth > SUBSTITUTION_DEPTH_MAX)
		return false;
	while (s->len > 0) {
		if (*s->p == *stop) {
			*s = slice_skip(*s, 1);
			return true;
		}
		if (!scan_piece(s, in_quotes, depth + in_quotes))
			return false;
	}
	return false;
}

/* A word up to a blank; blanks behind "<<" belong to it. False: the line cannot be split. */
static bool scan_word(struct slice *s)
{
	while (s->len > 0 && space_len(s->p, s->len) == 0) {
		if (s->len >= 2 && s->p[0] == '<' && s->p[1] == '<') {
			*s = slice_skip(*s, 2);
			while (s->len > 0 && strchr(" \t\r", *s->p))
				*s = slice_skip(*s, 1);
		} else if (!scan_piece(s, false, 0)) {
			return false;
		}
	}
	return true;
}

/* --- one word ------------------------------------------------------------------------------------- */

/* Whether the backslash at the beginning escapes what follows. */
static bool is_escape(struct slice s, char quote)
{
	if (*s.p != '\\' || quote == '\'' || s.len < 2)
		return false;
	return quote == '\0' || strchr("\"$\\", s.p[1]);
}

static bool is_quote(char c, char quote)
{
	return quote ? c == quote : c == '"' || c == '\'';
}

/* The terminator's name, without quotes and escapes. -ENOENT: it is more than one word. */
static int unquote_name(struct slice s, struct buf *out, bool *ret_quoted)
{
	char quote = '\0';
	int r = 0;

	for (; r == 0 && s.len > 0; s = slice_skip(s, 1)) {
		if (is_escape(s, quote)) {
			s = slice_skip(s, 1);
			r = buf_add_char(out, *s.p);
		} else if (is_quote(*s.p, quote)) {
			quote = (char)(quote ? '\0' : *s.p);
			*ret_quoted = true;
		} else if (!quote && space_len(s.p, 1)) {
			r = -ENOENT;
		} else if (quote || *s.p != '\\') {
			r = buf_add_char(out, *s.p);
		}
	}
	return r == 0 && quote ? -EINVAL : r;
}

/* Takes "3<<-" and blanks off: whether that was there. */
static bool take_operator(struct slice *word, struct dockerfile_heredoc *h)
{
	for (; word->len > 0 && isdigit((unsigned char)*word->p); *word = slice_skip(*word, 1))
		h->fd = h->fd > FD_MAX ? h->fd : 10 * h->fd + (unsigned int)(*word->p - '0');
	if (word->len < 2 || word->p[0] != '<' || word->p[1] != '<')
		return false;
	*word = slice_skip(*word, 2);
	h->chomp = word->len > 0 && *word->p == '-';
	*word = slice_skip(*word, h->chomp);
	while (word->len > 0 && strchr(" \t\n\f\r", *word->p))
		*word = slice_skip(*word, 1);
	return word->len > 0 && !memchr(word->p, '<', word->len);
}

int dockerfile_heredoc_word(struct slice word, struct dockerfile_heredoc *ret)
{
	cleanup_buf struct buf name = BUF_INIT(DOCKERFILE_LINE_MAX_BYTES);
	struct dockerfile_heredoc h = { 0 };
	bool quoted = false;
	int r;

	if (!take_operator(&word, &h))
		return 0;
	r = unquote_name(word, &name, &quoted);
	if (r == -ENOENT || (r == 0 && name.len == 0))
		return 0;
	if (r < 0)
		return r == -EFBIG ? -EINVAL : r;
	h.name = buf_take(&name);
	h.fd = h.fd > FD_MAX ? 0 : h.fd;
	h.expand = !quoted;
	*ret = h;
	return h.name ? 1 : -ENOMEM;
}

/* --- their contents ------------------------------------------------------------------------------- */

static int add_heredoc(struct dockerfile_reader *r, struct dockerfile_heredocs *out,
		       struct dockerfile_heredoc *h, struct err *e)
{
	struct dockerfile_heredoc *items;

	if (out->len >= DOCKERFILE_HEREDOCS_MAX)
		return dockerfile_error(r->f, h->at, -EFBIG, e, "more than %d heredocs",
					DOCKERFILE_HEREDOCS_MAX);
	items = reallocarray(out->items, out->len + 1, sizeof(*items));
	if (!items)
		return err_code(e, -ENOMEM, "cannot read '%s'", r->f->name);
	out->items = items;
	out->items[out->len++] = *h;
	*h = (struct dockerfile_heredoc){ 0 };
	return 0;
}

/* The words of the line that are heredocs. */
static int find_heredocs(struct dockerfile_reader *r, const struct dockerfile_line *l,
			 struct dockerfile_heredocs *out, struct err *e)
{
	struct slice s = { l->text.data, l->text.len }, check = s;

	while (trim_left(check).len > 0) {
		check = trim_left(check);
		if (!scan_word(&check))
			return 0;
	}
	while (trim_left(s).len > 0) {
		struct dockerfile_heredoc h = { 0 };
		struct slice word = trim_left(s);
		int ret;

		s = word;
		(void)scan_word(&s); /* it was asked above */
		word.len -= s.len;
		ret = dockerfile_heredoc_word(word, &h);
		h.at = dockerfile_line_at(l, word.p);
		if (ret == -EINVAL)
			return dockerfile_error(r->f, h.at, -EINVAL, e,
						"bad heredoc '%.*s': a quote is not closed", (int)word.len,
						word.p);
		if (ret == 1)
			ret = add_heredoc(r, out, &h, e);
		else if (ret < 0)
			ret = err_code(e, ret, "cannot read '%s'", r->f->name);
		heredoc_done(&h);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static bool is_terminator(struct slice line, const struct dockerfile_heredoc *h)
{
	while (line.len > 0 && (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r'))
		line.len--;
	while (h->chomp && line.len > 0 && *line.p == '\t')
		line = slice_skip(line, 1);
	return line.len == strlen(h->name) && memcmp(line.p, h->name, line.len) == 0;
}

/* The lines up to the terminator. */
static int read_content(struct dockerfile_reader *r, struct dockerfile_heredoc *h, struct err *e)
{
	const char *start = r->f->source + r->pos;

	for (;;) {
		size_t len = (size_t)(r->f->source + r->pos - start);
		struct slice line;
		int ret = dockerfile_read_raw(r, &line, e);

		if (ret < 0)
			return ret;
		if (line.len == 0)
			return dockerfile_error(r->f, h->at, -EINVAL, e, "unterminated heredoc");
		if (!is_terminator(line, h))
			continue;
		if (len > DOCKERFILE_HEREDOC_MAX_BYTES)
			return dockerfile_error(r->f, h->at, -EFBIG, e, "the heredoc is larger than %u bytes",
						DOCKERFILE_HEREDOC_MAX_BYTES);
		h->content = strndup(start, len);
		return h->content ? 0 : err_code(e, -ENOMEM, "cannot read '%s'", r->f->name);
	}
}

int dockerfile_read_heredocs(struct dockerfile_reader *r, struct dockerfile_line *l,
			     struct dockerfile_heredocs *out, struct err *e)
{
	int ret = strstr(l->text.data, "<<") ? find_heredocs(r, l, out, e) : 0;

	for (size_t i = 0; ret == 0 && i < out->len; i++)
		ret = read_content(r, &out->items[i], e);
	l->last_line = r->line;
	return ret;
}

char *dockerfile_heredoc_text(const struct dockerfile_heredoc *h)
{
	size_t len = strlen(h->content), n = 0;
	char *text = malloc(len + 1);
	bool at_start = h->chomp;

	if (!text)
		return NULL;
	for (const char *c = h->content; *c; c++) {
		if (at_start && *c == '\t')
			continue;
		at_start = h->chomp && *c == '\n';
		text[n++] = *c;
	}
	text[n] = '\0';
	return text;
}
