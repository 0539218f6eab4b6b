/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "engine/network_address.h"

#define CONTAINER_PREFIX "container:"
#define DOMAIN_MAX       253 /* characters; RFC 1035 section 2.3.4 */
#define LABEL_MAX        63

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

static void endpoint_done(struct network_endpoint *p)
{
	free(p->network);
	free(p->ip);
	free(p->ip6);
	free(p->mac);
	strvec_done(&p->aliases);
	*p = (struct network_endpoint){ 0 };
}

void network_config_done(struct network_config *c)
{
	struct strvec *lists[] = { &c->exposed, &c->dns, &c->dns_search, &c->dns_options, &c->hosts };

	for (size_t i = 0; i < c->endpoints_len; i++)
		endpoint_done(&c->endpoints[i]);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		strvec_done(lists[i]);
	network_ports_done(&c->ports);
	free(c->endpoints);
	free(c->container);
	free(c->hostname);
	free(c->domainname);
	*c = (struct network_config){ 0 };
}

static int set_text(char **member, const char *text, struct err *e)
{
	char *copy = strdup(text);

	if (!copy)
		return no_memory(e);
	free(*member);
	*member = copy;
	return 0;
}

/* --- networks --- */

struct network_endpoint *network_config_find(const struct network_config *c, const char *network)
{
	for (size_t i = 0; i < c->endpoints_len; i++)
		if (strcmp(c->endpoints[i].network, network) == 0)
			return &c->endpoints[i];
	return NULL;
}

void network_config_remove_endpoint(struct network_config *c, const char *network)
{
	struct network_endpoint *p = network_config_find(c, network);
	size_t index;

	if (!p)
		return;
	index = (size_t)(p - c->endpoints);
	endpoint_done(p);
	c->endpoints_len--;
	memmove(p, p + 1, (c->endpoints_len - index) * sizeof(*p));
	if (c->endpoints_len == 0 && c->mode == NETWORK_BRIDGE)
		c->mode = NETWORK_NONE;
}

/* Takes the contents of `p`, whatever comes of it. */
static int take_endpoint(struct network_config *c, struct network_endpoint *p, struct err *e)
{
	struct network_endpoint *items;
	int r;

	if (network_config_find(c, p->network))
		r = err_set(e, -EEXIST, "network \"%s\" is specified multiple times", p->network);
	else if (c->endpoints_len >= NETWORK_ENDPOINTS_MAX)
		r = err_set(e, -EFBIG, "too many networks: more than %d", NETWORK_ENDPOINTS_MAX);
	else
		r = 0;
	items = r == 0 ? realloc(c->endpoints, (c->endpoints_len + 1) * sizeof(*items)) : NULL;
	if (items) {
		c->endpoints = items;
		items[c->endpoints_len++] = *p;
		*p = (struct network_endpoint){ 0 };
		c->mode = NETWORK_BRIDGE;
	} else if (r == 0) {
		r = no_memory(e);
	}
	endpoint_done(p);
	return r;
}

static int set_ip(char **member, int family, const char *text, struct err *e)
{
	char canonical[NET_ADDRESS_MAX];
	struct net_address a;

	if (!text || !text[0])
		return 0;
	if (net_address_parse(text, &a) < 0 || a.family != family)
		return err_set(e, -EINVAL, "invalid %s address: %s",
			       net_family_bits(family) == 32 ? "IPv4" : "IPv6", text);
	net_address_format(&a, canonical);
	return set_text(member, canonical, e);
}

static int set_mac(char **member, const char *text, struct err *e)
{
	char canonical[NET_MAC_MAX];

	if (!text || !text[0])
		return 0;
	if (net_mac_parse(text, canonical) < 0)
		return err_set(e, -EINVAL, "%s is not a valid mac address", text);
	return set_text(member, canonical, e);
}

