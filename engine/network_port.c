/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"
#include "engine/network_address.h"

#define PORT_MAX      65535u
#define PORT_TEXT_MAX 128 /* bytes of a -p */
#define ALL_ADDRESSES "0.0.0.0"

struct range {
	uint32_t first, last;
};

/* The pieces of a -p; pointers into a copy of it. */
struct pieces {
	char *ip, *host, *container, *protocol;
};

void network_ports_done(struct network_ports *p)
{
	for (size_t i = 0; i < p->len; i++) {
		free(p->items[i].host_ip);
		free(p->items[i].protocol);
	}
	free(p->items);
	*p = (struct network_ports){ 0 };
}

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

int network_ports_append(struct network_ports *p, const struct network_port *port, struct err *e)
{
	struct network_port copy = *port, *items;

	if (p->len >= NETWORK_PORTS_MAX)
		return err_set(e, -EFBIG, "too many ports: more than %d", NETWORK_PORTS_MAX);
	items = realloc(p->items, (p->len + 1) * sizeof(*items));
	if (!items)
		return no_memory(e);
	p->items = items;
	copy.protocol = strdup(port->protocol);
	copy.host_ip = port->host_ip ? strdup(port->host_ip) : NULL;
	if (!copy.protocol || (port->host_ip && !copy.host_ip)) {
		free(copy.protocol);
		free(copy.host_ip);
		return no_memory(e);
	}
	p->items[p->len++] = copy;
	return 0;
}

/* "80" or "80-90". -EINVAL; -ERANGE for one that goes down or out of range. */
static int parse_range(const char *text, struct range *ret)
{
	const char *dash = strchr(text, '-');
	char first_text[8];
	size_t len = dash ? (size_t)(dash - text) : strlen(text);
	uint64_t first, last;
	int r;

	if (len == 0 || len >= sizeof(first_text))
		return -EINVAL;
	memcpy(first_text, text, len);
	first_text[len] = '\0';
	r = parse_u64(first_text, 0, PORT_MAX, &first);
	last = first;
	if (r == 0 && dash)
		r = parse_u64(dash + 1, 0, PORT_MAX, &last);
	if (r < 0)
		return r;
	if (last < first)
		return -ERANGE;
	*ret = (struct range){ (uint32_t)first, (uint32_t)last };
	return 0;
}

