/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/tar_split.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/parse.h"

#define BLOCK            512
#define EXTENSION_MAX    (1u << 20) /* of a pax header or a GNU long name; a longer one is passed on unread */
#define SPARSE_MORE_AT   482        /* GNU's old sparse header: further blocks follow it */
#define SPARSE_MORE_NEXT 504        /* and those */

enum state {
	HEADER,    /* in `block` */
	SPARSE,    /* in `block`: a further block of GNU's old sparse map */
	EXTENSION, /* `left` bytes of a pax header or long name, which are noted too */
	CONTENTS,  /* `left` bytes that are left out */
	OTHER,     /* `left` bytes of contents that are kept */
	REST,      /* everything is kept */
};

/* What extensions say of the entry that follows them. */
struct next_entry {
	char *path;
	bool has_size, is_sparse;
	uint64_t size_bytes;
};

struct tar_split {
	struct tar_split_out out;
	enum state state;
	unsigned char block[BLOCK];
	size_t filled;
	uint64_t left, padding; /* of what follows a header */
	char type;              /* of the extension */
	struct buf extension;
	struct next_entry next;
};

int tar_split_new(const struct tar_split_out *out, struct tar_split **ret, struct err *e)
{
	struct tar_split *t = calloc(1, sizeof(*t));

	if (!t)
		return err_code(e, -ENOMEM, "cannot read a tar");
	t->out = *out;
	t->extension = BUF_INIT(EXTENSION_MAX);
	*ret = t;
	return 0;
}

void tar_split_free(struct tar_split *t)
{
	if (!t)
		return;
	buf_done(&t->extension);
	free(t->next.path);
	free(t);
}

void tar_split_free_fn(struct tar_split **t)
{
	tar_split_free(*t);
}

static void forget_next(struct tar_split *t)
{
	free(t->next.path);
	t->next = (struct next_entry){ 0 };
}

/* --- headers ------------------------------------------------------------------------------------------ */

/* Octal digits between blanks, or GNU's base 256. -EINVAL. */
static int read_number(const unsigned char *field, size_t len, uint64_t *ret)
{
	char digits[16];
	size_t n = 0;

	if (field[0] & 0x80) {
		uint64_t value = field[0] & 0x7f;

		for (size_t i = 1; i < len; i++) {
			if (value >> 55)
				return -EINVAL;
			value = value << 8 | field[i];
		}
		*ret = value;
		return 0;
	}
	while (len > 0 && *field == ' ') {
		field++;
		len--;
	}
	while (n < len && n + 1 < sizeof(digits) && field[n] >= '0' && field[n] <= '7') {
		digits[n] = (char)field[n];
		n++;
	}
	digits[n] = '\0';
	if (n == 0) {
		*ret = 0;
		return 0;
	}
	return parse_octal(digits, UINT64_MAX, ret);
}

static bool is_zero(const unsigned char *block)
{
	return block[0] == 0 && memcmp(block, block + 1, BLOCK - 1) == 0;
}

static bool checksum_is_right(const unsigned char *block)
{
	uint64_t want, sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	return read_number(block + 148, 8, &want) == 0 && want == sum;
}

/* The name in the header itself. Owned; NULL: out of memory. */
static char *header_path(const unsigned char *block)
{
	const char *name = (const char *)block, *prefix = (const char *)block + 345;
	bool has_prefix = memcmp(block + 257, "ustar\0", 6) == 0 && *prefix;
	char *path = NULL;

	if (has_prefix)
		return asprintf(&path, "%.155s/%.100s", prefix, name) < 0 ? NULL : path;
	return strndup(name, 100);
}

/* As pull/layer_entry does: without "/" and "./" in front, and "." in between. False: no name for a file's contents. */
static bool normalise(char *path)
{
	char *from = path, *to = path;

	while (*from) {
		size_t len = strcspn(from, "/");

		if (len == 2 && from[0] == '.' && from[1] == '.')
			return false;
		if (len > 0 && !(len == 1 && from[0] == '.')) {
			if (to > path)
				*to++ = '/';
			memmove(to, from, len);
			to += len;
			if (from[len] == '/' && from[len + 1] == '\0')
				return false; /* a directory, as tars had it long ago */
		}
		from += len;
		from += *from == '/';
	}
	*to = '\0';
	return to > path && to - path < PATH_MAX;
}

static bool is_marker(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strncmp(slash ? slash + 1 : path, ".wh.", 4) == 0;
}

/* Contents of a regular file: they are left out, if we know whose they are. */
static int begin_file(struct tar_split *t, struct err *e)
{
	cleanup_free char *path = t->next.path;
	bool known;

	t->next.path = NULL;
	if (!path)
		path = header_path(t->block);
	if (!path)
		return err_code(e, -ENOMEM, "cannot read a tar");
	known = !t->next.is_sparse && t->left > 0 && normalise(path) && !is_marker(path);
	t->state = known ? CONTENTS : OTHER;
	forget_next(t);
	return known ? t->out.file(t->out.arg, path, t->left, e) : 0;
}

static void begin_payload(struct tar_split *t, uint64_t size)
{
	t->left = size;
	t->padding = (BLOCK - size % BLOCK) % BLOCK;
}

static int begin_entry(struct tar_split *t, uint64_t size, struct err *e)
{
	char type = (char)t->block[156];

	if (t->next.has_size)
		size = t->next.size_bytes;
	begin_payload(t, size);
	switch (type) {
	case '\0':
	case '0':
	case '7':
		return begin_file(t, e);
	case '1': /* with a size it may or may not have contents: readers guess, and we need not */
		t->state = size > 0 ? REST : HEADER;
		break;
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
		begin_payload(t, 0);
		t->state = HEADER;
		break;
	case 'S':
		t->state = t->block[SPARSE_MORE_AT] ? SPARSE : OTHER;
		break;
	default:
		t->state = OTHER;
		break;
	}
	forget_next(t);
	return 0;
}

