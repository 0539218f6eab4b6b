/* SPDX-License-Identifier: Apache-2.0 */
/* Published ports: docker's -p and --expose, text to values and back. Pure. */
#ifndef SAMPAN_ENGINE_NETWORK_PORT_H
#define SAMPAN_ENGINE_NETWORK_PORT_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "common/strvec.h"

#define NETWORK_PORTS_MAX \
	4096 /* of one container; 65536 with all the protocols is more than iptables bears */

/* One port of a container. */
struct network_port {
	char *host_ip;           /* canonical; NULL: all addresses */
	uint32_t host_port;      /* 0: any that is free */
	uint32_t host_port_last; /* greater than host_port: any that is free from that one to this */
	uint32_t container_port;
	char *protocol; /* "tcp", "udp", "sctp" */
};

struct network_ports {
	struct network_port *items;
	size_t len;
};
void network_ports_done(struct network_ports *p);

/* -p: [[IP:][HOST[-HOST]]:]PORT[-PORT][/PROTOCOL], one entry for each port. IPv6 addresses may be in brackets. -EINVAL in docker's words:
 * 'invalid hostPort: x'. -EFBIG, -ENOMEM. */
int network_ports_add(struct network_ports *p, const char *text, struct err *e) MUST_CHECK;

/* Appends a copy of it. -EFBIG, -ENOMEM. */
int network_ports_append(struct network_ports *p, const struct network_port *port, struct err *e) MUST_CHECK;

/* --expose and the image's: PORT[-PORT][/PROTOCOL] -> "80/tcp", once each, appended to `out`. -EINVAL as above. */
int network_expose_add(struct strvec *out, const char *text, struct err *e) MUST_CHECK;

/* "80/tcp" -> number and protocol (borrowed from `text`); without a protocol it is "tcp". -EINVAL. */
int network_private_port(const char *text, uint32_t *ret_port, const char **ret_protocol) MUST_CHECK;

/* Whether a port of the container is in the list. */
bool network_ports_has(const struct network_ports *p, uint32_t container_port, const char *protocol);

/* How many entries from `from` on are one run: each port one above the one before it, on the host and in the container. */
size_t network_ports_run(const struct network_ports *p, size_t from);

/* As `ps` shows them: "0.0.0.0:8080->80/tcp, 443/tcp", runs of ports in one piece ("0.0.0.0:8000-8003->8000-8003/tcp"). `exposed` are shown where they
 * are not published. -EFBIG, -ENOMEM. */
int network_ports_text(const struct network_ports *p, const struct strvec *exposed,
		       struct buf *out) MUST_CHECK;

/* A json_field reader for a struct network_ports (no arg), and its writer. */
int network_ports_read(const struct json_in *in, const void *arg, void *member, struct err *e);
void network_ports_write(struct json_out *o, const char *key, const struct network_ports *p);

#endif
