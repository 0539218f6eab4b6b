/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/event_reader.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/event_log.h"
#include "common/file.h"
#include "common/parse.h"

#define PIECE    65536             /* bytes read at once */
#define REST_MAX ((size_t)4 << 20) /* bytes without a newline: no record is that large */

void event_record_done(struct event_record *r)
{
	free(r->type);
	free(r->action);
	free(r->id);
	strvec_done(&r->attributes);
	*r = (struct event_record){ 0 };
}

/* --- a record --- */

struct decoding {
	struct event_record *record;
	bool failed;
};

static bool is_text(const char *text, size_t len, const char *wanted)
{
	return len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

static int take_attribute(const struct json_line_member *m, struct event_record *r)
{
	cleanup_free char *text = NULL;

	if (!is_text(m->under, m->under_len, "attributes"))
		return 0;
	if (asprintf(&text, "%.*s=%.*s", (int)m->key_len, m->key, (int)m->value_len, m->value) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return strvec_set_env(&r->attributes,
			      text); /* a label may have the name of what is ours, which comes later */
}

static int take_time(const struct json_line_member *m, int64_t *ret)
{
	char text[32];

	if (m->value_len >= sizeof(text))
		return -EINVAL;
	memcpy(text, m->value, m->value_len);
	text[m->value_len] = '\0';
	return parse_i64(text, 0, INT64_MAX, ret);
}

static int take_string(const struct json_line_member *m, struct event_record *r)
{
	const struct {
		const char *key;
		char **member;
	} STRINGS[] = { { "type", &r->type }, { "action", &r->action }, { "id", &r->id } };

	for (size_t i = 0; i < ARRAY_LEN(STRINGS); i++) {
		if (!is_text(m->key, m->key_len, STRINGS[i].key))
			continue;
		free(*STRINGS[i].member);
		*STRINGS[i].member = strndup(m->value, m->value_len);
		return *STRINGS[i].member ? 0 : -ENOMEM;
	}
	return 0;
}

static void take(const struct json_line_member *m, void *arg)
{
	struct decoding *d = arg;
	int r;

	if (m->under)
		r = take_attribute(m, d->record);
	else if (is_text(m->key, m->key_len, "time"))
		r = take_time(m, &d->record->time_ns);
	else
		r = take_string(m, d->record);
	d->failed = d->failed || r < 0;
}

/* Go sorts the keys, not what is behind them. */
static int compare_keys(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	size_t x_len = strcspn(x, "="), y_len = strcspn(y, "=");
	int r = memcmp(x, y, x_len < y_len ? x_len : y_len);

	return r ? r : (x_len > y_len) - (x_len < y_len);
}

int event_record_decode(struct json_line *parser, const char *line, size_t len, struct event_record *ret)
{
	cleanup_event_record struct event_record record = { 0 };
	struct decoding d = { .record = &record };
	int r = json_line_parse(parser, line, len, take, &d);

	if (r < 0 || d.failed || !record.type || !record.action || !record.id || record.time_ns == 0)
		return -EINVAL;
	if (record.attributes.len > 1)
		qsort(record.attributes.items, record.attributes.len, sizeof(char *), compare_keys);
	*ret = record;
	record = (struct event_record){ 0 };
	return 0;
}

/* --- the files --- */

static void file_close(struct event_file *f)
{
	if (f->fd >= 0)
		(void)close(f->fd); /* it was only read */
	f->fd = -1;
	buf_done(&f->rest);
	f->rest.max = REST_MAX;
}

static void file_open(const struct event_reader *r, const char *name, struct event_file *ret)
{
	file_close(ret);
	ret->fd = openat(r->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

void event_reader_done(struct event_reader *r)
{
	file_close(&r->old);
	file_close(&r->current);
	if (r->inotify_fd >= 0)
		(void)close(r->inotify_fd); /* only waited on */
	if (r->dir_fd >= 0)
		(void)close(r->dir_fd);
	json_line_free(r->parser);
	*r = EVENT_READER_EMPTY;
}

int event_reader_open(const char *state_dir, struct event_reader *ret, struct err *e)
{
	cleanup_event_reader struct event_reader r = EVENT_READER_EMPTY;
	char path[PATH_MAX];
	int rc;

	if (snprintf(path, sizeof(path), "%s/" EVENT_LOG_DIR, state_dir) >= (int)sizeof(path))
		return err_set(e, -ENAMETOOLONG, "the state directory's name is too long");
	rc = dir_make_open(AT_FDCWD, path, 0700, &r.dir_fd, e);
	if (rc < 0)
		return rc;
	r.parser = json_line_new(2 * (size_t)EVENT_RECORD_BYTES);
	if (!r.parser)
		return err_code(e, -ENOMEM, "cannot read events");
	r.inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (r.inotify_fd < 0 ||
	    inotify_add_watch(r.inotify_fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return err_errno(e, "cannot watch '%s'", path);
	file_open(&r, EVENT_LOG_OLD, &r.old);
	file_open(&r, EVENT_LOG_FILE, &r.current);
	*ret = r;
	r = EVENT_READER_EMPTY;
	return 0;
}

struct visitor {
	int (*visit)(const struct event_record *record, void *arg, struct err *e);
	void *arg;
};

static int visit_line(const struct event_reader *r, const char *line, size_t len, const struct visitor *v,
		      struct err *e)
{
	cleanup_event_record struct event_record record = { 0 };

	if (len == 0 || event_record_decode(r->parser, line, len, &record) < 0)
		return 0; /* what a full disk has cut off */
	return v->visit(&record, v->arg, e);
}

/* All whole lines; what is behind the last one stays for the next time. */
static int visit_lines(const struct event_reader *r, struct event_file *f, const struct visitor *v,
		       struct err *e)
{
	const char *line = f->rest.data, *end = f->rest.data + f->rest.len, *newline;
	size_t left;
	int rc = 0;

	while (rc == 0 && line < end && (newline = memchr(line, '\n', (size_t)(end - line)))) {
		rc = visit_line(r, line, (size_t)(newline - line), v, e);
		line = newline + 1;
	}
	left = (size_t)(end - line);
	memmove(f->rest.data, line, left + 1); /* and its NUL */
	f->rest.len = left;
	return rc;
}

/* From where it was left to its end, not beyond the offset `until`. */
static int read_file(const struct event_reader *r, struct event_file *f, off_t until, const struct visitor *v,
		     struct err *e)
{
	off_t at = f->fd >= 0 ? lseek(f->fd, 0, SEEK_CUR) : until;
	char piece[PIECE];
	ssize_t n = 0;
	int rc = 0;

	while (rc == 0 && at < until) {
		n = read(f->fd, piece, until - at < PIECE ? (size_t)(until - at) : PIECE);
		if (n <= 0)
			break;
		at += n;
		if (buf_add(&f->rest, piece, (size_t)n) < 0)
			buf_clear(&f->rest); /* nobody writes such lines */
		else
			rc = visit_lines(r, f, v, e);
	}
	return rc == 0 && n < 0 ? err_errno(e, "cannot read events") : rc;
}

static int read_rest(const struct event_reader *r, struct event_file *f, const struct visitor *v,
		     struct err *e)
{
	return read_file(r, f, INT64_MAX, v, e);
}

/* Whoever has the old file open still writes to it, and what he writes next is in the current one. What that has by now is his only after what the
 * old one has when it is read. */
static int read_both(struct event_reader *r, const struct visitor *v, struct err *e)
{
	struct stat st;
	off_t until = r->current.fd >= 0 && fstat(r->current.fd, &st) == 0 ? st.st_size : 0;
	int rc = read_rest(r, &r->old, v, e);

	return rc == 0 ? read_file(r, &r->current, until, v, e) : rc;
}

static bool is_file(const struct event_reader *r, const char *name, const struct event_file *f)
{
	struct stat there, ours;

	return f->fd >= 0 && fstatat(r->dir_fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(f->fd, &ours) == 0 && there.st_ino == ours.st_ino && there.st_dev == ours.st_dev;
}

/* The old one and the current one, at the same moment. What is open as the old one is read to its end before it is closed. */
static int open_both(struct event_reader *r, const struct visitor *v, struct err *e)
{
	int rc = 0;

	do {
		if (!is_file(r, EVENT_LOG_OLD, &r->old)) {
			rc = read_rest(r, &r->old, v, e);
			file_open(r, EVENT_LOG_OLD, &r->old);
		}
		file_open(r, EVENT_LOG_FILE, &r->current);
	} while (rc == 0 && r->old.fd >= 0 && !is_file(r, EVENT_LOG_OLD, &r->old));
	return rc;
}

/* The current one has become the old one; where that has happened twice since the last look, or once to a file that was not there at the last look, the one
 * between them is read too. */
static int follow_rotation(struct event_reader *r, const struct visitor *v, struct err *e)
{
	int rc = read_both(r, v, e);

	if (rc != 0)
		return rc;
	if (r->current.fd >= 0) {
		file_close(&r->old);
		r->old = r->current;
		r->current = (struct event_file){ .fd = -1 };
	}
	rc = open_both(r, v, e);
	return rc == 0 ? read_both(r, v, e) : rc;
}

int event_reader_read(struct event_reader *r,
		      int (*visit)(const struct event_record *record, void *arg, struct err *e), void *arg,
		      struct err *e)
{
	const struct visitor v = { .visit = visit, .arg = arg };
	int rc = read_both(r, &v, e);

	if (rc == 0 && !is_file(r, EVENT_LOG_FILE, &r->current))
		rc = follow_rotation(r, &v, e);
	return rc;
}

int event_reader_wait(const struct event_reader *r, int timeout_ms, struct err *e)
{
	struct pollfd watched = { .fd = r->inotify_fd, .events = POLLIN };
	char events[4096];

	if (poll(&watched, 1, timeout_ms) < 0 && errno != EINTR)
		return err_errno(e, "cannot wait for events");
	/* What they say does not matter: the files are looked at. */
	while (read(r->inotify_fd, events, sizeof(events)) > 0)
		;
	return 0;
}
