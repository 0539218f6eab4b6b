/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_up.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/process.h"
#include "engine/netavark.h"
#include "engine/network.h"
#include "engine/network_link.h"
#include "engine/network_pasta.h"

#define SHORT_ID_LEN 12
#define DNS_PORT     53
#define PORTS_TEXT   3800 /* bytes of the ports as `ps` shows them; what is more is cut off */

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

void network_result_done(struct network_result *r)
{
	network_record_done(&r->record);
	network_sockets_done(&r->sockets);
}

static int set_text(char **member, const char *text, struct err *e)
{
	free(*member);
	*member = strdup(text);
	return *member ? 0 : no_memory(e);
}

/* --- what is to be set up --- */

static bool is_alias(const char *text)
{
	return text && text[0] && !strpbrk(text, " \t\n,/");
}

/* The user's, the short ID as podman and docker have it, and the host name. */
static int set_aliases(struct network_attachment *a, const struct network_args *args,
		       const struct network_endpoint *endpoint, struct err *e)
{
	int r = strvec_add_all(&a->aliases, &endpoint->aliases);

	if (r == 0)
		r = strvec_addf(&a->aliases, "%.*s", SHORT_ID_LEN, args->id);
	if (r == 0 && is_alias(args->hostname) && !strvec_has(&a->aliases, args->hostname) &&
	    strcmp(args->hostname, args->name) != 0)
		r = strvec_add(&a->aliases, args->hostname);
	return r < 0 ? no_memory(e) : 0;
}

static int set_definition(struct network_attachment *a, const struct network *n, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, NETWORK_BYTES_MAX);
	const char *text;
	size_t len;
	int r;

	network_write(o, NULL, n);
	r = json_out_finish(o, &text, &len, e);
	if (r == 0)
		r = set_text(&a->definition, text, e);
	if (r == 0)
		r = set_text(&a->network, n->name, e);
	if (r == 0)
		r = set_text(&a->network_id, n->id, e);
	if (r == 0)
		r = set_text(&a->bridge, n->interface, e);
	a->dns = n->dns;
	a->internal = n->internal;
	return r;
}

/* What a subnet is to an attachment: the members of its family. */
struct family {
	char **ip, **gateway;
	uint32_t *bits;
	const char *wanted;
};

static struct family family_of(const char *subnet, const struct network_endpoint *endpoint,
			       struct network_attachment *a)
{
	if (strchr(subnet, ':'))
		return (struct family){ &a->ip6, &a->gateway6, &a->bits6, endpoint->ip6 };
	return (struct family){ &a->ip, &a->gateway, &a->bits, endpoint->ip };
}

static bool is_outside(const struct net_prefix *prefix, const char *wanted)
{
	struct net_address a;

	return wanted && net_address_parse(wanted, &a) == 0 && !net_prefix_contains(prefix, &a);
}

/* An address of each of the network's subnets: the first one of each family counts, or the one that has what was asked for. */
static int lease(const struct network_state *s, const struct network *n, const struct network_args *args,
		 const struct network_endpoint *endpoint, struct network_attachment *a, struct err *e)
{
	char text[NET_ADDRESS_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < n->subnets_len; i++) {
		const struct network_subnet *subnet = &n->subnets[i];
		struct family f = family_of(subnet->subnet, endpoint, a);
		struct net_prefix prefix;

		if (*f.ip || net_prefix_parse(subnet->subnet, &prefix) < 0 || is_outside(&prefix, f.wanted))
			continue;
		r = network_state_lease(s, n->name, subnet, args->id, f.wanted, text, e);
		if (r == 0)
			r = set_text(f.ip, text, e);
		if (r == 0 && subnet->gateway)
			r = set_text(f.gateway, subnet->gateway, e);
		*f.bits = prefix.bits;
	}
	if (r == 0 && ((endpoint->ip && !a->ip) || (endpoint->ip6 && !a->ip6)))
		r = err_set(e, -EINVAL,
			    "invalid endpoint settings: no configured subnet contains IP address %s",
			    endpoint->ip && !a->ip ? endpoint->ip : endpoint->ip6);
	return r;
}

