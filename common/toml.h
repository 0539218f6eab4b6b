/* SPDX-License-Identifier: Apache-2.0 */
/* TOML 1.0 (toml.io/en/v1.0.0) as a tree of values, for configuration files. Strings, integers, booleans, arrays and tables are read; of floats
 * and dates only the text is kept. */
#ifndef SAMPAN_COMMON_TOML_H
#define SAMPAN_COMMON_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/strvec.h"

#define TOML_DEPTH_MAX  32
#define TOML_VALUES_MAX 16384

enum toml_kind {
	TOML_STRING,
	TOML_INTEGER,
	TOML_BOOLEAN,
	TOML_OTHER, /* float or date: text */
	TOML_ARRAY,
	TOML_TABLE,
};

struct toml_value {
	enum toml_kind kind;
	char *key;                /* of a member of a table */
	unsigned int line;        /* where it stands, from 1 */
	char *text;               /* TOML_STRING (may hold no NUL), TOML_OTHER */
	int64_t integer;          /* TOML_INTEGER */
	bool boolean;             /* TOML_BOOLEAN */
	struct toml_value *items; /* TOML_ARRAY, TOML_TABLE */
	size_t len, cap;
	bool is_closed;  /* an inline table or array: nothing is added later. For the parser */
	bool is_defined; /* a table that has had its header. For the parser */
};
void toml_done(struct toml_value *v);
#define cleanup_toml __attribute__((cleanup(toml_done)))

/* Reads a document; *ret is its top table. Errors begin with the line: "line 3: expected '=' behind a key". -EINVAL malformed, a key that
 * stands twice, or a NUL; -EFBIG over a limit above; -ENOMEM. How long it may be is the caller's to check. */
int toml_parse(const char *text, size_t len, struct toml_value *ret, struct err *e) MUST_CHECK;

/* A member of a table, borrowed; NULL: none, or `table` is NULL or no table. */
const struct toml_value *toml_get(const struct toml_value *table, const char *key);

/* Members that may be absent, which leaves *ret as it is. -EINVAL it is of another kind: "line 3: 'location': expected a string". */
int toml_get_string(const struct toml_value *table, const char *key, char **ret, struct err *e) MUST_CHECK;
int toml_get_bool(const struct toml_value *table, const char *key, bool *ret, struct err *e) MUST_CHECK;
int toml_get_strings(const struct toml_value *table, const char *key, struct strvec *ret,
		     struct err *e) MUST_CHECK;

#endif
