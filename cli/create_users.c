/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/create_users.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_files.h"
#include "cli/run_image_file.h"
#include "oci/image_user.h"
#include "cli/run_userns.h"
#include "common/cleanup.h"
#include "common/process.h"
#include "engine/image_root.h"
#include "store/mapped.h"

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

/* An image without the file, as those FROM scratch are, has an empty one. */
static int read_image_file(const struct creation *c, const char *path, struct buf *out, struct err *e)
{
	int r = run_image_read(&c->lower, path, out, e);

	if (r == -ENOENT)
		r = 0;
	return r == 0 && buf_add(out, "", 0) < 0 ? no_memory(e) : r;
}

/* --- the user of keep-id --- */

static bool is_directory(const struct creation *c, const char *path)
{
	struct err ignored;
	struct stat st;
	bool empty;

	return run_image_stat_dir(&c->lower, path, &st, &empty, &ignored) == 0;
}

/* As podman has it: his home on the host, if the image has that too, else the working directory. */
static const char *home_of(const struct creation *c, const struct passwd *user)
{
	const char *workdir = c->flags->workdir ? c->flags->workdir : c->image.config.working_dir;

	if (user->pw_dir && user->pw_dir[0] == '/' && !strpbrk(user->pw_dir, ":\n") &&
	    is_directory(c, user->pw_dir))
		return user->pw_dir;
	return workdir && *workdir ? workdir : "/";
}

static int end_line(struct buf *b)
{
	return b->len > 0 && b->data[b->len - 1] != '\n' ? buf_add_char(b, '\n') : 0;
}

static int add_user(struct creation *c, uint32_t uid, uint32_t gid)
{
	const struct passwd *user = getpwuid(uid); /* NOLINT(concurrency-mt-unsafe): there are no threads */
	int r = end_line(&c->passwd);

	if (!user) /* he is in no passwd, which is no reason not to start */
		return r;
	return r < 0 ? r
		     : buf_printf(&c->passwd, "%s:*:%u:%u:%s:%s:/bin/sh\n", user->pw_name, uid, gid,
				  user->pw_gecos && !strpbrk(user->pw_gecos, ":\n") ? user->pw_gecos : "",
				  home_of(c, user));
}

static int add_group(struct creation *c, uint32_t gid)
{
	const struct group *group = getgrgid(gid); /* NOLINT(concurrency-mt-unsafe): there are no threads */
	int r = end_line(&c->group);

	return r < 0 || !group ? r : buf_printf(&c->group, "%s:x:%u:\n", group->gr_name, gid);
}

static int add_entries(struct creation *c, struct err *e)
{
	const struct id_maps *m = &c->users.maps;
	uint32_t uid = 0, gid = 0;
	int r = 0;

	if (!c->users.add_entry)
		return 0;
	for (size_t i = 0; i < m->uids_len; i++)
		uid = m->uids[i].host_id == 0 ? m->uids[i].container_id : uid;
	for (size_t i = 0; i < m->gids_len; i++)
		gid = m->gids[i].host_id == 0 ? m->gids[i].container_id : gid;
	c->users.added_user = !image_user_has_id(c->passwd.data, uid);
	c->users.added_group = !image_user_has_id(c->group.data, gid);
	if (c->users.added_user)
		r = add_user(c, uid, gid);
	if (r == 0 && c->users.added_group)
		r = add_group(c, gid);
	return r < 0 ? no_memory(e) : 0;
}

int create_users_files(const struct creation *c, struct run_mounts *mounts, struct err *e)
{
	struct run_files_args files = { .dir = c->dir, .dir_fd = c->dir_fd, .maps = &c->users.maps };
	int r = 0;

	if (c->users.added_user)
		r = run_files_add(&files, "passwd", "/etc/passwd", &c->passwd, mounts, e);
	if (r == 0 && c->users.added_group)
		r = run_files_add(&files, "group", "/etc/group", &c->group, mounts, e);
	return r;
}

/* --- the files --- */

static int make_copy(const struct creation *c, const struct tree_owners *owners, char key[MAPPED_KEY_LEN + 1],
		     struct err *e)
{
	cleanup_free char *covered = NULL;
	cleanup_fd int root_fd = -1;
	int r;

	if (asprintf(&covered, "%s/containers", store_root_path(c->store)) < 0) {
		covered = NULL;
		return no_memory(e);
	}
	r = image_root_open(&c->lower, covered, &root_fd, e);
	return r < 0 ? r : mapped_make(c->store, &c->record.layers, owners, root_fd, key, e);
}

/* gc is kept away by the image's lock. */
static int use_copy(struct creation *c, struct err *e)
{
	const struct id_maps *m = &c->users.maps;
	const struct tree_owners owners = {
		.uids = m->uids, .uids_len = m->uids_len, .gids = m->gids, .gids_len = m->gids_len
	};
	char key[MAPPED_KEY_LEN + 1];
	int r = mapped_find(c->store, &c->record.layers, &owners, key, e);

	if (r == -ENOENT)
		r = make_copy(c, &owners, key, e);
	if (r < 0)
		return r;
	creation_debug(c, "copy of the image is there");
	c->record.mapped = strdup(key);
	strvec_done(&c->lower);
	if (!c->record.mapped || strvec_take(&c->lower, mapped_path(c->store, key)) < 0)
		return no_memory(e);
	return 0;
}

int create_users(struct creation *c, struct err *e)
{
	struct userns_args args = { .store = c->store, .flags = c->flags };
	int r = read_image_file(c, "/etc/passwd", &c->passwd, e);

	if (r == 0)
		r = read_image_file(c, "/etc/group", &c->group, e);
	if (r < 0)
		return r;
	args.passwd = c->passwd.data ? c->passwd.data : "";
	args.group = c->group.data ? c->group.data : "";
	r = run_userns_choose(&args, &c->record, &c->users, &c->ids_lock_fd, e);
	if (r == 0)
		r = add_entries(c, e);
	if (r == 0 && c->users.maps.uids_len > 0 && process_in_user_namespace())
		r = use_copy(c, e);
	return r;
}
