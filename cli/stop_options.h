/* SPDX-License-Identifier: Apache-2.0 */
/* How a container is stopped: the options that `stop` and `restart` share. */
#ifndef SAMPAN_CLI_STOP_OPTIONS_H
#define SAMPAN_CLI_STOP_OPTIONS_H

#include "cli/options.h"
#include "engine/container_start.h"

struct stop_options {
	const char *signal;  /* as typed; NULL: the container's */
	struct opt_i64 time; /* seconds */
	int number;          /* of the signal; 0: the container's */
	bool ignore;         /* stop: one that is not there is no error */
};

#define STOP_OPTION(m) offsetof(struct stop_options, m)
#define STOP_OPTIONS                                                                                 \
	{ "signal",      's',                                                                        \
	  OPTION_STRING, STOP_OPTION(signal),                                                        \
	  "signal",      "What to send first (default the container's own, SIGTERM as a rule)" },    \
		{ "time",     't',                                                                   \
		  OPTION_I64, STOP_OPTION(time),                                                     \
		  "seconds",  "When SIGKILL follows (default the container's own, 10; -1: never)" }, \
	{                                                                                            \
		"timeout", 0, OPTION_I64, STOP_OPTION(time), "seconds", NULL                         \
	}

/* Fills o->number. -EINVAL in docker's words. */
int stop_options_check(struct stop_options *o, struct err *e) MUST_CHECK;

/* container_stop by them. */
int stop_by_options(const struct stop_options *o, const struct store *s, const char *state_dir,
		    const struct container_record *c, struct err *e) MUST_CHECK;

#endif
