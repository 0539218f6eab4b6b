/* SPDX-License-Identifier: Apache-2.0 */
#include "build/remote_context.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/dockerfile.h"
#include "build/plan_parts.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "pull/tree_unpack.h"

#define ROOT       "root"       /* of the context, in the staging directory */
#define DOCKERFILE "Dockerfile" /* from standard input, beside it */
#define FETCHED    "fetched"    /* a directory */
#define PUMP_BYTES ((size_t)64 << 10)

void remote_context_done(struct remote_context *c)
{
	cleanup_fd_fn(&c->root_fd);
	cleanup_fd_fn(&c->dockerfile_fd);
	*c = (struct remote_context){ .root_fd = -1, .dockerfile_fd = -1 };
}

static bool is_url(const char *text)
{
	return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

enum remote_context_kind remote_context_kind(const char *text)
{
	struct plan_git git = { 0 };
	struct err e;
	int r;

	if (strcmp(text, "-") == 0)
		return REMOTE_CONTEXT_STDIN;
	r = plan_git_parse(text, &git, &e);
	plan_git_done(&git);
	if (r != 0) /* one that is wrong is git's as well */
		return REMOTE_CONTEXT_GIT;
	return is_url(text) ? REMOTE_CONTEXT_URL : REMOTE_CONTEXT_FOLDER;
}

static int make_directory(int staging_fd, const char *name, int *ret_fd, struct err *e)
{
	if (mkdirat(staging_fd, name, 0755) < 0)
		return err_errno(e, "cannot make a directory for the context");
	*ret_fd = openat(staging_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* The umask is the user's, and must not show in an image. */
	if (*ret_fd < 0 || fchmod(*ret_fd, 0755) < 0)
		return err_errno(e, "cannot make a directory for the context");
	return 0;
}

/* As a user's folder has it: all belongs to whoever builds. */
static struct tree_unpack unpack_of(const char *start, size_t len)
{
	return (struct tree_unpack){ .compression = tree_compression_of(start, len),
				     .uid = geteuid(),
				     .gid = getegid() };
}

/* --- standard input ------------------------------------------------------------------------------------- */

/* Until there are bytes, or the end, or somebody does not want to wait any more. */
static int wait_for(int fd, short events, int cancel_fd, struct err *e)
{
	struct pollfd fds[] = { { .fd = fd, .events = events }, { .fd = cancel_fd, .events = POLLIN } };

	while (poll(fds, ARRAY_LEN(fds), -1) < 0)
		if (errno != EINTR)
			return err_errno(e, "cannot wait for the context");
	return fds[1].revents ? err_set(e, -EINTR, "interrupted") : 0;
}

static ssize_t read_some(int fd, void *out, size_t len, int cancel_fd, struct err *e)
{
	ssize_t n;
	int r = wait_for(fd, POLLIN, cancel_fd, e);

	if (r < 0)
		return r;
	do
		n = read(fd, out, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_errno(e, "cannot read the context from standard input") : n;
}

/* As many bytes as there are, up to len. */
static ssize_t read_start(int fd, char *out, size_t len, int cancel_fd, struct err *e)
{
	size_t used = 0;

	while (used < len) {
		ssize_t n = read_some(fd, out + used, len - used, cancel_fd, e);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

/* Who reads at the other end may stop before the end, as after a tar's last entry. */
static int hand_on(int fd, const char *data, size_t len, int cancel_fd, struct err *e)
{
	while (len > 0) {
		int r = wait_for(fd, POLLOUT, cancel_fd, e);
		ssize_t n;

		if (r < 0)
			return r;
		n = write(fd, data, len);
		if (n < 0 && errno == EPIPE)
			return 1;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_errno(e, "cannot hand on the context");
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* The start, which has been read, and what follows. */
static int pump(int in_fd, const char *start, size_t len, int out_fd, int cancel_fd, struct err *e)
{
	cleanup_free char *block = malloc(PUMP_BYTES);
	int r = block ? hand_on(out_fd, start, len, cancel_fd, e)
		      : err_code(e, -ENOMEM, "cannot read the context");

	while (r == 0) {
		ssize_t n = read_some(in_fd, block, PUMP_BYTES, cancel_fd, e);

		if (n <= 0)
			return (int)n;
		r = hand_on(out_fd, block, (size_t)n, cancel_fd, e);
	}
	return r < 0 ? r : 0;
}

static int unpack_stream(int in_fd, const char *start, size_t len, int root_fd, int cancel_fd, struct err *e)
{
	const struct tree_unpack how = unpack_of(start, len);
	cleanup_tree_unpack_job struct tree_unpack_job job = { 0 };
	cleanup_fd int from = -1, to = -1;
	sighandler_t old;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, "cannot make a pipe");
	from = fds[0];
	to = fds[1];
	r = tree_unpack_start(from, root_fd, &how, &job, e);
	(void)close(fd_take(&from)); /* the other process has it */
	/* What is written is what there is room for: waiting is to be done where it can be interrupted. */
	if (r == 0 && fcntl(to, F_SETFL, O_NONBLOCK) < 0)
		r = err_errno(e, "cannot hand on the context");
	old = signal(SIGPIPE, SIG_IGN); /* write(2) says it */
	if (r == 0)
		r = pump(in_fd, start, len, to, cancel_fd, e);
	(void)signal(SIGPIPE, old);
	(void)close(fd_take(&to)); /* that is the end of it */
	return r < 0 ? r : tree_unpack_wait(&job, cancel_fd, e);
}

static int take_dockerfile(int in_fd, const char *start, size_t len, int staging_fd, int cancel_fd,
			   int *ret_fd, struct err *e)
{
	cleanup_fd int fd = openat(staging_fd, DOCKERFILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char block[4096];
	ssize_t n = (ssize_t)len;
	size_t total = 0;
	int r = fd < 0 ? -errno : write_all(fd, start, len);

	for (; r == 0 && n > 0 && total <= DOCKERFILE_MAX_BYTES; total += (size_t)n) {
		n = read_some(in_fd, block, sizeof(block), cancel_fd, e);
		if (n < 0)
			return (int)n;
		r = write_all(fd, block, (size_t)n);
	}
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_code(e, r < 0 ? r : -errno, "cannot keep the Dockerfile from standard input");
	if (total + len > DOCKERFILE_MAX_BYTES)
		return err_set(e, -EFBIG, "the Dockerfile from standard input is larger than %u bytes",
			       DOCKERFILE_MAX_BYTES);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int fetch_stdin(int in_fd, int staging_fd, const struct remote_options *o, struct remote_context *ret,
		       struct err *e)
{
	char start[TREE_UNPACK_START];
	ssize_t n;
	int r;

	if (in_fd < 0)
		return err_set(e, -EINVAL, "standard input cannot be the context here");
	n = read_start(in_fd, start, sizeof(start), o->cancel_fd, e);
	if (n < 0)
		return (int)n;
	if (n == 0)
		return err_set(e, -EINVAL, "standard input is empty: a tar or a Dockerfile was expected");
	r = make_directory(staging_fd, ROOT, &ret->root_fd, e);
	if (r < 0)
		return r;
	if (tree_compression_of(start, (size_t)n) != TREE_PLAIN || tree_is_tar_header(start, (size_t)n)) {
		r = unpack_stream(in_fd, start, (size_t)n, ret->root_fd, o->cancel_fd, e);
		return r < 0 ? err_wrap(e, "cannot unpack the context from standard input") : 0;
	}
	ret->dockerfile = "-";
	return take_dockerfile(in_fd, start, (size_t)n, staging_fd, o->cancel_fd, &ret->dockerfile_fd, e);
}

/* --- URLs ----------------------------------------------------------------------------------------------- */

static int fetch_git(const char *text, int staging_fd, const struct remote_options *o,
		     struct remote_context *ret, struct err *e)
{
	cleanup_fd int dir_fd = -1;
	struct plan_git git = { 0 };
	int r = plan_git_parse(text, &git, e);

	git.keep_git_dir.value |= o->keep_git_dir;
	if (r == 1)
		r = remote_git_resolve(&git, o, &ret->git, e);
	if (r == 0)
		r = make_directory(staging_fd, ROOT, &dir_fd, e);
	if (r == 0)
		r = remote_git(&git, &ret->git, dir_fd, o, &ret->root_fd, e);
	plan_git_done(&git);
	return r;
}

/* What a web server calls an archive does not count either. */
static int is_context(int fd, bool *ret, enum tree_compression *ret_compression, struct err *e)
{
	char start[TREE_UNPACK_START];
	ssize_t n = pread(fd, start, sizeof(start), 0);

	if (n < 0)
		return err_errno(e, "cannot read the downloaded context");
	*ret_compression = tree_compression_of(start, (size_t)n);
	*ret = *ret_compression != TREE_PLAIN || tree_is_tar_header(start, (size_t)n);
	return 0;
}

static int use_fetched(int fetched_fd, int staging_fd, const struct remote_options *o,
		       struct remote_context *ret, struct err *e)
{
	cleanup_fd int fd = openat(fetched_fd, REMOTE_CONTEXT_DOCKERFILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct tree_unpack how = unpack_of("", 0);
	bool is_archive = false;
	int r = fd < 0 ? err_errno(e, "cannot open the downloaded context")
		       : is_context(fd, &is_archive, &how.compression, e);

	if (r < 0)
		return r;
	if (!is_archive) {
		ret->dockerfile = REMOTE_CONTEXT_DOCKERFILE;
		ret->dockerfile_fd = fd_take(&fd);
		ret->root_fd = fcntl(fetched_fd, F_DUPFD_CLOEXEC, 3);
		return ret->root_fd < 0 ? err_errno(e, "cannot open the downloaded context") : 0;
	}
	r = make_directory(staging_fd, ROOT, &ret->root_fd, e);
	if (r == 0)
		r = tree_unpack(fd, ret->root_fd, &how, o->cancel_fd, e);
	if (r < 0)
		return err_wrap(e, "cannot unpack the downloaded context");
	if (unlinkat(fetched_fd, REMOTE_CONTEXT_DOCKERFILE, 0) < 0) /* the room is worth more */
		return err_errno(e, "cannot remove the downloaded archive");
	return 0;
}

static int fetch_url(const char *url, int staging_fd, const struct remote_options *o,
		     struct remote_context *ret, struct err *e)
{
	cleanup_fd int fetched_fd = -1;
	struct remote_file file;
	int r = make_directory(staging_fd, FETCHED, &fetched_fd, e);

	if (r == 0)
		r = remote_fetch_url(url, REMOTE_CONTEXT_DOCKERFILE, NULL, fetched_fd, o, &file, e);
	if (r < 0)
		return r;
	ret->digest = file.digest;
	return use_fetched(fetched_fd, staging_fd, o, ret, e);
}

int remote_context_fetch(const char *text, int in_fd, int staging_fd, const struct remote_options *o,
			 struct remote_context *ret, struct err *e)
{
	cleanup_remote_context struct remote_context c = { .root_fd = -1, .dockerfile_fd = -1 };
	int r;

	switch (remote_context_kind(text)) {
	case REMOTE_CONTEXT_STDIN:
		r = fetch_stdin(in_fd, staging_fd, o, &c, e);
		break;
	case REMOTE_CONTEXT_GIT:
		r = fetch_git(text, staging_fd, o, &c, e);
		break;
	case REMOTE_CONTEXT_URL:
		r = fetch_url(text, staging_fd, o, &c, e);
		break;
	default:
		return err_set(e, -EINVAL, "'%.200s' is a folder", text);
	}
	if (r < 0)
		return r;
	*ret = c;
	c = (struct remote_context){ .root_fd = -1, .dockerfile_fd = -1 };
	return 0;
}
