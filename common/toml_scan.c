/* SPDX-License-Identifier: Apache-2.0 */
#include "common/toml_scan.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"

#define WORD_MAX 128

char toml_peek_at(const struct toml_scan *s, size_t ahead)
{
	if (ahead >= s->len - s->at)
		return '\0';
	return s->text[s->at + ahead];
}

char toml_peek(const struct toml_scan *s)
{
	return toml_peek_at(s, 0);
}

int toml_error(const struct toml_scan *s, int code, struct err *e, const char *fmt, ...)
{
	char text[sizeof(e->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(e, code, "line %u: %s", s->line, text);
}

void toml_skip_blanks(struct toml_scan *s)
{
	while (toml_peek(s) == ' ' || toml_peek(s) == '\t')
		s->at++;
}

/* The end of a line: LF or CRLF. */
static bool skip_newline(struct toml_scan *s)
{
	size_t n = toml_peek(s) == '\n' ? 1 : toml_peek(s) == '\r' && toml_peek_at(s, 1) == '\n' ? 2 : 0;

	s->at += n;
	s->line += n > 0;
	return n > 0;
}

static bool is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

static int skip_comment(struct toml_scan *s, struct err *e)
{
	if (toml_peek(s) != '#')
		return 0;
	while (s->at < s->len && toml_peek(s) != '\n' &&
	       !(toml_peek(s) == '\r' && toml_peek_at(s, 1) == '\n')) {
		if (is_control(toml_peek(s)))
			return toml_error(s, -EINVAL, e, "a control byte in a comment");
		s->at++;
	}
	return 0;
}

int toml_skip_lines(struct toml_scan *s, struct err *e)
{
	int r;

	do {
		toml_skip_blanks(s);
		r = skip_comment(s, e);
	} while (r == 0 && skip_newline(s));
	return r;
}

int toml_end_of_line(struct toml_scan *s, struct err *e)
{
	int r;

	toml_skip_blanks(s);
	r = skip_comment(s, e);
	if (r < 0 || s->at == s->len || skip_newline(s))
		return r;
	return toml_error(s, -EINVAL, e, "expected the end of the line");
}

/* --- strings ----------------------------------------------------------------------------------------- */

static int add(struct toml_scan *s, struct buf *out, const char *data, size_t len, struct err *e)
{
	int r = buf_add(out, data, len);

	if (r == -EFBIG)
		return toml_error(s, r, e, "a string is longer than %zu bytes", out->max);
	return r < 0 ? err_code(e, r, "cannot keep a string") : 0;
}

static int add_code_point(struct toml_scan *s, struct buf *out, unsigned long c, struct err *e)
{
	char utf8[4];
	size_t len;

	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return toml_error(s, -EINVAL, e, "an escape that is no character");
	if (c < 0x80) {
		utf8[0] = (char)c;
		len = 1;
	} else if (c < 0x800) {
		utf8[0] = (char)(0xc0 | (c >> 6));
		len = 2;
	} else if (c < 0x10000) {
		utf8[0] = (char)(0xe0 | (c >> 12));
		len = 3;
	} else {
		utf8[0] = (char)(0xf0 | (c >> 18));
		len = 4;
	}
	for (size_t i = 1; i < len; i++)
		utf8[i] = (char)(0x80 | ((c >> (6 * (len - 1 - i))) & 0x3f));
	return add(s, out, utf8, len, e);
}

static int add_unicode(struct toml_scan *s, struct buf *out, size_t digits, struct err *e)
{
	unsigned long c = 0;

	for (size_t i = 0; i < digits; i++) {
		char d = toml_peek(s);

		if (!isxdigit((unsigned char)d))
			return toml_error(s, -EINVAL, e, "expected %zu hexadecimal digits in an escape",
					  digits);
		c = c * 16 + (unsigned long)(isdigit((unsigned char)d) ? d - '0' : (d | 0x20) - 'a' + 10);
		s->at++;
	}
	return add_code_point(s, out, c, e);
}

/* A backslash at the end of a line takes the white space up to the next character away. */
static bool skip_line_ending(struct toml_scan *s)
{
	struct toml_scan ahead = *s;

	toml_skip_blanks(&ahead);
	if (!skip_newline(&ahead))
		return false;
	do
		toml_skip_blanks(&ahead);
	while (skip_newline(&ahead));
	*s = ahead;
	return true;
}

static int add_escape(struct toml_scan *s, bool multiline, struct buf *out, struct err *e)
{
	static const char NAMES[] = "btnfr\"\\", VALUES[] = "\b\t\n\f\r\"\\";
	const char *found;
	char c;

	s->at++; /* the backslash */
	if (multiline && skip_line_ending(s))
		return 0;
	c = toml_peek(s);
	if (c == 'u' || c == 'U') {
		s->at++;
		return add_unicode(s, out, c == 'u' ? 4 : 8, e);
	}
	found = c ? strchr(NAMES, c) : NULL;
	if (!found)
		return toml_error(s, -EINVAL, e, "an escape that TOML does not know");
	s->at++;
	return add(s, out, &VALUES[found - NAMES], 1, e);
}

/* How many of `quote` follow, up to 5: three end a multi-line string, which may have two of its own before them. */
static size_t count_quotes(const struct toml_scan *s, char quote)
{
	size_t n = 0;

	while (n < 5 && toml_peek_at(s, n) == quote)
		n++;
	return n;
}

/* True at the end of the string, which is passed. */
static bool at_end(struct toml_scan *s, char quote, bool multiline, struct buf *out, int *ret, struct err *e)
{
	size_t n = count_quotes(s, quote);

	if (!multiline) {
		s->at += n > 0;
		return n > 0;
	}
	if (n < 3)
		return false;
	*ret = add(s, out, quote == '"' ? "\"\"" : "''", n - 3, e);
	s->at += n;
	return true;
}

static int scan_content(struct toml_scan *s, char quote, bool multiline, struct buf *out, struct err *e)
{
	int r = 0;

	while (r == 0) {
		char c = toml_peek(s);

		if (c == quote && at_end(s, quote, multiline, out, &r, e))
			return r;
		if (s->at == s->len)
			return toml_error(s, -EINVAL, e, "a string does not end");
		if (c == '\\' && quote == '"') {
			r = add_escape(s, multiline, out, e);
		} else if (multiline && skip_newline(s)) {
			r = add(s, out, "\n", 1, e);
		} else if (is_control(c)) {
			return toml_error(s, -EINVAL, e,
					  "a control byte in a string, or one that does not end");
		} else {
			r = add(s, out, &c, 1, e);
			s->at++;
		}
	}
	return r;
}

int toml_scan_string(struct toml_scan *s, bool may_be_multiline, struct buf *out, struct err *e)
{
	char quote = toml_peek(s);
	bool multiline = toml_peek_at(s, 1) == quote && toml_peek_at(s, 2) == quote;

	if (multiline && !may_be_multiline)
		return toml_error(s, -EINVAL, e, "a key has no multi-line string");
	s->at += multiline ? 3 : 1;
	if (multiline)
		(void)skip_newline(s); /* the first one does not count */
	return scan_content(s, quote, multiline, out, e);
}

int toml_scan_key(struct toml_scan *s, struct buf *out, struct err *e)
{
	size_t n = 0;

	if (toml_peek(s) == '"' || toml_peek(s) == '\'')
		return toml_scan_string(s, false, out, e);
	while (isalnum((unsigned char)toml_peek_at(s, n)) || toml_peek_at(s, n) == '-' ||
	       toml_peek_at(s, n) == '_')
		n++;
	if (n == 0)
		return toml_error(s, -EINVAL, e, "expected a key");
	s->at += n;
	return add(s, out, s->text + s->at - n, n, e);
}

/* --- other words ------------------------------------------------------------------------------------- */

/* Drops '_' between digits. False: one that is not between digits. */
static bool without_underscores(char *word)
{
	char *out = word;

	for (const char *p = word; *p; p++) {
		if (*p != '_') {
			*out++ = *p;
			continue;
		}
		if (p == word || !isxdigit((unsigned char)p[-1]) || !isxdigit((unsigned char)p[1]))
			return false;
	}
	*out = '\0';
	return true;
}

static bool read_based(const char *digits, unsigned int bits, int64_t *ret)
{
	uint64_t n = 0;

	if (!*digits)
		return false;
	for (; *digits; digits++) {
		unsigned int d = isdigit((unsigned char)*digits) ? (unsigned int)(*digits - '0')
				 : isxdigit((unsigned char)*digits)
					 ? (unsigned int)((*digits | 0x20) - 'a') + 10
					 : 16;

		if (d >= 1u << bits || n > (uint64_t)INT64_MAX >> bits)
			return false;
		n = n << bits | d;
	}
	*ret = (int64_t)n;
	return true;
}

static bool read_integer(const char *word, int64_t *ret)
{
	const char *digits = word + (*word == '-' || *word == '+');

	if (word[0] == '0' && word[1] == 'x')
		return read_based(word + 2, 4, ret);
	if (word[0] == '0' && word[1] == 'o')
		return read_based(word + 2, 3, ret);
	if (word[0] == '0' && word[1] == 'b')
		return read_based(word + 2, 1, ret);
	if (digits[0] == '0' && digits[1])
		return false; /* a leading zero */
	return parse_i64(*word == '+' ? digits : word, INT64_MIN, INT64_MAX, ret) == 0;
}

/* Floats and dates begin with a digit, or are inf and nan; which they are nobody here wants to know. */
static bool looks_like_other(const char *word)
{
	const char *p = word + (*word == '-' || *word == '+');

	if (strcmp(p, "inf") == 0 || strcmp(p, "nan") == 0)
		return true;
	return isdigit((unsigned char)*p) && strpbrk(p, ".eE:-") &&
	       p[strspn(p, "0123456789.eE:-+TtZz ")] == '\0';
}

int toml_scan_word(struct toml_scan *s, struct toml_value *ret, struct err *e)
{
	char word[WORD_MAX];
	size_t n = 0;

	while (n < sizeof(word) - 1 && (isalnum((unsigned char)toml_peek_at(s, n)) ||
					(toml_peek_at(s, n) && strchr("+-_.:", toml_peek_at(s, n)))))
		n++;
	memcpy(word, s->text + s->at, n);
	word[n] = '\0';
	ret->line = s->line;
	if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
		ret->kind = TOML_BOOLEAN;
		ret->boolean = word[0] == 't';
	} else if (without_underscores(word) && read_integer(word, &ret->integer)) {
		ret->kind = TOML_INTEGER;
	} else if (looks_like_other(word)) {
		ret->kind = TOML_OTHER;
		ret->text = strdup(word);
		if (!ret->text)
			return err_code(e, -ENOMEM, "cannot keep a value");
	} else {
		return toml_error(s, -EINVAL, e, "expected a value");
	}
	s->at += n;
	return 0;
}
