/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_writer.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/memory.h"
#include "common/utf8.h"
#include "engine/log_journal.h"

#define PREFIX              "{\"log\":\""
#define LINE_END            "\\n"
#define RECORD_END          "\"}\n"
#define TIME_LEN            (TIMESTAMP_MAX - 1)
#define TEXT_ROOM_MIN       256 /* bytes of text that the smallest file must have room for beside all the rest */
#define NOTE_MAX            256
#define SCAN_BYTES          16384 /* of a file's end that are looked at for its last record, at once */
#define JOURNAL_PATIENCE_MS 1000
#define SHORT_ID_LEN        12

static size_t overhead(const struct log_writer *w, enum log_stream s)
{
	return sizeof(PREFIX) - 1 + sizeof(LINE_END) - 1 + w->suffix_len[s] + TIME_LEN + sizeof(RECORD_END) -
	       1;
}

/* --- json-file: opening ---------------------------------------------------------------------------------- */

/* Where a record's text is followed by: the stream, attributes, and the time's name. */
struct text {
	char *data;
	size_t len, max;
	bool full;
};

static void add(struct text *t, const char *data, size_t len)
{
	if (len > t->max - t->len)
		t->full = true;
	else
		memcpy(t->data + t->len, data, len);
	t->len += t->full ? 0 : len;
}

static void add_str(struct text *t, const char *s)
{
	add(t, s, strlen(s));
}

static void add_quoted(struct text *t, const char *s, size_t len)
{
	size_t taken;

	add_str(t, "\"");
	t->len += json_escape(s, len, t->data + t->len, t->max - t->len, &taken);
	t->full |= taken < len;
	add_str(t, "\"");
}

/* One of "attrs", behind those that are there. */
static void add_attribute(struct text *t, const char *key, size_t key_len, const char *value, bool *first)
{
	add_str(t, *first ? "\"attrs\":{" : ",");
	add_quoted(t, key, key_len);
	add_str(t, ":");
	add_quoted(t, value, strlen(value));
	*first = false;
}

/* Docker sorts them, the tag among them. */
static void add_attributes(struct text *t, const struct log_config *c)
{
	static const char TAG[] = "tag";
	const char *const *pair = c->attributes;
	const char *tag = c->tag;
	bool first = true;

	for (; pair && *pair; pair++) {
		size_t len = strcspn(*pair, "=");
		int order = strncmp(*pair, TAG, len);

		if (tag && (order > 0 || (order == 0 && len >= sizeof(TAG) - 1))) {
			add_attribute(t, TAG, sizeof(TAG) - 1, tag, &first);
			tag = NULL;
		}
		if (!c->tag || order != 0 ||
		    len != sizeof(TAG) - 1) /* the tag wins over a label of that name */
			add_attribute(t, *pair, len, *pair + len + ((*pair)[len] == '='), &first);
	}
	if (tag)
		add_attribute(t, TAG, sizeof(TAG) - 1, tag, &first);
	if (!first)
		add_str(t, "},");
}

static int make_suffix(struct log_writer *w, enum log_stream s, struct err *e)
{
	struct text t = { .data = w->suffix[s], .max = LOG_SUFFIX_MAX };

	add_str(&t, "\",\"stream\":\"");
	add_str(&t, log_stream_name(s));
	add_str(&t, "\",");
	add_attributes(&t, &w->config);
	add_str(&t, "\"time\":\"");
	if (t.full)
		return err_set(e, -EFBIG, "the log's tag and attributes are over %u bytes", LOG_SUFFIX_MAX);
	w->suffix_len[s] = t.len;
	if (overhead(w, s) + TEXT_ROOM_MIN > w->config.max_size)
		return err_set(e, -EFBIG, "the log's tag and attributes are too long for its max-size");
	return 0;
}

static int open_json_file(int dir_fd, struct log_writer *w, struct err *e)
{
	for (unsigned int s = 0; s < LOG_STREAMS; s++) {
		int r = make_suffix(w, (enum log_stream)s, e);

		if (r < 0)
			return r;
	}
	return log_file_open(dir_fd, &w->config, w->out, SCAN_BYTES, &w->file, e);
}

