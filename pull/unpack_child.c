/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/unpack_child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/layer_writer.h"
#include "pull/sandbox.h"
#include "pull/unpack_decoder.h"

#define MEMORY_MAX_BYTES  ((size_t)1 << 30)
#define PIPE_BYTES        (1 << 20)      /* what anybody may have: /proc/sys/fs/pipe-max-size */
#define ENTRY_EXTRA_BYTES UINT64_C(4096) /* of tar per entry: header, padding, PAX header */

/* SYS_ADMIN is for trusted.overlay.opaque. */
static const int CAPS[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,   CAP_FSETID,
			    CAP_MKNOD, CAP_SETFCAP,      CAP_SYS_ADMIN };

/* The writer's view of the decoder: a layer_source. */
struct feed {
	pid_t pid;
	int data_fd;
	int report_fd;
	bool reported;
	struct unpack_report report;
	char *block;
};

/* Waits for the decoder, which has closed its pipes without a word. */
static int decoder_died(const struct feed *f, struct err *e)
{
	int status = 0;

	if (waitpid(f->pid, &status, 0) < 0)
		return err_errno(e, "cannot wait for the decoder");
	if (WIFSIGNALED(status))
		return err_set(e, -EPROTO, "the decoder died of signal %d", WTERMSIG(status));
	return err_set(e, -EPROTO, "the decoder ended without a report");
}

/* At the end of the data: how it went. */
static int read_report(struct feed *f, struct err *e)
{
	if (!f->reported && read_exactly(f->report_fd, &f->report, sizeof(f->report)) < 0)
		return decoder_died(f, e);
	f->reported = true;
	f->report.err.text[sizeof(f->report.err.text) - 1] = '\0';
	f->report.diff_id.text[sizeof(f->report.diff_id.text) - 1] = '\0';
	if (f->report.err.code == 0)
		return 0;
	*e = f->report.err;
	if (e->code > 0) /* it may have been taken over */
		e->code = -EPROTO;
	return e->code;
}

