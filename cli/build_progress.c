/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_progress.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/timestamp.h"

void build_progress_done(struct build_progress *p)
{
	for (size_t i = 0; p->steps && i < p->plan->len; i++) {
		for (size_t n = 0; p->steps[i] && n < p->plan->stages[i].len; n++)
			buf_done(&p->steps[i][n].line);
		free(p->steps[i]);
	}
	free(p->steps);
	p->steps = NULL;
}

int build_progress_begin(struct build_progress *p, const struct build_plan *plan, struct err *e)
{
	p->plan = plan;
	p->steps = calloc(plan->len + 1, sizeof(*p->steps));
	if (!p->steps)
		return err_code(e, -ENOMEM, "cannot show a build");
	for (size_t i = 0; i < plan->len; i++) {
		p->steps[i] = calloc(plan->stages[i].len + 1, sizeof(**p->steps));
		if (!p->steps[i])
			return err_code(e, -ENOMEM, "cannot show a build");
		for (size_t n = 0; n < plan->stages[i].len; n++)
			p->steps[i][n].line = BUF_INIT(BUILD_LINE_MAX);
	}
	return 0;
}

/* --- lines ---------------------------------------------------------------------------------------------- */

/* "[builder 2/3] RUN make": FROM is the first. */
static void put_title(const struct build_progress *p, size_t stage, size_t step)
{
	const struct plan_stage *s = &p->plan->stages[stage];
	bool alone = p->plan->len == 1;

	(void)fprintf(p->out, "[%s%s%zu/%zu] %s", alone ? "" : s->name, alone ? "" : " ", step + 2,
		      s->len + 1, s->steps[step].text);
}

static struct build_progress_step *show(struct build_progress *p, size_t stage, size_t step)
{
	struct build_progress_step *s = &p->steps[stage][step];

	if (s->number == 0) {
		s->number = ++p->last;
		s->begun_ms = monotonic_ms();
		if (!p->quiet) {
			(void)fprintf(p->out, "#%u ", s->number);
			put_title(p, stage, step);
			(void)fputc('\n', p->out);
		}
	}
	return s;
}

static void put_line(const struct build_progress *p, struct build_progress_step *s)
{
	int64_t ms = monotonic_ms() - s->begun_ms;

	if (!p->quiet)
		(void)fprintf(p->out, "#%u %lld.%03lld %s\n", s->number, (long long)(ms / 1000),
			      (long long)(ms % 1000), s->line.data ? s->line.data : "");
	buf_clear(&s->line);
}

/* --- what happens --------------------------------------------------------------------------------------- */

static void on_begun(void *arg, size_t stage, size_t step)
{
	struct build_progress *p = arg;

	(void)show(p, stage, step);
	(void)fflush(p->out);
}

static void on_output(void *arg, size_t stage, size_t step, const char *data, size_t len)
{
	struct build_progress *p = arg;
	struct build_progress_step *s = show(p, stage, step);

	while (len > 0) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;
		size_t room = s->line.max - s->line.len;

		if (n > room)
			n = room;
		if (buf_add(&s->line, data, n) < 0)
			return; /* only for show */
		if (end == data + n)
			n++;
		else if (s->line.len < s->line.max)
			return;
		put_line(p, s);
		data += n;
		len -= n;
	}
	(void)fflush(p->out);
}

static void on_ended(void *arg, size_t stage, size_t step, enum build_step_end how, int64_t ms)
{
	struct build_progress *p = arg;
	struct build_progress_step *s = show(p, stage, step);

	if (s->line.len > 0)
		put_line(p, s);
	if (p->quiet)
		return;
	if (how == BUILD_STEP_CACHED)
		(void)fprintf(p->out, "#%u CACHED\n\n", s->number);
	else if (how == BUILD_STEP_MADE)
		(void)fprintf(p->out, "#%u DONE %lld.%llds\n\n", s->number, (long long)(ms / 1000),
			      (long long)(ms % 1000 / 100));
	else
		(void)fprintf(p->out, "#%u ERROR\n\n", s->number);
	(void)fflush(p->out);
}

struct build_observer build_progress_observer(struct build_progress *p)
{
	return (struct build_observer){ .begun = on_begun, .output = on_output, .ended = on_ended, .arg = p };
}
