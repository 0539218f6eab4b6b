/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/rootfs.h"

#include "tests/unit/common/scratch.h"

#include <limits.h>
#include <sys/statvfs.h>

/* In the child: a tmpfs of its own on the scratch directory. */
static void enter_tmpfs(struct scratch *s)
{
	CHILD_CHECK(mount("tmpfs", s->path, "tmpfs", 0, "mode=755") == 0);
	scratch_reopen(s);
}

static void make_dirs(struct scratch *s, const char *path)
{
	struct err e = { 0 };
	int fd = -1;

	CHILD_OK(dir_make_open(s->fd, path, 0755, &fd, &e));
	(void)close(fd);
}

static const struct strvec NO_PATHS;
static const struct plan NO_MOUNTS;

static bool holds(int dir_fd, const char *path, const char *text)
{
	cleanup_buf struct buf content = BUF_INIT(65536);
	struct err e;

	return file_read(dir_fd, path, &content, &e) == 0 && strcmp(content.data, text) == 0;
}

/* --- overlays --- */

struct layers {
	struct overlay_plan overlay;
	struct plan plan;
	int fd; /* of the mounted root */
};

/* `count` layers below `prefix`, each with a file of its own and one that all have. */
static void make_layers(struct scratch *s, const char *prefix, size_t count, struct layers *l)
{
	char path[PATH_MAX];

	*l = (struct layers){ .plan = { .propagation = MS_SLAVE | MS_REC }, .fd = -1 };
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "%s-%zu", prefix, i);
		make_dirs(s, path);
		CHILD_CHECK(strvec_addf(&l->overlay.lower, "%s/%s", s->path, path) == 0);
		(void)snprintf(path, sizeof(path), "%s-%zu/own-%zu", prefix, i, i);
		scratch_write(s, path, "own");
		(void)snprintf(path, sizeof(path), "%s-%zu/common", prefix, i);
		scratch_write(s, path, i == 0 ? "topmost" : "below");
	}
	(void)snprintf(path, sizeof(path), "%s-upper", prefix);
	make_dirs(s, path);
	CHILD_CHECK(asprintf(&l->overlay.upper, "%s/%s", s->path, path) > 0);
	(void)snprintf(path, sizeof(path), "%s-work", prefix);
	make_dirs(s, path);
	CHILD_CHECK(asprintf(&l->overlay.work, "%s/%s", s->path, path) > 0);
	(void)snprintf(path, sizeof(path), "%s-merged", prefix);
	make_dirs(s, path);
	CHILD_CHECK(asprintf(&l->overlay.target, "%s/%s", s->path, path) > 0);
	l->plan.rootfs = l->overlay.target;
}

static void layers_done(struct layers *l)
{
	(void)close(l->fd);
	overlay_plan_done(&l->overlay);
}

static void expect_merged(struct scratch *s, const char *prefix, size_t count, bool temporary)
{
	struct layers l;
	struct err e = { 0 };
	char path[PATH_MAX];

	make_layers(s, prefix, count, &l);
	l.overlay.temporary = temporary;
	CHILD_OK(rootfs_mount(&l.plan, &l.overlay, &l.fd, &e));
	CHILD_CHECK(holds(l.fd, "common", "topmost"));
	for (size_t i = 0; i < count; i++) {
		(void)snprintf(path, sizeof(path), "own-%zu", i);
		CHILD_CHECK(holds(l.fd, path, "own"));
	}
	CHILD_OK(file_write_atomic(l.fd, "common", "changed", 7, 0644, &e));
	CHILD_CHECK(holds(l.fd, "common", "changed"));
	(void)snprintf(path, sizeof(path), "%s-upper/common", prefix);
	CHILD_CHECK(scratch_holds(s, path, "changed"));
	(void)snprintf(path, sizeof(path), "%s-0/common", prefix);
	CHILD_CHECK(scratch_holds(s, path, "topmost"));
	layers_done(&l);
}

static void mount_plain_layers(void *arg)
{
	enter_tmpfs(arg);
	expect_merged(arg, "one", 1, false);
	expect_merged(arg, "three", 3, false);
	expect_merged(arg, "temporary", 3, true);
}

static void layers_lie_one_on_the_other(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, mount_plain_layers, *state);
}

static void mount_odd_layers(void *arg)
{
	static const char *const PREFIXES[] = { "a,b", "a:b", "a\\b", "a,upperdir=", "a b'\"" };

	enter_tmpfs(arg);
	for (size_t i = 0; i < ARRAY_LEN(PREFIXES); i++)
		expect_merged(arg, PREFIXES[i], 2, i % 2);
}

static void separators_in_paths_separate_nothing(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, mount_odd_layers, *state);
}

