/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/tree_unpack_decoder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/inflate.h"
#include "pull/sandbox.h"

#define BLOCK_BYTES ((size_t)256 << 10)
#define PIPE_BYTES  (1 << 20) /* what anybody may have: /proc/sys/fs/pipe-max-size */
#define MEMORY_MAX_BYTES \
	((size_t)1 << 30) /* zstd's window is 128 MiB of it; xz may ask for more than there is */

struct outlet {
	int fd;
	uint64_t left, max_bytes;
};

static int hand_on(struct outlet *o, const void *data, size_t len, struct err *e)
{
	int r;

	if (len > o->left)
		return err_set(e, -EFBIG, "the archive expands to more than %llu bytes",
			       (unsigned long long)o->max_bytes);
	o->left -= len;
	r = write_all(o->fd, data, len);
	return r < 0 ? err_code(e, r, "cannot hand on an archive") : 0;
}

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "cannot inflate an archive: out of memory");
}

/* --- gzip and zstd ------------------------------------------------------------------------------------ */

static int inflate_own(int in_fd, struct outlet *to, struct err *e)
{
	cleanup_decoder struct decoder *from = NULL;
	cleanup_free char *block = malloc(BLOCK_BYTES);
	int r = block ? decoder_new(in_fd, MEDIA_LAYER, &from, e) : no_memory(e);

	while (r == 0) {
		ssize_t n = decoder_read(from, block, BLOCK_BYTES, e);

		if (n <= 0)
			return (int)n;
		r = hand_on(to, block, (size_t)n, e);
	}
	return r;
}

/* --- bzip2 and xz, by libarchive ---------------------------------------------------------------------- */

struct input {
	int fd;
	char *block;
};

static la_ssize_t on_read(struct archive *a, void *arg, const void **ret_block)
{
	const struct input *in = arg;
	ssize_t n;

	do
		n = read(in->fd, in->block, BLOCK_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		archive_set_error(a, errno, "cannot read");
	*ret_block = in->block;
	return n;
}

static int damaged(struct archive *a, struct err *e)
{
	const char *text = archive_error_string(a);

	if (archive_errno(a) == ENOMEM)
		return no_memory(e);
	return err_set(e, -EINVAL, "damaged archive: %s", text ? text : "unknown reason");
}

static int pass_blocks(struct archive *a, struct outlet *to, struct err *e)
{
	struct archive_entry *entry;
	int got = archive_read_next_header(a, &entry), r = 0;

	while (r == 0 && got != ARCHIVE_EOF) {
		const void *data;
		la_int64_t offset; /* there are no holes in the raw format */
		size_t len;

		if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
			return damaged(a, e);
		got = archive_read_data_block(a, &data, &len, &offset);
		if (got == ARCHIVE_OK)
			r = hand_on(to, data, len, e);
	}
	return r;
}

static int inflate_foreign(int in_fd, struct outlet *to, struct err *e)
{
	cleanup_free char *block = malloc(BLOCK_BYTES);
	struct input in = { .fd = in_fd, .block = block };
	struct archive *a = archive_read_new();
	int r;

	if (!a || !block)
		r = no_memory(e);
	else if (archive_read_support_filter_bzip2(a) != ARCHIVE_OK ||
		 archive_read_support_filter_xz(a) != ARCHIVE_OK ||
		 archive_read_support_format_raw(a) != ARCHIVE_OK ||
		 archive_read_open(a, &in, NULL, on_read, NULL) != ARCHIVE_OK)
		r = damaged(a, e);
	else
		r = pass_blocks(a, to, e);
	(void)archive_read_free(a); /* a reader has nothing to lose */
	return r;
}

/* --- the process -------------------------------------------------------------------------------------- */

static int confine(const int *keep, size_t len, pid_t parent, struct err *e)
{
	static const int ALLOWED[] = {
		SYS_read,   SYS_write,   SYS_brk,        SYS_munmap,
		SYS_mremap, SYS_madvise, SYS_exit_group, SYS_rt_sigreturn,
	};
	int r = sandbox_die_with(parent, e);

	if (r == 0)
		r = sandbox_keep_fds(keep, len, e);
	if (r == 0)
		r = sandbox_settle(MEMORY_MAX_BYTES, e);
	if (r == 0)
		r = sandbox_become_nobody(e);
	if (r == 0)
		r = sandbox_drop_caps(NULL, 0, e);
	if (r == 0)
		r = sandbox_die_with(parent, e); /* the change of user has undone it */
	if (r == 0)
		r = sandbox_seccomp(ALLOWED, ARRAY_LEN(ALLOWED), e);
	return r;
}

static _Noreturn void run(int in_fd, enum tree_compression compression, struct outlet *to, int report_fd,
			  pid_t parent)
{
	const int keep[] = { in_fd, to->fd, report_fd };
	struct err e = { 0 };
	int r = confine(keep, ARRAY_LEN(keep), parent, &e);

	if (r == 0 && (compression == TREE_BZIP2 || compression == TREE_XZ))
		r = inflate_foreign(in_fd, to, &e);
	else if (r == 0)
		r = inflate_own(in_fd, to, &e);
	e.code = r;
	/* If it does not arrive, who reads says so. */
	_exit(write_all(report_fd, &e, sizeof(e)) < 0);
}

int tree_decoder_start(int in_fd, enum tree_compression compression, uint64_t max_bytes,
		       struct tree_decoder *ret, struct err *e)
{
	struct outlet to = { .left = max_bytes, .max_bytes = max_bytes };
	cleanup_fd int data_in = -1, data_out = -1, report_in = -1, report_out = -1;
	pid_t parent = getpid(), pid;
	int data[2], report[2];

	if (pipe2(data, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make a pipe");
	data_out = data[0];
	data_in = data[1];
	if (pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_errno(e, "cannot make a pipe");
	report_out = report[0];
	report_in = report[1];
	(void)fcntl(data_in, F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one works, too */
	to.fd = data_in;
	pid = fork();
	if (pid == 0)
		run(in_fd, compression, &to, report_in, parent);
	if (pid < 0)
		return err_errno(e, "cannot start a process that inflates");
	*ret = (struct tree_decoder){ .pid = pid,
				      .data_fd = fd_take(&data_out),
				      .report_fd = fd_take(&report_out) };
	return 0;
}
