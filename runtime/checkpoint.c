/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/checkpoint.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_write.h"
#include "common/rootfd.h"
#include "runtime/control.h"
#include "runtime/devices.h"

#define DESCRIPTORS_MAX_BYTES 65536

/* All that a dump looks at. */
struct dump {
	const struct runtime_checkpoint_args *args;
	struct control control;
	struct plan plan;
	struct criu_job job;
	int root_fd; /* the container's root */
};

static void dump_done(struct dump *d)
{
	criu_job_done(&d->job);
	plan_done(&d->plan);
	control_done(&d->control);
	if (d->root_fd >= 0)
		(void)close(d->root_fd);
}

/* --- what is said to criu -------------------------------------------------------------------------------- */

static int set_basics(const struct dump *d, struct err *e)
{
	const struct criu_lib *lib = &d->job.lib;
	struct criu_opts *o = d->job.opts;

	lib->set_pid(o, d->control.state.pid);
	lib->set_leave_running(o, d->args->leave_running || d->args->pre_dump);
	if (d->args->tcp_skip_in_flight)
		lib->set_tcp_skip_in_flight(o, true);
	if (d->args->link_remap)
		lib->set_link_remap(o, true);
	return criu_set(lib->set_root(o, d->plan.rootfs), "the rootfs", e);
}

/* The freezer stops processes that ptrace alone would have to chase. */
static int set_freezer(const struct dump *d, struct err *e)
{
	char path[PATH_MAX];

	if (!d->control.cgroup.path || d->control.host.mode != CGROUP_UNIFIED)
		return 0;
	if (snprintf(path, sizeof(path), "%s%s", d->control.host.mount_point, d->control.cgroup.path) >=
	    (int)sizeof(path))
		return err_code(e, -ENAMETOOLONG, "cgroup '%s'", d->control.cgroup.path);
	return criu_set(d->job.lib.set_freeze_cgroup(d->job.opts, path), "the cgroup", e);
}

static int set_memory(struct dump *d, struct err *e)
{
	const struct runtime_checkpoint_args *args = d->args;
	const struct criu_lib *lib = &d->job.lib;
	struct criu_features features = { .mem_track = true };
	int r = 0;

	if (args->pre_dump &&
	    (lib->feature_check(d->job.opts, &features, sizeof(features)) < 0 || !features.mem_track))
		return err_set(e, -EOPNOTSUPP,
			       "--pre-dump: this kernel cannot track memory (CONFIG_MEM_SOFT_DIRTY)");
	if (args->parent_path) {
		lib->set_track_mem(d->job.opts, true);
		r = criu_set(lib->set_parent_images(d->job.opts, args->parent_path), "the parent images", e);
	}
	/* libcriu 3.17's function for it fails always. Lazy pages are served there, others are sent there. */
	if (r == 0 && args->page_server)
		r = criu_job_config(&d->job, e, "%saddress %s\nport %u\n",
				    args->criu.lazy_pages ? "" : "page-server\n", args->page_server,
				    args->page_server_port);
	if (r == 0 && args->status_fd >= 0)
		r = criu_job_config(&d->job, e, "status-fd %d\n", args->status_fd);
	return r;
}

