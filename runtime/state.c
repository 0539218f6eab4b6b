/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/state.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_write.h"
#include "common/process.h"
#include "runtime/state_dir.h"

#define STATE_MAX_BYTES (4u << 20)

/* What reads and writes hooks is the spec's; here they are only kept. */
struct stored_hooks {
	struct json_items poststart, poststop;
};

static const struct json_field HOOK[] = {
	{ "path", offsetof(struct spec_hook, path), json_read_string, .required = true },
	{ "args", offsetof(struct spec_hook, args), json_read_strvec },
	{ "env", offsetof(struct spec_hook, env), json_read_strvec },
	{ "timeout", offsetof(struct spec_hook, timeout_s), json_read_opt_i64 },
	{ 0 },
};
static const struct json_array HOOKS = { HOOK, sizeof(struct spec_hook), 1024 };

struct stored_state {
	struct container_state state;
	int32_t pid;
	struct stored_hooks hooks;
};

static const struct json_field STATE[] = {
	{ "ociVersion", offsetof(struct stored_state, state.oci_version), json_read_string,
	  .required = true },
	{ "id", offsetof(struct stored_state, state.id), json_read_string, .required = true },
	{ "pid", offsetof(struct stored_state, pid), json_read_i32, .required = true },
	{ "pidStart", offsetof(struct stored_state, state.pid_start_ticks), json_read_u64, .required = true },
	{ "bundle", offsetof(struct stored_state, state.bundle), json_read_string },
	{ "rootfs", offsetof(struct stored_state, state.rootfs), json_read_string },
	{ "owner", offsetof(struct stored_state, state.owner), json_read_string },
	{ "created", offsetof(struct stored_state, state.created), json_read_string },
	{ "cgroupPath", offsetof(struct stored_state, state.cgroup_path), json_read_string },
	{ "systemdUnit", offsetof(struct stored_state, state.systemd_unit), json_read_string },
	{ "untraced", offsetof(struct stored_state, state.untraced), json_read_bool },
	{ "annotations", offsetof(struct stored_state, state.annotations), json_read_map },
	{ "stdio", offsetof(struct stored_state, state.stdio), json_read_strvec },
	{ "poststart", offsetof(struct stored_state, hooks.poststart), json_read_array, &HOOKS },
	{ "poststop", offsetof(struct stored_state, hooks.poststop), json_read_array, &HOOKS },
	{ 0 },
};

static void hook_list_done(struct spec_hook_list *list)
{
	for (size_t i = 0; i < list->len; i++) {
		free(list->items[i].path);
		strvec_done(&list->items[i].args);
		strvec_done(&list->items[i].env);
	}
	free(list->items);
	*list = (struct spec_hook_list){ 0 };
}

void container_state_done(struct container_state *s)
{
	free(s->oci_version);
	free(s->id);
	free(s->bundle);
	free(s->rootfs);
	free(s->owner);
	free(s->created);
	free(s->cgroup_path);
	free(s->systemd_unit);
	strvec_done(&s->annotations);
	strvec_done(&s->stdio);
	hook_list_done(&s->poststart);
	hook_list_done(&s->poststop);
	*s = (struct container_state){ 0 };
}

static void write_hooks(struct json_out *o, const char *key, const struct spec_hook_list *list)
{
	if (list->len == 0)
		return;
	json_out_array(o, key);
	for (size_t i = 0; i < list->len; i++) {
		json_out_object(o, NULL);
		json_out_string(o, "path", list->items[i].path);
		json_out_opt_strvec(o, "args", &list->items[i].args);
		json_out_opt_strvec(o, "env", &list->items[i].env);
		json_out_opt_i64(o, "timeout", list->items[i].timeout_s);
		json_out_end(o);
	}
	json_out_end(o);
}

int container_state_write_at(int dir_fd, const struct container_state *s, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, STATE_MAX_BYTES);
	const char *text;
	size_t len;
	int r;

	json_out_object(o, NULL);
	json_out_string(o, "ociVersion", s->oci_version);
	json_out_string(o, "id", s->id);
	json_out_i64(o, "pid", s->pid);
	json_out_u64(o, "pidStart", s->pid_start_ticks);
	json_out_opt_string(o, "bundle", s->bundle);
	json_out_opt_string(o, "rootfs", s->rootfs);
	json_out_opt_string(o, "owner", s->owner);
	json_out_opt_string(o, "created", s->created);
	json_out_opt_string(o, "cgroupPath", s->cgroup_path);
	json_out_opt_string(o, "systemdUnit", s->systemd_unit);
	if (s->untraced)
		json_out_bool(o, "untraced", true);
	json_out_opt_map(o, "annotations", &s->annotations);
	json_out_opt_strvec(o, "stdio", &s->stdio);
	write_hooks(o, "poststart", &s->poststart);
	write_hooks(o, "poststop", &s->poststop);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	return r < 0 ? r : file_write_atomic(dir_fd, STATE_FILE, text, len, 0600, e);
}