static int on_header(struct tar_split *t, struct err *e)
{
	char type = (char)t->block[156];
	uint64_t size;
	int r = t->out.raw(t->out.arg, t->block, BLOCK, e);

	if (r < 0)
		return r;
	if (is_zero(t->block))
		return 0; /* the end, or a hole in a concatenation of tars */
	if (!checksum_is_right(t->block) || read_number(t->block + 124, 12, &size) < 0 || size > INT64_MAX) {
		t->state = REST;
		return 0;
	}
	if (type == 'x' || type == 'X' || type == 'L') {
		t->type = type;
		buf_clear(&t->extension);
		begin_payload(t, size);
		t->state = EXTENSION;
		return 0;
	}
	if (type == 'K' || type == 'g') { /* says nothing about names or sizes of this entry's contents */
		begin_payload(t, size);
		t->state = OTHER;
		return 0;
	}
	return begin_entry(t, size, e);
}

/* --- extensions --------------------------------------------------------------------------------------- */

static int set_path(struct tar_split *t, const char *text, size_t len, struct err *e)
{
	free(t->next.path);
	t->next.path = strndup(text, len);
	return t->next.path ? 0 : err_code(e, -ENOMEM, "cannot read a tar");
}

/* "key=value\n" of a pax header. */
static int on_pax_record(struct tar_split *t, char *record, size_t len, struct err *e)
{
	char *value = memchr(record, '=', len);

	if (!value || record[len - 1] != '\n')
		return 0;
	record[len - 1] = '\0';
	*value++ = '\0';
	if (strcmp(record, "path") == 0)
		return set_path(t, value, strlen(value), e);
	if (strcmp(record, "size") == 0)
		t->next.has_size = parse_u64(value, 0, INT64_MAX, &t->next.size_bytes) == 0;
	else if (strncmp(record, "GNU.sparse.", 11) == 0)
		t->next.is_sparse = true;
	return 0;
}

/* "LENGTH key=value\n" of each, the length with itself. */
static int on_pax(struct tar_split *t, struct err *e)
{
	char *at = t->extension.data;
	size_t left = t->extension.len;
	int r = 0;

	while (r == 0 && left > 0) {
		char *blank = memchr(at, ' ', left);
		uint64_t len;

		if (!blank)
			break;
		*blank = '\0';
		if (parse_u64(at, 1, left, &len) < 0 || (size_t)(blank - at) + 2 > len)
			break;
		r = on_pax_record(t, blank + 1, (size_t)len - (size_t)(blank + 1 - at), e);
		at += len;
		left -= (size_t)len;
	}
	return r;
}

static int on_extension(struct tar_split *t, struct err *e)
{
	if (t->extension.len == 0)
		return 0;
	if (t->type != 'L')
		return on_pax(t, e);
	return set_path(t, t->extension.data, strnlen(t->extension.data, t->extension.len), e);
}

/* --- the bytes ------------------------------------------------------------------------------------------ */

/* Padding is kept: nobody says that it is zero. */
static ssize_t on_padding(struct tar_split *t, const char *data, size_t len, struct err *e)
{
	size_t n = len < t->padding ? len : (size_t)t->padding;
	int r = n > 0 ? t->out.raw(t->out.arg, data, n, e) : 0;

	t->padding -= n;
	if (t->padding == 0)
		t->state = HEADER;
	return r < 0 ? r : (ssize_t)n;
}

static int note_extension(struct tar_split *t, const char *data, size_t len, struct err *e)
{
	if (buf_add(&t->extension, data, len) < 0) {
		t->state = REST;
		return 0;
	}
	return t->left == 0 ? on_extension(t, e) : 0;
}

/* The next piece of what follows a header. Returns how much of it was taken, or a negative errno. */
static ssize_t on_payload(struct tar_split *t, const char *data, size_t len, struct err *e)
{
	size_t n = len < t->left ? len : (size_t)t->left;
	int r = 0;

	if (t->left == 0)
		return on_padding(t, data, len, e);
	t->left -= n;
	if (t->state != CONTENTS)
		r = t->out.raw(t->out.arg, data, n, e);
	if (r == 0 && t->state == EXTENSION)
		r = note_extension(t, data, n, e);
	return r < 0 ? r : (ssize_t)n;
}

static ssize_t on_block(struct tar_split *t, const char *data, size_t len, struct err *e)
{
	size_t n = BLOCK - t->filled < len ? BLOCK - t->filled : len;
	int r;

	memcpy(t->block + t->filled, data, n);
	t->filled += n;
	if (t->filled < BLOCK)
		return (ssize_t)n;
	t->filled = 0;
	if (t->state == HEADER) {
		r = on_header(t, e);
	} else {
		r = t->out.raw(t->out.arg, t->block, BLOCK, e);
		if (!t->block[SPARSE_MORE_NEXT])
			t->state = OTHER;
	}
	return r < 0 ? r : (ssize_t)n;
}

int tar_split_feed(struct tar_split *t, const void *data, size_t len, struct err *e)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		if (t->state == REST)
			return t->out.raw(t->out.arg, p, len, e);
		if (t->state == HEADER || t->state == SPARSE)
			n = on_block(t, p, len, e);
		else
			n = on_payload(t, p, len, e);
		if (n < 0)
			return (int)n;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int tar_split_end(struct tar_split *t, struct err *e)
{
	size_t n = t->filled;

	t->filled = 0;
	return n > 0 ? t->out.raw(t->out.arg, t->block, n, e) : 0;
}
