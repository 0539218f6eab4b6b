/* SPDX-License-Identifier: Apache-2.0 */
/* sampan check */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/table.h"
#include "common/cleanup.h"
#include "engine/doctor.h"

#define DOCUMENT_MAX_BYTES (256u << 10)
#define LITMUS_MS          100 /* for each of them */

struct check_options {
	bool json, no_litmus;
};

static const struct option_def OPTIONS[] = {
	{ "format", 0, OPTION_CALL, offsetof(struct check_options, json), "json", "Print JSON",
	  cli_set_format },
	{ "no-litmus", 0, OPTION_BOOL, offsetof(struct check_options, no_litmus), NULL,
	  "Leave out the tests of the CPU's memory order, which take a second" },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan check",
	.usage = "[OPTIONS]",
	.summary = "Check what this machine can do, and how to cure what it cannot",
	.options = OPTIONS,
};

static int print_json(const struct doctor_report *r)
{
	cleanup_json_out struct json_out *o = json_out_new(true, DOCUMENT_MAX_BYTES);

	json_out_object(o, NULL);
	json_out_string(o, "Worst", doctor_level_name(doctor_worst(r)));
	json_out_array(o, "Lines");
	for (size_t i = 0; i < r->len; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "Topic", r->lines[i].topic);
		json_out_string(o, "Level", doctor_level_name(r->lines[i].level));
		json_out_string(o, "Text", r->lines[i].text);
		json_out_opt_string(o, "Cure", r->lines[i].cure);
		json_out_end(o);
	}
	json_out_end(o);
	json_out_end(o);
	return cli_print_json(o);
}

static int print_table(const struct doctor_report *r, struct err *e)
{
	static const char *const HEADING[] = { "", "TOPIC", "FINDING" };
	cleanup_table struct table t = { .columns = ARRAY_LEN(HEADING) };
	int n = table_add_row(&t, HEADING);

	for (size_t i = 0; i < r->len && n == 0; i++) {
		const struct doctor_line *line = &r->lines[i];
		const char *const row[] = { doctor_level_name(line->level), line->topic, line->text };

		n = table_add_row(&t, row);
		if (n == 0 && line->cure) {
			char cure[1100];
			const char *const more[] = { "", "", cure };

			(void)snprintf(cure, sizeof(cure), "-> %s", line->cure);
			n = table_add_row(&t, more);
		}
	}
	if (n < 0)
		return err_code(e, n, "cannot print what was found");
	table_print(&t, stdout);
	return 0;
}

/* The exit code is for scripts: 1 where something is missing. */
int cmd_check(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_doctor_report struct doctor_report r = { 0 };
	struct check_options options = { 0 };
	int n = 0, code = 0, worst;
	struct doctor_host host;
	struct err e;

	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	if (doctor_host_here(g->root, &host, &e) < 0)
		return cli_fail(&e);
	host.litmus_ms = options.no_litmus ? 0 : LITMUS_MS;
	n = doctor_examine(&host, &r, &e);
	doctor_host_done(&host);
	if (n < 0)
		return cli_fail(&e);
	worst = doctor_worst(&r) == DOCTOR_MISSING ? 1 : 0;
	if (options.json) {
		code = print_json(&r);
		return code ? code : worst;
	}
	return print_table(&r, &e) < 0 ? cli_fail(&e) : cli_end_output(worst);
}
