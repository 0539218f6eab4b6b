/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/capabilities.h"

#include <linux/capability.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"

/* In the order of linux/capability.h. */
static const char *const NAMES[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};

static uint64_t bit(int number)
{
	return UINT64_C(1) << number;
}

int capability_number(const char *name)
{
	/* As they are nearly always written, without libc's tables of letters. */
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (strcmp(NAMES[i], name) == 0)
			return (int)i;
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (strcasecmp(NAMES[i] + 4, name) == 0)
			return (int)i;
	return -1;
}

const char *capability_name(int number)
{
	return number >= 0 && (size_t)number < ARRAY_LEN(NAMES) ? NAMES[number] : NULL;
}

uint64_t capability_supported(void)
{
	static uint64_t set;

	if (set)
		return set;
	/* Linux 5.10, our floor, has all that we have names for. Newer ones follow without gaps; -EINVAL ends them. */
	set = (UINT64_C(1) << ARRAY_LEN(NAMES)) - 1;
	for (int i = ARRAY_LEN(NAMES); i < 64 && prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
		set |= bit(i);
	return set;
}

/* --- from a spec --- */

static int read_set(const struct strvec *names, uint64_t supported, uint64_t *ret, struct strvec *ret_ignored)
{
	*ret = 0;
	for (size_t i = 0; i < names->len; i++) {
		const char *name = names->items[i];
		int number = capability_number(name);
		int r;

		if (number >= 0 && (supported & bit(number))) {
			*ret |= bit(number);
			continue;
		}
		if (!ret_ignored || strvec_has(ret_ignored, name))
			continue;
		r = strvec_add(ret_ignored, name);
		if (r < 0)
			return r;
	}
	return 0;
}

int capability_sets_from_spec(const struct spec_capabilities *c, uint64_t supported,
			      struct capability_sets *ret, struct strvec *ret_ignored, struct err *e)
{
	struct capability_sets sets = { 0 };
	int r = 0;

	if (c) {
		r = read_set(&c->bounding, supported, &sets.bounding, ret_ignored);
		if (r == 0)
			r = read_set(&c->effective, supported, &sets.effective, ret_ignored);
		if (r == 0)
			r = read_set(&c->inheritable, supported, &sets.inheritable, ret_ignored);
		if (r == 0)
			r = read_set(&c->permitted, supported, &sets.permitted, ret_ignored);
		if (r == 0)
			r = read_set(&c->ambient, supported, &sets.ambient, ret_ignored);
	}
	if (r < 0)
		return err_code(e, r, "cannot read the capabilities");
	*ret = sets;
	return 0;
}

bool capability_sets_have(const struct capability_sets *s, int number)
{
	return ((s->bounding | s->effective | s->inheritable | s->permitted | s->ambient) & bit(number)) != 0;
}

/* --- in the child --- */

int capability_apply_before_setuid(const struct capability_sets *sets, uint64_t supported, bool changes_user)
{
	for (int i = 0; i < 64; i++) {
		if (!(supported & bit(i)) || (sets->bounding & bit(i)))
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
			continue;
		if (errno != EPERM || prctl(PR_CAPBSET_READ, i, 0, 0, 0) != 0)
			return -EPERM; /* else it is gone already: no privilege needed */
	}
	return changes_user && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int set_three(const struct capability_sets *s)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].effective = (uint32_t)(s->effective >> (32 * i));
		data[i].permitted = (uint32_t)(s->permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(s->inheritable >> (32 * i));
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int capability_restore_effective(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		data[i].effective = data[i].permitted;
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* capset(2) itself takes out of the ambient set what is not both permitted and inheritable. */
int capability_apply_after_setuid(const struct capability_sets *sets, bool changes_user)
{
	uint64_t ambient = sets->ambient & sets->permitted & sets->inheritable;
	int r = set_three(sets);

	if (r < 0)
		return r;
	if (changes_user && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return -errno;
	if ((sets->permitted & sets->inheritable) &&
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	for (int i = 0; i < 64; i++)
		if ((ambient & bit(i)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			return -errno;
	return 0;
}
