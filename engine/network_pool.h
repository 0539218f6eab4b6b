/* SPDX-License-Identifier: Apache-2.0 */
/* Which subnets are taken, and the choice of one that is not. */
#ifndef SAMPAN_ENGINE_NETWORK_POOL_H
#define SAMPAN_ENGINE_NETWORK_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "engine/network_address.h"

#define NETWORK_POOL_MAX 65536 /* subnets that are known to be taken */

struct network_pool {
	struct net_prefix *taken;
	size_t len;
};
void network_pool_done(struct network_pool *p);
#define cleanup_network_pool __attribute__((cleanup(network_pool_done)))

/* -EFBIG, -ENOMEM. */
int network_pool_take(struct network_pool *p, const struct net_prefix *prefix) MUST_CHECK;

/* The texts of /proc/net/route and /proc/net/ipv6_route. Default routes, multicast and link-local ones are left out. */
int network_pool_take_routes(struct network_pool *p, const char *ipv4, const char *ipv6) MUST_CHECK;

/* Those of the network namespace that we are in. */
int network_pool_take_host(struct network_pool *p, struct err *e) MUST_CHECK;

bool network_pool_has(const struct network_pool *p, const struct net_prefix *prefix);

/* 10.88.0.0/16 if `for_default`, else or if that is taken the first free /24 from 10.89.0.0 on. -ENOSPC. */
int network_pool_pick(const struct network_pool *p, bool for_default, struct net_prefix *ret) MUST_CHECK;

/* A random /64 of fd00::/8 that is free. -ENOSPC, -EIO. */
int network_pool_pick_ipv6(const struct network_pool *p, struct net_prefix *ret) MUST_CHECK;

#endif
