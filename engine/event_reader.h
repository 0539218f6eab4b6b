/* SPDX-License-Identifier: Apache-2.0 */
/* The events of common/event_log, read back: what is on record, and what follows. */
#ifndef SAMPAN_ENGINE_EVENT_READER_H
#define SAMPAN_ENGINE_EVENT_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/json_line.h"
#include "common/strvec.h"

struct event_record {
	char *type, *action, *id;
	struct strvec attributes; /* "key=value", by key */
	int64_t time_ns;          /* since the epoch */
};
void event_record_done(struct event_record *r);
#define cleanup_event_record __attribute__((cleanup(event_record_done)))

/* A line of the log. -EINVAL: it is none, as when a full disk has cut it off. Pure. */
int event_record_decode(struct json_line *parser, const char *line, size_t len,
			struct event_record *ret) MUST_CHECK;

/* One file, and how far it is read. */
struct event_file {
	int fd; /* -1: none */
	struct buf rest;
};

struct event_reader {
	int dir_fd, inotify_fd;
	struct event_file old, current; /* whoever had `old` open when it was renamed may still write to it */
	struct json_line *parser;
};
void event_reader_done(struct event_reader *r);
#define cleanup_event_reader __attribute__((cleanup(event_reader_done)))
#define EVENT_READER_EMPTY                                                \
	((struct event_reader){ .dir_fd = -1,                             \
				.inotify_fd = -1,                         \
				.old = { .fd = -1, .rest = BUF_INIT(0) }, \
				.current = { .fd = -1, .rest = BUF_INIT(0) } })

/* Makes the directory where nothing has happened yet. */
int event_reader_open(const char *state_dir, struct event_reader *ret, struct err *e) MUST_CHECK;

/* Calls `visit` for each record that has come since the last call, all of them at first, in the order they were written. What it returns, if not 0,
 * ends this and is returned. */
int event_reader_read(struct event_reader *r,
		      int (*visit)(const struct event_record *record, void *arg, struct err *e), void *arg,
		      struct err *e) MUST_CHECK;

/* Sleeps until there may be more, for timeout_ms at most (-1: as long as it takes). */
int event_reader_wait(const struct event_reader *r, int timeout_ms, struct err *e) MUST_CHECK;

#endif
