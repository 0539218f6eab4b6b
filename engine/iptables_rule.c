/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/iptables_rule.h"

#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "engine/network_address.h"

#define MATCHES_MAX 6
#define COMMENT_MAX 255
#define PORT_MAX    65535

void iptables_rule_done(struct iptables_rule *r)
{
	free(r->text);
	free(r->target);
	*r = (struct iptables_rule){ 0 };
}

static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

static bool is_word(const char *text, size_t max)
{
	size_t len = strspn(text, LETTERS);

	return len > 0 && len <= max && text[len] == '\0' && text[0] != '-';
}

bool iptables_is_name(const char *text)
{
	return is_word(text, IPTABLES_NAME_MAX);
}

/* --- values, as they are printed --- */

/* Of a match or a target: each has one option at most. */
struct option {
	const char *owner; /* NULL: the protocol's match */
	const char *name, *printed;
	bool is_target;
	int (*put)(const char *value, bool ipv6, struct buf *out); /* -EOPNOTSUPP */
};

/* Without the quotes where there is nothing to quote, as xtables_save_string() does. */
static int put_comment(const char *value, bool ipv6, struct buf *out)
{
	bool plain = value[0] && value[strspn(value, LETTERS)] == '\0';
	int r = plain ? buf_add_str(out, value) : buf_add_char(out, '"');

	(void)ipv6;
	if (strlen(value) > COMMENT_MAX)
		return -EOPNOTSUPP;
	for (const char *c = value; r == 0 && !plain && *c; c++) {
		if (iscntrl((unsigned char)*c))
			return -EOPNOTSUPP;
		if (strchr("\\\"'", *c))
			r = buf_add_char(out, '\\');
		if (r == 0)
			r = buf_add_char(out, *c);
	}
	return r == 0 && !plain ? buf_add_char(out, '"') : r;
}

/* Those that there are; iptables prints them in this order. */
static int put_states(const char *value, bool ipv6, struct buf *out)
{
	static const char *const STATES[] = { "INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED" };
	bool has[ARRAY_LEN(STATES)] = { 0 };
	const char *comma = "";
	int r = 0;

	(void)ipv6;
	for (const char *at = value; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		size_t i = 0, len = strcspn(at, ",");

		while (i < ARRAY_LEN(STATES) &&
		       (strlen(STATES[i]) != len || strncmp(at, STATES[i], len) != 0))
			i++;
		if (i == ARRAY_LEN(STATES))
			return -EOPNOTSUPP;
		has[i] = true;
	}
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(STATES); i++) {
		if (!has[i])
			continue;
		r = buf_printf(out, "%s%s", comma, STATES[i]);
		comma = ",";
	}
	return r;
}

static int put_local(const char *value, bool ipv6, struct buf *out)
{
	(void)ipv6;
	return strcmp(value, "LOCAL") == 0 ? buf_add_str(out, value) : -EOPNOTSUPP;
}

/* "0x" and digits of which the first is not 0, so that the text is the number's only one. */
static size_t hex_len(const char *text)
{
	size_t digits;

	if (strncmp(text, "0x", 2) != 0 || text[2] == '0')
		return 0;
	digits = strspn(text + 2, "0123456789abcdef");
	return digits >= 1 && digits <= 7 ? digits + 2 : 0; /* a mask of all ones is not printed */
}

static int put_mark(const char *value, bool ipv6, struct buf *out)
{
	size_t len = hex_len(value), mask = len > 0 && value[len] == '/' ? hex_len(value + len + 1) : 0;

	(void)ipv6;
	return mask > 0 && value[len + 1 + mask] == '\0' ? buf_add_str(out, value) : -EOPNOTSUPP;
}

/* A number that ends at one of `ends` or with the text, and is written the way that it is printed. */
static int read_port(const char *text, const char *ends, uint64_t *ret)
{
	size_t len = strcspn(text, ends);
	char number[8];

	if (len == 0 || len >= sizeof(number) || text[0] == '0')
		return -EOPNOTSUPP;
	memcpy(number, text, len);
	number[len] = '\0';
	return parse_u64(number, 1, PORT_MAX, ret) < 0 ? -EOPNOTSUPP : 0;
}

