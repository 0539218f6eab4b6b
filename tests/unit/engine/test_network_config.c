/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_config.h"

#include "tests/unit/common/scratch.h"

static const struct strvec NONE;

/* Adds networks, blanks between them; the code of the last one. */
static int add(struct network_config *c, const char *texts, struct err *e)
{
	char copy[512], *rest = copy, *text;
	int r = 0;

	(void)snprintf(copy, sizeof(copy), "%s", texts);
	while (r == 0 && (text = strsep(&rest, " ")))
		r = network_config_add_network(c, text, e);
	return r;
}

static void modes_and_networks_are_understood(void **state)
{
	static const struct {
		const char *texts;
		int mode;
		const char *name;
	} CASES[] = {
		{ "none", NETWORK_NONE, "none" },
		{ "host", NETWORK_HOST, "host" },
		{ "bridge", NETWORK_BRIDGE, "bridge" },
		{ "default", NETWORK_BRIDGE, "bridge" },
		{ "web", NETWORK_BRIDGE, "web" },
		{ "web db", NETWORK_BRIDGE, "web" },
		{ "name=web,alias=a,alias=b,ip=10.89.0.7,ip6=fd00:0::7,mac-address=02-00-00-00-00-01",
		  NETWORK_BRIDGE, "web" },
		{ "container:peer", NETWORK_CONTAINER, "container:peer" },
	};
	char name[160];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_network_config struct network_config c = { 0 };

		assert_int_equal(add(&c, CASES[i].texts, &e), 0);
		assert_int_equal(c.mode, CASES[i].mode);
		assert_string_equal(network_config_mode_name(&c, name), CASES[i].name);
	}
}

static void the_long_form_has_everything(void **state)
{
	cleanup_network_config struct network_config c = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(
		add(&c,
		    "name=web,alias=a,alias=b,ip=10.89.0.7,ip6=fd00:0::7,mac-address=02-00-00-00-00-0A db",
		    &e),
		0);
	assert_int_equal(c.endpoints_len, 2);
	assert_string_equal(c.endpoints[0].network, "web");
	assert_int_equal(c.endpoints[0].aliases.len, 2);
	assert_string_equal(c.endpoints[0].aliases.items[1], "b");
	assert_string_equal(c.endpoints[0].ip, "10.89.0.7");
	assert_string_equal(c.endpoints[0].ip6, "fd00::7");
	assert_string_equal(c.endpoints[0].mac, "02:00:00:00:00:0a");
	assert_ptr_equal(network_config_find(&c, "db"), &c.endpoints[1]);
	network_config_remove_endpoint(&c, "web");
	assert_int_equal(c.endpoints_len, 1);
	assert_string_equal(c.endpoints[0].network, "db");
	network_config_remove_endpoint(&c, "db");
	assert_int_equal(c.mode, NETWORK_NONE);
}

static void networks_that_contradict_are_refused(void **state)
{
	static const char CONFLICT[] =
		"conflicting options: cannot attach both user-defined and non-user-defined "
		"network-modes";
	static const struct {
		const char *texts, *error;
	} CASES[] = {
		{ "", "no name set for network" },
		{ "alias=x", "network name/id is not specified" },
		{ "foo=bar", "invalid field key foo" },
		{ "name=web,zz=1", "invalid field key zz" },
		{ "name=web,x", "invalid field x" },
		{ "name=web,ip=1.2.3", "invalid IPv4 address: 1.2.3" },
		{ "name=web,ip=::1", "invalid IPv4 address: ::1" },
		{ "name=web,ip6=1.2.3.4", "invalid IPv6 address: 1.2.3.4" },
		{ "name=web,mac-address=zz", "zz is not a valid mac address" },
		{ "name=web,alias=a/b", "invalid network alias: \"a/b\"" },
		{ "web web", "network \"web\" is specified multiple times" },
		{ "name=web web", "network \"web\" is specified multiple times" },
		{ "bridge default", "network \"bridge\" is specified multiple times" },
		{ "container:", "invalid container format container:<name|id>" },
		{ "host web", CONFLICT },
		{ "web host", CONFLICT },
		{ "none web", CONFLICT },
		{ "web none", CONFLICT },
		{ "container:x web", CONFLICT },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_network_config struct network_config c = { 0 };

		assert_int_equal(add(&c, CASES[i].texts, &e) < 0, true);
		assert_string_equal(e.text, CASES[i].error);
	}
}

