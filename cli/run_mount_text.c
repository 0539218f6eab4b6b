/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_mount_text.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define FIELD_MAX 8192 /* bytes of a CSV field */

char *run_clean_path(const char *path)
{
	size_t size = strlen(path) + 2;
	char *out = malloc(size);
	size_t len = 0;

	if (!out)
		return NULL;
	while (*path) {
		size_t n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n == 2 && memcmp(path, "..", 2) == 0) {
			while (len > 0 && out[--len] != '/')
				;
		} else if (n > 0 && !(n == 1 && path[0] == '.')) {
			out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
		}
		path += n;
	}
	if (len == 0)
		out[len++] = '/';
	out[len] = '\0';
	return out;
}

/* A field in quotes: *text stands behind the first one, and then behind the last. */
static int quoted_field(const char **text, struct buf *field, struct err *e)
{
	for (const char *p = *text; *p; p++) {
		if (*p == '"' && p[1] != '"') {
			*text = p + 1;
			return 0;
		}
		if (*p == '"')
			p++;
		if (buf_add_char(field, *p) < 0)
			return err_set(e, -EFBIG, "a field is too long");
	}
	return err_set(e, -EINVAL, "missing '\"' at the end of a field");
}

static int plain_field(const char **text, struct buf *field, struct err *e)
{
	size_t len = strcspn(*text, ",");

	if (memchr(*text, '"', len))
		return err_set(e, -EINVAL, "'\"' in the middle of a field");
	if (buf_add(field, *text, len) < 0)
		return err_set(e, -EFBIG, "a field is too long");
	*text += len;
	return 0;
}

static int csv_field(const char **text, struct buf *field, struct err *e)
{
	int r;

	if (**text != '"')
		return plain_field(text, field, e);
	(*text)++;
	r = quoted_field(text, field, e);
	if (r == 0 && **text && **text != ',')
		return err_set(e, -EINVAL, "expected ',' behind a field in quotes");
	return r;
}

int run_split_csv(const char *text, struct strvec *ret, struct err *e)
{
	cleanup_buf struct buf field = BUF_INIT(FIELD_MAX);

	while (*text) {
		int r;

		buf_clear(&field);
		r = csv_field(&text, &field, e);
		if (r < 0)
			return r;
		if (strvec_add(ret, field.data ? field.data : "") < 0)
			return err_set(e, -ENOMEM, "out of memory");
		text += *text == ',';
	}
	return 0;
}
