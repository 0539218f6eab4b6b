/* SPDX-License-Identifier: Apache-2.0 */
/* An empty directory to fetch into, beside repositories that a test makes. */
#ifndef SAMPAN_TESTS_UNIT_BUILD_REMOTE_FIXTURE_H
#define SAMPAN_TESTS_UNIT_BUILD_REMOTE_FIXTURE_H

#include <fcntl.h>
#include <sys/stat.h>

#include "build/remote.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "tests/unit/pull/http_server.h"

struct remote_fixture {
	char path[64], url[128];
	int top_fd, out_fd;
	struct http_server server; /* of the top directory */
	struct remote_options o;
	struct err e;
};

static inline int remote_setup(void **state)
{
	struct remote_fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)snprintf(f->path, sizeof(f->path), "/tmp/sampan-remote.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->top_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(f->top_fd, "out", 0755), 0);
	f->out_fd = openat(f->top_fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->out_fd >= 0);
	f->o = (struct remote_options){ .retry_ms = 1, .cancel_fd = -1 };
	*state = f;
	return 0;
}

static inline int remote_teardown(void **state)
{
	struct remote_fixture *f = *state;

	if (f->server.pid > 0)
		http_server_stop(&f->server);
	assert_int_equal(tree_remove(AT_FDCWD, f->path, &f->e), 0);
	cleanup_fd_fn(&f->top_fd);
	cleanup_fd_fn(&f->out_fd);
	free(f);
	return 0;
}

static inline void serve(struct remote_fixture *f)
{
	http_server_start(&f->server, f->path);
}

/* URL of a path of the server. */
static inline const char *at_server(struct remote_fixture *f, const char *path)
{
	(void)snprintf(f->url, sizeof(f->url), "%s%s", f->server.url, path);
	return f->url;
}

/* Small machines lack some of what these tests drive. */
static inline bool has_program(const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/usr/bin/%s", name);
	return access(path, X_OK) == 0;
}

static inline void need_program(const char *name)
{
	if (!has_program(name)) {
		print_message("%s is missing here\n", name);
		skip();
	}
}

/* Runs a script in the top directory, where git is somebody whom it knows. */
static inline void shell(const struct remote_fixture *f, const char *script)
{
	char *command;
	int status;
	pid_t pid;

	assert_true(
		asprintf(&command,
			 "cd %s && set -e && export HOME=%s GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a "
			 "GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b "
			 "GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=protocol.file.allow GIT_CONFIG_VALUE_0=always "
			 "GIT_CONFIG_KEY_1=init.defaultBranch GIT_CONFIG_VALUE_1=main\n%s",
			 f->path, f->path, script) > 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("failed: %s", script);
	free(command);
}

static inline void assert_text(int dir_fd, const char *path, const char *text)
{
	cleanup_buf struct buf found = BUF_INIT(65536);
	struct err e;

	if (file_read(dir_fd, path, &found, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(found.data ? found.data : "", text);
}

static inline void assert_nothing(int dir_fd, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(errno, ENOENT);
}

#endif
