/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "cli/progress.h"
#include "common/cleanup.h"

static void rows_fit_the_terminal_whatever_its_width(void **state)
{
	struct progress_row row = { .title = "0123456789ab",
				    .phase = "downloading",
				    .has_bar = true,
				    .done_bytes = 5000000,
				    .total_bytes = 10000000 };
	char line[PROGRESS_LINE_MAX];

	(void)state;
	progress_format_row(&row, 80, line);
	assert_string_equal(
		line, "0123456789ab: downloading  [=====================>                    ] 5MB/10MB");
	progress_format_row(&row, 45, line);
	assert_string_equal(line, "0123456789ab: downloading  5MB/10MB");
	progress_format_row(&row, 20, line);
	assert_string_equal(line, "0123456789ab: downlo");
	for (size_t columns = 0; columns < 1000; columns++) {
		progress_format_row(&row, columns, line);
		assert_true(strlen(line) <= columns);
	}
}

static void bars_are_full_at_the_end_and_phases_without_bytes_have_none(void **state)
{
	struct progress_row row = {
		.title = "x", .phase = "verifying", .has_bar = true, .done_bytes = 7, .total_bytes = 7
	};
	char line[PROGRESS_LINE_MAX];

	(void)state;
	progress_format_row(&row, 40, line);
	assert_string_equal(line, "x: verifying    [================] 7B/7B");
	row.total_bytes = row.done_bytes = 0;
	progress_format_row(&row, 40, line);
	assert_string_equal(line, "x: verifying    [================] 0B/0B");
	row.has_bar = false;
	row.phase = "done";
	progress_format_row(&row, 40, line);
	assert_string_equal(line, "x: done");
}

static void without_a_terminal_a_phase_is_said_once(void **state)
{
	char text[256] = "";
	cleanup_stream FILE *out = tmpfile();
	struct progress p;
	struct err e = { 0 };

	(void)state;
	assert_non_null(out);
	progress_init(&p, out);
	assert_int_equal(progress_begin(&p, 1, &e), 0);
	progress_title(&p, 0, "abc", 2000);
	progress_update(&p, 0, "downloading", true, false, 0);
	progress_update(&p, 0, "downloading", true, false, 1000);
	progress_draw(&p, true);
	progress_update(&p, 0, "done", false, true, 2000);
	progress_done(&p);
	rewind(out);
	assert_int_equal(fread(text, 1, sizeof(text) - 1, out), strlen("abc: downloading 2kB\nabc: done\n"));
	assert_string_equal(text, "abc: downloading 2kB\nabc: done\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_fit_the_terminal_whatever_its_width),
		cmocka_unit_test(bars_are_full_at_the_end_and_phases_without_bytes_have_none),
		cmocka_unit_test(without_a_terminal_a_phase_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
