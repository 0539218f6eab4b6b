/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_port.h"

#include "tests/unit/common/scratch.h"

/* "ip|host-last:container/proto" of each, with blanks between. */
static void describe(const struct network_ports *p, char *out, size_t len)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->len; i++) {
		const struct network_port *q = &p->items[i];

		n += (size_t)snprintf(out + n, len - n, "%s%s|%u-%u:%u/%s", i ? " " : "",
				      q->host_ip ? q->host_ip : "", q->host_port, q->host_port_last,
				      q->container_port, q->protocol);
		assert_true(n < len);
	}
}

static void every_syntax_of_docker_is_read(void **state)
{
	static const struct {
		const char *text, *ports;
	} CASES[] = {
		{ "80", "|0-0:80/tcp" },
		{ ":80", "|0-0:80/tcp" },
		{ "8080:80", "|8080-0:80/tcp" },
		{ "8080:80/udp", "|8080-0:80/udp" },
		{ "8080:80/SCTP", "|8080-0:80/sctp" },
		{ "127.0.0.1:8080:80", "127.0.0.1|8080-0:80/tcp" },
		{ "127.0.0.1::80", "127.0.0.1|0-0:80/tcp" },
		{ "[::1]:8080:80", "::1|8080-0:80/tcp" },
		{ "::1:8080:80", "::1|8080-0:80/tcp" },
		{ "[::1]::80", "::1|0-0:80/tcp" },
		{ "80-81", "|0-0:80/tcp |0-0:81/tcp" },
		{ "8000-8001:80-81/udp", "|8000-0:80/udp |8001-0:81/udp" },
		{ "8000-8003:80", "|8000-8003:80/tcp" },
		{ "0:80", "|0-0:80/tcp" },
		{ "80/tcp/udp", "|0-0:80/tcp" },
		{ "80/", "|0-0:80/tcp" },
	};
	char text[512];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct network_ports p = { 0 };

		assert_int_equal(network_ports_add(&p, CASES[i].text, &e), 0);
		describe(&p, text, sizeof(text));
		assert_string_equal(text, CASES[i].ports);
		network_ports_done(&p);
	}
}

static void mistakes_get_the_words_of_docker(void **state)
{
	static const struct {
		const char *text, *error;
	} CASES[] = {
		{ "", "no port specified: <empty>" },
		{ "80:", "no port specified: 80:<empty>" },
		{ "1.2.3.4:80:", "no port specified: 1.2.3.4:80:<empty>" },
		{ "abc", "invalid containerPort: abc" },
		{ "80:abc", "invalid containerPort: abc" },
		{ "80:70000", "invalid containerPort: 70000" },
		{ "90-80:90-80", "invalid containerPort: 90-80" },
		{ "80: 80", "invalid containerPort:  80" },
		{ "x:80", "invalid hostPort: x" },
		{ "70000:80", "invalid hostPort: 70000" },
		{ "-1:80", "invalid hostPort: -1" },
		{ "80-:80", "invalid hostPort: 80-" },
		{ "80/TCP:90", "invalid hostPort: 80/TCP" },
		{ "127.0.0.1:8080", "invalid hostPort: 127.0.0.1" },
		{ "1.2.3:80:80", "invalid IP address: 1.2.3" },
		{ "localhost:80:80", "invalid IP address: localhost" },
		{ "80/xxx", "invalid proto: xxx" },
		{ "80:80/foo", "invalid proto: foo" },
		{ "8000-8003:80-81",
		  "invalid ranges specified for container and host Ports: 80-81 and 8000-8003" },
		{ "80:90-91", "invalid ranges specified for container and host Ports: 90-91 and 80" },
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct network_ports p = { 0 };

		assert_int_equal(network_ports_add(&p, CASES[i].text, &e), -EINVAL);
		assert_string_equal(e.text, CASES[i].error);
		assert_int_equal(p.len, 0);
		network_ports_done(&p);
	}
}

static void there_is_a_limit_to_the_ports(void **state)
{
	struct network_ports p = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(network_ports_add(&p, "1-4096", &e), 0);
	assert_int_equal(network_ports_add(&p, "5000", &e), -EFBIG);
	assert_string_equal(e.text, "too many ports: more than 4096");
	assert_int_equal(p.len, 4096);
	network_ports_done(&p);
}

static void exposed_ports_are_kept_once(void **state)
{
	struct strvec v = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(network_expose_add(&v, "80", &e), 0);
	assert_int_equal(network_expose_add(&v, "80/tcp", &e), 0);
	assert_int_equal(network_expose_add(&v, "79-81/udp", &e), 0);
	assert_int_equal(v.len, 4);
	assert_string_equal(v.items[0], "80/tcp");
	assert_string_equal(v.items[3], "81/udp");
	assert_int_equal(network_expose_add(&v, "80:80", &e), -EINVAL);
	assert_string_equal(e.text, "invalid port format for --expose: 80:80");
	assert_int_equal(network_expose_add(&v, "", &e), -EINVAL);
	assert_string_equal(e.text,
			    "invalid range format for --expose: , error: empty string specified for ports");
	assert_int_equal(network_expose_add(&v, "90-80", &e), -EINVAL);
	assert_string_equal(
		e.text,
		"invalid range format for --expose: 90-80, error: invalid range specified for port: 90-80");
	strvec_done(&v);
}

static void ports_are_shown_as_docker_shows_them(void **state)
{
	struct buf out = BUF_INIT(4096);
	struct network_ports p = { 0 };
	struct strvec exposed = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(network_ports_text(&p, &exposed, &out), 0);
	assert_int_equal(out.len, 0);
	assert_int_equal(network_ports_add(&p, "8080:80", &e), 0);
	assert_int_equal(network_ports_add(&p, "5000-5002:5000-5002/udp", &e), 0);
	assert_int_equal(network_ports_add(&p, "[::1]:53:53/udp", &e), 0);
	assert_int_equal(network_expose_add(&exposed, "80", &e), 0);
	assert_int_equal(network_expose_add(&exposed, "443", &e), 0);
	assert_int_equal(network_ports_text(&p, &exposed, &out), 0);
	assert_string_equal(out.data,
			    "0.0.0.0:8080->80/tcp, 0.0.0.0:5000-5002->5000-5002/udp, [::1]:53->53/udp, "
			    "443/tcp");
	buf_done(&out);
	strvec_done(&exposed);
	network_ports_done(&p);
}

static void private_ports_are_read(void **state)
{
	const char *protocol;
	uint32_t port;

	(void)state;
	assert_int_equal(network_private_port("80", &port, &protocol), 0);
	assert_int_equal(port, 80);
	assert_string_equal(protocol, "tcp");
	assert_int_equal(network_private_port("53/udp", &port, &protocol), 0);
	assert_string_equal(protocol, "udp");
	assert_int_equal(network_private_port("", &port, &protocol), -EINVAL);
	assert_int_equal(network_private_port("0", &port, &protocol), -EINVAL);
	assert_int_equal(network_private_port("80-81", &port, &protocol), -EINVAL);
	assert_int_equal(network_private_port("123456789", &port, &protocol), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_syntax_of_docker_is_read),
		cmocka_unit_test(mistakes_get_the_words_of_docker),
		cmocka_unit_test(there_is_a_limit_to_the_ports),
		cmocka_unit_test(exposed_ports_are_kept_once),
		cmocka_unit_test(ports_are_shown_as_docker_shows_them),
		cmocka_unit_test(private_ports_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
