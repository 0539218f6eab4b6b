/* SPDX-License-Identifier: Apache-2.0 */
/* The part of `sampan cp` that reads and writes tars. cli/cmd_cp.c has found the container, and hands its root over as a descriptor, or its lock. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/format.h"
#include "cli/image_main.h"
#include "cli/image_owners.h"
#include "common/cleanup.h"
#include "pull/container_tree.h"
#include "pull/file_copy.h"
#include "pull/place.h"
#include "store/container_event.h"
#include "store/store.h"

struct cp_flags {
	bool archive, follow, quiet, into; /* -a, -L, -q; into the container, or out of it */
	struct opt_u64 root_fd;            /* of a container that runs */
	struct opt_u64 user_fd;            /* its user namespace, where that is not ours */
	const char *id;
};

#define FLAG(member) offsetof(struct cp_flags, member)
static const struct option_def OPTIONS[] = {
	{ "archive", 'a', OPTION_BOOL, FLAG(archive), NULL, "Keep owners" },
	{ "follow-link", 'L', OPTION_BOOL, FLAG(follow), NULL, "Follow a link that the source is" },
	{ "quiet", 'q', OPTION_BOOL, FLAG(quiet), NULL, "Say nothing of what was copied" },
	{ "into", 0, OPTION_BOOL, FLAG(into), NULL, "Into the container" },
	{ "root-fd", 0, OPTION_U64, FLAG(root_fd), "fd", "The container's root" },
	{ "user-fd", 0, OPTION_U64, FLAG(user_fd), "fd", "Its user namespace" },
	{ "id", 0, OPTION_STRING, FLAG(id), "id", "The container's ID; its lock is held" },
	{ 0 },
};

static const struct command_def CP = {
	.name = "sampan-image cp",
	.usage = "[OPTIONS] NAME PATH LOCAL",
	.summary = "Copy between a container (found by sampan cp) and the host",
	.options = OPTIONS,
	.min_args = 3,
	.max_args = 3,
};

struct copying {
	const struct cp_flags *flags;
	const struct store *store;
	const char *state_dir;
	const char *container, *path, *local; /* as the user has them */
	int root_fd;                          /* of the container */
	int users_fd;                         /* its user namespace; 0: ours */
	int host_fd;                          /* of the host */
	char *local_path;                     /* absolute */
};

/* --- the two places --- */

static char *absolute(const char *path)
{
	cleanup_free char *here = NULL;
	char *out = NULL;

	if (path[0] == '/')
		return strdup(path);
	here = getcwd(NULL, 0);
	return here && asprintf(&out, "%s/%s", here, path) >= 0 ? out : NULL;
}

static int find_container_source(const struct copying *c, struct place *ret, struct err *e)
{
	int r = place_find(c->root_fd, c->path, c->flags->follow, ret, e);

	if (r == -ENOENT || r == -ENOTDIR || (r == 0 && !ret->exists))
		return err_set(e, -ENOENT, "could not find the file %s in container %s", c->path,
			       c->container);
	return r;
}

static int find_local_source(const struct copying *c, struct place *ret, struct err *e)
{
	int r = place_find(c->host_fd, c->local_path, c->flags->follow, ret, e);

	if (r == -ENOENT || r == -ENOTDIR || (r == 0 && !ret->exists))
		return err_set(e, -ENOENT, "lstat %s: no such file or directory", c->local);
	return r;
}

static int find_container_target(const struct copying *c, struct place *ret, struct err *e)
{
	int r = place_find(c->root_fd, c->path, true, ret, e);

	if (r == -ENOENT || r == -ENOTDIR)
		return err_set(e, -ENOENT, "could not find the directory of %s in container %s", c->path,
			       c->container);
	return r;
}

static int find_local_target(const struct copying *c, struct place *ret, struct err *e)
{
	int r = place_find(c->host_fd, c->local_path, true, ret, e);

	if (r == -ENOENT || r == -ENOTDIR)
		return err_set(e, -ENOENT, "invalid output path: the directory of \"%s\" does not exist",
			       c->local);
	return r;
}

/* What comes out is told of before it does, as docker has it: who writes it may be in another user namespace afterwards. */
static void tell(const struct copying *c, const char *action)
{
	container_event_by_id(c->store, c->state_dir, c->container, action, NULL);
}

/* --- the four ways --- */

static int send_tar(const struct copying *c, uint64_t *ret_bytes, struct err *e)
{
	cleanup_place struct place from = PLACE_EMPTY;
	struct file_copy copy = { .out_fd = STDOUT_FILENO, .in_fd = -1, .from_user_fd = c->users_fd };
	int r = find_container_source(c, &from, e);

	if (r < 0)
		return r;
	copy.from_fd = from.parent_fd;
	copy.name = from.name;
	copy.as = from.contents ? "." : from.name;
	tell(c, "archive-path");
	return file_copy(&copy, ret_bytes, e);
}

static int receive_tar(const struct copying *c, uint64_t *ret_bytes, struct err *e)
{
	cleanup_place struct place to = PLACE_EMPTY;
	cleanup_free char *dir = NULL;
	struct file_copy copy = {
		.from_fd = -1, .in_fd = STDIN_FILENO, .out_fd = -1, .to_user_fd = c->users_fd
	};
	int r = find_container_target(c, &to, e);

	if (r < 0)
		return r;
	if (!to.exists)
		return err_set(e, -ENOENT, "could not find the file %s in container %s", c->path,
			       c->container);
	if (!S_ISDIR(to.st.st_mode))
		return err_set(e, -ENOTDIR, "destination \"%s:%s\" must be a directory", c->container,
			       c->path);
	if (asprintf(&dir, "%s%s%s", to.parent, *to.parent && *to.name ? "/" : "", to.name) < 0) {
		dir = NULL;
		return err_code(e, -ENOMEM, "cannot copy");
	}
	copy.to = (struct file_extract){ .root_fd = c->root_fd, .base = dir, .keep_owner = true };
	r = file_copy(&copy, ret_bytes, e);
	if (r == 0)
		tell(c, "extract-to-dir");
	return r;
}

