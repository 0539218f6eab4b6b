/* SPDX-License-Identifier: Apache-2.0 */
/* The record of a container's networks, what netavark is told of it, and pasta's command line. */
#include "engine/netavark.h"
#include "engine/network_helper.h"
#include "engine/network_pasta.h"

#include "tests/unit/common/scratch.h"

#define NET1                                                                                              \
	"{\"name\":\"net1\",\"id\":\"8846cb0a\",\"driver\":\"bridge\",\"network_interface\":\"podman1\"," \
	"\"subnets\":[{\"subnet\":\"10.89.0.0/24\",\"gateway\":\"10.89.0.1\"}]}"

static const char RECORD[] =
	"{\"id\":\"80f3c29cb514\",\"name\":\"web\",\"pid\":7,\"pid_start_ticks\":18446744073709551615,"
	"\"networks\":[{\"network\":\"net1\",\"network_id\":\"8846cb0a\",\"definition\":" NET1
	",\"interface\":\"eth0\",\"bridge\":\"podman1\",\"host_link\":\"veth0\",\"host_index\":5,"
	"\"aliases\":[\"al\",\"80f3c29cb514\"],\"mac\":\"02:00:00:00:00:01\",\"ip\":\"10.89.0.2\",\"bits\":"
	"24,"
	"\"gateway\":\"10.89.0.1\",\"bits6\":0,\"dns\":true,\"internal\":false}],"
	"\"ports\":[{\"host_port\":8080,\"container_port\":80,\"protocol\":\"tcp\"},"
	"{\"host_ip\":\"127.0.0.1\",\"host_port\":90,\"container_port\":90,\"protocol\":\"udp\"},"
	"{\"host_ip\":\"127.0.0.1\",\"host_port\":91,\"container_port\":91,\"protocol\":\"udp\"}],"
	"\"dns\":[\"1.2.3.4\"],\"resolvers\":[\"10.89.0.1\"],\"pasta_pid\":0,\"pasta_start_ticks\":0}";

static void load(struct network_record *r)
{
	struct err e = { 0 };

	if (network_record_decode(RECORD, strlen(RECORD), r, &e) < 0)
		fail_msg("%s", e.text);
}

static void a_record_is_read_as_it_was_written(void **state)
{
	cleanup_json_out struct json_out *o = json_out_new(false, NETWORK_RECORD_BYTES);
	cleanup_network_record struct network_record r = { 0 };
	const char *text;
	struct err e;
	size_t len;

	(void)state;
	load(&r);
	network_record_write(o, &r);
	assert_int_equal(json_out_finish(o, &text, &len, &e), 0);
	assert_string_equal(text, RECORD);
	assert_non_null(network_record_find(&r, "net1"));
	assert_null(network_record_find(&r, "net2"));
	network_record_remove(&r, "net1");
	assert_int_equal(r.attachments_len, 0);
}

/* Key for key what podman 4.3 gives netavark 1.4 for the same container, and dns_servers, which netavark 1.4 knows and podman 4.3 does not. */
static void options_are_those_of_podman(void **state)
{
	static const char EXPECTED[] =
		"{\"container_id\":\"80f3c29cb514\",\"container_name\":\"web\",\"port_mappings\":["
		"{\"host_ip\":\"\",\"container_port\":80,\"host_port\":8080,\"range\":1,\"protocol\":\"tcp\"}"
		","
		"{\"host_ip\":\"127.0.0.1\",\"container_port\":90,\"host_port\":90,\"range\":2,\"protocol\":"
		"\"udp\"}],"
		"\"dns_servers\":[\"1.2.3.4\"],"
		"\"networks\":{\"net1\":{\"static_ips\":[\"10.89.0.2\"],\"aliases\":[\"al\",\"80f3c29cb514\"]"
		","
		"\"static_mac\":\"02:00:00:00:00:01\",\"interface_name\":\"eth0\"}},\"network_info\":{"
		"\"net1\":" NET1 "}}";
	cleanup_json_out struct json_out *o = json_out_new(false, NETAVARK_INPUT_BYTES);
	cleanup_network_record struct network_record r = { 0 };
	const char *text;
	struct err e;
	size_t len;

	(void)state;
	load(&r);
	netavark_write_options(o, &r, NULL);
	assert_int_equal(json_out_finish(o, &text, &len, &e), 0);
	assert_string_equal(text, EXPECTED);
}

