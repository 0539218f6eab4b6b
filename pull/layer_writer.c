/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/layer_writer.h"

#include <fcntl.h>
#include <iconv.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "pull/layer_dirs.h"
#include "pull/layer_entry.h"
#include "pull/layer_xattr.h"
#include "store/file_sum.h"
#include "store/layer_contents.h"

#define CONTENTS_BYTES (64u << 10) /* that are written at a time */
#define REAL_PATH_MAX  (PATH_MAX + NAME_MAX + 1)

struct writer {
	const struct layer_source *from;
	const struct layer_target *to;
	struct archive *archive;
	struct layer_dirs dirs;
	struct layer_entry plan;
	struct layer_stats stats;
	uid_t uid; /* what new files have */
	gid_t gid;
	struct file_summer *summer; /* NULL: nobody wants checksums */
	struct buf contents;        /* records of store/layer_contents.h, to be written */
	struct err source_err;      /* code is 0 while the source is well */
};

static int out_of_bytes(const struct writer *w, struct err *e)
{
	return err_set(e, -EFBIG, "the layer unpacks to more than %llu bytes",
		       (unsigned long long)w->to->max_bytes);
}

/* What libarchive has to say, or the source behind it. */
static int archive_failure(const struct writer *w, struct err *e)
{
	const char *text = archive_error_string(w->archive);

	if (w->source_err.code < 0) {
		*e = w->source_err;
		return e->code;
	}
	if (archive_errno(w->archive) == ENOMEM)
		return err_set(e, -ENOMEM, "cannot read the layer's tar: out of memory");
	return err_set(e, -EINVAL, "malformed tar: %s", text ? text : "unknown reason");
}

static int entry_failure(const struct writer *w, struct err *e, const char *what)
{
	return err_errno(e, "cannot %s '%s'", what, w->plan.shown);
}

/* --- what is there already --- */

/* Removes what has the entry's name, whatever it is. *ret_whiteout tells whether it was a whiteout. */
static int remove_old(struct writer *w, int parent_fd, bool *ret_whiteout, struct err *e)
{
	const char *name = w->plan.name;
	struct stat st;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return entry_failure(w, e, "look at");
	*ret_whiteout = layer_is_whiteout(&st);
	layer_dirs_forget(&w->dirs);
	if (S_ISDIR(st.st_mode)) {
		int r = tree_remove(parent_fd, name, e);

		if (r < 0)
			return r;
	} else if (unlinkat(parent_fd, name, 0) < 0) {
		return entry_failure(w, e, "replace");
	}
	return 0;
}

static int make_way(struct writer *w, int parent_fd, struct err *e)
{
	bool whiteout;

	return remove_old(w, parent_fd, &whiteout, e);
}

static int mark_opaque(const struct writer *w, int parent_fd, const char *name, struct err *e)
{
	cleanup_fd int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return entry_failure(w, e, "open");
	return layer_xattr_set_opaque(fd, w->plan.shown, e);
}

/* --- what whoever seals the layer need not find out again --- */

static int flush_contents(struct writer *w, struct err *e)
{
	int r = write_all(w->to->contents_fd, w->contents.data, w->contents.len);

	buf_clear(&w->contents);
	return r < 0 ? err_code(e, r, "cannot write the list of checksums") : 0;
}

/* r: of an addition to w->contents. */
static int noted(struct writer *w, int r, struct err *e)
{
	if (r < 0)
		return err_code(e, r, "cannot note the checksum of '%s'", w->plan.shown);
	return w->contents.len >= CONTENTS_BYTES ? flush_contents(w, e) : 0;
}

/* The path in the tree of a name in the directory that layer_dirs_parent has found last. */
static void real_path(const struct writer *w, const char *name, char ret[REAL_PATH_MAX])
{
	size_t len = strlen(w->dirs.real);

	memcpy(ret, w->dirs.real, len);
	if (len > 0)
		ret[len++] = '/';
	memcpy(ret + len, name, strlen(name) + 1); /* the kernel has taken it: no longer than NAME_MAX */
}

/* Of the file just made, complete. */
static int note_content(struct writer *w, bool has_xattrs, struct err *e)
{
	struct layer_content content = { .size_bytes = w->plan.size_bytes,
					 .mode = w->plan.mode & 07777,
					 .uid = w->plan.uid,
					 .gid = w->plan.gid };
	char path[REAL_PATH_MAX];

	if (!w->summer)
		return 0;
	/* Bytes that came in no order are read once more later on, by whoever seals the layer. */
	if (file_summer_finish(w->summer, w->plan.size_bytes, &content.sum))
		content.flags |= LAYER_CONTENT_SUM;
	if (has_xattrs) /* they may have changed the mode */
		content.flags |= LAYER_CONTENT_XATTRS;
	else if (!w->to->lenient) /* else the kernel may have refused an owner or a bit of the mode */
		content.flags |= LAYER_CONTENT_FACTS;
	real_path(w, w->plan.name, path);
	return noted(w, layer_content_add(&w->contents, &content, path), e);
}

