/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/criu_lib.h"

#include "common/cleanup.h"
#include "common/library.h"

#define AT(member) offsetof(struct criu_lib, member)
static const struct library_symbol FUNCTIONS[] = {
	{ "criu_local_init_opts", AT(init_opts) },
	{ "criu_local_free_opts", AT(free_opts) },
	{ "criu_local_get_version", AT(get_version) },
	{ "criu_local_feature_check", AT(feature_check) },
	{ "criu_local_dump", AT(dump) },
	{ "criu_local_pre_dump", AT(pre_dump) },
	{ "criu_local_restore_child", AT(restore_child) },
	{ "criu_local_set_service_binary", AT(set_service_binary) },
	{ "criu_local_set_pid", AT(set_pid) },
	{ "criu_local_set_images_dir_fd", AT(set_images_dir_fd) },
	{ "criu_local_set_work_dir_fd", AT(set_work_dir_fd) },
	{ "criu_local_set_parent_images", AT(set_parent_images) },
	{ "criu_local_set_root", AT(set_root) },
	{ "criu_local_set_log_file", AT(set_log_file) },
	{ "criu_local_set_log_level", AT(set_log_level) },
	{ "criu_local_set_leave_running", AT(set_leave_running) },
	{ "criu_local_set_ext_unix_sk", AT(set_ext_unix_sk) },
	{ "criu_local_set_tcp_established", AT(set_tcp_established) },
	{ "criu_local_set_tcp_skip_in_flight", AT(set_tcp_skip_in_flight) },
	{ "criu_local_set_evasive_devices", AT(set_evasive_devices) },
	{ "criu_local_set_shell_job", AT(set_shell_job) },
	{ "criu_local_set_orphan_pts_master", AT(set_orphan_pts_master) },
	{ "criu_local_set_file_locks", AT(set_file_locks) },
	{ "criu_local_set_track_mem", AT(set_track_mem) },
	{ "criu_local_set_auto_dedup", AT(set_auto_dedup) },
	{ "criu_local_set_link_remap", AT(set_link_remap) },
	{ "criu_local_set_manage_cgroups", AT(set_manage_cgroups) },
	{ "criu_local_set_manage_cgroups_mode", AT(set_manage_cgroups_mode) },
	{ "criu_local_set_freeze_cgroup", AT(set_freeze_cgroup) },
	{ "criu_local_set_lsm_profile", AT(set_lsm_profile) },
	{ "criu_local_set_lsm_mount_context", AT(set_lsm_mount_context) },
	{ "criu_local_add_ext_mount", AT(add_ext_mount) },
	{ "criu_local_add_cg_root", AT(add_cg_root) },
	{ "criu_local_add_external", AT(add_external) },
	{ "criu_local_add_inherit_fd", AT(add_inherit_fd) },
	{ "criu_local_join_ns_add", AT(join_ns_add) },
	{ "criu_local_set_notify_cb", AT(set_notify_cb) },
	{ "criu_notify_pid", AT(notify_pid) },
	{ "criu_get_orphan_pts_master_fd", AT(orphan_pts_master_fd) },
};

/* libcriu's callback gets no pointer of ours, and a program has one restore. */
static struct criu_listener *listener;

static int ask_version(struct criu_lib *lib, struct err *e)
{
	struct criu_opts *o = NULL;

	if (lib->init_opts(&o) < 0)
		return err_code(e, -ENOMEM, "libcriu");
	if (lib->set_service_binary(o, lib->program) == 0)
		lib->version = lib->get_version(o);
	lib->free_opts(o);
	if (lib->version <= 0)
		return err_set(
			e, -EOPNOTSUPP,
			"checkpoint and restore need the program '%s', which does not answer (apt install "
			"criu)",
			lib->program);
	if (lib->version < CRIU_VERSION_MIN)
		return err_set(e, -EOPNOTSUPP,
			       "checkpoint and restore need CRIU 3.15 or newer: '%s' is %d.%d", lib->program,
			       lib->version / 10000, lib->version / 100 % 100);
	return 0;
}

int criu_lib_open(const char *program, struct criu_lib *ret, struct err *e)
{
	static const struct library LIBRARY = { "libcriu.so.2", "checkpoint and restore need", "CRIU",
						"criu" };
	cleanup_criu_lib struct criu_lib lib = { .program = program ? program : "criu" };
	int r = library_open(&LIBRARY, FUNCTIONS, ARRAY_LEN(FUNCTIONS), &lib, &lib.library, e);

	if (r == 0)
		r = ask_version(&lib, e);
	if (r < 0)
		return r;
	*ret = lib;
	lib.library = NULL;
	return 0;
}

void criu_lib_close(struct criu_lib *lib)
{
	library_close(lib->library);
	*lib = (struct criu_lib){ 0 };
}

static int hear(char *action, struct criu_event *event)
{
	return listener->hear(listener, action, listener->lib->notify_pid(event));
}

void criu_lib_listen(struct criu_listener *l, struct criu_opts *o)
{
	listener = l;
	l->lib->set_notify_cb(o, hear);
}
