/* SPDX-License-Identifier: Apache-2.0 */
/* HEALTHCHECK. */
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "build/dockerfile_parse.h"
#include "common/cleanup.h"
#include "common/go_duration.h"
#include "common/parse.h"

#define INTERVAL_MIN_NS 1000000

struct health_flags {
	struct dockerfile_word interval, timeout, start_period, start_interval, retries;
};

static const struct dockerfile_flag HEALTH_FLAGS[] = {
	{ "interval", offsetof(struct health_flags, interval), DOCKERFILE_FLAG_STRING },
	{ "retries", offsetof(struct health_flags, retries), DOCKERFILE_FLAG_STRING },
	{ "start-interval", offsetof(struct health_flags, start_interval), DOCKERFILE_FLAG_STRING },
	{ "start-period", offsetof(struct health_flags, start_period), DOCKERFILE_FLAG_STRING },
	{ "timeout", offsetof(struct health_flags, timeout), DOCKERFILE_FLAG_STRING },
	{ 0 }
};

static void health_flags_done(struct health_flags *h)
{
	free(h->interval.text);
	free(h->timeout.text);
	free(h->start_period.text);
	free(h->start_interval.text);
	free(h->retries.text);
}

/* Only digits, as people forget the unit. */
static bool lacks_unit(const char *text)
{
	return *text && text[strspn(text, "0123456789.")] == '\0' && strpbrk(text, "0123456789");
}

static int read_interval(struct dockerfile_in *in, const struct dockerfile_word *w, const char *name,
			 int64_t *ret_ns, struct err *e)
{
	int64_t ns = 0;

	if (!w->text || !*w->text)
		return 0;
	if (go_duration_parse(w->text, &ns) < 0)
		return dockerfile_error(in->f, w->at, -EINVAL, e, "time: %s duration \"%s\"",
					lacks_unit(w->text) ? "missing unit in" : "invalid", w->text);
	if (ns != 0 && ns < INTERVAL_MIN_NS)
		return dockerfile_error(in->f, w->at, -EINVAL, e, "Interval \"%s\" cannot be less than 1ms",
					name);
	*ret_ns = ns;
	return 0;
}

static int read_retries(struct dockerfile_in *in, const struct dockerfile_word *w, int32_t *ret,
			struct err *e)
{
	const char *text = w->text;
	int64_t n = 0;
	int r;

	if (!text || !*text)
		return 0;
	r = parse_i64(text + (text[0] == '+' && isdigit((unsigned char)text[1])), INT32_MIN, INT32_MAX, &n);
	if (r < 0)
		return dockerfile_error(in->f, w->at, -EINVAL, e, "strconv.ParseInt: parsing \"%s\": %s",
					text, r == -ERANGE ? "value out of range" : "invalid syntax");
	if (n < 0)
		return dockerfile_error(in->f, w->at, -EINVAL, e, "--retries cannot be negative (%d)",
					(int)n);
	*ret = (int32_t)n;
	return 0;
}

static int read_options(struct dockerfile_in *in, const struct health_flags *flags, struct err *e)
{
	struct dockerfile_health *h = in->i->health;
	const struct {
		const char *name;
		const struct dockerfile_word *word;
		int64_t *ns;
	} intervals[] = {
		{ "interval", &flags->interval, &h->interval_ns },
		{ "timeout", &flags->timeout, &h->timeout_ns },
		{ "start-period", &flags->start_period, &h->start_period_ns },
		{ "start-interval", &flags->start_interval, &h->start_interval_ns },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(intervals); i++)
		r = read_interval(in, intervals[i].word, intervals[i].name, intervals[i].ns, e);
	return r < 0 ? r : read_retries(in, &flags->retries, &h->retries, e);
}

static int read_test(struct dockerfile_in *in, struct slice kind, struct slice command, struct err *e)
{
	struct health_flags flags __attribute__((cleanup(health_flags_done))) = { 0 };
	int r = dockerfile_read_flags(in, HEALTH_FLAGS, &flags, e);

	if (r < 0)
		return r;
	if (!slice_is(kind, "CMD"))
		return dockerfile_in_error(in, kind.p, e, "Unknown type \"%.*s\" in HEALTHCHECK (try CMD)",
					   (int)kind.len, kind.p);
	r = dockerfile_read_command(in, command, e);
	if (r == 0 && in->i->words.len == 0)
		return dockerfile_in_error(in, kind.p, e, "Missing command after HEALTHCHECK CMD");
	return r < 0 ? r : read_options(in, &flags, e);
}

int dockerfile_read_health(struct dockerfile_in *in, struct err *e)
{
	struct slice kind = { in->rest.p, 0 }, command;

	if (in->rest.len == 0)
		return dockerfile_error(in->f, in->i->at, -EINVAL, e,
					"HEALTHCHECK requires at least one argument");
	in->i->health = calloc(1, sizeof(*in->i->health));
	if (!in->i->health)
		return dockerfile_words_error(in, -ENOMEM, e);
	while (kind.len < in->rest.len && space_len(kind.p + kind.len, in->rest.len - kind.len) == 0)
		kind.len++;
	command = trim_left(slice_skip(in->rest, kind.len));
	if (!slice_is(kind, "NONE"))
		return read_test(in, kind, command, e);
	if (command.len > 0)
		return dockerfile_in_error(in, command.p, e, "HEALTHCHECK NONE takes no arguments");
	in->i->health->none = true;
	return 0;
}
