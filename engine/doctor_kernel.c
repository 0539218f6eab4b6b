/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel and its options; cgroups. */
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "engine/doctor_lines.h"

#define KERNEL_MAJOR 5 /* the oldest that we support */
#define KERNEL_MINOR 10

/* --- version -------------------------------------------------------------------------------------------- */

static bool read_number(const char **text, unsigned int *ret)
{
	char digits[8];
	size_t len = strspn(*text, "0123456789");
	uint64_t n;

	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, *text, len);
	digits[len] = '\0';
	if (parse_u64(digits, 0, UINT32_MAX, &n) < 0)
		return false;
	*text += len;
	*ret = (unsigned int)n;
	return true;
}

static void examine_version(const struct doctor_host *h, struct doctor_report *r)
{
	const char *rest = h->kernel;
	unsigned int major = 0, minor = 0;

	if (!read_number(&rest, &major) || *rest++ != '.' || !read_number(&rest, &minor)) {
		doctor_add(r, DOCTOR_WARNING, "kernel", NULL, "Linux %s: not a version that can be compared",
			   h->kernel);
		return;
	}
	if (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR))
		doctor_add(r, DOCTOR_MISSING, "kernel", "install a newer kernel",
			   "Linux %s: older than %d.%d", h->kernel, KERNEL_MAJOR, KERNEL_MINOR);
	else if (major == 5 && minor < 12)
		doctor_add(r, DOCTOR_WARNING, "kernel", "install Linux 5.12 or newer for these",
			   "Linux %s: no recursive mount options (rro), no ID-mapped mounts", h->kernel);
	else
		doctor_add(r, DOCTOR_OK, "kernel", NULL, "Linux %s", h->kernel);
}

/* --- options -------------------------------------------------------------------------------------------- */

/* An option of the kernel: something that shows that it is there now, and the option that would bring it. */
struct feature {
	const char *what;
	const char *shown_by;    /* a file below the root; NULL: a line of proc/filesystems */
	const char *file_system; /* that line */
	const char
		*module; /* may still be loaded: in modules.dep or modules.builtin; NULL: it is no module */
	const char *option;
	enum doctor_level if_absent;
};

static const struct feature FEATURES[] = {
	{ "PID namespaces", "proc/self/ns/pid", NULL, NULL, "CONFIG_PID_NS", DOCTOR_MISSING },
	{ "network namespaces", "proc/self/ns/net", NULL, NULL, "CONFIG_NET_NS", DOCTOR_MISSING },
	{ "IPC namespaces", "proc/self/ns/ipc", NULL, NULL, "CONFIG_IPC_NS", DOCTOR_MISSING },
	{ "UTS namespaces", "proc/self/ns/uts", NULL, NULL, "CONFIG_UTS_NS", DOCTOR_MISSING },
	{ "cgroup namespaces", "proc/self/ns/cgroup", NULL, NULL, "CONFIG_CGROUPS", DOCTOR_MISSING },
	{ "user namespaces", "proc/self/ns/user", NULL, NULL, "CONFIG_USER_NS", DOCTOR_WARNING },
	{ "time namespaces", "proc/self/ns/time", NULL, NULL, "CONFIG_TIME_NS", DOCTOR_WARNING },
	{ "overlayfs", NULL, "overlay", "overlay", "CONFIG_OVERLAY_FS", DOCTOR_MISSING },
	{ "tmpfs", NULL, "tmpfs", NULL, "CONFIG_TMPFS", DOCTOR_MISSING },
	{ "POSIX message queues", NULL, "mqueue", NULL, "CONFIG_POSIX_MQUEUE", DOCTOR_WARNING },
	{ "seccomp filters", "proc/sys/kernel/seccomp/actions_avail", NULL, NULL, "CONFIG_SECCOMP_FILTER",
	  DOCTOR_MISSING },
	{ "key retention", "proc/keys", NULL, NULL, "CONFIG_KEYS", DOCTOR_WARNING },
	{ "virtual Ethernet (for networks)", "sys/module/veth", NULL, "veth", "CONFIG_VETH", DOCTOR_WARNING },
	{ "bridges (for networks)", "sys/module/bridge", NULL, "bridge", "CONFIG_BRIDGE", DOCTOR_WARNING },
	{ "nftables (for published ports)", "sys/module/nf_tables", NULL, "nf_tables", "CONFIG_NF_TABLES",
	  DOCTOR_WARNING },
	{ "binfmt_misc (for images of other CPUs)", "proc/sys/fs/binfmt_misc", NULL, "binfmt_misc",
	  "CONFIG_BINFMT_MISC", DOCTOR_WARNING },
};

/* Whether modules.dep or modules.builtin of this kernel has ".../NAME.ko". */
static bool is_module(const struct doctor_host *h, const char *name)
{
	static const char *const LISTS[] = { "modules.builtin", "modules.dep" };
	char path[128], file[64];

	(void)snprintf(file, sizeof(file), "/%s.ko", name);
	for (size_t i = 0; i < ARRAY_LEN(LISTS); i++) {
		cleanup_free char *list = NULL;

		(void)snprintf(path, sizeof(path), "lib/modules/%s/%s", h->kernel, LISTS[i]);
		list = doctor_read(h, path);
		if (list && strstr(list, file))
			return true;
	}
	return false;
}

/* What the distribution's file says the kernel was built with. */
static bool is_configured(const char *config, const char *option)
{
	size_t len = strlen(option);

	for (const char *at = config; at && (at = strstr(at, option)); at += len)
		if ((at == config || at[-1] == '\n') && at[len] == '=' &&
		    (at[len + 1] == 'y' || at[len + 1] == 'm'))
			return true;
	return false;
}

