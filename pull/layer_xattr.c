/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/layer_xattr.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include <archive.h>
#include <archive_entry.h>

#include "common/cleanup.h"

#define CAPABILITY       "security.capability"
#define ACL_ACCESS       "system.posix_acl_access"
#define ACL_DEFAULT      "system.posix_acl_default"
#define OPAQUE_TRUSTED   "trusted.overlay.opaque"
#define OPAQUE_USER      "user.overlay.opaque"
#define LIST_MAX         65536 /* XATTR_LIST_MAX */

/* linux/posix_acl_xattr.h: little-endian, ordered by tag. */
#define ACL_VERSION      2
#define ACL_UNDEFINED_ID UINT32_MAX
#define ACL_ENTRIES_MAX  ((LAYER_ACL_MAX_BYTES - 4) / sizeof(struct acl_entry))
struct acl_entry {
	uint16_t tag;
	uint16_t perm;
	uint32_t id;
};

static bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool layer_xattr_wanted(const char *name)
{
	if (starts(name, "user."))
		return !starts(name, "user.overlay.");
	return strcmp(name, CAPABILITY) == 0 || strcmp(name, ACL_ACCESS) == 0 ||
	       strcmp(name, ACL_DEFAULT) == 0;
}

bool layer_xattr_any(struct archive_entry *from)
{
	return archive_entry_xattr_count(from) > 0 || archive_entry_acl_types(from) != 0;
}

/* ext4 calls its own limit for all attributes of a file, which is one block, "no space". */
static bool has_space(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && st.f_bavail > 0;
}

static int set_one(int fd, const char *name, const void *value, size_t len, bool lenient, const char *shown,
		   struct err *e)
{
	if (fsetxattr(fd, name, value, len, 0) == 0)
		return 0;
	if (errno == EOPNOTSUPP && strcmp(name, CAPABILITY) != 0)
		return 0;
	if (lenient && (errno == EPERM || errno == EACCES))
		return 0;
	if (errno == E2BIG || errno == ERANGE)
		return err_set(e, -EFBIG,
			       "'%s' has an extended attribute '%.255s' of %zu bytes, more than Linux takes",
			       shown, name, len);
	if (errno == ENOSPC && has_space(fd))
		return err_set(
			e, -EFBIG,
			"'%s' has more extended attributes than the file system takes ('%.255s' of %zu bytes "
			"does not fit)",
			shown, name, len);
	return err_errno(e, "cannot set '%.255s' of '%s'", name, shown);
}

/* The kernel's tag; 0 for what is no POSIX ACL entry. */
static uint16_t acl_tag(int tag)
{
	switch (tag) {
	case ARCHIVE_ENTRY_ACL_USER_OBJ:
		return 0x01;
	case ARCHIVE_ENTRY_ACL_USER:
		return 0x02;
	case ARCHIVE_ENTRY_ACL_GROUP_OBJ:
		return 0x04;
	case ARCHIVE_ENTRY_ACL_GROUP:
		return 0x08;
	case ARCHIVE_ENTRY_ACL_MASK:
		return 0x10;
	case ARCHIVE_ENTRY_ACL_OTHER:
		return 0x20;
	default:
		return 0;
	}
}

