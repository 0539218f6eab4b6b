/* SPDX-License-Identifier: Apache-2.0 */
/* What is hashed, numbers in little-endian order, texts with their length in 4 bytes in front:
 *
 *	"sampan context digest 1\n"
 *	for each source:    's'
 *	  for each match:   'm', its name ("" if it is a directory whose contents are copied: that name is not used), then its entries
 *	    an entry:       a letter for its type, path below the match, mode 4, uid 4, gid 4 (0 and 0 if owners do not count), number of extended
 *	                    attributes 4, and each one's name and value
 *	      'f' file      size 8, SHA-256 of its bytes
 *	      'l' symlink   its text
 *	      'b', 'c' devices  major 4, minor 4
 *	      'd' directory, 'p' pipe   nothing more
 *	at the end:         'e', number of entries 8
 *
 * Each record begins with a letter and has a length that its beginning tells, so that no two selections have the same stream. */
#include "build/context.h"

#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "build/xattrs.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "pull/hash_apart.h"

#define VERSION      "sampan context digest 1\n"
#define READ_BYTES   131072
#define NS_PER_S     INT64_C(1000000000)
#define HASHED_IN_NS 2           /* bytes, about */
#define RECORD_MAX   (64u << 20) /* of an entry: its extended attributes are the most */

struct digesting {
	const struct context *context;
	const struct context_digest_options *o;
	struct hash hash;
	struct buf record;
	char *data; /* READ_BYTES */
	uint64_t entries;
};

static void digesting_done(struct digesting *d)
{
	hash_done(&d->hash);
	buf_done(&d->record);
	free(d->data);
}
#define cleanup_digesting __attribute__((cleanup(digesting_done)))

/* --- records --- */

static int put_u32(struct buf *b, uint32_t value)
{
	uint32_t le = htole32(value);

	return buf_add(b, &le, sizeof(le));
}

static int put_u64(struct buf *b, uint64_t value)
{
	uint64_t le = htole64(value);

	return buf_add(b, &le, sizeof(le));
}

static int put_bytes(struct buf *b, const void *data, size_t len)
{
	int r = put_u32(b, (uint32_t)len);

	return r < 0 ? r : buf_add(b, data, len);
}

static int put_text(struct buf *b, const char *text)
{
	return put_bytes(b, text, strlen(text));
}

static int put_xattrs(struct buf *b, const struct xattrs *x)
{
	int r = put_u32(b, (uint32_t)x->len);

	for (size_t i = 0; i < x->len && r == 0; i++) {
		r = put_text(b, x->items[i].name);
		if (r == 0)
			r = put_bytes(b, x->items[i].value, x->items[i].len);
	}
	return r;
}

static int flush(struct digesting *d, struct err *e)
{
	int r = hash_update(&d->hash, d->record.data, d->record.len, e);

	buf_clear(&d->record);
	return r;
}

/* --- files --- */

static int changed(struct err *e)
{
	return err_set(e, -EBUSY, "it changed while it was read");
}

