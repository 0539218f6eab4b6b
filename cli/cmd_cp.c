/* SPDX-License-Identifier: Apache-2.0 */
/* sampan cp: finds the container; sampan-image does the rest (cli/image_cp.c). */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/container_root.h"
#include "cli/find_container.h"
#include "cli/image_exec.h"
#include "common/cleanup.h"
#include "engine/container_start.h"

struct cp_options {
	bool archive, follow, quiet;
};

#define OPT(m) offsetof(struct cp_options, m)
static const struct option_def OPTIONS[] = {
	{ "archive", 'a', OPTION_BOOL, OPT(archive), NULL,
	  "Keep the owners (else all belongs to root in the container, and to you here)" },
	{ "follow-link", 'L', OPTION_BOOL, OPT(follow), NULL, "Follow a symbolic link that the source is" },
	{ "quiet", 'q', OPTION_BOOL, OPT(quiet), NULL, "Say nothing of what was copied" },
	{ 0 },
};

static const struct command_def COMMAND = {
	.name = "sampan cp",
	.usage = "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n        sampan cp [OPTIONS] SRC_PATH|- "
		 "CONTAINER:DEST_PATH",
	.summary = "Copy files between a container and the host; with '-' as a tar from stdin or to stdout",
	.options = OPTIONS,
	.min_args = 2,
	.max_args = 2,
};

/* One of the two arguments. */
struct end {
	char *container; /* NULL: it is on the host */
	const char *path;
};

/* Docker's: "./a:b" and "/a:b" are files, "a:b" is in a container. */
static int parse_end(const char *text, struct end *ret, struct err *e)
{
	const char *colon = strchr(text, ':');

	*ret = (struct end){ .path = text };
	if (text[0] == '/' || text[0] == '.' || !colon || colon == text)
		return 0;
	ret->container = strndup(text, (size_t)(colon - text));
	ret->path = colon + 1;
	return ret->container ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int hand_over(int fd, const char *option, struct strvec *args, struct err *e)
{
	if (fcntl(fd, F_SETFD, 0) < 0) /* it is for the program that follows */
		return err_errno(e, "cannot hand over the container");
	return strvec_addf(args, "--%s=%d", option, fd) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

/* One that does not run is locked until all is copied: it cannot be started, or removed, meanwhile. */
static int open_it(const struct store *s, const struct container_record *c, struct strvec *args, int *ret_fd,
		   int *ret_user_fd, struct err *e)
{
	bool runs = c->status == CONTAINER_RUNNING || c->status == CONTAINER_PAUSED;
	int r = runs ? container_root_open(c, ret_fd, e) : container_lock_settled(s, c->id, ret_fd, e);

	if (r == -EBUSY && !runs)
		return err_set(e, r, "container %s is being started", c->name);
	if (r < 0)
		return r;
	if (!runs) {
		if (fcntl(*ret_fd, F_SETFD, 0) < 0) /* the lock is for the program that follows */
			return err_errno(e, "cannot hand over the container");
		return strvec_addf(args, "--id=%s", c->id) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
	}
	r = hand_over(*ret_fd, "root-fd", args, e);
	if (r == 0)
		r = container_users_open(c, ret_user_fd, e);
	return r == 0 && *ret_user_fd >= 0 ? hand_over(*ret_user_fd, "user-fd", args, e) : r;
}

static int add_args(const struct cp_options *o, bool into, const struct end *in, const char *local,
		    struct strvec *args, struct err *e)
{
	int r = 0;

	if (o->archive)
		r = strvec_add(args, "--archive");
	if (r == 0 && o->follow)
		r = strvec_add(args, "--follow-link");
	if (r == 0 && o->quiet)
		r = strvec_add(args, "--quiet");
	if (r == 0 && into)
		r = strvec_add(args, "--into");
	if (r == 0)
		r = strvec_add(args, "--");
	if (r == 0)
		r = strvec_add(args, in->container);
	if (r == 0)
		r = strvec_add(args, in->path);
	if (r == 0)
		r = strvec_add(args, local);
	return r < 0 ? err_set(e, r, "out of memory") : 0;
}

static int check_stream(bool into, const char *local, struct err *e)
{
	if (strcmp(local, "-") != 0 || into || !isatty(STDOUT_FILENO))
		return 0;
	return err_set(e, -EINVAL, "refusing to write a tar to a terminal (redirect the output)");
}

static int run(const struct cp_options *o, const struct cli_globals *g, const struct end *from,
	       const struct end *to, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_store struct store *store = NULL;
	cleanup_strvec struct strvec args = { 0 };
	cleanup_fd int fd = -1, user_fd = -1;
	bool into = to->container != NULL;
	const struct end *in = into ? to : from;
	const char *local = into ? from->path : to->path;
	int r;

	if (from->container && to->container)
		return err_set(e, -EINVAL, "copying between containers is not supported");
	if (!in->container)
		return err_set(e, -EINVAL, "must specify at least one container source");
	if (!*in->path || !*local)
		return err_set(e, -EINVAL, "a path may not be empty");
	r = check_stream(into, local, e);
	if (r == 0)
		r = store_open(g->root, &store, e);
	if (r == 0)
		r = find_container(store, g, in->container, &c, e);
	if (r == 0 && strvec_add(&args, "cp") < 0)
		r = err_set(e, -ENOMEM, "out of memory");
	if (r == 0)
		r = open_it(store, &c, &args, &fd, &user_fd, e);
	if (r == 0)
		r = add_args(o, into, in, local, &args, e);
	return r < 0 ? r : image_exec(g, (int)args.len, args.items, e);
}

int cmd_cp(int argc, char **argv, const struct cli_globals *g)
{
	struct cp_options o = { 0 };
	struct end from = { 0 }, to = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;
	int r;

	if (!cli_options(&COMMAND, argc, argv, &o, &n, &code))
		return code;
	r = parse_end(argv[1], &from, &e);
	if (r == 0)
		r = parse_end(argv[2], &to, &e);
	if (r == 0)
		r = run(&o, g, &from, &to, &e);
	free(from.container);
	free(to.container);
	return r < 0 ? cli_fail(&e) : 0;
}