/* Cuts the protocol off, and makes it lower case. -EINVAL. */
static int cut_protocol(char *text, char **ret, struct err *e)
{
	static char tcp[] = "tcp";
	char *slash = strchr(text, '/'), *rest;

	*ret = tcp;
	if (!slash)
		return 0;
	*slash = '\0';
	rest = strchr(slash + 1, '/'); /* docker does not look behind it */
	if (rest)
		*rest = '\0';
	if (slash[1] == '\0')
		return 0;
	*ret = slash + 1;
	for (char *p = *ret; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	if (strcmp(*ret, "tcp") != 0 && strcmp(*ret, "udp") != 0 && strcmp(*ret, "sctp") != 0)
		return err_set(e, -EINVAL, "invalid proto: %s", *ret);
	return 0;
}

/* From the right: the address may have colons of its own. */
static void split(char *text, struct pieces *ret)
{
	char *colon = strrchr(text, ':');

	*ret = (struct pieces){ .container = text };
	if (!colon)
		return;
	*colon = '\0';
	ret->container = colon + 1;
	ret->host = text;
	colon = strrchr(text, ':');
	if (!colon)
		return;
	*colon = '\0';
	ret->host = colon + 1;
	ret->ip = text;
}

/* *ret is owned; NULL for all addresses. */
static int parse_ip(const char *text, char **ret, struct err *e)
{
	char bare[PORT_TEXT_MAX], canonical[NET_ADDRESS_MAX];
	size_t len = text ? strlen(text) : 0;
	struct net_address a;

	*ret = NULL;
	if (len == 0)
		return 0;
	if (text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	(void)snprintf(bare, sizeof(bare), "%.*s", (int)len, text);
	if (net_address_parse(bare, &a) < 0)
		return err_set(e, -EINVAL, "invalid IP address: %s", text);
	net_address_format(&a, canonical);
	*ret = strdup(canonical);
	return *ret ? 0 : no_memory(e);
}

static int add_range(struct network_ports *p, const struct pieces *pieces, char *ip, struct range container,
		     struct range host, struct err *e)
{
	uint32_t count = container.last - container.first + 1;
	bool pick =
		count == 1 && host.last > host.first; /* one port of the container, a choice on the host */
	int r = 0;

	if (!pick && pieces->host && pieces->host[0] &&
	    host.last - host.first != container.last - container.first)
		return err_set(e, -EINVAL, "invalid ranges specified for container and host Ports: %s and %s",
			       pieces->container, pieces->host);
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		const struct network_port port = { .host_ip = ip,
						   .protocol = pieces->protocol,
						   .container_port = container.first + i,
						   .host_port = host.first ? host.first + i : 0,
						   .host_port_last = pick ? host.last : 0 };

		r = network_ports_append(p, &port, e);
	}
	return r;
}

int network_ports_add(struct network_ports *p, const char *text, struct err *e)
{
	struct range container = { 0 }, host = { 0 };
	cleanup_free char *ip = NULL;
	struct pieces pieces;
	char copy[PORT_TEXT_MAX];
	char *protocol;
	int r;

	if (strlen(text) >= sizeof(copy))
		return err_set(e, -EINVAL, "invalid containerPort: %.64s...", text);
	(void)snprintf(copy, sizeof(copy), "%s", text);
	split(copy, &pieces);
	if (pieces.container[0] == '\0')
		return err_set(e, -EINVAL, "no port specified: %s<empty>", text);
	r = cut_protocol(pieces.container, &protocol, e);
	if (r < 0)
		return r;
	pieces.protocol = protocol;
	r = parse_ip(pieces.ip, &ip, e);
	if (r < 0)
		return r;
	if (parse_range(pieces.container, &container) < 0 || container.first == 0)
		return err_set(e, -EINVAL, "invalid containerPort: %s", pieces.container);
	if (pieces.host && pieces.host[0] && parse_range(pieces.host, &host) < 0)
		return err_set(e, -EINVAL, "invalid hostPort: %s", pieces.host);
	return add_range(p, &pieces, ip, container, host, e);
}

int network_expose_add(struct strvec *out, const char *text, struct err *e)
{
	char copy[PORT_TEXT_MAX], *protocol;
	struct range range = { 0 };
	int r;

	if (strchr(text, ':'))
		return err_set(e, -EINVAL, "invalid port format for --expose: %s", text);
	(void)snprintf(copy, sizeof(copy), "%s", text);
	r = cut_protocol(copy, &protocol, e);
	if (r < 0)
		return r;
	if (copy[0] == '\0')
		return err_set(
			e, -EINVAL,
			"invalid range format for --expose: %s, error: empty string specified for ports",
			text);
	r = parse_range(copy, &range);
	if (r < 0 || range.first == 0)
		return err_set(
			e, -EINVAL,
			"invalid range format for --expose: %s, error: invalid range specified for port: %s",
			text, copy);
	for (uint32_t port = range.first; r == 0 && port <= range.last; port++) {
		char one[32];

		(void)snprintf(one, sizeof(one), "%u/%s", port, protocol);
		if (!strvec_has(out, one))
			r = strvec_add(out, one);
	}
	return r < 0 ? err_set(e, r, "too many exposed ports") : 0;
}

int network_private_port(const char *text, uint32_t *ret_port, const char **ret_protocol)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char number[8];
	uint64_t port;

	if (len == 0 || len >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, len);
	number[len] = '\0';
	if (parse_u64(number, 1, PORT_MAX, &port) < 0)
		return -EINVAL;
	*ret_port = (uint32_t)port;
	*ret_protocol = slash ? slash + 1 : "tcp";
	return 0;
}

