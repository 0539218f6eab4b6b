/* SPDX-License-Identifier: Apache-2.0 */
#include "build/leftovers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "common/cleanup.h"
#include "runtime/state.h"

/* One that was killed before it could note where its cgroup is has it in the usual place. */
static void remove_cgroup(const struct cgroup_host *host, const char *state_root, const char *id)
{
	cleanup_container_state struct container_state state = { 0 };
	cleanup_cgroup struct cgroup cgroup = { .dir_fd = -1 };
	cleanup_free char *usual = NULL;
	const char *path;
	struct err ignored; /* an empty cgroup too many */

	if (asprintf(&usual, CGROUP_DEFAULT_PARENT "/%s", id) < 0)
		usual = NULL;
	path = container_state_read(state_root, id, &state, &ignored) < 0 ? usual : state.cgroup_path;
	if (path && cgroup_open(host, path, &cgroup, &ignored) == 0)
		IGNORE_RESULT(cgroup_destroy(&cgroup, &ignored));
}

static void remove_cgroup_of(const struct cgroup_host *host, const struct store *s, const struct staging *st,
			     const char *step)
{
	cleanup_free char *state_root = NULL;
	cleanup_free char *id = NULL;

	if (asprintf(&state_root, "%s/staging/%s/%s" LEFTOVERS_STATE_SUFFIX, store_root_path(s), st->name,
		     step) < 0)
		state_root = NULL;
	if (asprintf(&id, "build-%s-%s", st->name, step) < 0)
		id = NULL;
	if (state_root && id)
		remove_cgroup(host, state_root, id);
}

static DIR *list(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		cleanup_fd_fn(&fd);
	return dir;
}

void leftovers_remove_cgroups(const struct store *s, const struct staging *st)
{
	cleanup_dir DIR *dir = list(st->fd);
	const size_t prefix_len = strlen(LEFTOVERS_STEP_PREFIX);
	struct cgroup_host host = { 0 };
	const struct dirent *d;

	while (dir && (d = readdir(dir))) {
		/* The directory of a step that was made is a layer by now. */
		if (strncmp(d->d_name, LEFTOVERS_STEP_PREFIX, prefix_len) != 0 || strchr(d->d_name, '.'))
			continue;
		cgroup_host_find(&host);
		remove_cgroup_of(&host, s, st, d->d_name);
	}
}

/* The owner of a staging directory holds its lock; so do the processes that it started there. One that has only just been made is locked in a moment, or its
 * maker, which looks again, makes another one. */
static void remove_if_abandoned(const struct store *s, int dir_fd, const char *name)
{
	struct staging st = { .fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) };

	if (st.fd < 0)
		return;
	if (snprintf(st.name, sizeof(st.name), "%s", name) >= (int)sizeof(st.name) ||
	    flock(st.fd, LOCK_EX | LOCK_NB) < 0) {
		cleanup_fd_fn(&st.fd);
		return;
	}
	leftovers_remove_cgroups(s, &st);
	staging_end(s, &st);
}

void leftovers_sweep(const struct store *s)
{
	cleanup_fd int dir_fd =
		openat(store_root_fd(s), "staging", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_dir DIR *dir = dir_fd < 0 ? NULL : list(dir_fd);
	const struct dirent *d;

	while (dir && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			remove_if_abandoned(s, dir_fd, d->d_name);
}
