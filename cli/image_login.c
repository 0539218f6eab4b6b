/* SPDX-License-Identifier: Apache-2.0 */
/* sampan login */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/image_main.h"
#include "cli/image_prompt.h"
#include "common/cleanup.h"
#include "pull/auth_file.h"
#include "pull/login.h"

#define TERMINAL_CURE "use --username and --password-stdin"

struct login_flags {
	const char *user, *password, *auth_file;
	bool password_stdin, get_login, tls_verify;
};

#define FLAG(member) offsetof(struct login_flags, member)
static const struct option_def OPTIONS[] = {
	{ "username", 'u', OPTION_STRING, FLAG(user), "string", "User name" },
	{ "password", 'p', OPTION_STRING, FLAG(password), "string",
	  "Password; others can see it there (use --password-stdin)" },
	{ "password-stdin", 0, OPTION_BOOL, FLAG(password_stdin), NULL,
	  "Read the password from standard input" },
	{ "get-login", 0, OPTION_BOOL, FLAG(get_login), NULL, "Print the user who is logged in" },
	{ "authfile", 0, OPTION_STRING, FLAG(auth_file), "path",
	  "Keep the credentials there (default $REGISTRY_AUTH_FILE, or containers/auth.json in the runtime "
	  "directory)" },
	{ "tls-verify", 0, OPTION_BOOL, FLAG(tls_verify), NULL,
	  "Insist on HTTPS and a valid certificate (default true)" },
	{ 0 },
};

static const struct command_def LOGIN = {
	.name = "sampan login",
	.usage = "[OPTIONS] [REGISTRY]",
	.summary = "Log in to a registry (default docker.io)",
	.options = OPTIONS,
	.max_args = 1,
};

/* --- asking ------------------------------------------------------------------------------------------ */

static int copy(const char *text, char **ret, struct err *e)
{
	*ret = strdup(text);
	return *ret ? 0 : err_code(e, -ENOMEM, "cannot keep credentials");
}

static int ask_user(const struct login_flags *f, struct secret *ret, struct err *e)
{
	int r = f->user ? copy(f->user, &ret->user, e)
			: image_prompt("Username: ", false, TERMINAL_CURE, &ret->user, e);

	if (r < 0)
		return r;
	if (f->password_stdin)
		r = image_read_line(STDIN_FILENO, "the password", &ret->password, e);
	else if (f->password)
		r = copy(f->password, &ret->password, e);
	else
		r = image_prompt("Password: ", true, TERMINAL_CURE, &ret->password, e);
	if (r < 0)
		return r;
	if (!ret->user || !ret->user[0] || !ret->password || !ret->password[0])
		return err_set(e, -EINVAL, "user name and password must not be empty");
	return 0;
}

/* --- the command ------------------------------------------------------------------------------------- */

static int check(const struct login_flags *f, struct err *e)
{
	if (f->password && f->password_stdin)
		return err_set(e, -EINVAL, "--password and --password-stdin exclude each other");
	if (f->password_stdin && !f->user)
		return err_set(e, -EINVAL, "--password-stdin needs --username");
	return 0;
}

static int get_login(const struct login_flags *f, const char *key, struct err *e)
{
	cleanup_secret struct secret s = { 0 };
	cleanup_free char *domain = strndup(key, strcspn(key, "/"));
	const char *path = strchr(key, '/');
	int r;

	if (!domain)
		return err_code(e, -ENOMEM, "cannot look for '%s'", key);
	r = auth_find(f->auth_file, domain, path ? path + 1 : NULL, &s, e);
	if (r < 0)
		return r;
	if (!secret_is_set(&s))
		return err_set(e, -ENOENT, "not logged into %s", key);
	(void)printf("%s\n", s.user ? s.user : "<token>");
	return 0;
}

static int log_in(const struct login_flags *f, const char *key, struct err *e)
{
	cleanup_secret struct secret s = { 0 };
	cleanup_free char *file = auth_file_path(f->auth_file);
	int r;

	if (!file)
		return err_code(e, -ENOMEM, "cannot log in");
	r = ask_user(f, &s, e);
	if (r == 0)
		r = login_verify(key, &s, f->tls_verify, e);
	if (r == 0)
		r = auth_file_set(file, key, &s, e);
	if (r == 0)
		(void)printf("Login Succeeded!\n");
	return r;
}

int image_login(int argc, char **argv, const struct image_globals *g)
{
	struct login_flags f = { .tls_verify = true };
	cleanup_free char *key = NULL;
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&LOGIN, argc, argv, &f, &n, &code))
		return code;
	if (check(&f, &e) < 0)
		return image_refuse(g, &e);
	key = auth_key(n > 0 ? argv[1] : "docker.io");
	if (f.password)
		cli_error("warning: --password shows the password to others; --password-stdin does not");
	if (!key)
		r = err_code(&e, -ENOMEM, "cannot log in");
	else
		r = f.get_login ? get_login(&f, key, &e) : log_in(&f, key, &e);
	return r < 0 ? image_fail(g, &e) : cli_end_output(0);
}
