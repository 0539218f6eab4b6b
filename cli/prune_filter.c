/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/prune_filter.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/format.h"
#include "common/go_duration.h"
#include "common/parse.h"
#include "common/timestamp.h"

static int parse_time(const char *text, time_t *ret)
{
	struct timespec t;
	uint64_t seconds;
	int64_t ago_ns;

	if (parse_u64(text, 0, INT32_MAX * UINT64_C(64), &seconds) == 0)
		*ret = (time_t)seconds;
	else if (format_parse_rfc3339(text, &t) == 0)
		*ret = t.tv_sec;
	else if (go_duration_parse(text, &ago_ns) == 0)
		*ret = time(NULL) - (time_t)(ago_ns / 1000000000);
	else
		return -EINVAL;
	return 0;
}

static int set_until(const char *text, struct prune_policy *ret, struct err *e)
{
	char when[sizeof("2024-01-02T03:04:05")];
	struct tm tm;
	time_t t;

	if (parse_time(text, &t) < 0 || !gmtime_r(&t, &tm) ||
	    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		return err_set(
			e, -EINVAL,
			"bad filter 'until=%s' (until takes 24h, 2024-01-02T03:04:05Z or seconds since 1970)",
			text);
	free(ret->before);
	ret->before = strdup(when);
	return ret->before ? 0 : err_code(e, -ENOMEM, "cannot read filters");
}

static int add_label(const char *negation, const char *text, struct prune_policy *ret, struct err *e)
{
	int r = strvec_addf(&ret->labels, "%s%s", negation, text);

	return r < 0 ? err_code(e, r, "cannot read filters") : 0;
}

int prune_filter_parse(const struct strvec *filters, struct prune_policy *ret, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < filters->len; i++) {
		const char *text = filters->items[i];

		if (strncmp(text, "until=", 6) == 0)
			r = set_until(text + 6, ret, e);
		else if (strncmp(text, "label=", 6) == 0 && text[6])
			r = add_label("", text + 6, ret, e);
		else if (strncmp(text, "label!=", 7) == 0 && text[7])
			r = add_label("!", text + 7, ret, e);
		else
			r = err_set(e, -EINVAL,
				    "bad filter '%s' (there are until=TIME, label=KEY[=VALUE] and "
				    "label!=KEY[=VALUE])",
				    text);
	}
	return r;
}