static void answers_are_taken_into_the_record(void **state)
{
	static const char ANSWER[] =
		"{\"net1\":{\"dns_search_domains\":[\"dns.podman\"],\"dns_server_ips\":[\"10.89.0.1\",\"10."
		"89.0.9\"],"
		"\"interfaces\":{\"eth0\":{\"mac_address\":\"ba:f4:86:93:70:aa\",\"subnets\":[{\"gateway\":"
		"\"10.89.0.1\",\"ipnet\":\"10.89.0.2/24\"}]}}},\"other\":{}}";
	cleanup_network_record struct network_record r = { 0 };
	struct err e;

	(void)state;
	load(&r);
	assert_int_equal(netavark_read_answer(ANSWER, strlen(ANSWER), &r, &e), 0);
	assert_string_equal(r.attachments[0].mac, "ba:f4:86:93:70:aa");
	assert_int_equal(r.resolvers.len, 2); /* the first was there */
	assert_string_equal(r.resolvers.items[1], "10.89.0.9");
	assert_string_equal(r.search.items[0], "dns.podman");
	assert_int_equal(netavark_read_answer("oops", 4, &r, &e), -EPROTO);
	assert_string_equal(e.text, "cannot understand the answer of netavark: oops");
}

static void assert_args(const struct strvec *v, const char *expected)
{
	char text[1024] = "";
	size_t n = 0;

	for (size_t i = 0; i < v->len; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "", v->items[i]);
	assert_string_equal(text, expected);
}

static void pasta_forwards_what_was_published_and_nothing_else(void **state)
{
	cleanup_network_record struct network_record r = { 0 };
	cleanup_strvec struct strvec with = { 0 }, without = { 0 };
	struct err e;

	(void)state;
	load(&r);
	assert_int_equal(pasta_argv("/usr/bin/pasta", &r, "/proc/7/ns/user", "/proc/7/ns/net", "/x.pasta",
				    &with, &e),
			 0);
	assert_args(&with,
		    "/usr/bin/pasta --config-net --quiet --no-map-gw -I eth0 -T none -U none -P /x.pasta "
		    "-t 8080:80 -u 127.0.0.1/90:90 -u 127.0.0.1/91:91 --userns=/proc/7/ns/user "
		    "--netns=/proc/7/ns/net");
	network_ports_done(&r.ports);
	assert_int_equal(pasta_argv("/usr/bin/pasta", &r, NULL, "/proc/self/fd/5", "/x.pasta", &without, &e),
			 0);
	assert_args(&without,
		    "/usr/bin/pasta --config-net --quiet --no-map-gw -I eth0 -T none -U none -P /x.pasta "
		    "-t none -u none --netns-only --netns=/proc/self/fd/5");
	assert_int_equal(network_ports_add(&r.ports, "1:1/sctp", &e), 0);
	assert_int_equal(pasta_argv("/usr/bin/pasta", &r, NULL, "/proc/self/fd/5", "/x.pasta", &without, &e),
			 -EOPNOTSUPP);
	assert_string_equal(e.text, "rootless containers cannot publish sctp ports");
}

static void pasta_has_no_networks_by_name(void **state)
{
	cleanup_network_config struct network_config named = { 0 }, bridge = { 0 };
	const struct strvec none = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(network_config_add_network(&named, "web", &e), 0);
	assert_int_equal(pasta_check(&named, &e), -EOPNOTSUPP);
	assert_string_equal(e.text,
			    "networks by name need root: rootless containers have bridge, host, none and "
			    "container:ID");
	assert_int_equal(network_config_add_network(&bridge, "bridge", &e), 0);
	assert_int_equal(pasta_check(&bridge, &e), 0);
	assert_int_equal(network_config_set_first(&bridge, &none, "1.2.3.4", NULL, NULL, &e), 0);
	assert_int_equal(pasta_check(&bridge, &e), -EOPNOTSUPP);
}

