/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sysctl.h"

#include "tests/unit/common/scratch.h"

#include <sys/utsname.h>

#define NAMESPACES (CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET)

/* A strvec of the settings, which NULL ends. */
static void set_all(const char *const *settings, struct strvec *ret)
{
	for (; *settings; settings++)
		CHILD_CHECK(strvec_add(ret, *settings) == 0);
}

static bool kernel_says(const char *path, const char *text)
{
	cleanup_buf struct buf content = BUF_INIT(4096);
	struct err e;

	return file_read(AT_FDCWD, path, &content, &e) == 0 && strcmp(content.data, text) == 0;
}

static void apply_good(void *arg)
{
	static const char *const SETTINGS[] = { "kernel.shmmni=2222",
						"kernel.msgmax=7777",
						"net.ipv4.ip_forward=1",
						"net/ipv4/conf/all/forwarding=1",
						"kernel.domainname=a.b/c",
						"kernel.sem=11 22 33 44",
						"net.ipv4.ping_group_range=0 5",
						NULL };
	struct utsname names;
	struct strvec list = { 0 };
	struct err e = { 0 };

	(void)arg;
	set_all(SETTINGS, &list);
	CHILD_OK(sysctl_apply(&list, &e));
	strvec_done(&list);
	CHILD_CHECK(kernel_says("/proc/sys/kernel/shmmni", "2222\n"));
	CHILD_CHECK(kernel_says("/proc/sys/kernel/msgmax", "7777\n"));
	CHILD_CHECK(kernel_says("/proc/sys/kernel/sem", "11\t22\t33\t44\n"));
	CHILD_CHECK(kernel_says("/proc/sys/net/ipv4/ip_forward", "1\n"));
	CHILD_CHECK(kernel_says("/proc/sys/net/ipv4/ping_group_range", "0\t5\n"));
	CHILD_CHECK(uname(&names) == 0);
	CHILD_CHECK(strcmp(names.domainname, "a.b/c") == 0);
}

static void settings_reach_the_namespaces_of_the_caller(void **state)
{
	(void)state;
	need_root();
	run_in_child(NAMESPACES, apply_good, NULL);
}

static void expect_error(const char *setting, int code, const char *text)
{
	struct strvec list = { 0 };
	struct err e = { 0 };
	int r;

	CHILD_CHECK(strvec_add(&list, setting) == 0);
	r = sysctl_apply(&list, &e);
	strvec_done(&list);
	if (r != code || strncmp(e.text, text, strlen(text)) != 0)
		(void)dprintf(2, "%s: %d %s\n", setting, r, e.text);
	CHILD_CHECK(r == code && strncmp(e.text, text, strlen(text)) == 0);
}

static void apply_bad(void *arg)
{
	char longer[400];

	(void)arg;
	expect_error("kernel.no_such=1", -ENOENT,
		     "cannot set sysctl 'kernel.no_such=1': no such file or directory");
	expect_error("kernel.shmmni=many", -EINVAL,
		     "cannot set sysctl 'kernel.shmmni=many': invalid argument");
	expect_error("kernel.shmmni", -EINVAL, "bad sysctl 'kernel.shmmni'");
	expect_error("net.ipv4=1", -EISDIR, "cannot set sysctl 'net.ipv4=1': is a directory");
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "net.", 4);
	(void)snprintf(longer + 300, 100, "=1");
	expect_error(longer, -EINVAL, "bad sysctl 'net.xxx");
}

static void what_the_kernel_refuses_is_told_with_the_setting(void **state)
{
	(void)state;
	need_root();
	run_in_child(NAMESPACES, apply_bad, NULL);
}

static void apply_in_order(void *arg)
{
	static const char *const SETTINGS[] = { "kernel.shmmni=1111", "kernel.no_such=1",
						"kernel.shmmni=3333", NULL };
	struct strvec list = { 0 };
	struct err e = { 0 };

	(void)arg;
	set_all(SETTINGS, &list);
	CHILD_CHECK(sysctl_apply(&list, &e) == -ENOENT);
	strvec_done(&list);
	CHILD_CHECK(kernel_says("/proc/sys/kernel/shmmni", "1111\n"));
}

