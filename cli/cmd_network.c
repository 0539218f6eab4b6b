/* SPDX-License-Identifier: Apache-2.0 */
/* sampan network */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/confirm.h"
#include "cli/find_container.h"
#include "cli/network_show.h"
#include "cli/prune.h"
#include "cli/prune_filter.h"
#include "common/cleanup.h"
#include "common/event_log.h"
#include "engine/network_config.h"
#include "engine/network_files.h"
#include "engine/network_up.h"

/* An event; `container` is the ID of the one that it is about, or NULL. */
static void tell(const struct cli_globals *g, const struct network *n, const char *action,
		 const char *container)
{
	const char *pairs[] = { "name",    n->name, "type", n->driver, container ? "container" : NULL,
				container, NULL };

	event_write(g->state_dir,
		    &(struct event){ .type = "network", .action = action, .id = n->id, .attributes = pairs });
}

/* --- create --- */

struct create_options {
	const char *driver;
	bool internal, ipv6, disable_dns, attachable, ipv4;
	struct strvec subnets, gateways, ranges, labels, options;
};

#define CREATE(m) offsetof(struct create_options, m)
static const struct option_def CREATE_OPTIONS[] = {
	{ "attachable", 0, OPTION_BOOL, CREATE(attachable), NULL, NULL },
	{ "disable-dns", 0, OPTION_BOOL, CREATE(disable_dns), NULL,
	  "Containers do not find each other by name" },
	{ "driver", 'd', OPTION_STRING, CREATE(driver), "string", "bridge, which is the only one" },
	{ "gateway", 0, OPTION_LIST, CREATE(gateways), "ip", "Address of the host in a subnet" },
	{ "internal", 0, OPTION_BOOL, CREATE(internal), NULL, "No way out of it" },
	{ "ip-range", 0, OPTION_LIST, CREATE(ranges), "cidr",
	  "The part of a subnet that containers get addresses of" },
	{ "ipv6", 0, OPTION_BOOL, CREATE(ipv6), NULL, "With IPv6 addresses too" },
	{ "label", 0, OPTION_LIST, CREATE(labels), "list", "Labels: KEY=VALUE" },
	{ "opt", 'o', OPTION_LIST, CREATE(options), "list", "Options of the driver: mtu=1400, isolate=true" },
	{ "subnet", 0, OPTION_LIST, CREATE(subnets), "cidr", "Subnets: 10.90.0.0/24" },
	{ 0 },
};
static const struct command_def CREATE_COMMAND = {
	.name = "sampan network create",
	.usage = "[OPTIONS] NETWORK",
	.summary = "Create a network",
	.options = CREATE_OPTIONS,
	.min_args = 1,
	.max_args = 1,
};

static int run_create(int argc, char **argv, const struct cli_globals *g)
{
	struct create_options o = { 0 };
	cleanup_network struct network made = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (cli_options(&CREATE_COMMAND, argc, argv, &o, &n, &code)) {
		const struct network_request request = { .name = argv[1],
							 .driver = o.driver,
							 .subnets = o.subnets,
							 .gateways = o.gateways,
							 .ranges = o.ranges,
							 .labels = o.labels,
							 .options = o.options,
							 .internal = o.internal,
							 .ipv6 = o.ipv6,
							 .no_dns = o.disable_dns };

		if (strcmp(argv[1], NETWORK_DEFAULT_NAME) == 0)
			code = err_set(&e, -EEXIST, "network with name %s already exists", argv[1]);
		else
			code = network_create(g->root, &request, &made, &e);
		if (code == 0)
			tell(g, &made, "create", NULL);
		code = code < 0 ? cli_fail(&e) : cli_end_output(puts(made.id) < 0);
	}
	strvec_done(&o.subnets);
	strvec_done(&o.gateways);
	strvec_done(&o.ranges);
	strvec_done(&o.labels);
	strvec_done(&o.options);
	return code;
}

/* --- rm, prune --- */

struct force_options {
	bool force;
	struct strvec filters;
};

#define FORCE(m) offsetof(struct force_options, m)
static const struct option_def RM_OPTIONS[] = {
	{ "force", 'f', OPTION_BOOL, FORCE(force), NULL, "Not an error where there is no such network" },
	{ 0 },
};
static const struct command_def RM_COMMAND = {
	.name = "sampan network rm",
	.usage = "NETWORK [NETWORK...]",
	.summary = "Remove networks",
	.options = RM_OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

static int remove_one(const char *what, const struct cli_globals *g, struct err *e)
{
	cleanup_network struct network n = { 0 };
	int r = network_show_find(g->root, what, &n, e);

	if (r < 0)
		return r;
	if (network_is_predefined(n.name))
		return err_set(e, -EPERM, "%s is a pre-defined network and cannot be removed", n.name);
	r = network_remove_unused(g->root, g->state_dir, &n, e);
	if (r < 0)
		return err_wrap(e, "error while removing network");
	tell(g, &n, "destroy", NULL);
	return 0;
}

static int run_rm(int argc, char **argv, const struct cli_globals *g)
{
	struct force_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&RM_COMMAND, argc, argv, &o, &n, &code))
		return code;
	for (int i = 1; i <= n; i++) {
		int r = remove_one(argv[i], g, &e);

		if (r == 0)
			(void)puts(argv[i]);
		else if (r != -ENOENT || !o.force)
			code = cli_fail(&e);
	}
	return cli_end_output(code);
}

