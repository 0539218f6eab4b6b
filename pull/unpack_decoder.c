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

#define MEMORY_MAX_BYTES ((size_t)1 << 30) /* zstd's window is 128 MiB of it */

/* What goes on once everything is open. */
static int decode(struct decoder *from, const struct unpack_decoder *task, struct hash *h, struct digest *ret,
		  struct err *e)
{
	cleanup_free char *block = malloc(UNPACK_BLOCK_BYTES);
	uint64_t total = 0;
	ssize_t n;
	int r;

	if (!block)
		return err_set(e, -ENOMEM, "cannot decode a layer: out of memory");
	for (;;) {
		n = decoder_read(from, block, UNPACK_BLOCK_BYTES, e);
		if (n <= 0)
			break;
		total += (uint64_t)n;
		if (total > task->max_bytes)
			return err_set(e, -EFBIG, "the layer's tar is larger than %llu bytes",
				       (unsigned long long)task->max_bytes);
		/* First the pipe, so that the other process has work while this one hashes. */
		r = write_all(task->data_fd, block, (size_t)n);
		if (r < 0)
			return err_code(e, r, "cannot hand on the layer's tar");
		r = hash_update(h, block, (size_t)n, e);
		if (r < 0)
			return r;
	}
	return n < 0 ? (int)n : hash_final(h, ret, e);
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
	const int keep[] = { task->blob_fd, task->data_fd, task->report_fd };
	cleanup_decoder struct decoder *from = NULL;
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
	if (r == 0)
		r = decoder_new(task->blob_fd, task->kind, &from, e);
	return r < 0 ? r : decode(from, task, &h, ret, e);
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
