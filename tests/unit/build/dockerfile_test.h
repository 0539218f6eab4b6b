/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the Dockerfile parser share. */
#ifndef SAMPAN_TESTS_DOCKERFILE_TEST_H
#define SAMPAN_TESTS_DOCKERFILE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "build/dockerfile.h"
#include "common/cleanup.h"

static inline struct dockerfile parsed(const char *text)
{
	struct dockerfile f = { 0 };
	struct err e = { 0 };

	if (dockerfile_parse(text, strlen(text), "Dockerfile", &f, &e) != 0)
		fail_msg("%s", e.text);
	return f;
}

/* That `text` is refused with exactly these words. */
static inline void assert_refused(const char *text, const char *message)
{
	struct dockerfile f = { 0 };
	struct err e = { 0 };

	if (dockerfile_parse(text, strlen(text), "Dockerfile", &f, &e) == 0)
		fail_msg("accepted: %s", text);
	assert_string_equal(e.text, message);
	assert_int_equal(e.code, -EINVAL);
	assert_null(f.items);
}

static inline void assert_words(const struct dockerfile_words *w, const char *const *expected, size_t len)
{
	assert_int_equal(w->len, len);
	for (size_t i = 0; i < len; i++)
		assert_string_equal(w->items[i].text, expected[i]);
}

#define ASSERT_WORDS(w, ...)                                                          \
	do {                                                                          \
		const char *const expected_[] = { __VA_ARGS__ };                      \
		assert_words(w, expected_, sizeof(expected_) / sizeof(expected_[0])); \
	} while (0)

static inline void assert_place(const struct dockerfile *f, size_t at, unsigned int line, unsigned int column)
{
	struct dockerfile_place p = dockerfile_place_of(f, at);

	assert_int_equal(p.line, line);
	assert_int_equal(p.column, column);
}

#endif
