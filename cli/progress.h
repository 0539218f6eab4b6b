/* SPDX-License-Identifier: Apache-2.0 */
/* How a pull is shown: one bar per layer, redrawn in place, on a terminal; one line per event elsewhere. Knows nothing of pull/. */
#ifndef SAMPAN_CLI_PROGRESS_H
#define SAMPAN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "common/err.h"

#define PROGRESS_TITLE_MAX 16
#define PROGRESS_REDRAW_MS 50
#define PROGRESS_LINE_MAX  512 /* bytes of a line on a terminal, however wide it is */

struct progress_row {
	char title[PROGRESS_TITLE_MAX]; /* the start of a digest */
	const char *phase;              /* "downloading"; a literal of the caller's */
	uint64_t done_bytes, total_bytes;
	bool is_over, has_bar;
};

struct progress {
	FILE *out;
	bool on_terminal;
	struct progress_row *rows;
	size_t len;
	size_t drawn; /* lines on the screen that belong to us */
	bool changed;
	struct timespec last;
};

/* Shows on `out` (borrowed). */
void progress_init(struct progress *p, FILE *out);
void progress_done(struct progress *p);

/* Begins `len` rows, all waiting. -ENOMEM. */
int progress_begin(struct progress *p, size_t len, struct err *e) MUST_CHECK;

/* A row before it is shown. */
void progress_title(struct progress *p, size_t index, const char *title, uint64_t total_bytes);

/* A row's news. A new phase is a line where there is no terminal. `has_bar`: done_bytes counts. */
void progress_update(struct progress *p, size_t index, const char *phase, bool has_bar, bool is_over,
		     uint64_t done_bytes);

/* Draws what has changed, but not more often than PROGRESS_REDRAW_MS unless `now`. */
void progress_draw(struct progress *p, bool now);

/* One row as it is drawn on a terminal of so many columns; pure. */
void progress_format_row(const struct progress_row *row, size_t columns, char out[PROGRESS_LINE_MAX]);

#endif
