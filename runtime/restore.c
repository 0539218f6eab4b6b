/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/restore.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroups/host.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "common/timestamp.h"
#include "runtime/console.h"
#include "runtime/container_cgroup.h"
#include "runtime/hooks.h"
#include "runtime/init_hooks.h"
#include "runtime/listener.h"
#include "runtime/namespaces.h"
#include "runtime/pid_file.h"
#include "runtime/restore_mounts.h"
#include "runtime/state.h"
#include "runtime/state_dir.h"
#include "runtime/stdio.h"

#define DESCRIPTORS_MAX_BYTES 65536
#define DESCRIPTORS_MAX_DEPTH 2

/* All that a restore holds; undone by undo() where it fails. */
struct restoration {
	struct criu_listener listener; /* first: it is what the stages come with */
	const struct runtime_restore_args *args;
	const struct runtime_args *container;
	struct plan plan;
	struct namespace_fds namespaces;
	struct cgroup_host host;
	struct cgroup cgroup;
	struct criu_job job;
	struct strvec descriptors; /* what the dumped process's 0, 1 and 2 were */
	char *root;                /* RESTORE_ROOT in the state directory */
	bool made_state_dir, in_cgroup;
	char own_cgroup[PATH_MAX]; /* where we come from, while we are in the container's */
	int state_dir, lock_fd, console_socket, console_fd, pid_file_dir, host_ns;
	pid_t pid;
	int pidfd;
	struct err stage_error; /* code 0: none; of what we do at criu's stages */
};

static void restoration_init(struct restoration *r, const struct runtime_restore_args *args)
{
	*r = (struct restoration){
		.args = args,
		.container = args->container,
		.cgroup = { .dir_fd = -1 },
		.job = CRIU_JOB_EMPTY,
		.state_dir = -1,
		.lock_fd = -1,
		.console_socket = -1,
		.console_fd = -1,
		.pid_file_dir = -1,
		.host_ns = -1,
		.pidfd = -1,
	};
	for (size_t i = 0; i < PLAN_NAMESPACES_MAX; i++)
		r->namespaces.fds[i] = -1;
}

static void restoration_done(struct restoration *r)
{
	const int fds[] = { r->state_dir,  r->lock_fd,      r->console_socket,
			    r->console_fd, r->pid_file_dir, r->pidfd };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	namespaces_close(&r->namespaces);
	criu_job_done(&r->job);
	strvec_done(&r->descriptors);
	cgroup_done(&r->cgroup);
	plan_done(&r->plan);
	free(r->root);
}

/* What fails here as well stays for `delete --force`; the first error is what counts. */
static void undo(struct restoration *r)
{
	struct err ignored;
	int status;

	if (r->pidfd >= 0) {
		IGNORE_RESULT(process_signal(r->pidfd, SIGKILL));
		IGNORE_RESULT(process_wait(r->pidfd, &status));
	}
	if (!r->in_cgroup) /* it would be ourselves that we kill */
		IGNORE_RESULT(cgroup_destroy(&r->cgroup, &ignored));
	if (r->made_state_dir)
		IGNORE_RESULT(state_dir_remove(r->container->state_root, r->container->id, &ignored));
}

/* --- before criu ---------------------------------------------------------------------------------------- */

static int read_descriptors(struct restoration *r, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(DESCRIPTORS_MAX_BYTES);
	cleanup_json_doc struct json_doc *doc = NULL;
	int n = file_read(r->job.image_dir, CRIU_DESCRIPTORS_FILE, &text, e);
	struct json_in top;

	if (n < 0)
		return err_wrap(e, "no checkpoint in '%s'", r->args->criu.image_path);
	n = json_parse(text.data ? text.data : "", text.len, DESCRIPTORS_MAX_DEPTH, &doc, e);
	if (n == 0) {
		top = json_top(doc);
		n = json_read_strvec(&top, NULL, &r->descriptors, e);
	}
	return n < 0 ? err_wrap(e, CRIU_DESCRIPTORS_FILE) : 0;
}

/* What root of the container is outside of it; false: nobody. */
static bool host_root(const struct spec_id_mapping *maps, size_t len, uint32_t *ret)
{
	for (size_t i = 0; i < len; i++) {
		if (maps[i].container_id != 0 || maps[i].size == 0)
			continue;
		*ret = maps[i].host_id;
		return true;
	}
	return false;
}

/*
 * criu has each process open its images by itself, and in a user namespace our root is nobody. The first process
 * opens one as us, too, before its mappings are written: so the directory stays ours, and is searched as a group.
 */
