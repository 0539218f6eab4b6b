/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/parse.h"
#include "common/timestamp.h"
#include "engine/network.h"
#include "engine/network_config.h"
#include "engine/network_pool.h"

#define LOCK_FILE        ".lock"
#define INTERFACE_PREFIX "sampan"
#define NAME_FIRST       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define NAME_REST        NAME_FIRST "_.-"

/* One creation, under the lock of the networks. */
struct creation {
	const struct network_request *request;
	struct network *existing;
	size_t existing_len;
	struct network_pool networks, host; /* what is taken by whom */
	struct network made;
};

static void creation_done(struct creation *c)
{
	network_list_free(c->existing, c->existing_len);
	network_pool_done(&c->networks);
	network_pool_done(&c->host);
	network_done(&c->made);
}
#define cleanup_creation __attribute__((cleanup(creation_done)))

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

static int set_text(char **member, const char *text, struct err *e)
{
	free(*member);
	*member = strdup(text);
	return *member ? 0 : no_memory(e);
}

static int check_name(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (len == 0)
		return err_set(e, -EINVAL, "invalid name: name is empty");
	if (!strchr(NAME_FIRST, name[0]) || strspn(name, NAME_REST) != len || len > NETWORK_NAME_MAX)
		return err_set(e, -EINVAL,
			       "invalid network name \"%s\": only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed",
			       name);
	if (strcmp(name, "host") == 0 || strcmp(name, "none") == 0 || strcmp(name, "default") == 0)
		return err_set(e, -EEXIST, "network with name %s already exists", name);
	return 0;
}

static int read_taken(struct creation *c, struct err *e)
{
	struct net_prefix p;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->existing_len; i++)
		for (size_t k = 0; r == 0 && k < c->existing[i].subnets_len; k++)
			if (net_prefix_parse(c->existing[i].subnets[k].subnet, &p) == 0)
				r = network_pool_take(&c->networks, &p);
	if (r < 0)
		return err_code(e, r, "cannot keep the subnets of the networks");
	return network_pool_take_host(&c->host, e);
}

static int random_id(char **ret, struct err *e)
{
	unsigned char bytes[NETWORK_ID_LEN / 2];
	char text[NETWORK_ID_LEN + 1];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return err_errno(e, "cannot make an ID");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return set_text(ret, text, e);
}

/* --- subnets --- */

static int add_subnet(struct network *n, const struct net_prefix *prefix, struct err *e)
{
	struct network_subnet *items = realloc(n->subnets, (n->subnets_len + 1) * sizeof(*items));
	struct net_address gateway = net_prefix_first(prefix);
	char text[NET_PREFIX_MAX];
	int r;

	if (!items)
		return no_memory(e);
	n->subnets = items;
	items += n->subnets_len++;
	*items = (struct network_subnet){ 0 };
	net_prefix_format(prefix, text);
	r = set_text(&items->subnet, text, e);
	if (r < 0)
		return r;
	net_address_next(&gateway);
	net_address_format(&gateway, text);
	return set_text(&items->gateway, text, e);
}

/* One that was asked for. */
static int add_wanted(struct creation *c, const char *text, struct err *e)
{
	struct net_address first;
	struct net_prefix p;
	char right[NET_ADDRESS_MAX];

	if (net_prefix_parse(text, &p) < 0)
		return err_set(e, -EINVAL, "invalid subnet %s: invalid CIDR block notation", text);
	first = net_prefix_first(&p);
	if (net_address_compare(&first, &p.address) != 0) {
		net_address_format(&first, right);
		return err_set(e, -EINVAL, "invalid subnet %s: it should be %s/%u", text, right, p.bits);
	}
	if (p.bits + 2 > net_family_bits(p.address.family))
		return err_set(e, -EINVAL, "invalid subnet %s: it has no room for containers", text);
	if (c->made.subnets_len >= NETWORK_SUBNETS_MAX)
		return err_set(e, -EFBIG, "too many subnets: more than %d", NETWORK_SUBNETS_MAX);
	if (network_pool_has(&c->networks, &p))
		return err_set(e, -EINVAL,
			       "invalid pool request: Pool overlaps with other one on this address space");
	if (network_pool_has(&c->host, &p))
		return err_set(e, -EINVAL, "subnet %s is already used on the host", text);
	if (network_pool_take(&c->networks, &p) < 0)
		return no_memory(e);
	return add_subnet(&c->made, &p, e);
}

