/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/log_record.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_line.h"
#include "common/timestamp.h"

#define TIME_MAX      64
#define DETAILS_MAX   32768
#define NS_PER_SECOND INT64_C(1000000000)

struct log_decoder {
	struct json_line *json;
	bool has_text, has_stream, has_time, bad;
	enum log_stream stream;
	int64_t time_ns;
	size_t len, details_len;
	char details[DETAILS_MAX + 1];
	char text[LOG_RECORD_MAX];
};

struct log_decoder *log_decoder_new(void)
{
	struct log_decoder *d = malloc(sizeof(*d));

	if (!d)
		return NULL;
	d->json = json_line_new(LOG_RECORD_MAX);
	if (!d->json) {
		free(d);
		return NULL;
	}
	return d;
}

void log_decoder_free(struct log_decoder *d)
{
	if (d)
		json_line_free(d->json);
	free(d);
}

size_t log_query_escape(const char *text, size_t len, char *out, size_t room)
{
	static const char PLAIN[] = "-_.~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
			  HEX[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool plain = c == ' ' || (c && strchr(PLAIN, c));

		if (room - n < (plain ? 1 : 3))
			return 0;
		if (plain) {
			out[n++] = text[i];
			if (c == ' ')
				out[n - 1] = '+';
			continue;
		}
		out[n++] = '%';
		out[n++] = HEX[c >> 4];
		out[n++] = HEX[c & 0xf];
	}
	return n;
}

static bool is(const char *text, size_t len, const char *expected)
{
	return len == strlen(expected) && memcmp(text, expected, len) == 0;
}

static void set_stream(struct log_decoder *d, const struct json_line_member *m)
{
	d->has_stream = true;
	if (is(m->value, m->value_len, "stdout"))
		d->stream = LOG_STDOUT;
	else if (is(m->value, m->value_len, "stderr"))
		d->stream = LOG_STDERR;
	else
		d->bad = true;
}

static void set_time(struct log_decoder *d, const struct json_line_member *m)
{
	char text[TIME_MAX];
	struct timespec t;

	d->has_time = true;
	if (m->value_len >= sizeof(text)) {
		d->bad = true;
		return;
	}
	memcpy(text, m->value, m->value_len);
	text[m->value_len] = '\0';
	/* A later year's nanoseconds are more than 64 bits hold. */
	if (timestamp_parse(text, &t) < 0 || t.tv_sec > INT64_MAX / NS_PER_SECOND - 1 ||
	    t.tv_sec < INT64_MIN / NS_PER_SECOND + 1)
		d->bad = true;
	else
		d->time_ns = (int64_t)t.tv_sec * NS_PER_SECOND + t.tv_nsec;
}

/* One that does not fit is left out whole. */
static void add_detail(struct log_decoder *d, const struct json_line_member *m)
{
	size_t at = d->details_len, n;

	if (at > 0 && at < DETAILS_MAX)
		d->details[at++] = ',';
	n = log_query_escape(m->key, m->key_len, d->details + at, DETAILS_MAX - at);
	if (n == 0 || at + n == DETAILS_MAX)
		return;
	at += n;
	d->details[at++] = '=';
	n = log_query_escape(m->value, m->value_len, d->details + at, DETAILS_MAX - at);
	if (n > 0 || m->value_len == 0)
		d->details_len = at + n;
}

static void visit(const struct json_line_member *m, void *arg)
{
	struct log_decoder *d = arg;

	if (m->under) {
		if (is(m->under, m->under_len, "attrs"))
			add_detail(d, m);
	} else if (is(m->key, m->key_len, "log")) {
		d->has_text = true;
		d->len = m->value_len; /* no more than the line has */
		memcpy(d->text, m->value, m->value_len);
	} else if (is(m->key, m->key_len, "stream")) {
		set_stream(d, m);
	} else if (is(m->key, m->key_len, "time")) {
		set_time(d, m);
	}
}

int log_record_decode(struct log_decoder *d, const char *line, size_t len, struct log_record *ret)
{
	d->has_text = d->has_stream = d->has_time = d->bad = false;
	d->len = d->details_len = 0;
	if (json_line_parse(d->json, line, len, visit, d) < 0 || d->bad || !d->has_text || !d->has_stream ||
	    !d->has_time)
		return -EINVAL;
	d->details[d->details_len] = '\0';
	*ret = (struct log_record){ .stream = d->stream,
				    .time_ns = d->time_ns,
				    .text = d->text,
				    .len = d->len,
				    .ends_line = d->len > 0 && d->text[d->len - 1] == '\n',
				    .details = d->details };
	return 0;
}
