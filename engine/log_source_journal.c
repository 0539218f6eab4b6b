/* SPDX-License-Identifier: Apache-2.0 */
/* log_source.h for journald, by libsystemd's sd-journal(3), which is opened when it is asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "common/cleanup.h"
#include "common/library.h"
#include "engine/log_source.h"

#define DETAILS_MAX 32768
#define MATCH_MAX   512

struct sd_journal;

struct calls {
	int (*open)(struct sd_journal **ret, int flags);
	void (*close)(struct sd_journal *j);
	int (*add_match)(struct sd_journal *j, const void *data, size_t size);
	int (*set_data_threshold)(struct sd_journal *j, size_t size);
	int (*seek_head)(struct sd_journal *j);
	int (*seek_tail)(struct sd_journal *j);
	int (*next)(struct sd_journal *j);
	int (*previous)(struct sd_journal *j);
	int (*get_data)(struct sd_journal *j, const char *field, const void **data, size_t *size);
	int (*enumerate_data)(struct sd_journal *j, const void **data, size_t *size);
	void (*restart_data)(struct sd_journal *j);
	int (*get_realtime_usec)(struct sd_journal *j, uint64_t *ret);
	int (*get_fd)(struct sd_journal *j);
	int (*process)(struct sd_journal *j);
};

struct journal {
	void *library;
	struct calls calls;
	struct sd_journal *j;
	bool follow;
	char *text;
	size_t text_size;
	char details[DETAILS_MAX + 1];
};

/* --- the library ----------------------------------------------------------------------------------------- */

#define SYMBOL(name) LIBRARY_SYMBOL("sd_journal_", struct calls, name)
static const struct library_symbol SYMBOLS[] = {
	SYMBOL(open),      SYMBOL(close),          SYMBOL(add_match),    SYMBOL(set_data_threshold),
	SYMBOL(seek_head), SYMBOL(seek_tail),      SYMBOL(next),         SYMBOL(previous),
	SYMBOL(get_data),  SYMBOL(enumerate_data), SYMBOL(restart_data), SYMBOL(get_realtime_usec),
	SYMBOL(get_fd),    SYMBOL(process),
};

static int load(struct journal *s, struct err *e)
{
	static const struct library LIBRARY = { "libsystemd.so.0", "reading the journal needs", "libsystemd",
						"libsystemd0" };

	return library_open(&LIBRARY, SYMBOLS, ARRAY_LEN(SYMBOLS), &s->calls, &s->library, e);
}

static void journal_free(void *self)
{
	struct journal *s = self;

	if (s->j)
		s->calls.close(s->j);
	library_close(s->library);
	free(s->text);
	free(s);
}

/* --- an entry -------------------------------------------------------------------------------------------- */

/* The value of a field, borrowed from the journal until its next call; NULL: the entry has none. */
static const char *get(struct journal *s, const char *field, size_t *ret_len)
{
	size_t name_len = strlen(field) + 1, len;
	const void *data;

	if (s->calls.get_data(s->j, field, &data, &len) < 0 || len < name_len)
		return NULL;
	*ret_len = len - name_len;
	return (const char *)data + name_len;
}

static bool is_partial(struct journal *s)
{
	size_t len;
	const char *value = get(s, "CONTAINER_PARTIAL_MESSAGE", &len);

	return value && len == 4 && memcmp(value, "true", 4) == 0;
}

/* What neither the journal (these begin with '_') nor we ourselves have put there. */
static bool is_attribute(const char *field, size_t len)
{
	static const char *const OURS[] = { "MESSAGE",
					    "MESSAGE_ID",
					    "PRIORITY",
					    "CODE_FILE",
					    "CODE_LINE",
					    "CODE_FUNC",
					    "ERRNO",
					    "SYSLOG_FACILITY",
					    "SYSLOG_PID",
					    "SYSLOG_IDENTIFIER",
					    "SYSLOG_TIMESTAMP",
					    "CONTAINER_NAME",
					    "CONTAINER_ID",
					    "CONTAINER_ID_FULL",
					    "CONTAINER_TAG",
					    "IMAGE_NAME",
					    "CONTAINER_PARTIAL_MESSAGE",
					    "CONTAINER_PARTIAL_ID",
					    "CONTAINER_PARTIAL_ORDINAL",
					    "CONTAINER_PARTIAL_LAST",
					    "CONTAINER_LOG_EPOCH",
					    "CONTAINER_LOG_ORDINAL" };

	if (len == 0 || field[0] == '_')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(OURS); i++)
		if (strlen(OURS[i]) == len && memcmp(OURS[i], field, len) == 0)
			return false;
	return true;
}

