/* SPDX-License-Identifier: Apache-2.0 */
#include "store/layer_facts.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strvec.h"

#define LINE_MAX_BYTES  65536 /* a name of 255 and a target of 4095 bytes, each byte escaped as four */
#define XATTRS_MAX      65536 /* XATTR_LIST_MAX, and XATTR_SIZE_MAX of each value */
#define XATTRS_MAX_SUM  (1u << 24)
#define OPEN_FILE_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_NOATIME | O_CLOEXEC)

void layer_facts_done(struct layer_facts *f)
{
	buf_done(&f->text);
}

static bool must_be_escaped(unsigned char c)
{
	return c <= ' ' || c == 0x7f || c == '\\';
}

int layer_facts_escape(struct buf *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	int r = 0;

	while (r == 0 && *p) {
		size_t plain = 0;

		while (p[plain] && !must_be_escaped(p[plain]))
			plain++;
		r = buf_add(out, p, plain);
		p += plain;
		if (r == 0 && *p)
			r = buf_printf(out, "\\%03o", *p++);
	}
	return r;
}

/* Only a file's owner, and root, may ask for no new atime. */
static int open_entry(const struct tree_entry *entry)
{
	int fd = openat(entry->parent_fd, entry->name, OPEN_FILE_FLAGS);

	if (fd < 0 && errno == EPERM)
		fd = openat(entry->parent_fd, entry->name, OPEN_FILE_FLAGS & ~O_NOATIME);
	return fd;
}

/* --- extended attributes --------------------------------------------------------------------------- */

/* What an image sets, and how overlayfs is told of opaque directories. The rest is this machine's: labels, signatures. */
static bool is_of_the_layer(const char *name)
{
	static const char *const PREFIXES[] = { "user.", "trusted.overlay.", "security.capability",
						"system.posix_acl_" };

	for (size_t i = 0; i < ARRAY_LEN(PREFIXES); i++)
		if (strncmp(name, PREFIXES[i], strlen(PREFIXES[i])) == 0)
			return true;
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_xattrs(int fd, struct strvec *ret)
{
	cleanup_free char *list = NULL;
	ssize_t len = flistxattr(fd, NULL, 0);
	int r = 0;

	if (len <= 0)
		return len == 0 || errno == EOPNOTSUPP ? 0 : -errno;
	list = malloc(XATTRS_MAX);
	if (!list)
		return -ENOMEM;
	len = flistxattr(fd, list, XATTRS_MAX);
	if (len < 0)
		return -errno;
	for (const char *name = list; r == 0 && name < list + len; name += strlen(name) + 1)
		if (is_of_the_layer(name))
			r = strvec_add(ret, name);
	if (r == 0 && ret->len > 1)
		qsort(ret->items, ret->len, sizeof(*ret->items), compare_names);
	return r;
}

/* Name, NUL, size, value of each. */
static int add_xattr(int fd, const char *name, struct buf *out)
{
	cleanup_free char *value = malloc(XATTRS_MAX);
	ssize_t len;
	int r;

	if (!value)
		return -ENOMEM;
	len = fgetxattr(fd, name, value, XATTRS_MAX);
	if (len < 0)
		return -errno;
	r = buf_add(out, name, strlen(name) + 1);
	if (r == 0)
		r = buf_printf(out, "%zd:", len);
	return r == 0 ? buf_add(out, value, (size_t)len) : r;
}

static int sum_xattrs(int fd, char ret[FILE_SUM_TEXT_LEN + 1])
{
	cleanup_buf struct buf all = BUF_INIT(XATTRS_MAX_SUM);
	cleanup_strvec struct strvec names = { 0 };
	struct file_sum sum;
	int r = list_xattrs(fd, &names);

	for (size_t i = 0; r == 0 && i < names.len; i++)
		r = add_xattr(fd, names.items[i], &all);
	if (r < 0 || names.len == 0)
		return r;
	sum = file_sum_bytes(all.data, all.len);
	file_sum_text(&sum, ret);
	return 0;
}

/* --- the line -------------------------------------------------------------------------------------- */

static char type_letter(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 'f';
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	default:
		return 's';
	}
}

static int add_target(const struct tree_entry *entry, struct buf *out)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(entry->parent_fd, entry->name, target, sizeof(target) - 1);

	if (len < 0)
		return -errno;
	target[len] = '\0';
	return layer_facts_escape(out, target);
}

static int add_detail(const struct tree_entry *entry, struct buf *out)
{
	const struct stat *st = &entry->st;

	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return buf_printf(out, "%lld", (long long)st->st_size);
	case S_IFLNK:
		return add_target(entry, out);
	case S_IFCHR:
	case S_IFBLK:
		return buf_printf(out, "%u:%u", major(st->st_rdev), minor(st->st_rdev));
	default:
		return buf_add_char(out, '-');
	}
}

static int add_all(const struct tree_entry *entry, const char *sum, const char *xattrs, struct buf *out)
{
	const struct stat *st = &entry->st;
	int r = buf_printf(out, "%zu %c %o %u %u ", entry->depth, type_letter(st->st_mode),
			   st->st_mode & 07777, st->st_uid, st->st_gid);

	if (r == 0)
		r = add_detail(entry, out);
	if (r == 0)
		r = buf_printf(out, " %s %s ", sum, xattrs);
	return r == 0 ? layer_facts_escape(out, entry->name) : r;
}

int layer_facts_of(const struct tree_entry *entry, bool look_inside, const struct file_sum *sum,
		   struct layer_facts *ret, struct err *e)
{
	char sum_field[FILE_SUM_TEXT_LEN + 1] = "-", xattrs[FILE_SUM_TEXT_LEN + 1] = "-";
	int r = 0;

	if (sum)
		file_sum_text(sum, sum_field);
	if (S_ISDIR(entry->st.st_mode) || (look_inside && S_ISREG(entry->st.st_mode))) {
		cleanup_fd int fd = open_entry(entry);

		if (fd >= 0)
			r = sum_xattrs(fd, xattrs);
		else if (errno != EACCES) /* an unprivileged owner may be kept out by the file's own mode */
			r = -errno;
	}
	ret->text.max = LINE_MAX_BYTES;
	buf_clear(&ret->text);
	if (r == 0)
		r = add_all(entry, sum_field, xattrs, &ret->text);
	if (r < 0)
		return err_code(e, r, "cannot look at '%s'", entry->name);
	return layer_facts_split(ret->text.data, ret, e);
}

int layer_facts_split(char *line, struct layer_facts *ret, struct err *e)
{
	char *rest = line;

	for (size_t i = 0; i < LAYER_FACTS_FIELDS; i++) {
		ret->fields[i] = strsep(&rest, " ");
		if (!ret->fields[i] || *ret->fields[i] == '\0')
			return err_set(e, -EBADMSG, "a line has too few fields");
	}
	return rest ? err_set(e, -EBADMSG, "a line has too many fields") : 0;
}

int layer_facts_read(const struct tree_entry *entry, struct file_summer *summer, struct file_sum *ret,
		     struct err *e)
{
	cleanup_fd int fd = open_entry(entry);

	if (fd < 0)
		return err_errno(e, "cannot open '%s'", entry->name);
	return file_summer_read(summer, fd, (uint64_t)entry->st.st_size, ret, e);
}
