/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/confirm.h"

#include <stdio.h>

bool cli_confirm_question(const char *question)
{
	char answer[8] = "";

	(void)printf("%s [y/N] ", question);
	(void)fflush(stdout); /* the end of the output tells */
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

bool cli_confirm(const char *what)
{
	(void)printf("WARNING! This will remove %s.\n", what);
	return cli_confirm_question("Are you sure you want to continue?");
}