/* --- helpers --- */

static void a_missing_helper_names_its_package(void **state)
{
	struct scratch *s = *state;
	char *path = NULL;
	struct err e;

	assert_int_equal(setenv(NETWORK_HELPER_ENV, s->path, 1), 0);
	assert_int_equal(network_helper_find("pasta", &path, &e), -ENOENT);
	assert_string_equal(e.text,
			    "networks need 'pasta', which is not here: install the package passt (or use "
			    "--network none or host)");
	scratch_write(s, "netavark", "#!/bin/sh\n");
	assert_int_equal(fchmodat(s->fd, "netavark", 0755, 0), 0);
	assert_int_equal(network_helper_find("netavark", &path, &e), 0);
	assert_string_equal(path, scratch_path(s, "netavark"));
	free(path);
	assert_int_equal(unsetenv(NETWORK_HELPER_ENV), 0);
}

static void helpers_get_input_and_are_heard(void **state)
{
	static const char SCRIPT[] =
		"cat; echo loud >&2; case $PATH in *:/usr/sbin:*) exit 3 ;; esac; exit 4";
	struct network_helper_result result = { 0 };
	cleanup_strvec struct strvec argv = { 0 };
	struct err e;

	(void)state;
	need_fork();
	assert_int_equal(strvec_add(&argv, "/bin/sh"), 0);
	assert_int_equal(strvec_add(&argv, "-c"), 0);
	assert_int_equal(strvec_add(&argv, SCRIPT), 0);
	assert_int_equal(network_helper_run(&argv, "input", 5, &result, &e), 0);
	assert_string_equal(result.out.data, "input");
	assert_string_equal(result.error.data, "loud\n");
	assert_int_equal(result.exit_code, 3);
	network_helper_result_done(&result);
}

static void a_failure_of_netavark_is_told_in_its_words(void **state)
{
	struct scratch *s = *state;
	cleanup_network_record struct network_record r = { 0 };
	struct err e;

	need_fork();
	load(&r);
	scratch_write(s, "netavark", "#!/bin/sh\ncat >/dev/null; echo '{\"error\":\"it broke\"}'; exit 1\n");
	scratch_write(s, "aardvark-dns", "");
	assert_int_equal(fchmodat(s->fd, "netavark", 0755, 0), 0);
	assert_int_equal(fchmodat(s->fd, "aardvark-dns", 0755, 0), 0);
	assert_int_equal(setenv(NETWORK_HELPER_ENV, s->path, 1), 0);
	assert_int_equal(netavark_run(NETAVARK_SETUP, s->path, "/nowhere", &r, NULL, &e), -EPROTO);
	assert_string_equal(e.text, "netavark: it broke");
	scratch_write(s, "netavark", "#!/bin/sh\necho boom >&2; exit 101\n");
	assert_int_equal(netavark_run(NETAVARK_TEARDOWN, s->path, "/nowhere", &r, NULL, &e), -EPROTO);
	assert_string_equal(e.text, "netavark ended with code 101: boom\n");
	assert_int_equal(unsetenv(NETWORK_HELPER_ENV), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_read_as_it_was_written),
		cmocka_unit_test(options_are_those_of_podman),
		cmocka_unit_test(answers_are_taken_into_the_record),
		cmocka_unit_test(pasta_forwards_what_was_published_and_nothing_else),
		cmocka_unit_test(pasta_has_no_networks_by_name),
		SCRATCH_TEST(a_missing_helper_names_its_package),
		cmocka_unit_test(helpers_get_input_and_are_heard),
		SCRATCH_TEST(a_failure_of_netavark_is_told_in_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
