/* SPDX-License-Identifier: Apache-2.0 */
/* What was set up for a running container: all that it takes to take it down again, and to show it. It lives in
 * <state dir>/networks/containers/<id>.json from before the first change to the host until after the last one is undone. */
#ifndef SAMPAN_ENGINE_NETWORK_RECORD_H
#define SAMPAN_ENGINE_NETWORK_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json_read.h"
#include "common/json_write.h"
#include "common/strvec.h"
#include "engine/network_port.h"

#define NETWORK_RECORD_BYTES (4u << 20)

/* One network that a container is on. */
struct network_attachment {
	char *network, *network_id;
	char *definition; /* the network as it was then: JSON text */
	char *interface;  /* in the container: "eth0" */
	char *bridge;     /* on the host */
	char *host_link;  /* the host's end of the cable; NULL before it is set up */
	uint32_t host_index;
	struct strvec aliases;
	char *mac;
	char *ip, *ip6; /* NULL: none */
	uint32_t bits, bits6;
	char *gateway, *gateway6;
	bool dns, internal;
};

struct network_record {
	char *id, *name;
	int64_t pid; /* whose network namespace it is */
	uint64_t pid_start_ticks;
	struct network_attachment *attachments;
	size_t attachments_len;
	struct network_ports ports; /* with the host's ports that they have got */
	struct strvec exposed;
	struct strvec dns;               /* --dns: where aardvark-dns forwards to */
	struct strvec resolvers, search; /* for resolv.conf; empty: the host's */
	int64_t pasta_pid;               /* rootless; else 0 */
	uint64_t pasta_start_ticks;
	char *pasta_ip; /* of the host, as pasta gives it to the container */
};
void network_record_done(struct network_record *r);
#define cleanup_network_record __attribute__((cleanup(network_record_done)))

struct network_attachment *network_record_find(const struct network_record *r, const char *network);

/* Appends an empty one. NULL: out of memory. */
struct network_attachment *network_record_add(struct network_record *r);
void network_record_remove(struct network_record *r, const char *network);

int network_record_decode(const char *text, size_t len, struct network_record *ret, struct err *e) MUST_CHECK;
void network_record_write(struct json_out *o, const struct network_record *r);

/* As it was last written; without a lock. -ENOENT: the container has no network of ours now. */
int network_record_load(const char *state_dir, const char *id, struct network_record *ret,
			struct err *e) MUST_CHECK;

#endif
