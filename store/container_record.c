/* SPDX-License-Identifier: Apache-2.0 */
#include "store/container_record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "common/process.h"
#include "store/internal.h"

#define RECORD_MAX     (8u << 20) /* bytes: a command line may be long */
#define BOOT_ID_MAX    64
#define EXIT_CODE_LOST 137 /* as if by SIGKILL */

/* The record and what only this file knows of. */
struct saved {
	struct container_record record;
	char *id;
	char *boot_id; /* of the boot that `pid` belongs to: a pid and its ticks may be the same after the next */
};

static void saved_done(struct saved *s)
{
	container_record_done(&s->record);
	free(s->id);
	free(s->boot_id);
}
#define cleanup_saved __attribute__((cleanup(saved_done)))

void container_record_done(struct container_record *c)
{
	free(c->name);
	free(c->image_name);
	strvec_done(&c->layers);
	strvec_done(&c->args);
	free(c->created);
	free(c->started);
	free(c->finished);
	free(c->error);
	*c = (struct container_record){ 0 };
}

static const struct json_enum STATUSES[] = { { "created", CONTAINER_CREATED },
					     { "running", CONTAINER_RUNNING },
					     { "exited", CONTAINER_EXITED },
					     { 0 } };

const char *container_status_name(enum container_status s)
{
	for (size_t i = 0; STATUSES[i].name; i++)
		if (STATUSES[i].value == (int)s)
			return STATUSES[i].name;
	return "unknown";
}

/* member: enum container_status, whose size is the compiler's. */
static int read_status(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	int value;
	int r = json_read_enum(in, arg, &value, e);

	if (r == 0)
		*(enum container_status *)member = (enum container_status)value;
	return r;
}

#define MEMBER(name) offsetof(struct saved, record.name)
static const struct json_field SAVED[] = {
	{ "id", offsetof(struct saved, id), json_read_string, .required = true },
	{ "name", MEMBER(name), json_read_string, .required = true },
	{ "image", MEMBER(image_name), json_read_string },
	{ "imageId", MEMBER(image_id), json_read_digest },
	{ "layers", MEMBER(layers), json_read_strvec, .required = true },
	{ "args", MEMBER(args), json_read_strvec },
	{ "created", MEMBER(created), json_read_string, .required = true },
	{ "started", MEMBER(started), json_read_string },
	{ "finished", MEMBER(finished), json_read_string },
	{ "status", MEMBER(status), read_status, STATUSES, .required = true },
	{ "pid", MEMBER(pid), json_read_i64 },
	{ "pidStartTicks", MEMBER(pid_start_ticks), json_read_u64 },
	{ "bootId", offsetof(struct saved, boot_id), json_read_string },
	{ "exitCode", MEMBER(exit_code), json_read_i64 },
	{ "oomKilled", MEMBER(oom_killed), json_read_bool },
	{ "autoRemove", MEMBER(auto_remove), json_read_bool },
	{ "error", MEMBER(error), json_read_string },
	{ 0 }
};

/* "" where the kernel does not tell. */
static void read_boot_id(char ret[BOOT_ID_MAX])
{
	cleanup_buf struct buf text = BUF_INIT(BOOT_ID_MAX - 1);
	struct err ignored;

	ret[0] = '\0';
	if (file_read(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &text, &ignored) == 0 && text.data)
		(void)snprintf(ret, BOOT_ID_MAX, "%.*s", (int)strcspn(text.data, "\n"), text.data);
}