static int put_ports(const char *value, bool ipv6, struct buf *out)
{
	const char *colon = strchr(value, ':');
	uint64_t first, last;

	(void)ipv6;
	if (read_port(value, ":", &first) < 0)
		return -EOPNOTSUPP;
	if (colon && (read_port(colon + 1, "", &last) < 0 || last <= first))
		return -EOPNOTSUPP;
	return buf_add_str(out, value);
}

/* :PORT or :FIRST-LAST/BASE */
static bool are_ports(const char *text)
{
	const char *ends = ":";
	uint64_t n;

	for (const char *at = text; at[0]; at += 1 + strcspn(at + 1, "-/")) {
		if (!strchr(ends, at[0]) || read_port(at + 1, "-/", &n) < 0)
			return false;
		ends = "-/";
	}
	return text[0] != '\0';
}

/* ADDRESS:PORT, ADDRESS:FIRST-LAST/BASE; an IPv6 address has brackets. */
static int put_destination(const char *value, bool ipv6, struct buf *out)
{
	const char *start = ipv6 ? value + 1 : value, *end = strchr(start, ipv6 ? ']' : ':');
	char text[NET_ADDRESS_MAX], printed[NET_ADDRESS_MAX];
	struct net_address a;

	if (!end || (size_t)(end - start) >= sizeof(text) || (ipv6 && value[0] != '['))
		return -EOPNOTSUPP;
	memcpy(text, start, (size_t)(end - start));
	text[end - start] = '\0';
	if (net_address_parse(text, &a) < 0 || (a.family == AF_INET6) != ipv6)
		return -EOPNOTSUPP;
	net_address_format(&a, printed);
	if (strcmp(text, printed) != 0 || !are_ports(ipv6 ? end + 1 : end))
		return -EOPNOTSUPP;
	return buf_add_str(out, value);
}

static const struct option OPTIONS[] = {
	{ "comment", "--comment", "--comment", false, put_comment },
	{ "conntrack", "--ctstate", "--ctstate", false, put_states },
	{ "addrtype", "--dst-type", "--dst-type", false, put_local },
	{ "mark", "--mark", "--mark", false, put_mark },
	{ NULL, "--dport", "--dport", false, put_ports },
	{ NULL, "--destination-port", "--dport", false, put_ports },
	{ "MARK", "--set-xmark", "--set-xmark", true, put_mark },
	{ "DNAT", "--to-destination", "--to-destination", true, put_destination },
};
static const char *const PROTOCOLS[] = { "tcp", "udp", "sctp" };
static const char *const BARE_TARGETS[] = { "ACCEPT", "DROP", "RETURN", "MASQUERADE" };

static const char *find(const char *const *list, size_t len, const char *text)
{
	for (size_t i = 0; i < len; i++)
		if (strcmp(list[i], text) == 0)
			return list[i];
	return NULL;
}

static const char *known_owner(const char *name, bool is_target)
{
	for (size_t i = 0; i < ARRAY_LEN(OPTIONS); i++)
		if (OPTIONS[i].owner && OPTIONS[i].is_target == is_target &&
		    strcmp(OPTIONS[i].owner, name) == 0)
			return OPTIONS[i].owner;
	return NULL;
}

bool iptables_is_own_target(const char *name)
{
	return find(BARE_TARGETS, ARRAY_LEN(BARE_TARGETS), name) || known_owner(name, true);
}

/* --- a rule while its words are read --- */

struct part {
	const char *owner; /* a match */
	struct buf text;   /* " -m tcp --dport 80"; a target's is " --to-destination ..." */
	bool has_option;
};

struct draft {
	bool ipv6;
	char source[NET_PREFIX_MAX + 8], destination[NET_PREFIX_MAX + 8];
	char in[IFNAMSIZ + 8], out[IFNAMSIZ + 8];
	const char *protocol, *target;
	struct part matches[MATCHES_MAX], target_option;
	size_t matches_len;
};

