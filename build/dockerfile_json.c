/* SPDX-License-Identifier: Apache-2.0 */
/* ["a", "b"], with the place of each string. What is no JSON is for the shell, as in BuildKit: the strings are read here, and only an array
 * with something else in it is looked at by common/json_read. */
#include <string.h>

#include "build/dockerfile_parse.h"
#include "common/json_read.h"
#include "common/utf8.h"

#define JSON_DEPTH_MAX 64

static struct slice skip_blanks(struct slice s)
{
	while (s.len > 0 && strchr(" \t\r\n", *s.p))
		s = slice_skip(s, 1);
	return s;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits; -1: there are none. */
static long take_hex4(struct slice *s)
{
	long value = 0;

	if (s->len < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		int digit = hex_value(s->p[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	*s = slice_skip(*s, 4);
	return value;
}

static int add_utf8(struct buf *out, long c)
{
	char bytes[UTF8_MAX];
	size_t n = 0;

	if (c < 0x80) {
		bytes[n++] = (char)c;
	} else if (c < 0x800) {
		bytes[n++] = (char)(0xc0 | (c >> 6));
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		bytes[n++] = (char)(0xe0 | (c >> 12));
		bytes[n++] = (char)(0x80 | ((c >> 6) & 0x3f));
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		bytes[n++] = (char)(0xf0 | (c >> 18));
		bytes[n++] = (char)(0x80 | ((c >> 12) & 0x3f));
		bytes[n++] = (char)(0x80 | ((c >> 6) & 0x3f));
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	}
	return buf_add(out, bytes, n);
}

/* Behind "\u". Halves of a pair that stand alone become U+FFFD, as Go has it. -EINVAL for U+0000, which no argument can hold. */
static int take_unicode(struct slice *s, struct buf *out)
{
	long c = take_hex4(s), low;
	struct slice next = *s;

	if (c <= 0)
		return -EINVAL;
	if (c < 0xd800 || c > 0xdfff)
		return add_utf8(out, c);
	if (c < 0xdc00 && next.len >= 2 && next.p[0] == '\\' && next.p[1] == 'u') {
		next = slice_skip(next, 2);
		low = take_hex4(&next);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*s = next;
			return add_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
		}
	}
	return buf_add_str(out, UTF8_REPLACEMENT);
}

static int take_escape(struct slice *s, struct buf *out)
{
	static const char NAMES[] = "\"\\/bfnrt", VALUES[] = "\"\\/\b\f\n\r\t";
	const char *name;
	char c;

	if (s->len == 0)
		return -EINVAL;
	c = *s->p;
	*s = slice_skip(*s, 1);
	if (c == 'u')
		return take_unicode(s, out);
	name = c ? strchr(NAMES, c) : NULL;
	return name ? buf_add_char(out, VALUES[name - NAMES]) : -EINVAL;
}

/* A string behind its first quote, and the other quote. -EINVAL: it is none. */
static int take_string(struct slice *s, struct buf *out)
{
	int r = 0;

	while (r == 0 && s->len > 0) {
		size_t n = utf8_char_len(s->p, s->len);
		const char *p = s->p;

		*s = slice_skip(*s, n ? n : 1);
		if (*p == '"')
			return 0;
		if ((unsigned char)*p < ' ')
			return -EINVAL;
		if (*p == '\\')
			r = take_escape(s, out);
		else
			r = n ? buf_add(out, p, n) : buf_add_str(out, UTF8_REPLACEMENT);
	}
	return r < 0 ? r : -EINVAL;
}

/* A string at the beginning, and the blanks behind it: 0. -ENOENT: it is none. */
static int take_word(struct dockerfile_in *in, struct slice *s, struct dockerfile_words *w)
{
	cleanup_buf struct buf text = BUF_INIT(DOCKERFILE_MAX_BYTES);
	size_t at = dockerfile_line_at(in->line, s->p);
	int r;

	*s = slice_skip(*s, 1);
	r = take_string(s, &text);
	if (r < 0)
		return r == -EINVAL ? -ENOENT : r;
	*s = skip_blanks(*s);
	return dockerfile_words_add(w, text.data ? text.data : "", text.len, at);
}

/* Behind "[": 0 at the end of the text. -ENOENT: it is no JSON. -EINVAL: here, at s->p, is something else than a string. */
static int take_array(struct dockerfile_in *in, struct slice *s, struct dockerfile_words *w)
{
	int r = 0;

	*s = skip_blanks(*s);
	if (s->len > 0 && *s->p == ']')
		return skip_blanks(slice_skip(*s, 1)).len == 0 ? 0 : -ENOENT;
	while (r == 0) {
		if (s->len == 0)
			return -ENOENT;
		if (*s->p != '"')
			return -EINVAL;
		r = take_word(in, s, w);
		if (r < 0 || s->len == 0 || *s->p != ',')
			break;
		*s = skip_blanks(slice_skip(*s, 1));
	}
	if (r < 0)
		return r;
	return s->len > 0 && *s->p == ']' && skip_blanks(slice_skip(*s, 1)).len == 0 ? 0 : -ENOENT;
}

static bool is_json(struct slice text)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct err ignored; /* what it is not is for the shell */

	return json_parse(text.p, text.len, JSON_DEPTH_MAX, &doc, &ignored) == 0;
}

int dockerfile_words_json(struct dockerfile_in *in, struct slice text, struct dockerfile_words *w,
			  struct err *e)
{
	struct slice s;
	int r;

	text = trim_left(text);
	if (text.len == 0 || *text.p != '[')
		return 0;
	s = slice_skip(text, 1);
	r = take_array(in, &s, w);
	if (r == 0)
		return 1;
	dockerfile_words_done(w);
	if (r == -EINVAL && is_json(text))
		return dockerfile_in_error(
			in, s.p, e, "when using JSON array syntax, arrays must be comprised of strings only");
	return r == -EINVAL || r == -ENOENT ? 0 : dockerfile_words_error(in, r, e);
}
