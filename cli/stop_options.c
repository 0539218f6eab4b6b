/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stop_options.h"

#include "cli/signal_name.h"
#include "store/container_event.h"

int stop_options_check(struct stop_options *o, struct err *e)
{
	if (o->time.set && (o->time.value < -1 || o->time.value > INT32_MAX))
		return err_set(e, -EINVAL, "invalid time: %lld", (long long)o->time.value);
	return o->signal ? signal_number(o->signal, &o->number, e) : 0;
}

int stop_by_options(const struct stop_options *o, const struct store *s, const char *state_dir,
		    const struct container_record *c, struct err *e)
{
	int32_t timeout_s = o->time.set ? (int32_t)o->time.value : CONTAINER_STOP_DEFAULT;

	bool was_up = container_is_up(c);
	int r = container_stop(s, state_dir, c, o->number, timeout_s, e);

	if (r == 0 && was_up)
		container_event(state_dir, c, "stop", NULL);
	return r;
}
