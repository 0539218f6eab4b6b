/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <cmocka.h>
#include <archive_entry.h>

#include "pull/layer_entry.h"
#include "pull/layer_xattr.h"

static struct layer_entry plan;
static struct err error;

/* Plans an entry of this path and type. */
static int plan_of(const char *path, mode_t type)
{
	struct archive_entry *a = archive_entry_new();
	int r;

	archive_entry_set_pathname(a, path);
	archive_entry_set_mode(a, type | 0644);
	archive_entry_set_size(a, 0);
	r = layer_entry_plan(a, &plan, &error);
	archive_entry_free(a);
	return r;
}

static void assert_path(const char *path, const char *parent, const char *name)
{
	if (plan_of(path, S_IFREG) < 0)
		fail_msg("'%s': %s", path, error.text);
	assert_int_equal(plan.action, LAYER_FILE);
	assert_string_equal(plan.parent, parent);
	assert_string_equal(plan.name, name);
}

static void assert_refused(const char *path, int code, const char *message)
{
	assert_int_equal(plan_of(path, S_IFREG), code);
	assert_string_equal(error.text, message);
}

static void paths_lose_what_does_not_matter(void **state)
{
	(void)state;
	assert_path("a", "", "a");
	assert_path("/a", "", "a");
	assert_path("./a", "", "a");
	assert_path(".//./a/./b///c", "a/b", "c");
	assert_path("///usr/bin/", "usr", "bin");
	assert_path("...", "", "...");
	assert_path("..a/b..", "..a", "b..");
	assert_path("a\nb/\x1b[31m\xff", "a\nb", "\x1b[31m\xff");
}

static void two_dots_climb_out_wherever_they_are(void **state)
{
	(void)state;
	assert_refused("..", -EINVAL, "entry '..' climbs out of the layer");
	assert_refused("../a", -EINVAL, "entry '../a' climbs out of the layer");
	assert_refused("a/../b", -EINVAL, "entry 'a/../b' climbs out of the layer");
	assert_refused("/a/..", -EINVAL, "entry '/a/..' climbs out of the layer");
	assert_refused("a/.wh...", -EINVAL, "whiteout 'a/.wh...' names no file");
	assert_refused("../\x1b[31m\n", -EINVAL, "entry '../?[31m?' climbs out of the layer");
}

static void a_path_has_a_maximum(void **state)
{
	char path[PATH_MAX + 1];

	(void)state;
	memset(path, 'a', sizeof(path));
	for (size_t i = 100; i < sizeof(path); i += 100)
		path[i] = '/';
	path[PATH_MAX - 1] = '\0';
	assert_int_equal(plan_of(path, S_IFREG), 0);
	path[PATH_MAX - 1] = 'a';
	path[PATH_MAX] = '\0';
	assert_int_equal(plan_of(path, S_IFREG), -ENAMETOOLONG);
	assert_non_null(strstr(error.text, "aaa...' has a path longer than 4095 bytes"));
	assert_refused("", -EINVAL, "an entry has no path");
}

static void the_root_is_a_directory(void **state)
{
	static const char *const ROOTS[] = { ".", "/", "./", "//.//" };

	(void)state;
	for (size_t i = 0; i < sizeof(ROOTS) / sizeof(ROOTS[0]); i++) {
		assert_int_equal(plan_of(ROOTS[i], S_IFDIR), 0);
		assert_int_equal(plan.action, LAYER_ROOT);
		assert_null(plan.name);
	}
	assert_refused("/", -EINVAL, "entry '/' names the layer's root, and is not a directory");
	assert_int_equal(plan_of(".", S_IFLNK), -EINVAL);
}

static void whiteouts_hide_names_and_directories(void **state)
{
	(void)state;
	assert_int_equal(plan_of("etc/.wh.passwd", S_IFREG), 0);
	assert_int_equal(plan.action, LAYER_WHITEOUT);
	assert_string_equal(plan.parent, "etc");
	assert_string_equal(plan.name, "passwd");
	assert_int_equal(plan_of(".wh.a.wh.b", S_IFREG), 0);
	assert_string_equal(plan.name, "a.wh.b");
	assert_int_equal(plan_of("var/.wh..wh..opq", S_IFREG), 0);
	assert_int_equal(plan.action, LAYER_OPAQUE);
	assert_string_equal(plan.parent, "var");
	assert_path("a.wh.b", "", "a.wh.b");
	assert_refused("a/.wh.", -EINVAL, "whiteout 'a/.wh.' names no file");
	assert_refused(".wh..", -EINVAL, "whiteout '.wh..' names no file");
	assert_refused("a/.wh.b/c", -EINVAL, "entry 'a/.wh.b/c' lies in a whiteout");
}

static void what_aufs_left_behind_is_skipped(void **state)
{
	(void)state;
	assert_int_equal(plan_of(".wh..wh.aufs", S_IFREG), 0);
	assert_int_equal(plan.action, LAYER_SKIP);
	assert_int_equal(plan_of(".wh..wh.plnk", S_IFDIR), 0);
	assert_int_equal(plan.action, LAYER_SKIP);
	assert_int_equal(plan_of("./.wh..wh.plnk/123.456", S_IFREG), 0);
	assert_int_equal(plan.action, LAYER_SKIP);
}

