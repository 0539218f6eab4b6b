/* SPDX-License-Identifier: Apache-2.0 */
#include "build/git_program.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "common/strvec.h"
#include "pull/download.h"
#include "pull/sandbox.h"

#define NOT_THERE 127 /* the exit code of a child that has found no program, as shells have it */
#define WORDS_MAX 300
#define PATH_ELSE "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* A host that nobody knows is let in once and remembered; one that has changed is not. */
#define SSH       "GIT_SSH_COMMAND=ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new"

/* --- what may be asked for ------------------------------------------------------------------------------ */

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool has_control(const char *text)
{
	while (*text && !iscntrl((unsigned char)*text))
		text++;
	return *text;
}

/* "user@host:path", or a scheme that git itself speaks: none of those that run programs. */
static bool is_remote(const char *text)
{
	static const char *const SCHEMES[] = { "http://", "https://", "git://", "ssh://", "file://" };
	size_t user = strcspn(text, "@:/");

	for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++)
		if (starts_with(text, SCHEMES[i]))
			return text[strlen(SCHEMES[i])] != '-';
	if (user == 0 || text[user] != '@' || text[user + 1] == '-')
		return false;
	text += user + 1 + strcspn(text + user + 1, ":/");
	return text[0] == ':' && text[1] != ':';
}

int git_program_check(const char *remote, const char *ref, struct err *e)
{
	cleanup_free char *shown = download_redact(remote);

	if (*remote == '-' || has_control(remote) || !is_remote(remote))
		return err_set(e, -EINVAL, "'%.200s' is no git remote that is supported",
			       shown ? shown : "it");
	if (ref &&
	    (!*ref || *ref == '-' || has_control(ref) || strpbrk(ref, " ~^:?*[\\") || strstr(ref, "..")))
		return err_set(e, -EINVAL, "'%.200s' is no git ref", ref);
	return 0;
}

/* --- what it sees of this machine ------------------------------------------------------------------------ */

struct setting {
	const char *key, *value;
};

/* "http.https://host/.NAME": a setting of where a secret may go. "" of what is no URL. */
static char *scoped(const char *remote, const char *name)
{
	const char *host = strstr(remote, "://");
	char *text;

	if (!host)
		return strdup("");
	host += 3;
	return asprintf(&text, "http.%.*s/.%s", (int)(host - remote + strcspn(host, "/?#")), remote, name) < 0
		       ? NULL
		       : text;
}

static int add_setting(struct strvec *env, unsigned int *count, const char *key, const char *value)
{
	int r = strvec_addf(env, "GIT_CONFIG_KEY_%u=%s", *count, key);

	if (r == 0)
		r = strvec_addf(env, "GIT_CONFIG_VALUE_%u=%s", *count, value);
	(*count)++;
	return r;
}

/* Once it was led away git would send to the other host what it has for this one. */
static int add_authorization(const struct git_program *g, struct strvec *env, unsigned int *count)
{
	cleanup_free char *key = NULL, *redirects = NULL, *value = NULL;
	int r;

	if (!g->authorization)
		return 0;
	key = scoped(g->remote, "extraheader");
	redirects = scoped(g->remote, "followRedirects");
	if (!key || !redirects)
		return -ENOMEM;
	if (!*key)
		return 0;
	if (asprintf(&value, "Authorization: %s", g->authorization) < 0) {
		value = NULL;
		return -ENOMEM;
	}
	r = add_setting(env, count, redirects, "false");
	if (r == 0)
		r = add_setting(env, count, key, value);
	explicit_bzero(value, strlen(value));
	return r;
}

/* In the environment nobody else sees them, as they would in the list of processes. git-config(1), ENVIRONMENT. */
static int add_settings(const struct git_program *g, struct strvec *env)
{
	const struct setting settings[] = {
		{ "remote." GIT_REMOTE ".url", g->remote },
		{ "init.defaultBranch", "master" },
		{ "init.templateDir", "" },
		{ "core.hooksPath", "/dev/null" },
		{ "core.fsmonitor", "false" },
		{ "core.logAllRefUpdates", "false" },
		{ "core.askPass", "" },
		{ "credential.helper", "" },
		{ "http.lowSpeedLimit", "1" }, /* as pull/http.h has it */
		{ "http.lowSpeedTime", "60" },
		{ "gc.auto", "0" },
		{ "maintenance.auto", "false" },
		{ "advice.detachedHead", "false" },
		{ "safe.directory", "*" },
		{ "protocol.file.allow", g->is_file ? "always" : "never" },
		{ "protocol.ext.allow", "never" },
	};
	unsigned int count = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(settings); i++)
		r = add_setting(env, &count, settings[i].key, settings[i].value);
	if (r == 0)
		r = add_authorization(g, env, &count);
	return r == 0 ? strvec_addf(env, "GIT_CONFIG_COUNT=%u", count) : r;
}

