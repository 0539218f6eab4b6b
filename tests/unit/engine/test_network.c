/* SPDX-License-Identifier: Apache-2.0 */
/* Networks as files, and the choice of their subnets. */
#include "engine/network.h"
#include "engine/network_pool.h"

#include "tests/unit/common/scratch.h"

#include <sys/socket.h>

static struct net_prefix prefix(const char *text)
{
	struct net_prefix p;

	assert_int_equal(net_prefix_parse(text, &p), 0);
	return p;
}

static void assert_picks(const struct network_pool *p, bool for_default, const char *expected)
{
	struct net_prefix picked;
	char text[NET_PREFIX_MAX];

	assert_int_equal(network_pool_pick(p, for_default, &picked), 0);
	net_prefix_format(&picked, text);
	assert_string_equal(text, expected);
}

static void take(struct network_pool *p, const char *text)
{
	struct net_prefix one = prefix(text);

	assert_int_equal(network_pool_take(p, &one), 0);
}

static void the_first_free_subnet_is_picked(void **state)
{
	cleanup_network_pool struct network_pool p = { 0 };
	struct net_prefix ignored;

	(void)state;
	assert_picks(&p, true, "10.88.0.0/16");
	assert_picks(&p, false, "10.89.0.0/24");
	take(&p, "10.88.7.0/24");
	assert_picks(&p, true, "10.89.0.0/24");
	take(&p, "10.89.0.0/23");
	assert_picks(&p, false, "10.89.2.0/24");
	take(&p, "10.89.0.0/16");
	assert_picks(&p, true, "10.90.0.0/24");
	take(&p, "10.0.0.0/8");
	assert_int_equal(network_pool_pick(&p, false, &ignored), -ENOSPC);
}

static void random_subnets_of_ipv6_are_local_and_free(void **state)
{
	cleanup_network_pool struct network_pool p = { 0 };
	struct net_prefix a, b;

	(void)state;
	assert_int_equal(network_pool_pick_ipv6(&p, &a), 0);
	assert_int_equal(a.bits, 64);
	assert_int_equal(a.address.bytes[0], 0xfd);
	assert_int_equal(network_pool_take(&p, &a), 0);
	assert_int_equal(network_pool_pick_ipv6(&p, &b), 0);
	assert_false(net_prefixes_overlap(&a, &b));
	take(&p, "fd00::/8");
	assert_int_equal(network_pool_pick_ipv6(&p, &b), -ENOSPC);
}

static void routes_of_the_host_are_taken(void **state)
{
	/* As x86 and arm64 print them, both being little-endian: 10.89.0.0/24, the default route. */
	static const char IPV4[] =
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
		"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
		"eth1\t0000590A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
		"broken\n";
	static const char IPV6[] =
		"fd120000000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n"
		"fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n";
	cleanup_network_pool struct network_pool p = { 0 };
	struct net_prefix inside = prefix("fd12::5/128"), outside = prefix("fd13::/64");

	(void)state;
	assert_int_equal(network_pool_take_routes(&p, IPV4, IPV6), 0);
	assert_int_equal(p.len, 2);
	assert_picks(&p, false, "10.89.1.0/24");
	assert_true(network_pool_has(&p, &inside));
	assert_false(network_pool_has(&p, &outside));
}

/* --- files: in a network namespace without routes, so that the picks are known --- */

static const struct network_request WEB = { .name = "web" };

