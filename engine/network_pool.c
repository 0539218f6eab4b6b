/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_pool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"

#define ROUTES_MAX_BYTES (32u << 20)
#define POOL_FIRST       89 /* 10.89.0.0/24 ... */
#define POOL_LAST        255
#define DEFAULT_SECOND   88 /* 10.88.0.0/16 */
#define IPV6_TRIES       100

void network_pool_done(struct network_pool *p)
{
	free(p->taken);
	*p = (struct network_pool){ 0 };
}

int network_pool_take(struct network_pool *p, const struct net_prefix *prefix)
{
	struct net_prefix *taken;

	if (p->len >= NETWORK_POOL_MAX)
		return -EFBIG;
	taken = realloc(p->taken, (p->len + 1) * sizeof(*taken));
	if (!taken)
		return -ENOMEM;
	p->taken = taken;
	taken[p->len++] = *prefix;
	return 0;
}

bool network_pool_has(const struct network_pool *p, const struct net_prefix *prefix)
{
	for (size_t i = 0; i < p->len; i++)
		if (net_prefixes_overlap(&p->taken[i], prefix))
			return true;
	return false;
}

/* --- the host's routes: lines of words, numbers in hex without "0x" --- */

static const char *next_word(const char *text, size_t *ret_len)
{
	text += strspn(text, " \t");
	*ret_len = strcspn(text, " \t\n");
	return text;
}

static bool hex_bytes(const char *text, size_t len, uint8_t *out, size_t count)
{
	static const char DIGITS[] = "0123456789abcdef0123456789ABCDEF";

	if (len != 2 * count)
		return false;
	for (size_t i = 0; i < len; i++) {
		const char *digit = strchr(DIGITS, text[i]);
		uint8_t value;

		if (!digit || !*digit)
			return false;
		value = (uint8_t)((digit - DIGITS) & 15);
		out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | value : value << 4);
	}
	return true;
}

/* The kernel prints a 32-bit word as the machine has it. */
static void to_network_order(const uint8_t printed[4], uint8_t out[4])
{
	const uint16_t probe = 1;
	bool little = *(const uint8_t *)&probe == 1;

	for (size_t i = 0; i < 4; i++)
		out[i] = printed[little ? 3 - i : i];
}

static unsigned int count_bits(const uint8_t mask[4])
{
	unsigned int bits = 0;

	for (unsigned int i = 0; i < 32; i++)
		bits += (mask[i / 8] >> (7 - i % 8)) & 1u;
	return bits;
}

/* Iface Destination Gateway Flags RefCnt Use Metric Mask ... */
static bool route_ipv4(const char *line, struct net_prefix *ret)
{
	uint8_t printed[4], mask[4];
	const char *word = line;
	size_t len;

	*ret = (struct net_prefix){ .address.family = AF_INET };
	for (int column = 0; column <= 7; column++) {
		word = next_word(word, &len);
		if (column == 1) {
			if (!hex_bytes(word, len, printed, sizeof(printed)))
				return false;
			to_network_order(printed, ret->address.bytes);
		}
		if (column == 7) {
			if (!hex_bytes(word, len, printed, sizeof(printed)))
				return false;
			to_network_order(printed, mask);
			ret->bits = count_bits(mask);
		}
		word += len;
	}
	return ret->bits > 0;
}

/* Destination PrefixLength Source ... */
static bool route_ipv6(const char *line, struct net_prefix *ret)
{
	size_t len;
	const char *word = next_word(line, &len);
	uint8_t bits;

	*ret = (struct net_prefix){ .address.family = AF_INET6 };
	if (!hex_bytes(word, len, ret->address.bytes, 16))
		return false;
	word = next_word(word + len, &len);
	if (!hex_bytes(word, len, &bits, 1))
		return false;
	ret->bits = bits;
	/* multicast, and what every interface has */
	if (ret->address.bytes[0] == 0xff || (ret->address.bytes[0] == 0xfe && ret->address.bytes[1] == 0x80))
		return false;
	return ret->bits > 0 && ret->bits <= 128;
}

static int take_lines(struct network_pool *p, const char *text,
		      bool (*route)(const char *line, struct net_prefix *ret))
{
	struct net_prefix prefix;
	int r = 0;

	while (r == 0 && *text) {
		if (route(text, &prefix))
			r = network_pool_take(p, &prefix);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return r;
}

int network_pool_take_routes(struct network_pool *p, const char *ipv4, const char *ipv6)
{
	int r = take_lines(p, ipv4, route_ipv4);

	return r == 0 ? take_lines(p, ipv6, route_ipv6) : r;
}

/* A kernel without IPv6 has no such file. */
static int read_routes(const char *path, struct buf *out, struct err *e)
{
	int r = file_read(AT_FDCWD, path, out, e);

	return r == -ENOENT ? 0 : r;
}

int network_pool_take_host(struct network_pool *p, struct err *e)
{
	cleanup_buf struct buf ipv4 = BUF_INIT(ROUTES_MAX_BYTES);
	cleanup_buf struct buf ipv6 = BUF_INIT(ROUTES_MAX_BYTES);
	int r = read_routes("/proc/self/net/route", &ipv4, e);

	if (r == 0)
		r = read_routes("/proc/self/net/ipv6_route", &ipv6, e);
	if (r < 0)
		return err_wrap(e, "cannot read the routes of this host");
	r = network_pool_take_routes(p, ipv4.data ? ipv4.data : "", ipv6.data ? ipv6.data : "");
	return r < 0 ? err_code(e, r, "cannot keep the routes of this host") : 0;
}

/* --- the choice --- */

static struct net_prefix ten(unsigned int second, unsigned int third, unsigned int bits)
{
	return (struct net_prefix){ .bits = bits,
				    .address = { .family = AF_INET,
						 .bytes = { 10, (uint8_t)second, (uint8_t)third } } };
}

int network_pool_pick(const struct network_pool *p, bool for_default, struct net_prefix *ret)
{
	struct net_prefix prefix = ten(DEFAULT_SECOND, 0, 16);

	if (for_default && !network_pool_has(p, &prefix)) {
		*ret = prefix;
		return 0;
	}
	for (unsigned int second = POOL_FIRST; second <= POOL_LAST; second++) {
		for (unsigned int third = 0; third <= 255; third++) {
			prefix = ten(second, third, 24);
			if (network_pool_has(p, &prefix))
				continue;
			*ret = prefix;
			return 0;
		}
	}
	return -ENOSPC;
}

int network_pool_pick_ipv6(const struct network_pool *p, struct net_prefix *ret)
{
	for (int i = 0; i < IPV6_TRIES; i++) {
		struct net_prefix prefix = { .bits = 64, .address = { .family = AF_INET6 } };

		prefix.address.bytes[0] = 0xfd;
		if (getrandom(prefix.address.bytes + 1, 7, 0) != 7)
			return -EIO;
		if (network_pool_has(p, &prefix))
			continue;
		*ret = prefix;
		return 0;
	}
	return -ENOSPC;
}
