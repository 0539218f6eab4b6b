/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to structs through const field tables. Only json_read.c includes jansson.
 *
 *	static const struct json_field DESCRIPTOR[] = {
 *		{ "digest", offsetof(struct descriptor, digest), json_read_digest, .required = true },
 *		{ "size",   offsetof(struct descriptor, size),   json_read_u64,    .required = true },
 *		{ 0 } };
 *
 * A failure reads "manifests[3].size: expected a non-negative integer". Unknown fields are ignored, as the
 * OCI specifications ask. A JSON null counts as absent. Readers write into zeroed structs; what was read
 * before a failure stays there, so the owner's X_done works on half-read structs.
 */
#ifndef SAMPAN_COMMON_JSON_READ_H
#define SAMPAN_COMMON_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/strvec.h"

struct json_t; /* jansson's */
struct json_doc;

/* A value and where it stands in its document. Lives on the reader's stack. */
struct json_in {
	const struct json_t *value;
	const struct json_in *parent; /* NULL at the top */
	const char *key;              /* in an object, else NULL */
	size_t index;                 /* in an array */
};

struct json_field {
	const char *name;
	size_t offset; /* of the member in the struct that is filled */
	int (*read)(const struct json_in *in, const void *arg, void *member, struct err *e);
	const void *arg; /* what the reader's description says */
	bool required;
};

/* Values that may be absent, where 0 means something of its own. */
struct opt_i64 {
	bool set;
	int64_t value;
};
struct opt_u64 {
	bool set;
	uint64_t value;
};
struct opt_bool {
	bool set;
	bool value;
};

/* Parses text with limits: len <= max_bytes is the caller's to check; nesting up to max_depth, no
 * duplicate keys, nothing behind the document. -EINVAL with line and column, -EFBIG too deep, -ENOMEM. */
int json_parse(const char *text, size_t len, unsigned int max_depth, struct json_doc **ret,
	       struct err *e) MUST_CHECK;
void json_doc_free(struct json_doc *doc);
void json_doc_free_fn(struct json_doc **doc);
#define cleanup_json_doc __attribute__((cleanup(json_doc_free_fn)))

/* The top of a document, for the readers below. Borrowed from `doc`. */
struct json_in json_top(const struct json_doc *doc);

/* Parses and reads an object in one go. */
int json_decode(const char *text, size_t len, const struct json_field *fields, void *dest,
		struct err *e) MUST_CHECK;

/* Reads the members of an object. The same as a json_field reader with `fields` as its arg. */
int json_read_object(const struct json_in *in, const void *fields, void *dest, struct err *e) MUST_CHECK;

/* An error at a place: text becomes "path.to[2].it: FMT". Returns `code`. */
int json_error(const struct json_in *in, int code, struct err *e, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* --- readers for field tables; arg is NULL unless said otherwise. What `member` points at:
 *   string    char *, owned; frees what was there; a string with a NUL byte is -EINVAL
 *   bool      bool
 *   u64       uint64_t, all of it (jansson alone stops at INT64_MAX); i64 int64_t; u32 uint32_t; i32 int32_t
 *   opt_*     struct opt_u64, opt_i64, opt_bool
 *   digest    struct digest
 *   strvec    struct strvec; an array of strings
 *   map       struct strvec of "key=value"; an object of strings; a key with '=' is -EINVAL
 *   keys      struct strvec of the keys of an object (Go's map[string]struct{})
 *   raw       char *, owned: the value as compact JSON text
 */
int json_read_string(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_bool(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_u64(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_i64(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_u32(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_i32(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_opt_u64(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_opt_i64(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_opt_bool(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_digest(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_strvec(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_map(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_keys(const struct json_in *in, const void *arg, void *member, struct err *e);
int json_read_raw(const struct json_in *in, const void *arg, void *member, struct err *e);

/* One of a set of strings -> int. arg: const struct json_enum[], ended by a NULL name. */
struct json_enum {
	const char *name;
	int value;
};
int json_read_enum(const struct json_in *in, const void *arg, void *member, struct err *e); /* int */

/* An array of structs. arg: const struct json_array *. member: struct json_items, whose `items` the
 * owner frees, after the contents of each element. */
struct json_array {
	const struct json_field *fields;
	size_t item_size;
	size_t max_items; /* more is -EFBIG */
};
struct json_items {
	void *items;
	size_t len;
};
int json_read_array(const struct json_in *in, const void *arg, void *member, struct err *e);

/* An object behind a pointer: allocated (calloc) where it is present. arg: const struct json_pointer *.
 * member: a pointer to the struct, owned. */
struct json_pointer {
	const struct json_field *fields;
	size_t size;
};
int json_read_pointer(const struct json_in *in, const void *arg, void *member, struct err *e);

/* --- by hand, for readers of one's own --- */
enum json_kind {
	JSON_KIND_NULL,
	JSON_KIND_BOOL,
	JSON_KIND_NUMBER,
	JSON_KIND_STRING,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT
};
enum json_kind json_kind_of(const struct json_in *in); /* of an absent value: null */
bool json_in_is_string(const struct json_in *in);
bool json_in_is_object(const struct json_in *in);
bool json_in_is_array(const struct json_in *in);
size_t json_len(const struct json_in *in);                          /* of an array; else 0 */
struct json_in json_at(const struct json_in *in, size_t index);     /* value is NULL past the end */
struct json_in json_get(const struct json_in *in, const char *key); /* value is NULL if absent or null */
bool json_has(const struct json_in *in, const char *key);           /* be it null */
/* Calls `visit` for each member; stops at its first error, which it returns. */
int json_each(const struct json_in *in, int (*visit)(const struct json_in *member, void *arg, struct err *e),
	      void *arg, struct err *e) MUST_CHECK;

#endif