/* netavark writes them into a file whose fields are parted by blanks and commas. */
static int add_alias(struct network_endpoint *p, const char *alias, struct err *e)
{
	if (!alias[0] || strlen(alias) > DOMAIN_MAX || strpbrk(alias, " \t\n,/"))
		return err_set(e, -EINVAL, "invalid network alias: \"%s\"", alias);
	return strvec_add(&p->aliases, alias) < 0 ? no_memory(e) : 0;
}

static int add_aliases(struct network_endpoint *p, const struct strvec *aliases, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && aliases && i < aliases->len; i++)
		r = add_alias(p, aliases->items[i], e);
	return r;
}

int network_config_add_endpoint(struct network_config *c, const char *network, const struct strvec *aliases,
				const char *ip, const char *ip6, struct err *e)
{
	struct network_endpoint p = { 0 };
	int r = set_text(&p.network, network, e);

	if (r == 0)
		r = set_ip(&p.ip, AF_INET, ip, e);
	if (r == 0)
		r = set_ip(&p.ip6, AF_INET6, ip6, e);
	if (r == 0)
		r = add_aliases(&p, aliases, e);
	if (r == 0)
		return take_endpoint(c, &p, e);
	endpoint_done(&p);
	return r;
}

static int set_field(struct network_endpoint *p, const char *key, const char *value, struct err *e)
{
	if (strcmp(key, "name") == 0)
		return set_text(&p->network, value, e);
	if (strcmp(key, "alias") == 0)
		return add_alias(p, value, e);
	if (strcmp(key, "ip") == 0)
		return set_ip(&p->ip, AF_INET, value, e);
	if (strcmp(key, "ip6") == 0)
		return set_ip(&p->ip6, AF_INET6, value, e);
	if (strcmp(key, "mac-address") == 0)
		return set_mac(&p->mac, value, e);
	return err_set(e, -EINVAL, "invalid field key %s", key);
}

/* name=NAME,alias=A,... */
static int parse_fields(const char *text, struct network_endpoint *p, struct err *e)
{
	cleanup_free char *copy = strdup(text);
	char *rest = copy, *field;
	int r = copy ? 0 : no_memory(e);

	while (r == 0 && (field = strsep(&rest, ","))) {
		char *equals = strchr(field, '=');

		if (!equals)
			return err_set(e, -EINVAL, "invalid field %s", field);
		*equals = '\0';
		r = set_field(p, field, equals + 1, e);
	}
	if (r == 0 && (!p->network || !p->network[0]))
		r = err_set(e, -EINVAL, "network name/id is not specified");
	return r;
}

static int set_container(struct network_config *c, const char *name, struct err *e)
{
	if (!name[0])
		return err_set(e, -EINVAL, "invalid container format container:<name|id>");
	c->mode = NETWORK_CONTAINER;
	return set_text(&c->container, name, e);
}

/* Those that stand alone: none, host, another container's. */
static bool is_lonely(const char *name)
{
	return strcmp(name, "none") == 0 || strcmp(name, "host") == 0 ||
	       strncmp(name, CONTAINER_PREFIX, strlen(CONTAINER_PREFIX)) == 0;
}

/* Takes the contents of `p`, which has a name. */
static int choose(struct network_config *c, struct network_endpoint *p, struct err *e)
{
	bool lonely = is_lonely(p->network);

	if (c->chosen && (lonely || c->mode != NETWORK_BRIDGE))
		return err_set(e, -EINVAL,
			       "conflicting options: cannot attach both user-defined and non-user-defined "
			       "network-modes");
	if (!lonely)
		return take_endpoint(c, p, e);
	if (strncmp(p->network, CONTAINER_PREFIX, strlen(CONTAINER_PREFIX)) == 0)
		return set_container(c, p->network + strlen(CONTAINER_PREFIX), e);
	c->mode = strcmp(p->network, "host") == 0 ? NETWORK_HOST : NETWORK_NONE;
	return 0;
}

