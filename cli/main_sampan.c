/* SPDX-License-Identifier: Apache-2.0 */
/* sampan: what people type. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/startup.h"
#include "cli/take_over.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/program_path.h"
#include "engine/rootless.h"
#include "store/store.h"

#define ADDITIONAL_MAX_BYTES 65536

struct command {
	const char *name;
	int (*run)(int argc, char **argv, const struct cli_globals *g);
	const char *summary; /* NULL: not for people */
};

static const struct command COMMANDS[] = {
	{ "run", cmd_run, "Create a container from an image and run it" },
	{ "create", cmd_create, "Create a container, to be started later" },
	{ "start", cmd_start, "Start containers" },
	{ "stop", cmd_stop, "Stop containers" },
	{ "restart", cmd_restart, "Stop containers, and start them again" },
	{ "kill", cmd_kill, "Send a signal to containers" },
	{ "wait", cmd_wait, "Wait until containers have ended" },
	{ "attach", cmd_attach, "Connect our streams to a container that runs" },
	{ "exec", cmd_exec, "Run a further command in a container that runs" },
	{ "top", cmd_top, "Show the processes of a container" },
	{ "pause", cmd_pause, "Freeze all processes of containers" },
	{ "unpause", cmd_unpause, "Let the processes of paused containers go on" },
	{ "update", cmd_update, "Change limits and restart policy of containers" },
	{ "rename", cmd_rename, "Give a container another name" },
	{ "stats", cmd_stats, "Show what containers take up, once a second" },
	{ "cp", cmd_cp, "Copy files between a container and the host" },
	{ "diff", cmd_diff, "Show what a container has changed in its file system" },
	{ "boot", cmd_boot, "Start what should run after a reboot" },
	{ "build", cmd_delegated, "Build an image from a Dockerfile" },
	{ "pull", cmd_delegated, "Download an image" },
	{ "push", cmd_delegated, "Upload an image to a registry" },
	{ "search", cmd_delegated, "Search registries for images" },
	{ "save", cmd_delegated, "Write images to an archive" },
	{ "load", cmd_delegated, "Read images from an archive" },
	{ "copy", cmd_delegated, "Copy an image between registries, files and the store" },
	{ "manifest", cmd_delegated, "Put images of several platforms under one name" },
	{ "import", cmd_delegated, "Make an image of a root file system's tar" },
	{ "commit", cmd_commit, "Make an image of a container's changes" },
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
	{ "logs", cmd_logs, "Show the output of containers" },
	{ "port", cmd_port, "List the published ports of a container" },
	{ "rm", cmd_rm, "Remove containers" },
	{ "inspect", cmd_inspect, "Show all that is known about images and containers, as JSON" },
	{ "events", cmd_events, "Show what happens to containers, images, volumes and networks" },
	{ "container", cmd_container, "Manage containers" },
	{ "image", cmd_image, "Manage images" },
	{ "volume", cmd_volume, "Manage volumes" },
	{ "secret", cmd_secret, "Manage secrets" },
	{ "network", cmd_network, "Manage networks" },
	{ "builder", cmd_builder, "Look after the cache of builds" },
	{ "system", cmd_system, "Show how much space is taken up" },
	{ "lock", cmd_delegated, "Write down the digests of the images that a Dockerfile uses" },
	{ "init", cmd_delegated, "Write a Dockerfile for the project in a folder" },
	{ "binfmt", cmd_delegated, "Run programs of other CPUs" },
	{ "fsck", cmd_delegated, "Check the store for damage, and repair it" },
	{ "check", cmd_check, "Check what this machine can do, and how to cure what it cannot" },
	{ "info", cmd_info, "Show what Sampan found on this machine" },
	{ "version", cmd_version, "Show the version" },
	{ "completion", cmd_completion, "Print what teaches a shell to complete our command lines" },
	{ "__complete", cmd_complete, NULL },
	{ "monitor-launch", cmd_monitor_launch, NULL },
	{ "monitor-cleanup", cmd_monitor_cleanup, NULL },
	{ "monitor-health", cmd_monitor_health, NULL },
	{ "monitor-event", cmd_monitor_event, NULL },
	{ "monitor-pack", cmd_monitor_pack, NULL },
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
		if (COMMANDS[i].summary)
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

/* These have nothing to do with containers or images. */
static bool needs_store(const char *command)
{
	static const char *const OTHERS[] = { "binfmt", "check", "completion", "help", "init", "version" };

	for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++)
		if (strcmp(command, OTHERS[i]) == 0)
			return false;
	return true;
}

/* Who asks for no more than `check` does need not have a place of his own: `needed` is false then. */
static int take_path(const char *given, const char *of_root, int (*of_user)(char **ret, struct err *e),
		     bool needed, char **ret, struct err *e)
{
	if (!given && geteuid() != 0) {
		int r = of_user(ret, e);

		if (r == 0 || needed)
			return r;
	}
	*ret = absolute(given ? given : of_root);
	return *ret ? 0 : err_set(e, -ENOENT, "cannot find out the working directory");
}

/* Once more, in there: /proc/self/exe is then of this mount namespace, as who protects it from containers needs it. Returns only on failure. */
static int start_again(char **argv, const struct cli_globals *g, struct err *e)
{
	cleanup_free char *self = NULL;
	cleanup_strvec struct strvec args = { 0 };
	int r;

	/* Users' cgroups are systemd's: the dynamic program would be needed soon. Without it we say so then. */
	if (PROGRAM_IS_STATIC)
		IGNORE_RESULT(program_path("sampan", &self, e));
	if (!self)
		self = program_path_self();
	r = self ? strvec_add(&args, self) : -ENOENT;
	if (r == 0)
		r = strvec_addf(&args, "--root=%s", g->root);
	if (r == 0)
		r = strvec_addf(&args, "--state-dir=%s", g->state_dir);
	if (r == 0 && g->debug)
		r = strvec_add(&args, "--debug");
	for (; r == 0 && *argv; argv++)
		r = strvec_add(&args, *argv);
	if (r < 0)
		return err_code(e, r, "cannot run 'sampan'");
	(void)execv(self, args.items);
	return err_errno(e, "cannot run '%s' in the user namespace", self);
}

/* For who is not root all that follows happens where he is. */
static int enter(char **argv, const struct cli_globals *g, struct err *e)
{
	int r;

	if (geteuid() == 0 || !needs_store(argv[0]))
		return 0;
	r = rootless_enter(g->state_dir, e);
	return r == 0 ? start_again(argv, g, e) : r;
}

static int dispatch(int argc, char **argv, const struct global_options *o)
{
	cleanup_free char *root = NULL, *state_dir = NULL;
	struct cli_globals g = { .debug = o->debug };
	struct err e = { 0 };
	bool needed = needs_store(argv[0]);
	int r = take_path(o->root, STORE_DEFAULT_ROOT, rootless_root, needed, &root, &e);

	if (r == 0)
		r = take_path(o->state_dir, STORE_DEFAULT_STATE_DIR, rootless_state_dir, needed, &state_dir,
			      &e);
	g.root = root;
	g.state_dir = state_dir;
	if (r == 0)
		r = enter(argv, &g, &e);
	if (r < 0) {
		IGNORE_RESULT(cli_fail(&e));
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
