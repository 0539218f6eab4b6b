/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "engine/network_config.h"

#define SUFFIX ".json"

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

static void subnet_done(struct network_subnet *s)
{
	free(s->subnet);
	free(s->gateway);
	if (s->range) {
		free(s->range->first);
		free(s->range->last);
		free(s->range);
	}
}

void network_done(struct network *n)
{
	char **texts[] = { &n->name, &n->id, &n->driver, &n->interface, &n->created, &n->ipam_driver };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(*texts[i]);
	for (size_t i = 0; i < n->subnets_len; i++)
		subnet_done(&n->subnets[i]);
	free(n->subnets);
	strvec_done(&n->labels);
	strvec_done(&n->options);
	*n = (struct network){ 0 };
}

bool network_is_predefined(const char *name)
{
	return strcmp(name, NETWORK_DEFAULT_NAME) == 0 || strcmp(name, "host") == 0 ||
	       strcmp(name, "none") == 0;
}

/* --- JSON --- */

#define RANGE(m) offsetof(struct network_range, m)
static const struct json_field RANGE_FIELDS[] = {
	{ "start_ip", RANGE(first), json_read_string },
	{ "end_ip", RANGE(last), json_read_string },
	{ 0 },
};

#define SUBNET(m) offsetof(struct network_subnet, m)
static const struct json_pointer RANGE_POINTER = { RANGE_FIELDS, sizeof(struct network_range) };
static const struct json_field SUBNET_FIELDS[] = {
	{ "subnet", SUBNET(subnet), json_read_string, .required = true },
	{ "gateway", SUBNET(gateway), json_read_string },
	{ "lease_range", SUBNET(range), json_read_pointer, &RANGE_POINTER },
	{ 0 },
};

static int read_subnets(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	static const struct json_array ARRAY = { SUBNET_FIELDS, sizeof(struct network_subnet),
						 NETWORK_SUBNETS_MAX };
	struct network *n = member;
	struct json_items items = { 0 };
	int r = json_read_array(in, &ARRAY, &items, e);

	(void)arg;
	n->subnets = items.items;
	n->subnets_len = items.len;
	return r;
}

static int read_ipam(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	static const struct json_field FIELDS[] = { { "driver", 0, json_read_string }, { 0 } };

	(void)arg;
	return json_read_object(in, FIELDS, member, e);
}

#define NETWORK(m) offsetof(struct network, m)
static const struct json_field NETWORK_FIELDS[] = {
	{ "name", NETWORK(name), json_read_string, .required = true },
	{ "id", NETWORK(id), json_read_string, .required = true },
	{ "driver", NETWORK(driver), json_read_string, .required = true },
	{ "network_interface", NETWORK(interface), json_read_string, .required = true },
	{ "created", NETWORK(created), json_read_string },
	{ "subnets", 0, read_subnets },
	{ "ipv6_enabled", NETWORK(ipv6), json_read_bool },
	{ "internal", NETWORK(internal), json_read_bool },
	{ "dns_enabled", NETWORK(dns), json_read_bool },
	{ "labels", NETWORK(labels), json_read_map },
	{ "options", NETWORK(options), json_read_map },
	{ "ipam_options", NETWORK(ipam_driver), read_ipam },
	{ 0 },
};

/* Subnets and addresses that the rest of us relies on. */
static int check(const struct network *n, struct err *e)
{
	struct net_address a;
	struct net_prefix p;

	for (size_t i = 0; i < n->subnets_len; i++) {
		const struct network_subnet *s = &n->subnets[i];
		const char *texts[] = { s->gateway, s->range ? s->range->first : NULL,
					s->range ? s->range->last : NULL };

		if (net_prefix_parse(s->subnet, &p) < 0)
			return err_set(e, -EINVAL, "subnets[%zu]: bad subnet '%s'", i, s->subnet);
		for (size_t k = 0; k < ARRAY_LEN(texts); k++)
			if (texts[k] && (net_address_parse(texts[k], &a) < 0 || !net_prefix_contains(&p, &a)))
				return err_set(e, -EINVAL, "subnets[%zu]: '%s' is not in '%s'", i, texts[k],
					       s->subnet);
	}
	return 0;
}

int network_decode(const char *text, size_t len, struct network *ret, struct err *e)
{
	cleanup_network struct network n = { 0 };
	int r = json_decode(text, len, NETWORK_FIELDS, &n, e);

	if (r == 0)
		r = check(&n, e);
	if (r < 0)
		return r;
	*ret = n;
	n = (struct network){ 0 };
	return 0;
}

static void write_subnets(struct json_out *o, const struct network *n)
{
	json_out_array(o, "subnets");
	for (size_t i = 0; i < n->subnets_len; i++) {
		const struct network_subnet *s = &n->subnets[i];

		json_out_object(o, NULL);
		json_out_string(o, "subnet", s->subnet);
		json_out_opt_string(o, "gateway", s->gateway);
		if (s->range) {
			json_out_object(o, "lease_range");
			json_out_opt_string(o, "start_ip", s->range->first);
			json_out_opt_string(o, "end_ip", s->range->last);
			json_out_end(o);
		}
		json_out_end(o);
	}
	json_out_end(o);
}

