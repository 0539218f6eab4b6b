/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/source.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"

#define COPY_BUFFER (256u << 10)

void source_free(struct source *s)
{
	if (s)
		s->ops->free(s);
}

void source_free_fn(struct source **s)
{
	source_free(*s);
}

static int open_archive(const struct transport *t, int staging_fd, struct source **ret, struct err *e)
{
	int fd = openat(staging_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, "cannot make a temporary file");
	return source_archive_new(t->path, t->kind, fd, ret, e);
}

int source_open(const struct transport *t, const struct endpoint_options *options, int staging_fd,
		struct endpoints *endpoints, struct source **ret, struct err *e)
{
	int r;

	switch (t->kind) {
	case TRANSPORT_REGISTRY:
		r = endpoints_find(&t->reference, options, endpoints, e);
		return r < 0 ? r : source_registry_new(&t->reference, endpoints, ret, e);
	case TRANSPORT_OCI_DIR:
		return source_oci_dir_new(t->path, ret, e);
	default:
		return open_archive(t, staging_fd, ret, e);
	}
}

int source_copy_fd(int fd, const struct sink *sink, struct err *e)
{
	cleanup_free char *data = malloc(COPY_BUFFER);
	off_t at = 0;
	ssize_t n;
	int r;

	if (!data)
		return err_code(e, -ENOMEM, "cannot copy a file");
	r = sink->begin(sink->arg, e);
	while (r == 0) {
		n = pread(fd, data, COPY_BUFFER, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read");
		if (n == 0)
			break;
		at += n;
		r = sink->write(sink->arg, data, (size_t)n, e);
	}
	return r;
}
