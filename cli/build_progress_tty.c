/* SPDX-License-Identifier: Apache-2.0 */
/* A build on a terminal: as much as fits on it, drawn again in place. */
#include <string.h>
#include <sys/ioctl.h>

#include "cli/build_progress.h"
#include "common/cleanup.h"

#define SCREEN_MAX   (256u << 10)
#define COLUMNS_MIN  40
#define ROWS_MIN     8
#define TIME_COLUMNS 8 /* " 1234.5s" */

struct screen {
	size_t columns, rows, lines;
	struct buf text;
};

static void measure(const struct build_progress *p, struct screen *s)
{
	struct winsize size = { 0 };

	if (ioctl(fileno(p->out), TIOCGWINSZ, &size) < 0)
		size = (struct winsize){ 0 };
	s->columns = size.ws_col >= COLUMNS_MIN ? size.ws_col : 80;
	s->rows = size.ws_row >= ROWS_MIN ? size.ws_row : 24;
}

/* A line of at most so many characters; what is no plain text is not sent to a terminal. */
static size_t add_text(struct buf *out, const char *text, size_t columns)
{
	size_t used = 0;

	for (const char *p = text; *p && used < columns; p++) {
		unsigned char c = (unsigned char)*p;
		bool continues = (c & 0xc0) == 0x80;

		if (c < ' ' || c == 0x7f || (c == 0xc2 && (unsigned char)p[1] < 0xa0)) {
			IGNORE_RESULT(buf_add_char(out, ' ')); /* only for show */
			p += c == 0xc2 && p[1];
		} else {
			IGNORE_RESULT(buf_add_char(out, *p)); /* as above */
			used -= continues;
		}
		used++;
	}
	return used;
}

static void add_step(const struct build_progress *p, const struct build_progress_step *s,
		     struct screen *screen)
{
	static const char *const MARKS[] = { [BUILD_STEP_RUNS] = "",
					     [BUILD_STEP_CACHED_BEFORE] = "CACHED ",
					     [BUILD_STEP_DONE] = "",
					     [BUILD_STEP_BROKEN] = "ERROR " };
	int64_t ms = s->state == BUILD_STEP_RUNS ? monotonic_ms() - s->begun_ms : s->took_ms;
	cleanup_buf struct buf title = BUF_INIT(BUILD_LINE_MAX);
	size_t room = screen->columns - TIME_COLUMNS - 1, used;

	if (buf_printf(&title, " => %s", MARKS[s->state]) < 0)
		return;
	build_progress_title(p, s, &title);
	used = add_text(&screen->text, title.data, room);
	IGNORE_RESULT(buf_printf(&screen->text, "%*s%6lld.%llds\033[K\n", (int)(room - used), "",
				 (long long)(ms / 1000), (long long)(ms % 1000 / 100))); /* only for show */
	screen->lines++;
}

static void add_tail(const struct build_progress_step *s, struct screen *screen)
{
	size_t len = s->tail_len < BUILD_TAIL_LINES ? s->tail_len : BUILD_TAIL_LINES;

	for (size_t i = s->tail_len - len; i < s->tail_len; i++) {
		IGNORE_RESULT(buf_add_str(&screen->text, " => => # ")); /* only for show */
		(void)add_text(&screen->text, s->tail[i % BUILD_TAIL_LINES], screen->columns - 10);
		IGNORE_RESULT(buf_add_str(&screen->text, "\033[K\n")); /* as above */
		screen->lines++;
	}
}

static size_t count_over(const struct build_progress *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->last; i++)
		n += p->shown[i]->state != BUILD_STEP_RUNS;
	return n;
}

/* The newest steps, where not all fit. */
static size_t first_shown(const struct build_progress *p, size_t rows)
{
	size_t needed = 2, i = p->last;

	while (i > 0) {
		const struct build_progress_step *s = p->shown[i - 1];
		size_t lines = 1 + (s->state == BUILD_STEP_RUNS ? BUILD_TAIL_LINES : 0);

		if (needed + lines > rows)
			break;
		needed += lines;
		i--;
	}
	return i;
}

void build_progress_draw(struct build_progress *p, bool now)
{
	struct screen screen = { .text = BUF_INIT(SCREEN_MAX) };
	int64_t at = monotonic_ms();

	if (!now && at - p->drawn_ms < BUILD_REDRAW_MS)
		return;
	p->drawn_ms = at;
	measure(p, &screen);
	at -= p->begun_ms;
	IGNORE_RESULT(buf_printf(&screen.text, "[+] Building %lld.%llds (%zu/%zu)\033[K\n",
				 (long long)(at / 1000), (long long)(at % 1000 / 100), count_over(p),
				 p->total)); /* only for show */
	screen.lines = 1;
	for (size_t i = now ? 0 : first_shown(p, screen.rows); i < p->last; i++) {
		add_step(p, p->shown[i], &screen);
		if (p->shown[i]->state == BUILD_STEP_RUNS || p->shown[i]->state == BUILD_STEP_BROKEN)
			add_tail(p->shown[i], &screen);
	}
	if (p->drawn > 0)
		(void)fprintf(p->out, "\033[%zuA\r", p->drawn);
	(void)fwrite(screen.text.data ? screen.text.data : "", 1, screen.text.len, p->out);
	(void)fputs("\033[J", p->out);
	(void)fflush(p->out);
	p->drawn = screen.lines;
	buf_done(&screen.text);
}
