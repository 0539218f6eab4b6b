/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/unpack_decoder.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/hash.h"
#include "pull/inflate.h"
#include "pull/sandbox.h"
#include "pull/split_file.h"
#include "pull/tar_split.h"

#define MEMORY_MAX_BYTES ((size_t)1 << 30) /* zstd's window is 128 MiB of it */

/* Where the tar goes: to the writer, and through the splitter into a file. */
struct outlet {
	const struct unpack_decoder *task;
	struct hash *hash;
	struct tar_split *split;
	struct split_writer *kept;
	uint64_t total;
};

/* First the pipe, so that the other process has work while this one hashes. */
static int pass_on(struct outlet *o, const char *block, size_t len, struct err *e)
{
	int r;

	o->total += len;
	if (o->total > o->task->max_bytes)
		return err_set(e, -EFBIG, "the layer's tar is larger than %llu bytes",
			       (unsigned long long)o->task->max_bytes);
	r = write_all(o->task->data_fd, block, len);
	if (r < 0)
		return err_code(e, r, "cannot hand on the layer's tar");
	r = hash_update(o->hash, block, len, e);
	return r < 0 ? r : tar_split_feed(o->split, block, len, e);
}

static int decode(struct decoder *from, struct outlet *to, struct digest *ret, struct err *e)
{
	cleanup_free char *block = malloc(UNPACK_BLOCK_BYTES);
	int r;

	if (!block)
		return err_set(e, -ENOMEM, "cannot decode a layer: out of memory");
	for (;;) {
		ssize_t n = decoder_read(from, block, UNPACK_BLOCK_BYTES, e);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		r = pass_on(to, block, (size_t)n, e);
		if (r < 0)
			return r;
	}
	r = tar_split_end(to->split, e);
	if (r == 0)
		r = split_writer_end(to->kept, e);
	return r < 0 ? r : hash_final(to->hash, ret, e);
}

/* Its header and its first bytes are what a compressor's choices can be told by, later. */
static int keep_gzip_start(const struct decoder *from, struct split_writer *kept, struct err *e)
{
	const void *data;
	size_t all = decoder_peek(from, &data), len = gzip_header_len(data, all);

	if (len == 0 || len > SPLIT_HEADER_MAX)
		return 0;
	len += SPLIT_START_BYTES;
	return split_writer_gzip(kept, data, len < all ? len : all, e);
}

/* What goes on once this process is confined. */
static int work(const struct unpack_decoder *task, struct hash *h, struct digest *ret, struct err *e)
{
	cleanup_decoder struct decoder *from = NULL;
	cleanup_split_writer struct split_writer *kept = NULL;
	cleanup_tar_split struct tar_split *split = NULL;
	struct tar_split_out out = { .raw = split_writer_raw, .file = split_writer_file };
	struct outlet to = { .task = task, .hash = h };
	int r = decoder_new(task->blob_fd, task->kind, &from, e);

	if (r == 0)
		r = split_writer_new(task->split_fd, &kept, e);
	if (r == 0)
		r = keep_gzip_start(from, kept, e);
	out.arg = kept;
	if (r == 0)
		r = tar_split_new(&out, &split, e);
	to.split = split;
	to.kept = kept;
	return r < 0 ? r : decode(from, &to, ret, e);
}

static int confine(const struct unpack_decoder *task, struct err *e)
{
	static const int ALLOWED[] = {
		SYS_read,   SYS_write,   SYS_brk,        SYS_munmap,
		SYS_mremap, SYS_madvise, SYS_exit_group, SYS_rt_sigreturn,
	};
	int r = sandbox_become_nobody(e);

	if (r == 0)
		r = sandbox_drop_caps(NULL, 0, e);
	if (r == 0)
		r = sandbox_die_with(task->parent, e); /* the change of user has undone it */
	if (r == 0)
		r = sandbox_seccomp(ALLOWED, ARRAY_LEN(ALLOWED), e);
	return r;
}

static int run(const struct unpack_decoder *task, struct digest *ret, struct err *e)
{
	const int keep[] = { task->blob_fd, task->data_fd, task->split_fd, task->report_fd };
	cleanup_hash struct hash h = { 0 };
	int r = sandbox_die_with(task->parent, e);

	if (r == 0)
		r = sandbox_keep_fds(keep, ARRAY_LEN(keep), e);
	if (r == 0)
		r = sandbox_settle(MEMORY_MAX_BYTES, e);
	if (r == 0)
		r = hash_init(&h, task->algorithm, e); /* may read OpenSSL's configuration */
	if (r == 0)
		r = confine(task, e);
	return r < 0 ? r : work(task, &h, ret, e);
}

void unpack_decoder_run(const struct unpack_decoder *task)
{
	struct unpack_report report;
	struct err e = { 0 };

	memset(&report, 0, sizeof(report));
	if (run(task, &report.diff_id, &e) < 0)
		report.err = e;
	/* If it does not arrive, the writer says so. */
	_exit(write_all(task->report_fd, &report, sizeof(report)) < 0);
}
