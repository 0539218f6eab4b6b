/* SPDX-License-Identifier: Apache-2.0 */
#include "store/container_record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_plain.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "common/process.h"
#include "store/internal.h"

#define RECORD_MAX     (8u << 20) /* bytes: a command line may be long */
#define USUAL_MAX      4096       /* bytes of most */
#define BOOT_ID_MAX    64
#define EXIT_CODE_LOST 137 /* as if by SIGKILL */

/* The record and what only this file knows of. */
struct saved {
	struct container_record record;
	char *id;
	int status; /* enum container_status, whose size is the compiler's */
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
	strvec_done(&c->labels);
	strvec_done(&c->binds);
	strvec_done(&c->volumes);
	strvec_done(&c->anonymous_volumes);
	strvec_done(&c->mounted_layers);
	free(c->created);
	free(c->started);
	free(c->finished);
	free(c->error);
	free(c->mapped);
	*c = (struct container_record){ 0 };
}

static const struct json_enum STATUSES[] = {
	{ "created", CONTAINER_CREATED }, { "running", CONTAINER_RUNNING },
	{ "paused", CONTAINER_PAUSED },   { "restarting", CONTAINER_RESTARTING },
	{ "exited", CONTAINER_EXITED },   { 0 }
};

const char *container_status_name(enum container_status s)
{
	for (size_t i = 0; STATUSES[i].name; i++)
		if (STATUSES[i].value == (int)s)
			return STATUSES[i].name;
	return "unknown";
}

