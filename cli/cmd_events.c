/* SPDX-License-Identifier: Apache-2.0 */
/* sampan events */
#include <stdio.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/event_filter.h"
#include "cli/time_argument.h"
#include "common/cleanup.h"

#define NS_PER_MS   1000000
#define WAIT_MAX_MS 3600000
#define LINE_BYTES  ((size_t)4 << 20)

struct options {
	const char *since, *until, *format;
	struct strvec filters;
	bool stream;
};

#define OPT(m) offsetof(struct options, m)
static const struct option_def OPTIONS[] = {
	{ "filter", 'f', OPTION_LIST, OPT(filters), "filter",
	  "container=, event=, image=, label=KEY[=VALUE], name=, network=, type=, volume=" },
	{ "format", 0, OPTION_STRING, OPT(format), "string",
	  "json, or a template: {{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}} {{.Time}}" },
	{ "since", 0, OPTION_STRING, OPT(since), "string",
	  "Since a time (2026-01-02T13:23:37Z) or for so long (42m)" },
	{ "stream", 0, OPTION_BOOL, OPT(stream), NULL, "Go on with what comes (default true)" },
	{ "until", 0, OPTION_STRING, OPT(until), "string",
	  "Until a time (2026-01-02T13:23:37Z) or until so long ago (42m)" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan events",
	.usage = "[OPTIONS]",
	.summary = "Show what happens to containers, images, volumes and networks",
	.options = OPTIONS,
	.max_args = 0,
};

struct showing {
	const struct options *options;
	int64_t since_ns, until_ns;
};

static int64_t now_ns(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Without any time it is what happens from now on. */
static int read_times(const struct options *o, struct showing *ret, struct err *e)
{
	int64_t now = now_ns();
	const struct timespec t = { .tv_sec = now / 1000000000, .tv_nsec = now % 1000000000 };
	int r = 0;

	ret->since_ns = o->stream && !o->until ? now : 0;
	ret->until_ns = o->stream ? INT64_MAX : now;
	if (o->since)
		r = time_argument_parse(o->since, &t, &ret->since_ns, e);
	if (r == 0 && o->until)
		r = time_argument_parse(o->until, &t, &ret->until_ns, e);
	if (r == 0 && o->since && o->until && ret->until_ns < ret->since_ns)
		r = err_set(e, -EINVAL, "`since` time (%s) cannot be after `until` time (%s)", o->since,
			    o->until);
	return r;
}

static int show(const struct event_record *r, void *arg, struct err *e)
{
	cleanup_buf struct buf line = BUF_INIT(LINE_BYTES);
	const struct showing *s = arg;
	int rc;

	if (r->time_ns < s->since_ns || r->time_ns > s->until_ns ||
	    !event_filter_match(&s->options->filters, r))
		return 0;
	rc = event_format(s->options->format, r, &line, e);
	if (rc == 0 && buf_add_char(&line, '\n') < 0)
		return err_code(e, -ENOMEM, "cannot print an event");
	if (rc == 0)
		(void)fputs(line.data, stdout); /* looked at in the end */
	return rc;
}

static int show_all(const struct cli_globals *g, struct showing *s, struct err *e)
{
	cleanup_event_reader struct event_reader reader = EVENT_READER_EMPTY;
	int r = event_reader_open(g->state_dir, &reader, e);

	while (r == 0) {
		int64_t left_ms;

		r = event_reader_read(&reader, show, s, e);
		if (r != 0 || fflush(stdout) != 0 || !s->options->stream)
			break;
		left_ms = (s->until_ns - now_ns()) / NS_PER_MS + 1;
		if (s->until_ns < now_ns())
			break;
		r = event_reader_wait(&reader, left_ms < WAIT_MAX_MS ? (int)left_ms : WAIT_MAX_MS, e);
	}
	return r;
}

int cmd_events(int argc, char **argv, const struct cli_globals *g)
{
	struct options o = { .stream = true };
	struct showing s = { .options = &o };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (cli_options(&COMMAND, argc, argv, &o, &n, &code)) {
		if (event_filter_check(&o.filters, &e) < 0 || event_format_check(o.format, &e) < 0 ||
		    read_times(&o, &s, &e) < 0) {
			code = cli_refuse(&e);
		} else {
			code = cli_end_output(show_all(g, &s, &e) < 0 ? cli_fail(&e) : 0);
		}
	}
	strvec_done(&o.filters);
	return code;
}