static void draft_done(struct draft *d)
{
	for (size_t i = 0; i < d->matches_len; i++)
		buf_done(&d->matches[i].text);
	buf_done(&d->target_option.text);
}

static int add_match(struct draft *d, const char *owner, struct part **ret)
{
	struct part *p = &d->matches[d->matches_len];

	if (!owner || d->matches_len == MATCHES_MAX)
		return -EOPNOTSUPP;
	for (size_t i = 0; i < d->matches_len; i++)
		if (strcmp(d->matches[i].owner, owner) == 0)
			return -EOPNOTSUPP;
	*p = (struct part){ .owner = owner, .text = BUF_INIT(IPTABLES_RULE_BYTES) };
	d->matches_len++;
	*ret = p;
	return buf_printf(&p->text, " -m %s", owner);
}

static struct part *find_match(struct draft *d, const char *owner)
{
	for (size_t i = 0; i < d->matches_len; i++)
		if (strcmp(d->matches[i].owner, owner) == 0)
			return &d->matches[i];
	return NULL;
}

/* -s, -d */
static int read_address(char *out, size_t size, const char *option, const char *value, bool inverted,
			bool ipv6)
{
	struct net_prefix p;
	char text[NET_PREFIX_MAX];

	if (net_prefix_parse(value, &p) < 0) {
		if (net_address_parse(value, &p.address) < 0)
			return -EOPNOTSUPP;
		p.bits = net_family_bits(p.address.family);
	}
	if (out[0] || p.bits == 0 || (p.address.family == AF_INET6) != ipv6)
		return -EOPNOTSUPP;
	p.address = net_prefix_first(&p);
	net_prefix_format(&p, text);
	(void)snprintf(out, size, "%s %s %s", inverted ? " !" : "", option, text);
	return 0;
}

/* -i, -o */
static int read_interface(char *out, size_t size, const char *option, const char *value, bool inverted)
{
	if (out[0] || !is_word(value, IFNAMSIZ - 1))
		return -EOPNOTSUPP;
	(void)snprintf(out, size, "%s %s %s", inverted ? " !" : "", option, value);
	return 0;
}

static int read_main_option(struct draft *d, char letter, const char *value, bool inverted)
{
	struct part *p;

	switch (letter) {
	case 's':
		return read_address(d->source, sizeof(d->source), "-s", value, inverted, d->ipv6);
	case 'd':
		return read_address(d->destination, sizeof(d->destination), "-d", value, inverted, d->ipv6);
	case 'i':
		return read_interface(d->in, sizeof(d->in), "-i", value, inverted);
	case 'o':
		return read_interface(d->out, sizeof(d->out), "-o", value, inverted);
	default:
		break;
	}
	if (inverted)
		return -EOPNOTSUPP;
	switch (letter) {
	case 'p':
		if (d->protocol)
			return -EOPNOTSUPP;
		d->protocol = find(PROTOCOLS, ARRAY_LEN(PROTOCOLS), value);
		return d->protocol ? 0 : -EOPNOTSUPP;
	case 'j':
		if (d->target || !iptables_is_name(value))
			return -EOPNOTSUPP;
		d->target = value;
		return 0;
	case 'm':
		if (d->protocol && strcmp(d->protocol, value) == 0)
			return add_match(d, d->protocol, &p);
		return add_match(d, known_owner(value, false), &p);
	default:
		return -EOPNOTSUPP;
	}
}

/* The part that an option speaks of, which has to be there, but for a protocol's match. */
static int part_of(struct draft *d, const struct option *o, struct part **ret)
{
	const char *owner = o->owner ? o->owner : d->protocol;

	if (!owner)
		return -EOPNOTSUPP;
	if (o->is_target) {
		if (!d->target || strcmp(d->target, owner) != 0)
			return -EOPNOTSUPP;
		*ret = &d->target_option;
		return 0;
	}
	*ret = find_match(d, owner);
	if (*ret)
		return 0;
	return o->owner ? -EOPNOTSUPP : add_match(d, owner, ret);
}

