/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/blob_sink.h"

#include <unistd.h>

#include "common/file.h"

static int begin(void *arg, struct err *e)
{
	struct blob_sink *b = arg;

	if (b->is_stream && b->done_bytes > 0) {
		b->must_start_over = true;
		return err_set(e, -ESTALE, "its transfer has to start over");
	}
	b->done_bytes = 0;
	b->is_right = false;
	if (!b->is_stream && (lseek(b->fd, 0, SEEK_SET) < 0 || ftruncate(b->fd, 0) < 0))
		return err_errno(e, "cannot empty a file");
	hash_done(&b->hash);
	return hash_init(&b->hash, digest_algorithm(&b->expected), e);
}

/* Only a stream has reasons to: its bytes are decoded before anybody knows whether they are right. */
static int doubt(void *arg, struct err *e)
{
	struct blob_sink *b = arg;

	b->must_start_over = true;
	return err_set(e, -ESTALE, "its transfer has to start over, by a line that is not safe");
}

static int pass_on(struct blob_sink *b, const void *data, size_t len, struct err *e)
{
	int r = b->nobody_reads ? 0 : write_all(b->fd, data, len);

	if (r == -EPIPE && b->is_stream)
		b->nobody_reads = true;
	else if (r < 0)
		return err_code(e, r, "cannot write");
	return 0;
}

static int write_some(void *arg, const void *data, size_t len, struct err *e)
{
	struct blob_sink *b = arg;
	int r;

	if (len > b->size_bytes - b->done_bytes)
		return err_set(e, -EBADMSG, "it is larger than the %llu bytes that the manifest says",
			       (unsigned long long)b->size_bytes);
	r = pass_on(b, data, len, e);
	if (r < 0)
		return r;
	r = hash_update(&b->hash, data, len, e);
	if (r < 0)
		return r;
	b->done_bytes += len;
	if (b->progress)
		b->progress(b->progress_arg, b->done_bytes);
	return 0;
}

/* What write_some has taken is hashed and in the file, whatever became of the rest. */
static uint64_t held(const void *arg)
{
	const struct blob_sink *b = arg;

	return b->done_bytes;
}

int blob_sink_finish(struct blob_sink *b, struct err *e)
{
	struct digest actual;
	int r;

	if (b->is_right)
		return 0;
	if (b->done_bytes != b->size_bytes)
		return err_set(e, -EBADMSG, "it has %llu bytes where the manifest says %llu",
			       (unsigned long long)b->done_bytes, (unsigned long long)b->size_bytes);
	r = hash_final(&b->hash, &actual, e);
	if (r < 0)
		return r;
	if (!digest_equal(&actual, &b->expected))
		return err_set(e, -EBADMSG, "its content has digest %s", actual.text);
	b->is_right = true;
	return 0;
}

static int finish(void *arg, struct err *e)
{
	return blob_sink_finish(arg, e);
}

struct sink blob_sink_start(struct blob_sink *b)
{
	return (struct sink){ .begin = begin,
			      .doubt = b->is_stream ? doubt : NULL,
			      .write = write_some,
			      .held = held,
			      .finish = finish,
			      .arg = b };
}

void blob_sink_done(struct blob_sink *b)
{
	hash_done(&b->hash);
}