/* What is built in may show nowhere: without a list of modules or the file it was configured with, absence proves nothing. */
static bool tells_of_itself(const struct doctor_host *h, const char *config)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "lib/modules/%s/modules.builtin", h->kernel);
	return config || doctor_has(h, path);
}

static bool has_feature(const struct doctor_host *h, const struct feature *f, const char *file_systems,
			const char *config)
{
	bool shown = f->shown_by ? doctor_has(h, f->shown_by) : doctor_has_line(file_systems, f->file_system);

	return shown || (f->module && is_module(h, f->module)) || is_configured(config, f->option);
}

static void examine_features(const struct doctor_host *h, struct doctor_report *r)
{
	cleanup_free char *file_systems = doctor_read(h, "proc/filesystems"), *config = NULL;
	unsigned int there = 0, untold = 0;
	char path[128];

	(void)snprintf(path, sizeof(path), "boot/config-%s", h->kernel);
	config = doctor_read(h, path);
	for (size_t i = 0; i < ARRAY_LEN(FEATURES); i++) {
		const struct feature *f = &FEATURES[i];
		char cure[128];

		if (has_feature(h, f, file_systems, config)) {
			there++;
		} else if (f->module && !tells_of_itself(h, config)) {
			untold++;
		} else {
			(void)snprintf(cure, sizeof(cure), "use a kernel with %s", f->option);
			doctor_add(r, f->if_absent, "kernel", cure, "no %s", f->what);
		}
	}
	doctor_add(r, DOCTOR_OK, "kernel", NULL, "%u of %zu features that containers use%s", there,
		   ARRAY_LEN(FEATURES), untold ? "; of the others it does not tell" : "");
}

void doctor_examine_kernel(const struct doctor_host *h, struct doctor_report *r)
{
	examine_version(h, r);
	examine_features(h, r);
}

/* --- cgroups -------------------------------------------------------------------------------------------- */

/* Words of a list that is separated by blanks. */
static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; at && (at = strstr(at, word)); at += len)
		if ((at == text || strchr(" \n", at[-1])) && strchr(" \n", at[len])) /* the NUL counts */
			return true;
	return false;
}

/* The last of the two on the command line counts on Raspberry Pi's kernel, whose firmware puts the first one there. */
static const char *memory_cure(const struct doctor_host *h)
{
	cleanup_free char *model = doctor_read(h, "proc/device-tree/model"),
			  *cmdline = doctor_read(h, "proc/cmdline");
	const char *enable = cmdline ? strstr(cmdline, "cgroup_enable=memory") : NULL,
		   *disable = cmdline ? strstr(cmdline, "cgroup_disable=memory") : NULL;

	if (model && strncmp(model, "Raspberry Pi", strlen("Raspberry Pi")) == 0) {
		if (!enable)
			return "add cgroup_enable=memory to the one line of /boot/firmware/cmdline.txt and "
			       "reboot";
		if (disable && disable > enable)
			return "put cgroup_enable=memory behind cgroup_disable=memory in "
			       "/boot/firmware/cmdline.txt and "
			       "reboot: the last one counts";
		return "this kernel ignores cgroup_enable=memory: use Raspberry Pi OS's own";
	}
	return disable ? "remove cgroup_disable=memory from the kernel command line and reboot"
		       : "add cgroup_enable=memory to the kernel command line and reboot";
}

static void examine_controllers(const struct doctor_host *h, struct doctor_report *r)
{
	static const struct {
		const char *name, *for_what;
		enum doctor_level if_absent;
	} CONTROLLERS[] = {
		{ "memory", "--memory", DOCTOR_MISSING },
		{ "cpu", "--cpus", DOCTOR_MISSING },
		{ "pids", "--pids-limit", DOCTOR_MISSING },
		{ "io", "--blkio-weight and --device-read-bps", DOCTOR_WARNING },
		{ "cpuset", "--cpuset-cpus", DOCTOR_WARNING },
	};
	/* Of cgroup.controllers alone: /proc/cgroups tells of v1, and newer kernels leave controllers of v2 out of it. */
	cleanup_free char *on = doctor_read(h, "sys/fs/cgroup/cgroup.controllers");
	unsigned int there = 0;

	for (size_t i = 0; i < ARRAY_LEN(CONTROLLERS); i++) {
		const char *name = CONTROLLERS[i].name;

		if (has_word(on, name)) {
			there++;
			continue;
		}
		doctor_add(r, CONTROLLERS[i].if_absent, "cgroups",
			   strcmp(name, "memory") == 0 ? memory_cure(h) : "use a kernel that has it",
			   "controller '%s' is off: no %s", name, CONTROLLERS[i].for_what);
	}
	if (there == ARRAY_LEN(CONTROLLERS))
		doctor_add(r, DOCTOR_OK, "cgroups", NULL, "v2, with all controllers that limits use");
	else
		doctor_add(r, DOCTOR_OK, "cgroups", NULL, "v2");
}

void doctor_examine_cgroups(const struct doctor_host *h, struct doctor_report *r)
{
	static const char CURE[] = "boot with systemd.unified_cgroup_hierarchy=1";

	if (doctor_has(h, "sys/fs/cgroup/cgroup.controllers"))
		examine_controllers(h, r);
	else if (doctor_has(h, "sys/fs/cgroup/unified/cgroup.controllers"))
		doctor_add(
			r, DOCTOR_MISSING, "cgroups", CURE,
			"v1 beside v2: the controllers belong to v1, so containers run without limits only");
	else
		doctor_add(r, DOCTOR_MISSING, "cgroups", CURE,
			   "no v2 on '/sys/fs/cgroup': containers run without limits only");
}
