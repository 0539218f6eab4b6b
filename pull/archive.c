/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"

#define BLOCK (256u << 10)

struct member {
	char *name; /* without "./" and doubled slashes */
	char *link; /* NULL: none */
	uint64_t size_bytes;
	bool is_file;
};

struct archive_file {
	int fd;
	struct member *members;
	size_t len, cap;
};

/* libarchive's view of the file: our own offset, because workers share the file's. */
struct reader {
	struct archive *archive;
	int fd;
	off_t at;
	char *block;
};

static la_ssize_t on_read(struct archive *a, void *arg, const void **ret)
{
	struct reader *rd = arg;
	ssize_t n;

	do
		n = pread(rd->fd, rd->block, BLOCK, rd->at);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(a, errno, "cannot read");
		return ARCHIVE_FATAL;
	}
	rd->at += n;
	*ret = rd->block;
	return n;
}

static la_int64_t on_skip(struct archive *a, void *arg, la_int64_t len)
{
	struct reader *rd = arg;

	(void)a; /* cannot fail: an end that is missing shows at the next read */
	if (len < 0 || len > INT64_MAX - rd->at)
		return 0;
	rd->at += len;
	return len;
}

static int archive_error(struct archive *a, struct err *e)
{
	const char *text = archive_error_string(a);

	return err_set(e, -EINVAL, "%s", text ? text : "damaged archive");
}

static void reader_done(struct reader *rd)
{
	(void)archive_read_free(rd->archive); /* reading: nothing can be lost */
	free(rd->block);
}
#define cleanup_reader __attribute__((cleanup(reader_done)))

static int reader_open(int fd, bool raw, struct reader *rd, struct err *e)
{
	struct archive *a = archive_read_new();
	int r;

	*rd = (struct reader){ .archive = a, .fd = fd, .block = malloc(BLOCK) };
	if (!a || !rd->block)
		return err_code(e, -ENOMEM, "cannot read an archive");
	if (raw)
		r = archive_read_support_filter_gzip(a) | archive_read_support_filter_zstd(a) |
		    archive_read_support_filter_xz(a) | archive_read_support_filter_bzip2(a) |
		    archive_read_support_format_raw(a);
	else
		r = archive_read_support_format_tar(a);
	if (r != ARCHIVE_OK)
		return archive_error(a, e);
	r = archive_read_open2(a, rd, NULL, on_read, on_skip, NULL);
	return r == ARCHIVE_OK ? 0 : archive_error(a, e);
}

/* 1: an entry; 0: the end. Warnings (a name in an odd character set) are none of ours. */
static int next_entry(struct reader *rd, struct archive_entry **ret, struct err *e)
{
	int r = archive_read_next_header(rd->archive, ret);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return archive_error(rd->archive, e);
	return 1;
}

static int copy_entry(struct reader *rd, const struct sink *sink, struct err *e)
{
	int r = sink->begin(sink->arg, e);
	uint64_t at = 0;

	while (r == 0) {
		const void *data;
		la_int64_t offset;
		size_t len;

		r = archive_read_data_block(rd->archive, &data, &len, &offset);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK)
			return archive_error(rd->archive, e);
		if ((uint64_t)offset !=
		    at) /* nobody packs images so, and a hole of exabytes costs a header */
			return err_set(e, -EINVAL, "damaged archive: a member has holes");
		r = sink->write(sink->arg, data, len, e);
		at = (uint64_t)offset + len;
	}
	return r;
}

bool archive_is_compressed(int fd)
{
	static const struct {
		unsigned char bytes[6];
		size_t len;
	} MAGIC[] = {
		{ { 0x1f, 0x8b }, 2 },
		{ { 0x28, 0xb5, 0x2f, 0xfd }, 4 },
		{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6 },
		{ { 'B', 'Z', 'h' }, 3 },
	};
	unsigned char start[6] = { 0 };

	if (pread(fd, start, sizeof(start), 0) < (ssize_t)sizeof(start))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(MAGIC); i++)
		if (memcmp(start, MAGIC[i].bytes, MAGIC[i].len) == 0)
			return true;
	return false;
}

struct expansion {
	int fd;
	uint64_t written;
};

