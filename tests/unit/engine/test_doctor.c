/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/doctor.h"

#include "tests/unit/common/scratch.h"

#include <sys/sysmacros.h>

#include "engine/litmus.h"

/* A machine as it should be, made of files; tests take things away. */
struct fixture {
	struct scratch *scratch;
	struct doctor_host host;
};

static const char *const HEALTHY_FILES[][2] = {
	{ "proc/self/ns/pid", "" },
	{ "proc/self/ns/net", "" },
	{ "proc/self/ns/ipc", "" },
	{ "proc/self/ns/uts", "" },
	{ "proc/self/ns/cgroup", "" },
	{ "proc/self/ns/user", "" },
	{ "proc/self/ns/time", "" },
	{ "proc/filesystems", "nodev\tproc\nnodev\ttmpfs\nnodev\tmqueue\n\text4\n" },
	{ "proc/sys/kernel/seccomp/actions_avail", "kill_process allow\n" },
	{ "proc/keys", "" },
	{ "proc/sys/fs/binfmt_misc/status", "enabled\n" },
	{ "proc/cmdline", "console=serial0 root=/dev/mmcblk0p2 cgroup_enable=memory\n" },
	{ "lib/modules/6.1.0-rpi7/modules.builtin", "kernel/fs/fuse/fuse.ko\n" },
	{ "lib/modules/6.1.0-rpi7/modules.dep", "kernel/fs/overlayfs/overlay.ko.xz:\nkernel/drivers/net/"
						"veth.ko.xz:\nkernel/net/bridge/bridge.ko.xz:\n"
						"kernel/net/netfilter/nf_tables.ko.xz:\n" },
	{ "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n" },
	{ "proc/sys/user/max_user_namespaces", "15000\n" },
	{ "etc/subuid", "other:100000:65536\npi:165536:65536\n" },
	{ "etc/subgid", "1000:165536:65536\n" },
	{ "usr/bin/newuidmap", "" },
	{ "usr/bin/newgidmap", "" },
};

static void put(const struct fixture *f, const char *path, const char *text)
{
	char dir[128];

	for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
		(void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		assert_true(mkdirat(f->scratch->fd, dir, 0755) == 0 || errno == EEXIST);
	}
	scratch_write(f->scratch, path, text);
}

