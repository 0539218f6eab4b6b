/* SPDX-License-Identifier: Apache-2.0 */
/* Who has what, and for how long. */
#include "engine/network_bind.h"
#include "engine/network_state.h"

#include "tests/unit/common/scratch.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "common/process.h"

static char subnet_text[] = "10.89.0.0/29", gateway_text[] = "10.89.0.1";
static const struct network_subnet SUBNET = { .subnet = subnet_text, .gateway = gateway_text };

static void own(const struct network_state *s, const char *id)
{
	struct err e;
	uint64_t ticks;

	assert_int_equal(process_start_time(getpid(), &ticks), 0);
	assert_int_equal(network_state_own(s, id, getpid(), ticks, "", &e), 0);
}

static int lease(const struct network_state *s, const char *id, const char *wanted, const char *expected,
		 struct err *e)
{
	char ip[NET_ADDRESS_MAX];
	int r = network_state_lease(s, "web", &SUBNET, id, wanted, ip, e);

	if (r == 0)
		assert_string_equal(ip, expected);
	return r;
}

static void addresses_are_handed_out_in_turn_and_once(void **state)
{
	struct scratch *scratch = *state;
	cleanup_network_state struct network_state s = NETWORK_STATE_EMPTY;
	struct err e;

	assert_int_equal(network_state_open(scratch->path, true, &s, &e), 0);
	own(&s, "a");
	own(&s, "b");
	assert_int_equal(lease(&s, "a", NULL, "10.89.0.2", &e), 0);
	assert_int_equal(lease(&s, "a", NULL, "10.89.0.3", &e), 0);
	network_state_release(&s, "web", "a", "10.89.0.2");
	assert_int_equal(lease(&s, "b", NULL, "10.89.0.4", &e),
			 0); /* not the one that has just been given back */
	assert_int_equal(lease(&s, "b", NULL, "10.89.0.5", &e), 0);
	assert_int_equal(lease(&s, "b", NULL, "10.89.0.6", &e), 0);
	assert_int_equal(lease(&s, "b", NULL, "10.89.0.2", &e), 0); /* .7 is the broadcast address */
	assert_int_equal(lease(&s, "b", NULL, NULL, &e), -ENOSPC);
	assert_string_equal(e.text, "no available IPv4 addresses on this network's address pools: web");
	assert_true(network_state_used(&s, "web"));
	assert_false(network_state_used(&s, "db"));
}

static void an_address_can_be_asked_for(void **state)
{
	struct scratch *scratch = *state;
	cleanup_network_state struct network_state s = NETWORK_STATE_EMPTY;
	static const char *const BAD[] = { "10.89.0.1", "10.89.0.0", "10.89.0.7", "10.90.0.2" };
	struct err e;

	assert_int_equal(network_state_open(scratch->path, true, &s, &e), 0);
	own(&s, "a");
	own(&s, "b");
	assert_int_equal(lease(&s, "a", "10.89.0.4", "10.89.0.4", &e), 0);
	assert_int_equal(lease(&s, "a", "10.89.0.4", "10.89.0.4", &e), 0); /* it is its own */
	assert_int_equal(lease(&s, "b", "10.89.0.4", NULL, &e), -EADDRINUSE);
	assert_string_equal(e.text, "Address already in use");
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
		assert_int_equal(lease(&s, "a", BAD[i], NULL, &e), -EINVAL);
	assert_string_equal(e.text,
			    "invalid endpoint settings: no configured subnet contains IP address 10.90.0.2");
}

static void what_a_dead_claimant_has_is_free(void **state)
{
	struct scratch *scratch = *state;
	cleanup_network_state struct network_state s = NETWORK_STATE_EMPTY;
	struct err e;

	assert_int_equal(network_state_open(scratch->path, true, &s, &e), 0);
	own(&s, "a");
	own(&s, "b");
	assert_int_equal(lease(&s, "a", "10.89.0.4", "10.89.0.4", &e), 0);
	assert_int_equal(network_state_take_port(&s, "tcp", 80, NULL, "a"), 0);
	assert_int_equal(network_state_take_port(&s, "tcp", 80, NULL, "b"), -EADDRINUSE);
	assert_int_equal(network_state_disown(&s, "a", &e),
			 0); /* as if it had died before it gave anything back */
	assert_false(network_state_used(&s, "web"));
	assert_int_equal(lease(&s, "b", "10.89.0.4", "10.89.0.4", &e), 0);
	assert_int_equal(network_state_take_port(&s, "tcp", 80, NULL, "b"), 0);
}

