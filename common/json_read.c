/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json_read.h"

#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/digest.h"
#include "common/json_plain.h"
#include "common/names.h"
#include "common/parse.h"

#define JSON_PATH_MAX 256

struct json_doc {
	json_t *root;
};

/* --- errors -------------------------------------------------------------------------------------- */

static void add_path(const struct json_in *in, char *out, size_t size)
{
	size_t len;

	if (in->parent)
		add_path(in->parent, out, size);
	len = strlen(out);
	if (in->key)
		(void)snprintf(out + len, size - len, "%s%.100s", len ? "." : "", in->key);
	else if (in->parent)
		(void)snprintf(out + len, size - len, "[%zu]", in->index);
}

int json_error(const struct json_in *in, int code, struct err *e, const char *fmt, ...)
{
	char path[JSON_PATH_MAX] = "", text[sizeof(e->text)];
	va_list ap;

	add_path(in, path, sizeof(path));
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return path[0] ? err_set(e, code, "%s: %s", path, text) : err_set(e, code, "%s", text);
}

/* --- parsing ------------------------------------------------------------------------------------- */

/* jansson's integers end at INT64_MAX, but rlimits and seccomp values go up to UINT64_MAX. Such numbers are
 * handed to it as strings behind this mark. A document that spells the mark itself gets a number where it
 * wrote a string, and nothing more. */
#define BIG_MARK         "\001u64:"
#define BIG_MARK_ESCAPED "\\u0001u64:"

/* A walk over the characters of a document that stand outside of strings. */
struct scan {
	const char *text;
	size_t len;
	size_t next;
	bool in_string;
};

static bool scan_next(struct scan *s, char *ret)
{
	while (s->next < s->len) {
		char c = s->text[s->next++];

		if (s->in_string && c == '\\')
			s->next++;
		else if (c == '"')
			s->in_string = !s->in_string;
		else if (!s->in_string) {
			*ret = c;
			return true;
		}
	}
	return false;
}

/* The length of the token at `text`, which begins with a digit; *ret_integer: it is made of digits alone. */
static size_t number_token(const char *text, size_t len, bool *ret_integer)
{
	size_t n = 0;

	*ret_integer = true;
	for (; n < len; n++) {
		unsigned char c = (unsigned char)text[n];

		if (!isalnum(c) && c != '.' && c != '+' && c != '-')
			break;
		*ret_integer = *ret_integer && isdigit(c);
	}
	return n;
}

/* Leading zeros and numbers as keys are wrong: jansson shall see them and say so. */
static bool is_big_integer(const char *text, size_t len, size_t at, size_t n)
{
	size_t behind = at + n;

	if (n < 19 || n > 20 || text[at] == '0' || (at > 0 && text[at - 1] == '-'))
		return false;
	while (behind < len && isspace((unsigned char)text[behind]))
		behind++;
	return behind == len || text[behind] != ':';
}

/* Copies the text with integers of 19 and 20 digits in marks. Sets *ret_changed only if there was one. */
static int mark_big_integers(const char *text, size_t len, struct buf *out, bool *ret_changed)
{
	struct scan s = { .text = text, .len = len };
	size_t done = 0, n;
	bool integer;
	int r = 0;
	char c;

	while (r == 0 && scan_next(&s, &c)) {
		size_t at = s.next - 1;

		if (!isdigit((unsigned char)c))
			continue;
		n = number_token(text + at, len - at, &integer);
		if (integer && is_big_integer(text, len, at, n)) {
			r = buf_add(out, text + done, at - done);
			if (r == 0)
				r = buf_printf(out, "\"" BIG_MARK_ESCAPED "%.*s\"", (int)n, text + at);
			done = at + n;
		}
		s.next = at + n;
	}
	if (r == 0 && done)
		r = buf_add(out, text + done, len - done);
	*ret_changed = done != 0;
	return r;
}