static void create_in_child(void *arg)
{
	struct scratch *s = arg;
	cleanup_network struct network web = { 0 }, found = { 0 }, bridge = { 0 }, db = { 0 };
	struct network *items = NULL;
	struct strvec list = { 0 };
	struct network_request db_request = { .name = "db", .internal = true, .no_dns = true, .ipv6 = true };
	char short_id[9];
	struct err e;
	size_t len;

	CHILD_OK(network_create(s->path, &WEB, &web, &e));
	CHILD_CHECK(strcmp(web.subnets[0].subnet, "10.89.0.0/24") == 0);
	CHILD_CHECK(strcmp(web.subnets[0].gateway, "10.89.0.1") == 0);
	CHILD_CHECK(strcmp(web.interface, "sampan0") == 0 && strlen(web.id) == NETWORK_ID_LEN);
	CHILD_CHECK(web.dns && !web.internal && !web.ipv6);
	CHILD_CHECK(network_create(s->path, &WEB, &found, &e) == -EEXIST);
	CHILD_CHECK(strcmp(e.text, "network with name web already exists") == 0);
	(void)snprintf(short_id, sizeof(short_id), "%.8s", web.id);
	CHILD_OK(network_find(s->path, short_id, &found, &e));
	CHILD_CHECK(strcmp(found.name, "web") == 0 && strcmp(found.created, web.created) == 0);
	CHILD_OK(network_find(s->path, "bridge", &bridge, &e)); /* made when it is asked for */
	CHILD_CHECK(strcmp(bridge.subnets[0].subnet, "10.88.0.0/16") == 0);
	CHILD_OK(strvec_add(&list, "mtu=1400"));
	db_request.options = list;
	CHILD_OK(network_create(s->path, &db_request, &db, &e));
	CHILD_CHECK(db.subnets_len == 2 && db.ipv6 && db.internal && !db.dns);
	CHILD_CHECK(strcmp(db.subnets[0].subnet, "10.89.1.0/24") == 0);
	CHILD_CHECK(strncmp(db.subnets[1].subnet, "fd", 2) == 0);
	CHILD_CHECK(strcmp(db.options.items[0], "mtu=1400") == 0);
	CHILD_OK(network_list(s->path, &items, &len, &e));
	CHILD_CHECK(len == 3 && strcmp(items[0].name, "bridge") == 0 && strcmp(items[2].name, "web") == 0);
	network_list_free(items, len);
	CHILD_OK(network_remove(s->path, "web", &e));
	CHILD_CHECK(network_find(s->path, "web", &found, &e) == -ENOENT);
	CHILD_CHECK(strcmp(e.text, "network web not found") == 0);
	CHILD_CHECK(network_remove(s->path, "web", &e) == -ENOENT);
	strvec_done(&list);
}

static void networks_are_created_found_listed_and_removed(void **state)
{
	run_in_child(CLONE_NEWNET, create_in_child, *state);
}

struct wish {
	const char *name, *driver, *subnet, *gateway, *range, *option, *label, *error;
};

static void wishes_in_child(void *arg)
{
	static const struct wish WISHES[] = {
		{ "", NULL, NULL, NULL, NULL, NULL, NULL, "invalid name: name is empty" },
		{ "a/b", NULL, NULL, NULL, NULL, NULL, NULL,
		  "invalid network name \"a/b\": only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed" },
		{ "host", NULL, NULL, NULL, NULL, NULL, NULL, "network with name host already exists" },
		{ "x", "macvlan", NULL, NULL, NULL, NULL, NULL,
		  "could not find plugin macvlan in v1 plugin registry: plugin not found" },
		{ "x", NULL, "foo", NULL, NULL, NULL, NULL,
		  "invalid subnet foo: invalid CIDR block notation" },
		{ "x", NULL, "10.1.2.3/8", NULL, NULL, NULL, NULL,
		  "invalid subnet 10.1.2.3/8: it should be 10.0.0.0/8" },
		{ "x", NULL, "10.1.2.4/31", NULL, NULL, NULL, NULL,
		  "invalid subnet 10.1.2.4/31: it has no room for containers" },
		{ "x", NULL, "10.99.0.0/24", "10.98.0.1", NULL, NULL, NULL,
		  "no matching subnet for gateway 10.98.0.1" },
		{ "x", NULL, "10.99.0.0/24", "y", NULL, NULL, NULL, "invalid gateway y" },
		{ "x", NULL, "10.99.0.0/24", NULL, "10.98.0.0/25", NULL, NULL,
		  "no matching subnet for range 10.98.0.0/25" },
		{ "x", NULL, NULL, NULL, NULL, "mtu=1", NULL, "invalid MTU: '1'" },
		{ "x", NULL, NULL, NULL, NULL, "com.docker.network.bridge.name=lo", NULL,
		  "bridge interface 'lo' is in use" },
		{ "x", NULL, NULL, NULL, NULL, NULL, "=b", "invalid label: '=b'" },
		{ "good", NULL, "10.99.0.0/24", "10.99.0.254", "10.99.0.128/25", "isolate=true", "a=b",
		  NULL },
		{ "x", NULL, "10.99.0.0/16", NULL, NULL, NULL, NULL,
		  "invalid pool request: Pool overlaps with other one on this address space" },
	};
	struct scratch *s = arg;
	cleanup_network struct network good = { 0 };
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(WISHES); i++) {
		const struct wish *w = &WISHES[i];
		const char *const texts[] = { w->subnet, w->gateway, w->range, w->option, w->label };
		struct network_request q = { .name = w->name, .driver = w->driver };
		struct strvec *const lists[] = { &q.subnets, &q.gateways, &q.ranges, &q.options, &q.labels };
		struct network made = { 0 };
		int r;

		for (size_t k = 0; k < ARRAY_LEN(lists); k++)
			if (texts[k])
				CHILD_OK(strvec_add(lists[k], texts[k]));
		r = network_create(s->path, &q, &made, &e);
		CHILD_CHECK((r < 0) == (w->error != NULL));
		if (w->error && strcmp(e.text, w->error) != 0)
			(void)dprintf(2, "%s\n", e.text);
		CHILD_CHECK(!w->error || strcmp(e.text, w->error) == 0);
		network_done(&made);
		for (size_t k = 0; k < ARRAY_LEN(lists); k++)
			strvec_done(lists[k]);
	}
	CHILD_OK(network_load(s->path, "good", &good, &e));
	CHILD_CHECK(strcmp(good.subnets[0].gateway, "10.99.0.254") == 0);
	CHILD_CHECK(strcmp(good.subnets[0].range->first, "10.99.0.128") == 0);
	CHILD_CHECK(strcmp(good.subnets[0].range->last, "10.99.0.255") == 0);
	CHILD_CHECK(strcmp(good.labels.items[0], "a=b") == 0);
}