static void ports_of_all_addresses_exclude_those_of_one(void **state)
{
	struct scratch *scratch = *state;
	cleanup_network_state struct network_state s = NETWORK_STATE_EMPTY;
	struct err e;

	assert_int_equal(network_state_open(scratch->path, true, &s, &e), 0);
	own(&s, "a");
	own(&s, "b");
	assert_int_equal(network_state_take_port(&s, "tcp", 80, "127.0.0.1", "a"), 0);
	assert_int_equal(network_state_take_port(&s, "tcp", 80, "127.0.0.1", "b"), -EADDRINUSE);
	assert_int_equal(network_state_take_port(&s, "tcp", 80, NULL, "b"), -EADDRINUSE);
	assert_int_equal(network_state_take_port(&s, "tcp", 80, "127.0.0.2", "b"), 0);
	assert_int_equal(network_state_take_port(&s, "udp", 80, NULL, "b"), 0);
	assert_int_equal(network_state_take_port(&s, "udp", 80, "127.0.0.1", "a"), -EADDRINUSE);
	network_state_free_port(&s, "udp", 80, NULL, "a"); /* not a's to give back */
	assert_int_equal(network_state_take_port(&s, "udp", 80, NULL, "a"), -EADDRINUSE);
	network_state_free_port(&s, "udp", 80, NULL, "b");
	assert_int_equal(network_state_take_port(&s, "udp", 80, NULL, "a"), 0);
}

static void the_dead_are_told_from_the_living(void **state)
{
	struct scratch *scratch = *state;
	cleanup_network_state struct network_state s = NETWORK_STATE_EMPTY;
	cleanup_strvec struct strvec dead = { 0 };
	struct err e;

	assert_int_equal(network_state_open(scratch->path, true, &s, &e), 0);
	own(&s, "alive");
	assert_int_equal(network_state_own(&s, "reused", getpid(), 1, "", &e),
			 0); /* another process of that number */
	assert_int_equal(network_state_own(&s, "mine", getpid(), 1, "", &e), 0);
	assert_int_equal(network_state_dead(&s, "mine", &dead, &e), 0);
	assert_int_equal(dead.len, 1);
	assert_string_equal(dead.items[0], "reused");
}

static void ports_are_shown_without_the_lock(void **state)
{
	struct scratch *scratch = *state;
	cleanup_network_state struct network_state s = NETWORK_STATE_EMPTY;
	cleanup_strvec struct strvec ids = { 0 };
	struct buf text = BUF_INIT(4096);
	cleanup_fd int owners_fd = network_state_open_owners(scratch->path);
	struct err e;

	assert_int_equal(owners_fd, -ENOENT);
	assert_int_equal(network_state_ports_text(owners_fd, "a", &text), 0);
	assert_string_equal(text.data, "");
	assert_int_equal(network_state_open(scratch->path, false, &s, &e), -ENOENT);
	assert_int_equal(network_state_list(scratch->path, &ids, &e), 0);
	assert_int_equal(ids.len, 0);
	assert_int_equal(network_state_open(scratch->path, true, &s, &e), 0);
	assert_int_equal(network_state_own(&s, "a", 1, 2, "0.0.0.0:80->80/tcp, 443/tcp", &e), 0);
	owners_fd = network_state_open_owners(scratch->path);
	assert_true(owners_fd >= 0);
	assert_int_equal(network_state_ports_text(owners_fd, "a", &text), 0);
	assert_string_equal(text.data, "0.0.0.0:80->80/tcp, 443/tcp");
	assert_int_equal(network_state_list(scratch->path, &ids, &e), 0);
	assert_int_equal(ids.len, 1);
	assert_string_equal(ids.items[0], "a");
	buf_done(&text);
}

/* --- binding, in a network namespace where no port is taken --- */

static int listen_on(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHILD_CHECK(fd >= 0 && bind(fd, (void *)&a, sizeof(a)) == 0 && listen(fd, 1) == 0);
	return fd;
}

