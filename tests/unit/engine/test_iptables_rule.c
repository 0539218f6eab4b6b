/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/iptables_rule.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/unit/common/scratch.h"

/* What netavark 1.4 of Debian 12 says, its words set apart by '|', and what iptables 1.8.9 prints of it. */
static const struct {
	const char *words, *printed;
	bool ipv6;
} SAID[] = {
	{ "-d|10.88.0.0/16|-j|ACCEPT", "-d 10.88.0.0/16 -j ACCEPT" },
	{ "!|-d|224.0.0.0/4|-j|MASQUERADE", "! -d 224.0.0.0/4 -j MASQUERADE" },
	{ "-s|10.88.0.0/16|-j|NETAVARK-7D24D33E39064", "-s 10.88.0.0/16 -j NETAVARK-7D24D33E39064" },
	{ "-m|comment|--comment|netavark firewall plugin rules|-j|NETAVARK_FORWARD",
	  "-m comment --comment \"netavark firewall plugin rules\" -j NETAVARK_FORWARD" },
	{ "-d|10.88.0.0/16|-m|conntrack|--ctstate|RELATED,ESTABLISHED|-j|ACCEPT",
	  "-d 10.88.0.0/16 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT" },
	{ "-j|MARK|--set-xmark|0x2000/0x2000", "-j MARK --set-xmark 0x2000/0x2000" },
	{ "-j|MASQUERADE|-m|comment|--comment|netavark portfw masq mark|-m|mark|--mark|0x2000/0x2000",
	  "-m comment --comment \"netavark portfw masq mark\" -m mark --mark 0x2000/0x2000 -j MASQUERADE" },
	{ "-j|NETAVARK-HOSTPORT-MASQ", "-j NETAVARK-HOSTPORT-MASQ" },
	{ "-j|NETAVARK-HOSTPORT-DNAT|-m|addrtype|--dst-type|LOCAL",
	  "-m addrtype --dst-type LOCAL -j NETAVARK-HOSTPORT-DNAT" },
	{ "-j|NETAVARK-DN-7D24D33E39064|-p|tcp|--dport|8080|-m|comment|--comment|dnat name: bridge id: 9b28",
	  "-p tcp -m tcp --dport 8080 -m comment --comment \"dnat name: bridge id: 9b28\" -j "
	  "NETAVARK-DN-7D24D33E39064" },
	{ "-j|NETAVARK-HOSTPORT-SETMARK|-s|10.88.0.0/16|-p|tcp|--dport|5000:5002",
	  "-s 10.88.0.0/16 -p tcp -m tcp --dport 5000:5002 -j NETAVARK-HOSTPORT-SETMARK" },
	{ "-j|NETAVARK-HOSTPORT-SETMARK|-s|127.0.0.1|-p|udp|--dport|81|-d|127.0.0.1",
	  "-s 127.0.0.1/32 -d 127.0.0.1/32 -p udp -m udp --dport 81 -j NETAVARK-HOSTPORT-SETMARK" },
	{ "-j|DNAT|-p|tcp|--to-destination|10.88.0.4:6000-6002/5000|--destination-port|5000:5002",
	  "-p tcp -m tcp --dport 5000:5002 -j DNAT --to-destination 10.88.0.4:6000-6002/5000" },
	{ "-j|DNAT|-p|sctp|--to-destination|10.88.0.4:7|--destination-port|7",
	  "-p sctp -m sctp --dport 7 -j DNAT --to-destination 10.88.0.4:7" },
	{ "-o|sampan2|-j|DROP", "-o sampan2 -j DROP" },
	{ "-i|sampan2|!|-o|sampan2|-j|NETAVARK_ISOLATION_2",
	  "-i sampan2 ! -o sampan2 -j NETAVARK_ISOLATION_2" },
	{ "-s|fd99::/64|-j|NETAVARK-0", "-s fd99::/64 -j NETAVARK-0", true },
	{ "-j|NETAVARK-HOSTPORT-SETMARK|-s|::1|-p|tcp|--dport|90|-d|::1",
	  "-s ::1/128 -d ::1/128 -p tcp -m tcp --dport 90 -j NETAVARK-HOSTPORT-SETMARK", true },
	{ "-j|DNAT|-p|udp|--to-destination|[fd99::2]:5000-5001/5000|--destination-port|5000:5001",
	  "-p udp -m udp --dport 5000:5001 -j DNAT --to-destination [fd99::2]:5000-5001/5000", true },
	/* As somebody else may say the same. */
	{ "-p|tcp|-m|tcp|--dport|80|-s|10.1.2.3/8|-j|ACCEPT",
	  "-s 10.0.0.0/8 -p tcp -m tcp --dport 80 -j ACCEPT" },
	{ "-m|conntrack|--ctstate|ESTABLISHED,NEW,RELATED|-j|RETURN",
	  "-m conntrack --ctstate NEW,RELATED,ESTABLISHED -j RETURN" },
	{ "-m|comment|--comment|word|-j|DROP", "-m comment --comment word -j DROP" },
	{ "-m|comment|--comment|it's a \"q\" \\ x|-j|DROP",
	  "-m comment --comment \"it\\'s a \\\"q\\\" \\\\ x\" -j DROP" },
};