/* --- json-file: writing ---------------------------------------------------------------------------------- */

static void lose(struct log_writer *w, int why, uint64_t records)
{
	w->lost += records;
	w->lost_why = why;
}

static uint64_t count_records(const char *data, size_t len)
{
	uint64_t n = 0;

	for (const char *end = data + len; (data = memchr(data, '\n', (size_t)(end - data))); data++)
		n++;
	return n;
}

static const char *now(struct log_writer *w)
{
	if (w->now[0] == '\0')
		timestamp_now(w->now);
	return w->now;
}

/* Writes a record at `out`, which has room for overhead() and `room` bytes of text. Returns its length. */
static size_t make_record(const struct log_writer *w, enum log_stream s, const char *data, size_t len,
			  bool ends, const char *time, size_t room, char *out, size_t *ret_taken)
{
	char *p = out;

	memcpy(p, PREFIX, sizeof(PREFIX) - 1);
	p += sizeof(PREFIX) - 1;
	p += json_escape(data, len, p, room, ret_taken);
	if (ends && *ret_taken == len) {
		memcpy(p, LINE_END, sizeof(LINE_END) - 1);
		p += sizeof(LINE_END) - 1;
	}
	memcpy(p, w->suffix[s], w->suffix_len[s]);
	p += w->suffix_len[s];
	memcpy(p, time, TIME_LEN);
	p += TIME_LEN;
	memcpy(p, RECORD_END, sizeof(RECORD_END) - 1);
	return (size_t)(p - out) + sizeof(RECORD_END) - 1;
}

static size_t note_text(const struct log_writer *w, char ret[NOTE_MAX])
{
	struct err why;
	int n;

	(void)err_code(&why, w->lost_why, "sampan: %" PRIu64 " record%s of this log %s lost", w->lost,
		       w->lost == 1 ? "" : "s", w->lost == 1 ? "was" : "were");
	n = snprintf(ret, NOTE_MAX, "%s", why.text);
	return n < 0 ? 0 : n < NOTE_MAX ? (size_t)n : NOTE_MAX - 1;
}

static int rotate_before(struct log_writer *w, size_t len)
{
	return w->file.size > 0 && w->file.size + len > w->file.max_size ? log_file_rotate(&w->file) : 0;
}

/* What was lost is said in front of what can be kept again, and both are kept or neither: a disk that is almost full is not filled with notes. */
static int write_with_note(struct log_writer *w, size_t len)
{
	char text[NOTE_MAX], note[NOTE_MAX * 2 + LOG_SUFFIX_MAX];
	size_t taken, kept, text_len = note_text(w, text);
	struct iovec parts[2] = { { note, 0 }, { w->out, len } };
	int r;

	parts[0].iov_len = make_record(w, LOG_STDERR, text, text_len, true, now(w), NOTE_MAX, note, &taken);
	r = rotate_before(w, parts[0].iov_len + len);
	if (r == 0 && parts[0].iov_len + len <= w->file.max_size)
		return log_file_append(&w->file, parts, 2, true, &kept);
	/* One file has not the room for both. */
	if (r == 0)
		r = log_file_append(&w->file, parts, 1, true, &kept);
	if (r == 0)
		w->lost = 0;
	if (r == 0)
		r = rotate_before(w, len);
	return r < 0 ? r : log_file_append(&w->file, parts + 1, 1, true, &kept);
}

/* Writes the first `len` bytes of what was gathered: whole records. */
static void write_out(struct log_writer *w, size_t len)
{
	size_t kept = 0;
	int r;

	if (len == 0)
		return;
	if (w->lost > 0) {
		r = write_with_note(w, len);
		if (r == 0)
			w->lost = 0;
	} else {
		r = log_file_append(&w->file, &(struct iovec){ w->out, len }, 1, false, &kept);
	}
	if (r < 0)
		lose(w, r, count_records(w->out + kept, len - kept));
}

