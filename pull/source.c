/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/source.h"

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
