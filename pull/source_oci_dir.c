/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/rootfd.h"
#include "pull/source.h"

struct source_oci_dir {
	struct source source;
	int dir_fd;
};

static const struct source_oci_dir *self(const struct source *s)
{
	return (const struct source_oci_dir *)s; /* its first member */
}

/* Workers are nobody and may not search a user's directories, so the parent opens for them. */
static int oci_dir_open(const struct source *s, enum source_item item, const struct digest *digest,
			int *ret_fd, struct err *e)
{
	char path[sizeof("blobs/sha512/") + DIGEST_TEXT_MAX] = "index.json";
	cleanup_fd int fd = -1;
	struct stat st;
	int r;

	if (item != SOURCE_TOP)
		(void)snprintf(path, sizeof(path), "blobs/%s/%s", digest_algorithm(digest),
			       digest_hex(digest));
	r = rootfd_open(self(s)->dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd, e);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look at '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "'%s' is no regular file", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int oci_dir_read(struct source *s, enum source_item item, const struct digest *digest, int local_fd,
			const struct sink *sink, struct source_answer *ret, struct err *e)
{
	(void)s;
	(void)item;
	(void)digest; /* the parent has opened it */
	(void)ret;    /* a directory knows no content types */
	return source_copy_fd(local_fd, sink, e);
}

static void oci_dir_free(struct source *s)
{
	(void)close(self(s)->dir_fd); /* nothing was written to it */
	free(s);
}

static const struct source_ops OCI_DIR_OPS = {
	.open_local = oci_dir_open,
	.read = oci_dir_read,
	.free = oci_dir_free,
};

int source_oci_dir_new(const char *path, struct source **ret, struct err *e)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct source_oci_dir *s;

	if (fd < 0)
		return err_errno(e, "cannot open OCI layout '%s'", path);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_code(e, -ENOMEM, "cannot open OCI layout '%s'", path);
	s->source = (struct source){ .ops = &OCI_DIR_OPS,
				     .is_layout = true,
				     .is_sequential = true,
				     .local_fd = -1,
				     .scratch_fd = -1 };
	s->dir_fd = fd_take(&fd);
	*ret = &s->source;
	return 0;
}
