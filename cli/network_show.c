/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/network_show.h"

#include "cli/go_template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"
#include "cli/rows.h"
#include "common/cleanup.h"
#include "common/parse.h"
#include "engine/network_config.h"
#include "engine/network_state.h"

#define DOCUMENT_MAX (16u << 20)
#define NEVER        "0001-01-01T00:00:00Z"

/* --- all of them --- */

/* `host` and `none` are no files: this is what they would say. Their IDs are the names in hex, as somebody may ask for them by ID. */
static int make_fixed(const char *name, const char *driver, struct network *ret, struct err *e)
{
	char id[NETWORK_ID_LEN + 1];
	size_t len = strlen(name);

	for (size_t i = 0; i < NETWORK_ID_LEN / 2; i++)
		(void)snprintf(id + 2 * i, 3, "%02x", i < len ? (unsigned int)(unsigned char)name[i] : 0u);
	*ret = (struct network){ .name = strdup(name),
				 .id = strdup(id),
				 .driver = strdup(driver),
				 .interface = strdup(""),
				 .created = strdup(NEVER) };
	return ret->name && ret->id && ret->driver && ret->interface && ret->created
		       ? 0
		       : err_set(e, -ENOMEM, "out of memory");
}

int network_show_list(const char *root, struct network **ret_items, size_t *ret_len, struct err *e)
{
	struct network *items = NULL, *grown;
	struct network bridge = { 0 };
	struct err ignored; /* who may not write sees what there is */
	size_t len = 0;
	int r;

	if (network_find(root, NETWORK_DEFAULT_NAME, &bridge, &ignored) == 0)
		network_done(&bridge);
	r = network_list(root, &items, &len, e);
	if (r < 0)
		return r;
	grown = realloc(items, (len + 2) * sizeof(*items));
	if (!grown) {
		network_list_free(items, len);
		return err_set(e, -ENOMEM, "out of memory");
	}
	memset(grown + len, 0, 2 * sizeof(*grown));
	r = make_fixed("host", "host", &grown[len], e);
	if (r == 0)
		r = make_fixed("none", "null", &grown[len + 1], e);
	if (r < 0) {
		network_list_free(grown, len + 2);
		return r;
	}
	*ret_items = grown;
	*ret_len = len + 2;
	return 0;
}

int network_show_find(const char *root, const char *what, struct network *ret, struct err *e)
{
	if (strcmp(what, "host") == 0)
		return make_fixed("host", "host", ret, e);
	if (strcmp(what, "none") == 0)
		return make_fixed("none", "null", ret, e);
	return network_find(root, what, ret, e);
}

/* --- ls --- */

struct ls_options {
	bool quiet, no_trunc;
	const char *format;
	struct strvec filters;
};

#define LS(m) offsetof(struct ls_options, m)
static const struct option_def LS_OPTIONS[] = {
	{ "filter", 'f', OPTION_LIST, LS(filters), "filter",
	  "name=, id=, driver=, label=KEY[=VALUE], type=builtin|custom, scope=local, dangling=true|false" },
	{ "format", 0, OPTION_STRING, LS(format), "string",
	  "table, json, or a template: {{.Name}} {{.Driver}}" },
	{ "no-trunc", 0, OPTION_BOOL, LS(no_trunc), NULL, "Whole IDs" },
	{ "quiet", 'q', OPTION_BOOL, LS(quiet), NULL, "IDs only" },
	{ 0 },
};
static const struct command_def LS_COMMAND = {
	.name = "sampan network ls", .usage = "[OPTIONS]", .summary = "List networks", .options = LS_OPTIONS
};

/* One "key=value". */
struct filter {
	const char *key, *value;
	size_t key_len;
};

static bool is_key(const struct filter *f, const char *key)
{
	return f->key_len == strlen(key) && strncmp(f->key, key, f->key_len) == 0;
}

static bool is_dangling(const char *state_dir, const struct network *n)
{
	cleanup_network_state struct network_state s = NETWORK_STATE_EMPTY;
	struct err ignored;

	if (network_is_predefined(n->name))
		return false;
	return network_state_open(state_dir, false, &s, &ignored) < 0 || !network_state_used(&s, n->name);
}

/* 1: it matches, 0: not. -EINVAL in docker's words. */
static int match(const struct filter *f, const struct network *n, const char *state_dir, struct err *e)
{
	bool wanted = false;

	if (is_key(f, "name"))
		return strstr(n->name, f->value) != NULL;
	if (is_key(f, "id"))
		return strncmp(n->id, f->value, strlen(f->value)) == 0;
	if (is_key(f, "driver"))
		return strcmp(n->driver, f->value) == 0;
	if (is_key(f, "scope"))
		return strcmp(f->value, "local") == 0;
	if (is_key(f, "label"))
		return strvec_has_label(&n->labels, f->value);
	if (is_key(f, "type") && strcmp(f->value, "custom") == 0)
		return !network_is_predefined(n->name);
	if (is_key(f, "type") && strcmp(f->value, "builtin") == 0)
		return network_is_predefined(n->name);
	if (is_key(f, "dangling") && parse_bool(f->value, &wanted) == 0)
		return is_dangling(state_dir, n) == wanted;
	return err_set(e, -EINVAL, "invalid filter '%s'", f->key);
}

