/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/init_hooks.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "runtime/hooks.h"
#include "runtime/sync.h"

#define HOOK_STATE_MAX (4u << 20)

int hook_state_text(const struct runtime_args *args, const char *rootfs, pid_t pid,
		    enum runtime_status status, char **ret, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, HOOK_STATE_MAX);
	const char *text;
	size_t len;
	int r;

	json_out_object(o, NULL);
	json_out_string(o, "ociVersion", args->spec->oci_version);
	json_out_string(o, "id", args->id);
	json_out_string(o, "status", runtime_status_name(status));
	json_out_i64(o, "pid", pid);
	json_out_string(o, "bundle", args->bundle ? args->bundle : "");
	json_out_string(o, "root", rootfs);
	json_out_opt_map(o, "annotations", &args->spec->annotations);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	if (r < 0)
		return r;
	*ret = strndup(text, len);
	return *ret ? 0 : err_code(e, -ENOMEM, "state for hooks");
}

static int run_here(const struct init_context *c, const struct spec_hook_list *hooks, const char *kind,
		    enum runtime_status status, struct err *e)
{
	cleanup_free char *state = NULL;
	int r;

	if (hooks->len == 0)
		return 0;
	r = hook_state_text(c->args, c->plan->rootfs, getpid(), status, &state, e);
	return r < 0 ? r : hooks_run(hooks, kind, state, e);
}

int init_hooks_before_pivot(const struct init_context *c, struct err *e)
{
	const struct spec_hooks *hooks = &c->args->spec->hooks;
	int r;

	if (hooks->prestart.len || hooks->create_runtime.len) {
		r = sync_send(c->sync_fd, SYNC_HOOKS, e);
		if (r == 0)
			r = sync_expect(c->sync_fd, SYNC_GO, NULL, e);
		if (r < 0)
			return r;
	}
	return run_here(c, &hooks->create_container, "createContainer", RUNTIME_CREATING, e);
}

int init_hooks_before_exec(const struct init_context *c, struct err *e)
{
	return run_here(c, &c->args->spec->hooks.start_container, "startContainer", RUNTIME_CREATED, e);
}
