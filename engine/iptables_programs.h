/* SPDX-License-Identifier: Apache-2.0 */
/* iptables-save(8) and iptables-restore(8): all rules are read at once, and all changes made at once. */
#ifndef SAMPAN_ENGINE_IPTABLES_PROGRAMS_H
#define SAMPAN_ENGINE_IPTABLES_PROGRAMS_H

#include "engine/iptables_table.h"
#include "engine/network_helper.h"

#define IPTABLES_FAMILIES    2 /* IPv4, IPv6 */
#define IPTABLES_CHANGES_MAX 65536

/* "iptables", "ip6tables" */
const char *iptables_program(size_t family);

/* Starts reading; iptables_finish_reading waits for it. */
int iptables_start_reading(size_t family, struct network_helper *ret, struct err *e) MUST_CHECK;
/* -EPROTO iptables-save has failed, in its words; -EINVAL, -EFBIG as iptables_tables_read. */
int iptables_finish_reading(size_t family, const struct network_helper *h, struct iptables_tables *ret,
			    struct err *e) MUST_CHECK;

struct iptables_changes {
	struct iptables_call *items; /* -N, -X, -A, -I and -D */
	size_t len;
};
void iptables_changes_done(struct iptables_changes *c);

/* Takes the call, unless it fails. */
int iptables_changes_add(struct iptables_changes *c, struct iptables_call *call) MUST_CHECK;

/* Makes the changes, those of a table at once. `watch_fd` is a socket of engine/nft_watch.h or -1. `stale`: another program may have changed the rules since the changes
 * were decided on. What somebody else has done by now is left out then, and also where iptables-restore refuses them; what it refuses still is done one by one. Returns when
 * the kernel has made them. -EPROTO, in iptables' words. */
int iptables_commit(size_t family, struct iptables_changes *c, int watch_fd, bool stale,
		    struct err *e) MUST_CHECK;

#endif
