/* SPDX-License-Identifier: Apache-2.0 */
/* sampan logs */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/find_container.h"
#include "cli/format.h"
#include "cli/time_argument.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "common/program_path.h"
#include "common/timestamp.h"
#include "engine/life.h"
#include "engine/log_follow.h"
#include "engine/log_reader.h"

#define OUTPUT_BYTES    65536 /* of stdout and of stderr that are gathered */
#define FIRST_WAIT_MS   10    /* after something came: the end may be near. Doubled while nothing does */
#define CONTAINERS_MAX  256
#define STATUS_PATH_MAX 4096

struct logs_options {
	bool follow, timestamps, details, names;
	const char *since, *until, *tail;
};

#define OPT(m) offsetof(struct logs_options, m)
static const struct option_def OPTIONS[] = {
	{ "details", 0, OPTION_BOOL, OPT(details), NULL, "Show the attributes that the logging driver adds" },
	{ "follow", 'f', OPTION_BOOL, OPT(follow), NULL, "Go on with what comes, until the container ends" },
	{ "names", 0, OPTION_BOOL, OPT(names), NULL, "Begin each line with the container's name" },
	{ "since", 0, OPTION_STRING, OPT(since), "string",
	  "Since a time (2026-01-02T13:23:37Z) or for so long (42m)" },
	{ "tail", 'n', OPTION_STRING, OPT(tail), "string", "Lines from the end on (default \"all\")" },
	{ "timestamps", 't', OPTION_BOOL, OPT(timestamps), NULL, "Show the time of each line" },
	{ "until", 0, OPTION_STRING, OPT(until), "string",
	  "Before a time (2026-01-02T13:23:37Z) or until so long ago (42m)" },
	{ 0 },
};
static const struct command_def COMMAND = { .name = "sampan logs",
					    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
					    .summary = "Show the output of containers",
					    .options = OPTIONS,
					    .min_args = 1,
					    .max_args = -1 };

struct one_log {
	struct log_reader *reader;
	struct log_follow follow;
	char *prefix; /* of each line; NULL: none */
	bool ended;
};

struct logs {
	const struct logs_options *options;
	struct log_query query;
	char *unpack[3]; /* how what is compressed is expanded; the first is owned */
	struct one_log items[CONTAINERS_MAX];
	size_t len;
	FILE *last; /* what was written to last */
};

static void logs_free(struct logs **l)
{
	if (!*l)
		return;
	for (size_t i = 0; i < (*l)->len; i++) {
		log_reader_free((*l)->items[i].reader);
		log_follow_done(&(*l)->items[i].follow);
		free((*l)->items[i].prefix);
	}
	free((*l)->unpack[0]);
	free(*l);
}

/* --- what is asked for ----------------------------------------------------------------------------------- */

static int parse_time(const char *name, const char *text, const struct timespec *now, int64_t *ret,
		      struct err *e)
{
	int r = text ? time_argument_parse(text, now, ret, e) : 0;

	return r < 0 ? err_wrap(e, "invalid value for \"%s\"", name) : 0;
}

static int parse_query(const struct logs_options *o, struct log_query *ret, struct err *e)
{
	struct timespec now;
	int64_t tail;
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
	*ret = (struct log_query){
		.since_ns = INT64_MIN, .until_ns = INT64_MAX, .tail = LOG_TAIL_ALL, .follow = o->follow
	};
	/* Docker takes everything that is no number, or a negative one, for "all". */
	if (o->tail && parse_i64(o->tail, 0, INT64_MAX, &tail) == 0)
		ret->tail = tail;
	r = parse_time("since", o->since, &now, &ret->since_ns, e);
	return r < 0 ? r : parse_time("until", o->until, &now, &ret->until_ns, e);
}

