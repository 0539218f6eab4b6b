/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/mount_options.h"

#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define DATA_MAX_BYTES 4095 /* mount(2): one page with its NUL */

#define ATIME_FLAGS    ((unsigned long)(MS_NOATIME | MS_RELATIME | MS_STRICTATIME))

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif

enum kind { FLAG_SET, FLAG_CLEAR, PROPAGATION, BIND, RBIND, COPY_UP, IDMAP, RIDMAP, IGNORED };

static const struct option {
	const char *name;
	enum kind kind;
	unsigned long flag;
} OPTIONS[] = {
	{ "defaults", IGNORED, 0 },
	{ "ro", FLAG_SET, MS_RDONLY },
	{ "rw", FLAG_CLEAR, MS_RDONLY },
	{ "nosuid", FLAG_SET, MS_NOSUID },
	{ "suid", FLAG_CLEAR, MS_NOSUID },
	{ "nodev", FLAG_SET, MS_NODEV },
	{ "dev", FLAG_CLEAR, MS_NODEV },
	{ "noexec", FLAG_SET, MS_NOEXEC },
	{ "exec", FLAG_CLEAR, MS_NOEXEC },
	{ "sync", FLAG_SET, MS_SYNCHRONOUS },
	{ "async", FLAG_CLEAR, MS_SYNCHRONOUS },
	{ "dirsync", FLAG_SET, MS_DIRSYNC },
	{ "mand", FLAG_SET, MS_MANDLOCK },
	{ "nomand", FLAG_CLEAR, MS_MANDLOCK },
	{ "noatime", FLAG_SET, MS_NOATIME },
	{ "atime", FLAG_CLEAR, MS_NOATIME },
	{ "nodiratime", FLAG_SET, MS_NODIRATIME },
	{ "diratime", FLAG_CLEAR, MS_NODIRATIME },
	{ "relatime", FLAG_SET, MS_RELATIME },
	{ "norelatime", FLAG_CLEAR, MS_RELATIME },
	{ "strictatime", FLAG_SET, MS_STRICTATIME },
	{ "nostrictatime", FLAG_CLEAR, MS_STRICTATIME },
	{ "nosymfollow", FLAG_SET, MS_NOSYMFOLLOW },
	{ "symfollow", FLAG_CLEAR, MS_NOSYMFOLLOW },
	{ "acl", FLAG_SET, MS_POSIXACL },
	{ "noacl", FLAG_CLEAR, MS_POSIXACL },
	{ "iversion", FLAG_SET, MS_I_VERSION },
	{ "noiversion", FLAG_CLEAR, MS_I_VERSION },
	{ "lazytime", FLAG_SET, MS_LAZYTIME },
	{ "nolazytime", FLAG_CLEAR, MS_LAZYTIME },
	{ "silent", FLAG_SET, MS_SILENT },
	{ "loud", FLAG_CLEAR, MS_SILENT },
	{ "remount", FLAG_SET, MS_REMOUNT },
	{ "bind", BIND, 0 },
	{ "rbind", RBIND, 0 },
	{ "private", PROPAGATION, MS_PRIVATE },
	{ "rprivate", PROPAGATION, MS_PRIVATE | MS_REC },
	{ "shared", PROPAGATION, MS_SHARED },
	{ "rshared", PROPAGATION, MS_SHARED | MS_REC },
	{ "slave", PROPAGATION, MS_SLAVE },
	{ "rslave", PROPAGATION, MS_SLAVE | MS_REC },
	{ "unbindable", PROPAGATION, MS_UNBINDABLE },
	{ "runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC },
	{ "tmpcopyup", COPY_UP, 0 },
	{ "idmap", IDMAP, 0 },
	{ "ridmap", RIDMAP, 0 },
};

/* The r* options: attributes for a whole mount tree. */
static const struct recursive_option {
	const char *name;
	bool clear;
	uint64_t attribute;
} RECURSIVE[] = {
	{ "rro", false, MOUNT_ATTR_RDONLY },
	{ "rrw", true, MOUNT_ATTR_RDONLY },
	{ "rnosuid", false, MOUNT_ATTR_NOSUID },
	{ "rsuid", true, MOUNT_ATTR_NOSUID },
	{ "rnodev", false, MOUNT_ATTR_NODEV },
	{ "rdev", true, MOUNT_ATTR_NODEV },
	{ "rnoexec", false, MOUNT_ATTR_NOEXEC },
	{ "rexec", true, MOUNT_ATTR_NOEXEC },
	{ "rnodiratime", false, MOUNT_ATTR_NODIRATIME },
	{ "rdiratime", true, MOUNT_ATTR_NODIRATIME },
	{ "rrelatime", false, MOUNT_ATTR_RELATIME },
	{ "rnorelatime", true, MOUNT_ATTR_RELATIME },
	{ "rnoatime", false, MOUNT_ATTR_NOATIME },
	{ "ratime", true, MOUNT_ATTR_NOATIME },
	{ "rstrictatime", false, MOUNT_ATTR_STRICTATIME },
	{ "rnostrictatime", true, MOUNT_ATTR_STRICTATIME },
	{ "rnosymfollow", false, MOUNT_ATTR_NOSYMFOLLOW },
	{ "rsymfollow", true, MOUNT_ATTR_NOSYMFOLLOW },
};

static const struct option *find_option(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(OPTIONS); i++)
		if (strcmp(OPTIONS[i].name, name) == 0)
			return &OPTIONS[i];
	return NULL;
}