static void write_record(struct json_out *o, const struct container_record *c)
{
	json_out_object(o, NULL);
	json_out_string(o, "id", c->id);
	json_out_string(o, "name", c->name);
	json_out_opt_string(o, "image", c->image_name);
	if (digest_is_set(&c->image_id))
		json_out_string(o, "imageId", c->image_id.text);
	json_out_strvec(o, "layers", &c->layers);
	json_out_strvec(o, "args", &c->args);
	json_out_string(o, "created", c->created);
	json_out_opt_string(o, "started", c->started);
	json_out_opt_string(o, "finished", c->finished);
	json_out_string(o, "status", container_status_name(c->status));
	if (c->pid > 0) {
		char boot_id[BOOT_ID_MAX];

		read_boot_id(boot_id);
		json_out_i64(o, "pid", c->pid);
		json_out_u64(o, "pidStartTicks", c->pid_start_ticks);
		json_out_string(o, "bootId", boot_id);
	}
	json_out_i64(o, "exitCode", c->exit_code);
	json_out_bool(o, "oomKilled", c->oom_killed);
	json_out_bool(o, "autoRemove", c->auto_remove);
	json_out_opt_string(o, "error", c->error);
	json_out_end(o);
}

int container_record_write(int dir_fd, const struct container_record *c, bool durable, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, RECORD_MAX);
	const char *text;
	size_t len;
	int r;

	write_record(o, c);
	r = json_out_finish(o, &text, &len, e);
	if (r < 0)
		return r;
	if (durable)
		return file_write_durable(dir_fd, CONTAINER_RECORD_NAME, text, len, RECORD_MODE, e);
	return file_write_atomic(dir_fd, CONTAINER_RECORD_NAME, text, len, RECORD_MODE, e);
}

/* --- reading -------------------------------------------------------------------------------------- */

static bool is_alive(const struct saved *saved)
{
	const struct container_record *c = &saved->record;
	char boot_id[BOOT_ID_MAX], state;
	uint64_t ticks;
	int r;

	if (c->pid <= 0 || c->pid > INT32_MAX)
		return false;
	read_boot_id(boot_id);
	if (saved->boot_id && strcmp(saved->boot_id, boot_id) != 0)
		return false;
	r = process_stat((pid_t)c->pid, &state, &ticks);
	if (r < 0)
		return r != -ESRCH; /* we cannot tell: then nothing is thrown away */
	return ticks == c->pid_start_ticks && state != 'Z' && state != 'X';
}

static void check_alive(struct saved *saved)
{
	struct container_record *c = &saved->record;

	if (c->status != CONTAINER_RUNNING || is_alive(saved))
		return;
	c->status = CONTAINER_EXITED;
	c->exit_code = EXIT_CODE_LOST;
	c->pid = 0;
	c->pid_start_ticks = 0;
}

static int check_saved(const struct saved *saved, const char *id, struct err *e)
{
	if (strcmp(saved->id, id) != 0)
		return err_set(e, -EBADMSG, "it says that it is of '%.64s'", saved->id);
	for (size_t i = 0; i < saved->record.layers.len; i++)
		if (!store_key_ok(saved->record.layers.items[i]))
			return err_set(e, -EBADMSG, "layers[%zu] is not a layer's key", i);
	return 0;
}

int container_record_read(const struct store *s, const char *id, struct container_record *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(RECORD_MAX);
	cleanup_saved struct saved saved = { 0 };
	char path[SUBPATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "containers/%s/" CONTAINER_RECORD_NAME, id);
	r = file_read(s->root_fd, path, &text, e);
	if (r == -ENOENT && !store_has(s, "containers", id))
		return r;
	if (r == 0)
		r = json_decode(text.data ? text.data : "", text.len, SAVED, &saved, e);
	if (r == 0)
		r = check_saved(&saved, id, e);
	if (r < 0 && !store_error_is_damage(r))
		return err_wrap(e, "cannot read the record of container '%.12s'", id);
	if (r < 0) {
		e->code = -EBADMSG;
		return err_wrap(e, "the record of container '%.12s' is damaged (remove the container)", id);
	}
	check_alive(&saved);
	*ret = saved.record;
	(void)snprintf(ret->id, sizeof(ret->id), "%s", id);
	saved.record = (struct container_record){ 0 };
	return 0;
}
