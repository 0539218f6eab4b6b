/* SPDX-License-Identifier: Apache-2.0 */
/* sampan: what people type. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/startup.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "store/store.h"

#define ADDITIONAL_MAX_BYTES 65536

struct command {
	const char *name;
	int (*run)(int argc, char **argv, const struct cli_globals *g);
	const char *summary;
};

static const struct command COMMANDS[] = {
	{ "run", cmd_run, "Create a container from an image and run it" },
	{ "pull", cmd_delegated, "Download an image" },
	{ "push", cmd_delegated, "Upload an image to a registry" },
	{ "search", cmd_delegated, "Search registries for images" },
	{ "save", cmd_delegated, "Write images to an archive" },
	{ "load", cmd_delegated, "Read images from an archive" },
	{ "copy", cmd_delegated, "Copy an image between registries and files" },
	{ "manifest", cmd_delegated, "Put images of several platforms under one name" },
	{ "import", cmd_delegated, "Make an image of a root file system's tar" },
	{ "export", cmd_delegated, "Write a container's file system to a tar" },
	{ "tag", cmd_tag, "Give an image another name" },
	{ "history", cmd_history, "Show the steps that an image was made in" },
	{ "login", cmd_delegated, "Log in to a registry" },
	{ "logout", cmd_delegated, "Forget the credentials of a registry" },
	{ "sign", cmd_delegated, "Sign an image in a registry" },
	{ "verify", cmd_delegated, "Check the signature of an image in a registry" },
	{ "images", cmd_images, "List images" },
	{ "rmi", cmd_rmi, "Remove images" },
	{ "ps", cmd_ps, "List containers" },
	{ "rm", cmd_rm, "Remove containers" },
	{ "inspect", cmd_inspect, "Show all that is known about images and containers, as JSON" },
	{ "image", cmd_image, "Manage images" },
	{ "system", cmd_system, "Show how much space is taken up" },
	{ "fsck", cmd_delegated, "Check the store for damage, and repair it" },
	{ "check", cmd_check, "Check what this machine can do, and how to cure what it cannot" },
	{ "info", cmd_info, "Show what Sampan found on this machine" },
	{ "version", cmd_version, "Show the version" },
};

struct global_options {
	const char *root, *state_dir;
	struct strvec additional; /* stores */
	bool debug, version;
};

#define GLOBAL(member) offsetof(struct global_options, member)
static const struct option_def OPTIONS[] = {
	{ "additional-store", 0, OPTION_LIST, GLOBAL(additional), "dir",
	  "A store that is only read, beside --root (default $" STORE_ADDITIONAL_ENV ")" },
	{ "root", 0, OPTION_STRING, GLOBAL(root), "dir",
	  "Where images and containers are kept (default " STORE_DEFAULT_ROOT ")" },
	{ "state-dir", 0, OPTION_STRING, GLOBAL(state_dir), "dir",
	  "Where the state of running containers is (default " STORE_DEFAULT_STATE_DIR ")" },
	{ "debug", 'D', OPTION_BOOL, GLOBAL(debug), NULL, "Say what takes how long, on stderr" },
	{ "version", 'v', OPTION_BOOL, GLOBAL(version), NULL, "Print the version and quit" },
	{ 0 },
};

static const struct command_def SAMPAN = {
	.name = "sampan",
	.usage = "[OPTIONS] COMMAND",
	.summary = "Pull, run and look after containers on small machines",
	.options = OPTIONS,
	.options_first = true,
	.max_args = -1,
};

static int usage(void)
{
	(void)printf("Usage:  %s %s\n\n%s\n\nCommands:\n", SAMPAN.name, SAMPAN.usage, SAMPAN.summary);
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
		(void)printf("  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
	(void)printf("\nOptions:\n");
	options_help_list(OPTIONS, stdout);
	(void)printf("\nRun 'sampan COMMAND --help' for more about a command.\n");
	return cli_end_output(0);
}

/* Relative paths become absolute, as container processes and helpers have other working directories. */
static char *absolute(const char *path)
{
	cleanup_free char *here = NULL;
	char *out = NULL;

	if (path[0] == '/')
		return strdup(path);
	here = getcwd(NULL, 0);
	if (!here || asprintf(&out, "%s/%s", here, path) < 0)
		return NULL;
	return out;
}

/* Whatever we run finds them where everybody looks for them. */
static int export_additional(const struct strvec *stores)
{
	cleanup_buf struct buf list = BUF_INIT(ADDITIONAL_MAX_BYTES);
	int r = 0;

	if (stores->len == 0)
		return 0;
	for (size_t i = 0; r == 0 && i < stores->len; i++) {
		cleanup_free char *path = absolute(stores->items[i]);

		r = path ? buf_printf(&list, "%s%s", i > 0 ? ":" : "", path) : -ENOMEM;
	}
	if (r == 0 && setenv(STORE_ADDITIONAL_ENV, list.data, 1) < 0)
		r = -errno;
	return r;
}

static int dispatch(int argc, char **argv, const struct global_options *o)
{
	cleanup_free char *root = absolute(o->root ? o->root : STORE_DEFAULT_ROOT);
	cleanup_free char *state_dir = absolute(o->state_dir ? o->state_dir : STORE_DEFAULT_STATE_DIR);
	struct cli_globals g = { .root = root, .state_dir = state_dir, .debug = o->debug };

	if (!root || !state_dir) {
		cli_error("cannot find out the working directory");
		return CLI_EXIT_SAMPAN;
	}
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
		if (strcmp(COMMANDS[i].name, argv[0]) == 0)
			return COMMANDS[i].run(argc, argv, &g);
	if (strcmp(argv[0], "help") == 0)
		return usage();
	cli_error("'%s' is not a sampan command\nSee 'sampan --help'.", argv[0]);
	return CLI_EXIT_SAMPAN;
}

int main(int argc, char **argv)
{
	struct global_options o = { 0 };
	struct err e = { 0 };
	int n = 0;
	int r, exported;

	if (startup_fill_streams() < 0)
		return CLI_EXIT_SAMPAN;
	r = options_parse(&SAMPAN, argc, argv, &o, &n, &e);
	exported = r == 0 ? export_additional(&o.additional) : 0;
	strvec_done(&o.additional);
	if (r == OPTIONS_HELP)
		return usage();
	if (r < 0) {
		cli_error("%s\nSee 'sampan --help'.", e.text);
		return CLI_EXIT_SAMPAN;
	}
	if (exported < 0) {
		cli_error("cannot pass on --additional-store");
		return CLI_EXIT_SAMPAN;
	}
	if (o.version) {
		(void)printf("sampan version %s\n", SAMPAN_VERSION);
		return cli_end_output(0);
	}
	if (n == 0) {
		(void)usage();
		return CLI_EXIT_FAILED;
	}
	return dispatch(n, argv + 1, &o);
}