/* Whole blocks: libarchive copies what crosses a block's end. */
static ssize_t feed_next(void *arg, const void **ret_block, struct err *e)
{
	struct feed *f = arg;
	size_t len = 0;

	while (len < UNPACK_BLOCK_BYTES) {
		ssize_t n = read(f->data_fd, f->block + len, UNPACK_BLOCK_BYTES - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read from the decoder");
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_block = f->block;
	return len > 0 ? (ssize_t)len : read_report(f, e);
}

static uint64_t tar_limit(const struct unpack_limits *limits)
{
	uint64_t extra;

	if (__builtin_mul_overflow(limits->max_entries, ENTRY_EXTRA_BYTES, &extra) ||
	    __builtin_add_overflow(extra, limits->max_bytes, &extra))
		return UINT64_MAX;
	return extra;
}

static int start_decoder(const struct unpack_task *task, struct feed *f, struct err *e)
{
	struct unpack_decoder decoder = { .blob_fd = task->blob_fd,
					  .split_fd = task->split_fd,
					  .kind = task->kind,
					  .max_bytes = tar_limit(&task->limits),
					  .parent = getpid() };
	int data[2] = { -1, -1 };
	int report[2] = { -1, -1 };

	(void)snprintf(decoder.algorithm, sizeof(decoder.algorithm), "%s", digest_algorithm(&task->expected));
	if (pipe2(data, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make pipes to the decoder");
	(void)fcntl(data[1], F_SETPIPE_SZ, PIPE_BYTES); /* a smaller one works, too */
	decoder.data_fd = data[1];
	decoder.report_fd = report[1];
	f->pid = fork();
	if (f->pid < 0)
		return err_errno(e, "cannot start the decoder");
	if (f->pid == 0)
		unpack_decoder_run(&decoder);
	(void)close(data[1]);
	(void)close(report[1]);
	f->data_fd = data[0];
	f->report_fd = report[0];
	return 0;
}

static int allow_writer_calls(struct err *e)
{
	static const int ALLOWED[] = {
		SYS_read,      SYS_write,      SYS_pwrite64,   SYS_close,        SYS_openat,
		SYS_openat2,   SYS_mkdirat,    SYS_mknodat,    SYS_symlinkat,    SYS_linkat,
		SYS_unlinkat,  SYS_fchown,     SYS_fchownat,   SYS_fchmod,       SYS_fchmodat,
		SYS_utimensat, SYS_ftruncate,  SYS_fsetxattr,  SYS_readlinkat,   SYS_getdents64,
		SYS_fstat,     SYS_newfstatat, SYS_lseek,      SYS_fcntl,        SYS_umask,
		SYS_geteuid,   SYS_getegid,    SYS_brk,        SYS_munmap,       SYS_mremap,
		SYS_madvise,   SYS_wait4,      SYS_exit_group, SYS_rt_sigreturn, SYS_fstatfs,
	};

	return sandbox_seccomp(ALLOWED, ARRAY_LEN(ALLOWED), e);
}

/* Everything that needs files of this machine, or its privileges, comes before its wall. */
static int confine(struct unpack_task *task, const struct feed *f, bool *ret_lenient, struct err *e)
{
	const int keep[] = { task->tree_fd,   task->implied_fd, task->contents_fd,
			     task->result_fd, f->data_fd,       f->report_fd };
	bool entered = false;
	bool privileged;
	int r = sandbox_keep_fds(keep, ARRAY_LEN(keep), e);

	layer_write_prepare();
	if (r == 0)
		r = sandbox_has_caps(CAPS, ARRAY_LEN(CAPS), &privileged, e);
	if (r == 0)
		r = sandbox_enter_root(&task->tree_fd, &entered, e);
	if (r == 0)
		r = sandbox_drop_caps(CAPS, ARRAY_LEN(CAPS), e);
	if (r == 0)
		r = allow_writer_calls(e);
	if (r == 0)
		*ret_lenient = !privileged;
	return r;
}

static int write_layer(const struct unpack_task *task, struct feed *f, bool lenient,
		       struct unpack_result *ret, struct err *e)
{
	const struct layer_source from = { feed_next, f };
	const struct layer_target to = { .root_fd = task->tree_fd,
					 .implied_fd = task->implied_fd,
					 .contents_fd = task->contents_fd,
					 .lenient = lenient,
					 .max_bytes = task->limits.max_bytes,
					 .max_entries = task->limits.max_entries };
	struct layer_stats stats;
	int r = layer_write(&from, &to, &stats, e);

	if (r < 0)
		return r;
	if (!digest_equal(&f->report.diff_id, &task->expected))
		return err_set(e, -EBADMSG, "layer content has digest %s, expected %s",
			       f->report.diff_id.text, task->expected.text);
	ret->diff_id = f->report.diff_id;
	ret->unpacked_bytes = stats.bytes;
	ret->entries = stats.entries;
	ret->has_implied_dirs = stats.has_implied_dirs;
	ret->root_is_opaque = stats.root_is_opaque;
	return 0;
}

static int run(struct unpack_task *task, struct unpack_result *ret, struct err *e)
{
	const int keep[] = { task->blob_fd,     task->tree_fd,  task->implied_fd,
			     task->contents_fd, task->split_fd, task->result_fd };
	struct feed feed = { .data_fd = -1, .report_fd = -1 };
	bool lenient = false;
	int r = sandbox_die_with(task->parent, e);

	if (r == 0)
		r = sandbox_keep_fds(keep, ARRAY_LEN(keep), e);
	if (r == 0)
		r = sandbox_settle(MEMORY_MAX_BYTES, e);
	if (r == 0)
		r = start_decoder(task, &feed, e);
	if (r == 0)
		r = confine(task, &feed, &lenient, e);
	if (r < 0)
		return r;
	feed.block = malloc(UNPACK_BLOCK_BYTES);
	if (!feed.block)
		return err_set(e, -ENOMEM, "cannot unpack a layer: out of memory");
	r = write_layer(task, &feed, lenient, ret, e);
	free(feed.block);
	/* After a success it has ended; after a failure it may be stuck in its blob, and dies with this process. */
	if (r == 0 && waitpid(feed.pid, NULL, 0) < 0)
		return err_errno(e, "cannot wait for the decoder");
	return r;
}

void unpack_child_run(struct unpack_task *task)
{
	struct unpack_message message;
	struct err e = { 0 };

	memset(&message, 0, sizeof(message));
	if (run(task, &message.result, &e) < 0)
		message.err = e;
	/* The decoder dies with this process. If the message does not arrive, the parent says so. */
	_exit(write_all(task->result_fd, &message, sizeof(message)) < 0);
}
