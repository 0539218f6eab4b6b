/* SPDX-License-Identifier: Apache-2.0 */
/* sampan logout */
#include <stdio.h>

#include "cli/image_main.h"
#include "common/cleanup.h"
#include "pull/auth_file.h"

struct logout_flags {
	const char *auth_file;
	bool all;
};

#define FLAG(member) offsetof(struct logout_flags, member)
static const struct option_def OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, FLAG(all), NULL, "Forget the credentials of all registries" },
	{ "authfile", 0, OPTION_STRING, FLAG(auth_file), "path",
	  "Where the credentials are kept (default $REGISTRY_AUTH_FILE, or containers/auth.json in the "
	  "runtime directory)" },
	{ 0 },
};

static const struct command_def LOGOUT = {
	.name = "sampan logout",
	.usage = "[OPTIONS] [REGISTRY]",
	.summary = "Forget the credentials of a registry (default docker.io)",
	.options = OPTIONS,
	.max_args = 1,
};

/* Where somebody else's login is what is found, it is not ours to take away. */
static int not_here(const char *key, const char *file, struct err *e)
{
	cleanup_secret struct secret other = { 0 };
	struct err ignored; /* whatever is wrong with other files, it is not what was asked */

	if (auth_find(NULL, key, NULL, &other, &ignored) == 0 && secret_is_set(&other))
		return err_set(e, -ENOENT,
			       "not logged into %s with '%s'; the login was made with another tool or file",
			       key, file);
	return err_set(e, -ENOENT, "not logged into %s", key);
}

static int log_out(const struct logout_flags *f, const char *key, struct err *e)
{
	cleanup_free char *file = auth_file_path(f->auth_file);
	bool removed = false;
	int r;

	if (!file || !key)
		return err_code(e, -ENOMEM, "cannot log out");
	r = auth_file_remove(file, f->all ? NULL : key, &removed, e);
	if (r < 0)
		return r;
	if (f->all)
		(void)printf("Removed login credentials for all registries\n");
	else if (removed)
		(void)printf("Removed login credentials for %s\n", key);
	else
		return not_here(key, file, e);
	return 0;
}

int image_logout(int argc, char **argv, const struct image_globals *g)
{
	struct logout_flags f = { 0 };
	cleanup_free char *key = NULL;
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&LOGOUT, argc, argv, &f, &n, &code))
		return code;
	if (f.all && n > 0) {
		cli_error("--all takes no registry");
		return CLI_EXIT_SAMPAN;
	}
	key = auth_key(n > 0 ? argv[1] : "docker.io");
	return log_out(&f, key, &e) < 0 ? image_fail(g, &e) : cli_end_output(0);
}