static int compare_acl(const void *left, const void *right)
{
	const struct acl_entry *a = left;
	const struct acl_entry *b = right;

	if (a->tag != b->tag)
		return a->tag < b->tag ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static int write_acl(struct acl_entry *entries, size_t len, struct buf *out)
{
	uint32_t version = htole32(ACL_VERSION);
	int r = buf_add(out, &version, sizeof(version));

	qsort(entries, len, sizeof(*entries), compare_acl);
	for (size_t i = 0; r == 0 && i < len; i++) {
		struct acl_entry raw = { htole16(entries[i].tag), htole16(entries[i].perm),
					 htole32(entries[i].id) };

		r = buf_add(out, &raw, sizeof(raw));
	}
	return r;
}

/* libarchive's ACL in the kernel's form. Names without numbers mean nothing outside the image: such an ACL, which would
 * give or take rights at random, is left out whole. */
static int encode_acl(struct archive_entry *from, int type, struct buf *out, struct err *e)
{
	int count = archive_entry_acl_reset(from, type);
	cleanup_free struct acl_entry *entries = NULL;
	size_t len = 0;
	int got_type, perms, tag, id;
	const char *name;

	if (count <= 0 || (archive_entry_acl_types(from) & type) == 0)
		return 0;
	if ((size_t)count > ACL_ENTRIES_MAX)
		return err_set(e, -EFBIG, "an ACL has more than %zu entries", ACL_ENTRIES_MAX);
	entries = calloc((size_t)count, sizeof(*entries));
	if (!entries)
		return err_set(e, -ENOMEM, "cannot take over an ACL: out of memory");
	while (len < (size_t)count &&
	       archive_entry_acl_next(from, type, &got_type, &perms, &tag, &id, &name) == ARCHIVE_OK) {
		bool named = tag == ARCHIVE_ENTRY_ACL_USER || tag == ARCHIVE_ENTRY_ACL_GROUP;

		if (acl_tag(tag) == 0 || (named && id < 0))
			return 0;
		entries[len].tag = acl_tag(tag);
		entries[len].perm = (uint16_t)(perms & 7);
		entries[len++].id = named ? (uint32_t)id : ACL_UNDEFINED_ID;
	}
	return write_acl(entries, len, out) < 0
		       ? err_set(e, -ENOMEM, "cannot take over an ACL: out of memory")
		       : 0;
}

int layer_xattr_set_all(struct archive_entry *from, int fd, bool lenient, const char *shown, struct err *e)
{
	cleanup_buf struct buf acl = BUF_INIT(LAYER_ACL_MAX_BYTES);
	const char *name;
	const void *value;
	size_t len;
	int r;

	(void)archive_entry_xattr_reset(from); /* how many there are: the loop sees */
	while (archive_entry_xattr_next(from, &name, &value, &len) == ARCHIVE_OK) {
		if (!layer_xattr_wanted(name) || strcmp(name, ACL_DEFAULT) == 0)
			continue;
		r = set_one(fd, name, value, len, lenient, shown, e);
		if (r < 0)
			return r;
	}
	r = encode_acl(from, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, &acl, e);
	if (r < 0)
		return err_wrap(e, "entry '%s'", shown);
	return acl.len > 0 ? set_one(fd, ACL_ACCESS, acl.data, acl.len, lenient, shown, e) : 0;
}

int layer_xattr_default_acl(struct archive_entry *from, struct buf *out, struct err *e)
{
	const char *name;
	const void *value;
	size_t len;

	(void)archive_entry_xattr_reset(from); /* as above */
	while (archive_entry_xattr_next(from, &name, &value, &len) == ARCHIVE_OK) {
		if (strcmp(name, ACL_DEFAULT) != 0)
			continue;
		if (buf_add(out, value, len) < 0)
			return err_set(e, -EFBIG, "a default ACL is too large");
		return 0;
	}
	return encode_acl(from, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, out, e);
}

int layer_xattr_set_default_acl(int fd, const void *acl, size_t len)
{
	if (fsetxattr(fd, ACL_DEFAULT, acl, len, 0) == 0 || errno == EOPNOTSUPP)
		return 0;
	return -errno;
}

int layer_xattr_set_opaque(int dir_fd, const char *shown, struct err *e)
{
	if (fsetxattr(dir_fd, OPAQUE_TRUSTED, "y", 1, 0) == 0)
		return 0;
	if (errno == EPERM && fsetxattr(dir_fd, OPAQUE_USER, "y", 1, 0) == 0)
		return 0;
	return err_errno(e, "cannot mark '%s' as opaque", shown);
}

bool layer_xattr_is_opaque(int dir_fd)
{
	char value;

	return (fgetxattr(dir_fd, OPAQUE_TRUSTED, &value, 1) == 1 && value == 'y') ||
	       (fgetxattr(dir_fd, OPAQUE_USER, &value, 1) == 1 && value == 'y');
}

static int copy_one(int from_fd, int to_fd, const char *name, struct err *e)
{
	cleanup_free char *value = malloc(LAYER_ACL_MAX_BYTES);
	ssize_t len;

	if (!value)
		return err_set(e, -ENOMEM, "cannot copy %s: out of memory", name);
	len = fgetxattr(from_fd, name, value, LAYER_ACL_MAX_BYTES);
	if (len < 0)
		return err_errno(e, "cannot read %s", name);
	return set_one(to_fd, name, value, (size_t)len, true, "a directory of the layer", e);
}

int layer_xattr_copy(int from_fd, int to_fd, struct err *e)
{
	cleanup_free char *names = NULL;
	ssize_t len = flistxattr(from_fd, NULL, 0);
	int r = 0;

	if (len == 0 || (len < 0 && errno == EOPNOTSUPP))
		return 0;
	names = malloc(LIST_MAX);
	if (!names)
		return err_set(e, -ENOMEM, "cannot list extended attributes: out of memory");
	len = flistxattr(from_fd, names, LIST_MAX);
	if (len < 0)
		return err_errno(e, "cannot list extended attributes");
	for (const char *name = names; r == 0 && name < names + len; name += strlen(name) + 1)
		if (layer_xattr_wanted(name))
			r = copy_one(from_fd, to_fd, name, e);
	return r;
}
