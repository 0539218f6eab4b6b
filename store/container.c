/* SPDX-License-Identifier: Apache-2.0 */
#include "store/container.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/file_sync.h"
#include "common/timestamp.h"
#include "store/container_name.h"
#include "store/container_record.h"
#include "store/internal.h"
#include "store/layer.h"
#include "store/mapped.h"

#define NAME_ATTEMPTS 100
#define STAGED        "container" /* what a container is called in its staging directory */

int container_open_dir(const struct store *s, const char *id, int *ret_fd, struct err *e)
{
	char path[SUBPATH_MAX];
	int r;

	if (!store_key_ok(id))
		return err_set(e, -ENOENT, "no such container: %.128s", id);
	(void)snprintf(path, sizeof(path), "containers/%s", id);
	r = store_open_dir(s, path, ret_fd, e);
	return r == -ENOENT ? err_set(e, r, "no such container: %.12s", id) : r;
}

int container_lock(const struct store *s, const char *id, bool wait, int *ret_fd, struct err *e)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	cleanup_fd int dir_fd = -1;
	cleanup_fd int fd = -1;
	int r = container_open_dir(s, id, &dir_fd, e);

	if (r < 0)
		return r;
	fd = openat(dir_fd, CONTAINER_LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, RECORD_MODE);
	if (fd < 0)
		return err_errno(e, "cannot make the lock of container '%.12s'", id);
	while ((r = fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &whole)) < 0 && errno == EINTR)
		;
	if (r < 0 && (errno == EAGAIN || errno == EACCES))
		return -EBUSY;
	if (r < 0)
		return err_errno(e, "cannot lock container '%.12s'", id);
	*ret_fd = fd_take(&fd);
	return 0;
}

/* --- creation ------------------------------------------------------------------------------------- */