/* "eth0", or the first that is free. */
static int set_interface(const struct network_record *record, struct network_attachment *a, struct err *e)
{
	char name[16];
	bool taken = true;

	for (unsigned int n = 0; taken; n++) {
		(void)snprintf(name, sizeof(name), "eth%u", n);
		taken = false;
		for (size_t i = 0; i < record->attachments_len; i++)
			if (record->attachments[i].interface &&
			    strcmp(record->attachments[i].interface, name) == 0)
				taken = true;
	}
	return set_text(&a->interface, name, e);
}

/* Half of it may be in the record after a failure. */
static int attach(const struct network_state *s, const struct network_args *args,
		  const struct network_endpoint *endpoint, struct network_record *record, struct err *e)
{
	cleanup_network struct network n = { 0 };
	struct network_attachment *a;
	int r = network_find(args->root, endpoint->network, &n, e);

	if (r < 0)
		return r;
	if (network_record_find(record, n.name))
		return err_set(e, -EEXIST, "endpoint with name %s already exists in network %s", args->name,
			       n.name);
	a = network_record_add(record);
	if (!a)
		return no_memory(e);
	r = set_definition(a, &n, e);
	if (r == 0)
		r = set_interface(record, a, e);
	if (r == 0)
		r = set_aliases(a, args, endpoint, e);
	if (r == 0 && endpoint->mac)
		r = set_text(&a->mac, endpoint->mac, e);
	return r == 0 ? lease(s, &n, args, endpoint, a, e) : r;
}

static void release_leases(const struct network_state *s, const struct network_record *record,
			   const struct network_attachment *a)
{
	if (a->network && a->ip)
		network_state_release(s, a->network, record->id, a->ip);
	if (a->network && a->ip6)
		network_state_release(s, a->network, record->id, a->ip6);
}

/* --- the namespace --- */

static bool is_alive(const struct network_record *r)
{
	return network_process_alive(r->pid, r->pid_start_ticks);
}

/* Its own, or where that is gone with its process, another one that has the interfaces that netavark wants to remove. */
static int open_netns(const struct network_record *r, const char *network, int *ret, struct err *e)
{
	cleanup_strvec struct strvec interfaces = { 0 };
	char path[64];
	int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%lld/ns/net", (long long)r->pid);
	if (is_alive(r))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		*ret = fd;
		return 0;
	}
	for (size_t i = 0; i < r->attachments_len; i++)
		if ((!network || strcmp(network, r->attachments[i].network) == 0) &&
		    strvec_add(&interfaces, r->attachments[i].interface) < 0)
			return no_memory(e);
	return network_namespace_stand_in(&interfaces, ret, e);
}

static int each_cable(const struct network_record *r,
		      int (*call)(uint32_t index, const char *name, struct err *e), struct err *e)
{
	int code = 0;

	for (size_t i = 0; code == 0 && i < r->attachments_len; i++)
		if (r->attachments[i].host_link)
			code = call(r->attachments[i].host_index, r->attachments[i].host_link, e);
	return code;
}

static int run_netavark(enum netavark_command command, const struct network_state *s, int netns_fd,
			struct network_record *r, const char *network, struct err *e)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), netns_fd);
	return netavark_run(command, s->path, path, r, network, e);
}

/* A namespace outlives its last process, and so do its cables: netavark would take the bridge for one in use. Removing them takes the kernel some time too, which it
 * has while netavark works. */
static int tear_down_in(const struct network_state *s, int netns_fd, struct network_record *r,
			const char *network, struct err *e)
{
	bool gone = !is_alive(r);
	int code = gone ? each_cable(r, network_link_detach, e) : 0;

	if (code == 0)
		code = run_netavark(NETAVARK_TEARDOWN, s, netns_fd, r, network, e);
	return code == 0 && gone ? each_cable(r, network_link_remove, e) : code;
}

/* Whether the namespace has the cables that it was given: a container may have removed or exchanged them, and netavark would stop halfway. */
static bool is_untouched(int netns_fd, const struct network_record *r)
{
	for (size_t i = 0; i < r->attachments_len; i++) {
		const struct network_attachment *a = &r->attachments[i];
		char name[IFNAMSIZ];
		struct err ignored;
		uint32_t index;

		if (!a->host_link || network_link_peer(netns_fd, a->interface, &index, name, &ignored) < 0 ||
		    index != a->host_index)
			return false;
	}
	return true;
}