/* Proxies and certificates of this machine are those of its network. */
static int add_inherited(struct strvec *env)
{
	static const char *const NAMES[] = { "http_proxy", "https_proxy",   "HTTPS_PROXY",
					     "all_proxy",  "ALL_PROXY",     "no_proxy",
					     "NO_PROXY",   "SSL_CERT_FILE", "SSL_CERT_DIR" };
	const char *path = getenv("PATH");
	int r = strvec_addf(env, "PATH=%s", path && *path ? path : PATH_ELSE);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(NAMES); i++) {
		const char *value = getenv(NAMES[i]);

		if (value)
			r = strvec_addf(env, "%s=%s", NAMES[i], value);
	}
	return r;
}

static int make_env(const struct git_program *g, struct strvec *env, struct err *e)
{
	static const char *const FIXED[] = {
		"HOME=/dev/null",         "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1",  "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1",    "GIT_TERMINAL_PROMPT=0",
		"GIT_ASKPASS=/bin/false", "SSH_ASKPASS=/bin/false",
		"GIT_LFS_SKIP_SMUDGE=1",  SSH,
	};
	int r = add_inherited(env);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(FIXED); i++)
		r = strvec_add(env, FIXED[i]);
	if (r == 0)
		r = strvec_addf(env, "GIT_ALLOW_PROTOCOL=http:https:git:ssh%s", g->is_file ? ":file" : "");
	if (r == 0 && g->ssh_auth_sock)
		r = strvec_addf(env, "SSH_AUTH_SOCK=%s", g->ssh_auth_sock);
	if (r == 0)
		r = add_settings(g, env);
	return r < 0 ? err_code(e, r, "cannot run git") : 0;
}

/* --- running it ------------------------------------------------------------------------------------------ */

struct run {
	pid_t pid;
	int out, err;
	struct buf *said, words;
};

/* Of root's rights git needs none; somebody else's agent can be reached by whoever may pass over owners. */
static int drop_rights(const struct git_program *g)
{
	static const int CAPS[] = { CAP_DAC_OVERRIDE };
	struct err e;

	return sandbox_drop_caps(CAPS, g->ssh_auth_sock ? ARRAY_LEN(CAPS) : 0, &e);
}

static _Noreturn void child(const struct git_program *g, char *const *argv, char *const *env, int out,
			    int err, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail */
	(void)signal(SIGPIPE, SIG_DFL);
	(void)setpgid(0, 0); /* so that all of it can be killed; who starts us does the same */
	(void)umask(0022);   /* git has no other modes than these */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || fchdir(g->dir_fd) < 0 ||
	    drop_rights(g) < 0)
		_exit(126);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(err, STDERR_FILENO) < 0 || process_cloexec_from(3) < 0)
		_exit(126);
	(void)execvpe("git", argv, env);
	_exit(errno == ENOENT ? NOT_THERE : 126);
}

static int start(const struct git_program *g, char *const *argv, char *const *env, struct run *ret,
		 struct err *e)
{
	int out[2], err[2];
	pid_t parent = getpid();

	if (pipe2(out, O_CLOEXEC) < 0)
		return err_errno(e, "cannot run git");
	if (pipe2(err, O_CLOEXEC) < 0) {
		(void)close(out[0]); /* unused, both */
		(void)close(out[1]);
		return err_errno(e, "cannot run git");
	}
	ret->pid = fork();
	if (ret->pid == 0)
		child(g, argv, env, out[1], err[1], parent);
	if (ret->pid < 0)
		(void)err_errno(e, "cannot run git");
	(void)close(out[1]); /* the child's, both */
	(void)close(err[1]);
	ret->out = out[0];
	ret->err = err[0];
	if (ret->pid < 0)
		return e->code;
	(void)setpgid(ret->pid, ret->pid); /* it may have done so, and more, already */
	return 0;
}

/* Of what it says to people the end counts. */
static void keep_words(struct buf *words, const char *data, size_t len)
{
	if (words->len + len > words->max) {
		size_t drop = words->len < words->max / 2 ? words->len : words->max / 2;

		if (words->len > 0) {
			memmove(words->data, words->data + drop, words->len - drop + 1);
			words->len -= drop;
		}
	}
	(void)!buf_add(words, data, len); /* only for a message */
}

/* 0: its end. */
static ssize_t take(int fd, struct buf *said, struct buf *words, struct err *e)
{
	char data[8192];
	ssize_t n;

	do
		n = read(fd, data, sizeof(data));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(e, "cannot hear from git");
	if (words)
		keep_words(words, data, (size_t)n);
	else if (said && buf_add(said, data, (size_t)n) < 0)
		return err_set(e, -EFBIG, "git says more than %zu bytes", said->max);
	return n;
}

