/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/tree_tar.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/strvec.h"
#include "pull/layer_dirs.h"
#include "pull/layer_xattr.h"
#include "store/container_diff.h"

#define BLOCK_BYTES ((size_t)256 << 10)
#define PAGE_BYTES  ((size_t)4096)
#define XATTR_LIST  65536 /* the kernel's limits: XATTR_LIST_MAX and XATTR_SIZE_MAX */
#define XATTR_VALUE 65536
#define WHITEOUT    ".wh."
#define OPAQUE      ".wh..wh..opq"

/* The first name of a file that has several. */
struct known_link {
	dev_t device;
	ino_t inode;
	char *path;
};

struct tar {
	struct archive *archive;
	struct archive_entry *entry;
	const struct sink *sink;
	const struct tree_tar_watch *watch; /* NULL: nobody */
	struct err sink_err;                /* code is 0 while the sink is well */
	struct buf path;                    /* of the entry in hand; "" for the root */
	void *links;                        /* tsearch(3) tree of struct known_link */
	size_t links_len;
	bool is_layer;
	bool (*leaves_out)(const char *path, const struct stat *st); /* NULL: nothing */
	unsigned int depth;
	char *block;
};

static int compare_links(const void *a, const void *b)
{
	const struct known_link *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static void link_free(void *p)
{
	struct known_link *l = p;

	free(l->path);
	free(l);
}

static void tar_done(struct tar *t)
{
	archive_entry_free(t->entry);
	(void)archive_write_free(t->archive); /* after a success it is closed already */
	tdestroy(t->links, link_free);
	buf_done(&t->path);
	free(t->block);
}
#define cleanup_tar __attribute__((cleanup(tar_done)))

static const char *shown(const struct tar *t)
{
	return t->path.len > 0 ? t->path.data : ".";
}

static int out_of_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot make a tar");
}

/* What libarchive has to say, or the sink behind it. */
static int failure(const struct tar *t, struct err *e)
{
	const char *text = archive_error_string(t->archive);

	if (t->sink_err.code < 0) {
		*e = t->sink_err;
		return e->code;
	}
	return err_set(e, -EIO, "cannot write '%s' to a tar: %s", shown(t), text ? text : "unknown reason");
}

static la_ssize_t on_write(struct archive *a, void *arg, const void *data, size_t len)
{
	struct tar *t = arg;

	(void)a; /* ours */
	if (t->sink_err.code < 0 || t->sink->write(t->sink->arg, data, len, &t->sink_err) < 0)
		return -1;
	return (la_ssize_t)len;
}

static bool has_room(const struct tar *t)
{
	return t->watch && t->watch->room;
}

static int open_archive(struct tar *t, struct err *e)
{
	t->archive = archive_write_new();
	t->entry = archive_entry_new();
	t->block = malloc(BLOCK_BYTES);
	if (!t->archive || !t->entry || !t->block)
		return out_of_memory(e);
	/* Attributes are written once, in the form that others read. */
	if (archive_write_set_format_pax_restricted(t->archive) != ARCHIVE_OK ||
	    archive_write_set_options(t->archive, "xattrheader=SCHILY") != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(t->archive, has_room(t) ? 0 : (int)BLOCK_BYTES) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(t->archive, 1) != ARCHIVE_OK ||
	    archive_write_open(t->archive, t, NULL, on_write, NULL) != ARCHIVE_OK)
		return failure(t, e);
	return 0;
}

/* --- one entry --------------------------------------------------------------------------------------------- */

static int write_header(struct tar *t, struct err *e)
{
	int r = archive_write_header(t->archive, t->entry);

	return r == ARCHIVE_OK || r == ARCHIVE_WARN ? 0 : failure(t, e);
}