static int bind_text(const struct network_state *s, const char *text, bool ipv6, struct network_record *r,
		     struct network_sockets *sockets, struct err *e)
{
	struct network_ports wanted = { 0 };
	int code;

	CHILD_CHECK(network_ports_add(&wanted, text, e) == 0);
	code = network_bind(s, &wanted, ipv6, r, sockets, e);
	network_ports_done(&wanted);
	return code;
}

static void bind_in_child(void *arg)
{
	static const char WHO[] = "driver failed programming external connectivity on endpoint web: ";
	struct scratch *scratch = arg;
	struct network_record a = { 0 }, b = { 0 };
	struct network_sockets of_a = { 0 }, of_b = { 0 };
	struct network_state s = NETWORK_STATE_EMPTY;
	char a_id[] = "a", b_id[] = "b", name[] = "web";
	struct err e;
	uint64_t ticks;
	int program;

	a.id = a_id;
	b.id = b_id;
	a.name = b.name = name;
	CHILD_CHECK(process_start_time(getpid(), &ticks) == 0);
	CHILD_OK(network_state_open(scratch->path, true, &s, &e));
	CHILD_OK(network_state_own(&s, "a", getpid(), ticks, "", &e));
	CHILD_OK(network_state_own(&s, "b", getpid(), ticks, "", &e));
	CHILD_OK(bind_text(&s, "8080:80", true, &a, &of_a, &e));
	CHILD_CHECK(of_a.len == 2 && a.ports.len == 1 && a.ports.items[0].host_port == 8080);
	CHILD_CHECK(bind_text(&s, "8080:80", true, &b, &of_b, &e) == -EADDRINUSE);
	CHILD_CHECK(strncmp(e.text, WHO, strlen(WHO)) == 0);
	CHILD_CHECK(strcmp(e.text + strlen(WHO), "Bind for 0.0.0.0:8080 failed: port is already allocated") ==
		    0);
	CHILD_CHECK(of_b.len == 0 && b.ports.len == 0);
	CHILD_CHECK(bind_text(&s, "127.0.0.1:8080:80", false, &b, &of_b, &e) == -EADDRINUSE);
	CHILD_CHECK(strcmp(e.text + strlen(WHO),
			   "Bind for 127.0.0.1:8080 failed: port is already allocated") == 0);
	CHILD_OK(bind_text(&s, "8080-8081:80", false, &b, &of_b, &e)); /* the first one that is free */
	CHILD_CHECK(b.ports.items[0].host_port == 8081);
	CHILD_CHECK(bind_text(&s, "8080-8080:80", false, &b, &of_b, &e) == -EADDRINUSE);
	program = listen_on(9000);
	CHILD_CHECK(bind_text(&s, "9000:80", false, &b, &of_b, &e) == -EADDRINUSE);
	CHILD_CHECK(strcmp(e.text + strlen(WHO),
			   "failed to bind host port 0.0.0.0:9000/tcp: address already in use") == 0);
	(void)close(program);
	CHILD_OK(bind_text(&s, "9000:80", false, &b, &of_b, &e));
	CHILD_OK(bind_text(&s, "81/udp", false, &b, &of_b, &e)); /* any */
	CHILD_CHECK(b.ports.items[2].host_port > 0 && strcmp(b.ports.items[2].protocol, "udp") == 0);
	network_sockets_done(&of_a);
	network_unbind(&s, &a);
	CHILD_OK(bind_text(&s, "8080:80", true, &b, &of_b, &e));
	CHILD_CHECK(bind_text(&s, "8080:81", true, &b, &of_b, &e) ==
		    -EADDRINUSE); /* twice in one container */
}

static void a_port_goes_to_one_container_and_from_no_program(void **state)
{
	run_in_child(CLONE_NEWNET, bind_in_child, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(addresses_are_handed_out_in_turn_and_once),
		SCRATCH_TEST(an_address_can_be_asked_for),
		SCRATCH_TEST(what_a_dead_claimant_has_is_free),
		SCRATCH_TEST(ports_of_all_addresses_exclude_those_of_one),
		SCRATCH_TEST(the_dead_are_told_from_the_living),
		SCRATCH_TEST(ports_are_shown_without_the_lock),
		SCRATCH_TEST(a_port_goes_to_one_container_and_from_no_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