#define MEMBER(name) offsetof(struct saved, record.name)
static const struct json_field SAVED[] = {
	{ "id", offsetof(struct saved, id), json_read_string, .required = true },
	{ "name", MEMBER(name), json_read_string, .required = true },
	{ "image", MEMBER(image_name), json_read_string },
	{ "imageId", MEMBER(image_id), json_read_digest },
	{ "layers", MEMBER(layers), json_read_strvec, .required = true },
	{ "args", MEMBER(args), json_read_strvec },
	{ "labels", MEMBER(labels), json_read_strvec },
	{ "binds", MEMBER(binds), json_read_strvec },
	{ "volumes", MEMBER(volumes), json_read_strvec },
	{ "anonymousVolumes", MEMBER(anonymous_volumes), json_read_strvec },
	{ "mountedLayers", MEMBER(mounted_layers), json_read_strvec },
	{ "mapped", MEMBER(mapped), json_read_string },
	{ "created", MEMBER(created), json_read_string, .required = true },
	{ "started", MEMBER(started), json_read_string },
	{ "finished", MEMBER(finished), json_read_string },
	{ "status", offsetof(struct saved, status), json_read_enum, STATUSES, .required = true },
	{ "pid", MEMBER(pid), json_read_i64 },
	{ "pidStartTicks", MEMBER(pid_start_ticks), json_read_u64 },
	{ "bootId", offsetof(struct saved, boot_id), json_read_string },
	{ "exitCode", MEMBER(exit_code), json_read_i64 },
	{ "oomKilled", MEMBER(oom_killed), json_read_bool },
	{ "autoRemove", MEMBER(auto_remove), json_read_bool },
	{ "autoUid", MEMBER(auto_uids.first), json_read_u32 },
	{ "autoUids", MEMBER(auto_uids.count), json_read_u32 },
	{ "autoGid", MEMBER(auto_gids.first), json_read_u32 },
	{ "autoGids", MEMBER(auto_gids.count), json_read_u32 },
	{ "restarts", MEMBER(restarts), json_read_u32 },
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
	json_out_opt_strvec(o, "labels", &c->labels);
	json_out_opt_strvec(o, "binds", &c->binds);
	json_out_opt_strvec(o, "volumes", &c->volumes);
	json_out_opt_strvec(o, "anonymousVolumes", &c->anonymous_volumes);
	json_out_opt_strvec(o, "mountedLayers", &c->mounted_layers);
	json_out_opt_string(o, "mapped", c->mapped);
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
	if (c->auto_uids.count > 0) {
		json_out_u64(o, "autoUid", c->auto_uids.first);
		json_out_u64(o, "autoUids", c->auto_uids.count);
		json_out_u64(o, "autoGid", c->auto_gids.first);
		json_out_u64(o, "autoGids", c->auto_gids.count);
	}
	json_out_u64(o, "restarts", c->restarts);
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

/* Where it cannot be told nothing is thrown away. */
static bool is_looked_after(const struct store *s, const char *id)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	cleanup_fd int fd = -1;
	char path[SUBPATH_MAX];

	(void)snprintf(path, sizeof(path), "containers/%s/" CONTAINER_LOCK_NAME, id);
	fd = openat(s->root_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno != ENOENT && errno != EROFS;
	return fcntl(fd, F_OFD_GETLK, &whole) < 0 || whole.l_type != F_UNLCK;
}

static bool is_alive(const struct saved *saved)
{
	const struct container_record *c = &saved->record;
	char boot_id[BOOT_ID_MAX], state;
	uint64_t ticks;
	int r;

	if (c->pid > INT32_MAX)
		return false;
	read_boot_id(boot_id);
	if (saved->boot_id && strcmp(saved->boot_id, boot_id) != 0)
		return false;
	r = process_stat((pid_t)c->pid, &state, &ticks);
	if (r < 0)
		return r != -ESRCH; /* we cannot tell: then nothing is thrown away */
	return ticks == c->pid_start_ticks && state != 'Z' && state != 'X';
}

static void lose(struct container_record *c)
{
	c->lost = true;
	c->status = CONTAINER_EXITED;
	c->exit_code = EXIT_CODE_LOST;
	c->pid = 0;
	c->pid_start_ticks = 0;
}

void container_check(const struct store *s, struct container_record *c)
{
	if (c->status == CONTAINER_RUNNING && c->pid <= 0 && !is_looked_after(s, c->id))
		lose(c);
}

static int check_saved(const struct saved *saved, const char *id, struct err *e)
{
	if (strcmp(saved->id, id) != 0)
		return err_set(e, -EBADMSG, "it says that it is of '%.64s'", saved->id);
	for (size_t i = 0; i < saved->record.layers.len; i++)
		if (!store_key_ok(saved->record.layers.items[i]))
			return err_set(e, -EBADMSG, "layers[%zu] is not a layer's key", i);
	for (size_t i = 0; i < saved->record.mounted_layers.len; i++)
		if (!store_key_ok(saved->record.mounted_layers.items[i]))
			return err_set(e, -EBADMSG, "mountedLayers[%zu] is not a layer's key", i);
	return 0;
}

/* In one read, where it is as we write it and not long. 1; 0: that is for decode_any. */
static int decode_usual(const struct store *s, const char *path, struct saved *ret)
{
	cleanup_fd int fd = openat(s->root_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char text[USUAL_MAX];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	return n > 0 && n < (ssize_t)sizeof(text) ? json_plain_decode(text, (size_t)n, SAVED, ret) : 0;
}

static int decode_any(const struct store *s, const char *id, const char *path, struct saved *ret,
		      struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(RECORD_MAX);
	int r = file_read(s->root_fd, path, &text, e);

	if (r == -ENOENT && !store_has(s, "containers", id))
		return 1;
	return r == 0 ? json_decode(text.data ? text.data : "", text.len, SAVED, ret, e) : r;
}

/* 1: there is no such container. */
static int decode(const struct store *s, const char *id, struct saved *ret, struct err *e)
{
	char path[SUBPATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "containers/%s/" CONTAINER_RECORD_NAME, id);
	r = decode_usual(s, path, ret);
	if (r < 0)
		return err_code(e, r, "cannot read '%s'", path);
	if (r == 0) {
		saved_done(ret); /* what came before the odd thing */
		*ret = (struct saved){ 0 };
		r = decode_any(s, id, path, ret, e);
		if (r != 0)
			return r;
	}
	return check_saved(ret, id, e);
}

int container_record_load(const struct store *s, const char *id, struct container_record *ret, struct err *e)
{
	cleanup_saved struct saved saved = { 0 };
	struct container_record *c = &saved.record;
	int r = decode(s, id, &saved, e);

	if (r > 0)
		return -ENOENT;
	if (r < 0 && !store_error_is_damage(r))
		return err_wrap(e, "cannot read the record of container '%.12s'", id);
	if (r < 0) {
		e->code = -EBADMSG;
		return err_wrap(e, "the record of container '%.12s' is damaged (remove the container)", id);
	}
	c->status = (enum container_status)saved.status;
	(void)snprintf(c->id, sizeof(c->id), "%s", id);
	if (c->status == CONTAINER_RUNNING && c->pid > 0 && !is_alive(&saved))
		lose(c);
	*ret = *c;
	*c = (struct container_record){ 0 };
	return 0;
}

int container_record_read(const struct store *s, const char *id, struct container_record *ret, struct err *e)
{
	int r = container_record_load(s, id, ret, e);

	if (r == 0)
		container_check(s, ret);
	return r;
}
