/* SPDX-License-Identifier: Apache-2.0 */
/* The network of a container whose starter is not root: pasta(1) copies the host's addresses into it and forwards connections both ways. */
#ifndef SAMPAN_ENGINE_NETWORK_PASTA_H
#define SAMPAN_ENGINE_NETWORK_PASTA_H

#include <stdbool.h>

#include "engine/network_config.h"
#include "engine/network_record.h"

/* Whether we may not make bridges: not root, or root of a user namespace only. */
bool pasta_is_needed(void);

/* What pasta cannot do: networks by name, aliases, addresses of one's own. -EOPNOTSUPP. */
int pasta_check(const struct network_config *config, struct err *e) MUST_CHECK;

/* The arguments of pasta for the record's ports and the namespaces at these paths; argv[0] is `program`. `userns` is NULL where it is the one that we are in. Pure. */
int pasta_argv(const char *program, const struct network_record *r, const char *userns, const char *netns,
	       const char *pid_file, struct strvec *argv, struct err *e) MUST_CHECK;

/* Starts it; it ends with the namespace, or by pasta_stop. `dir` is where it writes its PID. -ENOENT names the package. */
int pasta_start(struct network_record *r, const char *dir, struct err *e) MUST_CHECK;

/* Ends the one that the record names, if it still runs. */
void pasta_stop(const struct network_record *r);

#endif
