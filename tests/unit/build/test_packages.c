/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/scratch.h"

#include "build/packages.h"

static void make_dirs(const struct scratch *s, const char *path)
{
	cleanup_fd int fd = -1;
	struct err e;

	assert_int_equal(dir_make_open(s->fd, path, 0755, &fd, &e), 0);
}

static void read_tree(const struct scratch *s, struct packages *p)
{
	struct err e;

	need_openat2();
	if (packages_read(s->fd, p, &e) < 0)
		fail_msg("%s", e.text);
}

static void assert_package(const struct packages *p, size_t i, enum package_kind kind, const char *text)
{
	char found[2048];

	assert_true(i < p->len);
	assert_int_equal(p->items[i].kind, kind);
	(void)snprintf(found, sizeof(found), "%s %s %s", p->items[i].name, p->items[i].version,
		       p->items[i].architecture);
	assert_string_equal(found, text);
}

/* --- dpkg --- */

static void what_dpkg_has_installed_is_listed_in_order_and_once(void **state)
{
	const struct scratch *s = *state;
	cleanup_packages struct packages p = { 0 };

	make_dirs(s, "var/lib/dpkg");
	scratch_write(s, "var/lib/dpkg/status",
		      "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\n"
		      "Version: 1:1.2.13\nDescription: x\n Package: not\n\n"
		      "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
		      "Package: base-files\nVersion: 12.4\nStatus: hold ok installed\nArchitecture: amd64\n\n"
		      "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\n"
		      "Version: 1:1.2.13");
	read_tree(s, &p);
	assert_int_equal(p.len, 2);
	assert_package(&p, 0, PACKAGE_DEB, "base-files 12.4 amd64");
	assert_package(&p, 1, PACKAGE_DEB, "zlib1g 1:1.2.13 amd64");
	assert_false(p.has_damage);
}

static void images_that_are_made_without_dpkg_have_a_file_for_each(void **state)
{
	const struct scratch *s = *state;
	cleanup_packages struct packages p = { 0 };

	make_dirs(s, "var/lib/dpkg/status.d");
	scratch_write(s, "var/lib/dpkg/status.d/libc6",
		      "Package: libc6\nVersion: 2.36\nArchitecture: arm64\n");
	scratch_write(s, "var/lib/dpkg/status.d/libc6.md5sums", "Package: no\nVersion: 1\n");
	scratch_write(s, "var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2024a\n");
	read_tree(s, &p);
	assert_int_equal(p.len, 2);
	assert_package(&p, 0, PACKAGE_DEB, "libc6 2.36 arm64");
	assert_package(&p, 1, PACKAGE_DEB, "tzdata 2024a ");
}

/* --- apk --- */

static void what_apk_has_installed_is_listed(void **state)
{
	const struct scratch *s = *state;
	cleanup_packages struct packages p = { 0 };

	make_dirs(s, "lib/apk/db");
	make_dirs(s, "etc");
	scratch_write(s, "lib/apk/db/installed",
		      "C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\np:so:libc.musl=1\n\n"
		      "P:busybox\nV:1.36.1\nA:x86_64\nF:bin\nR:busybox\n\n");
	scratch_write(s, "etc/os-release", "NAME=\"Alpine\"\nID=alpine\nVERSION_ID='3.19.1'\n");
	read_tree(s, &p);
	assert_int_equal(p.len, 2);
	assert_package(&p, 0, PACKAGE_APK, "busybox 1.36.1 x86_64");
	assert_package(&p, 1, PACKAGE_APK, "musl 1.2.4-r2 x86_64");
	assert_string_equal(p.distro_id, "alpine");
	assert_string_equal(p.distro_version, "3.19.1");
}

/* --- other trees --- */

static void a_tree_without_databases_has_no_packages(void **state)
{
	cleanup_packages struct packages p = { 0 };

	read_tree(*state, &p);
	assert_int_equal(p.len, 0);
	assert_null(p.distro_id);
	assert_false(p.has_rpm);
	assert_false(p.has_damage);
}

static void a_database_of_rpm_is_noticed(void **state)
{
	const struct scratch *s = *state;
	cleanup_packages struct packages p = { 0 };

	make_dirs(s, "usr/lib/sysimage/rpm");
	scratch_write(s, "usr/lib/sysimage/rpm/rpmdb.sqlite", "SQLite");
	read_tree(s, &p);
	assert_true(p.has_rpm);
	assert_int_equal(p.len, 0);
}