static int match_all(const struct strvec *filters, const struct network *n, const char *state_dir,
		     struct err *e)
{
	int r = 1;

	for (size_t i = 0; r == 1 && i < filters->len; i++) {
		const char *text = filters->items[i], *equals = strchr(text, '=');
		struct filter f = { .key = text, .value = equals ? equals + 1 : NULL };

		if (!equals)
			return err_set(
				e, -EINVAL,
				"invalid argument \"%s\" for \"-f, --filter\" flag: bad format of filter "
				"(expected name=value)",
				text);
		f.key_len = (size_t)(equals - text);
		r = match(&f, n, state_dir, e);
	}
	return r;
}

#define LS_FIELDS 10

/* A row's fields; what they point at lives in here. */
struct ls_row {
	char id[FORMAT_MAX * 2];
	char *labels;
	struct template_field fields[LS_FIELDS];
};

static int make_ls_row(const struct network *n, bool no_trunc, struct ls_row *ret)
{
	cleanup_buf struct buf labels = BUF_INIT(TEMPLATE_OUT_MAX);
	int r = 0;

	if (no_trunc)
		(void)snprintf(ret->id, sizeof(ret->id), "%s", n->id);
	else
		format_short_id(n->id, ret->id);
	for (size_t i = 0; r == 0 && i < n->labels.len; i++)
		r = buf_printf(&labels, "%s%s", i ? "," : "", n->labels.items[i]);
	if (r < 0 || !(ret->labels = buf_take(&labels)))
		return -ENOMEM;
	memcpy(ret->fields,
	       (struct template_field[LS_FIELDS]){
		       { "ID", "NETWORK ID", ret->id, NULL },
		       { "Name", "NAME", n->name, NULL },
		       { "Driver", "DRIVER", n->driver, NULL },
		       { "Scope", "SCOPE", "local", NULL },
		       { "IPv4", "IPV4", "true", NULL },
		       { "IPv6", "IPV6", n->ipv6 ? "true" : "false", NULL },
		       { "Internal", "INTERNAL", n->internal ? "true" : "false", NULL },
		       { "Labels", "LABELS", ret->labels, NULL },
		       { "CreatedAt", "CREATED AT", n->created ? n->created : NEVER, NULL },
		       { NULL, NULL, NULL, NULL },
	       },
	       sizeof(ret->fields));
	return 0;
}

static int add_ls_row(struct rows *rows, const struct network *n, const struct ls_options *o, bool begin,
		      struct err *e)
{
	static const char COLUMNS[] = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}";
	struct ls_row row = { 0 };
	int r = make_ls_row(n, o->no_trunc, &row);

	if (r < 0)
		return err_set(e, r, "out of memory");
	if (begin)
		r = rows_begin(rows, o->quiet && !o->format ? "{{.ID}}" : o->format, COLUMNS, row.fields, e);
	else
		r = rows_add(rows, row.fields, e);
	free(row.labels);
	return r;
}

static int print_list(const struct ls_options *o, const struct cli_globals *g, struct err *e)
{
	cleanup_rows struct rows rows = { 0 };
	char id[] = "";
	const struct network sample = { .id = id };
	struct network *items = NULL;
	size_t len = 0;
	int r = add_ls_row(&rows, &sample, o, true, e);

	if (r == 0)
		r = network_show_list(g->root, &items, &len, e);
	for (size_t i = 0; r >= 0 && i < len; i++) {
		r = match_all(&o->filters, &items[i], g->state_dir, e);
		if (r == 1)
			r = add_ls_row(&rows, &items[i], o, false, e);
	}
	network_list_free(items, len);
	if (r < 0)
		return r;
	rows_end(&rows);
	return 0;
}

int network_ls(int argc, char **argv, const struct cli_globals *g)
{
	struct ls_options o = { 0 };
	struct err e = { 0 };
	int n = 0, code = 0;

	if (cli_options(&LS_COMMAND, argc, argv, &o, &n, &code)) {
		if (print_list(&o, g, &e) < 0)
			code = cli_fail(&e);
		code = cli_end_output(code);
	}
	strvec_done(&o.filters);
	return code;
}

/* --- inspect --- */

static void write_ipam(struct json_out *o, const char *key, const struct network *n)
{
	json_out_object(o, key);
	json_out_string(o, "Driver", "default");
	json_out_null(o, "Options");
	json_out_array(o, "Config");
	for (size_t i = 0; i < n->subnets_len; i++) {
		const struct network_subnet *s = &n->subnets[i];
		cleanup_free char *range = NULL;

		json_out_object(o, NULL);
		json_out_string(o, "Subnet", s->subnet);
		if (s->range && asprintf(&range, "%s-%s", s->range->first ? s->range->first : "",
					 s->range->last ? s->range->last : "") >= 0)
			json_out_string(o, "IPRange", range);
		json_out_opt_string(o, "Gateway", s->gateway);
		json_out_end(o);
	}
	json_out_end(o);
	json_out_end(o);
}

