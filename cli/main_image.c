/* SPDX-License-Identifier: Apache-2.0 */
/* sampan-image: the commands of `sampan` that need libcurl and its kin. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/image_main.h"
#include "cli/startup.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "store/store.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, const struct image_globals *g);
} COMMANDS[] = {
	{ "build", image_build },
	{ "pull", image_pull },
	{ "push", image_push },
	{ "save", image_save },
	{ "load", image_load },
	{ "login", image_login },
	{ "logout", image_logout },
	{ "sign", image_sign },
	{ "verify", image_verify },
	{ "fsck", image_fsck },
	{ "copy", image_copy },
	{ "manifest", image_manifest },
	{ "import", image_import },
	{ "export", image_export },
	{ "search", image_search },
	{ "cp", image_cp },
	{ "commit", image_commit },
	{ "yaml", image_yaml },
	{ "init", image_init },
	{ "binfmt", image_binfmt },
	{ "lock", image_lock },
	{ "log-pack", image_log_pack },
	{ "log-unpack", image_log_unpack },
};

struct image_options {
	const char *root, *state_dir;
	struct opt_u64 error_fd;
};

#define IMAGE(member) offsetof(struct image_options, member)
static const struct option_def OPTIONS[] = {
	{ "root", 0, OPTION_STRING, IMAGE(root), "dir",
	  "Where images are kept (default " STORE_DEFAULT_ROOT ")" },
	{ "state-dir", 0, OPTION_STRING, IMAGE(state_dir), "dir",
	  "Where the state of running containers is (default " STORE_DEFAULT_STATE_DIR ")" },
	{ "error-fd", 0, OPTION_U64, IMAGE(error_fd), "fd",
	  "Write errors there, for the program that called" },
	{ 0 },
};

static const struct command_def SAMPAN_IMAGE = {
	.name = "sampan-image",
	.usage = "[OPTIONS] COMMAND",
	.summary = "The part of sampan that talks to registries; run by sampan",
	.options = OPTIONS,
	.options_first = true,
	.min_args = 1,
	.max_args = -1,
};

int image_fail(const struct image_globals *g, const struct err *e)
{
	char text[sizeof(e->text) + 16];
	int len;

	if (g->error_fd < 0)
		return cli_fail(e);
	len = snprintf(text, sizeof(text), "%d %s", e->code, e->text);
	(void)!write_all(g->error_fd, text, (size_t)len); /* the exit code says the rest */
	return CLI_EXIT_FAILED;
}

int image_refuse(const struct image_globals *g, const struct err *e)
{
	(void)image_fail(g, e); /* its code is another one */
	return CLI_EXIT_SAMPAN;
}

void image_pulled(const struct image_globals *g, const char *name)
{
	if (g->error_fd < 0)
		return;
	(void)!write_all(g->error_fd, "0 ", 2); /* who does not hear it says so */
	(void)!write_all(g->error_fd, name, strlen(name));
}

static int globals_of(const struct image_options *o, struct image_globals *ret)
{
	*ret = (struct image_globals){
		.root = o->root ? o->root : STORE_DEFAULT_ROOT,
		.state_dir = o->state_dir ? o->state_dir : STORE_DEFAULT_STATE_DIR,
		.error_fd = -1,
	};
	if (!o->error_fd.set)
		return 0;
	if (o->error_fd.value > INT32_MAX || fcntl((int)o->error_fd.value, F_SETFD, FD_CLOEXEC) < 0)
		return -EBADF;
	ret->error_fd = (int)o->error_fd.value;
	return 0;
}

int main(int argc, char **argv)
{
	struct image_options o = { 0 };
	struct image_globals g;
	int n = 0, code = 0;

	if (startup_fill_streams() < 0)
		return CLI_EXIT_SAMPAN;
	if (!cli_options(&SAMPAN_IMAGE, argc, argv, &o, &n, &code))
		return code;
	if (globals_of(&o, &g) < 0) {
		cli_error("--error-fd is no open descriptor");
		return CLI_EXIT_SAMPAN;
	}
	for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
		if (strcmp(COMMANDS[i].name, argv[1]) == 0)
			return COMMANDS[i].run(n, argv + 1, &g);
	cli_error("'%s' is not a sampan-image command", argv[1]);
	return CLI_EXIT_SAMPAN;
}