static int copy_into(const struct copying *c, uint64_t *ret_bytes, struct err *e)
{
	cleanup_place struct place from = PLACE_EMPTY, to = PLACE_EMPTY;
	cleanup_place_target struct place_target target = { 0 };
	struct file_copy copy = { .out_fd = -1, .in_fd = -1, .to_user_fd = c->users_fd };
	int r = find_local_source(c, &from, e);

	if (r == 0)
		r = find_container_target(c, &to, e);
	if (r == 0)
		r = place_decide(&from, &to, &target, e);
	if (r < 0)
		return r;
	copy.from_fd = from.parent_fd;
	copy.name = from.name;
	copy.as = target.as;
	copy.to = (struct file_extract){ .root_fd = c->root_fd,
					 .base = target.dir,
					 .keep_owner = c->flags->archive };
	r = file_copy(&copy, ret_bytes, e);
	if (r == 0)
		tell(c, "extract-to-dir");
	return r;
}

/* What the container has made up shall not lead out of the directory that is copied into. */
static int copy_out(const struct copying *c, uint64_t *ret_bytes, struct err *e)
{
	cleanup_place struct place from = PLACE_EMPTY, to = PLACE_EMPTY;
	cleanup_place_target struct place_target target = { 0 };
	struct file_copy copy = { .out_fd = -1, .in_fd = -1, .from_user_fd = c->users_fd };
	cleanup_fd int dir_fd = -1;
	const char *dir;
	int r = find_container_source(c, &from, e);

	if (r == 0)
		r = find_local_target(c, &to, e);
	if (r == 0)
		r = place_decide(&from, &to, &target, e);
	if (r < 0)
		return r;
	dir = target.dir && *target.dir ? target.dir : ".";
	dir_fd = openat(c->host_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return err_errno(e, "cannot open '/%s'", dir);
	copy.from_fd = from.parent_fd;
	copy.name = from.name;
	copy.as = target.as;
	copy.to = (struct file_extract){ .root_fd = dir_fd,
					 .base = "",
					 .keep_owner = c->flags->archive,
					 .uid = geteuid(),
					 .gid = getegid() };
	tell(c, "archive-path");
	return file_copy(&copy, ret_bytes, e);
}

static int copy(struct copying *c, struct err *e)
{
	bool streams = strcmp(c->local, "-") == 0, into = c->flags->into;
	char size[FORMAT_MAX];
	uint64_t bytes = 0;
	int r;

	if (streams)
		return into ? receive_tar(c, &bytes, e) : send_tar(c, &bytes, e);
	r = into ? copy_into(c, &bytes, e) : copy_out(c, &bytes, e);
	if (r < 0 || c->flags->quiet)
		return r;
	format_size(bytes, size);
	(void)fprintf(stderr, "Successfully copied %s to %s%s%s\n", size, into ? c->container : "",
		      into ? ":" : "", into ? c->path : c->local_path);
	return 0;
}

/* What it has not written itself is put together for it. */
static int copy_stopped(struct copying *c, struct err *e)
{
	cleanup_container_record struct container_record record = { 0 };
	struct container_tree tree = CONTAINER_TREE_EMPTY;
	cleanup_fd int users_fd = -1;
	int r = container_find(c->store, c->flags->id, &record, e);

	if (r == 0)
		r = image_owners_open(c->store, &record, &users_fd, e);
	if (r == 0)
		r = container_tree_write(c->store, &record, &tree, e);
	if (r < 0)
		return r;
	c->root_fd = tree.fd;
	if (users_fd >= 0)
		c->users_fd = users_fd;
	r = copy(c, e);
	container_tree_close(c->store, &tree);
	return r;
}

static int run(struct copying *c, struct err *e)
{
	const struct cp_flags *f = c->flags;

	c->host_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	c->local_path = absolute(c->local); /* the working directory will be another */
	if (c->host_fd < 0 || !c->local_path)
		return err_errno(e, "cannot find out the working directory");
	if (!f->root_fd.set)
		return f->id ? copy_stopped(c, e) : err_set(e, -EINVAL, "there is no container");
	c->root_fd = (int)f->root_fd.value;
	c->users_fd = (int)f->user_fd.value;
	return copy(c, e);
}

int image_cp(int argc, char **argv, const struct image_globals *g)
{
	struct cp_flags f = { 0 };
	struct copying c = { .flags = &f, .state_dir = g->state_dir, .root_fd = -1, .host_fd = -1 };
	cleanup_store struct store *store = NULL;
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&CP, argc, argv, &f, &n, &code))
		return code;
	c.container = argv[1];
	c.path = argv[2];
	c.local = argv[3];
	r = store_open(g->root, &store, &e);
	c.store = store;
	if (r == 0)
		r = run(&c, &e);
	free(c.local_path);
	if (c.host_fd >= 0)
		(void)close(c.host_fd);
	return r < 0 ? image_fail(g, &e) : 0;
}
