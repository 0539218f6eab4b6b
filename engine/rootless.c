/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/rootless.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/process.h"
#include "common/program_path.h"
#include "common/subid.h"
#include "engine/monitor.h"
#include "engine/status_page.h"
#include "runtime/namespaces.h"
#include "runtime/sync.h"

#define KEEPER_FILE    "namespace" /* "PID TICKS" of the process that keeps it */
#define KEEPER_MAX     64
#define LOCK_FILE      "namespace.lock"
#define KEEPER_PROGRAM "sampan-monitor"
#define MAPS_MAX       (SUBID_RANGES_MAX + 1)

/* Somebody who is in the namespaces. */
struct member {
	pid_t pid;
	uint64_t ticks;
};

/* --- where things are --- */

static int take_path(char **ret, const char *top, const char *rest, struct err *e)
{
	if (asprintf(ret, "%s/%s", top, rest) < 0) {
		*ret = NULL;
		return err_set(e, -ENOMEM, "out of memory");
	}
	return 0;
}

int rootless_root(char **ret, struct err *e)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (data && data[0] == '/')
		return take_path(ret, data, "sampan", e);
	if (!home || home[0] != '/')
		return err_set(e, -ENOENT, "HOME is not set: there is no place for images (use --root)");
	return take_path(ret, home, ".local/share/sampan", e);
}

int rootless_state_dir(char **ret, struct err *e)
{
	const char *given = getenv("XDG_RUNTIME_DIR");
	char path[64];
	struct stat st;

	if (given && given[0] == '/')
		return take_path(ret, given, "sampan", e);
	(void)snprintf(path, sizeof(path), "/run/user/%u", (unsigned int)geteuid());
	if (stat(path, &st) < 0 || st.st_uid != geteuid())
		return err_set(e, -ENOENT,
			       "XDG_RUNTIME_DIR is not set, and there is no '%s' (log in, or: loginctl "
			       "enable-linger; or use --state-dir)",
			       path);
	if (setenv("XDG_RUNTIME_DIR", path, 1) < 0) /* whoever talks to systemd looks there */
		return err_errno(e, "cannot set XDG_RUNTIME_DIR");
	return take_path(ret, path, "sampan", e);
}

/* --- members --- */

static bool read_keeper(int dir_fd, struct member *ret)
{
	cleanup_buf struct buf text = BUF_INIT(KEEPER_MAX);
	struct err ignored;
	char *blank;
	int64_t pid;

	if (file_read(dir_fd, KEEPER_FILE, &text, &ignored) < 0 || !text.data)
		return false;
	blank = strchr(text.data, ' ');
	if (!blank)
		return false;
	*blank = '\0';
	if (parse_i64(text.data, 1, INT32_MAX, &pid) < 0 ||
	    parse_u64(blank + 1, 0, UINT64_MAX, &ret->ticks) < 0)
		return false;
	ret->pid = (pid_t)pid;
	return true;
}

static bool is_alive(const struct member *m)
{
	uint64_t ticks;
	char state;

	return process_stat(m->pid, &state, &ticks) == 0 && ticks == m->ticks && state != 'Z' && state != 'X';
}

static bool read_monitor(const char *state_dir, const char *id, struct member *ret)
{
	cleanup_shared_page struct shared_page page = { 0 };
	cleanup_fd int fd = -1;
	struct shared_page_owner owner;
	struct status status;
	struct err ignored;

	if (monitor_open_dir(state_dir, id, false, &fd, &ignored) < 0 ||
	    status_page_open(fd, &page, &ignored) < 0 ||
	    status_page_read(&page, &status, NULL, &owner, &ignored) < 0)
		return false;
	*ret = (struct member){ .pid = owner.pid, .ticks = owner.start_ticks };
	return true;
}

struct spaces {
	int user, mnt;
};

static void spaces_done(struct spaces *s)
{
	if (s->user >= 0)
		(void)close(s->user);
	if (s->mnt >= 0)
		(void)close(s->mnt);
}
#define cleanup_spaces __attribute__((cleanup(spaces_done)))
#define SPACES_EMPTY   ((struct spaces){ .user = -1, .mnt = -1 })

