/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build_export.h"

#include "build/copy.h"
#include "build/tree_view.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "pull/tree_tar.h"

#define VIEW_NAME BUILD_VIEW_PREFIX "export"

static int open_view(struct build *b, const struct build_result *r, int *ret_fd, struct err *e)
{
	int n = tree_view_open_detached(b->store, &r->layers, ret_fd, e);

	if (n != -EOPNOTSUPP)
		return n;
	n = build_stage(b, e);
	return n < 0 ? n : tree_view_open(b->store, &b->staging, VIEW_NAME, &r->layers, ret_fd, NULL, e);
}

int build_export_dir(struct build *b, const struct build_result *r, const int64_t *epoch, int dir_fd,
		     struct err *e)
{
	const struct timespec time = { .tv_sec = epoch ? (time_t)*epoch : 0 };
	const struct copy_options o = { .dest = "/", .time = epoch ? &time : NULL };
	const char *const all = "/";
	cleanup_fd int fd = -1;
	int n = open_view(b, r, &fd, e);

	if (n == 0) {
		const struct context from = { .fd = fd };

		n = copy_sources(&from, &all, 1, dir_fd, &o, e);
	}
	return n;
}

static int on_begin(void *arg, struct err *e)
{
	(void)arg; /* it is begun once */
	(void)e;
	return 0;
}

static int on_write(void *arg, const void *data, size_t len, struct err *e)
{
	int r = write_all(*(const int *)arg, data, len);

	return r < 0 ? err_code(e, r, "cannot write a tar") : 0;
}

int build_export_dir_tar(int dir_fd, int out_fd, struct err *e)
{
	const struct sink sink = { .begin = on_begin, .write = on_write, .arg = &out_fd };

	return tree_tar_write(dir_fd, TREE_TAR_FILES, &sink, e);
}

int build_export_tar(struct build *b, const struct build_result *r, int out_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	int n = open_view(b, r, &fd, e);

	return n < 0 ? n : build_export_dir_tar(fd, out_fd, e);
}
