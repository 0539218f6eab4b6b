/* SPDX-License-Identifier: Apache-2.0 */
/* sampan import */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/image_main.h"
#include "cli/image_name.h"
#include "cli/image_signals.h"
#include "cli/image_spool.h"
#include "common/cleanup.h"
#include "pull/import.h"
#include "store/layer.h"
#include "store/store.h"
#include "store/image_event.h"

struct import_flags {
	struct strvec changes;
	const char *message, *platform;
	bool quiet;
};

#define FLAG(member) offsetof(struct import_flags, member)
static const struct option_def OPTIONS[] = {
	{ "change", 'c', OPTION_LIST, FLAG(changes), "list",
	  "Instruction of a Dockerfile for the image: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, "
	  "ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR" },
	{ "message", 'm', OPTION_STRING, FLAG(message), "string", "Say this in the image's history" },
	{ "platform", 0, OPTION_STRING, FLAG(platform), "string", "What it is for (default: this machine)" },
	{ "quiet", 'q', OPTION_BOOL, FLAG(quiet), NULL, "As always: the ID is all that is printed" },
	{ 0 },
};

static const struct command_def IMPORT = {
	.name = "sampan import",
	.usage = "[OPTIONS] FILE|- [NAME[:TAG]]",
	.summary = "Make an image of a root file system's tar",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 2,
};

static int options_of(const struct import_flags *f, const char *name, struct import_options *ret,
		      char **ret_name, struct err *e)
{
	struct platform_list list;
	struct machine machine;
	int r = image_name_parse(name, ret_name, e);

	if (r < 0)
		return r;
	ret->name = *ret_name;
	ret->message = f->message;
	ret->changes = f->changes; /* borrowed */
	if (f->platform)
		return platform_parse(f->platform, &ret->platform, e);
	machine_detect(&machine);
	platform_list_for_machine(&machine, &list);
	ret->platform = list.items[0];
	if (strcmp(ret->platform.architecture, "amd64") == 0)
		ret->platform.variant[0] = 0; /* nobody knows which level the files need */
	return 0;
}

/* A regular file as it is; anything else is read to its end first. */
static int open_input(const struct store *s, const char *path, int cancel_fd, int *ret_fd, struct err *e)
{
	cleanup_fd int spool = -1, fd = -1;
	struct stat st;
	int r;

	if (strcmp(path, "-") != 0) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0 || fstat(fd, &st) < 0)
			return err_errno(e, "cannot open '%s'", path);
		if (!S_ISREG(st.st_mode))
			return err_set(e, -EINVAL, "'%s' is no regular file (- reads standard input)", path);
		*ret_fd = fd_take(&fd);
		return 0;
	}
	if (isatty(STDIN_FILENO))
		return err_set(e, -EINVAL,
			       "cannot read a tar from a terminal (name a file, or redirect the input)");
	spool = openat(store_root_fd(s), "staging", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (spool < 0)
		return err_errno(e, "cannot make a temporary file");
	r = image_spool(spool, cancel_fd, e);
	if (r == 0)
		*ret_fd = fd_take(&spool);
	return r;
}

static int run(char **argv, struct import_options *o, const struct image_globals *g)
{
	cleanup_store struct store *s = NULL;
	cleanup_fd int signals = -1, fd = -1;
	struct digest id;
	struct err e = { 0 };
	int r = image_watch_signals(&signals, &e);

	o->cancel_fd = signals;
	if (r == 0)
		r = store_open(g->root, &s, &e);
	if (r == 0)
		r = open_input(s, argv[1], signals, &fd, &e);
	if (r == 0)
		r = import_image(s, fd, o, &id, &e);
	if (r == 0) {
		image_event_of(s, g->state_dir, "import", id.text);
		(void)printf("%s\n", id.text);
	}
	if (r < 0 && r != -EINTR)
		(void)err_wrap(&e, "cannot import");
	return image_end(g, r, &e, signals);
}

int image_import(int argc, char **argv, const struct image_globals *g)
{
	struct import_flags f = { 0 };
	struct import_options o = { 0 };
	cleanup_free char *name = NULL;
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&IMPORT, argc, argv, &f, &n, &code)) {
		strvec_done(&f.changes);
		return code;
	}
	if (options_of(&f, n > 1 ? argv[2] : NULL, &o, &name, &e) < 0)
		code = image_refuse(g, &e);
	else
		code = run(argv, &o, g);
	strvec_done(&f.changes);
	return code;
}