static int note_link(struct writer *w, const char *target, struct err *e)
{
	char path[REAL_PATH_MAX];

	if (!w->summer)
		return 0;
	real_path(w, w->plan.name, path);
	return noted(w, layer_content_add_link(&w->contents, path, target), e);
}

/* --- one function per kind of entry --- */

static int apply_whiteout(struct writer *w, int parent_fd, struct err *e)
{
	struct stat st;

	if (mknodat(parent_fd, w->plan.name, S_IFCHR, 0) == 0)
		return 0;
	if (errno != EEXIST)
		return entry_failure(w, e, "make the whiteout");
	/* The layer has the file itself. It hides the lower one, and a directory must not merge with it. */
	if (fstatat(parent_fd, w->plan.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return entry_failure(w, e, "look at");
	return S_ISDIR(st.st_mode) ? mark_opaque(w, parent_fd, w->plan.name, e) : 0;
}

static int apply_opaque(struct writer *w, int parent_fd, struct err *e)
{
	if (*w->plan.parent == '\0')
		w->stats.root_is_opaque = true;
	return mark_opaque(w, parent_fd, ".", e);
}

/* Attributes that can be set at once, and a note of those that come at the end. NULL name: the root. */
static int describe_dir(struct writer *w, int parent_fd, struct archive_entry *from, struct err *e)
{
	cleanup_buf struct buf acl = BUF_INIT(LAYER_ACL_MAX_BYTES);
	cleanup_fd int fd = -1;
	int r = 0;

	if (layer_xattr_any(from)) {
		fd = openat(parent_fd, w->plan.name ? w->plan.name : ".",
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return entry_failure(w, e, "open");
		r = layer_xattr_set_all(from, fd, w->to->lenient, w->plan.shown, e);
		if (r == 0)
			r = layer_xattr_default_acl(from, &acl, e);
	}
	return r < 0 ? r : layer_dirs_declare(&w->dirs, &w->plan, &acl, e);
}

/* In the way of a directory: another one stays, anything else goes. */
static int replace_by_dir(struct writer *w, int parent_fd, mode_t mode, struct err *e)
{
	bool whiteout = false;
	struct stat st;
	int r;

	if (fstatat(parent_fd, w->plan.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return entry_failure(w, e, "look at");
	if (S_ISDIR(st.st_mode))
		return 0;
	r = remove_old(w, parent_fd, &whiteout, e);
	if (r < 0)
		return r;
	if (mkdirat(parent_fd, w->plan.name, mode) < 0)
		return entry_failure(w, e, "make directory");
	return whiteout ? mark_opaque(w, parent_fd, w->plan.name, e) : 0;
}

static int apply_dir(struct writer *w, int parent_fd, struct archive_entry *from, struct err *e)
{
	mode_t mode = (w->plan.mode & 0777) | 0700; /* ours to fill; layer_dirs_finish sets the real one */
	int r = 0;

	if (mkdirat(parent_fd, w->plan.name, mode) < 0)
		r = errno == EEXIST ? replace_by_dir(w, parent_fd, mode, e)
				    : entry_failure(w, e, "make directory");
	return r < 0 ? r : describe_dir(w, parent_fd, from, e);
}

static bool needs_owner(const struct writer *w)
{
	return w->plan.uid != w->uid || w->plan.gid != w->gid;
}

/* Symlinks and nodes, which are not opened: owner, mode and time by name. */
static int describe_by_name(const struct writer *w, int parent_fd, struct err *e)
{
	struct timespec times[2] = { w->plan.mtime, w->plan.mtime };
	const char *name = w->plan.name;

	if (needs_owner(w) && fchownat(parent_fd, name, w->plan.uid, w->plan.gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    !(w->to->lenient && errno == EPERM))
		return entry_failure(w, e, "change the owner of");
	/* Nothing is a symlink here that was not made as one by us a moment ago. */
	if (!S_ISLNK(w->plan.mode) && (w->plan.mode & 07000) &&
	    fchmodat(parent_fd, name, w->plan.mode & 07777, 0) < 0)
		return entry_failure(w, e, "set the mode of");
	if (utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return entry_failure(w, e, "set the time of");
	return 0;
}

static int apply_symlink(struct writer *w, int parent_fd, struct err *e)
{
	int r = symlinkat(w->plan.target, parent_fd, w->plan.name);

	if (r < 0 && errno == EEXIST) {
		r = make_way(w, parent_fd, e);
		if (r < 0)
			return r;
		r = symlinkat(w->plan.target, parent_fd, w->plan.name);
	}
	return r < 0 ? entry_failure(w, e, "make symlink") : describe_by_name(w, parent_fd, e);
}

static int apply_node(struct writer *w, int parent_fd, struct err *e)
{
	mode_t mode = w->plan.mode & (S_IFMT | 0777);
	int r = mknodat(parent_fd, w->plan.name, mode, w->plan.device);

	if (r < 0 && errno == EEXIST) {
		r = make_way(w, parent_fd, e);
		if (r < 0)
			return r;
		r = mknodat(parent_fd, w->plan.name, mode, w->plan.device);
	}
	if (r < 0 && errno == EPERM && w->to->lenient)
		return 0;
	return r < 0 ? entry_failure(w, e, "make device") : describe_by_name(w, parent_fd, e);
}

/* Finds the earlier entry that a hard link means. *ret_fd is the caller's; `ret_path` is that of the tree. */
static int find_link_target(struct writer *w, int *ret_fd, const char **ret_name,
			    char ret_path[REAL_PATH_MAX], struct err *e)
{
	char shown[LAYER_SHOWN_MAX];
	char parent[PATH_MAX];
	const char *slash = strrchr(w->plan.target, '/');
	size_t len = slash ? (size_t)(slash - w->plan.target) : 0;
	struct stat st = { 0 };
	cleanup_fd int fd = -1;
	int parent_fd = -1;
	int r;

	memcpy(parent, w->plan.target, len);
	parent[len] = '\0';
	*ret_name = slash ? slash + 1 : w->plan.target;
	r = layer_dirs_parent(&w->dirs, parent, false, w->plan.shown, &parent_fd, e);
	if (r == 0) {
		fd = fcntl(parent_fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return entry_failure(w, e, "open the parent of");
		if (fstatat(fd, *ret_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
	}
	layer_path_show(w->plan.target, shown);
	if (r == -ENOENT || r == -ENOTDIR || (r == 0 && layer_is_whiteout(&st)))
		return err_set(e, -EINVAL,
			       "entry '%s' is a hard link to '%s', which is not in this layer before it",
			       w->plan.shown, shown);
	if (r < 0)
		return err_code(e, r, "cannot find '%s', which '%s' is a hard link to", shown, w->plan.shown);
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EINVAL, "entry '%s' is a hard link to the directory '%s'", w->plan.shown,
			       shown);
	real_path(w, *ret_name, ret_path);
	*ret_fd = fd_take(&fd);
	return 0;
}

static bool same_file(int fd_a, const char *a, int fd_b, const char *b)
{
	struct stat st_a, st_b;

	return fstatat(fd_a, a, &st_a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(fd_b, b, &st_b, AT_SYMLINK_NOFOLLOW) == 0 && st_a.st_dev == st_b.st_dev &&
	       st_a.st_ino == st_b.st_ino;
}

static int apply_hardlink(struct writer *w, struct err *e)
{
	char target_path[REAL_PATH_MAX];
	cleanup_fd int target_fd = -1;
	const char *target;
	int parent_fd = -1;
	int r = find_link_target(w, &target_fd, &target, target_path, e);

	if (r == 0)
		r = layer_dirs_parent(&w->dirs, w->plan.parent, true, w->plan.shown, &parent_fd, e);
	if (r < 0)
		return r;
	r = linkat(target_fd, target, parent_fd, w->plan.name, 0);
	if (r < 0 && errno == EEXIST) {
		if (same_file(target_fd, target, parent_fd, w->plan.name))
			return 0;
		r = make_way(w, parent_fd, e);
		if (r < 0)
			return r;
		r = linkat(target_fd, target, parent_fd, w->plan.name, 0);
	}
	return r < 0 ? entry_failure(w, e, "make hard link") : note_link(w, target_path, e);
}

/* --- regular files --- */

static int write_block(int fd, const char *data, size_t len, int64_t offset)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, data, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
		offset += n;
	}
	return 0;
}

/* One block of contents, which in a sparse file may stand behind a hole. Advances *end. */
static int take_block(struct writer *w, int fd, const void *data, size_t len, int64_t offset, uint64_t *end,
		      struct err *e)
{
	if (len == 0)
		return 0;
	if (offset < 0 || (uint64_t)offset > w->plan.size_bytes ||
	    len > w->plan.size_bytes - (uint64_t)offset)
		return err_set(e, -EINVAL, "malformed tar: '%s' has contents behind its end", w->plan.shown);
	if (len > w->to->max_bytes - w->stats.bytes)
		return out_of_bytes(w, e);
	if (write_block(fd, data, len, offset) < 0)
		return entry_failure(w, e, "write");
	w->stats.bytes += len;
	if (w->summer)
		file_summer_add(w->summer, (uint64_t)offset, data, len);
	if ((uint64_t)offset + len > *end)
		*end = (uint64_t)offset + len;
	return 0;
}

static int write_contents(struct writer *w, int fd, struct err *e)
{
	uint64_t end = 0;

	while (w->plan.size_bytes > 0) {
		const void *data;
		size_t len;
		la_int64_t offset;
		int r = archive_read_data_block(w->archive, &data, &len, &offset);

		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return archive_failure(w, e);
		r = take_block(w, fd, data, len, offset, &end, e);
		if (r < 0)
			return r;
	}
	if (end < w->plan.size_bytes && ftruncate(fd, (off_t)w->plan.size_bytes) < 0)
		return entry_failure(w, e, "set the size of");
	return 0;
}

/* Order matters: chown(2) drops set-id bits and capabilities, and writing drops them too. */
static int describe_file(const struct writer *w, int fd, struct archive_entry *from, struct err *e)
{
	struct timespec times[2] = { w->plan.mtime, w->plan.mtime };
	int r;

	if (needs_owner(w) && fchown(fd, w->plan.uid, w->plan.gid) < 0 && !(w->to->lenient && errno == EPERM))
		return entry_failure(w, e, "change the owner of");
	if (layer_xattr_any(from)) {
		r = layer_xattr_set_all(from, fd, w->to->lenient, w->plan.shown, e);
		if (r < 0)
			return r;
	}
	if ((w->plan.mode & 07000) && fchmod(fd, w->plan.mode & 07777) < 0)
		return entry_failure(w, e, "set the mode of");
	if (futimens(fd, times) < 0)
		return entry_failure(w, e, "set the time of");
	return 0;
}

static int apply_file(struct writer *w, int parent_fd, struct archive_entry *from, struct err *e)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	cleanup_fd int fd = -1;
	int r;

	if (archive_entry_sparse_count(from) == 0 && w->plan.size_bytes > w->to->max_bytes - w->stats.bytes)
		return out_of_bytes(w, e);
	fd = openat(parent_fd, w->plan.name, flags, w->plan.mode & 0777);
	if (fd < 0 && errno == EEXIST) {
		r = make_way(w, parent_fd, e);
		if (r < 0)
			return r;
		fd = openat(parent_fd, w->plan.name, flags, w->plan.mode & 0777);
	}
	if (fd < 0)
		return entry_failure(w, e, "make");
	if (w->summer)
		file_summer_begin(w->summer);
	r = write_contents(w, fd, e);
	if (r == 0)
		r = describe_file(w, fd, from, e);
	return r < 0 ? r : note_content(w, layer_xattr_any(from), e);
}

/* --- the archive --- */

static int apply(struct writer *w, struct archive_entry *from, struct err *e)
{
	int parent_fd = w->dirs.root_fd;
	int r;

	if (w->plan.action == LAYER_SKIP)
		return 0;
	if (w->plan.action == LAYER_HARDLINK)
		return apply_hardlink(w, e);
	if (w->plan.action == LAYER_ROOT)
		return describe_dir(w, parent_fd, from, e);
	r = layer_dirs_parent(&w->dirs, w->plan.parent, true, w->plan.shown, &parent_fd, e);
	if (r < 0)
		return r;
	switch (w->plan.action) {
	case LAYER_DIR:
		return apply_dir(w, parent_fd, from, e);
	case LAYER_FILE:
		return apply_file(w, parent_fd, from, e);
	case LAYER_SYMLINK:
		return apply_symlink(w, parent_fd, e);
	case LAYER_NODE:
		return apply_node(w, parent_fd, e);
	case LAYER_WHITEOUT:
		return apply_whiteout(w, parent_fd, e);
	default:
		return apply_opaque(w, parent_fd, e);
	}
}

static int write_entry(struct writer *w, struct archive_entry *from, struct err *e)
{
	int r;

	if (w->stats.entries >= w->to->max_entries)
		return err_set(e, -EFBIG, "the layer has more than %llu entries",
			       (unsigned long long)w->to->max_entries);
	w->stats.entries++;
	r = layer_entry_plan(from, &w->plan, e);
	return r < 0 ? r : apply(w, from, e);
}

static la_ssize_t read_source(struct archive *a, void *arg, const void **ret_block)
{
	struct writer *w = arg;
	ssize_t n = w->from->next(w->from->arg, ret_block, &w->source_err);

	if (n < 0)
		archive_set_error(a, EIO, "%s", w->source_err.text);
	return n;
}

/* No filters: compression is not libarchive's business here. An empty blob is an empty layer. */
static int open_archive(struct writer *w, struct err *e)
{
	w->archive = archive_read_new();
	if (!w->archive || archive_read_support_format_tar(w->archive) != ARCHIVE_OK ||
	    archive_read_support_format_empty(w->archive) != ARCHIVE_OK)
		return err_set(e, -ENOMEM, "cannot read the layer's tar: out of memory");
	if (archive_read_open(w->archive, w, NULL, read_source, NULL) != ARCHIVE_OK)
		return archive_failure(w, e);
	return 0;
}

static int write_entries(struct writer *w, struct err *e)
{
	struct archive_entry *entry;
	int r = open_archive(w, e);

	while (r == 0) {
		int got = archive_read_next_header(w->archive, &entry);

		if (got == ARCHIVE_EOF)
			return 0;
		/* A warning is about names that are not in the locale's charset: ours takes all bytes as they are. */
		r = got == ARCHIVE_OK || got == ARCHIVE_WARN ? write_entry(w, entry, e)
							     : archive_failure(w, e);
	}
	return r;
}

/* What stands behind the archive's end belongs to the diff ID. */
static int drain(const struct layer_source *from, struct err *e)
{
	const void *block;
	ssize_t n;

	do
		n = from->next(from->arg, &block, e);
	while (n > 0);
	return n < 0 ? (int)n : 0;
}

static int write_all_of_it(struct writer *w, struct layer_stats *ret, struct err *e)
{
	int r = layer_dirs_init(&w->dirs, w->to->root_fd, w->to->lenient, e);

	if (r == 0)
		r = write_entries(w, e);
	if (r == 0)
		r = drain(w->from, e);
	if (r == 0)
		r = layer_dirs_finish(&w->dirs, w->to->implied_fd, &w->stats.has_implied_dirs, e);
	if (r == 0 && w->contents.len > 0)
		r = flush_contents(w, e);
	if (r == 0)
		*ret = w->stats;
	if (w->archive)
		(void)archive_read_free(w->archive); /* a reader has nothing to lose */
	layer_dirs_done(&w->dirs);
	return r;
}

/* New files have our ids, unless the directory is set-group-ID or the mount says otherwise; then all are set by hand. */
static int learn_owner(struct writer *w, struct err *e)
{
	struct stat st;

	if (fstat(w->to->root_fd, &st) < 0)
		return err_errno(e, "cannot look at the layer's root");
	w->uid = geteuid();
	w->gid = getegid();
	if (st.st_gid != w->gid || (st.st_mode & S_ISGID))
		w->gid = (gid_t)-1;
	return 0;
}

int layer_write(const struct layer_source *from, const struct layer_target *to, struct layer_stats *ret,
		struct err *e)
{
	/* In the C locale libarchive cannot convert what PAX headers have in UTF-8, and gives the bytes as they are; in a
	 * UTF-8 one it would compose decomposed names. */
	locale_t bytes = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	struct writer *w = calloc(1, sizeof(*w));
	locale_t old_locale;
	mode_t old_mask;
	int r;

	if (!w || bytes == (locale_t)0) {
		free(w);
		return err_set(e, -ENOMEM, "cannot unpack a layer: out of memory");
	}
	w->from = from;
	w->to = to;
	w->dirs.parent_fd = -1;
	w->contents = BUF_INIT(CONTENTS_BYTES + LAYER_CONTENT_RECORD_MAX);
	old_locale = uselocale(bytes);
	old_mask = umask(0);
	r = learn_owner(w, e);
	if (r == 0 && to->contents_fd >= 0) {
		w->summer = file_summer_new();
		r = w->summer ? 0 : err_set(e, -ENOMEM, "cannot unpack a layer: out of memory");
	}
	if (r == 0)
		r = write_all_of_it(w, ret, e);
	file_summer_free(w->summer);
	buf_done(&w->contents);
	(void)umask(old_mask);
	(void)uselocale(old_locale);
	freelocale(bytes);
	free(w);
	return r;
}

void layer_write_prepare(void)
{
	iconv_t cd = iconv_open("ANSI_X3.4-1968", "UTF-8");

	if (cd != (iconv_t)-1) /* NOLINT(performance-no-int-to-ptr): iconv(3) defines it so */
		(void)iconv_close(cd);
}
