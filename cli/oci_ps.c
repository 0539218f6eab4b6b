/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/oci.h"
#include "cli/ps_output.h"
#include "common/cleanup.h"
#include "runtime/control.h"

#define OUTPUT_MAX_BYTES (64u << 20)

struct ps_options {
	const char *format;
};

static const struct option_def OPTIONS[] = {
	{ "format", 'f', OPTION_STRING, offsetof(struct ps_options, format), "format",
	  "table (what ps prints) or json (host process ids)" },
	{ 0 },
};

static const struct command_def PS = {
	.name = "sampan-oci ps",
	.usage = "[OPTIONS] CONTAINER-ID [PS-OPTION...]",
	.summary = "List the processes of a container (PS-OPTIONs: default -ef)",
	.options = OPTIONS,
	.options_first = true,
	.min_args = 1,
	.max_args = -1,
};

struct pids {
	pid_t *items; /* sorted */
	size_t len;
};

/* As Go's encoder: no processes are "null". */
static int print_pids(const struct pids *pids, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, OUTPUT_MAX_BYTES);
	int r = 0;

	if (pids->len == 0) {
		(void)fputs("null", stdout); /* the flush below sees what goes wrong */
	} else {
		json_out_array(o, NULL);
		for (size_t i = 0; i < pids->len; i++)
			json_out_i64(o, NULL, pids->items[i]);
		json_out_end(o);
		r = oci_print_json(o, e);
	}
	if (r == 0 && (fputc('\n', stdout) == EOF || fflush(stdout) != 0))
		r = err_errno(e, "cannot write to stdout");
	return r;
}

static int print_table(const struct pids *pids, char *const *options, struct err *e)
{
	cleanup_strvec struct strvec lines = { 0 };
	int r = ps_output(options, pids->items, pids->len, &lines, e);

	for (size_t i = 0; r == 0 && i < lines.len; i++)
		(void)puts(lines.items[i]); /* the flush below sees what goes wrong */
	if (r == 0 && fflush(stdout) != 0)
		r = err_errno(e, "cannot write to stdout");
	return r;
}

int oci_ps(int argc, char **argv, const struct oci_globals *g)
{
	struct ps_options o = { 0 };
	cleanup_free pid_t *items = NULL;
	struct pids pids = { 0 };
	int exit_code, count, r;
	bool json;
	struct err e;

	if (!oci_options(g, &PS, argc, argv, &o, &count, &exit_code))
		return exit_code;
	json = o.format && strcmp(o.format, "json") == 0;
	if (o.format && !json && strcmp(o.format, "table") != 0) {
		(void)err_set(&e, -EINVAL, "invalid format option '%s' (table or json)", o.format);
		return oci_fail(g, &e);
	}
	r = control_processes(g->root, argv[1], &items, &pids.len, &e);
	if (r < 0)
		return oci_fail(g, &e);
	pids.items = items;
	ps_sort_pids(items, pids.len);
	r = json ? print_pids(&pids, &e) : print_table(&pids, argv + 2, &e);
	return r < 0 ? oci_fail(g, &e) : 0;
}