/* An entry without contents whose name alone matters: DIR/NAME. */
static int write_mark(struct tar *t, const char *name, const struct stat *st, struct err *e)
{
	cleanup_buf struct buf path = BUF_INIT(PATH_MAX + 16);

	if (buf_printf(&path, "%s%s%s", t->path.len ? t->path.data : "", t->path.len ? "/" : "", name) < 0)
		return out_of_memory(e);
	archive_entry_clear(t->entry);
	archive_entry_set_pathname(t->entry, path.data);
	archive_entry_set_filetype(t->entry, AE_IFREG);
	archive_entry_set_perm(t->entry, 0);
	archive_entry_set_size(t->entry, 0);
	archive_entry_set_mtime(t->entry, st->st_mtim.tv_sec, 0);
	return write_header(t, e);
}

static int add_xattr(struct tar *t, int fd, const char *name, struct err *e)
{
	cleanup_free char *value = malloc(XATTR_VALUE);
	ssize_t len;

	if (!value)
		return out_of_memory(e);
	len = fgetxattr(fd, name, value, XATTR_VALUE);
	if (len < 0 && errno != ENODATA)
		return err_errno(e, "cannot read attribute '%s' of '%s'", name, shown(t));
	if (len >= 0)
		archive_entry_xattr_add_entry(t->entry, name, value, (size_t)len);
	return 0;
}

/* 1: there are some, whether they are wanted or not. */
static int add_xattrs(struct tar *t, int fd, struct err *e)
{
	cleanup_free char *names = malloc(XATTR_LIST);
	ssize_t len;
	int r = 0;

	if (!names)
		return out_of_memory(e);
	len = flistxattr(fd, names, XATTR_LIST);
	if (len < 0)
		return errno == EOPNOTSUPP ? 0 : err_errno(e, "cannot list the attributes of '%s'", shown(t));
	for (const char *name = names; r == 0 && name < names + len; name += strlen(name) + 1)
		if (layer_xattr_wanted(name))
			r = add_xattr(t, fd, name, e);
	return r < 0 ? r : len > 0;
}

/* All but contents and attributes. */
static int describe(struct tar *t, int parent_fd, const char *name, const struct stat *st, struct err *e)
{
	char target[PATH_MAX];
	ssize_t len;

	archive_entry_clear(t->entry);
	archive_entry_copy_stat(t->entry, st);
	if (t->path.len == 0 || S_ISDIR(st->st_mode)) {
		cleanup_buf struct buf path = BUF_INIT(PATH_MAX + 4);

		if (buf_printf(&path, "%s/", shown(t)) < 0)
			return out_of_memory(e);
		archive_entry_set_pathname(t->entry, path.data);
	} else {
		archive_entry_set_pathname(t->entry, t->path.data);
	}
	/* Who read or changed an inode when is none of a layer's business, and would make each tar another. */
	archive_entry_unset_atime(t->entry);
	archive_entry_unset_ctime(t->entry);
	archive_entry_unset_birthtime(t->entry);
	archive_entry_set_nlink(t->entry, 1);
	if (!S_ISREG(st->st_mode))
		archive_entry_set_size(t->entry, 0);
	if (!S_ISLNK(st->st_mode))
		return 0;
	len = readlinkat(parent_fd, name, target, sizeof(target) - 1);
	if (len < 0)
		return err_errno(e, "cannot read the link '%s'", shown(t));
	target[len] = 0;
	archive_entry_set_symlink(t->entry, target);
	return 0;
}

/* 1: this file has come by another name, and a hard link to that has been written. */
static int write_known_link(struct tar *t, const struct stat *st, struct err *e)
{
	struct known_link key = { .device = st->st_dev, .inode = st->st_ino }, *l;
	struct known_link *const *found;

	if (st->st_nlink < 2)
		return 0;
	found = tfind(&key, &t->links, compare_links);
	if (found) {
		archive_entry_set_hardlink(t->entry, (*found)->path);
		archive_entry_set_size(t->entry, 0);
		if (write_header(t, e) < 0)
			return e->code;
		if (S_ISREG(st->st_mode) && t->watch &&
		    t->watch->link(t->watch->arg, t->path.data, (*found)->path, e) < 0)
			return e->code;
		return 1;
	}
	if (t->links_len++ == TREE_TAR_LINKS_MAX)
		return err_set(e, -EFBIG, "more than %d files have several names", TREE_TAR_LINKS_MAX);
	l = malloc(sizeof(*l));
	if (!l)
		return out_of_memory(e);
	*l = key;
	l->path = strdup(t->path.data);
	if (!l->path || !tsearch(l, &t->links, compare_links)) {
		link_free(l);
		return out_of_memory(e);
	}
	return 0;
}

