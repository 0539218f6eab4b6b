/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_reader.h"

#include <stdlib.h>

#include "engine/log_source.h"

struct log_reader {
	const struct log_source *source;
	void *self;
	struct log_query query;
	bool inside_line[LOG_STREAMS];
};

static int open_source(int dir_fd, const struct log_config *c, struct log_reader *r, struct err *e)
{
	switch (c->driver) {
	case LOG_JSON_FILE:
	case LOG_LOCAL:
		r->source = &LOG_SOURCE_FILES;
		return log_source_files_open(dir_fd, c, &r->query, &r->self, e);
	case LOG_JOURNALD:
		r->source = &LOG_SOURCE_JOURNAL;
		return log_source_journal_open(c, &r->query, &r->self, e);
	default:
		return err_set(e, -EOPNOTSUPP, "configured logging driver does not support reading");
	}
}

int log_reader_open(int dir_fd, const struct log_config *c, const struct log_query *q,
		    struct log_reader **ret, struct err *e)
{
	struct log_reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return err_code(e, -ENOMEM, "cannot read the log");
	reader->query = *q;
	r = open_source(dir_fd, c, reader, e);
	if (r < 0)
		free(reader);
	else
		*ret = reader;
	return r;
}

void log_reader_free(struct log_reader *r)
{
	if (r)
		r->source->free(r->self);
	free(r);
}

void log_reader_free_fn(struct log_reader **r)
{
	log_reader_free(*r);
}

int log_reader_next(struct log_reader *r, struct log_entry *ret, struct err *e)
{
	struct log_record record;
	int n;

	do {
		n = r->source->next(r->self, &record, e);
		if (n <= 0)
			return n < 0 ? n : LOG_READ_NOTHING;
		if (record.time_ns > r->query.until_ns)
			return LOG_READ_PAST;
	} while (record.time_ns < r->query.since_ns);
	*ret = (struct log_entry){ .stream = record.stream,
				   .time_ns = record.time_ns,
				   .text = record.text,
				   .len = record.len,
				   .begins_line = !r->inside_line[record.stream],
				   .details = record.details };
	r->inside_line[record.stream] = !record.ends_line;
	return LOG_READ_ENTRY;
}

int log_reader_wake_fd(const struct log_reader *r)
{
	return r->source->wake_fd(r->self);
}

void log_reader_take_wake(struct log_reader *r)
{
	r->source->take_wake(r->self);
}