static int read_option(struct draft *d, const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_LEN(OPTIONS); i++) {
		const struct option *o = &OPTIONS[i];
		struct part *p;
		int r;

		if (strcmp(o->name, name) != 0)
			continue;
		r = part_of(d, o, &p);
		if (r < 0 || p->has_option)
			return r < 0 ? r : -EOPNOTSUPP;
		p->has_option = true;
		r = buf_printf(&p->text, " %s ", o->printed);
		return r == 0 ? o->put(value, d->ipv6, &p->text) : r;
	}
	return -EOPNOTSUPP;
}

static int read_words(struct draft *d, char *const *words, size_t len)
{
	size_t i = 0;
	int r = 0;

	while (r == 0 && i < len) {
		bool inverted = strcmp(words[i], "!") == 0;
		const char *name, *value;

		i += inverted;
		if (i + 2 > len)
			return -EOPNOTSUPP;
		name = words[i];
		value = words[i + 1];
		i += 2;
		if (name[0] == '-' && name[1] && !name[2])
			r = read_main_option(d, name[1], value, inverted);
		else
			r = inverted ? -EOPNOTSUPP : read_option(d, name, value);
	}
	return r;
}

/* Every match and target has the option that it is good for, and nobody else has one. */
static bool is_complete(const struct draft *d)
{
	if (!d->target || d->target_option.has_option != (known_owner(d->target, true) != NULL))
		return false;
	for (size_t i = 0; i < d->matches_len; i++)
		if (!d->matches[i].has_option)
			return false;
	return true;
}

static int print(const struct draft *d, struct iptables_rule *ret)
{
	cleanup_buf struct buf text = BUF_INIT(IPTABLES_RULE_BYTES);
	int r = buf_printf(&text, "%s%s%s%s%s%s", d->source, d->destination, d->in, d->out,
			   d->protocol ? " -p " : "", d->protocol ? d->protocol : "");

	for (size_t i = 0; r == 0 && i < d->matches_len; i++)
		r = buf_add_str(&text, d->matches[i].text.data);
	if (r == 0)
		r = buf_printf(&text, " -j %s%s", d->target,
			       d->target_option.has_option ? d->target_option.text.data : "");
	if (r < 0)
		return r;
	ret->text = strdup(text.data + 1); /* after the first blank */
	ret->target = strdup(d->target);
	if (!ret->text || !ret->target) {
		iptables_rule_done(ret);
		return -ENOMEM;
	}
	return 0;
}

int iptables_rule_read(char *const *words, size_t len, bool ipv6, struct iptables_rule *ret)
{
	__attribute__((cleanup(draft_done))) struct draft d = { .ipv6 = ipv6 };
	int r;

	d.target_option.text = BUF_INIT(IPTABLES_RULE_BYTES);
	r = read_words(&d, words, len);
	if (r == 0)
		r = is_complete(&d) ? print(&d, ret) : -EOPNOTSUPP;
	return r == -ENOMEM || r == 0 ? r : -EOPNOTSUPP;
}

/* --- what iptables-save has quoted --- */

static int read_word(const char **at, struct buf *out)
{
	bool quoted = false;
	const char *c = *at;
	int r = 0;

	for (; r == 0 && *c && (quoted || *c != ' '); c++) {
		if (*c == '"') {
			quoted = !quoted;
			continue;
		}
		if (*c == '\\' && quoted && !*++c)
			return -EINVAL;
		r = buf_add_char(out, *c);
	}
	*at = c;
	return quoted ? -EINVAL : r;
}

int iptables_split(const char *line, struct strvec *ret)
{
	cleanup_buf struct buf word = BUF_INIT(IPTABLES_RULE_BYTES);
	const char *at = line;
	int r = 0;

	while (r == 0 && *at) {
		buf_clear(&word);
		r = read_word(&at, &word);
		if (r == 0)
			r = strvec_add(ret, word.data ? word.data : "");
		if (r == 0 && *at)
			at++; /* the blank */
	}
	return r == 0 || r == -ENOMEM ? r : -EINVAL;
}
