/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_health.h"

#include <string.h>

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

/* image-spec and docker: ["NONE"], ["CMD", args...], ["CMD-SHELL", text]. */
static int take_image_test(const struct strvec *test, const struct strvec *shell, struct strvec *out,
			   struct err *e)
{
	int r = 0;

	if (test->len == 0 || strcmp(test->items[0], "NONE") == 0)
		return 0;
	if (strcmp(test->items[0], "CMD-SHELL") == 0) {
		if (shell->len > 0)
			r = strvec_add_all(out, shell);
		else if ((r = strvec_add(out, "/bin/sh")) == 0)
			r = strvec_add(out, "-c");
	}
	for (size_t i = 1; r == 0 && i < test->len; i++)
		r = strvec_add(out, test->items[i]);
	return r < 0 ? no_memory(e) : 0;
}

static int take_command(const char *command, const struct strvec *shell, struct strvec *out, struct err *e)
{
	char *words[] = { (char *)(uintptr_t) "CMD-SHELL", (char *)(uintptr_t)command };
	const struct strvec test = { .items = words, .len = 2 };

	return take_image_test(&test, shell, out, e);
}

static int64_t choose(struct opt_i64 flag, int64_t image, int64_t otherwise)
{
	if (flag.set && flag.value != 0)
		return flag.value;
	return image != 0 ? image : otherwise;
}

static int check_span(const char *name, struct opt_i64 span, int64_t min, struct err *e)
{
	if (span.set && span.value < 0)
		return err_set(e, -EINVAL, "--%s cannot be negative", name);
	if (span.set && span.value != 0 && span.value < min)
		return err_set(e, -EINVAL, "--%s cannot be less than 1ms", name);
	return 0;
}

static int check_flags(const struct run_flags *f, struct err *e)
{
	bool any = f->health_cmd || f->health_interval.set || f->health_timeout.set ||
		   f->health_start_period.set || f->health_start_interval.set || f->health_retries.set;
	int r;

	if (f->no_healthcheck && any)
		return err_set(e, -EINVAL, "--no-healthcheck conflicts with --health-* options");
	r = check_span("health-interval", f->health_interval, HEALTH_MIN_NS, e);
	if (r == 0)
		r = check_span("health-timeout", f->health_timeout, HEALTH_MIN_NS, e);
	if (r == 0)
		r = check_span("health-start-period", f->health_start_period, HEALTH_MIN_NS, e);
	if (r == 0)
		r = check_span("health-start-interval", f->health_start_interval, HEALTH_MIN_NS, e);
	if (r == 0 && f->health_retries.set &&
	    (f->health_retries.value < 0 || f->health_retries.value > INT32_MAX))
		r = err_set(e, -EINVAL, "--health-retries cannot be negative");
	return r;
}

int run_health(const struct run_flags *f, const struct image_config *image, struct health *ret, struct err *e)
{
	static const struct image_healthcheck NONE = { 0 };
	const struct image_healthcheck *h = image->healthcheck ? image->healthcheck : &NONE;
	int r = check_flags(f, e);

	if (r < 0 || f->no_healthcheck)
		return r;
	r = f->health_cmd ? take_command(f->health_cmd, &image->shell, &ret->test, e)
			  : take_image_test(&h->test, &image->shell, &ret->test, e);
	ret->rules = (struct health_rules){
		.set = ret->test.len > 0,
		.interval_ns = choose(f->health_interval, h->interval_ns, HEALTH_INTERVAL_NS),
		.timeout_ns = choose(f->health_timeout, h->timeout_ns, HEALTH_TIMEOUT_NS),
		.start_period_ns = choose(f->health_start_period, h->start_period_ns, 0),
		.start_interval_ns =
			choose(f->health_start_interval, h->start_interval_ns, HEALTH_START_INTERVAL_NS),
		.retries = (uint32_t)choose(f->health_retries, h->retries, HEALTH_RETRIES),
		.action = f->health_action,
	};
	return r;
}
