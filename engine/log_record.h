/* SPDX-License-Identifier: Apache-2.0 */
/* One record of a json-file log, read back. */
#ifndef SAMPAN_ENGINE_LOG_RECORD_H
#define SAMPAN_ENGINE_LOG_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "engine/log_config.h"

#define LOG_RECORD_MAX 262144 /* bytes of a line of the file: more than ours and docker's have */

struct log_record {
	enum log_stream stream;
	int64_t time_ns; /* since the epoch */
	const char *text;
	size_t len;
	bool ends_line;      /* `text` ends with the newline */
	const char *details; /* "key=value,key=value", as in a URL; "" without attributes */
};

struct log_decoder;

/* NULL when memory is out. */
struct log_decoder *log_decoder_new(void) MUST_CHECK;
void log_decoder_free(struct log_decoder *d);

/* The record of one line, without its newline. What it points to is borrowed until the next call. -EINVAL: no record, or a damaged one. */
int log_record_decode(struct log_decoder *d, const char *line, size_t len, struct log_record *ret) MUST_CHECK;

/* Appends text as a URL's query has it (Go's url.QueryEscape). Returns the number of bytes; 0 if they are more than `room`. */
size_t log_query_escape(const char *text, size_t len, char *out, size_t room);

#endif