unsigned long mount_propagation_parse(const char *name)
{
	const struct option *o = find_option(name);

	return o && o->kind == PROPAGATION ? o->flag : 0;
}

/* The last one wins. The time of access is one field of three values; RELATIME is 0, and clearing means clearing the field. */
static void add_recursive(struct mount_options *o, const struct recursive_option *r)
{
	bool atime = (r->attribute & MOUNT_ATTR__ATIME) != 0 || r->attribute == MOUNT_ATTR_RELATIME;
	uint64_t field = atime ? MOUNT_ATTR__ATIME : r->attribute;

	o->attr_set &= ~field;
	o->attr_clear &= ~field;
	if (!r->clear)
		o->attr_set |= r->attribute;
	if (r->clear || atime)
		o->attr_clear |= field;
}

static bool parse_recursive(struct mount_options *o, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(RECURSIVE); i++) {
		if (strcmp(RECURSIVE[i].name, name) == 0) {
			add_recursive(o, &RECURSIVE[i]);
			return true;
		}
	}
	return false;
}

static void apply_option(struct mount_options *o, const struct option *option)
{
	switch (option->kind) {
	case FLAG_SET:
		if (option->flag & ATIME_FLAGS)
			o->flags &= ~ATIME_FLAGS; /* one of three */
		o->flags |= option->flag;
		o->cleared &= ~option->flag;
		break;
	case FLAG_CLEAR:
		o->flags &= ~option->flag;
		o->cleared |= option->flag;
		break;
	case PROPAGATION:
		o->propagation = option->flag;
		break;
	case BIND:
		o->bind = true;
		break;
	case RBIND:
		o->bind = true;
		o->recursive_bind = true;
		break;
	case COPY_UP:
		o->copy_up = true;
		break;
	case RIDMAP:
		o->recursive_idmap = true;
		o->idmap = true;
		break;
	case IDMAP:
		o->idmap = true;
		break;
	case IGNORED:
		break;
	}
}

/* What nobody here knows is the file system's. */
static int parse_option(struct mount_options *o, const char *name, struct buf *data, struct err *e)
{
	const struct option *option = find_option(name);
	int r;

	if (option)
		apply_option(o, option);
	if (option || parse_recursive(o, name) || !*name)
		return 0;
	r = buf_printf(data, "%s%s", data->len ? "," : "", name);
	return r < 0 ? err_code(e, r, "mount options are too long") : 0;
}

int mount_options_parse(const struct strvec *options, struct mount_options *ret, struct err *e)
{
	cleanup_buf struct buf data = BUF_INIT(DATA_MAX_BYTES);
	struct mount_options o = { 0 };
	int r = 0;

	for (size_t i = 0; i < options->len && r == 0; i++)
		r = parse_option(&o, options->items[i], &data, e);
	if (r < 0)
		return r;
	if (data.len) {
		o.data = buf_take(&data);
		if (!o.data)
			return err_code(e, -ENOMEM, "mount options");
	}
	*ret = o;
	return 0;
}

void mount_options_done(struct mount_options *o)
{
	free(o->data);
	*o = (struct mount_options){ 0 };
}

void mount_options_attributes(const struct mount_options *o, uint64_t *ret_set, uint64_t *ret_clear)
{
	static const struct {
		unsigned long flag;
		uint64_t attribute;
	} MAP[] = {
		{ MS_RDONLY, MOUNT_ATTR_RDONLY },         { MS_NOSUID, MOUNT_ATTR_NOSUID },
		{ MS_NODEV, MOUNT_ATTR_NODEV },           { MS_NOEXEC, MOUNT_ATTR_NOEXEC },
		{ MS_NODIRATIME, MOUNT_ATTR_NODIRATIME }, { MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW },
	};
	uint64_t set = 0, clear = 0;

	for (size_t i = 0; i < ARRAY_LEN(MAP); i++) {
		if (o->flags & MAP[i].flag)
			set |= MAP[i].attribute;
		else if (o->cleared & MAP[i].flag)
			clear |= MAP[i].attribute;
	}
	if ((o->flags | o->cleared) & ATIME_FLAGS)
		clear |= MOUNT_ATTR__ATIME;
	if (o->flags & MS_NOATIME)
		set |= MOUNT_ATTR_NOATIME;
	else if (o->flags & MS_STRICTATIME)
		set |= MOUNT_ATTR_STRICTATIME;
	*ret_set = set;
	*ret_clear = clear;
}

const char *const *mount_options_names(void)
{
	/* clang-format off */
	static const char *const NAMES[] = {
		"acl", "async", "atime", "bind", "defaults", "dev",
		"diratime", "dirsync", "exec", "idmap", "iversion", "lazytime",
		"loud", "mand", "noacl", "noatime", "nodev", "nodiratime",
		"noexec", "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime",
		"nosuid", "nosymfollow", "private", "ratime", "rbind", "rdev",
		"rdiratime", "relatime", "remount", "rexec", "ridmap", "rnoatime",
		"rnodev", "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid",
		"rnosymfollow", "ro", "rprivate", "rrelatime", "rro", "rrw",
		"rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable",
		"rw", "shared", "silent", "slave", "strictatime", "suid",
		"symfollow", "sync", "tmpcopyup", "unbindable", NULL,
	};
	/* clang-format on */

	return NAMES;
}