static void owners_are_what_linux_can_have(void **state)
{
	struct archive_entry *a = archive_entry_new();

	(void)state;
	archive_entry_set_pathname(a, "a");
	archive_entry_set_mode(a, S_IFREG | 06755);
	archive_entry_set_uid(a, 4294967294);
	archive_entry_set_gid(a, 1);
	archive_entry_set_mtime(a, -5, 999999999);
	assert_int_equal(layer_entry_plan(a, &plan, &error), 0);
	assert_int_equal(plan.uid, 4294967294u);
	assert_int_equal(plan.gid, 1);
	assert_int_equal(plan.mode, S_IFREG | 06755);
	assert_int_equal(plan.mtime.tv_sec, -5);
	assert_int_equal(plan.mtime.tv_nsec, 999999999);
	archive_entry_set_uid(a, 4294967295);
	assert_int_equal(layer_entry_plan(a, &plan, &error), -EINVAL);
	assert_string_equal(error.text, "entry 'a' has the owner 4294967295:1, which Linux cannot have");
	archive_entry_free(a);
}

static void hard_links_are_checked_as_paths_are(void **state)
{
	struct archive_entry *a = archive_entry_new();

	(void)state;
	archive_entry_set_pathname(a, "b");
	archive_entry_set_mode(a, S_IFREG | 0644);
	archive_entry_set_hardlink(a, "/x//./a");
	assert_int_equal(layer_entry_plan(a, &plan, &error), 0);
	assert_int_equal(plan.action, LAYER_HARDLINK);
	assert_string_equal(plan.target, "x/a");
	archive_entry_set_hardlink(a, "../a");
	assert_int_equal(layer_entry_plan(a, &plan, &error), -EINVAL);
	assert_string_equal(error.text, "entry 'b' climbs out of the layer");
	archive_entry_set_hardlink(a, "/");
	assert_int_equal(layer_entry_plan(a, &plan, &error), -EINVAL);
	assert_string_equal(error.text, "entry 'b' is a hard link to nothing");
	archive_entry_free(a);
}

static void devices_and_links_and_other_types(void **state)
{
	struct archive_entry *a = archive_entry_new();

	(void)state;
	archive_entry_set_pathname(a, "d");
	archive_entry_set_mode(a, S_IFBLK | 0600);
	archive_entry_set_rdevmajor(a, 259);
	archive_entry_set_rdevminor(a, 70000);
	assert_int_equal(layer_entry_plan(a, &plan, &error), 0);
	assert_int_equal(plan.action, LAYER_NODE);
	assert_int_equal(plan.device, makedev(259, 70000));
	archive_entry_set_rdevmajor(a, 5000);
	assert_int_equal(layer_entry_plan(a, &plan, &error), -EINVAL);
	assert_string_equal(error.text,
			    "entry 'd' has the device number 5000:70000, which Linux cannot have");
	archive_entry_free(a);
	assert_int_equal(plan_of("p", S_IFIFO), 0);
	assert_int_equal(plan.action, LAYER_NODE);
	assert_int_equal(plan_of("l", S_IFLNK), -EINVAL);
	assert_string_equal(error.text, "entry 'l' is a symlink to nothing");
	assert_int_equal(plan_of("s", S_IFSOCK), -EOPNOTSUPP);
	assert_string_equal(error.text, "entry 's' is of a type that layers do not have (mode 140644)");
}

static void an_image_sets_its_own_attributes_only(void **state)
{
	(void)state;
	assert_true(layer_xattr_wanted("user.mime"));
	assert_true(layer_xattr_wanted("security.capability"));
	assert_true(layer_xattr_wanted("system.posix_acl_access"));
	assert_true(layer_xattr_wanted("system.posix_acl_default"));
	assert_false(layer_xattr_wanted("user.overlay.opaque"));
	assert_false(layer_xattr_wanted("user.overlay.redirect"));
	assert_false(layer_xattr_wanted("trusted.overlay.opaque"));
	assert_false(layer_xattr_wanted("trusted.anything"));
	assert_false(layer_xattr_wanted("security.selinux"));
	assert_false(layer_xattr_wanted("security.capability2"));
	assert_false(layer_xattr_wanted(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_lose_what_does_not_matter),
		cmocka_unit_test(two_dots_climb_out_wherever_they_are),
		cmocka_unit_test(a_path_has_a_maximum),
		cmocka_unit_test(the_root_is_a_directory),
		cmocka_unit_test(whiteouts_hide_names_and_directories),
		cmocka_unit_test(what_aufs_left_behind_is_skipped),
		cmocka_unit_test(owners_are_what_linux_can_have),
		cmocka_unit_test(hard_links_are_checked_as_paths_are),
		cmocka_unit_test(devices_and_links_and_other_types),
		cmocka_unit_test(an_image_sets_its_own_attributes_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
