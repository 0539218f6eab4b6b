/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/oci.h"
#include "runtime/runtime.h"

struct delete_options {
	bool force;
};

static const struct option_def OPTIONS[] = {
	{ "force", 'f', OPTION_BOOL, offsetof(struct delete_options, force), NULL,
	  "Kill the container first; an absent one is no error" },
	{ 0 },
};

static const struct command_def DELETE = {
	.name = "sampan-oci delete",
	.usage = "[OPTIONS] CONTAINER-ID",
	.summary = "Delete what a stopped container leaves behind",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

int oci_delete(int argc, char **argv, const struct oci_globals *g)
{
	struct delete_options o = { 0 };
	int exit_code, count, r;
	struct err e;

	if (!oci_options(g, &DELETE, argc, argv, &o, &count, &exit_code))
		return exit_code;
	r = runtime_delete(g->root, argv[1], o.force, &e);
	if (r > 0)
		oci_warn(g, &e);
	return r < 0 ? oci_fail(g, &e) : 0;
}
