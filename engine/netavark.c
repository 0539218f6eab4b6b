/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/netavark.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "engine/iptables_batch.h"
#include "engine/network_helper.h"

#define DEPTH_MAX 16

static bool is_meant(const struct network_attachment *a, const char *network)
{
	return !network || strcmp(a->network, network) == 0;
}

static void write_ports(struct json_out *o, const struct network_ports *p)
{
	if (p->len == 0)
		return;
	json_out_array(o, "port_mappings");
	for (size_t i = 0; i < p->len;) {
		const struct network_port *port = &p->items[i];
		size_t count = network_ports_run(p, i);

		json_out_object(o, NULL);
		json_out_string(o, "host_ip", port->host_ip ? port->host_ip : "");
		json_out_u64(o, "container_port", port->container_port);
		json_out_u64(o, "host_port", port->host_port);
		json_out_u64(o, "range", count);
		json_out_string(o, "protocol", port->protocol);
		json_out_end(o);
		i += count;
	}
	json_out_end(o);
}

static void write_attachment(struct json_out *o, const struct network_attachment *a)
{
	json_out_object(o, a->network);
	json_out_array(o, "static_ips");
	if (a->ip)
		json_out_string(o, NULL, a->ip);
	if (a->ip6)
		json_out_string(o, NULL, a->ip6);
	json_out_end(o);
	json_out_opt_strvec(o, "aliases", &a->aliases);
	json_out_opt_string(o, "static_mac", a->mac);
	json_out_string(o, "interface_name", a->interface);
	json_out_end(o);
}

void netavark_write_options(struct json_out *o, const struct network_record *r, const char *network)
{
	json_out_object(o, NULL);
	json_out_string(o, "container_id", r->id);
	json_out_string(o, "container_name", r->name);
	write_ports(o, &r->ports);
	json_out_opt_strvec(o, "dns_servers", &r->dns);
	json_out_object(o, "networks");
	for (size_t i = 0; i < r->attachments_len; i++)
		if (is_meant(&r->attachments[i], network))
			write_attachment(o, &r->attachments[i]);
	json_out_end(o);
	json_out_object(o, "network_info");
	for (size_t i = 0; i < r->attachments_len; i++)
		if (is_meant(&r->attachments[i], network))
			json_out_raw(o, r->attachments[i].network, r->attachments[i].definition);
	json_out_end(o);
	json_out_end(o);
}

/* --- the answer: {"web": {"dns_server_ips": [...], "interfaces": {"eth0": {"mac_address": "..."}}}} --- */

static int add_new(const struct json_in *in, const char *key, struct strvec *out, struct err *e)
{
	struct json_in list = json_get(in, key);
	cleanup_strvec struct strvec values = { 0 };
	int r = list.value ? json_read_strvec(&list, NULL, &values, e) : 0;

	for (size_t i = 0; r == 0 && i < values.len; i++)
		if (!strvec_has(out, values.items[i]) && strvec_add(out, values.items[i]) < 0)
			return err_set(e, -ENOMEM, "out of memory");
	return r;
}

static int read_network(const struct json_in *in, void *arg, struct err *e)
{
	struct network_record *r = arg;
	struct network_attachment *a = network_record_find(r, in->key);
	struct json_in interfaces = json_get(in, "interfaces"), interface, mac;
	int code;

	if (!a)
		return 0;
	code = add_new(in, "dns_server_ips", &r->resolvers, e);
	if (code == 0)
		code = add_new(in, "dns_search_domains", &r->search, e);
	if (code < 0 || !interfaces.value)
		return code;
	interface = json_get(&interfaces, a->interface);
	if (!interface.value)
		return 0;
	mac = json_get(&interface, "mac_address");
	return mac.value ? json_read_string(&mac, NULL, &a->mac, e) : 0;
}

int netavark_read_answer(const char *text, size_t len, struct network_record *r, struct err *e)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	struct json_in top;
	int code = json_parse(text, len, DEPTH_MAX, &doc, e);

	if (code == 0) {
		top = json_top(doc);
		code = json_each(&top, read_network, r, e);
	}
	return code < 0 ? err_set(e, -EPROTO, "cannot understand the answer of netavark: %.200s", text) : 0;
}

