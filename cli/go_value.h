/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a Go template: of JSON, or computed. */
#ifndef SAMPAN_CLI_GO_VALUE_H
#define SAMPAN_CLI_GO_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/json_read.h"
#include "common/strvec.h"

enum go_kind {
	GO_NOTHING, /* what a map has not: "<no value>" */
	GO_NULL,
	GO_BOOL,
	GO_INT,
	GO_TEXT,   /* strings, and numbers with a fraction */
	GO_LIST,   /* of JSON */
	GO_OBJECT, /* the same */
	GO_WORDS   /* of `split` */
};

/* May be copied: what it points to belongs to the arena or to the document. */
struct go_value {
	enum go_kind kind;
	bool flag;
	int64_t number;
	const char *text; /* of GO_WORDS: the words, each behind the other's NUL, `number` of them */
	const struct json_t *json;
	const char *name; /* of a list or an object: its key in the one around it; NULL */
};

/* Owns the texts of values. */
struct go_arena {
	struct strvec texts;
};
void go_arena_done(struct go_arena *a);

struct go_value go_bool(bool flag);
struct go_value go_int(int64_t number);
/* Takes `text`; NULL is -ENOMEM. */
int go_text(struct go_arena *a, char *text, struct go_value *ret, struct err *e) MUST_CHECK;
int go_of_json(struct go_arena *a, const struct json_in *in, struct go_value *ret, struct err *e) MUST_CHECK;

/* Go's truth: not zero, not empty, not nothing. */
bool go_is_true(const struct go_value *v);

/* How many there are of it: bytes, elements, members; -1: it has no length. */
int64_t go_len(const struct go_value *v);

/* A member of an object, by the name that Go has for it (ID), where JSON has another (Id): nothing where it has none. An element of a list. -EINVAL: it is neither, or has no such element. */
int go_member(struct go_arena *a, const struct go_value *v, const char *key, struct go_value *ret,
	      struct err *e) MUST_CHECK;
int go_element(struct go_arena *a, const struct go_value *v, int64_t index, struct go_value *ret,
	       struct err *e) MUST_CHECK;

/* The keys of an object, in the order in which Go goes through a map. */
int go_keys(const struct go_value *v, struct strvec *ret, struct err *e) MUST_CHECK;

/* Below 0, 0, above 0. -EINVAL: they cannot be compared. */
int go_compare(const struct go_value *a, const struct go_value *b, int *ret, struct err *e) MUST_CHECK;

/* As Go prints it with %v, but for control characters in texts; as JSON. -ENOMEM, -EFBIG. */
int go_print(const struct go_value *v, struct buf *out) MUST_CHECK;
int go_json(const struct go_value *v, struct buf *out, struct err *e) MUST_CHECK;

#endif
