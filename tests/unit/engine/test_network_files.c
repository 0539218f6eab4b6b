/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_files.h"

#include "tests/unit/common/scratch.h"

#define RECORD                                                                                               \
	"{\"id\":\"80f3c29cb514\",\"name\":\"web\",\"pid\":7,\"pid_start_ticks\":1,\"networks\":[{"          \
	"\"network\":"                                                                                       \
	"\"net1\",\"network_id\":\"1\",\"definition\":{},\"interface\":\"eth0\",\"bridge\":\"b\","           \
	"\"ip\":\"10.89.0.2\",\"ip6\":\"fd00::2\",\"gateway\":\"10.89.0.1\"}],\"resolvers\":[\"10.89.0.1\"]" \
	"}"

static void load(const char *text, struct network_record *r)
{
	struct err e = { 0 };

	if (network_record_decode(text, strlen(text), r, &e) < 0)
		fail_msg("%s", e.text);
}

static void configure(struct network_config *c, const char *network)
{
	struct err e;

	assert_int_equal(network_config_add_network(c, network, &e), 0);
	assert_int_equal(network_config_add_host(c, "fixed:1.2.3.4", &e), 0);
	assert_int_equal(network_config_add_host(c, "up:host-gateway", &e), 0);
}

static void hosts_are_made_for_each_mode(void **state)
{
	cleanup_network_config struct network_config own = { 0 }, host = { 0 };
	struct buf a = BUF_INIT(NETWORK_FILE_BYTES), b = BUF_INIT(NETWORK_FILE_BYTES);

	(void)state;
	configure(&own, "web");
	assert_int_equal(network_hosts_text(&own, "192.0.2.1 secret\n", &a), 0);
	assert_non_null(strstr(a.data, "127.0.0.1\tlocalhost\n"));
	assert_non_null(strstr(a.data, "\n1.2.3.4\tfixed\n"));
	assert_null(strstr(a.data, "secret"));
	assert_null(strstr(a.data, "up"));
	configure(&host, "host");
	assert_int_equal(network_hosts_text(&host, "192.0.2.1 shared", &b), 0);
	assert_string_equal(b.data, "192.0.2.1 shared\n1.2.3.4\tfixed\n127.0.0.1\tup\n");
	buf_done(&a);
	buf_done(&b);
}

static void resolvers_are_chosen(void **state)
{
	static const char HOST[] =
		"# comment\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nsearch lan\noptions ndots:1\n";
	static const struct {
		const char *network, *dns, *search, *option, *resolver, *expected;
	} CASES[] = {
		{ "web", NULL, NULL, NULL, NULL,
		  "# comment\nnameserver 192.0.2.53\nsearch lan\noptions ndots:1\n" },
		{ "host", NULL, NULL, NULL, NULL, HOST },
		{ "web", NULL, NULL, NULL, "10.89.0.1",
		  "nameserver 10.89.0.1\n# comment\nsearch lan\noptions ndots:1\n" },
		{ "web", "9.9.9.9", "example.com", "ndots:2", NULL,
		  "nameserver 9.9.9.9\nsearch example.com\noptions ndots:2\n# comment\n" },
		{ "web", "9.9.9.9", ".", NULL, "10.89.0.1",
		  "nameserver 10.89.0.1\n# comment\noptions ndots:1\n" },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_network_config struct network_config c = { 0 };
		cleanup_strvec struct strvec resolvers = { 0 };
		struct buf out = BUF_INIT(NETWORK_FILE_BYTES);

		assert_int_equal(network_config_add_network(&c, CASES[i].network, &e), 0);
		if (CASES[i].dns)
			assert_int_equal(network_config_add_dns(&c, CASES[i].dns, &e), 0);
		if (CASES[i].search)
			assert_int_equal(network_config_add_search(&c, CASES[i].search, &e), 0);
		if (CASES[i].option)
			assert_int_equal(strvec_add(&c.dns_options, CASES[i].option), 0);
		if (CASES[i].resolver)
			assert_int_equal(strvec_add(&resolvers, CASES[i].resolver), 0);
		assert_int_equal(network_resolv_text(&c, HOST, &resolvers, &out), 0);
		assert_string_equal(out.data, CASES[i].expected);
		buf_done(&out);
	}
}

static void addresses_come_into_hosts_and_leave_again(void **state)
{
	static const char EDITED[] =
		"127.0.0.1\tlocalhost\n192.0.2.9 of the user\n10.0.0.9\told web\t# sampan\n";
	cleanup_network_config struct network_config c = { 0 };
	cleanup_network_record struct network_record r = { 0 };
	const struct network_record none = { 0 };
	struct buf out = BUF_INIT(NETWORK_FILE_BYTES), again = BUF_INIT(NETWORK_FILE_BYTES);

	(void)state;
	load(RECORD, &r);
	configure(&c, "web");
	c.domainname = strdup("example.com");
	assert_int_equal(network_hosts_update_text(EDITED, &c, &r, "box", &out), 0);
	assert_string_equal(out.data, "127.0.0.1\tlocalhost\n192.0.2.9 of the user\n10.89.0.1\tup\t# sampan\n"
				      "10.89.0.2\tbox.example.com box web\t# sampan\n"
				      "fd00::2\tbox.example.com box web\t# sampan\n");
	assert_int_equal(network_hosts_update_text(out.data, &c, &none, "box", &again), 0);
	assert_string_equal(again.data, "127.0.0.1\tlocalhost\n192.0.2.9 of the user\n");
	buf_done(&out);
	buf_done(&again);
}

static ino_t inode_of(const struct scratch *s, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(s->fd, name, &st, 0), 0);
	return st.st_ino;
}

static void files_are_written_in_place_and_the_users_stay(void **state)
{
	struct scratch *s = *state;
	cleanup_network_config struct network_config c = { 0 };
	cleanup_network_record struct network_record r = { 0 };
	struct buf text = BUF_INIT(NETWORK_FILE_BYTES);
	struct err e;
	ino_t hosts, resolv;

	load(RECORD, &r);
	configure(&c, "web");
	assert_int_equal(network_files_update(s->fd, &c, &r, "box", &e),
			 0); /* neither is there: neither is made */
	assert_int_equal(faccessat(s->fd, "hosts", F_OK, 0), -1);
	scratch_write(s, "hosts", "127.0.0.1\tlocalhost\n");
	scratch_write(s, "resolv.conf", "nameserver 192.0.2.1\n");
	hosts = inode_of(s, "hosts");
	resolv = inode_of(s, "resolv.conf");
	assert_int_equal(network_files_update(s->fd, &c, &r, "box", &e), 0);
	assert_int_equal(file_read(s->fd, "hosts", &text, &e), 0);
	assert_non_null(strstr(text.data, "10.89.0.2\tbox web\t# sampan\n"));
	buf_clear(&text);
	assert_int_equal(file_read(s->fd, "resolv.conf", &text, &e), 0);
	assert_int_equal(strncmp(text.data, "nameserver 10.89.0.1\n", 21), 0);
	assert_true(inode_of(s, "hosts") == hosts && inode_of(s, "resolv.conf") == resolv);
	scratch_write(s, "resolv.conf", "nameserver 192.0.2.77\n"); /* somebody knows better */
	assert_int_equal(network_files_update(s->fd, &c, &r, "box", &e), 0);
	assert_true(scratch_holds(s, "resolv.conf", "nameserver 192.0.2.77\n"));
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_are_made_for_each_mode),
		cmocka_unit_test(resolvers_are_chosen),
		cmocka_unit_test(addresses_come_into_hosts_and_leave_again),
		SCRATCH_TEST(files_are_written_in_place_and_the_users_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
