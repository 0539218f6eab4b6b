/* SPDX-License-Identifier: Apache-2.0 */
/* What builds leave that were stopped: a step that is killed removes neither its cgroup nor its files. */
#ifndef SAMPAN_BUILD_LEFTOVERS_H
#define SAMPAN_BUILD_LEFTOVERS_H

#include "store/layer.h"
#include "store/store.h"

/* Names of steps, and of their directories in staging/<name>, begin so; none has a dot. */
#define LEFTOVERS_STEP_PREFIX  "step-"

/* Where the state of a step's container is, in staging/<name>: <step> and this. The container is called "build-<name>-<step>". */
#define LEFTOVERS_STATE_SUFFIX ".run"

/* Removes the cgroups of containers that were made in this staging directory, with all that is in them: to be called when its steps have ended. */
void leftovers_remove_cgroups(const struct store *s, const struct staging *st);

/* Removes all staging directories whose owners are gone, with such cgroups. The caller holds the store's lock, shared. What cannot be removed stays for the next
 * one, or for store_gc. */
void leftovers_sweep(const struct store *s);

#endif
