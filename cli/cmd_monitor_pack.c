/* SPDX-License-Identifier: Apache-2.0 */
/* sampan monitor-pack: not for people; a container's monitor calls it (engine/monitor.h) for a file of the log that has been rotated. */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/image_exec.h"

#define NICE_LEAST      19
#define IOPRIO_PROCESS  1 /* of ioprio_set(2), which has no header */
#define IOPRIO_IDLE     (3 << 13)
#define HELPER_MESSAGES 3 /* MONITOR_FD_HELPER: nothing is said there */

static const struct option_def OPTIONS[] = { { 0 } };
static const struct command_def COMMAND = {
	.name = "sampan monitor-pack",
	.usage = "ID",
	.summary = "Make a gzip of the log on stdin for a container's monitor",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

int cmd_monitor_pack(int argc, char **argv, const struct cli_globals *g)
{
	static char pack[] = "log-pack";
	char *args[] = { pack, NULL };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&COMMAND, argc, argv, NULL, &n, &code))
		return code;
	(void)close(HELPER_MESSAGES);
	/* It may take its time, and takes nobody else's. Where that cannot be had, it is not needed. */
	(void)setpriority(PRIO_PROCESS, 0, NICE_LEAST);
	(void)syscall(SYS_ioprio_set, IOPRIO_PROCESS, 0, IOPRIO_IDLE);
	IGNORE_RESULT(image_exec(g, 1, args, &e)); /* returns only with an error */
	return cli_refuse(&e);
}
