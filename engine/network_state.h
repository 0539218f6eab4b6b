/* SPDX-License-Identifier: Apache-2.0 */
/* Who has what: <state dir>/networks. On a file system that does not survive a boot, as nothing that it speaks of does.
 *
 *   lock                     flock: one at a time changes the host's networks
 *   containers/<id>.json     engine/network_record.h
 *   owners/<id>              symbolic link to "PID TICKS PORTS": the process whose namespace it is, and the ports as `ps` shows them
 *   leases/<network>/<ip>    symbolic link to the ID of the container that has the address
 *   leases/<network>/next.4  symbolic link to the address after the one that was last handed out (next.6 for IPv6)
 *   ports/<proto>-<port>/<ip>   symbolic link to the ID of the container that has the port of that address of the host ("*": of all)
 *   aardvark-dns/, aardvark.lock  netavark's
 *   iptables.sock, iptables.used  engine/iptables_batch.h
 *
 * A link below leases or ports counts only while owners/<id> is there, so that whoever dies halfway leaves nothing that counts.
 * Links, because making, reading and replacing one is a single system call each. */
#ifndef SAMPAN_ENGINE_NETWORK_STATE_H
#define SAMPAN_ENGINE_NETWORK_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/strvec.h"
#include "engine/network.h"
#include "engine/network_record.h"

#define NETWORK_STATE_RECORDS "networks/containers"
#define NETWORK_STATE_OWNERS  "networks/owners"
#define NETWORK_ALL_ADDRESSES "*"

struct network_state {
	char *path; /* <state dir>/networks */
	int dir_fd, lock_fd;
};
#define NETWORK_STATE_EMPTY ((struct network_state){ .dir_fd = -1, .lock_fd = -1 })
void network_state_done(struct network_state *s);
#define cleanup_network_state __attribute__((cleanup(network_state_done)))

/* Opens and locks it, waiting for the lock. Without `make`: -ENOENT where no network was ever set up since boot. */
int network_state_open(const char *state_dir, bool make, struct network_state *ret, struct err *e) MUST_CHECK;

/* Container `id` has networks from now on. `ports` may be "". Replaces what was there. */
int network_state_own(const struct network_state *s, const char *id, int64_t pid, uint64_t ticks,
		      const char *ports, struct err *e) MUST_CHECK;

/* Removes record and owner. */
int network_state_disown(const struct network_state *s, const char *id, struct err *e) MUST_CHECK;

/* Whether it runs still: not gone, not a zombie, which has no namespaces any more, and no later one of the same number. */
bool network_process_alive(int64_t pid, uint64_t start_ticks);

/* The containers that own something whose process is gone, but `except` (may be NULL). */
int network_state_dead(const struct network_state *s, const char *except, struct strvec *ret,
		       struct err *e) MUST_CHECK;

int network_state_save(const struct network_state *s, const struct network_record *r,
		       struct err *e) MUST_CHECK;
/* -ENOENT. */
int network_state_load(const struct network_state *s, const char *id, struct network_record *ret,
		       struct err *e) MUST_CHECK;

/* An address of a subnet for container `id`, which owns something already: `wanted`, or the next one that is free. *ret is its text.
 * -EADDRINUSE docker's "Address already in use"; -EINVAL it is not in the subnet; -ENOSPC none is free. */
int network_state_lease(const struct network_state *s, const char *network,
			const struct network_subnet *subnet, const char *id, const char *wanted,
			char ret[NET_ADDRESS_MAX], struct err *e) MUST_CHECK;
void network_state_release(const struct network_state *s, const char *network, const char *id,
			   const char *ip);

/* Whether a container has an address of the network. */
bool network_state_used(const struct network_state *s, const char *network);

/* A port of the host, on `ip` or NULL for all addresses. -EADDRINUSE and no text. */
int network_state_take_port(const struct network_state *s, const char *protocol, uint32_t port,
			    const char *ip, const char *id) MUST_CHECK;
void network_state_free_port(const struct network_state *s, const char *protocol, uint32_t port,
			     const char *ip, const char *id);

/* The IDs of the containers that have networks now, without a lock. A state directory without networks has none. */
int network_state_list(const char *state_dir, struct strvec *ret, struct err *e) MUST_CHECK;

/* For `ps`, without a lock. network_state_open_owners: what network_state_ports_text takes, -errno: there is none, which it takes as well. The ports of a
 * container as text, "" where it has none: one system call, and none where no container has any. */
int network_state_open_owners(const char *state_dir) MUST_CHECK;
int network_state_ports_text(int owners_fd, const char *id, struct buf *out) MUST_CHECK;

#endif
