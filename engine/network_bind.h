/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of the host for a container: chosen, claimed from other containers, and bound, so that no other program takes them. */
#ifndef SAMPAN_ENGINE_NETWORK_BIND_H
#define SAMPAN_ENGINE_NETWORK_BIND_H

#include "engine/network_state.h"

/* Sockets that are bound to the published ports, and that nothing reads. */
struct network_sockets {
	int *fds;
	size_t len;
};
void network_sockets_done(struct network_sockets *s);
#define cleanup_network_sockets __attribute__((cleanup(network_sockets_done)))

/* Binds each of `wanted` and appends it to record->ports as what it has become. Where the host's port is any, a free one is picked. With ipv6 a
 * port of all addresses is bound for both families. -EADDRINUSE in docker's words: 'Bind for 0.0.0.0:80 failed: port is already allocated' (by another container), 'failed to bind host port
 * 0.0.0.0:80/tcp: address already in use' (by a program). What was claimed before a failure is in the record, to be freed. */
int network_bind(const struct network_state *s, const struct network_ports *wanted, bool ipv6,
		 struct network_record *record, struct network_sockets *ret, struct err *e) MUST_CHECK;

/* Gives the claims of record->ports back. */
void network_unbind(const struct network_state *s, const struct network_record *record);

#endif
