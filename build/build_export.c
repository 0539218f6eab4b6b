/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_export.h"

#include <errno.h>
#include <string.h>

#include "build/copy.h"
#include "build/stoppable.h"
#include "build/tree_view.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "pull/tree_tar.h"

#define VIEW_NAME     BUILD_VIEW_PREFIX "export"
#define TAR_END_BYTES 1024 /* two blocks of zeros, pax(1) */

static int open_view(struct build *b, const struct build_result *r, int *ret_fd, struct err *e)
{
	int n = tree_view_open_detached(b->store, &r->layers, ret_fd, e);

	if (n != -EOPNOTSUPP)
		return n;
	n = build_stage(b, e);
	return n < 0 ? n : tree_view_open(b->store, &b->staging, VIEW_NAME, &r->layers, ret_fd, NULL, e);
}

/* Opened here, since it may need to be mounted: that is to last as long as the build. */
struct export
{
	const struct copy_options *copy;
	const char *as;
	int tree_fd, to_fd;
};

static int copy_all(void *arg, struct err *e)
{
	const struct export *x = arg;
	const struct context from = { .fd = x->tree_fd };
	const char *const all = "/";

	return copy_sources(&from, &all, 1, x->to_fd, x->copy, e);
}

int build_export_dir(struct build *b, const struct build_result *r, const int64_t *epoch, int dir_fd,
		     struct err *e)
{
	const struct timespec time = { .tv_sec = epoch ? (time_t)*epoch : 0 };
	const struct copy_options o = { .dest = "/", .time = epoch ? &time : NULL };
	cleanup_fd int fd = -1;
	struct export x = { .copy = &o, .to_fd = dir_fd };
	int n = open_view(b, r, &fd, e);

	x.tree_fd = fd;
	return n < 0 ? n : stoppable_run(copy_all, &x, NULL, 0, b->cancel_fd, e);
}

/* --- tars ----------------------------------------------------------------------------------------------- */

/* Holds back what may be the end of a tar: another one can follow then. */
struct open_end {
	int fd;
	size_t held;
	char last[TAR_END_BYTES];
};

static int on_begin(void *arg, struct err *e)
{
	(void)arg; /* it is begun once */
	(void)e;
	return 0;
}

static int on_write(void *arg, const void *data, size_t len, struct err *e)
{
	struct open_end *t = arg;
	size_t all = t->held + len, ready = all > TAR_END_BYTES ? all - TAR_END_BYTES : 0;
	size_t old = ready < t->held ? ready : t->held;
	int r = write_all(t->fd, t->last, old);

	if (r == 0)
		r = write_all(t->fd, data, ready - old);
	memmove(t->last, t->last + old, t->held - old);
	t->held -= old;
	memcpy(t->last + t->held, (const char *)data + (ready - old), len - (ready - old));
	t->held += len - (ready - old);
	return r < 0 ? err_code(e, r, "cannot write a tar") : 0;
}

static int write_members(void *arg, struct err *e)
{
	const struct export *x = arg;
	struct open_end to = { .fd = x->to_fd };
	const struct sink sink = { .begin = on_begin, .write = on_write, .arg = &to };

	return x->as ? tree_tar_write_entry(x->tree_fd, ".", x->as, &sink, e)
		     : tree_tar_write(x->tree_fd, TREE_TAR_FILES, &sink, e);
}

int build_export_tar(struct build *b, const struct build_result *r, const char *as, int out_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	struct export x = { .as = as, .to_fd = out_fd };
	int n = open_view(b, r, &fd, e);

	x.tree_fd = fd;
	return n < 0 ? n : stoppable_run(write_members, &x, NULL, 0, b->cancel_fd, e);
}

static int end_tar(void *arg, struct err *e)
{
	const char end[TAR_END_BYTES] = { 0 };
	int r = write_all(*(const int *)arg, end, sizeof(end));

	return r < 0 ? err_code(e, r, "cannot write a tar") : 0;
}

int build_export_tar_end(const struct build *b, int out_fd, struct err *e)
{
	int r = stoppable_run(end_tar, &out_fd, NULL, 0, b->cancel_fd, e);

	return r < 0 ? r : stoppable_sync(out_fd, b->cancel_fd, e);
}
