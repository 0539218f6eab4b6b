/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "engine/network.h"
#include "engine/network_pasta.h"
#include "store/container.h"

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

static int set_text(char **member, const char *text, struct err *e)
{
	if (!text)
		return 0;
	*member = strdup(text);
	return *member ? 0 : no_memory(e);
}

static int add_ports(const struct run_flags *f, struct network_config *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->publish.len; i++)
		r = network_ports_add(&c->ports, f->publish.items[i], e);
	for (size_t i = 0; r == 0 && i < f->expose.len; i++)
		r = network_expose_add(&c->exposed, f->expose.items[i], e);
	return r;
}

/* A container without a network shows no ports, and an image's EXPOSE is no reason to refuse the network of another. */
static int add_image_ports(const struct image_config *image, struct network_config *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && c->mode == NETWORK_BRIDGE && i < image->exposed_ports.len; i++)
		r = network_expose_add(&c->exposed, image->exposed_ports.items[i], e);
	return r < 0 ? err_wrap(e, "the image's exposed ports") : 0;
}

/* Flags that have no sense without a network ask for one. */
static bool wants_bridge(const struct run_flags *f)
{
	return f->publish.len > 0 || f->publish_all || f->network_aliases.len > 0 || f->ip || f->ip6 ||
	       f->mac_address;
}

int run_network_config(const struct run_flags *f, const struct image_config *image,
		       struct network_config *ret, struct err *e)
{
	cleanup_network_config struct network_config c = { 0 };
	int r = network_config_copy(&f->network, &c, e);

	if (r == 0 && !c.chosen)
		r = network_config_add_network(&c, wants_bridge(f) ? NETWORK_DEFAULT_NAME : network_default(),
					       e);
	if (r == 0)
		r = network_config_set_first(&c, &f->network_aliases, f->ip, f->ip6, f->mac_address, e);
	if (r == 0)
		r = add_ports(f, &c, e);
	c.publish_all = f->publish_all;
	if (r == 0)
		r = set_text(&c.hostname, f->hostname, e);
	if (r == 0)
		r = set_text(&c.domainname, f->domainname, e);
	if (r == 0)
		r = network_config_check(&c, e);
	if (r == 0)
		r = add_image_ports(image, &c, e);
	if (r == 0 && c.publish_all)
		r = network_config_publish_exposed(&c, e);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct network_config){ 0 };
	return 0;
}

int run_network_resolve(const struct store *s, struct network_config *c, struct err *e)
{
	cleanup_container_record struct container_record other = { 0 };
	int r = 0;

	if (c->mode == NETWORK_CONTAINER) {
		r = container_find(s, c->container, &other, e);
		if (r < 0)
			return r;
		free(c->container);
		c->container = NULL;
		return set_text(&c->container, other.id, e);
	}
	if (c->mode != NETWORK_BRIDGE)
		return 0;
	if (pasta_is_needed())
		return pasta_check(c, e);
	for (size_t i = 0; r == 0 && i < c->endpoints_len; i++) {
		cleanup_network struct network n = { 0 };

		r = network_find(store_root_path(s), c->endpoints[i].network, &n, e);
	}
	return r;
}