int network_config_add_network(struct network_config *c, const char *text, struct err *e)
{
	struct network_endpoint p = { 0 };
	int r = strchr(text, '=') ? parse_fields(text, &p, e) : set_text(&p.network, text, e);

	if (r == 0 && strcmp(p.network, "default") == 0)
		r = set_text(&p.network, NETWORK_DEFAULT_NAME, e);
	if (r == 0 && !p.network[0])
		r = err_set(e, -EINVAL, "no name set for network");
	if (r == 0)
		r = choose(c, &p, e);
	if (r == 0)
		c->chosen = true;
	endpoint_done(&p);
	return r;
}

static bool is_given(const char *text)
{
	return text && text[0];
}

/* What is only about a network, where there is none. */
static int check_without_network(const struct strvec *aliases, bool has_ip, bool has_mac, struct err *e)
{
	if (aliases->len > 0)
		return err_set(e, -EINVAL,
			       "network-scoped aliases are only supported for user-defined networks");
	if (has_ip)
		return err_set(e, -EINVAL,
			       "user specified IP address is supported on user defined networks only");
	return has_mac ? err_set(e, -EINVAL, "conflicting options: mac-address and the network mode") : 0;
}

int network_config_set_first(struct network_config *c, const struct strvec *aliases, const char *ip,
			     const char *ip6, const char *mac, struct err *e)
{
	struct network_endpoint *p = c->endpoints_len ? &c->endpoints[0] : NULL;
	const char *twice = NULL;
	int r;

	if (!p)
		return check_without_network(aliases, is_given(ip) || is_given(ip6), is_given(mac), e);
	if (is_given(ip) && p->ip)
		twice = "--ip and per-network IPv4 address";
	else if (is_given(ip6) && p->ip6)
		twice = "--ip6 and per-network IPv6 address";
	else if (aliases->len > 0 && p->aliases.len > 0)
		twice = "--network-alias and per-network alias";
	if (twice)
		return err_set(e, -EINVAL, "conflicting options: cannot specify both %s", twice);
	r = set_ip(&p->ip, AF_INET, ip, e);
	if (r == 0)
		r = set_ip(&p->ip6, AF_INET6, ip6, e);
	if (r == 0)
		r = set_mac(&p->mac, mac, e);
	return r == 0 ? add_aliases(p, aliases, e) : r;
}

/* --- names --- */

int network_config_add_dns(struct network_config *c, const char *text, struct err *e)
{
	char canonical[NET_ADDRESS_MAX];
	struct net_address a;

	if (net_address_parse(text, &a) < 0)
		return err_set(e, -EINVAL, "IP address is not correctly formatted: %s", text);
	net_address_format(&a, canonical);
	return strvec_add(&c->dns, canonical) < 0 ? no_memory(e) : 0;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits and hyphens, no hyphen at either end. RFC 1123 section 2.1. */
static bool label_ok(const char *text, size_t len)
{
	if (len == 0 || len > LABEL_MAX || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(text[i]) && text[i] != '-')
			return false;
	return true;
}

static bool domain_ok(const char *text)
{
	if (strlen(text) > DOMAIN_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(text, ".");

		if (!label_ok(text, len))
			return false;
		if (!text[len] || !text[len + 1])
			return true;
		text += len + 1;
	}
}

int network_config_add_search(struct network_config *c, const char *text, struct err *e)
{
	if (strcmp(text, ".") != 0 && !domain_ok(text))
		return err_set(e, -EINVAL, "%s is not a valid domain", text);
	return strvec_add(&c->dns_search, text) < 0 ? no_memory(e) : 0;
}

int network_config_add_host(struct network_config *c, const char *text, struct err *e)
{
	size_t len = strcspn(text, "=:"), ip_len;
	char ip[NET_ADDRESS_MAX + 2];
	const char *rest = text + len;
	struct net_address a;

	if (len == 0 || rest[0] == '\0' || rest[1] == '\0' || strcspn(text, " \t\n#") < len)
		return err_set(e, -EINVAL, "bad format for add-host: \"%s\"", text);
	rest++;
	ip_len = strlen(rest);
	if (rest[0] == '[' && rest[ip_len - 1] == ']') {
		rest++;
		ip_len -= 2;
	}
	(void)snprintf(ip, sizeof(ip), "%.*s", (int)ip_len, rest);
	if (strcmp(ip, NETWORK_HOST_GATEWAY) != 0 && (ip_len >= sizeof(ip) || net_address_parse(ip, &a) < 0))
		return err_set(e, -EINVAL, "invalid IP address in add-host: \"%s\"", text + len + 1);
	return strvec_addf(&c->hosts, "%.*s %s", (int)len, text, ip) < 0 ? no_memory(e) : 0;
}

/* --- the whole --- */

int network_config_publish_exposed(struct network_config *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->exposed.len; i++) {
		struct network_port port = { 0 };
		const char *protocol;

		if (network_private_port(c->exposed.items[i], &port.container_port, &protocol) < 0)
			return err_set(e, -EINVAL, "invalid exposed port: '%s'", c->exposed.items[i]);
		if (network_ports_has(&c->ports, port.container_port, protocol))
			continue;
		port.protocol = strdup(protocol);
		r = port.protocol ? network_ports_append(&c->ports, &port, e) : no_memory(e);
		free(port.protocol);
	}
	return r;
}