static void take_away(const struct fixture *f, const char *path)
{
	assert_int_equal(unlinkat(f->scratch->fd, path, 0), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(scratch_setup((void **)&f->scratch), 0);
	for (size_t i = 0; i < ARRAY_LEN(HEALTHY_FILES); i++)
		put(f, HEALTHY_FILES[i][0], HEALTHY_FILES[i][1]);
	f->host = (struct doctor_host){ .root_fd = f->scratch->fd,
					.machine = { .cpu = MACHINE_ARM64, .aarch32 = true },
					.kernel = "6.1.0-rpi7",
					.page_bytes = 4096,
					.atomics = true,
					.uid = 1000,
					.user = "pi",
					.now_s = 1800000000,
					.clock_synchronised = true,
					.store_root = "/var/lib/sampan" };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(scratch_teardown((void **)&f->scratch), 0);
	free(f);
	return 0;
}

static void examine(const struct fixture *f, struct doctor_report *ret)
{
	struct err e;

	assert_int_equal(doctor_examine(&f->host, ret, &e), 0);
}

/* The line of a topic whose text begins like this; NULL: none. */
static const struct doctor_line *find(const struct doctor_report *r, const char *topic, const char *text)
{
	for (size_t i = 0; i < r->len; i++)
		if (strcmp(r->lines[i].topic, topic) == 0 &&
		    strncmp(r->lines[i].text, text, strlen(text)) == 0)
			return &r->lines[i];
	return NULL;
}

static void assert_line(const struct fixture *f, const char *topic, const char *text, enum doctor_level level,
			const char *cure)
{
	cleanup_doctor_report struct doctor_report r = { 0 };
	const struct doctor_line *line;

	examine(f, &r);
	line = find(&r, topic, text);
	if (!line)
		fail_msg("no line '%s: %s'", topic, text);
	assert_int_equal(line->level, level);
	if (cure)
		assert_string_equal(line->cure, cure);
	else
		assert_null(line->cure);
}

static void a_healthy_machine_is_ok(void **state)
{
	struct fixture *f = *state;
	cleanup_doctor_report struct doctor_report r = { 0 };

	examine(f, &r);
	for (size_t i = 0; i < r.len; i++)
		if (strcmp(r.lines[i].topic, "store") != 0 && r.lines[i].level != DOCTOR_OK)
			fail_msg("%s: %s", r.lines[i].topic, r.lines[i].text);
	assert_non_null(find(&r, "kernel", "16 of 16 features"));
	assert_non_null(find(&r, "cgroups", "v2, with all controllers"));
	assert_non_null(find(&r, "cpu", "arm64, with LSE atomics"));
	assert_non_null(find(&r, "cpu", "runs images for linux/arm/v7"));
	assert_non_null(find(&r, "rootless", "65536 more user IDs for 'pi'"));
	assert_non_null(find(&r, "rootless", "65536 more group IDs for 'pi'"));
	assert_string_equal(doctor_level_name(DOCTOR_MISSING), "missing");
}

static void old_kernels_and_absent_options_are_named(void **state)
{
	struct fixture *f = *state;

	take_away(f, "proc/self/ns/user");
	assert_line(f, "kernel", "no user namespaces", DOCTOR_WARNING, "use a kernel with CONFIG_USER_NS");
	put(f, "lib/modules/6.1.0-rpi7/modules.dep", "kernel/drivers/net/veth.ko:\n");
	assert_line(f, "kernel", "no overlayfs", DOCTOR_MISSING, "use a kernel with CONFIG_OVERLAY_FS");
	/* Built in, as the configuration tells. */
	put(f, "boot/config-6.1.0-rpi7",
	    "# CONFIG_BRIDGE is not set\nCONFIG_OVERLAY_FS=y\nCONFIG_NF_TABLES=m\n");
	assert_line(f, "kernel", "no bridges", DOCTOR_WARNING, "use a kernel with CONFIG_BRIDGE");
	assert_line(f, "kernel", "14 of 16 features that containers use", DOCTOR_OK, NULL);
	(void)snprintf(f->host.kernel, sizeof(f->host.kernel), "5.10.0");
	assert_line(f, "kernel", "Linux 5.10.0: no recursive mount options", DOCTOR_WARNING,
		    "install Linux 5.12 or newer for these");
	/* It has neither list nor configuration: nothing is said of what may be built in. */
	assert_line(f, "kernel", "11 of 16 features that containers use; of the others it does not tell",
		    DOCTOR_OK, NULL);
	(void)snprintf(f->host.kernel, sizeof(f->host.kernel), "4.19.0-27-arm64");
	assert_line(f, "kernel", "Linux 4.19.0-27-arm64: older than 5.10", DOCTOR_MISSING,
		    "install a newer kernel");
	(void)snprintf(f->host.kernel, sizeof(f->host.kernel), "nonsense");
	assert_line(f, "kernel", "Linux nonsense: not a version", DOCTOR_WARNING, NULL);
}

static void the_memory_switch_has_its_cure(void **state)
{
	struct fixture *f = *state;
	static const char TEXT[] = "controller 'memory' is off: no --memory";

	put(f, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n");
	put(f, "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4");
	put(f, "proc/cmdline", "coherent_pool=1M cgroup_disable=memory root=/dev/mmcblk0p2\n");
	assert_line(f, "cgroups", TEXT, DOCTOR_MISSING,
		    "add cgroup_enable=memory to the one line of /boot/firmware/cmdline.txt and reboot");
	put(f, "proc/cmdline", "cgroup_enable=memory root=/dev/mmcblk0p2 cgroup_disable=memory\n");
	assert_line(f, "cgroups", TEXT, DOCTOR_MISSING,
		    "put cgroup_enable=memory behind cgroup_disable=memory in /boot/firmware/cmdline.txt and "
		    "reboot: the last one counts");
	put(f, "proc/cmdline", "cgroup_disable=memory cgroup_enable=memory\n");
	assert_line(f, "cgroups", TEXT, DOCTOR_MISSING,
		    "this kernel ignores cgroup_enable=memory: use Raspberry Pi OS's own");
	take_away(f, "proc/device-tree/model");
	assert_line(f, "cgroups", TEXT, DOCTOR_MISSING,
		    "remove cgroup_disable=memory from the kernel command line and reboot");
	put(f, "proc/cmdline", "quiet\n");
	assert_line(f, "cgroups", TEXT, DOCTOR_MISSING,
		    "add cgroup_enable=memory to the kernel command line and reboot");
	/* cpuset is not cpu. */
	put(f, "sys/fs/cgroup/cgroup.controllers", "cpuset memory io pids\n");
	assert_line(f, "cgroups", "controller 'cpu' is off: no --cpus", DOCTOR_MISSING,
		    "use a kernel that has it");
	take_away(f, "sys/fs/cgroup/cgroup.controllers");
	assert_line(f, "cgroups", "no v2 on '/sys/fs/cgroup'", DOCTOR_MISSING,
		    "boot with systemd.unified_cgroup_hierarchy=1");
	put(f, "sys/fs/cgroup/unified/cgroup.controllers", "\n");
	assert_line(f, "cgroups", "v1 beside v2", DOCTOR_MISSING,
		    "boot with systemd.unified_cgroup_hierarchy=1");
}

static void what_a_cpu_cannot_run_is_told(void **state)
{
	struct fixture *f = *state;

	f->host.page_bytes = 16384;
	put(f, "proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0");
	assert_line(
		f, "cpu", "pages of 16 KiB", DOCTOR_WARNING,
		"put kernel=kernel8.img into /boot/firmware/config.txt and reboot: that kernel has 4 KiB");
	f->host.atomics = f->host.machine.aarch32 = false;
	f->host.machine.userland_32bit = true;
	assert_line(f, "cpu", "arm64, without LSE atomics", DOCTOR_OK, NULL);
	assert_line(f, "cpu", "no images for linux/arm: it does not run AArch32 (tried)", DOCTOR_OK, NULL);
	assert_line(f, "cpu", "a 64-bit kernel below a 32-bit userland", DOCTOR_WARNING,
		    "install the 64-bit edition of the system, or pull with --platform linux/arm64");
	f->host.machine = (struct machine){ .cpu = MACHINE_AMD64, .amd64_level = 1 };
	assert_line(f, "cpu", "x86-64-v1: images for v2 and v3", DOCTOR_WARNING, NULL);
	f->host.machine.amd64_level = 2;
	assert_line(f, "cpu", "x86-64-v2: images for v3", DOCTOR_OK, NULL);
	f->host.machine = (struct machine){ .cpu = MACHINE_OTHER, .uname_machine = "riscv64" };
	assert_line(f, "cpu", "'riscv64': Sampan is tested on", DOCTOR_WARNING, NULL);
}

static void users_without_ids_are_told(void **state)
{
	struct fixture *f = *state;

	put(f, "etc/subuid", "pin:1:65536\npi:100000:1000\nbad\npi:x\n");
	assert_line(f, "rootless", "'/etc/subuid' gives 1000 user IDs to 'pi': images need 65536",
		    DOCTOR_MISSING,
		    "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER, as root");
	take_away(f, "usr/bin/newgidmap");
	assert_line(f, "rootless", "no '/usr/bin/newgidmap': containers get one group ID only",
		    DOCTOR_MISSING, "apt install uidmap");
	put(f, "proc/sys/kernel/unprivileged_userns_clone", "0\n");
	assert_line(f, "rootless", "user namespaces are for root alone", DOCTOR_MISSING,
		    "sysctl -w kernel.unprivileged_userns_clone=1");
	put(f, "proc/sys/user/max_user_namespaces", "0\n");
	assert_line(f, "rootless", "user namespaces are turned off", DOCTOR_MISSING,
		    "sysctl -w user.max_user_namespaces=15000");
	f->host.uid = 0;
	assert_line(f, "rootless", "user namespaces are turned off", DOCTOR_WARNING,
		    "sysctl -w user.max_user_namespaces=15000");
}

static void clocks_that_are_wrong_are_told(void **state)
{
	struct fixture *f = *state;
	static const char CURE[] =
		"timedatectl set-ntp true (a Raspberry Pi before the 5 has no clock of its own)";

	f->host.clock_synchronised = false;
	assert_line(f, "clock", "nobody keeps it right", DOCTOR_WARNING, CURE);
	f->host.now_s = 3600;
	assert_line(f, "clock", "the date is wrong", DOCTOR_MISSING, CURE);
}

/* The store's file system is this machine's; its disk is made of files. */
static void worn_flash_is_told(void **state)
{
	struct fixture *f = *state;
	char path[64];
	struct stat st;

	assert_int_equal(fstat(f->scratch->fd, &st), 0);
	(void)snprintf(path, sizeof(path), "sys/dev/block/%u:%u/device/type", major(st.st_dev),
		       minor(st.st_dev));
	put(f, path, "SD\n");
	assert_line(f, "store", "lies on an SD card", DOCTOR_OK, NULL);
	put(f, path, "MMC\n");
	(void)snprintf(path, sizeof(path), "sys/dev/block/%u:%u/device/life_time", major(st.st_dev),
		       minor(st.st_dev));
	put(f, path, "0x02 0x0a\n");
	assert_line(f, "store", "the eMMC says that 100 % of its life are used up", DOCTOR_WARNING,
		    "replace it");
	put(f, path, "0x02 0x01\n");
	assert_line(f, "store", "the eMMC says that at most 20 % of its life are used up", DOCTOR_OK, NULL);
}

static void barriers_work_on_this_machine(void **state)
{
	struct litmus_result results[LITMUS_TESTS];
	unsigned int cores, forbidden = 0;
	struct err e;

	(void)state;
	if (litmus_run(20, results, &cores, &e) < 0)
		skip(); /* qemu-user has no clone3 */
	for (size_t i = 0; i < LITMUS_TESTS; i++) {
		assert_true(results[i].rounds > 0);
		if (!results[i].forbidden)
			continue;
		forbidden++;
		if (results[i].seen > 0)
			fail_msg("%s: %llu times", results[i].name, (unsigned long long)results[i].seen);
	}
	assert_int_equal(forbidden, 5);
}

#define DOCTOR_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DOCTOR_TEST(a_healthy_machine_is_ok),
		DOCTOR_TEST(old_kernels_and_absent_options_are_named),
		DOCTOR_TEST(the_memory_switch_has_its_cure),
		DOCTOR_TEST(what_a_cpu_cannot_run_is_told),
		DOCTOR_TEST(users_without_ids_are_told),
		DOCTOR_TEST(clocks_that_are_wrong_are_told),
		DOCTOR_TEST(worn_flash_is_told),
		cmocka_unit_test(barriers_work_on_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
