/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "common/parse.h"

#define MAC_BYTES 6

int net_address_parse(const char *text, struct net_address *ret)
{
	struct net_address a = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	if (inet_pton(a.family, text, a.bytes) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

void net_address_format(const struct net_address *a, char out[NET_ADDRESS_MAX])
{
	out[0] = '\0';
	if (a->family && !inet_ntop(a->family, a->bytes, out, NET_ADDRESS_MAX))
		out[0] = '\0';
}

unsigned int net_family_bits(int family)
{
	return family == AF_INET6 ? 128 : 32;
}

int net_prefix_parse(const char *text, struct net_prefix *ret)
{
	const char *slash = strchr(text, '/');
	char address[NET_ADDRESS_MAX];
	struct net_prefix p;
	uint64_t bits;
	size_t len;

	if (!slash)
		return -EINVAL;
	len = (size_t)(slash - text);
	if (len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	if (net_address_parse(address, &p.address) < 0 ||
	    parse_u64(slash + 1, 0, net_family_bits(p.address.family), &bits) < 0)
		return -EINVAL;
	p.bits = (unsigned int)bits;
	*ret = p;
	return 0;
}

void net_prefix_format(const struct net_prefix *p, char out[NET_PREFIX_MAX])
{
	char address[NET_ADDRESS_MAX];

	net_address_format(&p->address, address);
	(void)snprintf(out, NET_PREFIX_MAX, "%.45s/%u", address, p->bits);
}

static size_t byte_count(int family)
{
	return net_family_bits(family) / 8;
}

int net_address_compare(const struct net_address *a, const struct net_address *b)
{
	if (a->family != b->family)
		return a->family == AF_INET ? -1 : 1;
	return memcmp(a->bytes, b->bytes, byte_count(a->family));
}

void net_address_next(struct net_address *a)
{
	for (size_t i = byte_count(a->family); i > 0; i--)
		if (++a->bytes[i - 1] != 0)
			return;
}

/* The bits of byte `index` that belong to the host. */
static uint8_t host_mask(const struct net_prefix *p, size_t index)
{
	unsigned int before = (unsigned int)index * 8;

	if (p->bits <= before)
		return 0xff;
	return p->bits >= before + 8 ? 0 : (uint8_t)(0xffu >> (p->bits - before));
}

struct net_address net_prefix_first(const struct net_prefix *p)
{
	struct net_address a = p->address;

	for (size_t i = 0; i < byte_count(a.family); i++)
		a.bytes[i] &= (uint8_t)~host_mask(p, i);
	return a;
}

struct net_address net_prefix_last(const struct net_prefix *p)
{
	struct net_address a = p->address;

	for (size_t i = 0; i < byte_count(a.family); i++)
		a.bytes[i] |= host_mask(p, i);
	return a;
}

bool net_prefix_contains(const struct net_prefix *p, const struct net_address *a)
{
	struct net_prefix other = { .address = *a, .bits = p->bits };
	struct net_address mine = net_prefix_first(p), its = net_prefix_first(&other);

	return a->family == p->address.family && net_address_compare(&mine, &its) == 0;
}

bool net_prefixes_overlap(const struct net_prefix *a, const struct net_prefix *b)
{
	return net_prefix_contains(a, &b->address) || net_prefix_contains(b, &a->address);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int net_mac_parse(const char *text, char out[NET_MAC_MAX])
{
	bool pairs = strlen(text) > 2 && (text[2] == ':' || text[2] == '-');
	char separator = '.';
	size_t group = pairs ? 1 : 2; /* bytes between separators */
	unsigned int bytes[MAC_BYTES];

	if (pairs)
		separator = text[2];
	for (size_t i = 0; i < MAC_BYTES; i++) {
		int high = hex_value(text[0]);
		int low = high < 0 ? -1 : hex_value(text[1]);

		if (low < 0)
			return -EINVAL;
		bytes[i] = (unsigned int)(high * 16 + low);
		text += 2;
		if (i + 1 < MAC_BYTES && (i + 1) % group == 0 && *text++ != separator)
			return -EINVAL;
	}
	if (*text)
		return -EINVAL;
	(void)snprintf(out, NET_MAC_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2],
		       bytes[3], bytes[4], bytes[5]);
	return 0;
}
