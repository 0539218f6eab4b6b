/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/auth_helper.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "common/process.h"
#include "common/timestamp.h"

#define PREFIX     "docker-credential-"
#define NAME_MAX_  64
/* What a user name says when the secret is a refresh token. */
#define TOKEN_USER "<token>"
/* The words of docker-credential-helpers for an honest no. */
#define NOT_FOUND  "credentials not found in native keychain"

static int check_name(const char *name, struct err *e)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			len = 0;
	if (len == 0 || len > NAME_MAX_)
		return err_set(e, -EINVAL, "'%.64s' is no name of a credential helper", name);
	return 0;
}

static void run_child(const char *program, const char *verb, int in, int out) __attribute__((noreturn));

static void run_child(const char *program, const char *verb, int in, int out)
{
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
		(void)execlp(program, program, verb, (char *)NULL);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Reads until the end, or the deadline. */
static int read_answer(int fd, int64_t deadline_ms, struct buf *out)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char data[4096];
	ssize_t n = 1;
	int r = 0;

	while (r == 0 && n > 0) {
		int64_t left = deadline_ms - monotonic_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&wait, 1, (int)left) <= 0)
			continue;
		n = read(fd, data, sizeof(data));
		if (n < 0)
			return -errno;
		r = buf_add(out, data, (size_t)n);
	}
	explicit_bzero(data, sizeof(data));
	return r;
}

struct helper_run {
	pid_t pid;
	int in, out; /* our ends */
};

static int start(const char *program, const char *verb, struct helper_run *ret, struct err *e)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0)
		return err_errno(e, "cannot run '%s'", program);
	if (pipe2(out, O_CLOEXEC) < 0) {
		(void)close(in[0]); /* unused, both */
		(void)close(in[1]);
		return err_errno(e, "cannot run '%s'", program);
	}
	ret->pid = fork();
	if (ret->pid == 0)
		run_child(program, verb, in[0], out[1]);
	(void)close(in[0]); /* the child's, both */
	(void)close(out[1]);
	ret->in = in[1];
	ret->out = out[0];
	if (ret->pid > 0)
		return 0;
	(void)err_errno(e, "cannot run '%s'", program);
	(void)close(ret->in); /* unused, both */
	(void)close(ret->out);
	return e->code;
}

/* One conversation. *ret_status as waitpid(2)'s. A helper that does not read its input is not our failure but its own. */
static int converse(const char *program, const char *verb, const char *input, struct buf *out,
		    int *ret_status, struct err *e)
{
	struct helper_run run = { .pid = 0 };
	sighandler_t old = signal(SIGPIPE, SIG_IGN);
	int r = start(program, verb, &run, e);

	if (r == 0) {
		(void)!write_all(run.in, input, strlen(input));
		(void)close(run.in); /* the end of its input */
		r = read_answer(run.out, monotonic_ms() + AUTH_HELPER_TIMEOUT_MS, out);
		if (r < 0)
			(void)kill(run.pid, SIGKILL); /* ours and not reaped yet */
		(void)close(run.out);
		while (waitpid(run.pid, ret_status, 0) < 0 && errno == EINTR)
			;
		if (r < 0)
			(void)err_code(e, r, "'%s %s' gives no answer", program, verb);
	}
	(void)signal(SIGPIPE, old);
	return r;
}

/* The first line of what a helper says, without bytes that a terminal obeys. */
static void first_line(const struct buf *text, char *out, size_t max)
{
	size_t len = 0;

	for (; len < text->len && len + 1 < max && text->data[len] != '\n'; len++)
		out[len] = (char)(isprint((unsigned char)text->data[len]) ? text->data[len] : '?');
	out[len] = 0;
}

/* 0 with its answer; -ENODATA: it has nothing. */
static int ask(const char *name, const char *verb, const char *input, struct buf *out, struct err *e)
{
	char program[sizeof(PREFIX) + NAME_MAX_], words[200];
	int status = 0;
	int r = check_name(name, e);

	if (r < 0)
		return r;
	(void)snprintf(program, sizeof(program), PREFIX "%s", name);
	r = converse(program, verb, input, out, &status, e);
	if (r < 0)
		return r;
	if (process_exit_code(status) == 0)
		return 0;
	if (process_exit_code(status) == 127)
		return err_set(e, -ENOENT, "credential helper '%s' is not installed", program);
	first_line(out, words, sizeof(words));
	if (strstr(words, NOT_FOUND))
		return err_set(e, -ENODATA, "%s", words);
	return err_set(e, -EPROTO, "'%s %s' failed with code %d%s%s", program, verb,
		       process_exit_code(status), words[0] ? ": " : "", words);
}

struct answer {
	char *user, *secret;
};

static const struct json_field ANSWER[] = {
	{ "Username", offsetof(struct answer, user), json_read_string, .required = true },
	{ "Secret", offsetof(struct answer, secret), json_read_string, .required = true },
	{ 0 },
};

int auth_helper_get(const char *name, const char *server, struct secret *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(AUTH_HELPER_ANSWER_MAX);
	struct answer a = { 0 };
	int r = ask(name, "get", server, &text, e);

	if (r == -ENODATA)
		return 0;
	if (r == 0) {
		r = json_decode(text.data ? text.data : "", text.len, ANSWER, &a, e);
		if (r < 0)
			(void)err_wrap(e, "the answer of credential helper '%s'", name);
	}
	if (text.data)
		explicit_bzero(text.data, text.len);
	if (r == 0 && strcmp(a.user, TOKEN_USER) == 0) {
		ret->identity_token = ptr_take(a.secret);
	} else if (r == 0) {
		ret->user = ptr_take(a.user);
		ret->password = ptr_take(a.secret);
	}
	free(a.user);
	free(a.secret);
	return r;
}

int auth_helper_store(const char *name, const char *server, const struct secret *s, struct err *e)
{
	cleanup_buf struct buf answer = BUF_INIT(AUTH_HELPER_ANSWER_MAX);
	cleanup_json_out struct json_out *o = json_out_new(false, AUTH_HELPER_ANSWER_MAX);
	const char *text;
	size_t len;
	int r;

	json_out_object(o, NULL);
	json_out_string(o, "ServerURL", server);
	json_out_string(o, "Username", s->identity_token ? TOKEN_USER : s->user);
	json_out_string(o, "Secret", s->identity_token ? s->identity_token : s->password);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	return r < 0 ? r : ask(name, "store", text, &answer, e);
}

int auth_helper_erase(const char *name, const char *server, struct err *e)
{
	cleanup_buf struct buf answer = BUF_INIT(AUTH_HELPER_ANSWER_MAX);
	int r = ask(name, "erase", server, &answer, e);

	return r == -ENODATA ? 0 : r;
}
