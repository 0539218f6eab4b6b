/* SPDX-License-Identifier: Apache-2.0 */
/* One run of a container's health check, for its monitor; and the log of the last ones, for `inspect`. */
#ifndef SAMPAN_ENGINE_HEALTH_PROBE_H
#define SAMPAN_ENGINE_HEALTH_PROBE_H

#include "store/store.h"

#define HEALTH_LOG_FILE   "health.json" /* in <state dir>/monitor/<id>: docker's State.Health.Log, an array */
#define HEALTH_LOG_LEN    5
#define HEALTH_OUTPUT_MAX 4096 /* bytes of a check's output that are kept */

/* Runs the check in container `id`, with a process like the container's own, and logs how it went. *ret_passed. An error is one of ours, which
 * counts as not passed as well. */
int health_probe(const struct store *s, const char *state_dir, const char *id, bool *ret_passed,
		 struct err *e) MUST_CHECK;

#endif