static const struct option_def PRUNE_OPTIONS[] = {
	{ "filter", 0, OPTION_LIST, FORCE(filters), "filter",
	  "until=TIME (created before), label=KEY[=VALUE], label!=KEY[=VALUE]" },
	{ "force", 'f', OPTION_BOOL, FORCE(force), NULL, "Do not ask" },
	{ 0 },
};
static const struct command_def PRUNE_COMMAND = {
	.name = "sampan network prune",
	.usage = "[OPTIONS]",
	.summary = "Remove networks that no running container is on",
	.options = PRUNE_OPTIONS,
	.max_args = 0,
};

int prune_networks(const struct cli_globals *g, const struct prune_policy *policy, struct err *e)
{
	struct network *items = NULL;
	size_t len = 0, gone = 0;
	int r = network_list(g->root, &items, &len, e);

	for (size_t i = 0; r == 0 && i < len; i++) {
		struct network *n = &items[i];

		if (network_is_predefined(n->name) || !prune_policy_matches(policy, n->created, &n->labels))
			continue;
		r = network_remove_unused(g->root, g->state_dir, n, e);
		if (r == 0) {
			(void)printf("%s%s\n", gone++ ? "" : "Deleted Networks:\n", n->name);
			tell(g, n, "destroy", NULL);
		} else if (r == -EBUSY || r == -ENOENT) { /* in use, or somebody was faster */
			r = 0;
		}
	}
	if (gone)
		(void)putchar('\n');
	network_list_free(items, len);
	prune_tell(g, "network", 0);
	return r;
}

static int run_prune(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_prune_policy struct prune_policy policy = { 0 };
	struct force_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (cli_options(&PRUNE_COMMAND, argc, argv, &o, &n, &code)) {
		if (prune_filter_parse(&o.filters, &policy, &e) < 0) {
			code = cli_refuse(&e);
		} else if (o.force || cli_confirm("all custom networks not used by at least one container")) {
			code = prune_networks(g, &policy, &e) < 0 ? cli_fail(&e) : 0;
		}
		code = cli_end_output(code);
	}
	strvec_done(&o.filters);
	return code;
}

/* --- connect, disconnect --- */

struct connect_options {
	const char *ip, *ip6;
	struct strvec aliases;
};

#define CONNECT(m) offsetof(struct connect_options, m)
static const struct option_def CONNECT_OPTIONS[] = {
	{ "alias", 0, OPTION_LIST, CONNECT(aliases), "list", "More names on the network" },
	{ "ip", 0, OPTION_STRING, CONNECT(ip), "string", "IPv4 address" },
	{ "ip6", 0, OPTION_STRING, CONNECT(ip6), "string", "IPv6 address" },
	{ 0 },
};
static const struct command_def CONNECT_COMMAND = {
	.name = "sampan network connect",
	.usage = "[OPTIONS] NETWORK CONTAINER",
	.summary = "Connect a container to a network",
	.options = CONNECT_OPTIONS,
	.min_args = 2,
	.max_args = 2,
};

/* A container and what it was asked for. */
struct member {
	struct store *store;
	struct container_record container;
	struct network network;
	struct network_config config;
	int dir_fd;
};

static void member_done(struct member *m)
{
	network_config_done(&m->config);
	network_done(&m->network);
	container_record_done(&m->container);
	if (m->dir_fd >= 0)
		(void)close(m->dir_fd);
	store_close(m->store);
}
#define cleanup_member __attribute__((cleanup(member_done)))

static int load_member(const char *network, const char *container, const struct cli_globals *g,
		       struct member *m, struct err *e)
{
	int r = store_open(g->root, &m->store, e);

	if (r == 0)
		r = find_container(m->store, g, container, &m->container, e);
	if (r == 0)
		r = network_show_find(g->root, network, &m->network, e);
	if (r == 0)
		r = container_open_dir(m->store, m->container.id, &m->dir_fd, e);
	if (r == 0)
		r = network_config_load(m->dir_fd, &m->config, e);
	if (r < 0)
		return r;
	if (m->config.mode == NETWORK_HOST || strcmp(m->network.name, "host") == 0)
		return err_set(e, -EINVAL,
			       "container cannot be connected to, or disconnected from, host network");
	if (m->config.mode == NETWORK_CONTAINER)
		return err_set(e, -EINVAL,
			       "container sharing network namespace with another container or host cannot be "
			       "connected to any other network");
	if (strcmp(m->network.name, "none") == 0)
		return err_set(
			e, -EINVAL,
			"container cannot be connected to multiple networks with one of the networks in "
			"private (none) mode");
	return 0;
}