static void get_details(struct journal *s)
{
	size_t at = 0, len;
	const void *data;

	s->calls.restart_data(s->j);
	while (s->calls.enumerate_data(s->j, &data, &len) > 0) {
		const char *equals = memchr(data, '=', len);
		size_t name_len = equals ? (size_t)(equals - (const char *)data) : 0,
		       value_len = len - name_len - 1, n;

		if (!is_attribute(data, name_len) || len * 3 + 2 > DETAILS_MAX - at)
			continue;
		if (at > 0)
			s->details[at++] = ',';
		at += log_query_escape(data, name_len, s->details + at, DETAILS_MAX - at);
		s->details[at++] = '=';
		n = log_query_escape(equals + 1, value_len, s->details + at, DETAILS_MAX - at);
		at += n;
	}
	s->details[at] = '\0';
}

/* The message with the newline that it was sent without. */
static int get_text(struct journal *s, bool ends, size_t *ret_len)
{
	size_t len = 0;
	const char *message = get(s, "MESSAGE", &len);

	if (!message)
		len = 0;
	if (len + 1 > s->text_size) {
		char *more = realloc(s->text, len + 1);

		if (!more)
			return -ENOMEM;
		s->text = more;
		s->text_size = len + 1;
	}
	if (message)
		memcpy(s->text, message, len);
	s->text[len] = '\n';
	*ret_len = len + (ends ? 1 : 0);
	return 0;
}

static int read_entry(struct journal *s, struct log_record *ret)
{
	bool ends = !is_partial(s);
	size_t priority_len, len = 0;
	const char *priority = get(s, "PRIORITY", &priority_len);
	bool is_error = priority && priority_len == 1 && priority[0] == '0' + LOG_ERR;
	uint64_t usec;
	int r = s->calls.get_realtime_usec(s->j, &usec);

	if (r >= 0)
		r = get_text(s, ends, &len);
	if (r < 0)
		return r;
	get_details(s);
	*ret = (struct log_record){ .stream = is_error ? LOG_STDERR : LOG_STDOUT,
				    .time_ns = usec > INT64_MAX / 1000 ? INT64_MAX : (int64_t)usec * 1000,
				    .text = s->text,
				    .len = len,
				    .ends_line = ends,
				    .details = s->details };
	return 0;
}

static int journal_next(void *self, struct log_record *ret, struct err *e)
{
	struct journal *s = self;
	int r = s->calls.next(s->j);

	if (r > 0) {
		r = read_entry(s, ret);
		r = r < 0 ? r : 1;
	}
	return r < 0 ? err_code(e, r, "cannot read the journal") : r;
}

/* --- where it begins ------------------------------------------------------------------------------------- */

/* Back over `tail` ends of lines, and what belongs to the last of them. */
static int go_back(struct journal *s, int64_t tail)
{
	int64_t lines = 0;
	int r = s->calls.seek_tail(s->j);

	while (r >= 0 && (r = s->calls.previous(s->j)) > 0) {
		bool ends = !is_partial(s);

		if (lines == tail && (ends || tail == 0))
			return 0; /* the one before the first that is wanted */
		lines += ends || lines == 0;
	}
	/* All of it is wanted. */
	return r < 0 ? r : s->calls.seek_head(s->j);
}

static int begin(struct journal *s, const struct log_config *c, const struct log_query *q)
{
	char match[MATCH_MAX];
	int n = snprintf(match, sizeof(match), "CONTAINER_ID_FULL=%s", c->container_id);
	int r = n < 0 || (size_t)n >= sizeof(match) ? -EINVAL : s->calls.open(&s->j, 0);

	/* Watches begin here, so that nothing is missed between the reading and the waiting. */
	if (r >= 0 && q->follow)
		r = s->calls.get_fd(s->j);
	if (r >= 0)
		r = s->calls.set_data_threshold(s->j, 0);
	if (r >= 0)
		r = s->calls.add_match(s->j, match, (size_t)n);
	if (r >= 0)
		r = q->tail >= 0 ? go_back(s, q->tail) : s->calls.seek_head(s->j);
	return r;
}

static int journal_wake_fd(const void *self)
{
	const struct journal *s = self;

	return s->follow ? s->calls.get_fd(s->j) : -1;
}

static void journal_take_wake(void *self)
{
	const struct journal *s = self;

	(void)s->calls.process(s->j); /* what it says does not matter: the journal is looked at */
}

const struct log_source LOG_SOURCE_JOURNAL = { journal_next, journal_wake_fd, journal_take_wake,
					       journal_free };

int log_source_journal_open(const struct log_config *c, const struct log_query *q, void **ret, struct err *e)
{
	struct journal *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_code(e, -ENOMEM, "cannot read the journal");
	r = load(s, e);
	if (r == 0) {
		s->follow = q->follow;
		r = begin(s, c, q);
		r = r < 0 ? err_code(e, r, "cannot read the journal") : 0;
	}
	if (r == 0)
		*ret = s;
	else
		journal_free(s);
	return r;
}