static int give_images(const struct restoration *r, struct err *e)
{
	const struct spec_linux *linux_ = &r->container->spec->linux_;
	cleanup_fd int fd = openat(r->job.image_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	uint32_t uid, gid;
	struct stat st;

	if (!dir)
		return err_errno(e, "cannot read the image directory");
	(void)fd_take(&fd); /* the stream's */
	if (!host_root(linux_->uid_mappings, linux_->uid_mappings_len, &uid) ||
	    !host_root(linux_->gid_mappings, linux_->gid_mappings_len, &gid))
		return 0;
	if (fstat(dirfd(dir), &st) < 0 || fchown(dirfd(dir), geteuid(), gid) < 0 ||
	    fchmod(dirfd(dir), (st.st_mode & 07777) | S_IXGRP) < 0)
		return err_errno(e, "cannot give the images to the container's root");
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_type == DT_REG &&
		    fchownat(dirfd(dir), entry->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
			return err_errno(e, "cannot give '%s' to the container's root", entry->d_name);
	return 0;
}

static int prepare(struct restoration *r, struct err *e)
{
	const struct runtime_args *c = r->container;
	int n = plan_make(c, &r->plan, e);

	if (n == 0)
		n = criu_check_plan(&r->plan, e);
	if (n == 0)
		n = namespaces_open(&r->plan, &r->namespaces, e);
	if (n == 0 && c->console_socket)
		n = caller_socket_connect(c->console_socket, "console socket", &r->console_socket, e);
	if (n == 0)
		n = pid_file_open_dir(c->pid_file, &r->pid_file_dir, e);
	if (n == 0)
		n = cgroup_host_detect(&r->host, e);
	if (n == 0)
		n = criu_job_begin(&r->args->criu, "restore.log", &c->spec->annotations, &r->job, e);
	if (n == 0)
		n = criu_job_network(&r->job, &r->plan, e);
	if (n == 0)
		n = read_descriptors(r, e);
	return n == 0 && r->plan.user_namespace ? give_images(r, e) : n;
}

static bool is_strict(const struct restoration *r)
{
	return r->args->criu.has_cgroups_mode && r->args->criu.cgroups_mode == CRIU_CGROUPS_STRICT;
}

static int make_cgroup(struct restoration *r, struct err *e)
{
	int n = is_strict(r) ? container_cgroup_check_new(&r->host, r->container, e) : 0;

	if (n == 0)
		n = container_cgroup_make(&r->host, r->container, &r->cgroup, e);
	if (n == 0)
		n = container_cgroup_limit(&r->cgroup, r->container->spec->linux_.resources, e);
	return n == 0 ? container_cgroup_filter(&r->cgroup, &r->plan, r->container->spec->linux_.resources, e)
		      : n;
}

static int reserve(struct restoration *r, struct err *e)
{
	const struct runtime_args *c = r->container;
	int n = state_dir_make(c->state_root, c->id, &r->state_dir, e);

	if (n < 0)
		return n;
	r->made_state_dir = true;
	n = state_dir_lock(r->state_dir, &r->lock_fd, e);
	if (n < 0)
		return n;
	if (asprintf(&r->root, "%s/%s/" RESTORE_ROOT, c->state_root, c->id) < 0) {
		r->root = NULL;
		return err_code(e, -ENOMEM, "container '%s'", c->id);
	}
	if (mkdir(r->root, 0755) < 0)
		return err_errno(e, "cannot make '%s'", r->root);
	return make_cgroup(r, e);
}

/* --- what is said to criu -------------------------------------------------------------------------------- */

/* criu inherits it under the same number. */
static int let_inherit(const struct restoration *r, int fd, const char *key, struct err *e)
{
	if (fcntl(fd, F_SETFD, 0) < 0)
		return err_errno(e, "cannot pass on descriptor %d", fd);
	return criu_set(r->job.lib.add_inherit_fd(r->job.opts, fd, key), "a descriptor", e);
}

static int join_namespace(const struct restoration *r, const struct plan_join *join, struct err *e)
{
	static const struct {
		int clone_flag;
		const char *name;
	} NAMES[] = { { CLONE_NEWIPC, "ipc" }, { CLONE_NEWUTS, "uts" }, { CLONE_NEWUSER, "user" } };

	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (NAMES[i].clone_flag == join->clone_flag)
			return criu_set(r->job.lib.join_ns_add(r->job.opts, NAMES[i].name, join->path, NULL),
					"a namespace", e);
	return err_set(e, -EOPNOTSUPP, "criu cannot restore into the namespace '%s'", join->path);
}

static int set_namespaces(const struct restoration *r, struct err *e)
{
	int n = 0;

	for (size_t i = 0; i < r->plan.joins_len && n == 0; i++) {
		const char *name, *key;

		if (criu_is_external(r->plan.joins[i].clone_flag, &name, &key))
			n = let_inherit(r, r->namespaces.fds[i], key, e);
		else
			n = join_namespace(r, &r->plan.joins[i], e);
	}
	return n;
}

static int set_descriptors(const struct restoration *r, struct err *e)
{
	int n = 0;

	for (size_t i = 0; i < r->descriptors.len && i < 3 && n == 0; i++)
		if (strncmp(r->descriptors.items[i], "pipe:", 5) == 0)
			n = let_inherit(r, (int)i, r->descriptors.items[i], e);
	return n;
}

static int set_rest(const struct restoration *r, struct err *e)
{
	const struct criu_lib *lib = &r->job.lib;
	struct criu_opts *o = r->job.opts;
	int n;

	if ((r->args->lsm_profile || r->args->lsm_mount_context) && lib->version < 31600)
		return err_set(e, -EOPNOTSUPP, "--lsm-profile and --lsm-mount-context need CRIU 3.16");
	/* By itself criu would refuse the cgroup that we have made for it. */
	if (is_strict(r))
		lib->set_manage_cgroups_mode(o, CRIU_CGROUPS_FULL);
	lib->set_evasive_devices(o, true);
	n = criu_set(lib->set_root(o, r->root), "the rootfs", e);
	if (n == 0 && r->args->lsm_profile)
		n = criu_set(lib->set_lsm_profile(o, r->args->lsm_profile), "--lsm-profile", e);
	if (n == 0 && r->args->lsm_mount_context)
		n = criu_set(lib->set_lsm_mount_context(o, r->args->lsm_mount_context), "--lsm-mount-context",
			     e);
	/* The cgroup that the images name may be another's by now. "" is cgroup v2. */
	if (n == 0 && r->cgroup.path)
		n = criu_set(lib->add_cg_root(o, "", r->cgroup.path), "the cgroup", e);
	return n;
}

/* --- beside criu ---------------------------------------------------------------------------------------- */

static int run_hooks(const struct restoration *r, const struct spec_hook_list *hooks, const char *kind,
		     enum runtime_status status, pid_t pid, struct err *e)
{
	cleanup_free char *state = NULL;
	int n;

	if (hooks->len == 0)
		return 0;
	n = hook_state_text(r->container, r->plan.rootfs, pid, status, &state, e);
	return n < 0 ? n : hooks_run(hooks, kind, state, e);
}

/* Hooks of the runtime's namespace want the host's mounts; criu has ours by now. */
static int run_creator_hooks(struct restoration *r, pid_t pid, struct err *e)
{
	const struct spec_hooks *hooks = &r->container->spec->hooks;
	int n = restore_mounts_leave(&r->host_ns, e);

	if (n == 0)
		n = run_hooks(r, &hooks->prestart, "prestart", RUNTIME_CREATING, pid, e);
	return n == 0 ? run_hooks(r, &hooks->create_runtime, "createRuntime", RUNTIME_CREATING, pid, e) : n;
}

/* Written while the processes stand still: should we die from here on, `delete --force` finds them. */
static int write_state(const struct restoration *r, pid_t pid, struct err *e)
{
	const struct runtime_args *c = r->container;
	char created[TIMESTAMP_MAX];
	/* Borrows everything but stdio: it is written, never freed. */
	struct container_state s = {
		.oci_version = c->spec->oci_version,
		.id = (char *)(uintptr_t)c->id,
		.bundle = (char *)(uintptr_t)c->bundle,
		.rootfs = r->plan.rootfs,
		.created = created,
		.pid = pid,
		.cgroup_path = r->cgroup.path,
		.systemd_unit = r->cgroup.unit,
		.annotations = c->spec->annotations,
		.poststart = c->spec->hooks.poststart,
		.poststop = c->spec->hooks.poststop,
	};
	int n = process_start_time(pid, &s.pid_start_ticks);

	if (n < 0)
		return err_code(e, n, "cannot look at the restored process");
	timestamp_now(created);
	n = stdio_names(&s.stdio, NULL, e);
	if (n == 0)
		n = container_state_write(c->state_root, &s, e);
	strvec_done(&s.stdio);
	return n;
}

static int take_console(struct restoration *r, struct err *e)
{
	cleanup_fd int master = r->job.lib.orphan_pts_master_fd();

	if (master < 0)
		return err_set(e, -EPROTO, "criu passed no terminal");
	if (r->console_socket >= 0)
		return console_pass(r->console_socket, master, e);
	r->console_fd = fcntl(master, F_DUPFD_CLOEXEC, 3);
	return r->console_fd < 0 ? err_errno(e, "cannot keep the terminal") : 0;
}

static int hear(struct criu_listener *listener, const char *action, pid_t pid)
{
	struct restoration *r = (struct restoration *)listener;
	struct err *e = &r->stage_error;
	int n = process_cloexec_from(
		3); /* criu has inherited what it needs, and libcriu's socket is not for hooks */

	if (n < 0)
		return err_code(e, n, "cannot keep descriptors from hooks");
	if (strcmp(action, "setup-namespaces") == 0)
		n = run_creator_hooks(r, pid, e);
	else if (strcmp(action, "post-restore") == 0)
		n = write_state(r, pid, e);
	else if (strcmp(action, "orphan-pts-master") == 0)
		n = take_console(r, e);
	return n;
}

/* --- criu ----------------------------------------------------------------------------------------------- */

/* Where criu is not to care for cgroups, what it starts is where it was started itself: we go there for as long as it takes. */
static int enter_cgroup(struct restoration *r, struct err *e)
{
	int n;

	if (!r->cgroup.path || !r->args->criu.has_cgroups_mode ||
	    r->args->criu.cgroups_mode != CRIU_CGROUPS_IGNORE)
		return 0;
	n = cgroup_own_path_read(r->own_cgroup, sizeof(r->own_cgroup));
	if (n < 0)
		return err_code(e, n, "cannot find our own cgroup in '/proc/self/cgroup'");
	n = cgroup_attach(&r->cgroup, 0, e);
	r->in_cgroup = n == 0;
	return n;
}

static int leave_cgroup(struct restoration *r, struct err *e)
{
	cleanup_free char *path = NULL;
	int n;

	if (!r->in_cgroup)
		return 0;
	if (asprintf(&path, "%s%s/cgroup.procs", r->host.mount_point, r->own_cgroup) < 0) {
		path = NULL;
		return err_code(e, -ENOMEM, "cgroup '%s'", r->own_cgroup);
	}
	n = file_poke(AT_FDCWD, path, "0");
	r->in_cgroup = n < 0;
	return n < 0 ? err_code(e, n, "cannot return to cgroup '%s'", r->own_cgroup) : 0;
}

static int restore_child(struct restoration *r, struct err *e)
{
	struct err ignored;
	int n = criu_job_ready(&r->job, e);

	if (n < 0)
		return n;
	r->listener = (struct criu_listener){ .lib = &r->job.lib, .hear = hear };
	criu_lib_listen(&r->listener, r->job.opts);
	n = r->job.lib.restore_child(r->job.opts);
	if (n <= 0) {
		IGNORE_RESULT(restore_mounts_leave(&r->host_ns, &ignored));
		if (r->stage_error.code == 0)
			return criu_job_failed(&r->job, n, e);
		*e = r->stage_error;
		return e->code;
	}
	r->pid = n;
	r->pidfd = process_pidfd_open(r->pid);
	if (r->pidfd < 0)
		return err_code(e, r->pidfd, "cannot look at the restored process");
	return restore_mounts_leave(&r->host_ns, e);
}

static int run_criu(struct restoration *r, struct err *e)
{
	struct err ignored;
	int left, n = restore_mounts_make(&r->plan, &r->job, &r->host, r->cgroup.path, e);

	if (n == 0)
		n = set_namespaces(r, e);
	if (n == 0)
		n = set_descriptors(r, e);
	if (n == 0)
		n = set_rest(r, e);
	if (n == 0)
		n = enter_cgroup(r, e);
	if (n < 0)
		return n;
	n = restore_mounts_enter(r->plan.rootfs, r->root, &r->host_ns, e);
	if (n == 0)
		n = criu_job_reopen(&r->job, e);
	if (n == 0)
		n = restore_child(r, e);
	else
		IGNORE_RESULT(restore_mounts_leave(&r->host_ns, &ignored));
	left = leave_cgroup(r, n == 0 ? e : &ignored);
	(void)rmdir(r->root); /* empty; what stays goes with the state directory */
	return n < 0 ? n : left;
}

static int finish(struct restoration *r, struct runtime_container *ret, struct err *e)
{
	int n = pid_file_write(r->container->pid_file, r->pid_file_dir, r->pid, e);

	cgroup_settle(&r->cgroup);
	(void)close(fd_take(&r->lock_fd)); /* nobody waits for a start: it runs */
	if (n == 0)
		n = run_hooks(r, &r->container->spec->hooks.poststart, "poststart", RUNTIME_RUNNING, r->pid,
			      e);
	if (n < 0)
		return n;
	*ret = (struct runtime_container){
		.pid = r->pid,
		.pidfd = fd_take(&r->pidfd),
		.console_fd = fd_take(&r->console_fd),
		.start_fd = -1,
		.cgroup = r->cgroup,
	};
	r->cgroup = (struct cgroup){ .dir_fd = -1 };
	return 0;
}

int runtime_restore(const struct runtime_restore_args *args, struct runtime_container *ret, struct err *e)
{
	struct restoration r;
	int n;

	restoration_init(&r, args);
	n = prepare(&r, e);
	if (n == 0)
		n = reserve(&r, e);
	if (n == 0)
		n = run_criu(&r, e);
	if (n == 0)
		n = finish(&r, ret, e);
	if (n < 0)
		undo(&r);
	restoration_done(&r);
	return n;
}
