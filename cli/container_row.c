/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/container_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "engine/network_config.h"
#include "engine/network_state.h"
#include "store/usage.h"

#define COMMAND_SHOWN 20 /* characters, quotes included; docker's width */
#define MOUNT_SHOWN   15
#define TEXT_MAX      (1u << 20)
#define ELLIPSIS      "\xe2\x80\xa6"

void container_row_done(struct container_row *r)
{
	free(r->command);
	free(r->ports);
	free(r->labels);
	free(r->mounts);
	free(r->networks);
}

/* "Up 2 minutes (healthy)", "Restarting (1) 5 seconds ago", "Exited (0) 3 hours ago", "Created": docker's */
static void status_text(const struct container_record *c, time_t now, char out[CONTAINER_STATUS_MAX])
{
	static const char *const HEALTH[STATUS_HEALTHS] = { "", " (health: starting)", " (healthy)",
							    " (unhealthy)" };
	bool over = c->status == CONTAINER_EXITED || c->status == CONTAINER_RESTARTING;
	char age[FORMAT_MAX];

	if (c->status == CONTAINER_CREATED) {
		(void)snprintf(out, CONTAINER_STATUS_MAX, "Created");
		return;
	}
	format_ago(over ? c->finished : c->started, now, age);
	if (over) {
		(void)snprintf(out, CONTAINER_STATUS_MAX, "%s (%lld) %s",
			       c->status == CONTAINER_EXITED ? "Exited" : "Restarting",
			       (long long)c->exit_code, age);
		return;
	}
	if (strlen(age) > strlen(" ago") && strcmp(age, "N/A") != 0)
		age[strlen(age) - strlen(" ago")] = '\0';
	(void)snprintf(out, CONTAINER_STATUS_MAX, "Up %s%s", age,
		       c->status == CONTAINER_PAUSED ? " (Paused)" : HEALTH[c->health]);
}

/* The arguments in one quoted line, docker's way. Owned; NULL: out of memory. */
static char *command_text(const struct container_record *c, bool whole)
{
	cleanup_buf struct buf b = BUF_INIT(TEXT_MAX);
	int r = buf_add_char(&b, '"');

	for (size_t i = 0; r == 0 && i < c->args.len; i++)
		r = buf_printf(&b, "%s%s", i ? " " : "", c->args.items[i]);
	if (r < 0 && r != -EFBIG)
		return NULL;
	if (!whole && b.len > COMMAND_SHOWN - 1) {
		b.len = COMMAND_SHOWN - 2;
		while (b.len > 1 && ((unsigned char)b.data[b.len] & 0xc0) == 0x80)
			b.len--; /* not inside a character */
		b.data[b.len] = '\0';
		if (buf_add_str(&b, ELLIPSIS) < 0)
			return NULL;
	}
	return buf_add_char(&b, '"') < 0 ? NULL : buf_take(&b);
}

static char *ports_text(int owners_fd, const struct container_record *c)
{
	cleanup_buf struct buf text = BUF_INIT(TEXT_MAX);

	if (container_is_up(c) && network_state_ports_text(owners_fd, c->id, &text) < 0)
		return NULL;
	return buf_take(&text);
}

char *container_row_networks(const struct store *s, const struct container_record *c)
{
	cleanup_network_config struct network_config config = { 0 };
	cleanup_buf struct buf text = BUF_INIT(TEXT_MAX);
	cleanup_fd int dir_fd = -1;
	struct err ignored; /* a damaged one has none that anybody knows of */
	int r = 0;

	if (container_open_dir(s, c->id, &dir_fd, &ignored) < 0 ||
	    network_config_load(dir_fd, &config, &ignored) < 0)
		return buf_take(&text);
	if (config.mode == NETWORK_NONE || config.mode == NETWORK_HOST)
		return strdup(config.mode == NETWORK_HOST ? "host" : "none");
	for (size_t i = 0; r == 0 && i < config.endpoints_len; i++)
		r = buf_printf(&text, "%s%s", i ? "," : "", config.endpoints[i].network);
	return r < 0 ? NULL : buf_take(&text);
}

static char *join(const struct strvec *v)
{
	cleanup_buf struct buf text = BUF_INIT(TEXT_MAX);
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->len; i++)
		r = buf_printf(&text, "%s%s", i ? "," : "", v->items[i]);
	return r < 0 && r != -EFBIG ? NULL : buf_take(&text);
}

