/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/signal_name.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

#include "common/names.h"
#include "common/parse.h"

/* "RTMIN+3", "RTMAX-1", "RTMIN". */
static int realtime_number(const char *name, int *ret)
{
	bool from_min = strncasecmp(name, "RTMIN", 5) == 0;
	uint64_t offset = 0;

	if (!from_min && strncasecmp(name, "RTMAX", 5) != 0)
		return -EINVAL;
	if (name[5] != '\0' &&
	    (name[5] != (from_min ? '+' : '-') ||
	     parse_u64(name + 6, 0, (uint64_t)(SIGNAL_RT_MAX - SIGNAL_RT_MIN), &offset) < 0))
		return -EINVAL;
	*ret = from_min ? SIGNAL_RT_MIN + (int)offset : SIGNAL_RT_MAX - (int)offset;
	return 0;
}

int signal_number(const char *text, int *ret, struct err *e)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	uint64_t number;

	if (parse_u64(text, 1, (uint64_t)SIGNAL_RT_MAX, &number) == 0) {
		*ret = (int)number;
		return 0;
	}
	for (int i = 1; i < SIGNAL_RT_MIN; i++) {
		const char *known = signal_abbreviation(i);

		if (known && strcasecmp(known, name) == 0) {
			*ret = i;
			return 0;
		}
	}
	if (realtime_number(name, ret) == 0)
		return 0;
	return err_set(e, -EINVAL, "unknown signal '%s'", text);
}