int container_state_write(const char *state_root, const struct container_state *s, struct err *e)
{
	cleanup_fd int dir = -1;
	int r = state_dir_open(state_root, s->id, &dir, e);

	return r < 0 ? r : container_state_write_at(dir, s, e);
}

int container_state_read(const char *state_root, const char *id, struct container_state *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(STATE_MAX_BYTES);
	struct stored_state stored = { 0 };
	cleanup_fd int dir = -1;
	int r = state_dir_open(state_root, id, &dir, e);

	if (r < 0)
		return r;
	r = file_read(dir, STATE_FILE, &text, e);
	if (r < 0)
		return err_wrap(e, "container '%s' has no state", id);
	r = json_decode(text.data ? text.data : "", text.len, STATE, &stored, e);
	stored.state.pid = stored.pid;
	stored.state.poststart =
		(struct spec_hook_list){ stored.hooks.poststart.items, stored.hooks.poststart.len };
	stored.state.poststop =
		(struct spec_hook_list){ stored.hooks.poststop.items, stored.hooks.poststop.len };
	if (r == 0 && strcmp(stored.state.id, id) != 0)
		r = err_set(e, -EBADMSG, "it says that it is of '%.64s'", stored.state.id);
	if (r < 0) {
		container_state_done(&stored.state);
		(void)err_wrap(e, "state of container '%s' is damaged", id);
		return e->code = -EBADMSG;
	}
	*ret = stored.state;
	return 0;
}

/* init holds the lock of the state directory until it calls execve. */
static bool waits_for_start(int dir)
{
	cleanup_fd int lock = openat(dir, STATE_LOCK_FILE, O_RDONLY | O_CLOEXEC);

	return lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static bool lives(const struct container_state *s)
{
	uint64_t ticks;
	char state;

	return s->pid > 0 && process_stat(s->pid, &state, &ticks) == 0 && ticks == s->pid_start_ticks &&
	       state != 'Z' && state != 'X';
}

enum runtime_status container_state_status(const char *state_root, const struct container_state *s)
{
	cleanup_fd int dir = -1;
	struct err ignored;

	if (!lives(s))
		return RUNTIME_STOPPED;
	if (state_dir_open(state_root, s->id, &dir, &ignored) == 0 && waits_for_start(dir)) {
		if (faccessat(dir, STATE_CREATED_FILE, F_OK, 0) < 0)
			return RUNTIME_CREATING;
		/* A frozen init would not hear `start`. */
		if (state_is_frozen(s->cgroup_path))
			return RUNTIME_PAUSED;
		return faccessat(dir, STATE_FIFO_FILE, F_OK, 0) < 0 &&
				       faccessat(dir, STATE_SOCKET_FILE, F_OK, 0) < 0
			       ? RUNTIME_RUNNING
			       : RUNTIME_CREATED;
	}
	/* execve drops the lock, and so does the end of an init that waited. */
	if (!lives(s))
		return RUNTIME_STOPPED;
	return state_is_frozen(s->cgroup_path) ? RUNTIME_PAUSED : RUNTIME_RUNNING;
}

const char *runtime_status_name(enum runtime_status s)
{
	static const char *const NAMES[] = {
		[RUNTIME_CREATING] = "creating", [RUNTIME_CREATED] = "created", [RUNTIME_RUNNING] = "running",
		[RUNTIME_PAUSED] = "paused",     [RUNTIME_STOPPED] = "stopped",
	};

	return NAMES[s];
}

void container_state_print(struct json_out *o, const struct container_state *s, enum runtime_status status)
{
	json_out_object(o, NULL);
	json_out_string(o, "ociVersion", s->oci_version);
	json_out_string(o, "id", s->id);
	json_out_i64(o, "pid", status == RUNTIME_STOPPED ? 0 : s->pid);
	json_out_string(o, "status", runtime_status_name(status));
	json_out_string(o, "bundle", s->bundle ? s->bundle : "");
	json_out_string(o, "rootfs", s->rootfs ? s->rootfs : "");
	json_out_string(o, "created", s->created ? s->created : "");
	json_out_opt_map(o, "annotations", &s->annotations);
	json_out_string(o, "owner", s->owner ? s->owner : "");
	json_out_end(o);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int container_state_list(const char *state_root, struct strvec *ret, struct err *e)
{
	cleanup_dir DIR *dir = opendir(state_root);
	const struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : err_errno(e, "cannot read '%s'", state_root);
	while ((errno = 0, entry = readdir(dir))) {
		int r;

		if (!state_id_valid(entry->d_name) ||
		    faccessat(dirfd(dir), entry->d_name, X_OK, AT_EACCESS) < 0)
			continue;
		r = strvec_add(ret, entry->d_name);
		if (r < 0)
			return err_code(e, r, "cannot list '%s'", state_root);
	}
	if (errno)
		return err_errno(e, "cannot read '%s'", state_root);
	if (ret->len)
		qsort(ret->items, ret->len, sizeof(*ret->items), compare_names);
	return 0;
}