static int add_mount(struct buf *out, const char *name, bool whole)
{
	const char *comma = out->len > 0 ? "," : "";
	int shown = MOUNT_SHOWN - 1;

	if (whole || strlen(name) <= MOUNT_SHOWN)
		return buf_printf(out, "%s%s", comma, name);
	while (shown > 0 && ((unsigned char)name[shown] & 0xc0) == 0x80)
		shown--; /* not inside a character */
	return buf_printf(out, "%s%.*s" ELLIPSIS, comma, shown, name);
}

static char *mounts_text(const struct container_record *c, bool whole)
{
	cleanup_buf struct buf text = BUF_INIT(TEXT_MAX);
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->volumes.len; i++)
		r = add_mount(&text, c->volumes.items[i], whole);
	for (size_t i = 0; r == 0 && i < c->binds.len; i++)
		r = add_mount(&text, c->binds.items[i], whole);
	return r < 0 && r != -EFBIG ? NULL : buf_take(&text);
}

/* "2B (virtual 4.26MB)": what it has written, and that with its image. */
static void size_text(const struct store *s, const struct container_record *c, char out[3 * FORMAT_MAX])
{
	uint64_t own = usage_written_bytes(s, c->id), all = own + usage_image_bytes(s, &c->layers);
	char own_text[FORMAT_MAX], all_text[FORMAT_MAX];

	format_size(own, own_text);
	format_size(all, all_text);
	(void)snprintf(out, 3 * FORMAT_MAX, "%s (virtual %s)", own_text, all_text);
}

static void make_fields(const struct container_record *c, struct container_row *r)
{
	const struct template_field fields[CONTAINER_ROW_FIELDS] = {
		{ "Command", "COMMAND", r->command, NULL, NULL },
		{ "CreatedAt", "CREATED AT", r->created_at, NULL, NULL },
		{ "ExitCode", "EXIT CODE", r->exit_code, r->exit_code, NULL },
		{ "ID", "CONTAINER ID", r->id, NULL, NULL },
		{ "Image", "IMAGE", c->image_name, NULL, NULL },
		{ "ImageID", "IMAGE ID", c->image_id.text, NULL, NULL },
		{ "Label", "LABEL", NULL, NULL, &c->labels },
		{ "Labels", "LABELS", r->labels, NULL, NULL },
		{ "LocalVolumes", "LOCAL VOLUMES", r->local_volumes, NULL, NULL },
		{ "Mounts", "MOUNTS", r->mounts, NULL, NULL },
		{ "Names", "NAMES", c->name, NULL, NULL },
		{ "Networks", "NETWORKS", r->networks, NULL, NULL },
		{ "Pid", "PID", r->pid, r->pid, NULL },
		{ "Ports", "PORTS", r->ports, NULL, NULL },
		{ "RunningFor", "CREATED", r->running_for, NULL, NULL },
		{ "Size", "SIZE", r->size, NULL, NULL },
		{ "State", "STATE", container_status_name(c->status), NULL, NULL },
		{ "Status", "STATUS", r->status, NULL, NULL },
		{ 0 },
	};

	memcpy(r->fields, fields, sizeof(fields));
}

static void add_details(const struct container_record *c, struct container_row *ret)
{
	format_time(c->created, ret->created_at);
	(void)snprintf(ret->local_volumes, sizeof(ret->local_volumes), "%zu", c->volumes.len);
	(void)snprintf(ret->pid, sizeof(ret->pid), "%lld", (long long)(container_is_up(c) ? c->pid : 0));
	(void)snprintf(ret->exit_code, sizeof(ret->exit_code), "%lld", (long long)c->exit_code);
}

int container_row_make(const struct container_rows *rows, const struct container_record *c,
		       struct container_row *ret, struct err *e)
{
	if (rows->no_trunc)
		memcpy(ret->id, c->id, sizeof(c->id));
	else
		(void)snprintf(ret->id, sizeof(ret->id), "%.12s", c->id);
	status_text(c, rows->now, ret->status);
	format_ago(c->created, rows->now, ret->running_for);
	if (rows->with_details)
		add_details(c, ret);
	if (rows->with_size)
		size_text(rows->store, c, ret->size);
	ret->command = command_text(c, rows->no_trunc);
	ret->ports = ports_text(rows->owners_fd, c);
	ret->labels = rows->with_details ? join(&c->labels) : strdup("");
	ret->mounts = rows->with_details ? mounts_text(c, rows->no_trunc) : strdup("");
	ret->networks = rows->with_networks ? container_row_networks(rows->store, c) : strdup("");
	if (!ret->command || !ret->ports || !ret->labels || !ret->mounts || !ret->networks)
		return err_set(e, -ENOMEM, "out of memory");
	make_fields(c, ret);
	return 0;
}