/* How the container's output is logged: what it was created with. */
static int log_config_of(int dir_fd, const struct container_record *c, struct log_config *ret, struct err *e)
{
	cleanup_life struct life life = { 0 };
	int r = life_read(dir_fd, &life, e);

	*ret = (struct log_config){ .container_id = c->id, .container_name = c->name };
	return r < 0 ? r : log_config_parse(life.log_driver, &life.log_options, ret, e);
}

static int open_monitor_dir(const struct cli_globals *g, const char *id)
{
	char path[STATUS_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/monitor/%s", g->state_dir, id);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int set_prefix(const struct logs *l, const struct container_record *c, bool several,
		      struct one_log *ret)
{
	char id[FORMAT_MAX];

	if (!l->options->names && !several)
		return 0;
	format_short_id(c->id, id);
	return asprintf(&ret->prefix, "%s ", l->options->names ? c->name : id) < 0 ? -ENOMEM : 0;
}

static int open_log(const struct cli_globals *g, const struct store *s, const char *what, bool several,
		    struct logs *l, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_fd int dir_fd = -1, monitor_fd = -1;
	struct one_log *log = &l->items[l->len];
	struct log_config config;
	int r = find_container(s, g, what, &c, e);

	if (r == 0)
		r = container_open_dir(s, c.id, &dir_fd, e);
	if (r == 0)
		r = log_config_of(dir_fd, &c, &config, e);
	if (r < 0)
		return r;
	log->follow.monitor_fd = -1;
	/* Before the log: what is written after this comes with a wake. */
	if (l->options->follow) {
		monitor_fd = open_monitor_dir(g, c.id);
		log_follow_begin(monitor_fd, &log->follow);
	}
	r = log_reader_open(dir_fd, &config, &l->query, &log->reader, e);
	if (r < 0) {
		log_follow_done(&log->follow);
		return r;
	}
	l->len++;
	return set_prefix(l, &c, several, log) < 0 ? err_code(e, -ENOMEM, "cannot show the log") : 0;
}

/* --- showing it ------------------------------------------------------------------------------------------ */

static void write_times(FILE *out, int64_t time_ns)
{
	int64_t seconds = time_ns / 1000000000, ns = time_ns % 1000000000;
	char text[TIMESTAMP_MAX];

	if (ns < 0) {
		seconds--;
		ns += 1000000000;
	}
	timestamp_format(&(struct timespec){ .tv_sec = (time_t)seconds, .tv_nsec = (long)ns }, text);
	(void)fprintf(out, "%s ", text);
}

/* Errors of the streams stick: they are looked at in the end. */
static void show(struct logs *l, const struct one_log *log, const struct log_entry *entry)
{
	FILE *out = entry->stream == LOG_STDERR ? stderr : stdout;

	/* Both may be the same terminal. */
	if (l->last && l->last != out)
		(void)fflush(l->last);
	l->last = out;
	if (entry->begins_line) {
		if (log->prefix)
			(void)fputs(log->prefix, out);
		if (l->options->timestamps)
			write_times(out, entry->time_ns);
		if (l->options->details)
			(void)fprintf(out, "%s ", entry->details);
	}
	(void)fwrite(entry->text, 1, entry->len, out);
}

/* All that there is by now. The number of entries, or negative. */
static int64_t drain(struct logs *l, struct one_log *log, struct err *e)
{
	struct log_entry entry;
	int64_t n = 0;
	int r;

	while (!ferror(stdout) && (r = log_reader_next(log->reader, &entry, e)) != LOG_READ_NOTHING) {
		if (r < 0)
			return r;
		if (r == LOG_READ_PAST) {
			log->ended = true;
			break;
		}
		show(l, log, &entry);
		n++;
	}
	return n;
}

/* Whether the container had ended is asked for before the rest is read: so nothing that it wrote is missed. */
static int64_t drain_all(struct logs *l, bool *ret_go_on, struct err *e)
{
	int64_t total = 0;

	*ret_go_on = false;
	for (size_t i = 0; i < l->len; i++) {
		struct one_log *log = &l->items[i];
		bool runs = l->options->follow && log_follow_runs(&log->follow);
		int64_t n = log->ended ? 0 : drain(l, log, e);

		if (n < 0)
			return n;
		log->ended |= !runs;
		*ret_go_on |= !log->ended;
		total += n;
	}
	(void)fflush(stdout);
	(void)fflush(stderr);
	return total;
}

static void wait_for_more(const struct logs *l, int timeout_ms)
{
	struct pollfd fds[CONTAINERS_MAX * 2];
	size_t n = 0;

	for (size_t i = 0; i < l->len; i++) {
		const struct one_log *log = &l->items[i];

		if (log->ended)
			continue;
		fds[n++] = (struct pollfd){ .fd = log_reader_wake_fd(log->reader), .events = POLLIN };
		fds[n++] = (struct pollfd){ .fd = log->follow.monitor_fd, .events = POLLIN };
	}
	if (poll(fds, n, timeout_ms) <= 0)
		return;
	for (size_t i = 0; i < l->len; i++)
		if (!l->items[i].ended && log_reader_wake_fd(l->items[i].reader) >= 0)
			log_reader_take_wake(l->items[i].reader);
}

/* The time that is left until --until; no more than `most_ms`. */
static int left_ms(const struct logs *l, int most_ms)
{
	struct timespec now;
	int64_t left;

	if (l->query.until_ns == INT64_MAX)
		return most_ms;
	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
	left = l->query.until_ns / 1000000 - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
	return left < 0 ? 0 : left < most_ms ? (int)left + 1 : most_ms;
}

static int show_all(struct logs *l, struct err *e)
{
	int wait_ms = LOG_FOLLOW_LIFE_SIGN_MS;
	bool go_on = true;

	while (go_on && !ferror(stdout)) {
		int64_t n = drain_all(l, &go_on, e);
		int left;

		if (n < 0)
			return (int)n;
		if (n > 0)
			wait_ms = FIRST_WAIT_MS;
		else
			wait_ms =
				wait_ms < LOG_FOLLOW_LIFE_SIGN_MS / 2 ? wait_ms * 2 : LOG_FOLLOW_LIFE_SIGN_MS;
		left = left_ms(l, wait_ms);
		if (!go_on || left == 0)
			break;
		wait_for_more(l, left);
	}
	return 0;
}

/* Where there is no such program, the logs that need it say so. */
static void find_unpacker(struct logs *l)
{
	static char verb[] = "log-unpack";
	struct err ignored;

	if (program_path("sampan-image", &l->unpack[0], &ignored) < 0)
		return;
	l->unpack[1] = verb;
	l->query.unpack = l->unpack;
}

static int show_logs(const struct cli_globals *g, char **names, int n, struct logs *l, struct err *e)
{
	cleanup_store struct store *store = NULL;
	int r = parse_query(l->options, &l->query, e);

	if (r == 0 && n > CONTAINERS_MAX)
		r = err_set(e, -EFBIG, "at most %d containers at once", CONTAINERS_MAX);
	if (r == 0)
		r = store_open(g->root, &store, e);
	find_unpacker(l);
	for (int i = 0; r == 0 && i < n; i++)
		r = open_log(g, store, names[i], n > 1, l, e);
	return r < 0 ? r : show_all(l, e);
}

int cmd_logs(int argc, char **argv, const struct cli_globals *g)
{
	__attribute__((cleanup(logs_free))) struct logs *l = calloc(1, sizeof(*l));
	static char stderr_bytes[OUTPUT_BYTES];
	struct logs_options options = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	if (!l) {
		cli_error("out of memory");
		return CLI_EXIT_FAILED;
	}
	l->options = &options;
	(void)setvbuf(stderr, stderr_bytes, _IOFBF, sizeof(stderr_bytes)); /* flushed as stdout is */
	if (show_logs(g, argv + 1, n, l, &e) < 0)
		return cli_fail(&e);
	return cli_end_output(0);
}