static void write_address(struct json_out *o, const char *key, const char *ip, uint32_t bits)
{
	char text[NET_PREFIX_MAX] = "";

	if (ip)
		(void)snprintf(text, sizeof(text), "%.45s/%u", ip, bits);
	json_out_string(o, key, text);
}

/* A container's part, if it is on the network. */
static void write_member(struct json_out *o, const struct network_record *r, const struct network *n)
{
	const struct network_attachment *a = network_record_find(r, n->name);

	if (!a)
		return;
	json_out_object(o, r->id);
	json_out_string(o, "Name", r->name);
	json_out_string(o, "EndpointID", r->id);
	json_out_string(o, "MacAddress", a->mac ? a->mac : "");
	write_address(o, "IPv4Address", a->ip, a->bits);
	write_address(o, "IPv6Address", a->ip6, a->bits6);
	json_out_end(o);
}

static void write_members(struct json_out *o, const char *key, const struct network *n, const char *state_dir)
{
	cleanup_strvec struct strvec ids = { 0 };
	struct err ignored; /* those that go meanwhile are no members any more */

	json_out_object(o, key);
	IGNORE_RESULT(network_state_list(state_dir, &ids, &ignored)); /* none: nobody is on it */
	for (size_t i = 0; i < ids.len; i++) {
		cleanup_network_record struct network_record r = { 0 };

		if (network_record_load(state_dir, ids.items[i], &r, &ignored) == 0)
			write_member(o, &r, n);
	}
	json_out_end(o);
}

static void write_network(struct json_out *o, const struct network *n, const char *state_dir)
{
	json_out_object(o, NULL);
	json_out_string(o, "Name", n->name);
	json_out_string(o, "Id", n->id);
	json_out_string(o, "Created", n->created);
	json_out_string(o, "Scope", "local");
	json_out_string(o, "Driver", n->driver);
	json_out_bool(o, "EnableIPv4", true);
	json_out_bool(o, "EnableIPv6", n->ipv6);
	write_ipam(o, "IPAM", n);
	json_out_bool(o, "Internal", n->internal);
	json_out_bool(o, "Attachable", false);
	json_out_bool(o, "Ingress", false);
	json_out_object(o, "ConfigFrom");
	json_out_string(o, "Network", "");
	json_out_end(o);
	json_out_bool(o, "ConfigOnly", false);
	write_members(o, "Containers", n, state_dir);
	json_out_map(o, "Options", &n->options);
	json_out_map(o, "Labels", &n->labels);
	json_out_string(o, "Interface", n->interface); /* ours: the bridge on the host */
	json_out_bool(o, "DNSEnabled", n->dns);
	json_out_end(o);
}

struct inspect_options {
	const char *format;
	bool verbose;
};

#define INSPECT(m) offsetof(struct inspect_options, m)
static const struct option_def INSPECT_OPTIONS[] = {
	{ "format", 'f', OPTION_CALL, INSPECT(format), "string",
	  "json, or a Go template (default: JSON for people)", go_template_set },
	{ "verbose", 'v', OPTION_BOOL, INSPECT(verbose), NULL, NULL },
	{ 0 },
};
static const struct command_def INSPECT_COMMAND = {
	.name = "sampan network inspect",
	.usage = "[OPTIONS] NETWORK [NETWORK...]",
	.summary = "Show all that is known about networks, as JSON",
	.options = INSPECT_OPTIONS,
	.min_args = 1,
	.max_args = -1,
};

static int inspect_one(const char *name, const char *format, const struct cli_globals *g,
		       struct json_out *all, struct err *e)
{
	cleanup_network struct network network = { 0 };
	cleanup_json_out struct json_out *one = NULL;
	int r = network_show_find(g->root, name, &network, e);

	if (r < 0)
		return r;
	if (!go_template_is_set(format)) {
		write_network(all, &network, g->state_dir);
		return 0;
	}
	one = json_out_new(false, DOCUMENT_MAX);
	write_network(one, &network, g->state_dir);
	return go_template_print(format, one, e);
}

static int inspect_all(int n, char **names, const char *format, const struct cli_globals *g)
{
	cleanup_json_out struct json_out *o = json_out_new(!format, DOCUMENT_MAX);
	int code = 0, printed;
	struct err e = { 0 };

	json_out_array(o, NULL);
	for (int i = 0; i < n; i++)
		if (inspect_one(names[i], format, g, o, &e) < 0)
			code = cli_fail(&e);
	json_out_end(o);
	printed = go_template_is_set(format) ? cli_end_output(0) : cli_print_json(o);
	return code ? code : printed;
}

int network_inspect(int argc, char **argv, const struct cli_globals *g)
{
	struct inspect_options o = { 0 };
	int n = 0, code = 0;

	if (!cli_options(&INSPECT_COMMAND, argc, argv, &o, &n, &code))
		return code;
	return inspect_all(n, argv + 1, o.format, g);
}
