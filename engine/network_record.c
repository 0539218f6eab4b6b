/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/network_record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "engine/network_config.h"
#include "engine/network_state.h"

static void attachment_done(struct network_attachment *a)
{
	char **texts[] = { &a->network, &a->network_id, &a->definition, &a->interface,
			   &a->bridge,  &a->host_link,  &a->mac,        &a->ip,
			   &a->ip6,     &a->gateway,    &a->gateway6 };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(*texts[i]);
	strvec_done(&a->aliases);
	*a = (struct network_attachment){ 0 };
}

void network_record_done(struct network_record *r)
{
	struct strvec *lists[] = { &r->exposed, &r->dns, &r->resolvers, &r->search };

	for (size_t i = 0; i < r->attachments_len; i++)
		attachment_done(&r->attachments[i]);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		strvec_done(lists[i]);
	network_ports_done(&r->ports);
	free(r->attachments);
	free(r->id);
	free(r->name);
	free(r->pasta_ip);
	*r = (struct network_record){ 0 };
}

struct network_attachment *network_record_find(const struct network_record *r, const char *network)
{
	for (size_t i = 0; i < r->attachments_len; i++)
		if (strcmp(r->attachments[i].network, network) == 0)
			return &r->attachments[i];
	return NULL;
}

struct network_attachment *network_record_add(struct network_record *r)
{
	struct network_attachment *items = realloc(r->attachments, (r->attachments_len + 1) * sizeof(*items));

	if (!items)
		return NULL;
	r->attachments = items;
	items += r->attachments_len++;
	*items = (struct network_attachment){ 0 };
	return items;
}

void network_record_remove(struct network_record *r, const char *network)
{
	struct network_attachment *a = network_record_find(r, network);

	if (!a)
		return;
	attachment_done(a);
	r->attachments_len--;
	memmove(a, a + 1, (r->attachments_len - (size_t)(a - r->attachments)) * sizeof(*a));
}

#define ATTACHMENT(m) offsetof(struct network_attachment, m)
static const struct json_field ATTACHMENT_FIELDS[] = {
	{ "network", ATTACHMENT(network), json_read_string, .required = true },
	{ "network_id", ATTACHMENT(network_id), json_read_string, .required = true },
	{ "definition", ATTACHMENT(definition), json_read_raw, .required = true },
	{ "interface", ATTACHMENT(interface), json_read_string, .required = true },
	{ "bridge", ATTACHMENT(bridge), json_read_string, .required = true },
	{ "host_link", ATTACHMENT(host_link), json_read_string },
	{ "host_index", ATTACHMENT(host_index), json_read_u32 },
	{ "aliases", ATTACHMENT(aliases), json_read_strvec },
	{ "mac", ATTACHMENT(mac), json_read_string },
	{ "ip", ATTACHMENT(ip), json_read_string },
	{ "bits", ATTACHMENT(bits), json_read_u32 },
	{ "gateway", ATTACHMENT(gateway), json_read_string },
	{ "ip6", ATTACHMENT(ip6), json_read_string },
	{ "bits6", ATTACHMENT(bits6), json_read_u32 },
	{ "gateway6", ATTACHMENT(gateway6), json_read_string },
	{ "dns", ATTACHMENT(dns), json_read_bool },
	{ "internal", ATTACHMENT(internal), json_read_bool },
	{ 0 },
};

static int read_attachments(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	static const struct json_array ARRAY = { ATTACHMENT_FIELDS, sizeof(struct network_attachment),
						 NETWORK_ENDPOINTS_MAX };
	struct network_record *r = member;
	struct json_items items = { 0 };
	int code = json_read_array(in, &ARRAY, &items, e);

	(void)arg;
	r->attachments = items.items;
	r->attachments_len = items.len;
	return code;
}