/* Nesting is counted before jansson, whose own limit is fixed, sees the text. */
static int check_depth(const char *text, size_t len, unsigned int max_depth, struct err *e)
{
	struct scan s = { .text = text, .len = len };
	unsigned int depth = 0;
	char c;

	while (scan_next(&s, &c)) {
		if ((c == '{' || c == '[') && ++depth > max_depth)
			return err_set(e, -EFBIG, "JSON is nested deeper than %u levels", max_depth);
		if ((c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return 0;
}

/* Left alone, jansson would open /dev/urandom for it. The kernel gave us 16 random bytes at our start; libc has its own uses for them, so no
 * more than a digest of them is ours. getauxval(3), AT_RANDOM */
static void seed_hashes(void)
{
	uintptr_t random = getauxval(AT_RANDOM);
	uint64_t halves[2] = { 0 };
	uint32_t seed;

	if (random)
		memcpy(halves, (const void *)random, sizeof(halves)); /* NOLINT(performance-no-int-to-ptr) */
	seed = (uint32_t)((halves[0] * 0x9e3779b97f4a7c15u ^ halves[1]) * 0xd6e8feb86659fd93u >> 32);
	json_object_seed(seed ? seed : 1); /* the first call counts */
}

int json_parse(const char *text, size_t len, unsigned int max_depth, struct json_doc **ret, struct err *e)
{
	cleanup_buf struct buf marked = BUF_INIT(len > SIZE_MAX / 4 ? SIZE_MAX / 2 : len * 2 + 64);
	cleanup_free struct json_doc *doc = calloc(1, sizeof(*doc));
	json_error_t where;
	bool changed;
	int r;

	if (!doc)
		return err_code(e, -ENOMEM, "cannot parse JSON");
	seed_hashes();
	r = check_depth(text, len, max_depth, e);
	if (r < 0)
		return r;
	r = mark_big_integers(text, len, &marked, &changed);
	if (r < 0)
		return err_code(e, r, "cannot parse JSON");
	doc->root = json_loadb(changed ? marked.data : text, changed ? marked.len : len,
			       JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &where);
	if (!doc->root)
		return err_set(e, json_error_code(&where) == json_error_out_of_memory ? -ENOMEM : -EINVAL,
			       "bad JSON at line %d, column %d: %s", where.line, where.column, where.text);
	*ret = ptr_take(doc);
	return 0;
}

void json_doc_free(struct json_doc *doc)
{
	if (!doc)
		return;
	json_decref(doc->root);
	free(doc);
}

void json_doc_free_fn(struct json_doc **doc)
{
	json_doc_free(*doc);
}

struct json_in json_top(const struct json_doc *doc)
{
	return (struct json_in){ .value = doc->root };
}

#define DECODE_MAX_DEPTH 64

int json_decode(const char *text, size_t len, const struct json_field *fields, void *dest, struct err *e)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_in top;
	int r = json_plain_decode(text, len, fields, dest);

	if (r != 0)
		return r < 0 ? err_code(e, r, "cannot read JSON") : 0;
	r = json_parse(text, len, DECODE_MAX_DEPTH, &doc, e);
	if (r < 0)
		return r;
	top = json_top(doc);
	return json_read_object(&top, fields, dest, e);
}

/* --- moving about -------------------------------------------------------------------------------- */

enum json_kind json_kind_of(const struct json_in *in)
{
	static const enum json_kind KINDS[] = {
		[JSON_OBJECT] = JSON_KIND_OBJECT, [JSON_ARRAY] = JSON_KIND_ARRAY,
		[JSON_STRING] = JSON_KIND_STRING, [JSON_INTEGER] = JSON_KIND_NUMBER,
		[JSON_REAL] = JSON_KIND_NUMBER,   [JSON_TRUE] = JSON_KIND_BOOL,
		[JSON_FALSE] = JSON_KIND_BOOL,    [JSON_NULL] = JSON_KIND_NULL,
	};

	return in->value ? KINDS[json_typeof(in->value)] : JSON_KIND_NULL;
}

bool json_in_is_string(const struct json_in *in)
{
	return json_is_string(in->value);
}

bool json_in_is_object(const struct json_in *in)
{
	return json_is_object(in->value);
}

bool json_in_is_array(const struct json_in *in)
{
	return json_is_array(in->value);
}

size_t json_len(const struct json_in *in)
{
	return json_array_size(in->value);
}

struct json_in json_at(const struct json_in *in, size_t index)
{
	return (struct json_in){ .value = json_array_get(in->value, index), .parent = in, .index = index };
}

struct json_in json_get(const struct json_in *in, const char *key)
{
	const json_t *value = json_object_get(in->value, key);

	return (struct json_in){ .value = value && !json_is_null(value) ? value : NULL,
				 .parent = in,
				 .key = key };
}

bool json_has(const struct json_in *in, const char *key)
{
	return json_object_get(in->value, key) != NULL;
}

int json_each(const struct json_in *in, int (*visit)(const struct json_in *, void *, struct err *), void *arg,
	      struct err *e)
{
	/* The iterator does not change the object, but jansson's prototype does not say so. */
	json_t *object = (json_t *)(uintptr_t)in->value;

	if (!json_in_is_object(in))
		return json_error(in, -EINVAL, e, "expected an object");
	for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
		struct json_in member = { .value = json_object_iter_value(it),
					  .parent = in,
					  .key = json_object_iter_key(it) };
		int r = visit(&member, arg, e);

		if (r != 0)
			return r;
	}
	return 0;
}

/* --- readers ------------------------------------------------------------------------------------- */

int json_read_object(const struct json_in *in, const void *fields, void *dest, struct err *e)
{
	if (!json_in_is_object(in))
		return json_error(in, -EINVAL, e, "expected an object");
	for (const struct json_field *f = fields; f->name; f++) {
		struct json_in member = json_get(in, f->name);
		int r;

		if (!member.value) {
			if (f->required)
				return json_error(&member, -EINVAL, e, "missing");
			continue;
		}
		r = f->read(&member, f->arg, (char *)dest + f->offset, e);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The text of a string without NUL bytes; NULL (and an error) else. */
static const char *string_of(const struct json_in *in, struct err *e)
{
	const char *text = json_string_value(in->value);

	if (!text || strncmp(text, BIG_MARK, strlen(BIG_MARK)) == 0) {
		(void)json_error(in, -EINVAL, e, "expected a string");
		return NULL;
	}
	if (strlen(text) != json_string_length(in->value)) {
		(void)json_error(in, -EINVAL, e, "has a NUL byte");
		return NULL;
	}
	return text;
}

int json_read_string(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	const char *text = string_of(in, e);
	char *copy;

	(void)arg; /* none */
	if (!text)
		return e->code;
	copy = strdup(text);
	if (!copy)
		return json_error(in, -ENOMEM, e, "out of memory");
	free(*(char **)member);
	*(char **)member = copy;
	return 0;
}

int json_read_bool(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	(void)arg; /* none */
	if (!json_is_boolean(in->value))
		return json_error(in, -EINVAL, e, "expected true or false");
	*(bool *)member = json_is_true(in->value);
	return 0;
}

static int read_unsigned(const struct json_in *in, uint64_t max, uint64_t *ret, struct err *e)
{
	const char *text = json_string_value(in->value);
	json_int_t n;

	if (text && strncmp(text, BIG_MARK, strlen(BIG_MARK)) == 0) {
		if (parse_u64(text + strlen(BIG_MARK), 0, max, ret) < 0)
			return json_error(in, -ERANGE, e, "is larger than %llu", (unsigned long long)max);
		return 0;
	}
	n = json_integer_value(in->value);
	if (!json_is_integer(in->value) || n < 0)
		return json_error(in, -EINVAL, e, "expected a non-negative integer");
	if ((uint64_t)n > max)
		return json_error(in, -ERANGE, e, "is larger than %llu", (unsigned long long)max);
	*ret = (uint64_t)n;
	return 0;
}

static int read_signed(const struct json_in *in, int64_t min, int64_t max, int64_t *ret, struct err *e)
{
	const char *text = json_string_value(in->value);
	json_int_t n = json_integer_value(in->value);
	bool big = text && strncmp(text, BIG_MARK, strlen(BIG_MARK)) == 0;

	if (big && parse_i64(text + strlen(BIG_MARK), min, max, ret) == 0)
		return 0;
	if (!big && !json_is_integer(in->value))
		return json_error(in, -EINVAL, e, "expected an integer");
	if (big || n < min || n > max)
		return json_error(in, -ERANGE, e, "is not within %lld and %lld", (long long)min,
				  (long long)max);
	*ret = n;
	return 0;
}

int json_read_u64(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	(void)arg; /* none */
	return read_unsigned(in, UINT64_MAX, member, e);
}

int json_read_i64(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	(void)arg; /* none */
	return read_signed(in, INT64_MIN, INT64_MAX, member, e);
}

int json_read_u32(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	uint64_t n = 0;
	int r = read_unsigned(in, UINT32_MAX, &n, e);

	(void)arg; /* none */
	if (r == 0)
		*(uint32_t *)member = (uint32_t)n;
	return r;
}

int json_read_i32(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	int64_t n = 0;
	int r = read_signed(in, INT32_MIN, INT32_MAX, &n, e);

	(void)arg; /* none */
	if (r == 0)
		*(int32_t *)member = (int32_t)n;
	return r;
}

int json_read_opt_u64(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct opt_u64 *opt = member;
	int r = json_read_u64(in, arg, &opt->value, e);

	opt->set = r == 0;
	return r;
}

int json_read_opt_i64(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct opt_i64 *opt = member;
	int r = json_read_i64(in, arg, &opt->value, e);

	opt->set = r == 0;
	return r;
}

int json_read_opt_bool(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct opt_bool *opt = member;
	int r = json_read_bool(in, arg, &opt->value, e);

	opt->set = r == 0;
	return r;
}

int json_read_digest(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	const char *text = string_of(in, e);
	struct err inner;
	int r;

	(void)arg; /* none */
	if (!text)
		return e->code;
	r = digest_parse(text, member, &inner);
	return r < 0 ? json_error(in, r, e, "%s", inner.text) : 0;
}

int json_read_strvec(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	(void)arg; /* none */
	if (!json_in_is_array(in))
		return json_error(in, -EINVAL, e, "expected an array of strings");
	for (size_t i = 0; i < json_len(in); i++) {
		struct json_in item = json_at(in, i);
		const char *text = string_of(&item, e);
		int r = text ? strvec_add(member, text) : e->code;

		if (r < 0)
			return text ? json_error(&item, r, e, "cannot keep it: %s", errno_text(-r)) : r;
	}
	return 0;
}

static int add_pair(const struct json_in *in, void *arg, struct err *e)
{
	const char *text = string_of(in, e);
	int r;

	if (!text)
		return e->code;
	if (strchr(in->key, '='))
		return json_error(in, -EINVAL, e, "the key has a '='");
	r = strvec_addf(arg, "%s=%s", in->key, text);
	return r < 0 ? json_error(in, r, e, "cannot keep it: %s", errno_text(-r)) : 0;
}

int json_read_map(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	(void)arg; /* none */
	return json_each(in, add_pair, member, e);
}

static int add_key(const struct json_in *in, void *arg, struct err *e)
{
	int r = strvec_add(arg, in->key);

	return r < 0 ? json_error(in, r, e, "cannot keep it: %s", errno_text(-r)) : 0;
}

int json_read_keys(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	(void)arg; /* none */
	return json_each(in, add_key, member, e);
}

/* The length of the string that `text` begins with, quotes included. */
static size_t quoted_len(const char *text)
{
	size_t len = 1;

	while (text[len] != '"')
		len += text[len] == '\\' ? 2 : 1;
	return len + 1;
}

/* Takes the marks off big integers in what jansson wrote, in place. Keys stay as they are. */
static void unmark_big_integers(char *text)
{
	static const char MARK[] = "\"" BIG_MARK_ESCAPED;
	const char *from = text;
	char *to = text;

	while (*from) {
		size_t skip = 0, len = *from == '"' ? quoted_len(from) : 1, n = len;

		if (strncmp(from, MARK, strlen(MARK)) == 0 && from[len] != ':' &&
		    strspn(from + strlen(MARK), "0123456789") + strlen(MARK) + 1 == len) {
			skip = strlen(MARK);
			n = len - skip - 1;
		}
		memmove(to, from + skip, n);
		to += n;
		from += len;
	}
	*to = '\0';
}

int json_read_raw(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	char *text = json_dumps(in->value, JSON_COMPACT | JSON_ENCODE_ANY);

	(void)arg; /* none */
	if (!text)
		return json_error(in, -ENOMEM, e, "out of memory");
	unmark_big_integers(text);
	free(*(char **)member);
	*(char **)member = text;
	return 0;
}

int json_read_enum(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	const char *text = string_of(in, e);

	if (!text)
		return e->code;
	for (const struct json_enum *item = arg; item->name; item++) {
		if (strcmp(item->name, text) == 0) {
			*(int *)member = item->value;
			return 0;
		}
	}
	return json_error(in, -EINVAL, e, "unknown value '%.100s'", text);
}

int json_read_array(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	const struct json_array *array = arg;
	struct json_items *out = member;
	size_t len = json_len(in);

	if (!json_in_is_array(in))
		return json_error(in, -EINVAL, e, "expected an array");
	if (len > array->max_items)
		return json_error(in, -EFBIG, e, "has more than %zu entries", array->max_items);
	if (len == 0)
		return 0;
	out->items = calloc(len, array->item_size);
	if (!out->items)
		return json_error(in, -ENOMEM, e, "out of memory");
	for (size_t i = 0; i < len; i++) {
		struct json_in item = json_at(in, i);
		int r;

		out->len = i + 1; /* the half-read one is freed with the others */
		r = json_read_object(&item, array->fields, (char *)out->items + i * array->item_size, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int json_read_pointer(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	const struct json_pointer *pointer = arg;
	void *object = calloc(1, pointer->size);

	if (!object)
		return json_error(in, -ENOMEM, e, "out of memory");
	*(void **)member = object; /* at once: its owner frees what a failure leaves half-read */
	return json_read_object(in, pointer->fields, object, e);
}
