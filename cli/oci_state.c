/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/oci.h"
#include "runtime/state.h"

#define OUTPUT_MAX_BYTES (4u << 20)

static const struct option_def OPTIONS[] = { { 0 } };

static const struct command_def STATE = {
	.name = "sampan-oci state",
	.usage = "CONTAINER-ID",
	.summary = "Print the state of a container as JSON",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

static int print_state(const struct oci_globals *g, const char *id, struct err *e)
{
	cleanup_container_state struct container_state s = { 0 };
	cleanup_json_out struct json_out *o = json_out_new(true, OUTPUT_MAX_BYTES);
	int r = container_state_read(g->root, id, &s, e);

	if (r < 0)
		return r;
	container_state_print(o, &s, container_state_status(g->root, &s));
	return oci_print_json(o, e);
}

int oci_state(int argc, char **argv, const struct oci_globals *g)
{
	int exit_code, count;
	struct err e;

	if (!oci_options(g, &STATE, argc, argv, NULL, &count, &exit_code))
		return exit_code;
	return print_state(g, argv[1], &e) < 0 ? oci_fail(g, &e) : 0;
}