static void links_stay_in_the_tree(void **state)
{
	const struct scratch *s = *state;
	cleanup_packages struct packages p = { 0 };

	make_dirs(s, "etc");
	make_dirs(s, "usr/lib");
	make_dirs(s, "var/lib/dpkg");
	make_dirs(s, "run/shadow");
	scratch_write(s, "usr/lib/os-release", "ID=inside\n");
	assert_int_equal(symlinkat("/usr/lib/os-release", s->fd, "etc/os-release"), 0);
	assert_int_equal(symlinkat("/../../../var/lib/dpkg/status", s->fd, "run/shadow/up"), 0);
	assert_int_equal(symlinkat("../../../run/shadow/up", s->fd, "var/lib/dpkg/status"), 0);
	read_tree(s, &p);
	assert_string_equal(p.distro_id, "inside");
	assert_int_equal(p.len, 0); /* a loop, in here; the host's would have had some */
	assert_true(p.has_damage);
}

static void what_is_no_regular_file_is_left_out_and_not_waited_for(void **state)
{
	const struct scratch *s = *state;
	cleanup_packages struct packages p = { 0 };

	make_dirs(s, "var/lib/dpkg");
	make_dirs(s, "lib/apk/db/installed");
	assert_int_equal(mkfifoat(s->fd, "var/lib/dpkg/status", 0644), 0);
	read_tree(s, &p);
	assert_int_equal(p.len, 0);
	assert_true(p.has_damage);
}

static void a_database_over_the_limit_is_left_out(void **state)
{
	const struct scratch *s = *state;
	cleanup_packages struct packages p = { 0 };
	cleanup_fd int fd = -1;

	make_dirs(s, "var/lib/dpkg");
	fd = openat(s->fd, "var/lib/dpkg/status", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, (off_t)PACKAGES_FILE_MAX_BYTES + 1), 0);
	read_tree(s, &p);
	assert_int_equal(p.len, 0);
	assert_true(p.has_damage);
}

static void what_no_package_can_be_called_is_none(void **state)
{
	static const char TEXT[] =
		"P:with blank\nV:1\n\nP:a\x01\nV:1\n\nV:1\n\nP:\nV:1\n\nP:good\r\nV:1\r\n\nP:x\n";
	cleanup_packages struct packages p = { 0 };
	cleanup_buf struct buf text = BUF_INIT(4096);

	(void)state;
	assert_int_equal(packages_add_apk(&p, TEXT, sizeof(TEXT) - 1), 0);
	assert_int_equal(p.len, 2);
	assert_package(&p, 0, PACKAGE_APK, "good 1 ");
	assert_package(&p, 1, PACKAGE_APK, "x  ");
	assert_int_equal(buf_add_str(&text, "P:"), 0);
	for (int i = 0; i <= PACKAGES_FIELD_MAX; i++)
		assert_int_equal(buf_add_char(&text, 'a'), 0);
	assert_int_equal(packages_add_apk(&p, text.data, text.len), 0);
	assert_int_equal(p.len, 2);
}

static void more_packages_than_the_limit_are_refused(void **state)
{
	cleanup_packages struct packages p = { 0 };
	cleanup_buf struct buf text = BUF_INIT((size_t)16 << 20);

	(void)state;
	for (int i = 0; i <= PACKAGES_MAX; i++)
		assert_int_equal(buf_printf(&text, "P:p%d\n\n", i), 0);
	assert_int_equal(packages_add_apk(&p, text.data, text.len), -EFBIG);
	assert_int_equal(p.len, PACKAGES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(what_dpkg_has_installed_is_listed_in_order_and_once),
		SCRATCH_TEST(images_that_are_made_without_dpkg_have_a_file_for_each),
		SCRATCH_TEST(what_apk_has_installed_is_listed),
		SCRATCH_TEST(a_tree_without_databases_has_no_packages),
		SCRATCH_TEST(a_database_of_rpm_is_noticed),
		SCRATCH_TEST(links_stay_in_the_tree),
		SCRATCH_TEST(what_is_no_regular_file_is_left_out_and_not_waited_for),
		SCRATCH_TEST(a_database_over_the_limit_is_left_out),
		cmocka_unit_test(what_no_package_can_be_called_is_none),
		cmocka_unit_test(more_packages_than_the_limit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