static int tear_down(const struct network_state *s, struct network_record *r, const char *network,
		     int netns_fd, struct err *e)
{
	cleanup_fd int other = -1;
	int code;

	if (netns_fd >= 0 && is_untouched(netns_fd, r))
		return tear_down_in(s, netns_fd, r, network, e);
	code = open_netns(r, network, &other, e);
	return code == 0 ? tear_down_in(s, other, r, network, e) : code;
}

/* The host's ends of the cables, so that they can be removed without the container's. */
static int note_cables(int netns_fd, struct network_record *r, struct err *e)
{
	int code = 0;

	for (size_t i = 0; code == 0 && i < r->attachments_len; i++) {
		struct network_attachment *a = &r->attachments[i];
		char name[IFNAMSIZ];

		if (a->host_link)
			continue;
		code = network_link_peer(netns_fd, a->interface, &a->host_index, name, e);
		if (code == 0)
			code = set_text(&a->host_link, name, e);
	}
	return code;
}

static int set_up(const struct network_state *s, struct network_record *r, const char *network, struct err *e)
{
	cleanup_fd int netns = -1;
	char path[64];
	int code;

	(void)snprintf(path, sizeof(path), "/proc/%lld/ns/net", (long long)r->pid);
	netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return err_errno(e, "cannot open the container's network namespace");
	code = run_netavark(NETAVARK_SETUP, s, netns, r, network, e);
	return code == 0 ? note_cables(netns, r, e) : code;
}

/* --- the record --- */

static int publish(const struct network_state *s, const struct network_record *r, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(1u << 20);
	int code = network_state_save(s, r, e);

	if (code < 0)
		return code;
	if (network_ports_text(&r->ports, &r->exposed, &text) < 0)
		return no_memory(e);
	if (text.len > PORTS_TEXT)
		text.data[PORTS_TEXT] = '\0';
	return network_state_own(s, r->id, r->pid, r->pid_start_ticks, text.data ? text.data : "", e);
}

/* Whoever set it up was killed before the end, and netavark with him: it says that it misses what it has not made. */
static bool is_half_done(const struct network_record *r)
{
	for (size_t i = 0; i < r->attachments_len; i++)
		if (!r->attachments[i].host_link)
			return true;
	return false;
}

static int down(const struct network_state *s, const char *id, int netns_fd, struct err *e)
{
	cleanup_network_record struct network_record r = { 0 };
	int code = network_state_load(s, id, &r, e);

	if (code == -ENOENT)
		return network_state_disown(s, id, e);
	if (code == 0 && r.pasta_pid)
		pasta_stop(&r);
	if (code == 0 && r.attachments_len > 0)
		code = tear_down(s, &r, NULL, netns_fd, e);
	if (code == -EPROTO && is_half_done(&r))
		code = 0;
	if (code < 0)
		return err_wrap(e, "cannot take down the network of container %.12s", id);
	network_unbind(s, &r);
	for (size_t i = 0; i < r.attachments_len; i++)
		release_leases(s, &r, &r.attachments[i]);
	return network_state_disown(s, id, e);
}

/* Best effort, after a failure that is told already: netavark may have done any part of its work, and each part is undone where it was done. */
static void undo(const struct network_state *s, struct network_record *r)
{
	struct err ignored;

	if (r->pasta_pid)
		pasta_stop(r);
	if (r->attachments_len > 0 && tear_down(s, r, NULL, -1, &ignored) < 0) {
		r->pid = 0; /* the interfaces were not all there: a stand-in has them */
		IGNORE_RESULT(tear_down(s, r, NULL, -1, &ignored));
	}
	network_unbind(s, r);
	for (size_t i = 0; i < r->attachments_len; i++)
		release_leases(s, r, &r->attachments[i]);
	IGNORE_RESULT(network_state_disown(s, r->id, &ignored));
}

/* What a crash has left of others is no reason not to start this one: the next start tries it again. */
static void reap(const struct network_state *s, const char *except)
{
	cleanup_strvec struct strvec dead = { 0 };
	struct err ignored;

	if (network_state_dead(s, except, &dead, &ignored) < 0)
		return;
	for (size_t i = 0; i < dead.len; i++)
		IGNORE_RESULT(down(s, dead.items[i], -1, &ignored));
}

static int begin_record(const struct network_args *args, const struct network_config *config,
			struct network_record *r, struct err *e)
{
	int code = set_text(&r->id, args->id, e);

