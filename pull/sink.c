/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/sink.h"

static int buf_begin(void *arg, struct err *e)
{
	(void)e; /* cannot fail */
	buf_clear(arg);
	return 0;
}

static int buf_write(void *arg, const void *data, size_t len, struct err *e)
{
	struct buf *b = arg;
	int r = buf_add(b, data, len);

	if (r == -EFBIG)
		return err_set(e, r, "document is larger than %zu bytes", b->max);
	if (r < 0)
		return err_code(e, r, "cannot keep a document");
	return 0;
}

struct sink sink_to_buf(struct buf *b)
{
	return (struct sink){ .begin = buf_begin, .write = buf_write, .arg = b };
}
