/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/life.h"

#include <stdlib.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/json_write.h"

#define LIFE_MAX   (1u << 20)
#define SIGNAL_MAX 64

void life_done(struct life *l)
{
	free(l->log_driver);
	free(l->log_tag);
	strvec_done(&l->log_options);
	strvec_done(&l->secrets);
	strvec_done(&l->annotations);
	free(l->pid_from);
	free(l->ipc_from);
	free(l->users_from);
	strvec_done(&l->log_attributes);
	health_done(&l->health);
	*l = (struct life){ 0 };
}

static const struct json_enum KINDS[] = { { "no", RESTART_NO },
					  { "on-failure", RESTART_ON_FAILURE },
					  { "always", RESTART_ALWAYS },
					  { "unless-stopped", RESTART_UNLESS_STOPPED },
					  { 0 } };

static const struct json_enum NOTIFY[] = { { "container", NOTIFY_CONTAINER },
					   { "conmon", NOTIFY_CONMON },
					   { "healthy", NOTIFY_HEALTHY },
					   { "ignore", NOTIFY_IGNORE },
					   { 0 } };

#define LIFE(member) offsetof(struct life, member)
static const struct json_field FIELDS[] = {
	{ "restart", LIFE(restart.kind), json_read_enum, KINDS },
	{ "restartMax", LIFE(restart.max), json_read_u32 },
	{ "stopSignal", LIFE(stop_signal), json_read_i32 },
	{ "stopTimeout", LIFE(stop_timeout), json_read_i32 },
	{ "tty", LIFE(tty), json_read_bool },
	{ "interactive", LIFE(interactive), json_read_bool },
	{ "init", LIFE(init), json_read_bool },
	{ "logDriver", LIFE(log_driver), json_read_string },
	{ "logOptions", LIFE(log_options), json_read_strvec },
	{ "secrets", LIFE(secrets), json_read_strvec },
	{ "pidFrom", LIFE(pid_from), json_read_string },
	{ "ipcFrom", LIFE(ipc_from), json_read_string },
	{ "usersFrom", LIFE(users_from), json_read_string },
	{ "ipcShareable", LIFE(ipc_shareable), json_read_bool },
	{ "annotations", LIFE(annotations), json_read_strvec },
	{ "sdnotify", LIFE(sdnotify), json_read_enum, NOTIFY },
	{ "ephemeral", LIFE(ephemeral), json_read_bool },
	{ "ephemeralBytes", LIFE(ephemeral_bytes), json_read_u64 },
	{ "logTag", LIFE(log_tag), json_read_string },
	{ "logAttributes", LIFE(log_attributes), json_read_strvec },
	{ "health", LIFE(health), health_read },
	{ 0 },
};

static void write_life(struct json_out *o, const struct life *l)
{
	json_out_object(o, NULL);
	json_out_string(o, "restart", restart_kind_name(l->restart.kind));
	json_out_u64(o, "restartMax", l->restart.max);
	json_out_i64(o, "stopSignal", l->stop_signal);
	json_out_i64(o, "stopTimeout", l->stop_timeout);
	json_out_bool(o, "tty", l->tty);
	json_out_bool(o, "interactive", l->interactive);
	json_out_bool(o, "init", l->init);
	json_out_opt_string(o, "logDriver", l->log_driver);
	json_out_opt_strvec(o, "logOptions", &l->log_options);
	json_out_opt_strvec(o, "secrets", &l->secrets);
	json_out_opt_string(o, "pidFrom", l->pid_from);
	json_out_opt_string(o, "ipcFrom", l->ipc_from);
	json_out_opt_string(o, "usersFrom", l->users_from);
	if (l->ipc_shareable)
		json_out_bool(o, "ipcShareable", true);
	json_out_opt_strvec(o, "annotations", &l->annotations);
	json_out_string(o, "sdnotify", notify_mode_name(l->sdnotify));
	if (l->ephemeral) {
		json_out_bool(o, "ephemeral", true);
		json_out_u64(o, "ephemeralBytes", l->ephemeral_bytes);
	}
	json_out_opt_string(o, "logTag", l->log_tag);
	json_out_opt_strvec(o, "logAttributes", &l->log_attributes);
	if (l->health.test.len > 0)
		health_write(o, "health", &l->health);
	json_out_end(o);
}

int life_write(int dir_fd, const struct life *l, bool durable, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, LIFE_MAX);
	const char *text;
	size_t len;
	int r;

	write_life(o, l);
	r = json_out_finish(o, &text, &len, e);
	if (r < 0)
		return r;
	return durable ? file_write_durable(dir_fd, CONTAINER_LIFE_FILE, text, len, 0600, e)
		       : file_write_atomic(dir_fd, CONTAINER_LIFE_FILE, text, len, 0600, e);
}

int life_read(int dir_fd, struct life *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(LIFE_MAX);
	cleanup_life struct life l = LIFE_DEFAULT;
	int r = file_read(dir_fd, CONTAINER_LIFE_FILE, &text, e);

	if (r == 0)
		r = json_decode(text.data ? text.data : "", text.len, FIELDS, &l, e);
	if (r == 0 && (l.stop_signal < 1 || l.stop_signal > SIGNAL_MAX || l.stop_timeout < -1))
		r = err_set(e, -EINVAL, "stopSignal or stopTimeout is out of range");
	if (r < 0 && r != -ENOENT)
		return err_set(e, r == -EINVAL ? -EBADMSG : r, "'" CONTAINER_LIFE_FILE "' is damaged: %.200s",
			       e->text);
	*ret = l;
	l = (struct life){ 0 };
	return 0;
}
