/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/layer_entry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <archive_entry.h>

#define WHITEOUT      ".wh."
#define WHITEOUT_AUFS ".wh..wh."
#define WHITEOUT_OPQ  ".wh..wh..opq"

#define OWNER_MAX     ((int64_t)UINT32_MAX - 1) /* UINT32_MAX means "leave it" to chown(2) */
#define MAJOR_MAX     0xfffu                    /* the kernel's 12 and 20 bits */
#define MINOR_MAX     0xfffffu
#define MODE_BITS     07777u
#define NSEC_LIMIT    1000000000L

void layer_path_show(const char *path, char ret[LAYER_SHOWN_MAX])
{
	size_t n = 0;

	for (; n < LAYER_SHOWN_MAX - 1 && path[n] != '\0'; n++) {
		unsigned char c = (unsigned char)path[n];

		ret[n] = path[n];
		if (c < ' ' || c == 0x7f)
			ret[n] = '?';
	}
	ret[n] = '\0';
	if (path[n] != '\0')
		(void)snprintf(ret + LAYER_SHOWN_MAX - 4, 4, "...");
}

static bool is_dots(const char *at, size_t len)
{
	return len <= 2 && memcmp(at, "..", len) == 0;
}

/* "./usr//lib/" -> "usr/lib"; "/" -> "". */
static int normalise(const char *from, const char *shown, char to[PATH_MAX], struct err *e)
{
	size_t used = 0;

	for (;;) {
		size_t len;

		from += strspn(from, "/");
		len = strcspn(from, "/");
		if (len == 0)
			break;
		if (len == 2 && is_dots(from, len))
			return err_set(e, -EINVAL, "entry '%s' climbs out of the layer", shown);
		if (!is_dots(from, len)) {
			if (used + len + 2 > PATH_MAX)
				return err_set(e, -ENAMETOOLONG, "entry '%s' has a path longer than %d bytes",
					       shown, PATH_MAX - 1);
			if (used > 0)
				to[used++] = '/';
			memcpy(to + used, from, len);
			used += len;
		}
		from += len;
	}
	to[used] = '\0';
	return 0;
}