/* A namespace that the container joined by path is its maker's to keep, and has to be there for the restore. */
static int add_external_namespaces(const struct dump *d, struct err *e)
{
	for (size_t i = 0; i < d->plan.joins_len; i++) {
		const char *path = d->plan.joins[i].path, *name, *key;
		char external[96];
		struct stat st;
		int r;

		if (!criu_is_external(d->plan.joins[i].clone_flag, &name, &key))
			continue;
		if (stat(path, &st) < 0)
			return err_errno(e, "cannot look at namespace '%s'", path);
		(void)snprintf(external, sizeof(external), "%s[%llu]:%s", name, (unsigned long long)st.st_ino,
			       key);
		r = criu_set(d->job.lib.add_external(d->job.opts, external), "a namespace", e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_mount(const struct dump *d, const char *path, const char *name, struct err *e)
{
	cleanup_free char *key = NULL;
	int r = criu_mount_key(d->root_fd, "/", path, &key, e);

	return r < 0 ? r
		     : criu_set(d->job.lib.add_ext_mount(d->job.opts, key, name ? name : key), "a mount", e);
}

/* The host's files that lie in the container are named, not dumped; the restore says what lies there then. */
static int add_bind_mounts(const struct dump *d, struct err *e)
{
	const struct runtime_spec *spec = d->args->container->spec;
	bool cgroup_bound = criu_cgroup_is_bound(&d->plan, &d->control.host, d->control.state.cgroup_path);
	int r = 0;

	for (size_t i = 0; i < d->plan.mounts_len && r == 0; i++) {
		const struct plan_mount *m = &d->plan.mounts[i];

		if (m->kind == PLAN_MOUNT_BIND || (m->kind == PLAN_MOUNT_CGROUP && cgroup_bound))
			r = add_mount(d, m->target, NULL, e);
	}
	if (!d->plan.user_namespace)
		return r;
	for (const struct default_device *device = devices_default(); device->path && r == 0; device++)
		r = add_mount(d, device->path, NULL, e);
	for (size_t i = 0; i < spec->linux_.devices_len && r == 0; i++)
		r = add_mount(d, spec->linux_.devices[i].path, NULL, e);
	return r;
}

/* Masked directories have a tmpfs of their own, which criu dumps; masked files are the host's /dev/null. */
static int add_masked_files(const struct dump *d, struct err *e)
{
	const struct strvec *paths = &d->args->container->spec->linux_.masked_paths;
	int r = 0;

	for (size_t i = 0; i < paths->len && r == 0; i++) {
		cleanup_fd int fd = -1;
		struct err ignored;
		struct stat st;

		if (rootfd_open(d->root_fd, paths->items[i], O_PATH, 0, &fd, &ignored) == 0 &&
		    fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
			r = add_mount(d, paths->items[i], "/dev/null", e);
	}
	return r;
}

static int write_descriptors(const struct dump *d, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, DESCRIPTORS_MAX_BYTES);
	const char *text;
	size_t len;
	int r;

	json_out_array(o, NULL);
	for (size_t i = 0; i < d->control.state.stdio.len; i++)
		json_out_string(o, NULL, d->control.state.stdio.items[i]);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	if (r == 0)
		r = file_write_durable(d->job.image_dir, CRIU_DESCRIPTORS_FILE, text, len, 0600, e);
	return r;
}

/* --- the dump ------------------------------------------------------------------------------------------- */

static int open_root(struct dump *d, struct err *e)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)d->control.state.pid);
	d->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return d->root_fd < 0 ? err_errno(e, "cannot open the container's root") : 0;
}

static int open_container(struct dump *d, struct err *e)
{
	const struct runtime_args *container = d->args->container;
	int r = control_open(container->state_root, container->id, &d->control, e);

	if (r < 0)
		return r;
	if (d->control.status != RUNTIME_RUNNING && d->control.status != RUNTIME_PAUSED)
		return err_set(e, -EBUSY, "container cannot be checkpointed in the %s state",
			       runtime_status_name(d->control.status));
	r = plan_make(container, &d->plan, e);
	if (r == 0)
		r = criu_check_plan(&d->plan, e);
	return r == 0 ? open_root(d, e) : r;
}

static int describe(struct dump *d, struct err *e)
{
	int r = set_basics(d, e);

	if (r == 0)
		r = criu_job_network(&d->job, &d->plan, e);
	if (r == 0)
		r = set_freezer(d, e);
	if (r == 0)
		r = set_memory(d, e);
	if (r == 0)
		r = add_external_namespaces(d, e);
	if (r < 0 || d->args->pre_dump)
		return r;
	r = add_bind_mounts(d, e);
	if (r == 0)
		r = add_masked_files(d, e);
	return r == 0 ? write_descriptors(d, e) : r;
}

static int request(struct dump *d, struct err *e)
{
	int r = criu_job_ready(&d->job, e);

	if (r < 0)
		return r;
	r = d->args->pre_dump ? d->job.lib.pre_dump(d->job.opts) : d->job.lib.dump(d->job.opts);
	return r < 0 ? criu_job_failed(&d->job, r, e) : 0;
}

int runtime_checkpoint(const struct runtime_checkpoint_args *args, struct err *e)
{
	const struct runtime_args *container = args->container;
	struct dump d = { .args = args, .control = { .pidfd = -1 }, .job = CRIU_JOB_EMPTY, .root_fd = -1 };
	int r = open_container(&d, e);

	if (r == 0)
		r = criu_job_begin(&args->criu, "dump.log", &container->spec->annotations, &d.job, e);
	if (r == 0)
		r = describe(&d, e);
	if (r == 0)
		r = request(&d, e);
	dump_done(&d);
	if (r < 0 || args->leave_running || args->pre_dump)
		return r;
	return runtime_delete(container->state_root, container->id, true, e);
}