static void what_cannot_be_is_refused_in_dockers_words(void **state)
{
	run_in_child(CLONE_NEWNET, wishes_in_child, *state);
}

static void files_of_podman_are_read(void **state)
{
	static const char TEXT[] =
		"{\"name\":\"net1\",\"id\":\"8846cb0a\",\"driver\":\"bridge\",\"network_interface\":"
		"\"podman1\","
		"\"created\":\"2026-11-26T02:44:55.812267915Z\",\"subnets\":[{\"subnet\":\"10.89.0.0/24\","
		"\"gateway\":\"10.89.0.1\",\"lease_range\":{\"start_ip\":\"10.89.0.128\"}}],\"ipv6_enabled\":"
		"false,"
		"\"internal\":false,\"dns_enabled\":true,\"labels\":{\"a\":\"b\"},\"options\":{\"mtu\":"
		"\"1400\"},"
		"\"ipam_options\":{\"driver\":\"host-local\"}}";
	cleanup_json_out struct json_out *o = json_out_new(false, NETWORK_BYTES_MAX);
	cleanup_network struct network n = { 0 };
	const char *text;
	struct err e;
	size_t len;

	(void)state;
	assert_int_equal(network_decode(TEXT, strlen(TEXT), &n, &e), 0);
	network_write(o, NULL, &n);
	assert_int_equal(json_out_finish(o, &text, &len, &e), 0);
	assert_string_equal(text, TEXT);
}

static void damaged_files_are_told_and_not_listed(void **state)
{
	static const char BAD[] =
		"{\"name\":\"x\",\"id\":\"1\",\"driver\":\"bridge\",\"network_interface\":\"y\","
		"\"subnets\":[{\"subnet\":\"10.0.0.0/8\",\"gateway\":\"11.0.0.1\"}]}";
	struct scratch *s = *state;
	cleanup_network struct network n = { 0 };
	struct network *items = NULL;
	struct err e;
	size_t len;

	assert_int_equal(mkdirat(s->fd, "networks", 0755), 0);
	scratch_write(s, "networks/x.json", BAD);
	assert_int_equal(network_load(s->path, "x", &n, &e), -EINVAL);
	assert_string_equal(e.text, "network x: subnets[0]: '11.0.0.1' is not in '10.0.0.0/8'");
	assert_int_equal(network_load(s->path, "../networks/x", &n, &e), -ENOENT);
	assert_int_equal(network_list(s->path, &items, &len, &e), 0);
	assert_int_equal(len, 0);
	network_list_free(items, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_free_subnet_is_picked),
		cmocka_unit_test(random_subnets_of_ipv6_are_local_and_free),
		cmocka_unit_test(routes_of_the_host_are_taken),
		SCRATCH_TEST(networks_are_created_found_listed_and_removed),
		SCRATCH_TEST(what_cannot_be_is_refused_in_dockers_words),
		cmocka_unit_test(files_of_podman_are_read),
		SCRATCH_TEST(damaged_files_are_told_and_not_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
