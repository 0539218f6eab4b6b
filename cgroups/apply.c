/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>

#include "cgroups/cgroup.h"
#include "cgroups/files.h"
#include "cgroups/limits.h"
#include "cgroups/systemd.h"
#include "common/cleanup.h"
#include "common/file.h"

/* Files that a kernel may lack although the controller is on, and why. */
static const struct {
	const char *file, *reason;
} ABSENT[] = {
	{ "memory.swap.max",
	  "swap accounting is off: add swapaccount=1 to the kernel command line and reboot" },
	{ "cpu.max", "it needs CONFIG_CFS_BANDWIDTH" },
	{ "cpu.max.burst", "it needs Linux 5.14" },
	{ "cpu.idle", "it needs Linux 5.15" },
	{ "io.weight", "no I/O scheduler or cost model with weights is in use" },
};

static int explain_absent(const struct limit *l, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(ABSENT); i++) {
		if (strcmp(ABSENT[i].file, l->file) == 0)
			return err_set(e, -EOPNOTSUPP,
				       "cannot set '%s' to '%s': this kernel does not have it (%s)", l->file,
				       l->value, ABSENT[i].reason);
	}
	return err_set(e, -EOPNOTSUPP, "cannot set '%s' to '%s': the cgroup has no such file", l->file,
		       l->value);
}

/* Without a swap area, every limit of swap holds. /proc/swaps has a line of titles and one for each. */
static bool has_swap(void)
{
	char text[1024];
	const char *newline;

	if (cgroup_file_read(AT_FDCWD, "/proc/swaps", text, sizeof(text)) < 0)
		return false;
	newline = strchr(text, '\n');
	return newline && newline[1] != '\0';
}

/* *ret_absent: the file is not there. */
static int write_limit(const struct cgroup *c, const struct limit *l, bool *ret_absent, struct err *e)
{
	int r = file_poke(c->dir_fd, l->file, l->value);

	*ret_absent = r == -ENOENT;
	if (r == 0)
		return 0;
	if (r == -ENOENT && (l->flags & (LIMIT_OPTIONAL | LIMIT_OR_NEXT)))
		return 0;
	if (r == -ENOENT && strcmp(l->file, "memory.swap.max") == 0 && !has_swap())
		return 0;
	if (r == -ENOENT)
		return explain_absent(l, e);
	/* EPERM is kept for the device filter. */
	return err_code(e, r == -EPERM ? -EACCES : r, "cannot set '%s' to '%s'", l->file, l->value);
}

static int write_limits(const struct cgroup *c, const struct limit_list *list, struct err *e)
{
	for (size_t i = 0; i < list->len; i++) {
		const struct limit *l = &list->items[i];
		bool absent;
		int r = write_limit(c, l, &absent, e);

		if (r < 0)
			return r;
		if ((l->flags & LIMIT_OR_NEXT) && !absent)
			i++;
	}
	return 0;
}

static int check_memory_usage(const struct cgroup *c, const struct spec_resources *r, struct err *e)
{
	uint64_t current;
	int rc;

	if (!r->memory_check_before_update.set || !r->memory_check_before_update.value ||
	    !r->memory_limit.set || r->memory_limit.value <= 0)
		return 0;
	rc = cgroup_file_u64(c->dir_fd, "memory.current", &current);
	if (rc < 0)
		return err_code(e, rc, "cannot read 'memory.current' of cgroup '%s'", c->path);
	if (current > (uint64_t)r->memory_limit.value)
		return err_set(e, -EBUSY,
			       "cannot set 'memory.max' to '%" PRId64 "': '%" PRIu64
			       "' bytes are in use, and "
			       "checkBeforeUpdate is set",
			       r->memory_limit.value, current);
	return 0;
}

/* A cgroup that was opened, not made for these resources, may lack a controller. */
static int check_enabled(const struct cgroup *c, const struct spec_resources *r, struct err *e)
{
	unsigned int missing = cgroup_needed_controllers(r) & ~c->enabled;
	const char *name = cgroup_controller_name((enum cgroup_controller)(missing & -missing));

	if (missing == 0)
		return 0;
	if (!c->path)
		return err_set(e, -EOPNOTSUPP, "cannot limit %s: the container has no cgroup", name);
	return err_set(
		e, -EOPNOTSUPP,
		"cannot limit %s: controller '%s' is off in cgroup '%s' (create the container with a limit)",
		name, name, c->path);
}

static int apply(struct cgroup *c, const struct spec_resources *r, bool tell_systemd, struct err *e)
{
	cleanup_limit_list struct limit_list list = { 0 };
	int rc;

	if (!r)
		return 0;
	rc = limits_plan(r, &list, e);
	if (rc == 0)
		rc = check_enabled(c, r, e);
	if (rc < 0 || !c->path)
		return rc;
	rc = check_memory_usage(c, r, e);
	if (rc == 0 && tell_systemd)
		rc = systemd_update(c, &list, e);
	if (rc == 0)
		rc = write_limits(c, &list, e);
	if (rc == 0 && r->devices_len > 0)
		rc = cgroup_apply_devices(c, r, e);
	return rc;
}

int cgroup_apply(struct cgroup *c, const struct spec_resources *r, struct err *e)
{
	return apply(c, r, false, e);
}

int cgroup_update(struct cgroup *c, const struct spec_resources *r, struct err *e)
{
	return apply(c, r, c->unit != NULL, e);
}