static int expand_begin(void *arg, struct err *e)
{
	(void)arg;
	(void)e; /* the file is empty already */
	return 0;
}

static int expand_write(void *arg, const void *data, size_t len, struct err *e)
{
	struct expansion *x = arg;
	int r;

	if (len > ARCHIVE_EXPANDED_MAX - x->written)
		return err_set(e, -EFBIG, "it expands to more than %llu bytes",
			       (unsigned long long)ARCHIVE_EXPANDED_MAX);
	x->written += len;
	r = write_all(x->fd, data, len);
	return r < 0 ? err_code(e, r, "cannot write") : 0;
}

int archive_expand(int fd, int out_fd, struct err *e)
{
	cleanup_reader struct reader rd = { 0 };
	struct expansion x = { .fd = out_fd };
	struct sink sink = { .begin = expand_begin, .write = expand_write, .arg = &x };
	struct archive_entry *entry;
	int r = reader_open(fd, true, &rd, e);

	if (r < 0)
		return r;
	r = next_entry(&rd, &entry, e);
	if (r == 0)
		return err_set(e, -EINVAL, "the archive is empty");
	return r < 0 ? r : copy_entry(&rd, &sink, e);
}

/* One component more; ".." takes the last one away, and nothing where there is none. False: too long. */
static bool add_component(const char *text, size_t len, char *out, size_t *used)
{
	if (len == 0 || (len == 1 && text[0] == '.'))
		return true;
	if (len == 2 && text[0] == '.' && text[1] == '.') {
		while (*used > 0 && out[--*used] != '/')
			;
		return true;
	}
	if (*used + len + 2 > ARCHIVE_NAME_MAX)
		return false;
	if (*used > 0)
		out[(*used)++] = '/';
	memcpy(out + *used, text, len);
	*used += len;
	return true;
}

/* "./a//b/../c" -> "a/c"; ".." at the top stays there. False: too long. `out` holds ARCHIVE_NAME_MAX bytes. */
static bool clean_name(const char *base_dir, size_t base_len, const char *name, char *out)
{
	char text[2 * ARCHIVE_NAME_MAX];
	size_t used = 0;
	int n = snprintf(text, sizeof(text), "%.*s/%s", (int)base_len, base_dir, name);

	if (n < 0 || (size_t)n >= sizeof(text))
		return false;
	for (const char *p = text; *p;) {
		size_t len;

		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (!add_component(p, len, out, &used))
			return false;
		p += len;
	}
	out[used] = 0;
	return true;
}

static int grow(struct archive_file *a, struct err *e)
{
	size_t cap = a->cap ? 2 * a->cap : 64;
	struct member *more;

	if (a->len == ARCHIVE_MEMBERS_MAX)
		return err_set(e, -EFBIG, "the archive has more than %d members", ARCHIVE_MEMBERS_MAX);
	if (a->len < a->cap)
		return 0;
	more = reallocarray(a->members, cap, sizeof(*more));
	if (!more)
		return err_code(e, -ENOMEM, "cannot list an archive");
	a->members = more;
	a->cap = cap;
	return 0;
}

/* What a link means, inside the archive: a symlink's target counts from its own directory, a hard link's from the top. False: no
 * link, or one that is too long to mean anything. */
static bool read_link(const char *name, struct archive_entry *entry, char *out)
{
	const char *hard = archive_entry_hardlink(entry), *soft = archive_entry_symlink(entry);
	const char *slash = strrchr(name, '/');

	if (hard)
		return clean_name("", 0, hard, out);
	return soft && clean_name(name, slash ? (size_t)(slash - name) : 0, soft, out);
}

static int add_member(struct archive_file *a, const char *name, struct archive_entry *entry, struct err *e)
{
	char link[ARCHIVE_NAME_MAX];
	bool is_link = read_link(name, entry, link);
	struct member *m;
	int r = grow(a, e);

	if (r < 0)
		return r;
	m = &a->members[a->len++];
	*m = (struct member){
		.name = strdup(name),
		.link = is_link ? strdup(link) : NULL,
		.size_bytes = (uint64_t)archive_entry_size(entry),
		.is_file = !archive_entry_hardlink(entry) && archive_entry_filetype(entry) == AE_IFREG,
	};
	if (!m->name || (is_link && !m->link))
		return err_code(e, -ENOMEM, "cannot list an archive");
	return 0;
}