static void write_all_out(struct log_writer *w)
{
	write_out(w, w->out_len);
	w->out_len = 0;
}

/* The record from `start` on has just been added: if the file has no room for it, it begins the next one. */
static void keep_to_max_size(struct log_writer *w, size_t start)
{
	int r;

	if (w->file.size + w->out_len <= w->file.max_size)
		return;
	write_out(w, start);
	w->out_len -= start;
	memmove(w->out, w->out + start, w->out_len);
	r = rotate_before(w, w->out_len);
	if (r < 0) {
		lose(w, r, 1);
		w->out_len = 0;
	}
}

static void put_json(struct log_writer *w, enum log_stream s, const char *data, size_t len, bool ends,
		     const char *time)
{
	size_t taken;

	do {
		size_t start = w->out_len, room = sizeof(w->out) - start, max = w->file.max_size;

		room = (room < max ? room : max) - overhead(w, s);
		w->out_len += make_record(w, s, data, len, ends, time, room, w->out + start, &taken);
		keep_to_max_size(w, start);
		if (w->out_len > LOG_BATCH)
			write_all_out(w);
		data += taken;
		len -= taken;
	} while (len > 0);
}

/* --- journald -------------------------------------------------------------------------------------------- */

static int open_journal(struct log_writer *w, struct err *e)
{
	const struct log_config *c = &w->config;
	struct log_fields f = { .data = w->fields, .max = sizeof(w->fields) };
	char short_id[SHORT_ID_LEN + 1];

	(void)snprintf(short_id, sizeof(short_id), "%s", c->container_id);
	log_fields_add(&f, "CONTAINER_ID", short_id);
	log_fields_add(&f, "CONTAINER_ID_FULL", c->container_id);
	log_fields_add(&f, "CONTAINER_NAME", c->container_name ? c->container_name : "");
	log_fields_add(&f, "CONTAINER_TAG", c->tag ? c->tag : short_id);
	log_fields_add(&f, "IMAGE_NAME", c->image_name ? c->image_name : "");
	log_fields_add(&f, "SYSLOG_IDENTIFIER", c->tag ? c->tag : short_id);
	for (const char *const *pair = c->attributes; pair && *pair; pair++)
		log_fields_add_attribute(&f, *pair);
	if (f.full)
		return err_set(e, -EFBIG, "the log's tag and attributes are over %u bytes", LOG_SUFFIX_MAX);
	w->fields_len = f.len;
	return log_journal_connect(c->journal_socket, &w->journal_fd, e);
}

static int send_entry(struct log_writer *w, int priority, const char *data, size_t len, bool partial)
{
	return log_journal_send(&w->journal_fd, w->config.journal_socket, w->fields, w->fields_len, priority,
				partial, data, len, w->config.non_blocking ? 0 : JOURNAL_PATIENCE_MS);
}

static void put_journal(struct log_writer *w, enum log_stream s, const char *data, size_t len, bool ends)
{
	char note[NOTE_MAX];
	int r = 0;

	if (w->lost > 0)
		r = send_entry(w, LOG_WARNING, note, note_text(w, note), false);
	if (r == 0) {
		w->lost = 0;
		r = send_entry(w, s == LOG_STDERR ? LOG_ERR : LOG_INFO, data, len, !ends);
	}
	if (r < 0)
		lose(w, r, 1);
	else
		w->journal_bytes += len;
}

/* --- lines ----------------------------------------------------------------------------------------------- */

/* A record of the line `l`. */
static void put_record(struct log_writer *w, enum log_stream s, const char *data, size_t len, bool ends)
{
	struct log_line *l = &w->lines[s];

	if (w->config.driver == LOG_JOURNALD) {
		put_journal(w, s, data, len, ends);
	} else if (l->continues) {
		put_json(w, s, data, len, ends, l->time);
	} else {
		if (!ends)
			memcpy(l->time, now(w), sizeof(l->time));
		put_json(w, s, data, len, ends, now(w));
	}
	l->continues = !ends;
}

