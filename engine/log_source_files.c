/* SPDX-License-Identifier: Apache-2.0 */
/* log_source.h for json-file: forwards from some record on, across files that are rotated meanwhile; and backwards, to find that record. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "engine/log_file.h"
#include "engine/log_files.h"
#include "engine/log_source.h"
#include "engine/log_unpack.h"

#define WINDOW_BYTES 65536 /* that are read at once, if no line is longer */
#define WATCHED      (IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR)

struct position {
	size_t file;
	uint64_t offset;
};

struct files {
	int dir_fd;     /* LOG_DIR; -1: there is none (yet) */
	int parent_fd;  /* with `follow` and no dir_fd: where it may come to be */
	int inotify_fd; /* -1: not followed */
	bool follow;
	char name[LOG_FILE_NAME_MAX];
	struct log_files list;
	struct position first[LOG_STREAMS]; /* records of a stream before this one are not wanted */
	struct log_decoder *decoder;
	char *const *unpack; /* borrowed */
	size_t expanded;     /* which compressed file expanded_fd has the contents of */
	int expanded_fd;     /* -1: none */
	struct err error;    /* why a compressed file could not be read; code 0: none */

	/* The window: `have` bytes of the file from `offset` on, of which the first `taken` are done with. */
	size_t file;
	uint64_t offset;
	size_t taken, have;
	bool skips; /* inside of a line that is too long */
	char window[LOG_RECORD_MAX + 1];
};

static void close_if_open(int fd)
{
	if (fd >= 0)
		(void)close(fd); /* only read */
}

static void files_free(void *self)
{
	struct files *f = self;

	log_files_done(&f->list);
	log_decoder_free(f->decoder);
	close_if_open(f->expanded_fd);
	close_if_open(f->dir_fd);
	close_if_open(f->parent_fd);
	close_if_open(f->inotify_fd);
	free(f);
}

static bool is_before(struct position a, struct position b)
{
	return a.file < b.file || (a.file == b.file && a.offset < b.offset);
}

/* What has a file's contents: one that is compressed is expanded when it is come to, and forgotten when the next one is. -errno, with f->error. */
static int contents_of(struct files *f, size_t file)
{
	int r;

	if (f->expanded_fd >= 0 && f->expanded == file)
		return f->expanded_fd;
	close_if_open(f->expanded_fd);
	f->expanded_fd = -1;
	if (!f->list.items[file].packed)
		return f->list.items[file].fd;
	f->expanded = file;
	r = log_unpack(f->unpack, f->list.items[file].fd, &f->expanded_fd, &f->error);
	return r < 0 ? err_wrap(&f->error, "cannot read a compressed file of the log '%s'", f->name)
		     : f->expanded_fd;
}