static int add_picked(struct creation *c, bool ipv4, bool ipv6, struct err *e)
{
	bool for_default = strcmp(c->request->name, NETWORK_DEFAULT_NAME) == 0;
	struct network_pool all = { 0 };
	struct net_prefix p;
	int r = 0;

	if (!ipv4 && !ipv6)
		return 0;
	for (size_t i = 0; r == 0 && i < c->networks.len; i++)
		r = network_pool_take(&all, &c->networks.taken[i]);
	for (size_t i = 0; r == 0 && i < c->host.len; i++)
		r = network_pool_take(&all, &c->host.taken[i]);
	if (r < 0)
		(void)no_memory(e);
	if (r == 0 && ipv4) {
		r = network_pool_pick(&all, for_default, &p);
		r = r < 0 ? err_set(e, r, "no subnet is free: use --subnet") : add_subnet(&c->made, &p, e);
	}
	if (r == 0 && ipv6) {
		r = network_pool_pick_ipv6(&all, &p);
		r = r < 0 ? err_set(e, r, "no IPv6 subnet is free: use --subnet")
			  : add_subnet(&c->made, &p, e);
	}
	network_pool_done(&all);
	return r;
}

/* The subnet that holds an address; NULL. */
static struct network_subnet *subnet_of(struct network *n, const struct net_address *a)
{
	struct net_prefix p;

	for (size_t i = 0; i < n->subnets_len; i++)
		if (net_prefix_parse(n->subnets[i].subnet, &p) == 0 && net_prefix_contains(&p, a))
			return &n->subnets[i];
	return NULL;
}

static int set_gateways(struct creation *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->request->gateways.len; i++) {
		const char *text = c->request->gateways.items[i];
		struct network_subnet *s;
		struct net_address a;
		char canonical[NET_ADDRESS_MAX];

		if (net_address_parse(text, &a) < 0)
			return err_set(e, -EINVAL, "invalid gateway %s", text);
		s = subnet_of(&c->made, &a);
		if (!s)
			return err_set(e, -EINVAL, "no matching subnet for gateway %s", text);
		net_address_format(&a, canonical);
		r = set_text(&s->gateway, canonical, e);
	}
	return r;
}

static int set_ranges(struct creation *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->request->ranges.len; i++) {
		const char *text = c->request->ranges.items[i];
		struct network_subnet *s;
		struct net_address first, last;
		struct net_prefix p;
		char canonical[NET_ADDRESS_MAX];

		if (net_prefix_parse(text, &p) < 0)
			return err_set(e, -EINVAL, "invalid ip-range %s: invalid CIDR block notation", text);
		first = net_prefix_first(&p);
		last = net_prefix_last(&p);
		s = subnet_of(&c->made, &first);
		if (!s || subnet_of(&c->made, &last) != s)
			return err_set(e, -EINVAL, "no matching subnet for range %s", text);
		if (!s->range)
			s->range = calloc(1, sizeof(*s->range));
		if (!s->range)
			return no_memory(e);
		net_address_format(&first, canonical);
		r = set_text(&s->range->first, canonical, e);
		net_address_format(&last, canonical);
		if (r == 0)
			r = set_text(&s->range->last, canonical, e);
	}
	return r;
}

static bool has_family(const struct network *n, bool ipv6)
{
	for (size_t i = 0; i < n->subnets_len; i++)
		if ((strchr(n->subnets[i].subnet, ':') != NULL) == ipv6)
			return true;
	return false;
}

static int set_subnets(struct creation *c, struct err *e)
{
	const struct network_request *q = c->request;
	int r = 0;

	for (size_t i = 0; r == 0 && i < q->subnets.len; i++)
		r = add_wanted(c, q->subnets.items[i], e);
	if (r == 0)
		r = add_picked(c, q->subnets.len == 0, q->ipv6 && !has_family(&c->made, true), e);
	if (r == 0)
		r = set_gateways(c, e);
	if (r == 0)
		r = set_ranges(c, e);
	c->made.ipv6 = q->ipv6 || has_family(&c->made, true);
	return r;
}

/* --- the rest --- */

static bool interface_taken(const struct creation *c, const char *name)
{
	for (size_t i = 0; i < c->existing_len; i++)
		if (strcmp(c->existing[i].interface, name) == 0)
			return true;
	return if_nametoindex(name) != 0;
}

static int set_interface(struct creation *c, struct err *e)
{
	char name[IFNAMSIZ];

	if (c->made.interface) {
		if (strlen(c->made.interface) >= IFNAMSIZ || strpbrk(c->made.interface, "/ \t\n:"))
			return err_set(e, -EINVAL, "invalid interface name: '%s'", c->made.interface);
		return interface_taken(c, c->made.interface)
			       ? err_set(e, -EEXIST, "bridge interface '%s' is in use", c->made.interface)
			       : 0;
	}
	for (unsigned int i = 0; i <= NETWORKS_MAX; i++) {
		(void)snprintf(name, sizeof(name), INTERFACE_PREFIX "%u", i);
		if (!interface_taken(c, name))
			return set_text(&c->made.interface, name, e);
	}
	return err_set(e, -ENOSPC, "no name is free for the bridge interface");
}

