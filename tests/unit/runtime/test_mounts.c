/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mounts.h"

#include "tests/unit/common/scratch.h"

#include <sys/statvfs.h>

/* In the child: <scratch> is a tmpfs of its own with root/, the container's root, and host/, which is not in it. */
struct place {
	struct scratch *scratch;
	struct cgroup_host host;
	struct mount_context context;
};

static void enter(struct place *p, struct scratch *s)
{
	*p = (struct place){ .scratch = s };
	CHILD_CHECK(mount("tmpfs", s->path, "tmpfs", 0, "mode=755") == 0);
	scratch_reopen(s);
	CHILD_CHECK(mkdirat(s->fd, "root", 0755) == 0 && mkdirat(s->fd, "host", 0755) == 0);
	CHILD_CHECK(mkdirat(s->fd, "host/sub", 0755) == 0);
	scratch_write(s, "host/file", "text");
	p->context.root_fd = openat(s->fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	p->context.host = &p->host;
	p->context.fresh_fd = -1;
	CHILD_CHECK(p->context.root_fd >= 0);
}

static int apply(struct place *p, struct plan_mount *m, const char *options, struct err *e)
{
	struct strvec list = { 0 };
	int r;

	while (*options) {
		size_t len = strcspn(options, " ");

		CHILD_CHECK(strvec_addf(&list, "%.*s", (int)len, options) == 0);
		options += len + (options[len] == ' ');
	}
	CHILD_CHECK(mount_options_parse(&list, &m->options, e) == 0);
	strvec_done(&list);
	r = mounts_apply(m, &p->context, e);
	mount_options_done(&m->options);
	return r;
}

/* Binds <scratch>/source to target in the root. */
static int bind(struct place *p, const char *source, const char *target, const char *options, struct err *e)
{
	struct plan_mount m = { .kind = PLAN_MOUNT_BIND,
				.target = target,
				.source = scratch_path(p->scratch, source) };

	return apply(p, &m, options, e);
}

static int mount_new(struct place *p, const char *type, const char *target, const char *options,
		     struct err *e)
{
	struct plan_mount m = { .kind = PLAN_MOUNT_FS, .target = target, .source = type, .fs_type = type };

	m.no_symlink = strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;
	return apply(p, &m, options, e);
}

/* errno of making a file in it; 0: it could be made. */
static int try_write(struct place *p, const char *path)
{
	cleanup_fd int fd = openat(p->scratch->fd, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	return fd < 0 ? errno : 0;
}

static unsigned long flags_of(struct place *p, const char *path)
{
	struct statvfs fs;

	CHILD_CHECK(statvfs(scratch_path(p->scratch, path), &fs) == 0);
	return fs.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME);
}

#define MOUNT_TEST(name, body)                                                    \
	static void body##_wrapper(void *arg)                                     \
	{                                                                         \
		struct place p;                                                   \
                                                                                  \
		enter(&p, arg);                                                   \
		body(&p);                                                         \
	}                                                                         \
                                                                                  \
	static void name(void **state)                                            \
	{                                                                         \
		need_openat2();                                                   \
		need_root();                                                      \
		run_in_child(CLONE_NEWNS | CLONE_NEWPID, body##_wrapper, *state); \
	}

/* --- binds --- */

static void bind_readonly(struct place *p)
{
	struct err e = { 0 };

	CHILD_OK(bind(p, "host", "/data", "bind ro", &e));
	CHILD_CHECK(scratch_holds(p->scratch, "root/data/file", "text"));
	CHILD_CHECK(try_write(p, "root/data/new") == EROFS);
	CHILD_CHECK(openat(p->scratch->fd, "root/data/file", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
	CHILD_CHECK(try_write(p, "host/new") == 0); /* the host's own stays as it was */
}
MOUNT_TEST(a_readonly_bind_cannot_be_written_to, bind_readonly)

static void bind_with_flags(struct place *p)
{
	struct err e = { 0 };

	CHILD_OK(bind(p, "host", "/plain", "bind", &e));
	CHILD_CHECK(flags_of(p, "root/plain") == 0);
	CHILD_CHECK(try_write(p, "root/plain/new") == 0);
	CHILD_OK(bind(p, "host", "/all", "bind ro nosuid nodev noexec noatime", &e));
	CHILD_CHECK(flags_of(p, "root/all") == (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_NOATIME));
	CHILD_OK(bind(p, "root/all", "/some", "bind rw exec",
		      &e)); /* flags come along, but for those that are cleared */
	CHILD_CHECK(flags_of(p, "root/some") == (ST_NOSUID | ST_NODEV | ST_NOATIME));
	CHILD_CHECK(flags_of(p, "host") == 0);
}
MOUNT_TEST(flags_of_binds_are_set_and_cleared, bind_with_flags)

static void bind_trees(struct place *p)
{
	struct err e = { 0 };

	CHILD_CHECK(mount("tmpfs", scratch_path(p->scratch, "host/sub"), "tmpfs", 0, NULL) == 0);
	scratch_write(p->scratch, "host/sub/below", "x");
	CHILD_OK(bind(p, "host", "/one", "bind", &e));
	CHILD_CHECK(!scratch_holds(p->scratch, "root/one/sub/below", "x"));
	CHILD_OK(bind(p, "host", "/tree", "rbind", &e));
	CHILD_CHECK(scratch_holds(p->scratch, "root/tree/sub/below", "x"));
	/* "ro" is of the mount alone, "rro" of all that is in it */
	CHILD_OK(bind(p, "host", "/ro", "rbind ro", &e));
	CHILD_CHECK(try_write(p, "root/ro/new") == EROFS && try_write(p, "root/ro/sub/new") == 0);
	CHILD_OK(bind(p, "host", "/rro", "rbind rro", &e));
	CHILD_CHECK(try_write(p, "root/rro/new") == EROFS && try_write(p, "root/rro/sub/new") == EROFS);
	CHILD_OK(bind(p, "host", "/mixed", "rbind rro rnoatime rw", &e));
	CHILD_CHECK(flags_of(p, "root/mixed/sub") == (ST_RDONLY | ST_NOATIME));
	CHILD_OK(bind(p, "host", "/last", "rbind rro rrw", &e));
	CHILD_CHECK(try_write(p, "root/last/sub/new") == 0);
}
MOUNT_TEST(trees_are_bound_with_what_is_mounted_in_them, bind_trees)

static void bind_files(struct place *p)
{
	struct err e = { 0 };
	struct stat st;

	CHILD_OK(bind(p, "host/file", "/etc/deep/name", "bind ro", &e));
	CHILD_CHECK(scratch_holds(p->scratch, "root/etc/deep/name", "text"));
	CHILD_CHECK(openat(p->scratch->fd, "root/etc/deep/name", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
	/* over a file that is there, which is not touched */
	scratch_write(p->scratch, "root/there", "of the image");
	CHILD_OK(bind(p, "host/file", "/there", "bind", &e));
	CHILD_CHECK(scratch_holds(p->scratch, "root/there", "text"));
	CHILD_CHECK(umount2(scratch_path(p->scratch, "root/there"), 0) == 0);
	CHILD_CHECK(scratch_holds(p->scratch, "root/there", "of the image"));
	/* a fifo is a file, too */
	CHILD_CHECK(mkfifoat(p->scratch->fd, "host/fifo", 0600) == 0);
	CHILD_OK(bind(p, "host/fifo", "/fifo", "bind", &e));
	CHILD_CHECK(fstatat(p->scratch->fd, "root/fifo", &st, 0) == 0 && S_ISFIFO(st.st_mode));
}
MOUNT_TEST(files_are_bound_to_files, bind_files)

static void bind_through_links(struct place *p)
{
	struct err e = { 0 };

	CHILD_CHECK(symlinkat("../../host", p->scratch->fd, "root/up") == 0);
	CHILD_CHECK(symlinkat("../run/resolve/conf", p->scratch->fd, "root/dangling") == 0);
	CHILD_CHECK(mkdirat(p->scratch->fd, "other", 0755) == 0);
	scratch_write(p->scratch, "other/mark", "other");
	CHILD_OK(bind(p, "other", "/up/sub", "bind", &e));
	CHILD_CHECK(scratch_holds(p->scratch, "root/host/sub/mark", "other"));
	CHILD_CHECK(!scratch_holds(p->scratch, "host/sub/mark", "other"));
	CHILD_OK(bind(p, "host/file", "/dangling", "bind", &e));
	CHILD_CHECK(scratch_holds(p->scratch, "root/run/resolve/conf", "text"));
	CHILD_OK(bind(p, "other", "/../../x/../y", "bind", &e));
	CHILD_CHECK(scratch_holds(p->scratch, "root/y/mark", "other"));
}
MOUNT_TEST(symlinks_in_the_root_lead_nowhere_else, bind_through_links)

static void bind_badly(struct place *p)
{
	char text[512], source[128];
	struct err e = { 0 };

	(void)snprintf(source, sizeof(source), "%s/absent", p->scratch->path);
	(void)snprintf(text, sizeof(text), "cannot bind '%s' to '/x': no such file or directory", source);
	CHILD_CHECK(bind(p, "absent", "/x", "bind", &e) == -ENOENT);
	CHILD_CHECK(strcmp(e.text, text) == 0);
	CHILD_CHECK(faccessat(p->scratch->fd, "root/x", F_OK, 0) < 0);
	/* a directory on a file, and the other way round */
	scratch_write(p->scratch, "root/file", "");
	CHILD_CHECK(mkdirat(p->scratch->fd, "root/dir", 0755) == 0);
	CHILD_CHECK(bind(p, "host", "/file", "bind", &e) == -ENOTDIR);
	CHILD_CHECK(bind(p, "host/file", "/dir", "bind", &e) < 0);
	CHILD_CHECK(strstr(e.text, "'/dir'") != NULL);
}
MOUNT_TEST(binds_that_cannot_be_are_told, bind_badly)

/* --- file systems --- */

static void mount_tmpfs(struct place *p)
{
	struct err e = { 0 };
	struct statvfs fs;
	struct stat st;

	CHILD_OK(mount_new(p, "tmpfs", "/a/b", "nosuid noexec size=64k mode=1700", &e));
	CHILD_CHECK(fstatat(p->scratch->fd, "root/a/b", &st, 0) == 0 && (st.st_mode & 07777) == 01700);
	CHILD_CHECK(statvfs(scratch_path(p->scratch, "root/a/b"), &fs) == 0);
	CHILD_CHECK(fs.f_blocks * fs.f_frsize == 64 << 10);
	CHILD_CHECK(flags_of(p, "root/a/b") == (ST_NOSUID | ST_NOEXEC));
	CHILD_OK(mount_new(p, "tmpfs", "/ro", "ro", &e));
	CHILD_CHECK(try_write(p, "root/ro/new") == EROFS);
}
MOUNT_TEST(file_systems_are_mounted_with_flags_and_data, mount_tmpfs)

/* Mount points in a new tmpfs are made without a look at what is there: there may be something all the same, or another mount. */
static void mount_in_tmpfs(struct place *p)
{
	struct err e;

	CHILD_OK(mount_new(p, "tmpfs", "/dev", "", &e));
	CHILD_OK(mount_new(p, "tmpfs", "/dev/shm", "size=1m noexec", &e));
	CHILD_CHECK(flags_of(p, "root/dev/shm") == ST_NOEXEC && flags_of(p, "root/dev") == 0);
	CHILD_OK(mount_new(p, "tmpfs", "/dev/shm", "", &e)); /* again: it is there */
	CHILD_CHECK(flags_of(p, "root/dev/shm") == 0);
	CHILD_OK(mount_new(p, "tmpfs", "/dev/a/b", "nodev", &e)); /* not right below it */
	CHILD_CHECK(flags_of(p, "root/dev/a/b") == ST_NODEV);
	CHILD_OK(mount_new(p, "tmpfs", "/dev", "nosuid", &e)); /* covers all of that */
	CHILD_OK(mount_new(p, "tmpfs", "/dev/a", "", &e));
	CHILD_CHECK(flags_of(p, "root/dev") == ST_NOSUID && flags_of(p, "root/dev/a") == 0);

	CHILD_OK(mount_new(p, "tmpfs", "/run", "", &e));
	CHILD_CHECK(symlinkat("/run", p->context.root_fd, "link") == 0);
	CHILD_OK(bind(p, "host", "/link", "", &e)); /* covers it under another name */
	CHILD_OK(mount_new(p, "tmpfs", "/run/sub", "nodev", &e));
	CHILD_CHECK(flags_of(p, "root/run/sub") == ST_NODEV && try_write(p, "host/sub/in-it") == 0);
	CHILD_CHECK(try_write(p, "root/run/sub/x") == 0 &&
		    faccessat(p->scratch->fd, "host/sub/x", F_OK, 0) < 0);
}
MOUNT_TEST(mount_points_in_a_new_tmpfs, mount_in_tmpfs)

static void mount_badly(struct place *p)
{
	struct err e = { 0 };

	CHILD_CHECK(mount_new(p, "no-such-fs", "/x", "", &e) == -ENODEV);
	CHILD_CHECK(strcmp(e.text, "cannot mount 'no-such-fs' on '/x': no such device") == 0);
	CHILD_CHECK(mount_new(p, "tmpfs", "/x", "size=much", &e) == -EINVAL);
	CHILD_CHECK(strcmp(e.text, "cannot mount 'tmpfs' on '/x': invalid argument") == 0);
	scratch_write(p->scratch, "root/file", "");
	CHILD_CHECK(mount_new(p, "tmpfs", "/file", "", &e) == -ENOTDIR);
	CHILD_CHECK(mount_new(p, "tmpfs", "/file/x", "", &e) == -ENOTDIR);
}
MOUNT_TEST(file_systems_that_cannot_be_mounted_are_told, mount_badly)

static void mount_proc(struct place *p)
{
	static const char *const LINKS[][2] = { { "/elsewhere", "root/l1" },
						{ "nowhere", "root/l2" },
						{ "../elsewhere", "root/l3" } };
	char target[8], text[256];
	struct err e = { 0 };

	CHILD_CHECK(mkdirat(p->scratch->fd, "root/elsewhere", 0755) == 0);
	for (size_t i = 0; i < ARRAY_LEN(LINKS); i++) {
		CHILD_CHECK(symlinkat(LINKS[i][0], p->scratch->fd, LINKS[i][1]) == 0);
		(void)snprintf(target, sizeof(target), "/l%zu", i + 1);
		for (int sys = 0; sys < 2; sys++) {
			(void)snprintf(
				text, sizeof(text),
				"file system '%s' must be mounted on an ordinary directory: '%s' is none",
				sys ? "sysfs" : "proc", target);
			CHILD_CHECK(mount_new(p, sys ? "sysfs" : "proc", target, "", &e) == -ENOTDIR);
			CHILD_CHECK(strcmp(e.text, text) == 0);
		}
		CHILD_OK(mount_new(p, "tmpfs", target, "", &e)); /* others may */
	}
	scratch_write(p->scratch, "root/file", "");
	CHILD_CHECK(mount_new(p, "proc", "/file", "", &e) == -ENOTDIR);
}
MOUNT_TEST(procfs_and_sysfs_behind_a_symlink_are_refused, mount_proc)

/* A process of the new PID namespace: procfs shows that of its mounter. */
static void mount_proc_well(struct place *p)
{
	struct err e = { 0 };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		CHILD_OK(mount_new(p, "proc", "/proc", "nosuid", &e));
		CHILD_CHECK(faccessat(p->scratch->fd, "root/proc/1/stat", F_OK, 0) == 0);
		CHILD_CHECK(readlinkat(p->scratch->fd, "root/proc/self", (char[8]){ 0 }, 8) == 1);
		_exit(0);
	}
	CHILD_CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}
MOUNT_TEST(procfs_shows_the_namespace_that_mounts_it, mount_proc_well)

/* --- propagation --- */

/* The optional fields of the mount point's line in mountinfo: "shared:12 master:3", proc_pid_mountinfo(5). */
static bool has_tag(struct place *p, const char *point, const char *tag)
{
	cleanup_buf struct buf text = BUF_INIT(1u << 20);
	char path[256];
	struct err e;
	char *line, *end, *dash;

	(void)snprintf(path, sizeof(path), " %s/%s ", p->scratch->path, point);
	CHILD_OK(file_read(AT_FDCWD, "/proc/self/mountinfo", &text, &e));
	line = strstr(text.data, path);
	CHILD_CHECK(line);
	end = strchr(line, '\n');
	*end = '\0';
	dash = strstr(line, " - ");
	*dash = '\0';
	return strstr(line, tag) != NULL;
}

static void propagate(struct place *p)
{
	struct err e = { 0 };

	CHILD_CHECK(mount("tmpfs", scratch_path(p->scratch, "host/sub"), "tmpfs", 0, NULL) == 0);
	CHILD_OK(bind(p, "host", "/shared", "rbind shared", &e));
	CHILD_CHECK(has_tag(p, "root/shared", "shared:") && !has_tag(p, "root/shared/sub", "shared:"));
	CHILD_OK(bind(p, "host", "/rshared", "rbind rshared", &e));
	CHILD_CHECK(has_tag(p, "root/rshared", "shared:") && has_tag(p, "root/rshared/sub", "shared:"));
	CHILD_OK(bind(p, "root/rshared", "/slave", "rbind rslave", &e));
	CHILD_CHECK(has_tag(p, "root/slave", "master:") && has_tag(p, "root/slave/sub", "master:"));
	CHILD_OK(bind(p, "root/rshared", "/private", "rbind rprivate", &e));
	CHILD_CHECK(!has_tag(p, "root/private", "shared:") && !has_tag(p, "root/private/sub", "shared:"));
	CHILD_OK(bind(p, "host", "/unbindable", "bind unbindable", &e));
	CHILD_CHECK(has_tag(p, "root/unbindable", "unbindable"));
	CHILD_OK(mount_new(p, "tmpfs", "/fs", "shared", &e));
	CHILD_CHECK(has_tag(p, "root/fs", "shared:"));
	CHILD_OK(mount_new(p, "tmpfs", "/fs-none", "", &e));
	CHILD_CHECK(!has_tag(p, "root/fs-none", "shared:"));
}
MOUNT_TEST(propagation_is_of_the_mount_or_of_the_tree, propagate)

/* --- cgroups --- */

static int mount_cgroup(struct place *p, const char *options, struct err *e)
{
	struct plan_mount m = {
		.kind = PLAN_MOUNT_CGROUP, .target = "/sys/fs/cgroup", .source = "cgroup", .fs_type = "cgroup"
	};

	return apply(p, &m, options, e);
}

static void show_no_cgroup(struct place *p)
{
	struct err e = { 0 };

	p->host.mode = CGROUP_NONE;
	p->context.own_cgroup_namespace = true;
	CHILD_OK(mount_cgroup(p, "nosuid noexec", &e));
	CHILD_CHECK(flags_of(p, "root/sys/fs/cgroup") == (ST_RDONLY | ST_NOSUID | ST_NOEXEC));
	CHILD_CHECK(try_write(p, "root/sys/fs/cgroup/x") == EROFS);
}

static void show_no_cgroup_wrapper(void *arg)
{
	struct place p;

	enter(&p, arg);
	show_no_cgroup(&p);
	CHILD_CHECK(umount2(scratch_path(p.scratch, "root/sys/fs/cgroup"), 0) == 0);
	p.host.mode = CGROUP_UNIFIED; /* there is a tree, but nothing of ours in it */
	p.context.own_cgroup_namespace = false;
	{
		struct err e = { 0 };

		CHILD_OK(mount_cgroup(&p, "", &e));
	}
	CHILD_CHECK(flags_of(&p, "root/sys/fs/cgroup") == ST_RDONLY);
}

static void without_a_cgroup_there_is_an_empty_directory_that_stays_empty(void **state)
{
	need_openat2();
	need_root();
	run_in_child(CLONE_NEWNS, show_no_cgroup_wrapper, *state);
}

static void show_own_cgroup(void *arg)
{
	struct place p;
	struct err e = { 0 };

	enter(&p, arg);
	CHILD_CHECK(mkdirat(p.scratch->fd, "host/mine", 0755) == 0);
	scratch_write(p.scratch, "host/mine/memory.max", "64");
	p.host.mode = CGROUP_UNIFIED;
	(void)snprintf(p.host.mount_point, sizeof(p.host.mount_point), "%.40s/host", p.scratch->path);
	p.context.cgroup_path = "/mine";
	CHILD_OK(mount_cgroup(&p, "ro", &e));
	CHILD_CHECK(scratch_holds(p.scratch, "root/sys/fs/cgroup/memory.max", "64"));
	CHILD_CHECK(faccessat(p.scratch->fd, "root/sys/fs/cgroup/file", F_OK, 0) < 0);
	CHILD_CHECK(flags_of(&p, "root/sys/fs/cgroup") == ST_RDONLY);
}

static void without_a_namespace_its_own_cgroup_is_all_that_it_sees(void **state)
{
	need_openat2();
	need_root();
	run_in_child(CLONE_NEWNS, show_own_cgroup, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(a_readonly_bind_cannot_be_written_to),
		SCRATCH_TEST(flags_of_binds_are_set_and_cleared),
		SCRATCH_TEST(trees_are_bound_with_what_is_mounted_in_them),
		SCRATCH_TEST(files_are_bound_to_files),
		SCRATCH_TEST(symlinks_in_the_root_lead_nowhere_else),
		SCRATCH_TEST(binds_that_cannot_be_are_told),
		SCRATCH_TEST(file_systems_are_mounted_with_flags_and_data),
		SCRATCH_TEST(mount_points_in_a_new_tmpfs),
		SCRATCH_TEST(file_systems_that_cannot_be_mounted_are_told),
		SCRATCH_TEST(procfs_and_sysfs_behind_a_symlink_are_refused),
		SCRATCH_TEST(procfs_shows_the_namespace_that_mounts_it),
		SCRATCH_TEST(propagation_is_of_the_mount_or_of_the_tree),
		SCRATCH_TEST(without_a_cgroup_there_is_an_empty_directory_that_stays_empty),
		SCRATCH_TEST(without_a_namespace_its_own_cgroup_is_all_that_it_sees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
