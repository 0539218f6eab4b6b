/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/network_show.h"

static bool same_private_port(const struct network_port *a, const struct network_port *b)
{
	return a->container_port == b->container_port && strcmp(a->protocol, b->protocol) == 0;
}

/* Whether an entry before `index` is about the same port of the container. */
static bool is_written(const struct network_ports *p, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (same_private_port(&p->items[i], &p->items[index]))
			return true;
	return false;
}

static void write_bindings_of(struct json_out *o, const struct network_ports *p, size_t index)
{
	const struct network_port *port = &p->items[index];
	char key[32], number[16];

	(void)snprintf(key, sizeof(key), "%u/%.8s", port->container_port, port->protocol);
	json_out_array(o, key);
	for (size_t i = index; i < p->len; i++) {
		if (!same_private_port(&p->items[i], port))
			continue;
		(void)snprintf(number, sizeof(number), "%u", p->items[i].host_port);
		json_out_object(o, NULL);
		json_out_string(o, "HostIp", p->items[i].host_ip ? p->items[i].host_ip : "0.0.0.0");
		json_out_string(o, "HostPort", number);
		json_out_end(o);
	}
	json_out_end(o);
}

static void write_ports(struct json_out *o, const struct network_record *r)
{
	json_out_object(o, "Ports");
	for (size_t i = 0; i < r->ports.len; i++)
		if (!is_written(&r->ports, i))
			write_bindings_of(o, &r->ports, i);
	for (size_t i = 0; i < r->exposed.len; i++) {
		const char *protocol;
		uint32_t port;

		if (network_private_port(r->exposed.items[i], &port, &protocol) == 0 &&
		    !network_ports_has(&r->ports, port, protocol))
			json_out_null(o, r->exposed.items[i]);
	}
	json_out_end(o);
}

static void write_endpoint(struct json_out *o, const struct network_attachment *a)
{
	json_out_object(o, a->network);
	json_out_string(o, "NetworkID", a->network_id);
	json_out_strvec(o, "Aliases", &a->aliases);
	json_out_string(o, "MacAddress", a->mac ? a->mac : "");
	json_out_string(o, "Gateway", a->gateway ? a->gateway : "");
	json_out_string(o, "IPAddress", a->ip ? a->ip : "");
	json_out_u64(o, "IPPrefixLen", a->bits);
	json_out_string(o, "IPv6Gateway", a->gateway6 ? a->gateway6 : "");
	json_out_string(o, "GlobalIPv6Address", a->ip6 ? a->ip6 : "");
	json_out_u64(o, "GlobalIPv6PrefixLen", a->bits6);
	json_out_end(o);
}

void network_show_settings(struct json_out *o, const struct network_record *r)
{
	const struct network_attachment none = { 0 },
					*first = r->attachments_len ? &r->attachments[0] : &none;

	json_out_object(o, "NetworkSettings");
	json_out_string(o, "Bridge", "");
	write_ports(o, r);
	json_out_string(o, "Gateway", first->gateway ? first->gateway : "");
	json_out_string(o, "IPAddress", first->ip ? first->ip : r->pasta_ip ? r->pasta_ip : "");
	json_out_u64(o, "IPPrefixLen", first->bits);
	json_out_string(o, "IPv6Gateway", first->gateway6 ? first->gateway6 : "");
	json_out_string(o, "GlobalIPv6Address", first->ip6 ? first->ip6 : "");
	json_out_u64(o, "GlobalIPv6PrefixLen", first->bits6);
	json_out_string(o, "MacAddress", first->mac ? first->mac : "");
	json_out_object(o, "Networks");
	for (size_t i = 0; i < r->attachments_len; i++)
		write_endpoint(o, &r->attachments[i]);
	json_out_end(o);
	json_out_end(o);
}