static int check_shared(const struct network_config *c, struct err *e)
{
	const char *what = NULL;

	if (c->hostname)
		what = "hostname and the network mode";
	else if (c->ports.len > 0 || c->publish_all)
		what = "port publishing and the container type network mode";
	else if (c->exposed.len > 0)
		what = "port exposing and the container type network mode";
	else if (c->dns.len > 0 || c->dns_search.len > 0 || c->dns_options.len > 0)
		what = "dns and the network mode";
	else if (c->hosts.len > 0)
		what = "custom host-to-IP mapping and the network mode";
	return what ? err_set(e, -EINVAL, "conflicting options: %s", what) : 0;
}

int network_config_check(const struct network_config *c, struct err *e)
{
	if (c->mode == NETWORK_CONTAINER)
		return check_shared(c, e);
	/* Docker drops them in silence. */
	if (c->mode == NETWORK_NONE && (c->ports.len > 0 || c->publish_all))
		return err_set(e, -EINVAL, "ports cannot be published with the network 'none'");
	return 0;
}

const char *network_config_mode_name(const struct network_config *c, char out[160])
{
	switch (c->mode) {
	case NETWORK_HOST:
		return "host";
	case NETWORK_CONTAINER:
		(void)snprintf(out, 160, CONTAINER_PREFIX "%.128s", c->container ? c->container : "");
		return out;
	case NETWORK_BRIDGE:
		return c->endpoints_len ? c->endpoints[0].network : NETWORK_DEFAULT_NAME;
	default:
		return "none";
	}
}

/* --- JSON --- */

#define ENDPOINT(m) offsetof(struct network_endpoint, m)
static const struct json_field ENDPOINT_FIELDS[] = {
	{ "network", ENDPOINT(network), json_read_string, .required = true },
	{ "aliases", ENDPOINT(aliases), json_read_strvec },
	{ "ip", ENDPOINT(ip), json_read_string },
	{ "ip6", ENDPOINT(ip6), json_read_string },
	{ "mac", ENDPOINT(mac), json_read_string },
	{ 0 },
};

static int read_endpoints(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	static const struct json_array ARRAY = { ENDPOINT_FIELDS, sizeof(struct network_endpoint),
						 NETWORK_ENDPOINTS_MAX };
	struct network_config *c = member;
	struct json_items items = { 0 };
	int r = json_read_array(in, &ARRAY, &items, e);

	(void)arg;
	c->endpoints = items.items;
	c->endpoints_len = items.len;
	return r;
}

static const struct json_enum MODES[] = { { "none", NETWORK_NONE },
					  { "host", NETWORK_HOST },
					  { "container", NETWORK_CONTAINER },
					  { "bridge", NETWORK_BRIDGE },
					  { 0 } };

