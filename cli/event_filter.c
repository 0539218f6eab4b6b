/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/event_filter.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/filter.h"
#include "cli/template.h"
#include "common/cleanup.h"
#include "common/json_write.h"

#define NS_PER_S   1000000000
#define JSON_BYTES (1u << 20)

int event_filter_check(const struct strvec *filters, struct err *e)
{
	static const char *const NAMES[] = { "container", "event", "image", "label",  "label!", "name",
					     "network",   "scope", "type",  "volume", NULL };

	return filter_check(filters, NAMES, e);
}

static bool starts_with(const char *text, const char *beginning)
{
	return strncmp(text, beginning, strlen(beginning)) == 0;
}

static const char *attribute(const struct event_record *r, const char *key)
{
	const char *value = strvec_get_env(&r->attributes, key);

	return value ? value : "";
}

static bool is_type(const char *value, const void *record)
{
	return strcmp(((const struct event_record *)record)->type, value) == 0;
}

static bool is_local(const char *value, const void *record)
{
	(void)record;
	return strcmp(value, "local") == 0;
}

/* "exec_start: sh" is an exec_start. */
static bool is_action(const char *value, const void *record)
{
	const char *action = ((const struct event_record *)record)->action;
	size_t len = strlen(value);

	return starts_with(action, value) && (!action[len] || action[len] == ':');
}

static bool is_named(const char *value, const void *record)
{
	const struct event_record *r = record;

	return starts_with(attribute(r, "name"), value) || starts_with(r->id, value);
}

static bool is_container(const char *value, const void *record)
{
	return is_type("container", record) && is_named(value, record);
}

static bool is_volume(const char *value, const void *record)
{
	return is_type("volume", record) && is_named(value, record);
}

static bool is_network(const char *value, const void *record)
{
	return is_type("network", record) && is_named(value, record);
}

/* "busybox" is "busybox:latest" too; the colon of a port is none of a tag. */
static bool is_image_name(const char *name, const char *value)
{
	const char *colon = strrchr(name, ':');
	size_t len = colon && !strchr(colon, '/') ? (size_t)(colon - name) : strlen(name);

	return strcmp(name, value) == 0 || (strlen(value) == len && strncmp(name, value, len) == 0);
}

static bool is_image(const char *value, const void *record)
{
	const struct event_record *r = record;

	if (strcmp(r->type, "image") == 0)
		return is_image_name(r->id, value) || is_image_name(attribute(r, "name"), value);
	return strcmp(r->type, "container") == 0 && is_image_name(attribute(r, "image"), value);
}

bool event_filter_match(const struct strvec *filters, const struct event_record *r)
{
	static const struct {
		const char *name;
		bool (*match)(const char *value, const void *record);
	} FILTERS[] = {
		{ "type", is_type },           { "event", is_action },  { "scope", is_local },
		{ "container", is_container }, { "volume", is_volume }, { "network", is_network },
		{ "image", is_image },         { "name", is_named },
	};

	for (size_t i = 0; i < ARRAY_LEN(FILTERS); i++)
		if (!filter_any(filters, FILTERS[i].name, FILTERS[i].match, r))
			return false;
	return filter_labels(filters, &r->attributes);
}

/* --- output --- */

static void write_attributes(struct json_out *o, const struct event_record *r)
{
	json_out_object(o, "Actor");
	json_out_string(o, "ID", r->id);
	json_out_map(o, "Attributes", &r->attributes);
	json_out_end(o);
}

/* With what docker keeps for old clients. */
static void write_event(struct json_out *o, const struct event_record *r)
{
	bool container = strcmp(r->type, "container") == 0, image = strcmp(r->type, "image") == 0;

	json_out_object(o, NULL);
	if (container || image) {
		json_out_string(o, "status", r->action);
		json_out_string(o, "id", r->id);
	}
	if (container)
		json_out_string(o, "from", attribute(r, "image"));
	json_out_string(o, "Type", r->type);
	json_out_string(o, "Action", r->action);
	write_attributes(o, r);
	json_out_string(o, "scope", "local");
	json_out_i64(o, "time", r->time_ns / NS_PER_S);
	json_out_i64(o, "timeNano", r->time_ns);
	json_out_end(o);
}