static void flags_about_one_network_are_about_the_first(void **state)
{
	static const struct {
		const char *networks, *alias, *ip, *ip6, *mac, *error;
	} CASES[] = {
		{ "web db", "a", "10.89.0.9", "fd00::9", "02:00:00:00:00:01", NULL },
		{ "none", NULL, NULL, NULL, NULL, NULL },
		{ "host", "a", NULL, NULL, NULL,
		  "network-scoped aliases are only supported for user-defined networks" },
		{ "none", NULL, "1.2.3.4", NULL, NULL,
		  "user specified IP address is supported on user defined networks only" },
		{ "host", NULL, NULL, NULL, "02:00:00:00:00:01",
		  "conflicting options: mac-address and the network mode" },
		{ "web", NULL, "1.2.3", NULL, NULL, "invalid IPv4 address: 1.2.3" },
		{ "web", NULL, NULL, "1.2.3.4", NULL, "invalid IPv6 address: 1.2.3.4" },
		{ "web", NULL, NULL, NULL, "zz", "zz is not a valid mac address" },
		{ "web", "a b", NULL, NULL, NULL, "invalid network alias: \"a b\"" },
		{ "name=web,ip=1.2.3.4", NULL, "1.2.3.5", NULL, NULL,
		  "conflicting options: cannot specify both --ip and per-network IPv4 address" },
		{ "name=web,ip6=fd00::1", NULL, NULL, "fd00::2", NULL,
		  "conflicting options: cannot specify both --ip6 and per-network IPv6 address" },
		{ "name=web,alias=x", "a", NULL, NULL, NULL,
		  "conflicting options: cannot specify both --network-alias and per-network alias" },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_network_config struct network_config c = { 0 };
		cleanup_strvec struct strvec aliases = { 0 };
		int r;

		assert_int_equal(add(&c, CASES[i].networks, &e), 0);
		if (CASES[i].alias)
			assert_int_equal(strvec_add(&aliases, CASES[i].alias), 0);
		r = network_config_set_first(&c, &aliases, CASES[i].ip, CASES[i].ip6, CASES[i].mac, &e);
		assert_int_equal(r, CASES[i].error ? -EINVAL : 0);
		if (CASES[i].error)
			assert_string_equal(e.text, CASES[i].error);
		else if (c.endpoints_len)
			assert_string_equal(c.endpoints[0].ip, "10.89.0.9");
	}
}

static void names_and_servers_are_checked(void **state)
{
	static const char *const GOOD_SEARCH[] = { ".", "foo", "foo.bar", "a-b.c" };
	static const char *const BAD_SEARCH[] = { "", "a b", "-x", "x-", "foo_bar", "a..b", ".a" };
	static const char *const BAD_HOSTS[] = { "", "foo", "foo:", ":1.2.3.4", "a b:1.2.3.4" };
	cleanup_network_config struct network_config c = { 0 };
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD_SEARCH); i++)
		assert_int_equal(network_config_add_search(&c, GOOD_SEARCH[i], &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(BAD_SEARCH); i++)
		assert_int_equal(network_config_add_search(&c, BAD_SEARCH[i], &e), -EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(BAD_HOSTS); i++)
		assert_int_equal(network_config_add_host(&c, BAD_HOSTS[i], &e), -EINVAL);
	assert_string_equal(e.text, "bad format for add-host: \"a b:1.2.3.4\"");
	assert_int_equal(network_config_add_host(&c, "foo:bar", &e), -EINVAL);
	assert_string_equal(e.text, "invalid IP address in add-host: \"bar\"");
	assert_int_equal(network_config_add_host(&c, "a:1.2.3.4", &e), 0);
	assert_int_equal(network_config_add_host(&c, "b=::1", &e), 0);
	assert_int_equal(network_config_add_host(&c, "c:[::1]", &e), 0);
	assert_int_equal(network_config_add_host(&c, "d:host-gateway", &e), 0);
	assert_int_equal(c.hosts.len, 4);
	assert_string_equal(c.hosts.items[1], "b ::1");
	assert_string_equal(c.hosts.items[2], "c ::1");
	assert_string_equal(c.hosts.items[3], "d host-gateway");
	assert_int_equal(network_config_add_dns(&c, "1.2.3", &e), -EINVAL);
	assert_string_equal(e.text, "IP address is not correctly formatted: 1.2.3");
	assert_int_equal(network_config_add_dns(&c, "::1", &e), 0);
}

static void what_a_shared_network_cannot_have_is_refused(void **state)
{
	cleanup_network_config struct network_config c = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(add(&c, "container:x", &e), 0);
	assert_int_equal(network_config_check(&c, &e), 0);
	assert_int_equal(network_config_add_host(&c, "a:1.2.3.4", &e), 0);
	assert_int_equal(network_config_check(&c, &e), -EINVAL);
	assert_string_equal(e.text, "conflicting options: custom host-to-IP mapping and the network mode");
	assert_int_equal(network_config_add_dns(&c, "1.2.3.4", &e), 0);
	assert_int_equal(network_config_check(&c, &e), -EINVAL);
	assert_string_equal(e.text, "conflicting options: dns and the network mode");
	assert_int_equal(network_expose_add(&c.exposed, "80", &e), 0);
	assert_int_equal(network_config_check(&c, &e), -EINVAL);
	assert_string_equal(e.text, "conflicting options: port exposing and the container type network mode");
	assert_int_equal(network_ports_add(&c.ports, "80", &e), 0);
	assert_int_equal(network_config_check(&c, &e), -EINVAL);
	assert_string_equal(e.text,
			    "conflicting options: port publishing and the container type network mode");
	c.hostname = strdup("h");
	assert_int_equal(network_config_check(&c, &e), -EINVAL);
	assert_string_equal(e.text, "conflicting options: hostname and the network mode");
}