	if (code == 0)
		code = set_text(&r->name, args->name, e);
	if (code < 0)
		return code;
	r->pid = args->pid;
	if (process_start_time(args->pid, &r->pid_start_ticks) < 0)
		return err_set(e, -ESRCH, "the container's process is gone");
	if (strvec_add_all(&r->exposed, &config->exposed) < 0 || strvec_add_all(&r->dns, &config->dns) < 0)
		return no_memory(e);
	return 0;
}

static bool has_ipv6(const struct network_record *r)
{
	for (size_t i = 0; i < r->attachments_len; i++)
		if (r->attachments[i].ip6)
			return true;
	return false;
}

/* aardvark-dns has the bridges' port 53, and what is published on all addresses is on those too. */
static int check_names(const struct network_record *r, const struct network_config *config, struct err *e)
{
	for (size_t i = 0; i < r->attachments_len; i++)
		for (size_t k = 0; r->attachments[i].dns && k < config->ports.len; k++)
			if (config->ports.items[k].host_port == DNS_PORT && !config->ports.items[k].host_ip)
				return err_set(
					e, -EADDRINUSE,
					"port 53 of all addresses cannot be published: network %s answers "
					"for names there (publish it on one address, as in -p "
					"192.0.2.1:53:53/udp, or use a network without names: sampan "
					"network create --disable-dns)",
					r->attachments[i].network);
	return 0;
}

static int check_ports(const struct network_config *config, bool ipv6, struct err *e)
{
	for (size_t i = 0; !ipv6 && i < config->ports.len; i++) {
		const char *ip = config->ports.items[i].host_ip;

		if (ip && strchr(ip, ':'))
			return err_set(e, -EINVAL,
				       "cannot publish a port on [%s]: the container's networks have no IPv6",
				       ip);
	}
	return 0;
}

static int bring_up(const struct network_state *s, const struct network_args *args,
		    const struct network_config *config, struct network_result *result, struct err *e)
{
	struct network_record *r = &result->record;
	bool rootless = pasta_is_needed();
	int code = network_state_own(s, r->id, r->pid, r->pid_start_ticks, "", e);

	if (code == 0 && rootless)
		code = pasta_check(config, e);
	for (size_t i = 0; code == 0 && !rootless && i < config->endpoints_len; i++)
		code = attach(s, args, &config->endpoints[i], r, e);
	if (code == 0)
		code = check_names(r, config, e);
	if (code == 0)
		code = check_ports(config, rootless || has_ipv6(r), e);
	if (code == 0)
		code = network_bind(s, &config->ports, has_ipv6(r), r, &result->sockets, e);
	if (code == 0)
		code = network_state_save(s, r, e); /* before anything changes on the host */
	if (code == 0 && rootless) {
		network_sockets_done(&result->sockets); /* pasta binds them itself */
		code = pasta_start(r, s->path, e);
	} else if (code == 0) {
		code = set_up(s, r, NULL, e);
	}
	return code == 0 ? publish(s, r, e) : code;
}

int network_up(const struct network_args *args, const struct network_config *config,
	       struct network_result *ret, struct err *e)
{
	cleanup_network_result struct network_result result = { 0 };
	cleanup_network_state struct network_state s = NETWORK_STATE_EMPTY;
	int r;

	if (config->mode != NETWORK_BRIDGE) {
		*ret = result;
		return 0;
	}
	r = network_state_open(args->state_dir, true, &s, e);
	if (r == 0)
		r = down(&s, args->id, -1, e);
	if (r < 0)
		return r;
	reap(&s, args->id);
	r = begin_record(args, config, &result.record, e);
	if (r < 0)
		return r;
	r = bring_up(&s, args, config, &result, e);
	if (r < 0) {
		undo(&s, &result.record);
		return r;
	}
	*ret = result;
	result = (struct network_result){ 0 };
	return 0;
}

int network_down_in(const struct network_state *s, const char *id, int netns_fd, struct err *e)
{
	return down(s, id, netns_fd, e);
}

int network_down(const char *state_dir, const char *id, int netns_fd, struct err *e)
{
	cleanup_network_state struct network_state s = NETWORK_STATE_EMPTY;
	int r = network_state_open(state_dir, false, &s, e);

	if (r == -ENOENT)
		return 0;
	return r == 0 ? down(&s, id, netns_fd, e) : r;
}

/* --- while it runs --- */

