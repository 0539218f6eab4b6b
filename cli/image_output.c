/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/image_output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

void image_output_done(struct image_output *o)
{
	if (o->temporary)
		(void)unlink(
			o->temporary); /* it may be the reader's device that is full: nothing to be done */
	if (o->path)
		cleanup_fd_fn(&o->fd);
	free(o->path);
	free(o->temporary);
	*o = (struct image_output){ .fd = -1 };
}

int image_output_open(const char *path, struct image_output *ret, struct err *e)
{
	cleanup_image_output struct image_output o = { .fd = STDOUT_FILENO };
	struct stat st;

	if (!path || strcmp(path, "-") == 0) {
		if (isatty(STDOUT_FILENO))
			return err_set(
				e, -EINVAL,
				"cannot write an archive to a terminal (use -o, or redirect the output)");
		*ret = o;
		return 0;
	}
	o.path = strdup(path);
	if (!o.path)
		return err_code(e, -ENOMEM, "cannot write '%s'", path);
	/* A device or a pipe is written to as it is. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		o.fd = open(path, O_WRONLY | O_CLOEXEC);
	} else if (asprintf(&o.temporary, "%s.XXXXXX", path) < 0) {
		o.temporary = NULL;
		return err_code(e, -ENOMEM, "cannot write '%s'", path);
	} else {
		o.fd = mkostemp(o.temporary, O_CLOEXEC);
	}
	if (o.fd < 0) {
		int r = err_errno(e, "cannot write '%s'", path);

		free(o.temporary);
		o.temporary = NULL; /* there is none to be removed */
		return r;
	}
	*ret = o;
	o.path = o.temporary = NULL; /* which is all that would be released */
	return 0;
}

int image_output_commit(struct image_output *o, struct err *e)
{
	mode_t mask = umask(0);

	(void)umask(mask);
	if (!o->temporary)
		return 0;
	if (fchmod(o->fd, 0666 & ~mask) < 0 || fsync(o->fd) < 0 || rename(o->temporary, o->path) < 0)
		return err_errno(e, "cannot write '%s'", o->path);
	free(o->temporary);
	o->temporary = NULL;
	return 0;
}
