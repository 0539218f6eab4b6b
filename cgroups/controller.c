/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/files.h"
#include "cgroups/host.h"

#define UNIFIED_CURE "boot with systemd.unified_cgroup_hierarchy=1"

/* The hierarchy of a controller in /proc/cgroups, whose lines are "name hierarchy groups enabled": 0 is the v2 one, or none. */
static bool held_by_v1(const char *proc_cgroups, const char *name)
{
	size_t len = strlen(name);
	const char *line = proc_cgroups;

	while (line) {
		if (strncmp(line, name, len) == 0 && line[len] == '\t')
			return line[len + 1] != '0';
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return false;
}

/* Whether a word of the kernel command line is `key`, or a comma-separated list behind its '=' has `value`. */
static bool cmdline_has(const char *cmdline, const char *key, const char *value)
{
	size_t key_len = strlen(key), value_len = strlen(value);

	while (*cmdline != '\0') {
		size_t len = strcspn(cmdline, " \n");
		const char *end = cmdline + len, *item = cmdline + key_len;

		if (len > key_len && strncmp(cmdline, key, key_len) == 0) {
			while (item < end) {
				size_t item_len = strcspn(item, ", \n");

				if (item_len == value_len && memcmp(item, value, value_len) == 0)
					return true;
				item += item_len + 1;
			}
		}
		cmdline = end + strspn(end, " \n");
	}
	return false;
}

/* Raspberry Pi's firmware puts cgroup_disable=memory on the command line, and its kernel lets cgroup_enable=memory win; the
 * mainline kernel knows cgroup_disable only. */
static int explain_off(const struct controller_facts *facts, const char *name, struct err *e)
{
	bool memory = strcmp(name, "memory") == 0;

	if (memory && strncmp(facts->machine_model, "Raspberry Pi", strlen("Raspberry Pi")) == 0)
		return err_set(e, -EOPNOTSUPP,
			       "cannot limit memory: controller 'memory' is off (add cgroup_enable=memory to "
			       "/boot/firmware/cmdline.txt and reboot)");
	if (cmdline_has(facts->kernel_cmdline, "cgroup_disable=", name))
		return err_set(e, -EOPNOTSUPP,
			       "cannot limit %s: controller '%s' is off (remove cgroup_disable=%s from the "
			       "kernel command line and reboot)",
			       name, name, name);
	if (memory && !cmdline_has(facts->kernel_cmdline, "cgroup_enable=", name))
		return err_set(e, -EOPNOTSUPP,
			       "cannot limit memory: controller 'memory' is off (add cgroup_enable=memory to "
			       "the kernel command line and reboot)");
	return err_set(e, -EOPNOTSUPP,
		       "cannot limit %s: controller '%s' is off (it needs a kernel that has it)", name, name);
}

int controller_explain(const struct controller_facts *facts, unsigned int missing, struct err *e)
{
	const char *name = cgroup_controller_name((enum cgroup_controller)(missing & -missing));
	const char *v1_name = strcmp(name, "io") == 0 ? "blkio" : name;

	if (facts->mode != CGROUP_UNIFIED && held_by_v1(facts->proc_cgroups, v1_name))
		return err_set(
			e, -EOPNOTSUPP,
			"cannot limit %s: controller '%s' belongs to cgroup v1 on this host (" UNIFIED_CURE
			")",
			name, name);
	if (facts->mode == CGROUP_NONE)
		return err_set(e, -EOPNOTSUPP,
			       "cannot limit %s: no cgroup v2 hierarchy on '/sys/fs/cgroup' (" UNIFIED_CURE
			       ", or mount -t cgroup2 cgroup2 /sys/fs/cgroup)",
			       name);
	if (facts->nested)
		return err_set(
			e, -EOPNOTSUPP,
			"cannot limit %s: controller '%s' is not delegated to this cgroup namespace (its "
			"host must add it to cgroup.subtree_control above it)",
			name, name);
	return explain_off(facts, name, e);
}

static void read_or_empty(const char *path, char *out, size_t size)
{
	if (cgroup_file_read(AT_FDCWD, path, out, size) < 0)
		out[0] = '\0';
}

int controller_off(const struct cgroup_host *host, unsigned int missing, struct err *e)
{
	char cmdline[4096], model[128], cgroups[2048], type_path[sizeof(host->mount_point) + 16];
	struct controller_facts facts = {
		.mode = host->mode, .kernel_cmdline = cmdline, .machine_model = model, .proc_cgroups = cgroups
	};

	read_or_empty("/proc/cmdline", cmdline, sizeof(cmdline));
	read_or_empty("/proc/device-tree/model", model, sizeof(model));
	read_or_empty("/proc/cgroups", cgroups, sizeof(cgroups));
	/* Only the machine's own root has no cgroup.type. */
	(void)snprintf(type_path, sizeof(type_path), "%s/cgroup.type", host->mount_point);
	facts.nested = host->mode != CGROUP_NONE && access(type_path, F_OK) == 0;
	return controller_explain(&facts, missing, e);
}
