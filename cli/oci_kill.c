/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "cli/oci.h"
#include "cli/signal_name.h"
#include "common/parse.h"
#include "runtime/runtime.h"

struct kill_options {
	bool all;
};

static const struct option_def OPTIONS[] = {
	{ "all", 'a', OPTION_BOOL, offsetof(struct kill_options, all), NULL,
	  "Send the signal to all processes of the container" },
	{ 0 },
};

static const struct command_def KILL = {
	.name = "sampan-oci kill",
	.usage = "[OPTIONS] CONTAINER-ID [SIGNAL]",
	.summary = "Send a signal (default SIGTERM) to a container's init process",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 2,
};

/* As signal_number; and 0, which only asks whether the process is there: kill(2). */
static int read_signal(const char *text, int *ret, struct err *e)
{
	uint64_t zero;

	if (parse_u64(text, 0, 0, &zero) < 0)
		return signal_number(text, ret, e);
	*ret = 0;
	return 0;
}

int oci_kill(int argc, char **argv, const struct oci_globals *g)
{
	struct kill_options o = { 0 };
	int exit_code, count, number = SIGTERM;
	struct err e;

	if (!oci_options(g, &KILL, argc, argv, &o, &count, &exit_code))
		return exit_code;
	if (count == 2 && *argv[2] && read_signal(argv[2], &number, &e) < 0)
		return oci_fail(g, &e);
	return runtime_kill(g->root, argv[1], number, o.all, &e) < 0 ? oci_fail(g, &e) : 0;
}