#define RECORD(m) offsetof(struct network_record, m)
static const struct json_field RECORD_FIELDS[] = {
	{ "id", RECORD(id), json_read_string, .required = true },
	{ "name", RECORD(name), json_read_string, .required = true },
	{ "pid", RECORD(pid), json_read_i64, .required = true },
	{ "pid_start_ticks", RECORD(pid_start_ticks), json_read_u64, .required = true },
	{ "networks", 0, read_attachments },
	{ "ports", RECORD(ports), network_ports_read },
	{ "exposed", RECORD(exposed), json_read_strvec },
	{ "dns", RECORD(dns), json_read_strvec },
	{ "resolvers", RECORD(resolvers), json_read_strvec },
	{ "search", RECORD(search), json_read_strvec },
	{ "pasta_pid", RECORD(pasta_pid), json_read_i64 },
	{ "pasta_start_ticks", RECORD(pasta_start_ticks), json_read_u64 },
	{ "pasta_ip", RECORD(pasta_ip), json_read_string },
	{ 0 },
};

int network_record_decode(const char *text, size_t len, struct network_record *ret, struct err *e)
{
	cleanup_network_record struct network_record r = { 0 };
	int code = json_decode(text, len, RECORD_FIELDS, &r, e);

	if (code < 0)
		return code;
	*ret = r;
	r = (struct network_record){ 0 };
	return 0;
}

static void write_attachment(struct json_out *o, const struct network_attachment *a)
{
	json_out_object(o, NULL);
	json_out_string(o, "network", a->network);
	json_out_string(o, "network_id", a->network_id);
	json_out_raw(o, "definition", a->definition);
	json_out_string(o, "interface", a->interface);
	json_out_string(o, "bridge", a->bridge);
	json_out_opt_string(o, "host_link", a->host_link);
	json_out_u64(o, "host_index", a->host_index);
	json_out_opt_strvec(o, "aliases", &a->aliases);
	json_out_opt_string(o, "mac", a->mac);
	json_out_opt_string(o, "ip", a->ip);
	json_out_u64(o, "bits", a->bits);
	json_out_opt_string(o, "gateway", a->gateway);
	json_out_opt_string(o, "ip6", a->ip6);
	json_out_u64(o, "bits6", a->bits6);
	json_out_opt_string(o, "gateway6", a->gateway6);
	json_out_bool(o, "dns", a->dns);
	json_out_bool(o, "internal", a->internal);
	json_out_end(o);
}

void network_record_write(struct json_out *o, const struct network_record *r)
{
	json_out_object(o, NULL);
	json_out_string(o, "id", r->id);
	json_out_string(o, "name", r->name);
	json_out_i64(o, "pid", r->pid);
	json_out_u64(o, "pid_start_ticks", r->pid_start_ticks);
	json_out_array(o, "networks");
	for (size_t i = 0; i < r->attachments_len; i++)
		write_attachment(o, &r->attachments[i]);
	json_out_end(o);
	network_ports_write(o, "ports", &r->ports);
	json_out_opt_strvec(o, "exposed", &r->exposed);
	json_out_opt_strvec(o, "dns", &r->dns);
	json_out_opt_strvec(o, "resolvers", &r->resolvers);
	json_out_opt_strvec(o, "search", &r->search);
	json_out_i64(o, "pasta_pid", r->pasta_pid);
	json_out_u64(o, "pasta_start_ticks", r->pasta_start_ticks);
	json_out_opt_string(o, "pasta_ip", r->pasta_ip);
	json_out_end(o);
}

int network_record_load(const char *state_dir, const char *id, struct network_record *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(NETWORK_RECORD_BYTES);
	cleanup_free char *path = NULL;
	int r;

	if (asprintf(&path, "%s/" NETWORK_STATE_RECORDS "/%s.json", state_dir, id) < 0) {
		path = NULL;
		return err_set(e, -ENOMEM, "out of memory");
	}
	r = file_read(AT_FDCWD, path, &text, e);
	if (r == 0)
		r = network_record_decode(text.data ? text.data : "", text.len, ret, e);
	return r < 0 ? err_wrap(e, "the network of container %.12s", id) : 0;
}
