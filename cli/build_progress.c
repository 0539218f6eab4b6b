/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_progress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/terminal_text.h"
#include "common/cleanup.h"

void build_progress_done(struct build_progress *p)
{
	if (p->mode == BUILD_PROGRESS_TTY && p->shown)
		build_progress_draw(p, true);
	for (size_t i = 0; p->steps && i < p->plan->len; i++) {
		for (size_t n = 0; p->steps[i] && n < p->plan->stages[i].len; n++)
			buf_done(&p->steps[i][n].line);
		free(p->steps[i]);
	}
	free(p->steps);
	free(p->shown);
	p->steps = NULL;
	p->shown = NULL;
}

static int make_steps(struct build_progress *p, size_t stage)
{
	size_t len = p->plan->stages[stage].len;

	p->steps[stage] = calloc(len + 1, sizeof(**p->steps));
	if (!p->steps[stage])
		return -ENOMEM;
	for (size_t n = 0; n < len; n++) {
		p->steps[stage][n].line = BUF_INIT(BUILD_LINE_MAX);
		p->steps[stage][n].stage = stage;
		p->steps[stage][n].step = n;
	}
	p->total += len;
	return 0;
}

int build_progress_begin(struct build_progress *p, const struct build_plan *plan, struct err *e)
{
	int r = 0;

	if (p->mode == BUILD_PROGRESS_AUTO)
		p->mode = isatty(fileno(p->out)) ? BUILD_PROGRESS_TTY : BUILD_PROGRESS_PLAIN;
	p->plan = plan;
	p->begun_ms = monotonic_ms();
	p->steps = calloc(plan->len + 1, sizeof(struct build_progress_step *));
	for (size_t i = 0; p->steps && r == 0 && i < plan->len; i++)
		r = make_steps(p, i);
	if (p->steps && r == 0)
		p->shown = calloc(p->total + 1, sizeof(struct build_progress_step *));
	return p->shown ? 0 : err_code(e, -ENOMEM, "cannot show a build");
}

void build_progress_title(const struct build_progress *p, const struct build_progress_step *s,
			  struct buf *out)
{
	const struct plan_stage *stage = &p->plan->stages[s->stage];
	bool alone = p->plan->len == 1;

	IGNORE_RESULT(buf_printf(out, "[%s%s%zu/%zu] %s", alone ? "" : stage->name, alone ? "" : " ",
				 s->step + 2, stage->len + 1, stage->steps[s->step].text));
}

/* --- plain -------------------------------------------------------------------------------------------------- */

static void put_title(const struct build_progress *p, const struct build_progress_step *s)
{
	cleanup_buf struct buf title = BUF_INIT(BUILD_LINE_MAX);

	build_progress_title(p, s, &title);
	(void)fprintf(p->out, "#%u ", s->number);
	terminal_text_put(p->out, title.data ? title.data : "", title.len);
	(void)fputc('\n', p->out);
}

static void keep_tail(struct build_progress_step *s)
{
	char *to = s->tail[s->tail_len++ % BUILD_TAIL_LINES];
	size_t len = s->line.len < BUILD_TAIL_MAX - 1 ? s->line.len : BUILD_TAIL_MAX - 1;

	memcpy(to, s->line.data ? s->line.data : "", len);
	to[len] = '\0';
}

static void put_line(const struct build_progress *p, struct build_progress_step *s)
{
	int64_t ms = monotonic_ms() - s->begun_ms;

	if (p->mode == BUILD_PROGRESS_TTY) {
		keep_tail(s);
	} else {
		(void)fprintf(p->out, "#%u %lld.%03lld ", s->number, (long long)(ms / 1000),
			      (long long)(ms % 1000));
		terminal_text_put(p->out, s->line.data ? s->line.data : "", s->line.len);
		(void)fputc('\n', p->out);
	}
	buf_clear(&s->line);
}

/* Whole lines, or what has become too long for one. */
static void put_output(const struct build_progress *p, struct build_progress_step *s, const char *data,
		       size_t len)
{
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
}

static void put_end(const struct build_progress *p, const struct build_progress_step *s)
{
	if (s->state == BUILD_STEP_CACHED_BEFORE)
		(void)fprintf(p->out, "#%u CACHED\n\n", s->number);
	else if (s->state == BUILD_STEP_DONE)
		(void)fprintf(p->out, "#%u DONE %lld.%llds\n\n", s->number, (long long)(s->took_ms / 1000),
			      (long long)(s->took_ms % 1000 / 100));
	else
		(void)fprintf(p->out, "#%u ERROR\n\n", s->number);
}

/* --- what happens ------------------------------------------------------------------------------------------- */

static struct build_progress_step *show(struct build_progress *p, size_t stage, size_t step)
{
	struct build_progress_step *s = &p->steps[stage][step];

	if (s->number > 0)
		return s;
	p->shown[p->last] = s;
	s->number = ++p->last;
	s->begun_ms = monotonic_ms();
	timestamp_now(s->started);
	if (p->mode == BUILD_PROGRESS_PLAIN)
		put_title(p, s);
	else if (p->mode == BUILD_PROGRESS_RAWJSON)
		build_progress_json_step(p, s);
	return s;
}

static void refresh(struct build_progress *p)
{
	if (p->mode == BUILD_PROGRESS_TTY)
		build_progress_draw(p, false);
	(void)fflush(p->out);
}

static void on_begun(void *arg, size_t stage, size_t step)
{
	struct build_progress *p = arg;

	(void)show(p, stage, step);
	refresh(p);
}

static void on_output(void *arg, size_t stage, size_t step, const char *data, size_t len)
{
	struct build_progress *p = arg;
	struct build_progress_step *s = show(p, stage, step);

	if (p->mode == BUILD_PROGRESS_RAWJSON)
		build_progress_json_output(p, s, data, len);
	else
		put_output(p, s, data, len);
	refresh(p);
}

static void on_ended(void *arg, size_t stage, size_t step, enum build_step_end how, int64_t ms)
{
	static const enum build_progress_state STATES[] = { [BUILD_STEP_CACHED] = BUILD_STEP_CACHED_BEFORE,
							    [BUILD_STEP_MADE] = BUILD_STEP_DONE,
							    [BUILD_STEP_FAILED] = BUILD_STEP_BROKEN };
	struct build_progress *p = arg;
	struct build_progress_step *s = show(p, stage, step);

	if (s->line.len > 0)
		put_line(p, s);
	s->state = STATES[how];
	s->took_ms = ms;
	if (p->mode == BUILD_PROGRESS_PLAIN)
		put_end(p, s);
	else if (p->mode == BUILD_PROGRESS_RAWJSON)
		build_progress_json_step(p, s);
	refresh(p);
}

static void on_tick(void *arg)
{
	refresh(arg);
}

struct build_observer build_progress_observer(struct build_progress *p)
{
	if (p->quiet)
		return (struct build_observer){ 0 };
	return (struct build_observer){ .begun = on_begun,
					.output = on_output,
					.ended = on_ended,
					.tick = p->mode == BUILD_PROGRESS_TTY ? on_tick : NULL,
					.tick_ms = BUILD_REDRAW_MS,
					.arg = p };
}
