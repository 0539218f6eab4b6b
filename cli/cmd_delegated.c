/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that sampan-image does: pull, login and so on. */
#include "cli/cli.h"
#include "cli/image_exec.h"

int cmd_delegated(int argc, char **argv, const struct cli_globals *g)
{
	struct err e = { 0 };

	(void)!image_exec(g, argc, argv, &e); /* returns only with an error */
	return cli_refuse(&e);
}