/* Takes what is left of the line from the data, or as much as makes a record or is held back. Returns the number of bytes. */
static size_t put_some(struct log_writer *w, enum log_stream s, const char *data, size_t len)
{
	struct log_line *l = &w->lines[s];
	size_t room = LOG_LINE_MAX - l->len, span = len < room ? len : room, cut;
	const char *newline = memchr(data, '\n', span);
	size_t n = newline ? (size_t)(newline - data) : span;

	if (l->len == 0 && (newline || n == room)) {
		n -= newline ? 0 : utf8_cut_len(data, n);
		put_record(w, s, data, n, newline != NULL);
		return n + (newline != NULL);
	}
	memcpy(l->text + l->len, data, n);
	l->len += n;
	if (newline) {
		put_record(w, s, l->text, l->len, true);
		l->len = 0;
		return n + 1;
	}
	if (l->len == LOG_LINE_MAX) {
		cut = utf8_cut_len(l->text, l->len);
		put_record(w, s, l->text, l->len - cut, false);
		memmove(l->text, l->text + LOG_LINE_MAX - cut, cut);
		l->len = cut;
	}
	return n;
}

static bool keeps_nothing(const struct log_writer *w)
{
	return w->config.driver == LOG_NONE || w->config.driver == LOG_PASSTHROUGH;
}

void log_writer_add(struct log_writer *w, enum log_stream s, const char *data, size_t len)
{
	if (keeps_nothing(w))
		return;
	w->now[0] = '\0';
	while (len > 0) {
		size_t n = put_some(w, s, data, len);

		data += n;
		len -= n;
	}
}

void log_writer_flush(struct log_writer *w)
{
	write_all_out(w);
}

void log_writer_put(struct log_writer *w, enum log_stream s, const char *data, size_t len)
{
	log_writer_add(w, s, data, len);
	log_writer_flush(w);
}

/* --- the whole ------------------------------------------------------------------------------------------- */

int log_writer_open(int dir_fd, const struct log_config *c, struct log_writer *ret, struct err *e)
{
	ret->config = *c;
	ret->file = (struct log_file){ .dir_fd = -1, .fd = -1 };
	ret->journal_fd = -1;
	ret->journal_bytes = ret->lost = 0;
	ret->out_len = 0;
	for (unsigned int s = 0; s < LOG_STREAMS; s++) {
		ret->lines[s].len = 0;
		ret->lines[s].continues = false;
	}
	if (log_driver_has_files(c->driver))
		return open_json_file(dir_fd, ret, e);
	if (c->driver == LOG_JOURNALD)
		return open_journal(ret, e);
	return 0;
}

void log_writer_trim(struct log_writer *w)
{
	if (w->out_len == 0)
		memory_give_back(w->out, sizeof(w->out));
	for (unsigned int s = 0; s < LOG_STREAMS; s++)
		if (w->lines[s].len == 0)
			memory_give_back(w->lines[s].text, sizeof(w->lines[s].text));
}

void log_writer_close(struct log_writer *w)
{
	if (keeps_nothing(w))
		return;
	w->now[0] = '\0';
	for (unsigned int s = 0; s < LOG_STREAMS; s++) {
		if (w->lines[s].len > 0)
			put_record(w, (enum log_stream)s, w->lines[s].text, w->lines[s].len, false);
		w->lines[s].len = 0;
	}
	write_all_out(w);
	if (w->lost > 0 && log_driver_has_files(w->config.driver) && write_with_note(w, 0) == 0)
		w->lost = 0;
	log_file_close(&w->file);
	if (w->journal_fd >= 0)
		(void)close(w->journal_fd); /* all was sent, or is lost */
	w->journal_fd = -1;
	w->config.driver = LOG_NONE;
}

struct log_file *log_writer_file(struct log_writer *w)
{
	return &w->file;
}

uint64_t log_writer_offset(const struct log_writer *w)
{
	return w->file.total + w->journal_bytes;
}

uint64_t log_writer_lost(const struct log_writer *w)
{
	return w->lost;
}
