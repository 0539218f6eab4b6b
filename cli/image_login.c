/* SPDX-License-Identifier: Apache-2.0 */
/* sampan login */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "cli/image_main.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "pull/auth_file.h"
#include "pull/login.h"

#define PASSWORD_MAX 32768

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

/* Without the end of the line. */
static char *take_line(struct buf *b)
{
	while (b->len > 0 && (b->data[b->len - 1] == '\n' || b->data[b->len - 1] == '\r'))
		b->data[--b->len] = 0;
	return buf_take(b);
}

/* Waits for a key; false: for a signal instead. */
static bool wait_for_key(int signals)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = signals, .events = POLLIN } };

	while (poll(fds, ARRAY_LEN(fds), -1) < 0)
		if (errno != EINTR)
			break;
	return !fds[1].revents;
}

static int read_line(int signals, struct buf *out, struct err *e)
{
	char c = 0;

	while (c != '\n') {
		ssize_t n;

		if (!wait_for_key(signals))
			return err_set(e, -EINTR, "interrupted");
		n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno != EINTR)
			return err_errno(e, "cannot read from the terminal");
		if (n == 0)
			break;
		if (n > 0 && buf_add_char(out, c) < 0)
			return err_set(e, -EFBIG, "the line is longer than %d bytes", PASSWORD_MAX);
	}
	return 0;
}

/* Ctrl-C must not leave a terminal that shows nothing: signals wait until ECHO is back, and end us then. */
static int read_hidden(const struct termios *before, const char *text, struct buf *out, struct err *e)
{
	struct termios quiet = *before;
	cleanup_fd int signals = -1;
	sigset_t set, old;
	int r;

	(void)sigemptyset(&set); /* these cannot fail */
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGTSTP);
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH,
			&quiet); /* before the question: an answer may come at once */
	(void)fputs(text, stderr);
	r = read_line(signals, out, e);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, before);
	(void)fputs("\n", stderr);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}

static int prompt(const char *text, bool hidden, char **ret, struct err *e)
{
	cleanup_buf struct buf line = BUF_INIT(PASSWORD_MAX);
	struct termios before;
	int r;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) < 0)
		return err_set(e, -EINVAL,
			       "there is no terminal to ask at (use --username and --password-stdin)");
	if (hidden) {
		r = read_hidden(&before, text, &line, e);
	} else {
		(void)fputs(text, stderr);
		r = read_line(-1, &line, e);
	}
	if (r < 0)
		return r;
	*ret = take_line(&line);
	return *ret ? 0 : err_code(e, -ENOMEM, "cannot keep a line");
}

static int read_password(char **ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(PASSWORD_MAX);
	int r = read_fd(STDIN_FILENO, &text, e);

	if (r < 0)
		return err_wrap(e, "the password");
	*ret = take_line(&text);
	return *ret ? 0 : err_code(e, -ENOMEM, "cannot keep a password");
}

static int copy(const char *text, char **ret, struct err *e)
{
	*ret = strdup(text);
	return *ret ? 0 : err_code(e, -ENOMEM, "cannot keep credentials");
}

static int ask_user(const struct login_flags *f, struct secret *ret, struct err *e)
{
	int r = f->user ? copy(f->user, &ret->user, e) : prompt("Username: ", false, &ret->user, e);

	if (r < 0)
		return r;
	if (f->password_stdin)
		r = read_password(&ret->password, e);
	else if (f->password)
		r = copy(f->password, &ret->password, e);
	else
		r = prompt("Password: ", true, &ret->password, e);
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
	if (check(&f, &e) < 0) {
		(void)image_fail(g, &e);
		return CLI_EXIT_SAMPAN;
	}
	key = auth_key(n > 0 ? argv[1] : "docker.io");
	if (f.password)
		cli_error("warning: --password shows the password to others; --password-stdin does not");
	if (!key)
		r = err_code(&e, -ENOMEM, "cannot log in");
	else
		r = f.get_login ? get_login(&f, key, &e) : log_in(&f, key, &e);
	return r < 0 ? image_fail(g, &e) : cli_end_output(0);
}