/* The root directory that the container sees is the upper one's: it looks as the image's does. */
static int make_upper(const struct store *s, const struct container_record *c, int dir_fd, struct err *e)
{
	struct stat st = { .st_mode = 0755, .st_uid = geteuid(), .st_gid = getegid() };
	cleanup_strvec struct strvec trees = { 0 };

	if (container_trees(s, c, &trees) < 0)
		return err_code(e, -ENOMEM, "cannot look at the topmost layer");
	if (trees.len > 0 && lstat(trees.items[0], &st) < 0)
		return err_errno(e, "cannot look at '%s'", trees.items[0]);
	if (mkdirat(dir_fd, "upper", DIR_MODE) < 0)
		return err_errno(e, "cannot make 'upper'");
	if ((st.st_uid != geteuid() || st.st_gid != getegid()) &&
	    fchownat(dir_fd, "upper", st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, "cannot change the owner of 'upper'");
	if (fchmodat(dir_fd, "upper", st.st_mode & 07777, 0) < 0)
		return err_errno(e, "cannot change the mode of 'upper'");
	return 0;
}

static int make_directories(const struct store *s, const struct staging *st, const struct container_record *c,
			    int *ret_fd, struct err *e)
{
	static const char *const DIRS[] = { "work", "rootfs" };
	cleanup_fd int fd = -1;
	int r;

	if (mkdirat(st->fd, STAGED, DIR_MODE) < 0)
		return err_errno(e, "cannot make a directory");
	fd = openat(st->fd, STAGED, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open a directory");
	for (size_t i = 0; i < ARRAY_LEN(DIRS); i++)
		if (mkdirat(fd, DIRS[i], DIR_MODE) < 0)
			return err_errno(e, "cannot make '%s'", DIRS[i]);
	r = make_upper(s, c, fd, e);
	if (r == 0)
		*ret_fd = fd_take(&fd);
	return r;
}

/* Under the lock of the names: first the name, then the directory. A name without a container is free. */
static int publish(const struct store *s, const struct staging *st, const struct container_record *c,
		   struct err *e)
{
	cleanup_fd int names_fd = -1;
	char path[SUBPATH_MAX];
	int r = container_name_lock(s, &names_fd, e);

	if (r == 0)
		r = container_name_claim(s, names_fd, c->name, c->id, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "containers/%s", c->id);
	if (renameat(st->fd, STAGED, s->root_fd, path) < 0) {
		r = err_errno(e, "cannot move the container into place");
		container_name_release(names_fd, c->name, c->id);
	}
	return r;
}

/* The directory has no name yet that anybody reads: what the rename brings into place is whole. A container that
 * goes with its process is not worth the write: after a power cut a damaged record of it is shown, and removed as any other. */
static int write_and_sync(int dir_fd, const struct container_record *c, struct err *e)
{
	int r = container_record_write(dir_fd, c, false, e);

	return r < 0 || c->auto_remove ? r : file_sync_content(dir_fd, CONTAINER_RECORD_NAME, e);
}

/* Writes the record, and publishes it under the name that it has. */
static int publish_as(const struct store *s, const struct staging *st, int dir_fd,
		      const struct container_record *c, struct err *e)
{
	int r = write_and_sync(dir_fd, c, e);

	return r < 0 ? r : publish(s, st, c, e);
}

/* The same under a name of our choice: c->name is set on success. */
static int publish_as_any(const struct store *s, const struct staging *st, int dir_fd,
			  struct container_record *c, struct err *e)
{
	for (unsigned int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
		cleanup_free char *name = container_name_random(attempt);
		int r;

		if (!name)
			return err_code(e, -ENOMEM, "cannot choose a name");
		if (store_has(s, "container-names", name))
			continue;
		c->name = name;
		r = publish_as(s, st, dir_fd, c, e);
		if (r == 0) {
			c->name = ptr_take(name);
			return 0;
		}
		c->name = NULL;
		if (r != -EEXIST)
			return r;
	}
	return err_set(e, -EEXIST, "cannot find a free container name (give one with --name)");
}

static int check_layers(const struct store *s, const struct container_record *c, struct err *e)
{
	for (size_t i = 0; i < c->layers.len; i++)
		if (!layer_exists(s, c->layers.items[i]))
			return err_set(e, -ENOENT, "layer '%.64s' is not in the store (pull the image again)",
				       c->layers.items[i]);
	if (c->mapped && !mapped_exists(s, c->mapped))
		return err_set(e, -ENOENT, "the image's copy has just been removed (try again)");
	return 0;
}

/* Works on a copy of the caller's record whose `created` is its own. */
static int create(const struct store *s, struct container_record *c, struct err *e)
{
	struct staging st = { .fd = -1 };
	cleanup_fd int lock_fd = -1;
	cleanup_fd int dir_fd = -1;
	int r = store_lock(s, false, &lock_fd, e);

	if (r == 0)
		r = check_layers(s, c, e);
	if (r == 0)
		r = staging_begin(s, &st, e);
	if (r < 0)
		return r;
	r = make_directories(s, &st, c, &dir_fd, e);
	if (r == 0)
		r = c->name ? publish_as(s, &st, dir_fd, c, e) : publish_as_any(s, &st, dir_fd, c, e);
	staging_end(s, &st);
	return r;
}

int container_create(const struct store *s, struct container_record *c, struct err *e)
{
	struct container_record work = *c;
	cleanup_free char *created = NULL;
	char now[TIMESTAMP_MAX];
	int r;

	if (c->name && !container_name_ok(c->name))
		return err_set(
			e, -EINVAL,
			"bad container name '%.128s' (2 to %d letters, digits, '_', '.' and '-', the first a "
			"letter or digit)",
			c->name, CONTAINER_NAME_MAX);
	timestamp_now(now);
	created = strdup(now);
	if (!created)
		return err_code(e, -ENOMEM, "cannot create a container");
	r = store_random_hex(work.id, CONTAINER_ID_LEN);
	if (r < 0)
		return err_code(e, r, "cannot get random bytes");
	work.created = created;
	r = create(s, &work, e);
	if (r == -EEXIST)
		return r; /* says it all */
	if (r < 0) {
		(void)store_explain_full(s, e); /* its code stays */
		return err_wrap(e, "cannot create a container in '%s'", s->root);
	}
	free(c->created);
	*c = work;
	created = NULL;
	return 0;
}

int container_save(const struct store *s, const struct container_record *c, bool durable, struct err *e)
{
	cleanup_container_record struct container_record now = { 0 };
	struct container_record saved = *c;
	cleanup_fd int names_fd = -1;
	cleanup_fd int fd = -1;
	struct err ignored; /* a damaged record is about to be a good one */
	int r = container_open_dir(s, c->id, &fd, e);

	if (r == 0)
		r = container_name_lock(s, &names_fd, e);
	if (r < 0)
		return r;
	if (container_record_read(s, c->id, &now, &ignored) == 0)
		saved.name = now.name;
	r = container_record_write(fd, &saved, durable, e);
	return r < 0 ? err_wrap(e, "container '%.12s'", c->id) : 0;
}

/* --- removal and use ------------------------------------------------------------------------------ */

/* The names of a container are found by where they point: its record may be damaged. */
static int release_names(const struct store *s, int names_fd, const char *id, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	int r = store_list_dir(s, "container-names", &names, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < names.len; i++)
		container_name_release(names_fd, names.items[i], id);
	return 0;
}

static char *container_path(const struct store *s, const char *id, const char *part)
{
	char *path;

	return asprintf(&path, "%s/containers/%s/%s", s->root, id, part) < 0 ? NULL : path;
}

static bool has_part(const struct store *s, const char *id, const char *part)
{
	char dir[SUBPATH_MAX];

	(void)snprintf(dir, sizeof(dir), "containers/%s", id);
	return store_has(s, dir, part);
}

void container_unmount(const struct store *s, const char *id)
{
	static const char *const PARTS[] = { CONTAINER_VOLATILE, CONTAINER_SECRETS, CONTAINER_SHM,
					     CONTAINER_SUBPATHS };

	for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
		cleanup_free char *path = has_part(s, id, PARTS[i]) ? container_path(s, id, PARTS[i]) : NULL;

		while (path && umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			; /* once each, where all is well */
	}
}

void container_removal_done(struct container_removal *r)
{
	if (r->dir_fd >= 0)
		(void)close(r->dir_fd);
	r->dir_fd = -1;
}

/* So that nobody else empties it. Where it cannot be locked somebody else may: no harm, but one of the two says so. */
static int lock_for_removal(const struct store *s, const char *id)
{
	char path[SUBPATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "containers/%s", id);
	fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		IGNORE_RESULT(flock(fd, LOCK_EX | LOCK_NB));
	return fd;
}

int container_remove_begin(const struct store *s, const char *id, struct container_removal *ret,
			   struct err *e)
{
	cleanup_container_removal struct container_removal work = { .dir_fd = -1 };
	char trash[SUBPATH_MAX];
	cleanup_fd int lock_fd = -1;
	cleanup_fd int names_fd = -1;
	int r;

	if (!store_key_ok(id) || !store_has(s, "containers", id))
		return err_set(e, -ENOENT, "no such container: %.128s", id);
	container_unmount(s, id);
	r = store_lock(s, false, &lock_fd, e);
	if (r == 0)
		r = container_name_lock(s, &names_fd, e);
	if (r < 0)
		return r;
	work.dir_fd = lock_for_removal(s, id);
	r = store_trash(s, "containers", id, trash, e);
	if (r == 0)
		r = release_names(s, names_fd, id, e);
	if (r < 0)
		return r == -ENOENT ? err_set(e, r, "no such container: %.12s", id) : r;
	*ret = work;
	work.dir_fd = -1;
	return 0;
}

int container_remove_end(const struct store *s, const char *id, struct container_removal *removal,
			 struct err *e)
{
	char path[SUBPATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "containers/" TRASH_PREFIX "%s", id);
	r = tree_remove(s->root_fd, path, e);
	container_removal_done(removal);
	return r < 0 ? err_wrap(e, "container '%.12s'", id) : 0;
}

void container_trash_name(const char *id, char ret[CONTAINER_TRASH_MAX])
{
	(void)snprintf(ret, CONTAINER_TRASH_MAX, TRASH_PREFIX "%s", id);
}

int container_remove_rest(const struct store *s, const char *id, struct err *e)
{
	cleanup_container_removal struct container_removal removal = { .dir_fd = -1 };
	cleanup_fd int names_fd = -1;
	char path[SUBPATH_MAX];
	int r;

	if (!store_key_ok(id))
		return 0;
	r = container_name_lock(s, &names_fd, e);
	if (r == 0)
		r = release_names(s, names_fd, id, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "containers/" TRASH_PREFIX "%s", id);
	removal.dir_fd = openat(s->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (removal.dir_fd < 0 || flock(removal.dir_fd, LOCK_EX | LOCK_NB) < 0)
		return 0;
	return container_remove_end(s, id, &removal, e);
}

int container_remove(const struct store *s, const char *id, struct err *e)
{
	cleanup_container_removal struct container_removal removal = { .dir_fd = -1 };
	int r = container_remove_begin(s, id, &removal, e);

	return r < 0 ? r : container_remove_end(s, id, &removal, e);
}

/* overlayfs refuses a directory that it has already. */
static bool comes_again(const struct strvec *layers, size_t index)
{
	for (size_t i = index + 1; i < layers->len; i++)
		if (strcmp(layers->items[i], layers->items[index]) == 0)
			return true;
	return false;
}

/* Of a layer that is there twice (an empty one is the rule) the upper one does for both: all that the lower one has, and hides, it has and hides as well. */
int container_lower(const struct store *s, const struct strvec *layers, struct strvec *ret)
{
	int r = 0;

	for (size_t i = layers->len; i > 0 && r == 0; i--)
		if (!comes_again(layers, i - 1))
			r = strvec_take(ret, layer_tree_path(s, layers->items[i - 1]));
	return r;
}

int container_trees(const struct store *s, const struct container_record *c, struct strvec *ret)
{
	return c->mapped ? strvec_take(ret, mapped_path(s, c->mapped)) : container_lower(s, &c->layers, ret);
}

int container_overlay(const struct store *s, const struct container_record *c, struct overlay_plan *ret,
		      struct err *e)
{
	cleanup_overlay_plan struct overlay_plan plan = { 0 };
	bool ephemeral;
	int r = container_trees(s, c, &plan.lower);

	ephemeral = has_part(s, c->id, CONTAINER_VOLATILE);
	plan.upper = container_path(s, c->id, ephemeral ? CONTAINER_VOLATILE "/upper" : "upper");
	plan.work = container_path(s, c->id, ephemeral ? CONTAINER_VOLATILE "/work" : "work");
	plan.target = container_path(s, c->id, "rootfs");
	plan.temporary = c->auto_remove;
	if (r < 0 || !plan.upper || !plan.work || !plan.target)
		return err_code(e, r < 0 ? r : -ENOMEM, "cannot plan the root of container '%.12s'", c->id);
	*ret = plan;
	memset(&plan, 0, sizeof(plan)); /* the caller's now */
	return 0;
}

int container_open_upper(const struct store *s, const struct container_record *c, int *ret_fd, struct err *e)
{
	cleanup_overlay_plan struct overlay_plan plan = { 0 };
	int fd, r = container_overlay(s, c, &plan, e);

	if (r < 0)
		return r;
	fd = open(plan.upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && has_part(s, c->id, CONTAINER_VOLATILE))
		return err_set(e, -ENODATA,
			       "container %s does not run: what it had written was in memory only "
			       "(--ephemeral), and is gone",
			       c->name);
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", plan.upper);
	*ret_fd = fd;
	return 0;
}

int container_restore_name(const struct store *s, const struct container_record *c, struct err *e)
{
	cleanup_fd int names_fd = -1;
	int r = container_name_lock(s, &names_fd, e);

	return r < 0 ? r : container_name_claim(s, names_fd, c->name, c->id, e);
}
