/* SPDX-License-Identifier: Apache-2.0 */
/* HEALTHCHECK, as a Dockerfile has it. */
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/go_duration.h"
#include "common/parse.h"
#include "pull/import_changes.h"

#define MS_NS       INT64_C(1000000) /* docker takes no shorter times */
#define OPTION_MAX  64
#define RETRIES_MAX 1000000

static int read_time(const char *name, const char *text, int64_t *ret, struct err *e)
{
	int64_t ns;

	if (go_duration_parse(text, &ns) < 0)
		return -EINVAL;
	if (ns < 0 || (ns > 0 && ns < MS_NS))
		return err_set(e, -ERANGE, "%s cannot be less than 1ms", name);
	*ret = ns;
	return 0;
}

/* "--interval=5s" */
static int read_option(const char *text, size_t len, struct import_health *h, struct err *e)
{
	const struct {
		const char *name;
		int64_t *ns;
	} TIMES[] = {
		{ "--interval", &h->interval_ns },
		{ "--timeout", &h->timeout_ns },
		{ "--start-period", &h->start_period_ns },
		{ "--start-interval", &h->start_interval_ns },
	};
	char option[OPTION_MAX];
	char *value;

	if (len >= sizeof(option))
		return -EINVAL;
	memcpy(option, text, len);
	option[len] = '\0';
	value = strchr(option, '=');
	if (!value)
		return -EINVAL;
	*value++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(TIMES); i++)
		if (strcmp(TIMES[i].name, option) == 0)
			return read_time(TIMES[i].name, value, TIMES[i].ns, e);
	if (strcmp(option, "--retries") != 0)
		return -EINVAL;
	if (parse_u64(value, 1, RETRIES_MAX, &h->retries) < 0)
		return err_set(e, -ERANGE, "--retries must be at least 1 (not %s)", value);
	return 0;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(text, word, len) == 0;
}

static int read_test(const char *text, struct import_health *h, struct err *e)
{
	cleanup_strvec struct strvec words = { 0 };
	int r;

	if (text[0] != '[')
		return import_command_parse(text, "CMD-SHELL", &h->test, e);
	r = import_command_parse(text, NULL, &words, e);
	if (r == 0 && words.len == 0)
		r = -EINVAL;
	if (r == 0)
		r = strvec_add(&h->test, "CMD");
	return r < 0 ? r : strvec_add_all(&h->test, &words);
}

int import_health_parse(const char *text, struct import_health *ret, struct err *e)
{
	struct import_health h = { 0 };
	size_t len = strcspn(text, " \t");
	int r = 0;

	while (r == 0 && strncmp(text, "--", 2) == 0) {
		r = read_option(text, len, &h, e);
		text += len + strspn(text + len, " \t");
		len = strcspn(text, " \t");
	}
	if (r < 0)
		return r;
	if (is_word(text, len, "NONE") && !text[len]) {
		r = strvec_add(&h.test, "NONE");
	} else if (is_word(text, len, "CMD") && text[len]) {
		text += len;
		r = read_test(text + strspn(text, " \t"), &h, e);
	} else {
		r = -EINVAL;
	}
	if (r < 0) {
		strvec_done(&h.test);
		return r;
	}
	strvec_done(&ret->test); /* the last one counts */
	*ret = h;
	return 0;
}

static void write_time(struct json_out *o, const char *key, int64_t ns)
{
	if (ns > 0)
		json_out_i64(o, key, ns);
}

void import_health_write(const struct import_health *h, struct json_out *o)
{
	if (h->test.len == 0)
		return;
	json_out_object(o, "Healthcheck");
	json_out_strvec(o, "Test", &h->test);
	write_time(o, "Interval", h->interval_ns);
	write_time(o, "Timeout", h->timeout_ns);
	write_time(o, "StartPeriod", h->start_period_ns);
	write_time(o, "StartInterval", h->start_interval_ns);
	if (h->retries > 0)
		json_out_u64(o, "Retries", h->retries);
	json_out_end(o);
}
