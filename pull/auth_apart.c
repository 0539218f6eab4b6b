/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/auth_apart.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/file.h"

/* In front of the three texts, each without its NUL. */
struct head {
	struct err err; /* code 0: a success */
	size_t lens[3];
	bool set[3];
};

static void run_child(const char *given, const char *domain, const char *path, int fd)
	__attribute__((noreturn));

static void run_child(const char *given, const char *domain, const char *path, int fd)
{
	struct secret s = { 0 };
	struct head h = { 0 };
	int r = auth_find(given, domain, path, &s, &h.err);
	const char *const texts[] = { s.user, s.password, s.identity_token };

	if (r == 0)
		h.err.code = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(texts); i++) {
		h.set[i] = texts[i];
		h.lens[i] = texts[i] ? strlen(texts[i]) : 0;
	}
	r = write_all(fd, &h, sizeof(h));
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(texts); i++)
		r = write_all(fd, texts[i] ? texts[i] : "", h.lens[i]);
	_exit(r < 0);
}

static int read_text(int fd, size_t len, char **ret)
{
	char *text = len <= AUTH_FILE_MAX ? calloc(1, len + 1) : NULL;
	int r = text ? read_exactly(fd, text, len) : -ENOMEM;

	if (r == 0)
		*ret = text;
	else
		free(text);
	return r;
}

static int read_answer(int fd, struct secret *ret, struct err *e)
{
	struct head h;
	char **const texts[] = { &ret->user, &ret->password, &ret->identity_token };
	int r = read_exactly(fd, &h, sizeof(h));

	if (r == 0 && h.err.code < 0) {
		*e = h.err;
		return e->code;
	}
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(texts); i++)
		if (h.set[i])
			r = read_text(fd, h.lens[i], texts[i]);
	return r < 0 ? err_set(e, -EPROTO, "the process that looks for credentials died") : 0;
}

int auth_find_apart(const char *given, const char *domain, const char *path, struct secret *ret,
		    struct err *e)
{
	cleanup_fd int read_end = -1, write_end = -1;
	int pair[2], r;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_errno(e, "cannot look for credentials");
	read_end = pair[0];
	write_end = pair[1];
	pid = fork();
	if (pid == 0)
		run_child(given, domain, path, write_end);
	if (pid < 0)
		return err_errno(e, "cannot look for credentials");
	(void)close(fd_take(&write_end)); /* the child's */
	r = read_answer(read_end, ret, e);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}