/* Where the next bytes of `size` go, and how many of them: whole pages, as long as there are more. */
static char *place_of(struct tar *t, uint64_t size, size_t *ret_len)
{
	size_t len = 0;
	char *to = has_room(t) ? t->watch->room(t->watch->arg, &len) : NULL;

	if (!to || len < PAGE_BYTES) {
		to = t->block;
		len = BLOCK_BYTES;
	}
	*ret_len = size < len ? (size_t)size : len / PAGE_BYTES * PAGE_BYTES;
	return to;
}

/* What `fd` has, `size` bytes. 1: it had fewer, and zeros stand for the rest, as the header has been written. */
static int write_contents(struct tar *t, int fd, uint64_t size, struct err *e)
{
	int r = 0;

	while (size > 0) {
		size_t want;
		char *to = place_of(t, size, &want);
		ssize_t n = read(fd, to, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read '%s'", shown(t));
		if (n == 0) { /* somebody has made it shorter meanwhile */
			memset(to, 0, want);
			n = (ssize_t)want;
			r = 1;
		}
		if (t->watch && t->watch->data(t->watch->arg, to, (size_t)n, e) < 0)
			return e->code;
		if (archive_write_data(t->archive, to, (size_t)n) != n)
			return failure(t, e);
		size -= (uint64_t)n;
	}
	return r;
}

static int write_watched(struct tar *t, int fd, const struct tree_tar_file *file, struct err *e)
{
	int r = t->watch->begin(t->watch->arg, file, &fd, e);

	if (r == 0)
		r = write_contents(t, fd, (uint64_t)file->st->st_size, e);
	return r < 0 ? r : t->watch->end(t->watch->arg, file, r == 0, e);
}

static int write_file(struct tar *t, int parent_fd, const char *name, const struct stat *st, struct err *e)
{
	struct tree_tar_file file = { .parent_fd = parent_fd, .name = name, .st = st };
	cleanup_fd int fd = -1;
	int r = describe(t, parent_fd, name, st, e);

	if (r == 0)
		r = write_known_link(t, st, e);
	if (r != 0)
		return r < 0 ? r : 0;
	fd = openat(parent_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", shown(t));
	r = add_xattrs(t, fd, e);
	file.has_xattrs = r > 0;
	if (r >= 0)
		r = write_header(t, e);
	if (r < 0)
		return r;
	file.path = shown(t);
	if (t->watch)
		return write_watched(t, fd, &file, e);
	r = write_contents(t, fd, (uint64_t)st->st_size, e);
	return r < 0 ? r : 0;
}

static int write_other(struct tar *t, int parent_fd, const char *name, const struct stat *st, struct err *e)
{
	int r;

	if (S_ISSOCK(st->st_mode))
		return 0;
	r = describe(t, parent_fd, name, st, e);
	if (r == 0)
		r = write_known_link(t, st, e);
	if (r != 0)
		return r < 0 ? r : 0;
	return write_header(t, e);
}

/* --- directories --------------------------------------------------------------------------------------------- */

static int write_dir(struct tar *t, int fd, const struct stat *st, struct err *e);

/* What `name` is in a directory, under the path in hand. */
static int write_thing(struct tar *t, int parent_fd, const char *name, const struct stat *st, struct err *e)
{
	cleanup_fd int fd = -1;

	if (S_ISREG(st->st_mode))
		return write_file(t, parent_fd, name, st, e);
	if (!S_ISDIR(st->st_mode))
		return write_other(t, parent_fd, name, st, e);
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_errno(e, "cannot open '%s'", shown(t)) : write_dir(t, fd, st, e);
}

static int write_child(struct tar *t, int parent_fd, const char *name, struct err *e)
{
	size_t before = t->path.len;
	struct stat st;
	int r;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, "cannot look at '%s' in '%s'", name, shown(t));
	if (t->is_layer && layer_is_whiteout(&st)) {
		char mark[NAME_MAX + sizeof(WHITEOUT)];

		(void)snprintf(mark, sizeof(mark), WHITEOUT "%s", name);
		return write_mark(t, mark, &st, e);
	}
	if (buf_printf(&t->path, "%s%s", before ? "/" : "", name) < 0)
		return err_set(e, -ENAMETOOLONG, "a path below '%s' is too long", shown(t));
	if (!t->leaves_out || !t->leaves_out(t->path.data, &st))
		r = write_thing(t, parent_fd, name, &st, e);
	else
		r = 0;
	t->path.len = before;
	if (t->path.data)
		t->path.data[before] = 0;
	return r;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list_names(const struct tar *t, int fd, struct strvec *out, struct err *e)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = again < 0 ? NULL : fdopendir(again);
	const struct dirent *d;

	if (!dir) {
		cleanup_fd_fn(&again);
		return err_errno(e, "cannot list '%s'", shown(t));
	}
	while ((errno = 0, d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (strvec_add(out, d->d_name) < 0)
			return err_set(e, -EFBIG, "'%s' has too many files, or memory is out", shown(t));
	}
	if (errno)
		return err_errno(e, "cannot list '%s'", shown(t));
	if (out->len > 1)
		qsort(out->items, out->len, sizeof(*out->items), compare_names);
	return 0;
}

static int write_dir(struct tar *t, int fd, const struct stat *st, struct err *e)
{
	cleanup_strvec struct strvec names = { .max = TREE_TAR_NAMES_MAX };
	int r;

	if (++t->depth > TREE_TAR_DEPTH_MAX)
		return err_set(e, -ELOOP, "directories are nested deeper than %d", TREE_TAR_DEPTH_MAX);
	r = describe(t, fd, ".", st, e);
	if (r == 0)
		r = add_xattrs(t, fd, e);
	if (r >= 0)
		r = write_header(t, e);
	if (r == 0 && t->is_layer && layer_xattr_is_opaque(fd))
		r = write_mark(t, OPAQUE, st, e);
	if (r == 0)
		r = list_names(t, fd, &names, e);
	for (size_t i = 0; r == 0 && i < names.len; i++)
		r = write_child(t, fd, names.items[i], e);
	t->depth--;
	return r;
}

/* Between opening and closing: the thing, or with no `name` the directory that fd is. */
static int write_all_of(struct tar *t, int fd, const char *name, struct err *e)
{
	struct stat st;
	int r = open_archive(t, e);

	if (r < 0)
		return r;
	if (fstatat(fd, name ? name : "", &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return err_errno(e, "cannot look at '%s'", shown(t));
	r = t->sink->begin(t->sink->arg, e);
	if (r == 0)
		r = name ? write_thing(t, fd, name, &st, e) : write_dir(t, fd, &st, e);
	if (r == 0 && archive_write_close(t->archive) != ARCHIVE_OK)
		r = failure(t, e);
	return r;
}

int tree_tar_write_watched(int tree_fd, enum tree_tar_kind kind, const struct sink *sink,
			   const struct tree_tar_watch *watch, struct err *e)
{
	cleanup_tar struct tar t = { .sink = sink,
				     .watch = watch,
				     .is_layer = kind != TREE_TAR_FILES,
				     .leaves_out = kind == TREE_TAR_UPPER ? container_is_mount_point : NULL,
				     .path = BUF_INIT(PATH_MAX) };

	return write_all_of(&t, tree_fd, NULL, e);
}

int tree_tar_write(int tree_fd, enum tree_tar_kind kind, const struct sink *sink, struct err *e)
{
	return tree_tar_write_watched(tree_fd, kind, sink, NULL, e);
}

int tree_tar_write_entry(int parent_fd, const char *name, const char *as, const struct sink *sink,
			 struct err *e)
{
	cleanup_tar struct tar t = { .sink = sink, .path = BUF_INIT(PATH_MAX) };

	if (buf_add_str(&t.path, as) < 0)
		return out_of_memory(e);
	return write_all_of(&t, parent_fd, name, e);
}