void network_write(struct json_out *o, const char *key, const struct network *n)
{
	json_out_object(o, key);
	json_out_string(o, "name", n->name);
	json_out_string(o, "id", n->id);
	json_out_string(o, "driver", n->driver);
	json_out_string(o, "network_interface", n->interface);
	json_out_opt_string(o, "created", n->created);
	write_subnets(o, n);
	json_out_bool(o, "ipv6_enabled", n->ipv6);
	json_out_bool(o, "internal", n->internal);
	json_out_bool(o, "dns_enabled", n->dns);
	json_out_opt_map(o, "labels", &n->labels);
	json_out_opt_map(o, "options", &n->options);
	json_out_object(o, "ipam_options");
	json_out_string(o, "driver", n->ipam_driver ? n->ipam_driver : "host-local");
	json_out_end(o);
	json_out_end(o);
}

/* --- files --- */

int network_load(const char *root, const char *name, struct network *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(NETWORK_BYTES_MAX);
	cleanup_free char *path = NULL;
	int r;

	if (strchr(name, '/') || name[0] == '.' || strlen(name) > NETWORK_NAME_MAX)
		return err_set(e, -ENOENT, "network %s not found", name);
	if (asprintf(&path, "%s/" NETWORKS_DIR "/%s" SUFFIX, root, name) < 0) {
		path = NULL;
		return no_memory(e);
	}
	r = file_read(AT_FDCWD, path, &text, e);
	if (r == -ENOENT)
		return err_set(e, -ENOENT, "network %s not found", name);
	if (r == 0)
		r = network_decode(text.data ? text.data : "", text.len, ret, e);
	return r < 0 ? err_wrap(e, "network %s", name) : 0;
}

static int list_names(const char *root, struct strvec *ret, struct err *e)
{
	cleanup_free char *path = NULL;
	cleanup_dir DIR *dir = NULL;
	struct dirent *entry;

	if (asprintf(&path, "%s/" NETWORKS_DIR, root) < 0) {
		path = NULL;
		return no_memory(e);
	}
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : err_errno(e, "cannot read '%s'", path);
	ret->max = NETWORKS_MAX;
	while ((entry = readdir(dir))) {
		size_t len = strlen(entry->d_name), tail = strlen(SUFFIX);
		int r;

		if (entry->d_name[0] == '.' || len <= tail || strcmp(entry->d_name + len - tail, SUFFIX) != 0)
			continue;
		r = strvec_addf(ret, "%.*s", (int)(len - tail), entry->d_name);
		if (r < 0)
			return err_code(e, r, "cannot list the networks");
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct network *)a)->name, ((const struct network *)b)->name);
}

void network_list_free(struct network *items, size_t len)
{
	for (size_t i = 0; i < len; i++)
		network_done(&items[i]);
	free(items);
}

int network_list(const char *root, struct network **ret_items, size_t *ret_len, struct err *e)
{
	cleanup_strvec struct strvec names = { 0 };
	struct network *items;
	struct err ignored; /* a damaged one is no reason to hide the others */
	size_t len = 0;
	int r = list_names(root, &names, e);

	if (r < 0)
		return r;
	items = calloc(names.len ? names.len : 1, sizeof(*items));
	if (!items)
		return no_memory(e);
	for (size_t i = 0; i < names.len; i++)
		if (network_load(root, names.items[i], &items[len], &ignored) == 0)
			len++;
	if (len > 1)
		qsort(items, len, sizeof(*items), by_name);
	*ret_items = items;
	*ret_len = len;
	return 0;
}

/* By ID or its beginning. */
static int find_by_id(const char *root, const char *what, struct network *ret, struct err *e)
{
	struct network *items = NULL;
	size_t len = 0, found = 0, count = 0;
	int r = network_list(root, &items, &len, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++) {
		if (!items[i].id || strncmp(items[i].id, what, strlen(what)) != 0)
			continue;
		found = i;
		count++;
	}
	if (count == 1) {
		*ret = items[found];
		items[found] = (struct network){ 0 };
	} else if (count > 1) {
		r = err_set(e, -EINVAL, "network %s is ambiguous (%zu matches found based on ID prefix)",
			    what, count);
	} else {
		r = err_set(e, -ENOENT, "network %s not found", what);
	}
	network_list_free(items, len);
	return r;
}

int network_find(const char *root, const char *what, struct network *ret, struct err *e)
{
	const struct network_request request = { .name = NETWORK_DEFAULT_NAME };
	int r = network_load(root, what, ret, e);

	if (r != -ENOENT)
		return r;
	if (strcmp(what, NETWORK_DEFAULT_NAME) != 0)
		return what[0] ? find_by_id(root, what, ret, e) : r;
	r = network_create(root, &request, ret, e);
	return r == -EEXIST ? network_load(root, what, ret, e) : r; /* somebody was faster */
}

int network_remove(const char *root, const char *name, struct err *e)
{
	cleanup_free char *path = NULL;

	if (asprintf(&path, "%s/" NETWORKS_DIR "/%s" SUFFIX, root, name) < 0) {
		path = NULL;
		return no_memory(e);
	}
	if (unlink(path) == 0)
		return 0;
	return errno == ENOENT ? err_set(e, -ENOENT, "network %s not found", name)
			       : err_errno(e, "cannot remove network %s", name);
}
