/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_helper.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/names.h"
#include "common/process.h"

#define SYSTEM_PATH "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"

extern char **environ;

/* Where distributions put what podman calls, and where the rest is. */
static const char *const DIRS[] = { "/usr/libexec/podman",
				    "/usr/lib/podman",
				    "/usr/local/libexec/podman",
				    "/usr/local/lib/podman",
				    "/usr/sbin",
				    "/usr/bin",
				    "/sbin",
				    "/bin",
				    "/usr/local/sbin",
				    "/usr/local/bin" };

void network_helper_result_done(struct network_helper_result *r)
{
	buf_done(&r->out);
	buf_done(&r->error);
}

static const char *package_of(const char *name)
{
	return strcmp(name, "pasta") == 0 ? "passt" : name;
}

/* True: *ret is owned; NULL where memory is out. */
static bool is_in(const char *dir, const char *name, char **ret)
{
	if (asprintf(ret, "%s/%s", dir, name) < 0) {
		*ret = NULL;
		return true;
	}
	if (access(*ret, X_OK) == 0)
		return true;
	free(*ret);
	*ret = NULL;
	return false;
}

int network_helper_find(const char *name, char **ret, struct err *e)
{
	const char *dir = getenv(NETWORK_HELPER_ENV);
	bool found = false;
	char *path = NULL;

	if (dir && dir[0])
		found = is_in(dir, name, &path);
	for (size_t i = 0; !(dir && dir[0]) && !found && i < ARRAY_LEN(DIRS); i++)
		found = is_in(DIRS[i], name, &path);
	if (!found)
		return err_set(e, -ENOENT,
			       "networks need '%s', which is not here: install the package %s (or use "
			       "--network none or host)",
			       name, package_of(name));
	if (!path)
		return err_set(e, -ENOMEM, "out of memory");
	*ret = path;
	return 0;
}

static int add_path(const char *first, struct strvec *ret)
{
	const char *path = getenv("PATH");

	return strvec_addf(ret, "PATH=%s%s" SYSTEM_PATH "%s%s", first ? first : "", first ? ":" : "",
			   path && path[0] ? ":" : "", path ? path : "");
}

/* The environment with PATH for helpers of helpers: netavark looks for iptables there, some thirty times a container, and each directory that has
 * not got it is a failed execve(2). */
static int make_environment(const struct network_helper_extra *extra, struct strvec *ret, struct err *e)
{
	int r = 0;

	for (char **p = environ; r == 0 && p && *p; p++)
		if (strncmp(*p, "PATH=", 5) != 0)
			r = strvec_add(ret, *p);
	if (r == 0)
		r = add_path(extra ? extra->first_dir : NULL, ret);
	if (r == 0 && extra && extra->variable)
		r = strvec_set_env(ret, extra->variable);
	return r < 0 ? err_code(e, r, "cannot make an environment") : 0;
}

/* Files, not pipes: what stays behind may keep them open. */
static int memory_file(const void *data, size_t len, int *ret, struct err *e)
{
	cleanup_fd int fd = memfd_create("helper", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot make a file in memory");
	r = write_all(fd, data, len);
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_code(e, r < 0 ? r : -errno, "cannot write a file in memory");
	*ret = fd_take(&fd);
	return 0;
}

static void exec_helper(const struct strvec *argv, const struct strvec *env, const int fds[3], int kept_fd)
	__attribute__((noreturn));

static void exec_helper(const struct strvec *argv, const struct strvec *env, const int fds[3], int kept_fd)
{
	sigset_t none;

	(void)sigemptyset(&none); /* cannot fail */
	if (sigprocmask(SIG_SETMASK, &none, NULL) == 0 && dup2(fds[0], 0) >= 0 && dup2(fds[1], 1) >= 0 &&
	    dup2(fds[2], 2) >= 0 && (kept_fd < 0 || fcntl(kept_fd, F_SETFD, 0) == 0))
		(void)execve(argv->items[0], argv->items, env->items);
	(void)dprintf(fds[2], "%s", errno_text(errno));
	_exit(127);
}

static int read_back(int fd, struct buf *out, struct err *e)
{
	return lseek(fd, 0, SEEK_SET) < 0 ? err_errno(e, "cannot read a file in memory")
					  : read_fd(fd, out, e);
}

void network_helper_done(struct network_helper *h)
{
	cleanup_fd_fn(&h->pidfd);
	cleanup_fd_fn(&h->out_fd);
	cleanup_fd_fn(&h->error_fd);
	*h = NETWORK_HELPER_EMPTY;
}

int network_helper_start(const struct strvec *argv, const char *input, size_t len,
			 const struct network_helper_extra *extra, struct network_helper *ret, struct err *e)
{
	cleanup_network_helper struct network_helper h = NETWORK_HELPER_EMPTY;
	cleanup_strvec struct strvec env = { 0 };
	cleanup_fd int in = -1;
	int r = make_environment(extra, &env, e);

	if (r == 0)
		r = memory_file(input, len, &in, e);
	if (r == 0)
		r = memory_file("", 0, &h.out_fd, e);
	if (r == 0)
		r = memory_file("", 0, &h.error_fd, e);
	if (r < 0)
		return r;
	h.pid = process_clone(0, -1, &h.pidfd);
	if (h.pid < 0)
		return err_code(e, h.pid, "cannot run '%s'", argv->items[0]);
	if (h.pid == 0) {
		const int fds[] = { in, h.out_fd, h.error_fd };

		exec_helper(argv, &env, fds, extra ? extra->fd : -1);
	}
	*ret = (struct network_helper){ h.pid, fd_take(&h.pidfd), fd_take(&h.out_fd), fd_take(&h.error_fd) };
	return 0;
}

int network_helper_finish(const struct network_helper *h, struct network_helper_result *ret, struct err *e)
{
	int status = 0, r = process_wait(h->pidfd, &status);

	if (r < 0)
		return err_code(e, r, "cannot wait for a program");
	ret->out = BUF_INIT(NETWORK_HELPER_OUT_BYTES);
	ret->error = BUF_INIT(NETWORK_HELPER_OUT_BYTES);
	ret->exit_code = process_exit_code(status);
	r = read_back(h->out_fd, &ret->out, e);
	return r == 0 ? read_back(h->error_fd, &ret->error, e) : r;
}

int network_helper_run(const struct strvec *argv, const char *input, size_t len,
		       struct network_helper_result *ret, struct err *e)
{
	cleanup_network_helper struct network_helper h = NETWORK_HELPER_EMPTY;
	int r = network_helper_start(argv, input, len, NULL, &h, e);

	return r == 0 ? network_helper_finish(&h, ret, e) : r;
}
