/* SPDX-License-Identifier: Apache-2.0 */
/* What may stand where a word is being typed: names of containers, images, networks, and fixed words. */
#ifndef SAMPAN_CLI_COMPLETE_VALUES_H
#define SAMPAN_CLI_COMPLETE_VALUES_H

#include "cli/cli.h"
#include "cli/help_text.h"
#include "common/strvec.h"

/* A candidate: "WORD", or "WORD\tWHAT IT IS". Shells complete file or directory names themselves when they are told to: */
#define COMPLETE_FILES       ":files"
#define COMPLETE_DIRECTORIES ":directories"

/* The value of an option of the command whose usage line begins with "sampan COMMAND". Nothing for values that nobody can guess. -ENOMEM; what cannot be
 * listed is left out. */
int complete_option_value(const struct cli_globals *g, const struct help_text *command,
			  const struct help_entry *option, struct strvec *out) MUST_CHECK;

/* The nth argument, from 0. */
int complete_argument(const struct cli_globals *g, const struct help_text *command, size_t n,
		      struct strvec *out) MUST_CHECK;

#endif