/* pread(2) of a part, without the signals. */
static ssize_t read_at(struct files *f, size_t file, char *data, size_t len, uint64_t offset)
{
	int fd = contents_of(f, file);
	ssize_t n;

	if (fd < 0)
		return fd;
	do
		n = pread(fd, data, len, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* --- forwards -------------------------------------------------------------------------------------------- */

static void go_to(struct files *f, struct position p)
{
	f->file = p.file;
	f->offset = p.offset;
	f->taken = f->have = 0;
	f->skips = false;
}

/* The line that the window has whole; false: it has none. */
static bool line_in_window(struct files *f, const char **ret, size_t *ret_len, struct position *ret_at)
{
	while (f->taken < f->have) {
		char *line = f->window + f->taken;
		const char *end = memchr(line, '\n', f->have - f->taken);
		bool skips = f->skips;

		if (!end)
			return false;
		*ret_at = (struct position){ f->file, f->offset + f->taken };
		f->taken += (size_t)(end - line) + 1;
		f->skips = false;
		if (skips)
			continue;
		*ret = line;
		*ret_len = (size_t)(end - line);
		return true;
	}
	return false;
}

/* More of the file. The number of bytes, 0 at its end, -errno. */
static ssize_t fill(struct files *f)
{
	ssize_t n;

	memmove(f->window, f->window + f->taken, f->have - f->taken);
	f->offset += f->taken;
	f->have -= f->taken;
	f->taken = 0;
	if (f->have == sizeof(f->window)) {
		f->offset += f->have;
		f->have = 0;
		f->skips = true;
	}
	n = read_at(f, f->file, f->window + f->have,
		    f->have < WINDOW_BYTES ? WINDOW_BYTES : sizeof(f->window) - f->have, f->offset + f->have);
	if (n > 0)
		f->have += (size_t)n;
	return n;
}

/* At the end of the last file. 1: there is one behind it; 0: none; 2: the file may have got more before it was rotated. */
static int look_for_newer(struct files *f, bool *looked, struct err *e)
{
	size_t before = f->list.len;
	int r;

	if (!f->follow || f->dir_fd < 0 ||
	    (before > 0 && !log_file_is_rotated(f->dir_fd, f->name, &f->list.items[before - 1])))
		return 0;
	if (before > 0 && !*looked) {
		*looked = true;
		return 2;
	}
	r = log_files_add_newer(f->dir_fd, f->name, &f->list, e);
	if (r < 0)
		return r;
	return f->list.len > before;
}

/* A container that has just begun may have no log when its reader comes. */
static void open_dir(struct files *f)
{
	char path[sizeof("/proc/self/fd/") + 16];

	f->dir_fd = openat(f->parent_fd, LOG_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (f->dir_fd < 0 || !f->follow)
		return;
	f->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", f->dir_fd);
	/* Where there are too many watches, the reader is woken by its clock alone. */
	if (f->inotify_fd >= 0 && inotify_add_watch(f->inotify_fd, path, WATCHED) < 0) {
		(void)close(f->inotify_fd); /* nothing is in it */
		f->inotify_fd = -1;
	}
}

static int cannot_read(const struct files *f, int code, struct err *e)
{
	if (f->error.code == 0)
		return err_code(e, code, "cannot read the log '%s'", f->name);
	*e = f->error;
	return code;
}

/* 1: a line; 0: nothing now; negative. What is behind the last newline is no line yet: it is read again when there is more. */
static int next_line(struct files *f, const char **ret, size_t *ret_len, struct position *ret_at,
		     struct err *e)
{
	bool looked = false;

	if (f->dir_fd < 0)
		open_dir(f);
	while (!line_in_window(f, ret, ret_len, ret_at)) {
		bool is_open = f->file < f->list.len;
		ssize_t n = is_open ? fill(f) : 0;
		int r;

		if (n < 0)
			return cannot_read(f, (int)n, e);
		if (n > 0)
			continue;
		f->have = f->taken;
		if (is_open && f->file + 1 < f->list.len) {
			/* Or its room would not be free when it is unlinked. */
			log_files_close(&f->list, f->file);
			go_to(f, (struct position){ f->file + 1, 0 });
			looked = false;
			continue;
		}
		r = look_for_newer(f, &looked, e);
		if (r <= 0)
			return r;
	}
	return 1;
}

static int files_next(void *self, struct log_record *ret, struct err *e)
{
	struct files *f = self;
	struct position at = { 0 };
	const char *line = NULL;
	size_t len = 0;
	int r;

	while ((r = next_line(f, &line, &len, &at, e)) > 0)
		if (log_record_decode(f->decoder, line, len, ret) == 0 &&
		    !is_before(at, f->first[ret->stream]))
			break;
	return r;
}

/* --- backwards ------------------------------------------------------------------------------------------- */

static uint64_t size_of(struct files *f, size_t file)
{
	int fd = contents_of(f, file);
	struct stat st;

	return fd < 0 || fstat(fd, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

/* Makes the window end at `p`, with up to `len` bytes. False: they cannot be read. */
static bool load_before(struct files *f, struct position p, size_t len)
{
	if (len > p.offset)
		len = (size_t)p.offset;
	go_to(f, (struct position){ p.file, p.offset - len });
	f->have = len;
	return read_at(f, p.file, f->window, len, f->offset) == (ssize_t)len;
}

/* Where the line begins that ends before `end`, whose last byte is its newline. The window holds it then. False: it is too long, or cannot be read. */
static bool find_begin(struct files *f, struct position end, uint64_t *ret)
{
	size_t len = WINDOW_BYTES;

	for (;;) {
		bool covered =
			f->file == end.file && f->offset < end.offset && end.offset <= f->offset + f->have;
		const char *newline;

		if (!covered && !load_before(f, end, len))
			return false;
		newline = memrchr(f->window, '\n', (size_t)(end.offset - f->offset) - 1);
		*ret = newline ? f->offset + (uint64_t)(newline - f->window) + 1 : f->offset;
		if (newline || f->offset == 0)
			return true;
		/* Not the whole line: again with more in front of it. */
		len = (size_t)(end.offset - f->offset) * 2;
		if (len > 2 * LOG_RECORD_MAX)
			return false;
		if (!load_before(f, end, len < sizeof(f->window) ? len : sizeof(f->window)))
			return false;
	}
}

/* The record before *p, which moves to its begin. False: there is none. */
static bool previous_record(struct files *f, struct position *p, struct log_record *ret)
{
	while (p->file > 0 || p->offset > 0) {
		struct position end = *p;
		bool found;

		if (end.offset == 0) {
			p->file--;
			p->offset = size_of(f, p->file);
			continue;
		}
		found = find_begin(f, end, &p->offset);
		if (found && log_record_decode(f->decoder, f->window + (p->offset - f->offset),
					       (size_t)(end.offset - p->offset) - 1, ret) == 0)
			return true;
		if (!found && p->offset == end.offset)
			p->offset = 0; /* it cannot be read */
	}
	return false;
}

/* The end of the last whole line of the log. */
static struct position end_of(struct files *f)
{
	struct position p = { 0 };
	const char *newline;

	if (f->list.len == 0)
		return p;
	p.file = f->list.len - 1;
	p.offset = size_of(f, p.file);
	if (!load_before(f, p, sizeof(f->window)))
		return p;
	newline = memrchr(f->window, '\n', f->have);
	if (newline)
		p.offset = f->offset + (uint64_t)(newline - f->window) + 1;
	return p;
}

/* Of one stream, while we go back. */
struct begin {
	bool seen, found; /* a wanted line of it; all of that line */
	int64_t time_ns;  /* of the earliest wanted line: all its records have it */
};

/* Whether the record belongs to what is wanted, once the last of the lines has been found. */
static bool continues_line(const struct begin *b, const struct log_record *r)
{
	return b->seen && !b->found && !r->ends_line && r->time_ns == b->time_ns;
}

static bool all_found(const struct begin *begins, int64_t time_ns)
{
	for (unsigned int s = 0; s < LOG_STREAMS; s++)
		if (begins[s].seen && !begins[s].found && time_ns >= begins[s].time_ns)
			return false;
	return true;
}

/* Goes back to where the last `tail` lines begin. A line may have several records, with those of the other stream between them: for each stream
 * there is a first one that is wanted. */
static void find_tail(struct files *f, int64_t tail)
{
	struct begin begins[LOG_STREAMS] = { 0 };
	struct position end = end_of(f), p = end, from = end;
	struct log_record r;
	int64_t lines = 0;

	for (unsigned int s = 0; s < LOG_STREAMS; s++)
		f->first[s] = end;
	while (tail > 0 && previous_record(f, &p, &r)) {
		struct begin *b = &begins[r.stream];
		bool new_line = r.ends_line || !b->seen;

		if (lines == tail && all_found(begins, r.time_ns))
			break;
		if (new_line && lines < tail)
			lines++;
		else if (lines == tail && !continues_line(b, &r)) {
			b->found = true;
			continue;
		}
		b->seen = true;
		b->time_ns = r.time_ns;
		f->first[r.stream] = from = p;
	}
	go_to(f, from);
}

/* --- the whole ------------------------------------------------------------------------------------------- */

static int files_wake_fd(const void *self)
{
	return ((const struct files *)self)->inotify_fd;
}

static void files_take_wake(void *self)
{
	char events[4096];
	const struct files *f = self;

	/* What they say does not matter: the files are looked at. */
	while (read(f->inotify_fd, events, sizeof(events)) > 0)
		;
}

const struct log_source LOG_SOURCE_FILES = { files_next, files_wake_fd, files_take_wake, files_free };

static int open_files(int dir_fd, const struct log_config *c, const struct log_query *q, struct files *f,
		      struct err *e)
{
	int r = log_file_name(c->container_id, f->name, sizeof(f->name));

	if (r < 0)
		return err_code(e, r, "log of container '%s'", c->container_id);
	f->follow = q->follow;
	f->decoder = log_decoder_new();
	if (!f->decoder)
		return err_code(e, -ENOMEM, "cannot read the log");
	f->parent_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->parent_fd < 0)
		return err_errno(e, "cannot open the container's directory");
	open_dir(f);
	if (f->dir_fd < 0)
		return errno == ENOENT ? 0 : err_errno(e, "cannot open the directory of the log");
	r = log_files_open(f->dir_fd, f->name, &f->list, e);
	if (r == 0 && q->tail >= 0)
		find_tail(f, q->tail);
	return r < 0 || f->error.code == 0 ? r : cannot_read(f, f->error.code, e);
}

int log_source_files_open(int dir_fd, const struct log_config *c, const struct log_query *q, void **ret,
			  struct err *e)
{
	struct files *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return err_code(e, -ENOMEM, "cannot read the log");
	f->dir_fd = f->parent_fd = f->inotify_fd = f->expanded_fd = -1;
	f->unpack = q->unpack;
	r = open_files(dir_fd, c, q, f, e);
	if (r < 0)
		files_free(f);
	else
		*ret = f;
	return r;
}
