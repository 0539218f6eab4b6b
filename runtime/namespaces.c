/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/namespaces.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/strvec.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define MAP_MAX_BYTES 4095 /* the kernel takes less than a page */

int namespaces_open(const struct plan *p, struct namespace_fds *ret, struct err *e)
{
	cleanup_namespace_fds struct namespace_fds n;

	for (size_t i = 0; i < PLAN_NAMESPACES_MAX; i++)
		n.fds[i] = -1;
	for (size_t i = 0; i < p->joins_len; i++) {
		n.fds[i] = open(p->joins[i].path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (n.fds[i] < 0)
			return err_errno(e, "cannot open namespace '%s'", p->joins[i].path);
	}
	*ret = n;
	for (size_t i = 0; i < PLAN_NAMESPACES_MAX; i++)
		n.fds[i] = -1;
	return 0;
}

void namespaces_close(struct namespace_fds *n)
{
	for (size_t i = 0; i < PLAN_NAMESPACES_MAX; i++) {
		if (n->fds[i] >= 0)
			(void)close(n->fds[i]);
		n->fds[i] = -1;
	}
}

int namespaces_join_pid(const struct plan *p, const struct namespace_fds *n, int *ret_old_fd, struct err *e)
{
	*ret_old_fd = -1;
	for (size_t i = 0; i < p->joins_len; i++) {
		cleanup_fd int old = -1;

		if (p->joins[i].clone_flag != CLONE_NEWPID)
			continue;
		old = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
		if (old < 0)
			return err_errno(e, "cannot open the own PID namespace");
		if (setns(n->fds[i], CLONE_NEWPID) < 0)
			return err_errno(e, "cannot join namespace '%s'", p->joins[i].path);
		*ret_old_fd = fd_take(&old);
		return 0;
	}
	return 0;
}

static int write_offsets(const struct spec_linux *linux_, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MAP_MAX_BYTES);
	int r = 0;

	for (size_t i = 0; i < linux_->time_offsets_len && r == 0; i++) {
		const struct spec_time_offset *t = &linux_->time_offsets[i];

		r = buf_printf(&text, "%s %lld %u\n", t->clock, (long long)t->secs, t->nanosecs);
	}
	if (r == 0)
		r = file_poke(AT_FDCWD, "/proc/self/timens_offsets", text.data);
	return r < 0 ? err_code(e, r, "cannot set linux.timeOffsets") : 0;
}

int namespaces_make_time(const struct plan *p, const struct spec_linux *linux_, int *ret_old_fd,
			 struct err *e)
{
	cleanup_fd int old = -1;
	int r;

	*ret_old_fd = -1;
	if (!p->unshare_time)
		return 0;
	old = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);
	if (old < 0)
		return err_errno(e, "cannot open the own time namespace");
	if (unshare(CLONE_NEWTIME) < 0)
		return err_errno(e, "cannot make a time namespace");
	r = write_offsets(linux_, e);
	*ret_old_fd = fd_take(&old);
	return r;
}

static int join(const struct plan *p, const struct namespace_fds *n, bool user, struct err *e)
{
	for (size_t i = 0; i < p->joins_len; i++) {
		int flag = p->joins[i].clone_flag;

		if (flag == CLONE_NEWPID || (flag == CLONE_NEWUSER) != user)
			continue;
		if (setns(n->fds[i], flag) < 0)
			return err_errno(e, "cannot join namespace '%s'", p->joins[i].path);
	}
	return 0;
}

int namespaces_join_users(const struct plan *p, const struct namespace_fds *n, struct err *e)
{
	return join(p, n, true, e);
}

int namespaces_join(const struct plan *p, const struct namespace_fds *n, struct err *e)
{
	return join(p, n, false, e);
}

/* --- ID maps ------------------------------------------------------------------------------------------- */

static int map_text(const struct spec_id_mapping *maps, size_t len, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < len; i++) {
		int r = buf_printf(out, "%u %u %u\n", maps[i].container_id, maps[i].host_id, maps[i].size);

		if (r < 0)
			return err_code(e, r, "ID mappings");
	}
	return 0;
}