static void mount_odd_upper(void *arg)
{
	struct scratch *s = arg;
	struct layers l;
	struct err e = { 0 };

	enter_tmpfs(s);
	make_layers(s, "plain", 2, &l);
	make_dirs(s, "odd,upper");
	make_dirs(s, "odd,work:x");
	free(l.overlay.upper);
	free(l.overlay.work);
	CHILD_CHECK(asprintf(&l.overlay.upper, "%s/odd,upper", s->path) > 0);
	CHILD_CHECK(asprintf(&l.overlay.work, "%s/odd,work:x", s->path) > 0);
	CHILD_OK(rootfs_mount(&l.plan, &l.overlay, &l.fd, &e));
	CHILD_OK(file_write_atomic(l.fd, "new", "x", 1, 0644, &e));
	CHILD_CHECK(scratch_holds(s, "odd,upper/new", "x"));
	layers_done(&l);
}

static void separators_in_the_upper_directory_separate_nothing(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, mount_odd_upper, *state);
}

static void mount_many_layers(void *arg)
{
	char prefix[400];

	enter_tmpfs(arg);
	memset(prefix, 'x', sizeof(prefix));
	prefix[199] = prefix[100] = '/';
	prefix[398] = '\0';
	expect_merged(arg, prefix, 60, false);
	expect_merged(arg, "many", 128, true);
}

static void sixty_layers_with_long_paths_fit(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, mount_many_layers, *state);
}

/* Paths of lower directories that just leave room, or just leave none, for those of the upper one. */
static void mount_full_page(void *arg)
{
	char prefix[256];

	enter_tmpfs(arg);
	for (size_t len = 200; len < 240; len += 3) {
		memset(prefix, 'p', len);
		prefix[len] = '\0';
		expect_merged(arg, prefix, 15, true);
	}
}

static void a_page_may_be_just_full(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, mount_full_page, *state);
}

static void mount_without_upper(void *arg)
{
	struct layers l;
	struct err e = { 0 };

	enter_tmpfs(arg);
	make_layers(arg, "ro", 2, &l);
	free(l.overlay.upper);
	l.overlay.upper = NULL;
	CHILD_OK(rootfs_mount(&l.plan, &l.overlay, &l.fd, &e));
	CHILD_CHECK(holds(l.fd, "common", "topmost"));
	CHILD_CHECK(openat(l.fd, "new", O_CREAT | O_WRONLY | O_CLOEXEC, 0644) < 0 && errno == EROFS);
	layers_done(&l);
}

static void without_an_upper_directory_the_root_is_readonly(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, mount_without_upper, *state);
}

static void mount_bad_layers(void *arg)
{
	struct scratch *s = arg;
	char text[512];
	struct layers l;
	struct err e = { 0 };

	enter_tmpfs(s);
	make_layers(s, "many", 129, &l);
	CHILD_CHECK(rootfs_mount(&l.plan, &l.overlay, &l.fd, &e) == -E2BIG);
	CHILD_CHECK(strcmp(e.text, "cannot mount 129 layers (1 to 128)") == 0);
	overlay_plan_done(&l.overlay);
	make_layers(s, "none", 0, &l);
	CHILD_CHECK(rootfs_mount(&l.plan, &l.overlay, &l.fd, &e) == -E2BIG);
	CHILD_CHECK(strcmp(e.text, "cannot mount 0 layers (1 to 128)") == 0);
	overlay_plan_done(&l.overlay);
	make_layers(s, "absent", 1, &l);
	CHILD_CHECK(strvec_addf(&l.overlay.lower, "%s/no,such", s->path) == 0);
	CHILD_CHECK(rootfs_mount(&l.plan, &l.overlay, &l.fd, &e) == -ENOENT);
	(void)snprintf(text, sizeof(text), "cannot open layer '%s/no,such': no such file or directory",
		       s->path);
	CHILD_CHECK(strcmp(e.text, text) == 0);
	overlay_plan_done(&l.overlay);
	make_layers(s, "gone", 1, &l);
	CHILD_CHECK(rmdir(l.overlay.target) == 0);
	CHILD_CHECK(rootfs_mount(&l.plan, &l.overlay, &l.fd, &e) == -ENOENT);
	(void)snprintf(text, sizeof(text), "cannot mount the layers on '%s': no such file or directory",
		       l.overlay.target);
	CHILD_CHECK(strcmp(e.text, text) == 0);
	overlay_plan_done(&l.overlay);
	CHILD_CHECK(l.fd == -1);
}

static void layers_that_cannot_be_mounted_are_told(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, mount_bad_layers, *state);
}

/* --- entering --- */

struct entry {
	struct scratch *scratch;
	unsigned long propagation;
	bool no_pivot;
};