static bool is_running(const struct member *m)
{
	return container_is_up(&m->container) && m->container.pid > 0;
}

static const char *hostname_of(const struct member *m, char out[16])
{
	if (m->config.hostname)
		return m->config.hostname;
	(void)snprintf(out, 16, "%.12s", m->container.id);
	return out;
}

static int connect_one(const struct connect_options *o, struct member *m, const struct cli_globals *g,
		       struct err *e)
{
	cleanup_network_record struct network_record record = { 0 };
	char short_id[16];
	const struct network_args args = { .root = g->root,
					   .state_dir = g->state_dir,
					   .id = m->container.id,
					   .name = m->container.name,
					   .hostname = hostname_of(m, short_id),
					   .pid = (pid_t)m->container.pid };
	int r;

	if (network_config_find(&m->config, m->network.name))
		return err_set(e, -EEXIST, "endpoint with name %s already exists in network %s",
			       m->container.name, m->network.name);
	r = network_config_add_endpoint(&m->config, m->network.name, &o->aliases, o->ip, o->ip6, e);
	if (r == 0 && is_running(m))
		r = network_connect(&args, network_config_find(&m->config, m->network.name), &record, e);
	if (r == 0 && is_running(m))
		r = network_files_update(m->dir_fd, &m->config, &record, args.hostname, e);
	if (r == 0)
		r = network_config_save(m->dir_fd, &m->config, true, e);
	if (r == 0)
		tell(g, &m->network, "connect", m->container.id);
	return r;
}

static int run_connect(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_member struct member m = { .dir_fd = -1 };
	struct connect_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (cli_options(&CONNECT_COMMAND, argc, argv, &o, &n, &code)) {
		code = load_member(argv[1], argv[2], g, &m, &e);
		if (code == 0)
			code = connect_one(&o, &m, g, &e);
		if (code < 0)
			code = cli_fail(&e);
	}
	strvec_done(&o.aliases);
	return code;
}

static const struct option_def DISCONNECT_OPTIONS[] = {
	{ "force", 'f', OPTION_BOOL, FORCE(force), NULL, "Also where the container is gone" },
	{ 0 },
};
static const struct command_def DISCONNECT_COMMAND = {
	.name = "sampan network disconnect",
	.usage = "[OPTIONS] NETWORK CONTAINER",
	.summary = "Disconnect a container from a network",
	.options = DISCONNECT_OPTIONS,
	.min_args = 2,
	.max_args = 2,
};

static int disconnect_one(struct member *m, const struct cli_globals *g, struct err *e)
{
	cleanup_network_record struct network_record record = { 0 };
	char short_id[16];
	int r = 0;

	if (!network_config_find(&m->config, m->network.name))
		return err_set(e, -ENOENT, "container %.12s is not connected to network %s", m->container.id,
			       m->network.name);
	if (is_running(m)) {
		r = network_disconnect(g->state_dir, m->container.id, m->network.name, &record, e);
		if (r == 0)
			r = network_files_update(m->dir_fd, &m->config, &record, hostname_of(m, short_id), e);
	}
	if (r < 0)
		return r;
	network_config_remove_endpoint(&m->config, m->network.name);
	r = network_config_save(m->dir_fd, &m->config, true, e);
	if (r == 0)
		tell(g, &m->network, "disconnect", m->container.id);
	return r;
}

static int run_disconnect(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_member struct member m = { .dir_fd = -1 };
	struct force_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&DISCONNECT_COMMAND, argc, argv, &o, &n, &code))
		return code;
	code = load_member(argv[1], argv[2], g, &m, &e);
	if (code == 0)
		code = disconnect_one(&m, g, &e);
	if (code == -ENOENT && o.force)
		return 0;
	return code < 0 ? cli_fail(&e) : 0;
}

/* --- which --- */

static const struct cli_subcommand COMMANDS[] = {
	{ "connect", run_connect, "Connect a container to a network" },
	{ "create", run_create, "Create a network" },
	{ "disconnect", run_disconnect, "Disconnect a container from a network" },
	{ "inspect", network_inspect, "Show all that is known about networks, as JSON" },
	{ "ls", network_ls, "List networks" },
	{ "prune", run_prune, "Remove networks that no running container is on" },
	{ "rm", run_rm, "Remove networks" },
	{ "list", network_ls, NULL },
	{ "remove", run_rm, NULL },
	{ 0 },
};

int cmd_network(int argc, char **argv, const struct cli_globals *g)
{
	return cli_run_subcommand("network", "Manage networks", COMMANDS, argc, argv, g);
}