/* The first line of what a helper has to say, which it begins with its name. */
static void read_words(const char *helper, int fd, char *out, size_t size)
{
	ssize_t n = read(fd, out, size - 1);
	size_t len = strlen(helper);

	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (strncmp(out, helper, len) == 0 && strncmp(out + len, ": ", 2) == 0)
		memmove(out, out + len + 2, strlen(out + len + 2) + 1);
}

static int helper_wait(const char *helper, pid_t child, int words_fd, struct err *e)
{
	char words[256];
	int status;

	if (child < 0)
		return err_errno(e, "cannot run '%s'", helper);
	read_words(helper, words_fd, words, sizeof(words));
	if (waitpid(child, &status, 0) < 0)
		return err_errno(e, "cannot run '%s'", helper);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(e, -ENOENT, "cannot run '%s' (install the package uidmap)", helper);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(e, -EPERM, "'%s' failed: %s (are the ranges in /etc/subuid and /etc/subgid?)",
			       helper, words[0] ? words : "it does not say why");
	return 0;
}

/* newuidmap PID container host size ... */
static int run_helper(const char *helper, pid_t pid, const struct spec_id_mapping *maps, size_t len,
		      struct err *e)
{
	cleanup_strvec struct strvec argv = { 0 };
	int words[2], r = strvec_add(&argv, helper);
	pid_t child;

	if (r == 0)
		r = strvec_addf(&argv, "%d", (int)pid);
	for (size_t i = 0; i < len && r == 0; i++) {
		r = strvec_addf(&argv, "%u", maps[i].container_id);
		if (r == 0)
			r = strvec_addf(&argv, "%u", maps[i].host_id);
		if (r == 0)
			r = strvec_addf(&argv, "%u", maps[i].size);
	}
	if (r < 0)
		return err_code(e, r, "cannot run '%s'", helper);
	if (pipe2(words, O_CLOEXEC) < 0)
		return err_errno(e, "cannot run '%s'", helper);
	child = fork();
	if (child == 0) {
		(void)dup2(words[1], STDERR_FILENO); /* without its words its exit status must do */
		execvp(helper, argv.items);
		_exit(127);
	}
	(void)close(words[1]);
	r = helper_wait(helper, child, words[0], e);
	(void)close(words[0]);
	return r;
}

static int write_map(pid_t pid, const char *file, const char *helper, const struct spec_id_mapping *maps,
		     size_t len, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MAP_MAX_BYTES);
	char path[64];
	int r = map_text(maps, len, &text, e);

	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	r = file_poke(AT_FDCWD, path, text.data);
	if (r == -EPERM)
		return run_helper(helper, pid, maps, len, e);
	return r < 0 ? err_code(e, r, "cannot write '%s'", path) : 0;
}

/* An unprivileged writer of gid_map must give up setgroups first; newgidmap sees to that itself. user_namespaces(7). */
static int deny_setgroups(pid_t pid, const struct spec_linux *linux_, struct err *e)
{
	char path[64];
	int r;

	if (geteuid() == 0 || linux_->gid_mappings_len != 1 || linux_->gid_mappings[0].size != 1 ||
	    linux_->gid_mappings[0].host_id != getegid())
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	r = file_poke(AT_FDCWD, path, "deny");
	return r < 0 && r != -ENOENT ? err_code(e, r, "cannot write '%s'", path) : 0;
}

int namespaces_write_maps(pid_t pid, const struct spec_linux *linux_, struct err *e)
{
	int r = deny_setgroups(pid, linux_, e);

	if (r == 0)
		r = write_map(pid, "uid_map", "newuidmap", linux_->uid_mappings, linux_->uid_mappings_len, e);
	if (r == 0)
		r = write_map(pid, "gid_map", "newgidmap", linux_->gid_mappings, linux_->gid_mappings_len, e);
	return r;
}