#define CONFIG(m) offsetof(struct network_config, m)
static const struct json_field CONFIG_FIELDS[] = {
	{ "mode", CONFIG(mode), json_read_enum, MODES, .required = true },
	{ "container", CONFIG(container), json_read_string },
	{ "networks", 0, read_endpoints },
	{ "ports", CONFIG(ports), network_ports_read },
	{ "exposed", CONFIG(exposed), json_read_strvec },
	{ "publish_all", CONFIG(publish_all), json_read_bool },
	{ "dns", CONFIG(dns), json_read_strvec },
	{ "dns_search", CONFIG(dns_search), json_read_strvec },
	{ "dns_options", CONFIG(dns_options), json_read_strvec },
	{ "hosts", CONFIG(hosts), json_read_strvec },
	{ "hostname", CONFIG(hostname), json_read_string },
	{ "domainname", CONFIG(domainname), json_read_string },
	{ 0 },
};

int network_config_read(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	(void)arg;
	return json_read_object(in, CONFIG_FIELDS, member, e);
}

void network_config_write(struct json_out *o, const char *key, const struct network_config *c)
{
	json_out_object(o, key);
	json_out_string(o, "mode", MODES[c->mode].name);
	json_out_opt_string(o, "container", c->container);
	json_out_array(o, "networks");
	for (size_t i = 0; i < c->endpoints_len; i++) {
		const struct network_endpoint *p = &c->endpoints[i];

		json_out_object(o, NULL);
		json_out_string(o, "network", p->network);
		json_out_opt_strvec(o, "aliases", &p->aliases);
		json_out_opt_string(o, "ip", p->ip);
		json_out_opt_string(o, "ip6", p->ip6);
		json_out_opt_string(o, "mac", p->mac);
		json_out_end(o);
	}
	json_out_end(o);
	network_ports_write(o, "ports", &c->ports);
	json_out_opt_strvec(o, "exposed", &c->exposed);
	if (c->publish_all)
		json_out_bool(o, "publish_all", true);
	json_out_opt_strvec(o, "dns", &c->dns);
	json_out_opt_strvec(o, "dns_search", &c->dns_search);
	json_out_opt_strvec(o, "dns_options", &c->dns_options);
	json_out_opt_strvec(o, "hosts", &c->hosts);
	json_out_opt_string(o, "hostname", c->hostname);
	json_out_opt_string(o, "domainname", c->domainname);
	json_out_end(o);
}

int network_config_copy(const struct network_config *from, struct network_config *ret, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, NETWORK_CONFIG_BYTES);
	const char *text;
	size_t len;
	int r;

	network_config_write(o, NULL, from);
	r = json_out_finish(o, &text, &len, e);
	if (r == 0)
		r = json_decode(text, len, CONFIG_FIELDS, ret, e);
	ret->chosen = from->chosen;
	return r;
}

int network_config_load(int dir_fd, struct network_config *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(NETWORK_CONFIG_BYTES);
	struct network_config c = { 0 };
	int r = file_read(dir_fd, NETWORK_CONFIG_FILE, &text, e);

	if (r == -ENOENT) {
		*ret = c;
		return 0;
	}
	if (r == 0)
		r = json_decode(text.data ? text.data : "", text.len, CONFIG_FIELDS, &c, e);
	if (r < 0) {
		network_config_done(&c);
		return err_wrap(e, "the container's '" NETWORK_CONFIG_FILE "'");
	}
	*ret = c;
	return 0;
}

int network_config_save(int dir_fd, const struct network_config *c, bool durable, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, NETWORK_CONFIG_BYTES);
	const char *text;
	size_t len;
	int r;

	network_config_write(o, NULL, c);
	r = json_out_finish(o, &text, &len, e);
	if (r == 0)
		r = durable ? file_write_durable(dir_fd, NETWORK_CONFIG_FILE, text, len, 0600, e)
			    : file_write_atomic(dir_fd, NETWORK_CONFIG_FILE, text, len, 0600, e);
	return r < 0 ? err_wrap(e, "the container's '" NETWORK_CONFIG_FILE "'") : 0;
}
