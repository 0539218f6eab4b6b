/* SPDX-License-Identifier: Apache-2.0 */
/* A container's name changes hands. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "store/container.h"
#include "store/container_name.h"
#include "store/container_record.h"

/* Under the lock of the names, below which all records are rewritten (container_save): neither that nor this takes the other's words back. The
 * record as it is on disk: what a running container's status page says of it must not get there. */
static int write_name(const struct store *s, const char *id, char *name, char **ret_old, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_fd int dir_fd = -1;
	int r = container_record_read(s, id, &c, e);

	if (r == -ENOENT)
		return err_set(e, r, "no such container: %.12s", id);
	if (r < 0)
		return r;
	*ret_old = c.name;
	c.name = name;
	if (c.lost) { /* nobody but those who look after containers records that one has ended */
		c.status = CONTAINER_RUNNING;
		c.lost = false;
	}
	r = container_open_dir(s, id, &dir_fd, e);
	if (r == 0)
		r = container_record_write(dir_fd, &c, true, e);
	c.name = NULL; /* the caller's */
	return r;
}

/* The new name points at the container before its record says so, and the old one until after that: it is found at any time, and a name
 * that a crash leaves over is given up with the container. */
int container_rename(const struct store *s, const char *id, const char *name, struct err *e)
{
	cleanup_free char *copy = strdup(name);
	cleanup_free char *old = NULL;
	cleanup_fd int names_fd = -1;
	int r;

	if (!copy)
		return err_code(e, -ENOMEM, "cannot rename a container");
	if (!container_name_ok(name))
		return err_set(
			e, -EINVAL,
			"bad container name '%.128s' (2 to %d letters, digits, '_', '.' and '-', the first a "
			"letter or digit)",
			name, CONTAINER_NAME_MAX);
	r = container_name_lock(s, &names_fd, e);
	if (r == 0)
		r = container_name_claim(s, names_fd, name, id, e);
	if (r < 0)
		return r;
	r = write_name(s, id, copy, &old, e);
	container_name_release(names_fd, r < 0 ? name : old, id);
	return r;
}
