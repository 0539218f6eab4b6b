/* SPDX-License-Identifier: Apache-2.0 */
/* What `sampan events` hears of a container's start and end, from the monitor's helpers: the monitor itself tells nobody. */
#ifndef SAMPAN_ENGINE_LAUNCH_EVENTS_H
#define SAMPAN_ENGINE_LAUNCH_EVENTS_H

#include "common/event_log.h"
#include "engine/network_record.h"
#include "oci/runtime_spec.h"
#include "store/container.h"

/* "mount" for each of its volumes, "connect" for each of its networks, and "start", in one write. */
void launch_events_start(const struct store *s, const char *state_dir, const struct container_record *c,
			 const struct runtime_spec *spec, const struct network_record *networks);

struct launch_end {
	int exit_code;
	int64_t ran_s;
	bool oom_killed;
	const struct network_record *networks; /* that it had; NULL: not known */
};

/* "oom", "die", and "disconnect" and "unmount". */
void launch_events_end(const char *state_dir, const struct container_record *c, const struct launch_end *end);

/* container_remove, or with `volumes` container_remove_with_volumes, and "destroy" of all that has gone. */
int launch_remove(const struct store *s, const char *state_dir, const struct container_record *c,
		  bool volumes, struct err *e) MUST_CHECK;

/* The same with `volumes`, and `told` is called as soon as all but the container's files has gone; not where it fails before. If it says so, somebody else
 * removes them, who has a copy of the removal's descriptor; NULL: they are gone. */
int launch_remove_telling(const struct store *s, const char *state_dir, const struct container_record *c,
			  bool (*told)(void *arg, const struct container_removal *removal), void *arg,
			  struct err *e) MUST_CHECK;

#endif
