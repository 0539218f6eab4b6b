/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 and IPv6 addresses, subnets and MAC addresses: text to values and back, and the arithmetic of handing them out. Pure. */
#ifndef SAMPAN_ENGINE_NETWORK_ADDRESS_H
#define SAMPAN_ENGINE_NETWORK_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

#define NET_ADDRESS_MAX 46 /* bytes of the longest text: INET6_ADDRSTRLEN */
#define NET_PREFIX_MAX  50
#define NET_MAC_MAX     18

struct net_address {
	int family;        /* AF_INET, AF_INET6; 0: none */
	uint8_t bytes[16]; /* network order; an IPv4 address has 4 */
};

struct net_prefix {
	struct net_address address; /* with the host's bits, where they were given */
	unsigned int bits;
};

/* "10.88.0.1", "fd00::1", without brackets or a zone. -EINVAL. */
int net_address_parse(const char *text, struct net_address *ret) MUST_CHECK;

/* As inet_ntop(3) writes it; "" for none. */
void net_address_format(const struct net_address *a, char out[NET_ADDRESS_MAX]);

/* "10.88.0.0/16". The host's bits may be set. -EINVAL. */
int net_prefix_parse(const char *text, struct net_prefix *ret) MUST_CHECK;
void net_prefix_format(const struct net_prefix *p, char out[NET_PREFIX_MAX]);

/* The bits of an address of this family: 32 or 128. */
unsigned int net_family_bits(int family);

/* Less than, equal to, greater than 0; IPv4 goes before IPv6. */
int net_address_compare(const struct net_address *a, const struct net_address *b);

/* The address after this one; the one after the last is the first. */
void net_address_next(struct net_address *a);

/* The subnet's own address, all of the host's bits being 0, and its last one: IPv4's broadcast address. */
struct net_address net_prefix_first(const struct net_prefix *p);
struct net_address net_prefix_last(const struct net_prefix *p);

bool net_prefix_contains(const struct net_prefix *p, const struct net_address *a);
bool net_prefixes_overlap(const struct net_prefix *a, const struct net_prefix *b);

/* "02:42:ac:11:00:02", "02-42-...", "0242.ac11.0002" -> the first form, in lower case. -EINVAL. */
int net_mac_parse(const char *text, char out[NET_MAC_MAX]) MUST_CHECK;

#endif