/* Both of its streams, until they end. */
static int hear(struct run *run, struct pollfd fds[2], struct err *e)
{
	for (int i = 0; i < 2; i++) {
		ssize_t n = 1;

		if (fds[i].fd >= 0 && fds[i].revents)
			n = take(fds[i].fd, run->said, i == 1 ? &run->words : NULL, e);
		if (n < 0)
			return (int)n;
		if (n == 0)
			fds[i].fd = -1;
	}
	return 0;
}

static int listen_to(struct run *run, int cancel_fd, struct err *e)
{
	struct pollfd fds[] = { { .fd = run->out, .events = POLLIN },
				{ .fd = run->err, .events = POLLIN },
				{ .fd = cancel_fd, .events = POLLIN } };
	int r = 0;

	while (r == 0 && (fds[0].fd >= 0 || fds[1].fd >= 0)) {
		int ready = poll(fds, ARRAY_LEN(fds), -1);

		if (ready < 0 && errno != EINTR)
			return err_errno(e, "cannot wait for git");
		if (ready > 0 && fds[2].revents)
			return err_set(e, -EINTR, "interrupted");
		if (ready > 0)
			r = hear(run, fds, e);
	}
	return r;
}

/* The first line that says what went wrong; else the last one of all. "": there is none. */
static const char *telling_line(char *text)
{
	const char *best = "";
	char *saved = NULL;

	for (char *line = strtok_r(text, "\r\n", &saved); line; line = strtok_r(NULL, "\r\n", &saved)) {
		best = line;
		if (starts_with(line, "fatal: ") || starts_with(line, "error: "))
			break;
	}
	return best;
}

/* The same with what may be shown of the remote, and without bytes that a terminal obeys. Cut where it is too long. */
static void find_words(const struct buf *said, const char *remote, char out[WORDS_MAX])
{
	cleanup_free char *text = strndup(said->data ? said->data : "", said->len),
			  *shown = download_redact(remote);
	const char *line = text ? telling_line(text) : "";
	size_t used = 0;

	out[0] = '\0';
	while (*line && used + 1 < WORDS_MAX) {
		bool is_remote_here = shown && starts_with(line, remote);
		char one[2] = { iscntrl((unsigned char)*line) ? '?' : *line };

		(void)snprintf(out + used, WORDS_MAX - used, "%s", is_remote_here ? shown : one);
		used += strlen(out + used);
		line += is_remote_here ? strlen(remote) : 1;
	}
}

static int judge(const struct git_program *g, const struct run *run, int status, struct err *e)
{
	char words[WORDS_MAX];

	if (process_exit_code(status) == 0)
		return 0;
	if (process_exit_code(status) == NOT_THERE && run->words.len == 0)
		return err_set(e, -ENOENT, "git is not installed (apt install git)");
	find_words(&run->words, g->remote, words);
	return words[0] ? err_set(e, -EPROTO, "%s", words)
			: err_set(e, -EPROTO, "git has failed with code %d", process_exit_code(status));
}

static int converse(const struct git_program *g, char *const *argv, char *const *env, struct buf *out,
		    struct err *e)
{
	struct run run = { .out = -1, .err = -1, .said = out, .words = BUF_INIT(GIT_STDERR_MAX) };
	int r = start(g, argv, env, &run, e), status = 0;

	if (r == 0) {
		r = listen_to(&run, g->cancel_fd, e);
		if (r < 0)
			(void)kill(-run.pid, SIGKILL); /* its group; ours and not reaped yet */
		while (waitpid(run.pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (r == 0)
		r = judge(g, &run, status, e);
	cleanup_fd_fn(&run.out);
	cleanup_fd_fn(&run.err);
	buf_done(&run.words);
	return r;
}

static int run_once(const struct git_program *g, char *const *argv, struct buf *out, struct err *e)
{
	cleanup_strvec struct strvec env = { 0 };
	int r = make_env(g, &env, e);

	if (r == 0)
		r = converse(g, argv, env.items, out, e);
	for (size_t i = 0; i < env.len; i++)
		explicit_bzero(env.items[i], strlen(env.items[i])); /* secrets are among them */
	return r;
}

/* libcurl's words. */
static bool was_led_away(const struct err *e)
{
	return e->code == -EPROTO && strstr(e->text, "returned error: 30");
}

int git_program_run(const struct git_program *g, const char *const *args, struct buf *out, struct err *e)
{
	char *argv[GIT_ARGS_MAX + 2] = { (char[]){ "git" } };
	struct git_program without = *g;
	size_t n = 0;
	int r;

	for (; args[n]; n++) {
		if (n == GIT_ARGS_MAX)
			return err_set(e, -EFBIG, "git gets more than %d words", GIT_ARGS_MAX);
		argv[n + 1] = (char *)(uintptr_t)args[n]; /* execve's signature is older than const */
	}
	r = run_once(g, argv, out, e);
	if (r == 0 || !g->authorization || !was_led_away(e))
		return r;
	without.authorization = NULL;
	if (out)
		buf_clear(out);
	return run_once(&without, argv, out, e);
}