/* The last component; what is before it goes to `parent`. */
static const char *split(const char *path, char parent[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	memcpy(parent, path, len);
	parent[len] = '\0';
	return slash ? slash + 1 : path;
}

static bool component_starts(const char *path, const char *prefix)
{
	size_t len = strlen(prefix);

	for (; path; path = strchr(path, '/')) {
		path += *path == '/';
		if (strncmp(path, prefix, len) == 0)
			return true;
	}
	return false;
}

/* Sets the action where the name is one of the whiteouts', and LAYER_FILE where it is not. */
static int plan_whiteout(struct layer_entry *t, struct err *e)
{
	t->action = LAYER_FILE;
	if (!component_starts(t->path, WHITEOUT))
		return 0;
	if (component_starts(t->parent, WHITEOUT_AUFS)) {
		t->action = LAYER_SKIP;
	} else if (component_starts(t->parent, WHITEOUT)) {
		return err_set(e, -EINVAL, "entry '%s' lies in a whiteout", t->shown);
	} else if (strcmp(t->name, WHITEOUT_OPQ) == 0) {
		t->action = LAYER_OPAQUE;
		t->name = NULL;
	} else if (strncmp(t->name, WHITEOUT_AUFS, strlen(WHITEOUT_AUFS)) == 0) {
		t->action = LAYER_SKIP;
	} else {
		t->name += strlen(WHITEOUT);
		if (is_dots(t->name, strlen(t->name)))
			return err_set(e, -EINVAL, "whiteout '%s' names no file", t->shown);
		t->action = LAYER_WHITEOUT;
	}
	return 0;
}

static int plan_owner(struct archive_entry *from, struct layer_entry *t, struct err *e)
{
	int64_t uid = archive_entry_uid(from);
	int64_t gid = archive_entry_gid(from);

	if (uid < 0 || uid > OWNER_MAX || gid < 0 || gid > OWNER_MAX)
		return err_set(e, -EINVAL, "entry '%s' has the owner %lld:%lld, which Linux cannot have",
			       t->shown, (long long)uid, (long long)gid);
	t->uid = (uid_t)uid;
	t->gid = (gid_t)gid;
	return 0;
}

static int plan_device(struct archive_entry *from, struct layer_entry *t, struct err *e)
{
	uint64_t major_number = archive_entry_rdevmajor(from);
	uint64_t minor_number = archive_entry_rdevminor(from);

	if (major_number > MAJOR_MAX || minor_number > MINOR_MAX)
		return err_set(e, -EINVAL,
			       "entry '%s' has the device number %llu:%llu, which Linux cannot have",
			       t->shown, (unsigned long long)major_number, (unsigned long long)minor_number);
	t->device = makedev((unsigned int)major_number, (unsigned int)minor_number);
	return 0;
}

static int plan_file(struct archive_entry *from, struct layer_entry *t, struct err *e)
{
	int64_t size = archive_entry_size(from);

	if (size < 0)
		return err_set(e, -EINVAL, "entry '%s' has a negative size", t->shown);
	t->action = LAYER_FILE;
	t->size_bytes = (uint64_t)size;
	return 0;
}

static int plan_symlink(struct archive_entry *from, struct layer_entry *t, struct err *e)
{
	t->target = archive_entry_symlink(from);
	if (!t->target || *t->target == '\0')
		return err_set(e, -EINVAL, "entry '%s' is a symlink to nothing", t->shown);
	t->action = LAYER_SYMLINK;
	return 0;
}

static int plan_type(struct archive_entry *from, struct layer_entry *t, struct err *e)
{
	switch (t->mode & S_IFMT) {
	case S_IFREG:
		return plan_file(from, t, e);
	case S_IFDIR:
		t->action = LAYER_DIR;
		return 0;
	case S_IFLNK:
		return plan_symlink(from, t, e);
	case S_IFCHR:
	case S_IFBLK:
		t->action = LAYER_NODE;
		return plan_device(from, t, e);
	case S_IFIFO:
		t->action = LAYER_NODE;
		return 0;
	default:
		return err_set(e, -EOPNOTSUPP, "entry '%s' is of a type that layers do not have (mode %o)",
			       t->shown, (unsigned int)t->mode);
	}
}

static int plan_hardlink(const char *target, struct layer_entry *t, struct err *e)
{
	int r = normalise(target, t->shown, t->link_path, e);

	if (r < 0)
		return r;
	if (*t->link_path == '\0')
		return err_set(e, -EINVAL, "entry '%s' is a hard link to nothing", t->shown);
	t->target = t->link_path;
	t->action = LAYER_HARDLINK;
	return 0;
}

static void plan_mtime(struct archive_entry *from, struct layer_entry *t)
{
	long nsec = archive_entry_mtime_nsec(from);

	t->mtime.tv_sec = archive_entry_mtime(from);
	t->mtime.tv_nsec = nsec >= 0 && nsec < NSEC_LIMIT ? nsec : 0;
}

static int plan_root(struct layer_entry *t, struct err *e)
{
	if (!S_ISDIR(t->mode))
		return err_set(e, -EINVAL, "entry '%s' names the layer's root, and is not a directory",
			       t->shown);
	t->action = LAYER_ROOT;
	t->name = NULL;
	return 0;
}

/* Everything but the path; what it is comes last, as it needs the rest. */
static int plan_attributes(struct archive_entry *from, struct layer_entry *t, struct err *e)
{
	const char *hardlink = archive_entry_hardlink(from);
	int r = plan_owner(from, t, e);

	if (r < 0)
		return r;
	t->mode = (archive_entry_filetype(from) & S_IFMT) | (archive_entry_perm(from) & MODE_BITS);
	plan_mtime(from, t);
	if (hardlink)
		return *t->path == '\0' ? plan_root(t, e) : plan_hardlink(hardlink, t, e);
	return *t->path == '\0' ? plan_root(t, e) : plan_type(from, t, e);
}

int layer_entry_plan(struct archive_entry *from, struct layer_entry *ret, struct err *e)
{
	const char *path = archive_entry_pathname(from);
	int r;

	memset(ret, 0, offsetof(struct layer_entry, shown));
	if (!path || *path == '\0')
		return err_set(e, -EINVAL, "an entry has no path");
	layer_path_show(path, ret->shown);
	r = normalise(path, ret->shown, ret->path, e);
	if (r < 0)
		return r;
	ret->name = split(ret->path, ret->parent);
	r = plan_whiteout(ret, e);
	if (r < 0 || ret->action != LAYER_FILE)
		return r;
	return plan_attributes(from, ret, e);
}