static void mount_and_enter(void *arg)
{
	const struct entry *entry = arg;
	struct scratch *s = entry->scratch;
	struct plan p = { .propagation = entry->propagation };
	char root[128], cwd[PATH_MAX];
	struct err e = { 0 };
	int fd = -1;

	enter_tmpfs(s);
	make_dirs(s, "root/sub");
	scratch_write(s, "root/sub/mark", "inside");
	scratch_write(s, "mark", "outside");
	(void)snprintf(root, sizeof(root), "%s/root", s->path);
	p.rootfs = root;
	CHILD_OK(rootfs_mount(&p, NULL, &fd, &e));
	CHILD_CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHILD_OK(rootfs_enter(fd, &p, entry->no_pivot, &e));
	CHILD_CHECK(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/") == 0);
	CHILD_CHECK(holds(AT_FDCWD, "/sub/mark", "inside"));
	CHILD_CHECK(holds(AT_FDCWD, "../../../sub/mark", "inside"));
	CHILD_CHECK(access("/mark", F_OK) < 0 && access("/proc", F_OK) < 0 && access("/usr", F_OK) < 0);
}

static void a_root_is_entered_and_the_old_one_is_gone(void **state)
{
	static const unsigned long PROPAGATIONS[] = { MS_SLAVE | MS_REC, MS_PRIVATE | MS_REC, MS_PRIVATE,
						      MS_SHARED | MS_REC, MS_SHARED };

	need_root();
	for (size_t i = 0; i < ARRAY_LEN(PROPAGATIONS); i++) {
		struct entry entry = { *state, PROPAGATIONS[i], false };

		run_in_child(CLONE_NEWNS, mount_and_enter, &entry);
	}
}

static void a_root_is_entered_without_pivot_root_too(void **state)
{
	struct entry entry = { *state, MS_SLAVE | MS_REC, true };

	need_root();
	run_in_child(CLONE_NEWNS, mount_and_enter, &entry);
}

static void mount_absent_root(void *arg)
{
	char root[128], text[256];
	struct scratch *s = arg;
	struct plan p = { .propagation = MS_SLAVE | MS_REC, .rootfs = root };
	struct err e = { 0 };
	int fd = -7;

	(void)snprintf(root, sizeof(root), "%s/absent", s->path);
	(void)snprintf(text, sizeof(text), "rootfs '%s': no such file or directory", root);
	CHILD_CHECK(rootfs_mount(&p, NULL, &fd, &e) == -ENOENT);
	CHILD_CHECK(strcmp(e.text, text) == 0 && fd == -7);
	scratch_write(s, "absent", "a file");
	CHILD_CHECK(rootfs_mount(&p, NULL, &fd, &e) == -ENOTDIR);
}

static void a_root_must_be_a_directory(void **state)
{
	need_root();
	run_in_child(CLONE_NEWNS, mount_absent_root, *state);
}

/* --- masks --- */

static void add_all(struct strvec *list, const char *const *paths)
{
	for (; *paths; paths++)
		CHILD_CHECK(strvec_add(list, *paths) == 0);
}

static void make_tree(struct scratch *s)
{
	enter_tmpfs(s);
	make_dirs(s, "dir/sub");
	scratch_write(s, "dir/file", "secret");
	scratch_write(s, "dir/sub/file", "secret");
	scratch_write(s, "file", "secret");
	scratch_write(s, "other", "open");
	scratch_write(s, "target", "secret");
	CHILD_CHECK(symlinkat("/target", s->fd, "link") == 0);
	CHILD_CHECK(symlinkat("nowhere", s->fd, "dangling") == 0);
}

static void mask_all(void *arg)
{
	static const char *const PATHS[] = { "/file", "/dir",      "/absent",   "/other/x",
					     "/link", "/dangling", "/absent/x", NULL };
	struct scratch *s = arg;
	struct strvec paths = { 0 };
	struct err e = { 0 };
	struct stat st;

	make_tree(s);
	add_all(&paths, PATHS);
	CHILD_OK(rootfs_protect(s->fd, &NO_MOUNTS, &NO_PATHS, &paths, -1, &e));
	strvec_done(&paths);
	CHILD_CHECK(fstatat(s->fd, "file", &st, 0) == 0 && S_ISCHR(st.st_mode));
	CHILD_CHECK(fstatat(s->fd, "target", &st, 0) == 0 &&
		    S_ISCHR(st.st_mode)); /* what the link leads to */
	CHILD_CHECK(openat(s->fd, "file", O_RDONLY | O_CLOEXEC) >= 0);
	CHILD_CHECK(faccessat(s->fd, "dir/file", F_OK, 0) < 0 && errno == ENOENT);
	CHILD_CHECK(faccessat(s->fd, "dir/sub", F_OK, 0) < 0);
	CHILD_CHECK(openat(s->fd, "dir/new", O_CREAT | O_WRONLY | O_CLOEXEC, 0644) < 0 && errno == EROFS);
	CHILD_CHECK(scratch_holds(s, "other", "open"));
	CHILD_CHECK(faccessat(s->fd, "absent", F_OK, 0) < 0); /* nothing is made for a mask */
}

static void masked_files_are_empty_and_masked_directories_too(void **state)
{
	need_openat2();
	need_root();
	run_in_child(CLONE_NEWNS, mask_all, *state);
}

static void mask_with_fake_null(void *arg)
{
	static const char *const PATHS[] = { "/file", NULL };
	struct scratch *s = arg;
	struct strvec paths = { 0 }, none = { 0 };
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct err e = { 0 };
	struct stat st;

	make_tree(s);
	CHILD_CHECK(null_fd >= 0 && mount("tmpfs", "/dev", "tmpfs", 0, NULL) == 0);
	CHILD_OK(rootfs_protect(s->fd, &NO_MOUNTS, &NO_PATHS, &none, -1, &e)); /* needs none */
	add_all(&paths, PATHS);
	CHILD_CHECK(rootfs_protect(s->fd, &NO_MOUNTS, &NO_PATHS, &paths, -1, &e) == -ENOENT);
	CHILD_CHECK(close(open("/dev/null", O_CREAT | O_WRONLY | O_CLOEXEC, 0666)) == 0);
	CHILD_CHECK(rootfs_protect(s->fd, &NO_MOUNTS, &NO_PATHS, &paths, -1, &e) == -EINVAL);
	CHILD_CHECK(strcmp(e.text, "'/dev/null' is not the null device") == 0);
	CHILD_CHECK(scratch_holds(s, "file", "secret"));
	CHILD_OK(rootfs_protect(s->fd, &NO_MOUNTS, &NO_PATHS, &paths, null_fd, &e)); /* needs no other then */
	CHILD_CHECK(fstatat(s->fd, "file", &st, 0) == 0 && S_ISCHR(st.st_mode));
	strvec_done(&paths);
}

static void a_null_device_that_is_none_masks_nothing(void **state)
{
	need_openat2();
	need_root();
	run_in_child(CLONE_NEWNS, mask_with_fake_null, *state);
}

static void protect_all(void *arg)
{
	static const char *const PATHS[] = { "/file", "/dir", "/absent", "/other/x", "/dangling", NULL };
	struct scratch *s = arg;
	struct strvec paths = { 0 };
	struct err e = { 0 };
	struct statvfs fs;

	make_tree(s);
	CHILD_CHECK(mount(NULL, s->path, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC,
			  NULL) == 0);
	add_all(&paths, PATHS);
	CHILD_OK(rootfs_protect(s->fd, &NO_MOUNTS, &paths, &NO_PATHS, -1, &e));
	strvec_done(&paths);
	CHILD_CHECK(scratch_holds(s, "dir/sub/file", "secret") && scratch_holds(s, "file", "secret"));
	CHILD_CHECK(openat(s->fd, "file", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
	CHILD_CHECK(openat(s->fd, "dir/sub/file", O_WRONLY | O_CLOEXEC) < 0 && errno == EROFS);
	CHILD_CHECK(unlinkat(s->fd, "dir/file", 0) < 0 && errno == EROFS);
	CHILD_CHECK(mkdirat(s->fd, "dir/new", 0755) < 0 && errno == EROFS);
	CHILD_CHECK(openat(s->fd, "other", O_WRONLY | O_CLOEXEC) >= 0);
	CHILD_CHECK(statvfs(scratch_path(s, "dir"), &fs) == 0); /* what it was stays */
	CHILD_CHECK((fs.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC)) == (ST_NOSUID | ST_NODEV | ST_NOEXEC));
}

static void readonly_paths_can_be_read_and_not_written(void **state)
{
	need_openat2();
	need_root();
	run_in_child(CLONE_NEWNS, protect_all, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(layers_lie_one_on_the_other),
		SCRATCH_TEST(separators_in_paths_separate_nothing),
		SCRATCH_TEST(separators_in_the_upper_directory_separate_nothing),
		SCRATCH_TEST(sixty_layers_with_long_paths_fit),
		SCRATCH_TEST(a_page_may_be_just_full),
		SCRATCH_TEST(without_an_upper_directory_the_root_is_readonly),
		SCRATCH_TEST(layers_that_cannot_be_mounted_are_told),
		SCRATCH_TEST(a_root_is_entered_and_the_old_one_is_gone),
		SCRATCH_TEST(a_root_is_entered_without_pivot_root_too),
		SCRATCH_TEST(a_root_must_be_a_directory),
		SCRATCH_TEST(masked_files_are_empty_and_masked_directories_too),
		SCRATCH_TEST(a_null_device_that_is_none_masks_nothing),
		SCRATCH_TEST(readonly_paths_can_be_read_and_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
