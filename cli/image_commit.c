/* SPDX-License-Identifier: Apache-2.0 */
/* sampan commit: cli/cmd_commit.c has paused the container. */
#include <stdio.h>

#include "cli/commit_flags.h"
#include "cli/image_main.h"
#include "cli/image_owners.h"
#include "cli/image_name.h"
#include "cli/image_signals.h"
#include "common/cleanup.h"
#include "pull/commit.h"
#include "store/store.h"
#include "store/container_event.h"

static int commit(const struct image_globals *g, const char *what, struct commit_options *o,
		  struct digest *ret, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_store struct store *s = NULL;
	cleanup_fd int users_fd = -1;
	int r = store_open(g->root, &s, e);

	if (r == 0)
		r = container_find(s, what, &c, e);
	if (r == 0)
		r = image_owners_open(s, &c, &users_fd, e);
	o->users_fd = users_fd;
	if (r == 0)
		r = commit_container(s, &c, o, ret, e);
	if (r == 0)
		container_event(g->state_dir, &c, "commit",
				(const char *const[]){ "comment", o->message ? o->message : "", "imageID",
						       ret->text, "imageRef", o->name ? o->name : "", NULL });
	return r;
}

static int run(const struct commit_flags *f, char **argv, int n, const struct image_globals *g)
{
	struct commit_options o = { .author = f->author, .message = f->message, .changes = f->changes };
	cleanup_free char *name = NULL;
	cleanup_fd int signals = -1;
	struct digest id;
	struct err e = { 0 };
	int r = image_name_parse(n > 1 ? argv[2] : NULL, &name, &e);

	if (r == 0)
		r = image_watch_signals(&signals, &e);
	o.name = name;
	o.cancel_fd = signals;
	if (r == 0)
		r = commit(g, argv[1], &o, &id, &e);
	if (r == 0)
		(void)printf("%s\n", id.text);
	return image_end(g, r, &e, signals);
}

int image_commit(int argc, char **argv, const struct image_globals *g)
{
	cleanup_commit_flags struct commit_flags f = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMIT_COMMAND, argc, argv, &f, &n, &code))
		return code;
	return run(&f, argv, n, g);
}
