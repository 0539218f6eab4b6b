/* SPDX-License-Identifier: Apache-2.0 */
/* Networks as files: <root>/networks/<name>.json, in the format that netavark and podman have for them (netavark's README, "network configuration"). What
 * containers have of them while they run is in engine/network_record.h. docs/networks.md. */
#ifndef SAMPAN_ENGINE_NETWORK_H
#define SAMPAN_ENGINE_NETWORK_H

#include <stdbool.h>

#include "common/json_read.h"
#include "common/json_write.h"
#include "common/strvec.h"
#include "engine/network_address.h"

#define NETWORKS_DIR        "networks" /* below the root, and below the state directory */
#define NETWORK_SUBNETS_MAX 16
#define NETWORK_BYTES_MAX   (256u << 10) /* of a network's file */
#define NETWORKS_MAX        4096
#define NETWORK_NAME_MAX    128
#define NETWORK_ID_LEN      64 /* hex digits */

/* netavark's "lease_range": addresses are handed out from the first to the last only. */
struct network_range {
	char *first, *last;
};

struct network_subnet {
	char *subnet;                /* "10.88.0.0/16" */
	char *gateway;               /* NULL: none */
	struct network_range *range; /* NULL: all of it */
};

struct network {
	char *name, *id, *driver, *interface;
	char *created; /* RFC 3339 */
	struct network_subnet *subnets;
	size_t subnets_len;
	bool ipv6, internal, dns;
	struct strvec labels, options; /* "key=value" */
	char *ipam_driver;             /* "host-local" */
};
void network_done(struct network *n);
#define cleanup_network __attribute__((cleanup(network_done)))

/* "bridge", "host" or "none": those that are always there. */
bool network_is_predefined(const char *name);

/* By name, ID or unique prefix of an ID. The default network, "bridge", is made when it is first asked for: in 10.88.0.0/16, or where this host
 * uses that, in the first free subnet of those that network_create picks from. -ENOENT 'network web not found'. */
int network_find(const char *root, const char *what, struct network *ret, struct err *e) MUST_CHECK;

/* By name alone, without making any. -ENOENT. */
int network_load(const char *root, const char *name, struct network *ret, struct err *e) MUST_CHECK;

/* All that have a file, by name. Damaged ones are left out. */
int network_list(const char *root, struct network **ret_items, size_t *ret_len, struct err *e) MUST_CHECK;
void network_list_free(struct network *items, size_t len);

/* What `network create` was given. All of it borrowed. */
struct network_request {
	const char *name, *driver; /* driver NULL: "bridge" */
	struct strvec subnets, gateways, ranges, labels, options;
	bool internal, ipv6, no_dns;
};

/* Makes one. Without subnets it gets the first free /24 from 10.89.0.0 to 10.255.255.0, and with ipv6 a random /64 of fd00::/8 (RFC 4193); free is what neither another
 * network nor a route of this host has. -EEXIST, -EINVAL in docker's words, -ENOSPC no subnet is free, -EOPNOTSUPP a driver or an option that we lack. */
int network_create(const char *root, const struct network_request *request, struct network *ret,
		   struct err *e) MUST_CHECK;

/* Removes the file. That nobody uses the network is the caller's to see to. -ENOENT. */
int network_remove(const char *root, const char *name, struct err *e) MUST_CHECK;

/* The network as netavark wants it: an object. */
void network_write(struct json_out *o, const char *key, const struct network *n);

/* From such an object. */
int network_decode(const char *text, size_t len, struct network *ret, struct err *e) MUST_CHECK;

#endif