/* --- running it --- */

static int make_argv(enum netavark_command command, const char *dir, const char *netns, struct strvec *argv,
		     struct err *e)
{
	cleanup_free char *netavark = NULL, *aardvark = NULL, *iptables = NULL;
	int r = network_helper_find("netavark", &netavark, e);

	if (r == 0)
		r = network_helper_find("aardvark-dns", &aardvark, e);
	if (r == 0 && !getenv("NETAVARK_FW") && !getenv(NETWORK_HELPER_ENV))
		r = network_helper_find("iptables", &iptables, e);
	if (r < 0)
		return r;
	r = strvec_add(argv, netavark);
	if (r == 0)
		r = strvec_addf(argv, "--config=%s", dir);
	if (r == 0)
		r = strvec_add(argv, "--rootless=false");
	if (r == 0)
		r = strvec_addf(argv, "--aardvark-binary=%s", aardvark);
	if (r == 0)
		r = strvec_add(argv, command == NETAVARK_SETUP ? "setup" : "teardown");
	if (r == 0)
		r = strvec_add(argv, netns);
	return r < 0 ? err_code(e, r, "cannot run netavark") : 0;
}

/* It says {"error": "..."} on stdout; a crash says something on stderr. */
static int failure(const struct network_helper_result *result, struct err *e)
{
	static const struct json_field FIELDS[] = { { "error", 0, json_read_string, .required = true },
						    { 0 } };
	const char *out = result->out.data ? result->out.data : "";
	const char *error = result->error.data ? result->error.data : "";
	cleanup_free char *text = NULL;
	struct err ignored;

	if (json_decode(out, result->out.len, FIELDS, &text, &ignored) == 0)
		return err_set(e, -EPROTO, "netavark: %s", text);
	return err_set(e, -EPROTO, "netavark ended with code %d: %.300s", result->exit_code, error);
}

/* With its calls of iptables gathered, where that can be done. What a failed set-up has asked for is not done: whoever sees the failure takes down what else
 * there is. A failed teardown's is. */
static int run_batched(enum netavark_command command, const char *dir, const struct strvec *argv,
		       const char *input, size_t len, struct network_helper_result *ret, struct err *e)
{
	cleanup_iptables_batch struct iptables_batch batch = IPTABLES_BATCH_EMPTY;
	cleanup_network_helper struct network_helper netavark = NETWORK_HELPER_EMPTY;
	bool gather = iptables_batch_open(dir, command == NETAVARK_TEARDOWN, &batch, e) == 0;
	const struct network_helper_extra extra = { batch.first_dir, batch.variable, -1 };
	int r = network_helper_start(argv, input, len, gather ? &extra : NULL, &netavark, e);

	if (r < 0)
		return r;
	if (gather)
		iptables_batch_attend(&batch, netavark.pidfd);
	r = network_helper_finish(&netavark, ret, e);
	if (r < 0 || !gather || (ret->exit_code != 0 && command == NETAVARK_SETUP))
		return r;
	r = iptables_batch_commit(&batch, e);
	return r < 0 && ret->exit_code == 0 ? err_wrap(e, "cannot change the packet filter") : 0;
}

int netavark_run(enum netavark_command command, const char *dir, const char *netns, struct network_record *r,
		 const char *network, struct err *e)
{
	cleanup_network_helper_result struct network_helper_result result = { 0 };
	cleanup_json_out struct json_out *o = json_out_new(false, NETAVARK_INPUT_BYTES);
	cleanup_strvec struct strvec argv = { 0 };
	const char *text;
	size_t len;
	int code;

	netavark_write_options(o, r, network);
	code = json_out_finish(o, &text, &len, e);
	if (code == 0)
		code = make_argv(command, dir, netns, &argv, e);
	if (code == 0)
		code = run_batched(command, dir, &argv, text, len, &result, e);
	if (code < 0)
		return code;
	if (result.exit_code != 0)
		return failure(&result, e);
	if (command == NETAVARK_TEARDOWN)
		return 0;
	return netavark_read_answer(result.out.data ? result.out.data : "", result.out.len, r, e);
}