/* Docker's names of options, and podman's. */
static int set_option(struct network *n, const char *text, struct err *e)
{
	static const char *const MTU[] = { "mtu=", "com.docker.network.driver.mtu=" };
	static const char NAME[] = "com.docker.network.bridge.name=";
	uint64_t mtu;

	if (strncmp(text, NAME, strlen(NAME)) == 0)
		return set_text(&n->interface, text + strlen(NAME), e);
	for (size_t i = 0; i < ARRAY_LEN(MTU); i++) {
		if (strncmp(text, MTU[i], strlen(MTU[i])) != 0)
			continue;
		if (parse_u64(text + strlen(MTU[i]), 68, 65535, &mtu) < 0)
			return err_set(e, -EINVAL, "invalid MTU: '%s'", text + strlen(MTU[i]));
		return strvec_addf(&n->options, "mtu=%llu", (unsigned long long)mtu) < 0 ? no_memory(e) : 0;
	}
	if (strcmp(text, "isolate=true") == 0 || strcmp(text, "isolate=false") == 0)
		return strvec_set_env(&n->options, text) < 0 ? no_memory(e) : 0;
	return err_set(e, -EOPNOTSUPP,
		       "unsupported bridge network option '%s' (there are mtu, isolate, "
		       "com.docker.network.driver.mtu, com.docker.network.bridge.name)",
		       text);
}

static int set_labels(struct network *n, const struct strvec *labels, struct err *e)
{
	for (size_t i = 0; i < labels->len; i++) {
		cleanup_free char *label = NULL;
		const char *text = labels->items[i];

		if (text[0] == '=' || !text[0])
			return err_set(e, -EINVAL, "invalid label: '%s'", text);
		if (asprintf(&label, "%s%s", text, strchr(text, '=') ? "" : "=") < 0) {
			label = NULL;
			return no_memory(e);
		}
		if (strvec_set_env(&n->labels, label) < 0)
			return no_memory(e);
	}
	return 0;
}

static int fill(struct creation *c, struct err *e)
{
	const struct network_request *q = c->request;
	char now[TIMESTAMP_MAX];
	int r = set_text(&c->made.name, q->name, e);

	timestamp_now(now);
	if (r == 0)
		r = set_text(&c->made.driver, "bridge", e);
	if (r == 0)
		r = set_text(&c->made.created, now, e);
	if (r == 0)
		r = set_text(&c->made.ipam_driver, "host-local", e);
	if (r == 0)
		r = random_id(&c->made.id, e);
	for (size_t i = 0; r == 0 && i < q->options.len; i++)
		r = set_option(&c->made, q->options.items[i], e);
	if (r == 0)
		r = set_labels(&c->made, &q->labels, e);
	if (r == 0)
		r = set_subnets(c, e);
	if (r == 0)
		r = set_interface(c, e);
	c->made.internal = q->internal;
	c->made.dns = !q->no_dns;
	return r;
}

static int save(int dir_fd, const struct network *n, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(true, NETWORK_BYTES_MAX);
	cleanup_free char *file = NULL;
	const char *text;
	size_t len;
	int r;

	network_write(o, NULL, n);
	r = json_out_finish(o, &text, &len, e);
	if (r < 0)
		return r;
	if (asprintf(&file, "%s.json", n->name) < 0) {
		file = NULL;
		return no_memory(e);
	}
	return file_write_durable(dir_fd, file, text, len, 0644, e);
}

static int lock_networks(const char *root, int *ret_dir, int *ret_lock, struct err *e)
{
	cleanup_fd int root_fd = -1, dir = -1, lock = -1;
	int r = dir_make_open(AT_FDCWD, root, 0711, &root_fd, e);

	if (r == 0)
		r = dir_make_open(root_fd, NETWORKS_DIR, 0755, &dir, e);
	if (r < 0)
		return r;
	lock = openat(dir, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return err_errno(e, "cannot lock the networks");
	*ret_dir = fd_take(&dir);
	*ret_lock = fd_take(&lock);
	return 0;
}

int network_create(const char *root, const struct network_request *request, struct network *ret,
		   struct err *e)
{
	cleanup_creation struct creation c = { .request = request };
	cleanup_fd int dir = -1, lock = -1;
	int r = check_name(request->name, e);

	if (r == 0 && request->driver && strcmp(request->driver, "bridge") != 0)
		r = err_set(e, -EOPNOTSUPP,
			    "could not find plugin %s in v1 plugin registry: plugin not found",
			    request->driver);
	if (r == 0)
		r = lock_networks(root, &dir, &lock, e);
	if (r == 0)
		r = network_list(root, &c.existing, &c.existing_len, e);
	for (size_t i = 0; r == 0 && i < c.existing_len; i++)
		if (strcmp(c.existing[i].name, request->name) == 0)
			r = err_set(e, -EEXIST, "network with name %s already exists", request->name);
	if (r == 0)
		r = read_taken(&c, e);
	if (r == 0)
		r = fill(&c, e);
	if (r == 0)
		r = save(dir, &c.made, e);
	if (r < 0)
		return r;
	*ret = c.made;
	c.made = (struct network){ 0 };
	return 0;
}