static bool unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int hex_value(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void put_binary(const struct digest *d, unsigned char ret[STAT_CACHE_SHA256_LEN])
{
	const char *hex = digest_hex(d);

	for (size_t i = 0; i < STAT_CACHE_SHA256_LEN; i++)
		ret[i] = (unsigned char)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
}

static bool is_cancelled(const struct digesting *d)
{
	struct pollfd p = { .fd = d->o->cancel_fd ? *d->o->cancel_fd : -1, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* No more than `size`: a file that grows without end is one that changed. */
static int hash_fd(struct digesting *d, int fd, uint64_t size, unsigned char ret[STAT_CACHE_SHA256_LEN],
		   struct err *e)
{
	cleanup_hash_apart struct hash_apart h = { 0 };
	struct digest digest;
	uint64_t at = 0;
	int r = hash_apart_init(&h, "sha256", e);

	while (r == 0 && at < size) {
		size_t len = READ_BYTES;
		char *room = hash_apart_room(&h, &len), *to = room ? room : d->data;
		ssize_t n = pread(fd, to, len, (off_t)at);

		if (is_cancelled(d))
			return err_set(e, -EINTR, "interrupted");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read");
		if (n == 0)
			break; /* it has become shorter: its size tells */
		r = hash_apart_update(&h, to, (size_t)n, e);
		at += (uint64_t)n;
	}
	if (r == 0)
		r = hash_apart_final(&h, &digest, e);
	if (r == 0)
		put_binary(&digest, ret);
	return r;
}

/* The bytes of the file that `entry` was a moment ago. */
static int read_bytes(struct digesting *d, const struct context_entry *entry,
		      unsigned char ret[STAT_CACHE_SHA256_LEN], struct err *e)
{
	cleanup_fd int fd = openat(entry->parent_fd, entry->name,
				   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat before, after;
	int r;

	if (fd < 0 && errno != ELOOP && errno != ENOENT && errno != ENXIO)
		return err_errno(e, "cannot open");
	if (fd < 0 || fstat(fd, &before) < 0 || !unchanged(&before, &entry->st))
		return changed(e);
	r = hash_fd(d, fd, (uint64_t)before.st_size, ret, e);
	if (r < 0)
		return r;
	if (fstat(fd, &after) < 0 || !unchanged(&before, &after))
		return changed(e);
	return 0;
}

/* A file that was changed a moment ago would not be remembered, and hashed once more when it has been copied: where that takes longer we wait for the
 * moment to pass. */
static int await_settled(const struct digesting *d, const struct stat *st, struct timespec *ret_begun,
			 struct err *e)
{
	struct pollfd p = { .fd = d->o->cancel_fd ? *d->o->cancel_fd : -1, .events = POLLIN };
	struct timespec pause = { 0 };
	int64_t ns;

	if (clock_gettime(CLOCK_REALTIME, ret_begun) < 0)
		return err_errno(e, "cannot tell the time");
	ns = d->o->cache ? stat_cache_settles_in_ns(st, ret_begun) : 0;
	if (ns == 0 || ns > st->st_size / HASHED_IN_NS)
		return 0;
	pause.tv_sec = (time_t)(ns / NS_PER_S);
	pause.tv_nsec = (long)(ns % NS_PER_S);
	if (ppoll(&p, 1, &pause, NULL) > 0)
		return err_set(e, -EINTR, "interrupted");
	return clock_gettime(CLOCK_REALTIME, ret_begun) < 0 ? err_errno(e, "cannot tell the time") : 0;
}

/* The facts of a file, remembered or not; its attributes are read only where it may have some. */
static int find_facts(struct digesting *d, const struct context_entry *entry, struct stat_cache_facts *facts,
		      struct xattrs *x, struct err *e)
{
	struct timespec begun;
	int r;

	if (d->o->cache && stat_cache_find(d->o->cache, &entry->st, facts))
		return facts->has_xattrs ? xattrs_read(entry->parent_fd, entry->name, x, e) : 0;
	r = await_settled(d, &entry->st, &begun, e);
	if (r == 0)
		r = xattrs_read(entry->parent_fd, entry->name, x, e);
	if (r == 0)
		r = read_bytes(d, entry, facts->sha256, e);
	if (r < 0)
		return r;
	facts->has_xattrs = x->len > 0;
	return d->o->cache ? stat_cache_add(d->o->cache, &entry->st, &begun, facts, e) : 0;
}

/* --- entries --- */

static char type_letter(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 'f';
	case S_IFLNK:
		return 'l';
	case S_IFDIR:
		return 'd';
	case S_IFIFO:
		return 'p';
	case S_IFBLK:
		return 'b';
	default:
		return 'c';
	}
}

static int put_link(struct buf *b, const struct context_entry *entry)
{
	char text[PATH_MAX];
	ssize_t len = readlinkat(entry->parent_fd, entry->name, text, sizeof(text));

	return len < 0 ? -errno : put_bytes(b, text, (size_t)len);
}

static int put_device(struct buf *b, dev_t device)
{
	int r = put_u32(b, major(device));

	return r < 0 ? r : put_u32(b, minor(device));
}

/* A symlink's mode means nothing, and is not the same on all file systems. */
static int put_head(struct digesting *d, const struct context_entry *entry)
{
	const struct stat *st = &entry->st;
	const uint32_t numbers[] = { S_ISLNK(st->st_mode) ? 0777 : st->st_mode & 07777,
				     d->o->owners ? st->st_uid : 0, d->o->owners ? st->st_gid : 0 };
	int r = buf_add_char(&d->record, type_letter(st->st_mode));

	if (r == 0)
		r = put_text(&d->record, entry->path);
	for (size_t i = 0; i < ARRAY_LEN(numbers) && r == 0; i++)
		r = put_u32(&d->record, numbers[i]);
	return r;
}

static int put_tail(struct digesting *d, const struct context_entry *entry,
		    const struct stat_cache_facts *facts, const struct xattrs *x)
{
	mode_t mode = entry->st.st_mode;
	int r = put_xattrs(&d->record, x);

	if (r == 0 && S_ISREG(mode)) {
		r = put_u64(&d->record, (uint64_t)entry->st.st_size);
		if (r == 0)
			r = buf_add(&d->record, facts->sha256, sizeof(facts->sha256));
	} else if (r == 0 && S_ISLNK(mode)) {
		r = put_link(&d->record, entry);
	} else if (r == 0 && (S_ISCHR(mode) || S_ISBLK(mode))) {
		r = put_device(&d->record, entry->st.st_rdev);
	}
	return r;
}

static int digest_entry(struct digesting *d, const struct context_entry *entry, struct err *e)
{
	cleanup_xattrs struct xattrs x = { 0 };
	struct stat_cache_facts facts;
	int r;

	if (S_ISREG(entry->st.st_mode))
		r = find_facts(d, entry, &facts, &x, e);
	else
		r = xattrs_read(entry->fd >= 0 ? entry->fd : entry->parent_fd,
				entry->fd >= 0 ? "" : entry->name, &x, e);
	if (r == -ENOENT)
		return changed(e);
	if (r < 0)
		return r;
	r = put_head(d, entry);
	if (r == 0)
		r = put_tail(d, entry, &facts, &x);
	if (r == -ENOENT || r == -EINVAL)
		return changed(e);
	if (r < 0)
		return err_code(e, r, "cannot be hashed");
	d->entries++;
	return flush(d, e);
}

static int digest_match(struct digesting *d, const struct context_match *match,
			const struct context_selection *s, struct err *e)
{
	const struct context_filter filter = { .include = s->has_include ? &s->include : NULL,
					       .exclude = d->o->exclude,
					       .exclude_matches = s->wildcards };
	cleanup_context_walk struct context_walk *w = NULL;
	struct context_entry entry;
	int more, r = buf_add_char(&d->record, 'm');

	if (r == 0)
		r = put_text(&d->record, match->is_dir ? "" : match->name);
	if (r < 0)
		return err_code(e, r, "cannot hash '/%s'", match->path);
	r = context_walk_new(d->context, match, &filter, &w, e);
	if (r < 0)
		return r;
	while ((more = context_walk_next(w, &entry, e)) > 0) {
		r = digest_entry(d, &entry, e);
		if (r < 0)
			return err_wrap(e, "'/%s%s%s'", match->path, *entry.path ? "/" : "", entry.path);
	}
	return more;
}

static int digest_source(struct digesting *d, const char *source, struct err *e)
{
	cleanup_context_selection struct context_selection s = { 0 };
	int r = context_select(d->context, source, d->o->parents, &s, e);

	if (r < 0)
		return r;
	r = buf_add_char(&d->record, 's');
	if (r < 0)
		return err_code(e, r, "cannot hash '%s'", source);
	for (size_t i = 0; i < s.len && r == 0; i++)
		r = digest_match(d, &s.items[i], &s, e);
	return r;
}

int context_digest(const struct context *c, const char *const *sources, size_t len,
		   const struct context_digest_options *o, struct digest *ret, struct err *e)
{
	cleanup_digesting struct digesting d = {
		.context = c, .o = o, .record = BUF_INIT(RECORD_MAX), .data = malloc(READ_BYTES)
	};
	int r = d.data ? hash_init(&d.hash, "sha256", e) : err_code(e, -ENOMEM, "cannot hash a context");

	if (r == 0)
		r = hash_update(&d.hash, VERSION, strlen(VERSION), e);
	for (size_t i = 0; i < len && r == 0; i++)
		r = digest_source(&d, sources[i], e);
	if (r < 0)
		return r;
	r = buf_add_char(&d.record, 'e');
	if (r == 0)
		r = put_u64(&d.record, d.entries);
	if (r < 0)
		return err_code(e, r, "cannot hash a context");
	r = flush(&d, e);
	return r < 0 ? r : hash_final(&d.hash, ret, e);
}
