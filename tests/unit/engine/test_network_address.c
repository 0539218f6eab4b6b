/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_address.h"

#include "tests/unit/common/scratch.h"

#include <sys/socket.h>

static void addresses_are_read_and_written(void **state)
{
	static const struct {
		const char *text, *canonical;
	} GOOD[] = { { "10.88.0.1", "10.88.0.1" }, { "fd00:0:0::1", "fd00::1" }, { "::", "::" } };
	static const char *const BAD[] = { "",       "10.88.0",   "10.88.0.256", "10.88.0.1/16", "[::1]",
					   "::1%lo", " 10.0.0.1", "10.0.0.1 ",   "localhost" };
	char text[NET_ADDRESS_MAX];
	struct net_address a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		assert_int_equal(net_address_parse(GOOD[i].text, &a), 0);
		net_address_format(&a, text);
		assert_string_equal(text, GOOD[i].canonical);
	}
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(net_address_parse(BAD[i], &a), -EINVAL);
	net_address_format(&(struct net_address){ 0 }, text);
	assert_string_equal(text, "");
}

static void subnets_have_a_first_and_a_last_address(void **state)
{
	static const struct {
		const char *prefix, *first, *last;
	} CASES[] = {
		{ "10.88.0.0/16", "10.88.0.0", "10.88.255.255" },
		{ "10.88.3.7/20", "10.88.0.0", "10.88.15.255" },
		{ "192.0.2.129/25", "192.0.2.128", "192.0.2.255" },
		{ "192.0.2.1/32", "192.0.2.1", "192.0.2.1" },
		{ "1.2.3.4/0", "0.0.0.0", "255.255.255.255" },
		{ "fd12:3456::9/64", "fd12:3456::", "fd12:3456::ffff:ffff:ffff:ffff" },
	};
	static const char *const BAD[] = { "10.0.0.0",   "10.0.0.0/33", "10.0.0.0/",    "10.0.0.0/-1",
					   "fd00::/129", "/8",          "10.0.0.0/8/8", "10.0.0.0/0x8" };
	char text[NET_PREFIX_MAX];
	struct net_prefix p;
	struct net_address a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		assert_int_equal(net_prefix_parse(CASES[i].prefix, &p), 0);
		net_prefix_format(&p, text);
		assert_string_equal(text, CASES[i].prefix);
		a = net_prefix_first(&p);
		net_address_format(&a, text);
		assert_string_equal(text, CASES[i].first);
		a = net_prefix_last(&p);
		net_address_format(&a, text);
		assert_string_equal(text, CASES[i].last);
		assert_true(net_prefix_contains(&p, &a));
	}
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(net_prefix_parse(BAD[i], &p), -EINVAL);
}

static struct net_prefix prefix(const char *text)
{
	struct net_prefix p;

	assert_int_equal(net_prefix_parse(text, &p), 0);
	return p;
}

static void subnets_overlap_or_not(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} CASES[] = {
		{ "10.88.0.0/16", "10.88.5.0/24", true },  { "10.88.0.0/16", "10.89.0.0/24", false },
		{ "10.89.0.0/24", "10.89.1.0/24", false }, { "10.0.0.0/8", "10.89.1.0/24", true },
		{ "0.0.0.0/0", "192.0.2.1/32", true },     { "fd00::/8", "fd12::/64", true },
		{ "fd12::/64", "fd12:0:0:1::/64", false }, { "::/0", "10.0.0.0/8", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct net_prefix a = prefix(CASES[i].a), b = prefix(CASES[i].b);

		assert_int_equal(net_prefixes_overlap(&a, &b), CASES[i].overlap);
		assert_int_equal(net_prefixes_overlap(&b, &a), CASES[i].overlap);
	}
}

static void the_next_address_carries(void **state)
{
	static const char *const PAIRS[][2] = { { "10.0.0.1", "10.0.0.2" },
						{ "10.0.0.255", "10.0.1.0" },
						{ "10.255.255.255", "11.0.0.0" },
						{ "255.255.255.255", "0.0.0.0" },
						{ "fd00::ffff", "fd00::1:0" } };
	char text[NET_ADDRESS_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(PAIRS); i++) {
		struct net_address a, before;

		assert_int_equal(net_address_parse(PAIRS[i][0], &a), 0);
		before = a;
		net_address_next(&a);
		net_address_format(&a, text);
		assert_string_equal(text, PAIRS[i][1]);
		assert_true(net_address_compare(&a, &before) != 0);
	}
}

static void mac_addresses_are_read_in_three_forms(void **state)
{
	static const char *const GOOD[] = { "02:42:ac:11:00:0a", "02-42-AC-11-00-0A", "0242.ac11.000a" };
	static const char *const BAD[] = { "",
					   "zz",
					   "02:42:ac:11:00",
					   "02:42:ac:11:00:0",
					   "02:42:ac:11:00:0g",
					   "02:42:ac:11:00:0a:00:01",
					   "02:42-ac:11:00:0a",
					   "0242ac11000a" };
	char mac[NET_MAC_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		assert_int_equal(net_mac_parse(GOOD[i], mac), 0);
		assert_string_equal(mac, "02:42:ac:11:00:0a");
	}
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(net_mac_parse(BAD[i], mac), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read_and_written),
		cmocka_unit_test(subnets_have_a_first_and_a_last_address),
		cmocka_unit_test(subnets_overlap_or_not),
		cmocka_unit_test(the_next_address_carries),
		cmocka_unit_test(mac_addresses_are_read_in_three_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