/* Members are passed over unread: one that the file does not have the whole of shows here. */
static int check_end(const struct archive_file *a, const struct reader *rd, struct err *e)
{
	struct stat st;

	if (fstat(rd->fd, &st) < 0)
		return err_errno(e, "cannot look at an archive");
	if (rd->at <= st.st_size)
		return 0;
	return err_set(e, -EINVAL, "the archive is cut short, in the middle of '%.100s'",
		       a->len > 0 ? a->members[a->len - 1].name : "");
}

static int read_members(struct archive_file *a, struct err *e)
{
	cleanup_reader struct reader rd = { 0 };
	char name[ARCHIVE_NAME_MAX];
	struct archive_entry *entry;
	int r = reader_open(a->fd, false, &rd, e);

	while (r == 0) {
		r = next_entry(&rd, &entry, e);
		if (r == 0)
			return check_end(a, &rd, e);
		if (r < 0)
			return r;
		r = 0;
		if (archive_entry_pathname(entry) && clean_name("", 0, archive_entry_pathname(entry), name))
			r = add_member(a, name, entry, e);
	}
	return r;
}

int archive_file_open(int fd, struct archive_file **ret, struct err *e)
{
	cleanup_archive_file struct archive_file *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return err_code(e, -ENOMEM, "cannot read an archive");
	a->fd = fd;
	r = read_members(a, e);
	if (r == 0)
		*ret = ptr_take(a);
	return r;
}

void archive_file_free(struct archive_file *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->len; i++) {
		free(a->members[i].name);
		free(a->members[i].link);
	}
	free(a->members);
	free(a);
}

void archive_file_free_fn(struct archive_file **a)
{
	archive_file_free(*a);
}

/* The last of a name wins, as it would when the archive is extracted. */
static const struct member *member_of(const struct archive_file *a, const char *name)
{
	for (size_t i = a->len; i > 0; i--)
		if (strcmp(a->members[i - 1].name, name) == 0)
			return &a->members[i - 1];
	return NULL;
}

int archive_file_find(const struct archive_file *a, const char *name, const char **ret_name,
		      uint64_t *ret_size_bytes, struct err *e)
{
	char clean[ARCHIVE_NAME_MAX];
	const struct member *m;

	if (!clean_name("", 0, name, clean))
		return err_set(e, -EINVAL, "a name in the archive is too long");
	m = member_of(a, clean);
	for (int links = 0; m && m->link; links++) {
		if (links == ARCHIVE_LINKS_MAX)
			return err_set(e, -ELOOP, "'%s' in the archive: too many links", clean);
		m = member_of(a, m->link);
	}
	if (!m)
		return err_set(e, -ENOENT, "the archive has no '%s'", clean);
	if (!m->is_file)
		return err_set(e, -EINVAL, "'%s' in the archive is no regular file", clean);
	*ret_name = m->name;
	*ret_size_bytes = m->size_bytes;
	return 0;
}

/* Which of several members of one name it is. */
static size_t position_of(const struct archive_file *a, const char *found_name)
{
	size_t i = 0;

	while (i < a->len && a->members[i].name != found_name)
		i++;
	return i;
}

int archive_file_read(const struct archive_file *a, const char *found_name, const struct sink *sink,
		      struct err *e)
{
	cleanup_reader struct reader rd = { 0 };
	size_t left = position_of(a, found_name);
	char name[ARCHIVE_NAME_MAX];
	struct archive_entry *entry;
	int r = reader_open(a->fd, false, &rd, e);

	while (r == 0) {
		r = next_entry(&rd, &entry, e);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		r = 0;
		if (!archive_entry_pathname(entry) || !clean_name("", 0, archive_entry_pathname(entry), name))
			continue; /* read_members has not counted it either */
		if (left-- == 0)
			return copy_entry(&rd, sink, e);
	}
	return r < 0 ? r : err_set(e, -ENOENT, "the archive has changed: '%s' is gone", found_name);
}