static int open_namespace(const struct member *m, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)m->pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* False: it has ended, or is about to. That it lives after all is open says that what is open is its. */
static bool open_spaces(const struct member *m, struct spaces *ret)
{
	spaces_done(ret);
	ret->user = open_namespace(m, "user");
	ret->mnt = open_namespace(m, "mnt");
	return ret->user >= 0 && ret->mnt >= 0 && is_alive(m);
}

/* The keeper was killed, as by the end of a service that it came to be in: a monitor of another one is as good. */
static bool find_monitor(int dir_fd, const char *state_dir, struct spaces *ret)
{
	struct member m;
	cleanup_dir DIR *dir = NULL;
	const struct dirent *entry;
	int fd = openat(dir_fd, MONITOR_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir && fd >= 0)
		(void)close(fd); /* it was only for reading */
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && read_monitor(state_dir, entry->d_name, &m) &&
		    open_spaces(&m, ret))
			return true;
	return false;
}

static int join(const struct spaces *s, struct err *e)
{
	cleanup_free char *here = getcwd(NULL, 0);

	if (setns(s->user, CLONE_NEWUSER) < 0 || setns(s->mnt, CLONE_NEWNS) < 0)
		return err_errno(e, "cannot enter the user namespace of the other containers");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_errno(e, "cannot become root of the user namespace");
	if (here && chdir(here) < 0) /* a file system that has come since, or his alone */
		return err_errno(
			e, "cannot enter the working directory '%s' in the user namespace (go to another)",
			here);
	return 0;
}

/* --- making them --- */

static int add_ranges(const char *path, const char *user, uint32_t own, struct spec_id_mapping *maps,
		      size_t *ret_len, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(SUBID_FILE_MAX);
	struct subid_range ranges[SUBID_RANGES_MAX];
	uint32_t number = geteuid(), at = 1;
	size_t len = 0, n = 1;
	int r = file_read(AT_FDCWD, path, &text, e);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && text.data)
		len = subid_ranges(text.data, user, number, ranges);
	if (len == 0)
		return err_set(e, -ENOENT,
			       "no IDs for '%s' in '%s' (as root: usermod --add-subuids 100000-165535 "
			       "--add-subgids 100000-165535 %s)",
			       user, path, user);
	maps[0] = (struct spec_id_mapping){ .container_id = 0, .host_id = own, .size = 1 };
	for (size_t i = 0; i < len && ranges[i].count <= UINT32_MAX - 1 - at; i++) {
		maps[n++] = (struct spec_id_mapping){ at, ranges[i].first, ranges[i].count };
		at += ranges[i].count;
	}
	*ret_len = n;
	return 0;
}

static int write_maps(pid_t pid, struct err *e)
{
	struct spec_id_mapping uids[MAPS_MAX], gids[MAPS_MAX];
	struct spec_linux l = { .uid_mappings = uids, .gid_mappings = gids };
	const struct passwd *entry =
		getpwuid(geteuid()); /* NOLINT(concurrency-mt-unsafe): there are no threads */
	int r;

	if (!entry)
		return err_set(e, -ENOENT, "user %u is not in the passwd database", (unsigned int)geteuid());
	r = add_ranges("/etc/subuid", entry->pw_name, geteuid(), uids, &l.uid_mappings_len, e);
	if (r == 0)
		r = add_ranges("/etc/subgid", entry->pw_name, getegid(), gids, &l.gid_mappings_len, e);
	return r == 0 ? namespaces_write_maps(pid, &l, e) : r;
}

static int settle(int sync_fd, bool is_new, struct err *e)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int r = is_new ? sync_expect(sync_fd, SYNC_MAPPED, NULL, e) : 0;

	if (r < 0)
		return r;
	if (is_new && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0 ||
		       mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0))
		return err_errno(e, "cannot become root of the user namespace");
	if (null_fd < 0 || setsid() < 0 || chdir("/") < 0)
		return err_errno(e, "cannot keep the user namespace");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null_fd, fd) < 0)
			return err_errno(e, "cannot keep the user namespace");
	r = process_cloexec_from(3);
	return r < 0 ? err_code(e, r, "cannot keep the user namespace") : 0;
}