bool network_ports_has(const struct network_ports *p, uint32_t container_port, const char *protocol)
{
	for (size_t i = 0; i < p->len; i++)
		if (p->items[i].container_port == container_port &&
		    strcmp(p->items[i].protocol, protocol) == 0)
			return true;
	return false;
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

size_t network_ports_run(const struct network_ports *p, size_t from)
{
	const struct network_port *first = &p->items[from];
	size_t n = 1;

	for (; from + n < p->len; n++) {
		const struct network_port *next = &p->items[from + n];

		if (!same_text(next->host_ip, first->host_ip) ||
		    strcmp(next->protocol, first->protocol) != 0 ||
		    next->container_port != first->container_port + n ||
		    next->host_port != first->host_port + n)
			break;
	}
	return n;
}

static int add_run(const struct network_port *first, size_t count, struct buf *out)
{
	const char *ip = first->host_ip ? first->host_ip : ALL_ADDRESSES;
	const char *open = strchr(ip, ':') ? "[" : "", *close = open[0] ? "]" : "";
	const char *comma = out->len > 0 ? ", " : "";
	unsigned int more = (unsigned int)count - 1;

	if (count == 1)
		return buf_printf(out, "%s%s%s%s:%u->%u/%s", comma, open, ip, close, first->host_port,
				  first->container_port, first->protocol);
	return buf_printf(out, "%s%s%s%s:%u-%u->%u-%u/%s", comma, open, ip, close, first->host_port,
			  first->host_port + more, first->container_port, first->container_port + more,
			  first->protocol);
}

int network_ports_text(const struct network_ports *p, const struct strvec *exposed, struct buf *out)
{
	const char *protocol;
	uint32_t port;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->len;) {
		size_t count = network_ports_run(p, i);

		r = add_run(&p->items[i], count, out);
		i += count;
	}
	for (size_t i = 0; r == 0 && exposed && i < exposed->len; i++)
		if (network_private_port(exposed->items[i], &port, &protocol) == 0 &&
		    !network_ports_has(p, port, protocol))
			r = buf_printf(out, "%s%s", out->len > 0 ? ", " : "", exposed->items[i]);
	return r;
}

#define PORT(m) offsetof(struct network_port, m)
static const struct json_field PORT_FIELDS[] = {
	{ "host_ip", PORT(host_ip), json_read_string },
	{ "host_port", PORT(host_port), json_read_u32 },
	{ "host_port_last", PORT(host_port_last), json_read_u32 },
	{ "container_port", PORT(container_port), json_read_u32, .required = true },
	{ "protocol", PORT(protocol), json_read_string, .required = true },
	{ 0 },
};

int network_ports_read(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	static const struct json_array ARRAY = { PORT_FIELDS, sizeof(struct network_port),
						 NETWORK_PORTS_MAX };
	struct network_ports *p = member;
	struct json_items items = { 0 };
	int r = json_read_array(in, &ARRAY, &items, e);

	(void)arg;
	p->items = items.items;
	p->len = items.len;
	return r;
}

void network_ports_write(struct json_out *o, const char *key, const struct network_ports *p)
{
	json_out_array(o, key);
	for (size_t i = 0; i < p->len; i++) {
		const struct network_port *port = &p->items[i];

		json_out_object(o, NULL);
		json_out_opt_string(o, "host_ip", port->host_ip);
		if (port->host_port)
			json_out_u64(o, "host_port", port->host_port);
		if (port->host_port_last)
			json_out_u64(o, "host_port_last", port->host_port_last);
		json_out_u64(o, "container_port", port->container_port);
		json_out_string(o, "protocol", port->protocol);
		json_out_end(o);
	}
	json_out_end(o);
}