/* Of these the text is not certain, or iptables refuses them: it is asked. */
static const char *const UNKNOWN[] = {
	"",
	"-j",
	"-s|10.0.0.1",
	"-j|x y",
	"-j|ACCEPT|-j|DROP",
	"-j|ACCEPT|--to-destination|1.2.3.4:5",
	"-j|DNAT",
	"-j|MARK|--set-xmark|8192",
	"-j|MARK|--set-xmark|0x02000/0x2000",
	"-j|MARK|--set-xmark|0x2000/0xffffffff",
	"-j|MARK|--set-xmark|0x2000",
	"-s|0.0.0.0/0|-j|ACCEPT",
	"-s|fd00::1|-j|ACCEPT",
	"-s|localhost|-j|ACCEPT",
	"-s|1.1.1.1,2.2.2.2|-j|ACCEPT",
	"-s|1.1.1.1|-s|2.2.2.2|-j|ACCEPT",
	"-i|eth+|-j|ACCEPT",
	"-i|a-name-that-is-too-long|-j|ACCEPT",
	"-p|icmp|-j|ACCEPT",
	"-p|all|-j|ACCEPT",
	"!|-p|tcp|-j|ACCEPT",
	"!|-j|ACCEPT",
	"-j|ACCEPT|!",
	"-p|tcp|-m|tcp|-j|ACCEPT",
	"--dport|80|-j|ACCEPT",
	"-p|tcp|!|--dport|80|-j|ACCEPT",
	"-p|tcp|--dport|0|-j|ACCEPT",
	"-p|tcp|--dport|080|-j|ACCEPT",
	"-p|tcp|--dport|http|-j|ACCEPT",
	"-p|tcp|--dport|80:80|-j|ACCEPT",
	"-p|tcp|--dport|90:80|-j|ACCEPT",
	"-p|tcp|--dport|1:65536|-j|ACCEPT",
	"-p|tcp|--dport|80|--dport|81|-j|ACCEPT",
	"-p|tcp|--sport|80|-j|ACCEPT",
	"-m|comment|-j|ACCEPT",
	"-m|mark|-m|mark|--mark|0x1/0x1|-j|ACCEPT",
	"--comment|x|-j|ACCEPT",
	"-m|comment|--comment|two\nlines|-j|ACCEPT",
	"-m|conntrack|--ctstate|DNAT|-j|ACCEPT",
	"-m|conntrack|--ctstate|NEW,|-j|ACCEPT",
	"-m|addrtype|--dst-type|UNICAST|-j|ACCEPT",
	"-m|limit|--limit|3/min|-j|ACCEPT",
	"-j|DNAT|--to-destination|1.2.3.4",
	"-j|DNAT|--to-destination|01.2.3.4:5",
	"-j|DNAT|--to-destination|1.2.3.4:05",
	"-j|DNAT|--to-destination|1.2.3.4:5-",
	"-j|DNAT|--to-destination|[fd00::1]:5",
	"-j|ACCEPT|-c|0|0",
};

static void split_words(const char *text, struct strvec *out)
{
	while (*text) {
		size_t len = strcspn(text, "|");

		assert_int_equal(strvec_addf(out, "%.*s", (int)len, text), 0);
		text += len + (text[len] == '|');
	}
}

static int read_rule(const char *words, bool ipv6, struct iptables_rule *ret)
{
	cleanup_strvec struct strvec v = { 0 };

	split_words(words, &v);
	return iptables_rule_read(v.items, v.len, ipv6, ret);
}

static void rules_are_printed_as_iptables_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(SAID); i++) {
		cleanup_iptables_rule struct iptables_rule r = { 0 };

		assert_int_equal(read_rule(SAID[i].words, SAID[i].ipv6, &r), 0);
		assert_string_equal(r.text, SAID[i].printed);
	}
}

static void what_is_printed_is_read_as_the_same_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(SAID); i++) {
		cleanup_iptables_rule struct iptables_rule r = { 0 };
		cleanup_strvec struct strvec words = { 0 };

		assert_int_equal(iptables_split(SAID[i].printed, &words), 0);
		assert_int_equal(iptables_rule_read(words.items, words.len, SAID[i].ipv6, &r), 0);
		assert_string_equal(r.text, SAID[i].printed);
	}
}

static void what_is_not_certain_is_not_guessed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(UNKNOWN); i++) {
		struct iptables_rule r = { 0 };

		if (read_rule(UNKNOWN[i], false, &r) != -EOPNOTSUPP)
			fail_msg("'%s' was read", UNKNOWN[i]);
		assert_null(r.text);
	}
}

static void quotes_that_do_not_end_are_refused(void **state)
{
	cleanup_strvec struct strvec words = { 0 };

	(void)state;
	assert_int_equal(iptables_split("-m comment --comment \"a b", &words), -EINVAL);
	assert_int_equal(iptables_split("\"a\\", &words), -EINVAL);
}

static void names_of_chains_need_no_quotes(void **state)
{
	(void)state;
	assert_true(iptables_is_name("NETAVARK-DN-7D24D33E39064"));
	assert_false(iptables_is_name(""));
	assert_false(iptables_is_name("-x"));
	assert_false(iptables_is_name("a b"));
	assert_false(iptables_is_name("a-name-of-twenty-nine-letters"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_printed_as_iptables_does),
		cmocka_unit_test(what_is_printed_is_read_as_the_same_rule),
		cmocka_unit_test(what_is_not_certain_is_not_guessed),
		cmocka_unit_test(quotes_that_do_not_end_are_refused),
		cmocka_unit_test(names_of_chains_need_no_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