/* The keeper's end of the socket closes when it is what it is to be. */
static _Noreturn void run_keeper(const char *program, int sync_fd, bool is_new)
{
	static char name[] = KEEPER_PROGRAM, option[] = "--keep-namespaces";
	char *args[] = { name, option, NULL };
	struct err e = { 0 };

	if (settle(sync_fd, is_new, &e) == 0) {
		(void)execv(program, args);
		(void)err_errno(&e, "cannot run '%s'", program);
	}
	sync_send_error(sync_fd, &e);
	_exit(1);
}

static int save_keeper(int dir_fd, struct member *m, struct err *e)
{
	char text[KEEPER_MAX];
	int r = process_start_time(m->pid, &m->ticks);

	if (r < 0)
		return err_code(e, r, "the process that keeps the user namespace has ended");
	(void)snprintf(text, sizeof(text), "%d %llu", (int)m->pid, (unsigned long long)m->ticks);
	return file_write_atomic(dir_fd, KEEPER_FILE, text, strlen(text), 0600, e);
}

/* Without `is_new` it keeps the ones that we are in. */
static int start_keeper(bool is_new, struct member *ret, struct err *e)
{
	cleanup_free char *program = NULL;
	cleanup_fd int ours = -1, theirs = -1, pidfd = -1;
	int fds[2], r = program_path(KEEPER_PROGRAM, &program, e);

	if (r < 0)
		return r;
	r = sync_pair(fds);
	if (r < 0)
		return err_code(e, r, "cannot make a socket pair");
	ours = fds[0];
	theirs = fds[1];
	ret->pid = process_clone(is_new ? CLONE_NEWUSER | CLONE_NEWNS : 0, -1, &pidfd);
	if (ret->pid == 0)
		run_keeper(program, theirs, is_new);
	if (ret->pid < 0)
		return err_code(e, ret->pid,
				"cannot make a user namespace (is kernel.unprivileged_userns_clone or "
				"user.max_user_namespaces 0?)");
	(void)close(fd_take(&theirs));
	if (is_new)
		r = write_maps(ret->pid, e);
	if (r == 0 && is_new)
		r = sync_send(ours, SYNC_MAPPED, e);
	if (r == 0)
		r = sync_expect_end(ours, e);
	if (r < 0)
		IGNORE_RESULT(process_signal(pidfd, SIGKILL)); /* it may have ended by itself */
	return r;
}

static int enter_any(int dir_fd, const char *state_dir, struct err *e)
{
	cleanup_spaces struct spaces spaces = SPACES_EMPTY;
	struct member m = { 0 };
	int r;

	if (read_keeper(dir_fd, &m) && open_spaces(&m, &spaces))
		return join(&spaces, e);
	if (find_monitor(dir_fd, state_dir, &spaces)) {
		r = join(&spaces, e);
		if (r == 0)
			r = start_keeper(false, &m, e);
		return r == 0 ? save_keeper(dir_fd, &m, e) : r;
	}
	r = start_keeper(true, &m, e);
	if (r == 0)
		r = save_keeper(dir_fd, &m, e);
	if (r == 0 && !open_spaces(&m, &spaces))
		r = err_set(e, -ESRCH, "the process that keeps the user namespace has ended at once");
	return r == 0 ? join(&spaces, e) : r;
}

int rootless_enter(const char *state_dir, struct err *e)
{
	cleanup_fd int dir_fd = -1, lock_fd = -1;
	int r = dir_make_open(AT_FDCWD, state_dir, 0700, &dir_fd, e);

	if (r < 0)
		return r;
	lock_fd = openat(dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (lock_fd >= 0 && (r = flock(lock_fd, LOCK_EX)) < 0 && errno == EINTR)
		;
	if (lock_fd < 0 || r < 0)
		return err_errno(e, "cannot lock '%s/" LOCK_FILE "'", state_dir);
	return enter_any(dir_fd, state_dir, e);
}