static void write_actor(struct json_out *o, const struct event_record *r)
{
	json_out_object(o, NULL);
	write_attributes(o, r);
	json_out_end(o);
}

static void write_map(struct json_out *o, const struct event_record *r)
{
	json_out_map(o, NULL, &r->attributes);
}

/* Owned; NULL: out of memory. */
static char *json_of(const struct event_record *r,
		     void (*write)(struct json_out *o, const struct event_record *r))
{
	cleanup_json_out struct json_out *o = json_out_new(false, JSON_BYTES);
	struct err ignored;
	const char *text;
	size_t len;

	write(o, r);
	return json_out_finish(o, &text, &len, &ignored) < 0 ? NULL : strndup(text, len);
}

/* Without `out` it is only looked at. */
static int expand(const char *format, const struct event_record *r, struct buf *out, struct err *e)
{
	cleanup_free char *whole = json_of(r, write_event), *actor = json_of(r, write_actor),
			  *attributes = json_of(r, write_map);
	bool container = strcmp(r->type, "container") == 0, image = strcmp(r->type, "image") == 0;
	char seconds[24], ns[24];
	const struct template_field fields[] = {
		{ TEMPLATE_WHOLE, "", "", whole, NULL },
		{ "Actor", "", attributes, actor, NULL },
		{ "Actor.ID", "", r->id, NULL, NULL },
		{ "Actor.Attributes", "", attributes, attributes, &r->attributes },
		{ "Type", "", r->type, NULL, NULL },
		{ "Action", "", r->action, NULL, NULL },
		{ "Status", "", container || image ? r->action : "", NULL, NULL },
		{ "ID", "", container || image ? r->id : "", NULL, NULL },
		{ "From", "", container ? attribute(r, "image") : "", NULL, NULL },
		{ "Scope", "", "local", NULL, NULL },
		{ "Time", "", seconds, seconds, NULL },
		{ "TimeNano", "", ns, ns, NULL },
		{ 0 },
	};

	if (!whole || !actor || !attributes)
		return err_code(e, -ENOMEM, "cannot print an event");
	(void)snprintf(seconds, sizeof(seconds), "%lld", (long long)(r->time_ns / NS_PER_S));
	(void)snprintf(ns, sizeof(ns), "%lld", (long long)r->time_ns);
	return out ? template_expand(format, fields, false, out, e) : template_check(format, fields, e);
}

static int add_time(int64_t ns, struct buf *out)
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	char when[32], zone[8];
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm) == 0 ||
	    strftime(zone, sizeof(zone), "%z", &tm) != 5)
		return -EINVAL;
	if (strcmp(zone, "+0000") == 0)
		return buf_printf(out, "%s.%09lldZ", when, (long long)(ns % NS_PER_S));
	return buf_printf(out, "%s.%09lld%.3s:%s", when, (long long)(ns % NS_PER_S), zone, zone + 3);
}

/* What a terminal could be driven with becomes '?'. */
static void disarm(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

int event_format_check(const char *format, struct err *e)
{
	static char text[] = "";
	const struct event_record sample = { .type = text, .action = text, .id = text };

	return format ? expand(format, &sample, NULL, e) : 0;
}

int event_format(const char *format, const struct event_record *r, struct buf *out, struct err *e)
{
	int rc;

	if (format)
		return expand(format, r, out, e);
	rc = add_time(r->time_ns, out);
	if (rc == 0)
		rc = buf_printf(out, " %s %s %s", r->type, r->action, r->id);
	for (size_t i = 0; rc == 0 && i < r->attributes.len; i++)
		rc = buf_printf(out, "%s%s", i ? ", " : " (", r->attributes.items[i]);
	if (rc == 0 && r->attributes.len > 0)
		rc = buf_add_char(out, ')');
	if (rc < 0)
		return err_code(e, rc, "cannot print an event");
	disarm(out->data);
	return 0;
}
