/* SPDX-License-Identifier: Apache-2.0 */
/* A container's networks, set up and taken down: bridges, addresses, names and published ports by netavark and aardvark-dns, and for who is not root by pasta. Two calls frame a
 * container's life: network_up between runtime_create and runtime_start, network_down after its end. */
#ifndef SAMPAN_ENGINE_NETWORK_UP_H
#define SAMPAN_ENGINE_NETWORK_UP_H

#include <sys/types.h>

#include "engine/network.h"
#include "engine/network_bind.h"
#include "engine/network_config.h"
#include "engine/network_record.h"

struct network_args {
	const char *root;      /* of the store: where the networks' files are */
	const char *state_dir; /* /run/sampan */
	const char *id, *name;
	const char *hostname; /* of the container; a name for it, too; NULL */
	pid_t pid;            /* its init, which has a network namespace of its own and waits for its start */
};

struct network_result {
	struct network_record
		record; /* addresses, gateways, MACs, ports, resolvers; empty without networks */
	struct network_sockets
		sockets; /* to be kept open while the container runs, and closed before its next network_up */
};
void network_result_done(struct network_result *r);
#define cleanup_network_result __attribute__((cleanup(network_result_done)))

/* Sets up what `config` asks for. What a crash has left of this container or of any other one whose process is gone is taken down first. With the modes none, host and
 * container nothing happens at all: no process, no file. On failure nothing is left. -EADDRINUSE, -ENOENT no such network or no netavark (with the cure),
 * -EOPNOTSUPP, -EPROTO. */
int network_up(const struct network_args *args, const struct network_config *config,
	       struct network_result *ret, struct err *e) MUST_CHECK;

/* Takes down all that network_up and network_connect have set up. It needs nothing but what they have written: not the container, nor its
 * namespace, nor the networks' files. A container without networks, and one that is down already, are successes. After a failure it may be called again.
 * `netns_fd`: the container's network namespace, where that is still at hand, as it saves time; else -1. */
int network_down(const char *state_dir, const char *id, int netns_fd, struct err *e) MUST_CHECK;
/* The same for who has opened the state, and with it locked out everybody else. */
int network_down_in(const struct network_state *s, const char *id, int netns_fd, struct err *e) MUST_CHECK;

/* A network more for a running container. *ret: as it is then. -EEXIST it is on it already. */
int network_connect(const struct network_args *args, const struct network_endpoint *endpoint,
		    struct network_record *ret, struct err *e) MUST_CHECK;

/* A network less. -ENOENT 'container ID is not connected to network NAME'. */
int network_disconnect(const char *state_dir, const char *id, const char *network, struct network_record *ret,
		       struct err *e) MUST_CHECK;

/* Removes a network's file, unless a running container is on it: -EBUSY 'network NAME id ID has active endpoints'. */
int network_remove_unused(const char *root, const char *state_dir, const struct network *n,
			  struct err *e) MUST_CHECK;

#endif
