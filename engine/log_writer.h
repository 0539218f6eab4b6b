/* SPDX-License-Identifier: Apache-2.0 */
/* A container's output on its way to where it is kept. For the monitor: no allocation, no locale, nothing that does not link statically.
 *
 * json-file: <container>/log/<id>-json.log, one record a line as docker writes them, and rotated ones .1, .2 and so on behind it, the newest
 * first. No file grows over max_size. What is given in one call is written in one write(2), mostly with what else is at hand, and has one time.
 * local: the same.
 * journald: a datagram a record, with docker's fields.
 *
 * A line over LOG_LINE_MAX bytes makes several records, all but the last without a line's end; so does the end of the output inside of a line, which is
 * held back until then. Nothing that goes wrong after the opening stops the container: records that cannot be kept are counted, and
 * the log says so as soon as there is room again. */
#ifndef SAMPAN_ENGINE_LOG_WRITER_H
#define SAMPAN_ENGINE_LOG_WRITER_H

#include <limits.h>

#include "common/json_escape.h"
#include "common/timestamp.h"
#include "engine/log_config.h"
#include "engine/log_file.h"

#define LOG_LINE_MAX   16384 /* bytes of a record's text; docker's */
/* Bytes after which records are written without a flush. The kernel keeps what comes in large writes in large folios: three of a pipe's contents
 * in one write cost it three quarters of what one costs in each. */
#define LOG_BATCH      (3 * 65536)
#define LOG_SUFFIX_MAX 8192 /* bytes of what stands behind a record's text */

/* A line whose end has not come yet. */
struct log_line {
	size_t len;
	bool continues;           /* records of it were written */
	char time[TIMESTAMP_MAX]; /* of the first of them: all of a line have the same */
	char text[LOG_LINE_MAX];
};

/* Memory of fixed size, of which only what is used is touched: a static one costs a quiet container a few pages. The members are log_writer.c's. */
struct log_writer {
	struct log_config config;
	struct log_file file;    /* json-file's */
	int journal_fd;          /* journald's; -1 */
	uint64_t journal_bytes;  /* sent */
	uint64_t lost;           /* records, since the last that was kept */
	int lost_why;            /* negative errno */
	char now[TIMESTAMP_MAX]; /* of this call; "": not looked at yet */
	size_t suffix_len[LOG_STREAMS];
	char suffix[LOG_STREAMS][LOG_SUFFIX_MAX];
	size_t fields_len;
	char fields[LOG_SUFFIX_MAX]; /* of a journal's entry: those that are the same in all */
	struct log_line lines[LOG_STREAMS];
	size_t out_len;
	char out[LOG_BATCH + LOG_LINE_MAX * JSON_ESCAPE_GROWTH + LOG_SUFFIX_MAX];
};

/* Fills *ret, whose memory is the caller's and may be static. dir_fd is the container's directory, borrowed until log_writer_close, as are the strings
 * of `c`. What a crash left of a record at the end of the file is cut off. On failure there is nothing to close.
 * -EOPNOTSUPP "journald is not enabled on this host"; -EFBIG attributes or tag too long; open(2)'s. */
int log_writer_open(int dir_fd, const struct log_config *c, struct log_writer *ret, struct err *e) MUST_CHECK;

/* Output of the container as it came. Returns when it is kept, or counted as lost. */
void log_writer_put(struct log_writer *w, enum log_stream s, const char *data, size_t len);

/* The same for output that more may follow at once: what it is kept with. All is kept when log_writer_flush returns, and up to then it is in memory, at most
 * LOG_BATCH bytes and a record. */
void log_writer_add(struct log_writer *w, enum log_stream s, const char *data, size_t len);
void log_writer_flush(struct log_writer *w);

/* Gives back the memory of buffers that hold nothing; to be called when there is no output for a while. */
void log_writer_trim(struct log_writer *w);

/* Writes what is held back, and closes. Watchers of the directory see the file closed (IN_CLOSE_WRITE). Once is enough, more do not hurt. */
void log_writer_close(struct log_writer *w);

/* The log's files, for who has them compressed (log_file_pack_begin and its like). Borrowed, until log_writer_close. */
struct log_file *log_writer_file(struct log_writer *w);

/* For the status page: the bytes that the log's files held when it was opened, and all that were written since. */
uint64_t log_writer_offset(const struct log_writer *w);

/* How many records were lost and not yet spoken of in the log. */
uint64_t log_writer_lost(const struct log_writer *w);

#endif
