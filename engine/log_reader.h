/* SPDX-License-Identifier: Apache-2.0 */
/* A container's log, read back from where its driver put it. */
#ifndef SAMPAN_ENGINE_LOG_READER_H
#define SAMPAN_ENGINE_LOG_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "engine/log_config.h"

#define LOG_TAIL_ALL (-1)

struct log_query {
	int64_t since_ns, until_ns; /* since the epoch, both included; INT64_MIN and INT64_MAX: no limit */
	int64_t tail;               /* lines from the end on; LOG_TAIL_ALL */
	bool follow;                /* more may come: log_reader_next goes on where it ended */
	char *const *unpack;        /* of log_unpack; borrowed, for as long as the reader is there */
};

/* A line, or a part of one. Borrowed until the next call. */
struct log_entry {
	enum log_stream stream;
	int64_t time_ns;
	const char *text; /* with the newline, if it has the line's end */
	size_t len;
	bool begins_line;    /* of its stream */
	const char *details; /* "key=value,key=value", as in a URL; "" */
};

enum log_read {
	LOG_READ_NOTHING, /* no more, or none yet */
	LOG_READ_ENTRY,
	LOG_READ_PAST /* the rest is later than `until` */
};

struct log_reader;

/* Opens the log of the container whose directory dir_fd is (borrowed). Its driver and ID are c's. A log that is not there yet is an empty one.
 * -EOPNOTSUPP "configured logging driver does not support reading", or no libsystemd for a journal; -ENOMEM; open(2)'s. */
int log_reader_open(int dir_fd, const struct log_config *c, const struct log_query *q,
		    struct log_reader **ret, struct err *e) MUST_CHECK;
void log_reader_free(struct log_reader *r);
void log_reader_free_fn(struct log_reader **r);
#define cleanup_log_reader __attribute__((cleanup(log_reader_free_fn)))

/* An enum log_read; *ret is written with LOG_READ_ENTRY only. Damaged records are passed over. Negative: the log cannot be read. */
int log_reader_next(struct log_reader *r, struct log_entry *ret, struct err *e) MUST_CHECK;

/* Becomes readable when there may be more to read. Owned by the reader; -1: it cannot tell. With q->follow only. */
int log_reader_wake_fd(const struct log_reader *r);

/* After it has: takes what made it so. */
void log_reader_take_wake(struct log_reader *r);

#endif