static int load_running(const struct network_state *s, const char *id, struct network_record *ret,
			struct err *e)
{
	int r = network_state_load(s, id, ret, e);

	if (r == 0 && ret->pasta_pid)
		return err_set(e, -EOPNOTSUPP,
			       "a rootless container cannot change its networks while it runs");
	return r;
}

/* The record of a container that runs, which may be on no network yet. */
static int load_or_begin(const struct network_state *s, const struct network_args *args,
			 struct network_record *r, struct err *e)
{
	const struct network_config none = { 0 };
	int code = load_running(s, args->id, r, e);

	if (code != -ENOENT)
		return code;
	code = begin_record(args, &none, r, e);
	return code == 0 ? network_state_own(s, r->id, r->pid, r->pid_start_ticks, "", e) : code;
}

/* The last one, of which any part may be there. */
static void undo_connect(const struct network_state *s, struct network_record *r)
{
	struct network_attachment *a = &r->attachments[r->attachments_len - 1];
	struct err ignored; /* the failure is told already */

	if (a->network && a->interface)
		IGNORE_RESULT(tear_down(s, r, a->network, -1, &ignored));
	release_leases(s, r, a);
	if (a->network)
		network_record_remove(r, a->network);
	IGNORE_RESULT(publish(s, r, &ignored));
}

int network_connect(const struct network_args *args, const struct network_endpoint *endpoint,
		    struct network_record *ret, struct err *e)
{
	cleanup_network_state struct network_state s = NETWORK_STATE_EMPTY;
	cleanup_network_record struct network_record r = { 0 };
	size_t before;
	int code;

	if (pasta_is_needed())
		return err_set(e, -EOPNOTSUPP, "networks by name need root");
	code = network_state_open(args->state_dir, true, &s, e);
	if (code == 0)
		code = load_or_begin(&s, args, &r, e);
	if (code < 0)
		return code;
	before = r.attachments_len;
	code = attach(&s, args, endpoint, &r, e);
	if (code == 0)
		code = network_state_save(&s, &r, e);
	if (code == 0)
		code = set_up(&s, &r, r.attachments[before].network, e);
	if (code == 0)
		code = publish(&s, &r, e);
	if (code < 0 && r.attachments_len > before)
		undo_connect(&s, &r);
	if (code < 0)
		return code;
	*ret = r;
	r = (struct network_record){ 0 };
	return 0;
}

/* aardvark-dns answers at the gateways of the networks that have names. */
static void forget_resolver(struct network_record *r, const char *ip)
{
	for (size_t i = r->resolvers.len; ip && i > 0; i--)
		if (strcmp(r->resolvers.items[i - 1], ip) == 0)
			strvec_remove(&r->resolvers, i - 1);
}

static void detach(const struct network_state *s, struct network_record *r, const char *network)
{
	const struct network_attachment *a = network_record_find(r, network);

	release_leases(s, r, a);
	forget_resolver(r, a->gateway);
	forget_resolver(r, a->gateway6);
	network_record_remove(r, network);
}

int network_disconnect(const char *state_dir, const char *id, const char *network, struct network_record *ret,
		       struct err *e)
{
	cleanup_network_state struct network_state s = NETWORK_STATE_EMPTY;
	cleanup_network_record struct network_record r = { 0 };
	int code = network_state_open(state_dir, false, &s, e);

	if (code == 0)
		code = load_running(&s, id, &r, e);
	if (code < 0 && code != -ENOENT)
		return code;
	if (code == -ENOENT || !network_record_find(&r, network))
		return err_set(e, -ENOENT, "container %.12s is not connected to network %s", id, network);
	code = tear_down(&s, &r, network, -1, e);
	if (code < 0)
		return code;
	detach(&s, &r, network);
	code = publish(&s, &r, e);
	if (code < 0)
		return code;
	*ret = r;
	r = (struct network_record){ 0 };
	return 0;
}

int network_remove_unused(const char *root, const char *state_dir, const struct network *n, struct err *e)
{
	cleanup_network_state struct network_state s = NETWORK_STATE_EMPTY;
	int r = network_state_open(state_dir, false, &s, e);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0) {
		reap(&s, NULL);
		if (network_state_used(&s, n->name))
			return err_set(e, -EBUSY, "network %s id %s has active endpoints", n->name, n->id);
	}
	return network_remove(root, n->name, e);
}
