/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/format.h"
#include "common/cleanup.h"

#define DEFAULT_COLUMNS 80
#define DEFAULT_LINES   24
#define BAR_MAX         50
#define BAR_MIN         8

void progress_init(struct progress *p, FILE *out)
{
	*p = (struct progress){ .out = out, .on_terminal = isatty(fileno(out)) == 1 };
}

void progress_done(struct progress *p)
{
	free(p->rows);
	p->rows = NULL;
	p->len = 0;
}

int progress_begin(struct progress *p, size_t len, struct err *e)
{
	struct progress_row *rows = calloc(len + 1, sizeof(*rows));

	if (!rows)
		return err_code(e, -ENOMEM, "cannot show progress");
	for (size_t i = 0; i < len; i++)
		rows[i].phase = "waiting";
	free(p->rows);
	p->rows = rows;
	p->len = len;
	p->changed = true;
	return 0;
}

void progress_title(struct progress *p, size_t index, const char *title, uint64_t total_bytes)
{
	(void)snprintf(p->rows[index].title, sizeof(p->rows[index].title), "%s", title);
	p->rows[index].total_bytes = total_bytes;
}

static void print_event(const struct progress *p, const struct progress_row *row)
{
	char size[FORMAT_MAX];

	format_size(row->total_bytes, size);
	if (row->has_bar)
		(void)fprintf(p->out, "%s: %s %s\n", row->title, row->phase, size);
	else
		(void)fprintf(p->out, "%s: %s\n", row->title, row->phase);
	(void)fflush(p->out); /* only for show */
}

void progress_update(struct progress *p, size_t index, const char *phase, bool has_bar, bool is_over,
		     uint64_t done_bytes)
{
	struct progress_row *row = &p->rows[index];
	bool is_new = strcmp(row->phase, phase) != 0;

	row->phase = phase;
	row->has_bar = has_bar;
	row->is_over = is_over;
	row->done_bytes = done_bytes;
	p->changed = true;
	if (is_new && !p->on_terminal)
		print_event(p, row);
}

/* "[=====>    ]" */
static void format_bar(const struct progress_row *row, size_t width, char *out)
{
	size_t full = width;

	if (row->done_bytes < row->total_bytes)
		full = (size_t)((double)row->done_bytes / (double)row->total_bytes * (double)width);
	out[0] = '[';
	memset(out + 1, '=', full);
	memset(out + 1 + full, ' ', width - full);
	if (full < width)
		out[1 + full] = '>';
	out[1 + width] = ']';
	out[2 + width] = 0;
}

void progress_format_row(const struct progress_row *row, size_t columns, char out[PROGRESS_LINE_MAX])
{
	char done[FORMAT_MAX], total[FORMAT_MAX], bar[BAR_MAX + 3] = "";
	int used, counts;
	size_t room, taken;

	if (columns >= PROGRESS_LINE_MAX)
		columns = PROGRESS_LINE_MAX - 1;
	format_size(row->done_bytes, done);
	format_size(row->total_bytes, total);
	used = snprintf(out, PROGRESS_LINE_MAX, "%s: %-12s", row->title, row->phase);
	if (row->has_bar) {
		counts = snprintf(NULL, 0, " %s/%s", done, total);
		taken = (size_t)used + (size_t)counts + 3;
		room = columns > taken ? columns - taken : 0;
		if (room > BAR_MAX)
			room = BAR_MAX;
		if (room >= BAR_MIN)
			format_bar(row, room, bar);
		(void)snprintf(out + used, PROGRESS_LINE_MAX - (size_t)used, "%s%s %s/%s", bar[0] ? " " : "",
			       bar, done, total);
	}
	if (strlen(out) > columns)
		out[columns] = 0;
	for (size_t len = strlen(out); len > 0 && out[len - 1] == ' ';)
		out[--len] = 0;
}

static void screen_size(const struct progress *p, size_t *ret_columns, size_t *ret_lines)
{
	struct winsize size;

	*ret_columns = DEFAULT_COLUMNS;
	*ret_lines = DEFAULT_LINES;
	if (ioctl(fileno(p->out), TIOCGWINSZ, &size) < 0)
		return;
	if (size.ws_col > 0)
		*ret_columns = size.ws_col;
	if (size.ws_row > 0)
		*ret_lines = size.ws_row;
}

static size_t count_over(const struct progress *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->len; i++)
		n += p->rows[i].is_over;
	return n;
}

/* More layers than lines: a sum, and those that something happens to. */
static size_t draw_summary(const struct progress *p, size_t columns, size_t lines)
{
	char line[PROGRESS_LINE_MAX];
	size_t drawn = 1;

	(void)fprintf(p->out, "%zu of %zu layers\033[K\n", count_over(p), p->len);
	for (size_t i = 0; i < p->len && drawn < lines; i++) {
		if (p->rows[i].is_over || strcmp(p->rows[i].phase, "waiting") == 0)
			continue;
		progress_format_row(&p->rows[i], columns, line);
		(void)fprintf(p->out, "%s\033[K\n", line);
		drawn++;
	}
	return drawn;
}

static bool is_time(struct progress *p, bool now)
{
	struct timespec t;
	int64_t ms;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	ms = (int64_t)(t.tv_sec - p->last.tv_sec) * 1000 + (t.tv_nsec - p->last.tv_nsec) / 1000000;
	if (!now && ms < PROGRESS_REDRAW_MS)
		return false;
	p->last = t;
	return true;
}

void progress_draw(struct progress *p, bool now)
{
	char line[PROGRESS_LINE_MAX];
	size_t columns, lines;

	if (!p->on_terminal || !p->changed || p->len == 0 || !is_time(p, now))
		return;
	screen_size(p, &columns, &lines);
	columns = columns > 1 ? columns - 1 : 1; /* a full last column would wrap on some terminals */
	lines = lines > 2 ? lines - 1 : 1;
	if (p->drawn > 0)
		(void)fprintf(p->out, "\033[%zuA\r", p->drawn);
	if (p->len <= lines) {
		for (size_t i = 0; i < p->len; i++) {
			progress_format_row(&p->rows[i], columns, line);
			(void)fprintf(p->out, "%s\033[K\n", line);
		}
		p->drawn = p->len;
	} else {
		p->drawn = draw_summary(p, columns, lines);
	}
	(void)fputs("\033[J", p->out);
	(void)fflush(p->out); /* only for show */
	p->changed = false;
}