static void the_first_failure_ends_the_list(void **state)
{
	(void)state;
	need_root();
	run_in_child(NAMESPACES, apply_in_order, NULL);
}

static void lay_fake(void)
{
	CHILD_CHECK(mount("tmpfs", "/proc", "tmpfs", 0, NULL) == 0);
	CHILD_CHECK(mkdir("/proc/sys", 0755) == 0 && mkdir("/proc/sys/kernel", 0755) == 0);
	CHILD_CHECK(mknod("/proc/sys/kernel/shmmni", S_IFREG | 0644, 0) == 0);
}

static void apply_beside_fake(void *arg)
{
	struct strvec list = { 0 };
	struct err e = { 0 };

	(void)arg;
	lay_fake();
	CHILD_CHECK(strvec_add(&list, "kernel.shmmni=4321") == 0);
	CHILD_OK(sysctl_apply(&list, &e));
	strvec_done(&list);
	CHILD_CHECK(!kernel_says("/proc/sys/kernel/shmmni", "4321"));
	CHILD_CHECK(umount2("/proc", MNT_DETACH) == 0);
	CHILD_CHECK(kernel_says("/proc/sys/kernel/shmmni", "4321\n"));
}

static void what_lies_on_proc_gets_nothing(void **state)
{
	(void)state;
	need_root();
	run_in_child(CLONE_NEWNS | CLONE_NEWIPC, apply_beside_fake, NULL);
}

/* Who has no PID namespace of his own may not mount a procfs. */
static void apply_to_fake(void *arg)
{
	struct strvec list = { 0 };
	struct err e = { 0 };

	(void)arg;
	CHILD_CHECK(mount("tmpfs", "/proc", "tmpfs", 0, NULL) == 0);
	CHILD_CHECK(strvec_add(&list, "kernel.shmmni=1") == 0);
	CHILD_CHECK(sysctl_apply(&list, &e) == -EINVAL);
	CHILD_CHECK(strcmp(e.text, "'/proc' is not procfs") == 0);
	CHILD_CHECK(umount2("/proc", MNT_DETACH) == 0);
	CHILD_CHECK(mount("/proc/sys", "/proc", NULL, MS_BIND | MS_REC, NULL) == 0);
	CHILD_CHECK(sysctl_apply(&list, &e) == -EINVAL);
	CHILD_CHECK(strcmp(e.text, "'/proc' is not procfs") == 0);
	strvec_done(&list);
}

static void without_a_procfs_of_ones_own_that_of_the_host_is_made_sure_of(void **state)
{
	(void)state;
	need_root();
	run_in_child(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC, apply_to_fake, NULL);
}

static void apply_below_mount(void *arg)
{
	struct strvec list = { 0 };
	struct err e = { 0 };

	(void)arg;
	CHILD_CHECK(mount("tmpfs", "/proc/sys/kernel", "tmpfs", 0, NULL) == 0);
	CHILD_CHECK(strvec_add(&list, "kernel.shmmni=1") == 0);
	CHILD_CHECK(sysctl_apply(&list, &e) == -EXDEV);
	strvec_done(&list);
}

static void nothing_is_written_below_a_mount_on_the_hosts_procfs(void **state)
{
	(void)state;
	need_root();
	run_in_child(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC, apply_below_mount, NULL);
}

static void no_settings_need_no_proc(void **state)
{
	const struct strvec none = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(sysctl_apply(&none, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_reach_the_namespaces_of_the_caller),
		cmocka_unit_test(what_the_kernel_refuses_is_told_with_the_setting),
		cmocka_unit_test(the_first_failure_ends_the_list),
		cmocka_unit_test(what_lies_on_proc_gets_nothing),
		cmocka_unit_test(without_a_procfs_of_ones_own_that_of_the_host_is_made_sure_of),
		cmocka_unit_test(nothing_is_written_below_a_mount_on_the_hosts_procfs),
		cmocka_unit_test(no_settings_need_no_proc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
