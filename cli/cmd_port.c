/* SPDX-License-Identifier: Apache-2.0 */
/* sampan port */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/find_container.h"
#include "common/cleanup.h"
#include "engine/network_record.h"

static const struct option_def OPTIONS[] = { { 0 } };
static const struct command_def COMMAND = {
	.name = "sampan port",
	.usage = "CONTAINER [PRIVATE_PORT[/PROTO]]",
	.summary = "List the published ports of a container, or where one of them is",
	.options = OPTIONS,
	.min_args = 1,
	.max_args = 2,
};

static void print_host(const struct network_port *p)
{
	const char *ip = p->host_ip ? p->host_ip : "0.0.0.0";

	(void)printf(strchr(ip, ':') ? "[%s]:%u\n" : "%s:%u\n", ip, p->host_port);
}

static int by_port(const void *a, const void *b)
{
	const struct network_port *x = a, *y = b;

	if (x->container_port != y->container_port)
		return x->container_port < y->container_port ? -1 : 1;
	return strcmp(x->protocol, y->protocol);
}

static void print_all(struct network_ports *ports)
{
	if (ports->len > 1)
		qsort(ports->items, ports->len, sizeof(*ports->items), by_port);
	for (size_t i = 0; i < ports->len; i++) {
		(void)printf("%u/%s -> ", ports->items[i].container_port, ports->items[i].protocol);
		print_host(&ports->items[i]);
	}
}

static int print_one(const struct network_ports *ports, const char *text, const char *container,
		     struct err *e)
{
	const char *protocol;
	bool found = false;
	uint32_t port;

	if (network_private_port(text, &port, &protocol) < 0)
		return err_set(e, -EINVAL, "invalid port: %s", text);
	for (size_t i = 0; i < ports->len; i++) {
		const struct network_port *p = &ports->items[i];

		if (p->container_port != port || strcmp(p->protocol, protocol) != 0)
			continue;
		print_host(p);
		found = true;
	}
	return found ? 0
		     : err_set(e, -ENOENT, "no public port '%u/%s' published for %s", port, protocol,
			       container);
}

static int print_ports(const struct cli_globals *g, const char *container, const char *port, struct err *e)
{
	cleanup_container_record struct container_record c = { 0 };
	cleanup_network_record struct network_record r = { 0 };
	cleanup_store struct store *store = NULL;
	int code = store_open(g->root, &store, e);

	if (code == 0)
		code = find_container(store, g, container, &c, e);
	if (code < 0)
		return code;
	if (container_is_up(&c))
		code = network_record_load(g->state_dir, c.id, &r, e);
	if (code < 0 && code != -ENOENT)
		return code;
	if (port)
		return print_one(&r.ports, port, container, e);
	print_all(&r.ports);
	return 0;
}

int cmd_port(int argc, char **argv, const struct cli_globals *g)
{
	struct err e = { 0 };
	int n = 0, code = 0;
	bool none = false;

	if (!cli_options(&COMMAND, argc, argv, &none, &n, &code))
		return code;
	if (print_ports(g, argv[1], n > 1 ? argv[2] : NULL, &e) < 0)
		code = cli_fail(&e);
	return cli_end_output(code);
}
