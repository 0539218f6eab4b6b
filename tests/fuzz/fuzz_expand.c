/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses the options. The first line behind it is a word, each other one a variable, NAME=VALUE. With an 'p' in front
 * the lines are a pattern and a text, and the matcher must agree with a slow and simple one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/expand.h"
#include "build/expand_pattern.h"
#include "common/cleanup.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SMALL 48 /* bytes; the slow matcher tries everything */

/* Bytes of the character that is first in `text`. */
static size_t char_len(const char *text)
{
	size_t len = utf8_char_len(text, strlen(text));

	return len ? len : 1;
}

/* Whether `pattern` matches the first `len` bytes of `text`, and nothing but them. */
static bool matches(const char *pattern, const char *text, size_t len, unsigned *steps)
{
	size_t n;

	if (++*steps > 20000)
		return false;
	if (*pattern == '*') {
		if (matches(pattern + 1, text, len, steps))
			return true;
		n = len ? char_len(text) : 0;
		return len > 0 && n <= len && *text != '\n' && matches(pattern, text + n, len - n, steps);
	}
	if (*pattern == '\0' || len == 0)
		return *pattern == '\0' && len == 0;
	n = char_len(text);
	if (*pattern == '?')
		return n <= len && *text != '\n' && matches(pattern + 1, text + n, len - n, steps);
	if (*pattern == '\\')
		pattern++;
	return char_len(pattern) == n && n <= len && memcmp(pattern, text, n) == 0 &&
	       matches(pattern + n, text + n, len - n, steps);
}

/* What is to be cut off; 0: nothing. `on_edge` leaves out what would cut a character in two. */
static size_t cut_len(const char *pattern, const char *text, bool suffix, bool longest, unsigned *steps)
{
	size_t len = strlen(text), best = 0;

	for (size_t i = 0; i <= len; i++) {
		size_t n = longest ? len - i : i;
		const char *edge = suffix ? text + len - n : text + n;
		const char *at = text;

		while (at < edge)
			at += char_len(at);
		if (at != edge || !matches(pattern, suffix ? edge : text, n, steps))
			continue;
		best = n;
		break;
	}
	return best;
}

static void check_pattern(const char *pattern, const char *text)
{
	if (strlen(pattern) > SMALL || strlen(text) > SMALL)
		return;
	for (int mode = 0; mode < 4; mode++) {
		bool suffix = mode & 1, longest = mode & 2;
		cleanup_buf struct buf out = BUF_INIT(4096);
		unsigned steps = 0;
		struct err e = { 0 };
		size_t cut;
		int r = expand_pattern_trim(pattern, text, suffix ? EXPAND_SUFFIX : EXPAND_PREFIX, longest,
					    &out, &e);

		if (r < 0) {
			if (e.code != r || !strstr(e.text, "invalid escape"))
				abort();
			return;
		}
		cut = cut_len(pattern, text, suffix, longest, &steps);
		if (steps > 20000)
			return;
		if (out.len != strlen(text) - cut ||
		    memcmp(out.data, text + (suffix ? 0 : cut), out.len) != 0)
			abort();
	}
}

static void check_replace(const char *pattern, const char *text)
{
	cleanup_buf struct buf out = BUF_INIT(1u << 16), same = BUF_INIT(1u << 16);
	struct err e = { 0 };

	if (expand_pattern_replace(pattern, text, "<>", true, &out, &e) < 0 && !e.text[0])
		abort();
	if (expand_pattern_replace(pattern, text, "", false, &same, &e) == 0 && same.len > strlen(text))
		abort();
}

static void check_words(const struct expand_options *o, const char *word, const struct strvec *env)
{
	cleanup_expand_names struct expand_names names = { 0 };
	cleanup_strvec struct strvec words = { 0 };
	cleanup_free char *text = NULL;
	struct err e = { 0 };
	int r = expand_word(o, word, env, &names, &text, &e);
	const char *at = text; /* behind the words that were found in it, in order */

	if (r < 0 ? (text || e.code != r || !e.text[0]) : !text || strlen(text) > EXPAND_MAX)
		abort();
	if (r == 0 && !strpbrk(word, "$'\"\\`") && strcmp(text, word) != 0)
		abort();
	if (r == 0 && names.unset.len == 0 && names.set.len == 0 &&
	    strlen(text) > strlen(word) + (o->raw_escapes ? strlen(word) : 0))
		abort();
	/* There is a limit of words too. */
	if ((expand_words(o, word, env, NULL, &words, &e) < 0) != (r < 0) && e.code != -EFBIG)
		abort();
	for (size_t i = 0; i < words.len; i++) {
		size_t len = strlen(words.items[i]);

		/* Not strstr: with ASan it measures all of the text each time. */
		while (*at && strncmp(at, words.items[i], len) != 0)
			at++;
		if (len == 0 || !*at)
			abort();
		at += len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *input =
		size > 1 && size < 65536 ? strndup((const char *)data + 1, size - 1) : NULL;
	struct expand_options o = { .escape = '\\' };
	cleanup_strvec struct strvec env = { 0 };
	char *rest;

	if (!input)
		return 0;
	rest = strchrnul(input, '\n');
	if (*rest)
		*rest++ = '\0';
	if (data[0] == 'p') {
		check_pattern(input, rest);
		check_replace(input, rest);
		return 0;
	}
	o.escape = data[0] & 1 ? '`' : '\\';
	o.raw_quotes = data[0] & 2;
	o.raw_escapes = data[0] & 4;
	o.skip_quotes = data[0] & 8;
	o.skip_unset = data[0] & 16;
	if (strvec_split(&env, rest, '\n') == 0)
		check_words(&o, input, &env);
	return 0;
}
