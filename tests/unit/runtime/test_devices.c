/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/devices.h"

#include "tests/unit/common/scratch.h"

#include <sys/sysmacros.h>

/* In the child: a tmpfs of its own as the container's root. */
struct root {
	struct scratch *scratch;
	struct spec_linux linux_;
	struct spec_device devices[8];
	int fd;
};

static void enter(struct root *r, struct scratch *s)
{
	*r = (struct root){ .scratch = s };
	CHILD_CHECK(mount("tmpfs", s->path, "tmpfs", 0, "mode=755") == 0);
	scratch_reopen(s);
	r->fd = openat(s->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHILD_CHECK(r->fd >= 0);
	r->linux_.devices = r->devices;
	(void)umask(0); /* as init does */
	if (mknodat(s->fd, "probe", S_IFCHR | 0600, makedev(1, 3)) < 0)
		_exit(CHILD_LACKS); /* no CAP_MKNOD here */
	CHILD_CHECK(unlinkat(s->fd, "probe", 0) == 0);
}

static struct spec_device *add(struct root *r, const char *path, char type, unsigned int major,
			       unsigned int minor)
{
	struct spec_device *d = &r->devices[r->linux_.devices_len++];

	*d = (struct spec_device){
		.path = (char *)(uintptr_t)path, .type = type, .major = major, .minor = minor
	};
	return d;
}

static void expect_node(const struct root *r, const char *path, mode_t mode, dev_t number, uid_t uid,
			gid_t gid)
{
	struct stat st;

	CHILD_CHECK(fstatat(r->scratch->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0);
	if (st.st_mode != mode || st.st_rdev != number)
		(void)dprintf(2, "%s: mode %o, %u:%u\n", path, st.st_mode, major(st.st_rdev),
			      minor(st.st_rdev));
	CHILD_CHECK(st.st_mode == mode && st.st_rdev == number);
	CHILD_CHECK(st.st_uid == uid && st.st_gid == gid);
}

static void expect_link(const struct root *r, const char *path, const char *target)
{
	char text[64] = "";

	CHILD_CHECK(readlinkat(r->scratch->fd, path, text, sizeof(text) - 1) > 0);
	CHILD_CHECK(strcmp(text, target) == 0);
}

static void expect_defaults(const struct root *r)
{
	expect_node(r, "dev/null", S_IFCHR | 0666, makedev(1, 3), 0, 0);
	expect_node(r, "dev/zero", S_IFCHR | 0666, makedev(1, 5), 0, 0);
	expect_node(r, "dev/full", S_IFCHR | 0666, makedev(1, 7), 0, 0);
	expect_node(r, "dev/random", S_IFCHR | 0666, makedev(1, 8), 0, 0);
	expect_node(r, "dev/urandom", S_IFCHR | 0666, makedev(1, 9), 0, 0);
	expect_node(r, "dev/tty", S_IFCHR | 0666, makedev(5, 0), 0, 0);
}

static void make_defaults(void *arg)
{
	struct err e = { 0 };
	struct root r;

	enter(&r, arg);
	CHILD_OK(devices_create(r.fd, &r.linux_, false, &e));
	expect_defaults(&r);
	expect_link(&r, "dev/fd", "/proc/self/fd");
	expect_link(&r, "dev/stdin", "/proc/self/fd/0");
	expect_link(&r, "dev/stdout", "/proc/self/fd/1");
	expect_link(&r, "dev/stderr", "/proc/self/fd/2");
	expect_link(&r, "dev/core", "/proc/kcore");
	expect_link(&r, "dev/ptmx", "pts/ptmx");
	CHILD_OK(devices_create(r.fd, &r.linux_, false, &e)); /* once more does no harm */
	expect_defaults(&r);
}

static void every_container_gets_the_default_devices_and_links(void **state)
{
	need_openat2();
	need_root();
	run_in_child(CLONE_NEWNS, make_defaults, *state);
}

static void make_own(void *arg)
{
	struct err e = { 0 };
	struct spec_device *d;
	struct root r;

	enter(&r, arg);
	d = add(&r, "/dev/disk", 'b', 7, 300);
	d->file_mode = (struct opt_u64){ true, 0100640 }; /* type bits are of no account */
	d->uid = (struct opt_u64){ true, 1000 };
	d->gid = (struct opt_u64){ true, 6 };
	(void)add(&r, "/dev/net/tun", 'c', 10, 200);
	add(&r, "/dev/pipe", 'p', 5, 5)->file_mode = (struct opt_u64){ true, 0 };
	add(&r, "/opt/raw", 'u', 1, 5)->gid = (struct opt_u64){ true, 4294967294 };
	add(&r, "/dev/sticky", 'c', 1, 3)->file_mode = (struct opt_u64){ true, 04755 };
	CHILD_OK(devices_create(r.fd, &r.linux_, false, &e));
	expect_node(&r, "dev/disk", S_IFBLK | 0640, makedev(7, 300), 1000, 6);
	expect_node(&r, "dev/net/tun", S_IFCHR | 0666, makedev(10, 200), 0, 0);
	expect_node(&r, "dev/pipe", S_IFIFO, 0, 0, 0);
	expect_node(&r, "opt/raw", S_IFCHR | 0666, makedev(1, 5), 0, 4294967294);
	expect_node(&r, "dev/sticky", S_IFCHR | 04755, makedev(1, 3), 0, 0);
	expect_defaults(&r);
}

static void devices_of_the_spec_have_their_numbers_modes_and_owners(void **state)
{
	need_openat2();
	need_root();
	run_in_child(CLONE_NEWNS, make_own, *state);
}

static void make_own_null(void *arg)
{
	struct err e = { 0 };
	struct root r;

	enter(&r, arg);
	add(&r, "/dev/null", 'c', 1, 5)->file_mode = (struct opt_u64){ true, 0600 };
	CHILD_OK(devices_create(r.fd, &r.linux_, false, &e));
	expect_node(&r, "dev/null", S_IFCHR | 0600, makedev(1, 5), 0, 0);
	expect_node(&r, "dev/zero", S_IFCHR | 0666, makedev(1, 5), 0, 0);
}

static void a_device_of_the_spec_takes_the_place_of_a_default_one(void **state)
{
	need_openat2();
	need_root();
	run_in_child(CLONE_NEWNS, make_own_null, *state);
}

static void make_beside_images(void *arg)
{
	struct scratch *s = arg;
	struct err e = { 0 };
	struct root r;

	enter(&r, s);
	CHILD_CHECK(mkdirat(s->fd, "dev", 0755) == 0);
	scratch_write(s, "dev/zero", "of the image");
	scratch_write(s, "dev/core", "of the image");
	scratch_write(s, "dev/ptmx", "of the image");
	CHILD_OK(devices_create(r.fd, &r.linux_, false, &e));
	CHILD_CHECK(scratch_holds(s, "dev/zero", "of the image") &&
		    scratch_holds(s, "dev/core", "of the image"));
	expect_link(&r, "dev/ptmx", "pts/ptmx"); /* the image's would be of no use */
	expect_node(&r, "dev/null", S_IFCHR | 0666, makedev(1, 3), 0, 0);
}

static void what_the_image_brings_stays_but_ptmx(void **state)
{
	need_openat2();
	need_root();
	run_in_child(CLONE_NEWNS, make_beside_images, *state);
}

static void make_through_links(void *arg)
{
	struct scratch *s = arg;
	char target[128];
	struct err e = { 0 };
	struct root r;
	int fd;

	enter(&r, s);
	CHILD_CHECK(mkdirat(s->fd, "root", 0755) == 0 && mkdirat(s->fd, "outside", 0755) == 0);
	fd = openat(s->fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)snprintf(target, sizeof(target), "%s/outside", s->path);
	CHILD_CHECK(symlinkat("../outside", s->fd, "root/dev") == 0);
	CHILD_CHECK(symlinkat(target, s->fd, "root/abs") == 0);
	(void)add(&r, "/abs/node", 'c', 1, 3);
	(void)add(&r, "/../../up", 'c', 1, 3);
	CHILD_OK(devices_create(fd, &r.linux_, false, &e));
	expect_node(&r, "root/outside/null", S_IFCHR | 0666, makedev(1, 3), 0, 0);
	expect_node(&r, "root/up", S_IFCHR | 0666, makedev(1, 3), 0, 0);
	CHILD_CHECK(faccessat(s->fd, "outside/null", F_OK, 0) < 0);
	CHILD_CHECK(unlinkat(s->fd, "outside", AT_REMOVEDIR) == 0); /* empty, then */
}

static void no_device_is_made_outside_of_the_root(void **state)
{
	need_openat2();
	need_root();
	run_in_child(CLONE_NEWNS, make_through_links, *state);
}

static void make_badly(void *arg)
{
	struct scratch *s = arg;
	struct err e = { 0 };
	struct root r;

	enter(&r, s);
	scratch_write(s, "file", "");
	(void)add(&r, "/file/node", 'c', 1, 3);
	CHILD_CHECK(devices_create(r.fd, &r.linux_, false, &e) == -ENOTDIR);
	CHILD_CHECK(strstr(e.text, "/file/") != NULL);
	r.linux_.devices_len = 0;
	(void)add(&r, "/dev/", 'c', 1, 3);
	CHILD_CHECK(devices_create(r.fd, &r.linux_, false, &e) == -EINVAL);
	CHILD_CHECK(strcmp(e.text, "'/dev/' does not name a file") == 0);
	CHILD_CHECK(mount(NULL, s->path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	r.linux_.devices_len = 0;
	(void)add(&r, "/dev/new", 'c', 1, 3);
	CHILD_CHECK(devices_create(r.fd, &r.linux_, false, &e) == -EROFS);
	CHILD_CHECK(strcmp(e.text, "cannot make device '/dev/new': read-only file system") == 0);
}

static void devices_that_cannot_be_made_are_told(void **state)
{
	need_openat2();
	need_root();
	run_in_child(CLONE_NEWNS, make_badly, *state);
}

static void bind_hosts(void *arg)
{
	struct scratch *s = arg;
	struct err e = { 0 };
	struct root r;
	int fd;

	enter(&r, s);
	CHILD_OK(devices_create(r.fd, &r.linux_, true, &e));
	expect_defaults(&r); /* the host's own, on files */
	fd = openat(s->fd, "dev/null", O_RDWR | O_CLOEXEC);
	CHILD_CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	CHILD_CHECK(close(fd) == 0);
	CHILD_CHECK(umount2(scratch_path(s, "dev/null"), 0) == 0);
	expect_node(&r, "dev/null", S_IFREG | 0644, 0, 0, 0);
	(void)add(&r, "/dev/no-such-device", 'c', 1, 3);
	CHILD_CHECK(devices_create(r.fd, &r.linux_, true, &e) == -ENOENT);
	CHILD_CHECK(strcmp(e.text, "cannot bind device '/dev/no-such-device': no such file or directory") ==
		    0);
}

static void in_a_user_namespace_the_hosts_devices_are_bound(void **state)
{
	need_openat2();
	need_root();
	run_in_child(CLONE_NEWNS, bind_hosts, *state);
}

static void the_list_of_defaults_is_the_specifications(void **state)
{
	/* config-linux.md#default-devices, without console and ptmx, which are no nodes of ours */
	static const char *const PATHS[] = { "/dev/null",   "/dev/zero",    "/dev/full",
					     "/dev/random", "/dev/urandom", "/dev/tty" };
	const struct default_device *d = devices_default();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(PATHS); i++, d++)
		assert_string_equal(d->path, PATHS[i]);
	assert_null(d->path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(every_container_gets_the_default_devices_and_links),
		SCRATCH_TEST(devices_of_the_spec_have_their_numbers_modes_and_owners),
		SCRATCH_TEST(a_device_of_the_spec_takes_the_place_of_a_default_one),
		SCRATCH_TEST(what_the_image_brings_stays_but_ptmx),
		SCRATCH_TEST(no_device_is_made_outside_of_the_root),
		SCRATCH_TEST(devices_that_cannot_be_made_are_told),
		SCRATCH_TEST(in_a_user_namespace_the_hosts_devices_are_bound),
		cmocka_unit_test(the_list_of_defaults_is_the_specifications),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