static void ports_need_a_network(void **state)
{
	cleanup_network_config struct network_config c = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(network_ports_add(&c.ports, "80", &e), 0);
	assert_int_equal(network_config_check(&c, &e), -EINVAL);
	assert_string_equal(e.text, "ports cannot be published with the network 'none'");
}

static void all_exposed_ports_can_be_published(void **state)
{
	cleanup_network_config struct network_config c = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(network_ports_add(&c.ports, "8080:80", &e), 0);
	assert_int_equal(network_expose_add(&c.exposed, "80", &e), 0);
	assert_int_equal(network_expose_add(&c.exposed, "53/udp", &e), 0);
	assert_int_equal(network_config_publish_exposed(&c, &e), 0);
	assert_int_equal(c.ports.len, 2);
	assert_int_equal(c.ports.items[1].container_port, 53);
	assert_int_equal(c.ports.items[1].host_port, 0);
	assert_string_equal(c.ports.items[1].protocol, "udp");
}

static void a_configuration_survives_its_file(void **state)
{
	struct scratch *s = *state;
	cleanup_network_config struct network_config c = { 0 }, back = { 0 };
	struct buf first = BUF_INIT(65536), second = BUF_INIT(65536);
	struct err e;

	assert_int_equal(network_config_load(s->fd, &back, &e), 0); /* no file: no network */
	assert_int_equal(back.mode, NETWORK_NONE);
	assert_int_equal(add(&c, "name=web,alias=a,ip=10.89.0.7 db", &e), 0);
	assert_int_equal(network_ports_add(&c.ports, "127.0.0.1:8000-8003:80/udp", &e), 0);
	assert_int_equal(network_config_add_host(&c, "d:host-gateway", &e), 0);
	assert_int_equal(network_config_add_dns(&c, "1.2.3.4", &e), 0);
	c.hostname = strdup("h");
	c.publish_all = true;
	assert_int_equal(network_config_save(s->fd, &c, true, &e), 0);
	assert_int_equal(file_read(s->fd, NETWORK_CONFIG_FILE, &first, &e), 0);
	assert_int_equal(network_config_load(s->fd, &back, &e), 0);
	assert_int_equal(network_config_save(s->fd, &back, false, &e), 0);
	assert_int_equal(file_read(s->fd, NETWORK_CONFIG_FILE, &second, &e), 0);
	assert_string_equal(first.data, second.data);
	assert_int_equal(back.ports.items[0].host_port_last, 8003);
	assert_string_equal(back.ports.items[0].host_ip, "127.0.0.1");
	scratch_write(s, NETWORK_CONFIG_FILE, "{\"mode\":\"bridge\",\"networks\":[{}]}");
	network_config_done(&back);
	assert_int_equal(network_config_load(s->fd, &back, &e), -EINVAL);
	assert_string_equal(e.text, "the container's 'network.json': networks[0].network: missing");
	buf_done(&first);
	buf_done(&second);
}

static void connecting_twice_is_refused(void **state)
{
	cleanup_network_config struct network_config c = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(network_config_add_endpoint(&c, "web", &NONE, "10.89.0.4", NULL, &e), 0);
	assert_int_equal(c.mode, NETWORK_BRIDGE);
	assert_int_equal(network_config_add_endpoint(&c, "web", &NONE, NULL, NULL, &e), -EEXIST);
	assert_int_equal(network_config_add_endpoint(&c, "db", NULL, "x", NULL, &e), -EINVAL);
	assert_int_equal(c.endpoints_len, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_and_networks_are_understood),
		cmocka_unit_test(the_long_form_has_everything),
		cmocka_unit_test(networks_that_contradict_are_refused),
		cmocka_unit_test(flags_about_one_network_are_about_the_first),
		cmocka_unit_test(names_and_servers_are_checked),
		cmocka_unit_test(what_a_shared_network_cannot_have_is_refused),
		cmocka_unit_test(ports_need_a_network),
		cmocka_unit_test(all_exposed_ports_can_be_published),
		SCRATCH_TEST(a_configuration_survives_its_file),
		cmocka_unit_test(connecting_twice_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
