/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_container.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/format.h"
#include "cli/run_files.h"
#include "cli/run_foreground.h"
#include "cli/run_image.h"
#include "cli/run_image_file.h"
#include "cli/run_mounts.h"
#include "cli/run_spec.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "common/timestamp.h"
#include "runtime/runtime.h"
#include "store/container.h"

#define PASSWD_MAX    (4u << 20) /* bytes of the image's passwd and group */
#define RUN_SPEC_FILE "config.json"

extern char **environ;

/* Everything that belongs to one run. */
struct run {
	const struct run_flags *flags;
	const struct cli_globals *globals;
	struct timespec begun;
	struct store *store;
	struct run_image image;
	struct container_record record;
	bool created; /* the record is in the store */
	struct overlay_plan overlay;
	struct run_mounts mounts;
	struct runtime_spec spec;
	struct strvec args, env;
	char *dir; /* of the container, absolute */
	int dir_fd;
	struct run_foreground foreground;
};

static void run_done(struct run *run)
{
	run_foreground_end(&run->foreground);
	runtime_spec_done(&run->spec);
	run_mounts_done(&run->mounts);
	overlay_plan_done(&run->overlay);
	container_record_done(&run->record);
	run_image_done(&run->image);
	strvec_done(&run->args);
	strvec_done(&run->env);
	free(run->dir);
	if (run->dir_fd >= 0)
		(void)close(run->dir_fd);
	store_close(run->store);
}
#define cleanup_run __attribute__((cleanup(run_done)))

static void debug(const struct run *run, const char *what)
{
	struct timespec now = { 0 };

	if (!run->globals->debug)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
	(void)fprintf(stderr, "sampan: %8.3f ms: %s\n",
		      (double)(now.tv_sec - run->begun.tv_sec) * 1e3 +
			      (double)(now.tv_nsec - run->begun.tv_nsec) / 1e6,
		      what);
}

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

/* --- before there is a container --- */

static int check_cidfile(const char *path, struct err *e)
{
	if (path && faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0)
		return err_set(
			e, -EEXIST,
			"container ID file found, make sure the other container isn't running or delete %s",
			path);
	return 0;
}

static int copy_args(struct run *run, char **args, size_t len, struct err *e)
{
	for (size_t i = 0; i < len; i++)
		if (strvec_add(&run->args, args[i]) < 0)
			return no_memory(e);
	for (char **p = environ; p && *p; p++)
		if (strvec_add(&run->env, *p) < 0)
			return no_memory(e);
	return 0;
}

static int fill_record(struct run *run, const char *image, struct err *e)
{
	struct container_record *c = &run->record;
	int r = run_args(run->flags, &run->image.config, &run->args, &c->args, e);

	if (r < 0)
		return r;
	if (run->flags->name && !(c->name = strdup(run->flags->name)))
		return no_memory(e);
	c->image_name = strdup(image);
	c->image_id = run->image.record.config;
	c->auto_remove = run->flags->rm;
	if (!c->image_name || strvec_add_all(&c->layers, &run->image.record.layers) < 0)
		return no_memory(e);
	return 0;
}

/* Everything that may be refused without a trace. */
static int prepare(struct run *run, const char *image, char **args, size_t args_len, struct err *e)
{
	const struct run_flags *f = run->flags;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r = run_flags_check(f, cpus > 0 ? (unsigned int)cpus : 1, e);

	if (r == 0)
		r = run_mounts_from_flags(f, &run->mounts, e);
	if (r == 0)
		r = check_cidfile(f->cidfile, e);
	if (r == 0)
		r = copy_args(run, args, args_len, e);
	if (r == 0)
		r = store_open(run->globals->root, &run->store, e);
	if (r == 0)
		r = run_image_get(run->store, run->globals->root, image, f, &run->image, e);
	if (r == 0)
		r = fill_record(run, image, e);
	debug(run, "image found");
	return r;
}

/* --- the container on disk --- */

static int create_record(struct run *run, struct err *e)
{
	int r = container_create(run->store, &run->record, e);

	if (r < 0)
		return r;
	run->created = true;
	r = container_open_dir(run->store, run->record.id, &run->dir_fd, e);
	if (r == 0)
		r = container_overlay(run->store, &run->record, &run->overlay, e);
	if (r < 0)
		return r;
	if (asprintf(&run->dir, "%s/containers/%s", store_root_path(run->store), run->record.id) < 0) {
		run->dir = NULL;
		return no_memory(e);
	}
	return 0;
}

/* An image without the file, as those FROM scratch are, has an empty one. */
static int read_image_file(const struct run *run, const char *path, struct buf *out, struct err *e)
{
	int r = run_image_read(&run->overlay.lower, path, out, e);

	if (r == -ENOENT)
		r = 0;
	return r == 0 && buf_add(out, "", 0) < 0 ? no_memory(e) : r;
}

static const char *text_of(const struct buf *b)
{
	return b->data ? b->data : "";
}

static int build_spec(struct run *run, struct err *e)
{
	cleanup_buf struct buf passwd = BUF_INIT(PASSWD_MAX);
	cleanup_buf struct buf group = BUF_INIT(PASSWD_MAX);
	char host_name[65] = "localhost", short_id[64];
	struct run_context c = {
		.id = run->record.id, .host_name = host_name, .env = &run->env, .args = &run->args
	};
	struct run_files_args files = { .flags = run->flags,
					.image = &run->image.config,
					.lower = &run->overlay.lower,
					.dir = run->dir,
					.dir_fd = run->dir_fd };
	int r = read_image_file(run, "/etc/passwd", &passwd, e);

	if (r == 0)
		r = read_image_file(run, "/etc/group", &group, e);
	if (r < 0)
		return r;
	(void)gethostname(host_name, sizeof(host_name) - 1); /* "localhost" where it does not fit */
	c.passwd = text_of(&passwd);
	c.group = text_of(&group);
	files.hostname = run_hostname(run->flags, &c, short_id);
	r = run_files_make_sources(&run->mounts, e);
	if (r == 0)
		r = run_files_make(&files, &run->mounts, e);
	if (r == 0)
		r = run_spec_build(run->flags, &run->image.config, &c, &run->mounts, &run->spec, e);
	return r;
}

static int write_spec(const struct run *run, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, SPEC_MAX_BYTES);
	cleanup_fd int fd = -1;
	const char *text;
	size_t len;
	int r;

	runtime_spec_write(o, &run->spec);
	r = json_out_finish(o, &text, &len, e);
	if (r < 0)
		return r;
	fd = openat(run->dir_fd, RUN_SPEC_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = fd < 0 ? -errno : write_all(fd, text, len);
	return r < 0 ? err_code(e, r, "cannot write the container's '" RUN_SPEC_FILE "'") : 0;
}

static int write_cidfile(const struct run *run, struct err *e)
{
	const char *path = run->flags->cidfile;
	cleanup_fd int fd = -1;
	int r;

	if (!path)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	r = fd < 0 ? -errno : write_all(fd, run->record.id, strlen(run->record.id));
	return r < 0 ? err_code(e, r, "failed to create the container ID file '%s'", path) : 0;
}

/* The spec, the files, the terminal's size. */
static int create(struct run *run, struct err *e)
{
	struct spec_process *p;
	unsigned int rows, columns;
	int r = create_record(run, e);

	debug(run, "record written");
	if (r == 0)
		r = build_spec(run, e);
	if (r < 0)
		return r;
	debug(run, "spec built");
	p = run->spec.process;
	if (run->flags->tty && run_tty_size(&rows, &columns)) {
		p->console_height = (struct opt_u64){ .set = true, .value = rows };
		p->console_width = (struct opt_u64){ .set = true, .value = columns };
	}
	r = write_spec(run, e);
	if (r == 0)
		r = write_cidfile(run, e);
	if (r == 0) /* the record keeps the layers from now on */
		(void)close(fd_take(&run->image.lock_fd));
	return r;
}

/* --- the container alive --- */

static int set_now(char **member)
{
	char now[TIMESTAMP_MAX];

	timestamp_now(now);
	free(*member);
	*member = strdup(now);
	return *member ? 0 : -ENOMEM;
}

/* For ps and rm. Not knowing is no reason to stop a container that runs: the record is of use, not of need. */
static void save_running(struct run *run, const struct runtime_container *c)
{
	struct container_record *record = &run->record;
	struct err e = { 0 };
	int r = set_now(&record->started);

	record->status = CONTAINER_RUNNING;
	record->pid = c->pid;
	if (r == 0)
		r = process_start_time(c->pid, &record->pid_start_ticks);
	if (r < 0)
		(void)err_code(&e, r, "no start time");
	else
		r = container_save(run->store, record, false, &e);
	if (r < 0)
		cli_error("warning: cannot record that the container runs: %s", e.text);
}

struct outcome {
	int exit_code;
	bool oom_killed;
	uint64_t memory_max; /* bytes; UINT64_MAX: no limit */
};

static void read_oom(struct runtime_container *c, struct outcome *ret)
{
	struct cgroup_stats stats;
	struct err ignored; /* a container without a cgroup of its own has no OOM kills of its own either */

	ret->memory_max = UINT64_MAX;
	if (!c->cgroup.path || cgroup_find_enabled(&c->cgroup, &ignored) < 0 ||
	    !(c->cgroup.enabled & CGROUP_MEMORY) || cgroup_read_stats(&c->cgroup, &stats, &ignored) < 0)
		return;
	ret->oom_killed = stats.oom_kill_events != UINT64_MAX && stats.oom_kill_events > 0;
	ret->memory_max = stats.memory_max;
}

static void say_oom(const struct run *run, const struct outcome *o)
{
	char limit[FORMAT_MAX] = "";
	size_t digits;

	if (!o->oom_killed || o->exit_code == 0)
		return;
	if (o->memory_max == UINT64_MAX) {
		cli_error("container %s was killed: out of memory", run->record.name);
		return;
	}
	format_size_binary(o->memory_max, limit);
	digits = strspn(limit, "0123456789.");
	cli_error("container %s was killed: out of memory (limit %.*s %s)", run->record.name, (int)digits,
		  limit, limit + digits);
}

static int wait_for_end(struct run *run, struct runtime_container *c, struct outcome *ret, struct err *e)
{
	int status = 0;
	int r = run_foreground_wait(&run->foreground, c->pidfd, c->console_fd, &status, e);

	run_foreground_end(&run->foreground);
	if (r < 0)
		return r;
	debug(run, "ended");
	ret->exit_code = process_exit_code(status);
	read_oom(c, ret);
	return 0;
}

/* What exec failed with -> docker's exit code; 125 where it did not come to that. */
static int failure_code(const struct err *e)
{
	if (!strstr(e->text, "exec: \""))
		return CLI_EXIT_SAMPAN;
	return e->code == -ENOENT || e->code == -ENOTDIR ? CLI_EXIT_NOT_FOUND : CLI_EXIT_NOT_EXECUTABLE;
}

/* Creates, starts, waits. The runtime's part is gone after it, whatever happened. */
static int execute(struct run *run, struct outcome *ret, struct err *e)
{
	cleanup_runtime_container struct runtime_container c = {
		.pidfd = -1, .console_fd = -1, .start_fd = -1, .cgroup = { .dir_fd = -1 }
	};
	const struct runtime_args args = { .state_root = run->globals->state_dir,
					   .id = run->record.id,
					   .bundle = run->dir,
					   .spec = &run->spec,
					   .overlay = &run->overlay,
					   .init_process = run->flags->init };
	struct err delete_error = { 0 };
	int deleted;
	int r = run_foreground_begin(run->flags->tty, run->flags->interactive, &run->foreground, e);

	if (r < 0)
		return r;
	r = runtime_create(&args, &c, e);
	if (r < 0)
		return err_wrap(e, "error starting container %s", run->record.name);
	debug(run, "created");
	if (c.console_fd >= 0)
		r = run_foreground_attach(&run->foreground, c.console_fd, e);
	if (r == 0)
		r = runtime_start(&args, &c, e);
	if (r < 0)
		(void)err_wrap(e, "error starting container %s", run->record.name);
	if (r == 0) {
		debug(run, "started");
		save_running(run, &c);
		r = wait_for_end(run, &c, ret, e);
	}
	deleted = runtime_delete(args.state_root, args.id, true, &delete_error);
	if (deleted < 0 && deleted != -ENOENT) /* somebody's `rm -f` is at it too */
		cli_error("warning: cannot clean up after container %s: %s", run->record.name,
			  delete_error.text);
	return r;
}

/* Without --rm the record stays, and says how it ended. */
static int save_end(struct run *run, const struct outcome *o, const struct err *failure, struct err *e)
{
	struct container_record *c = &run->record;

	c->status = CONTAINER_EXITED;
	c->pid = 0;
	c->pid_start_ticks = 0;
	c->exit_code = o->exit_code;
	c->oom_killed = o->oom_killed;
	if (failure->code < 0)
		c->error = strdup(failure->text);
	if (set_now(&c->finished) < 0 || (failure->code < 0 && !c->error))
		return no_memory(e);
	return container_save(run->store, c, true, e);
}

static void finish(struct run *run, const struct outcome *o, const struct err *failure)
{
	struct err e = { 0 };
	int r;

	if (run->flags->rm)
		r = container_remove(run->store, run->record.id, &e);
	else
		r = save_end(run, o, failure, &e);
	if (r < 0 && r != -ENOENT) /* somebody's `rm -f` was faster */
		cli_error("warning: container %s: %s", run->record.name, e.text);
	debug(run, "done");
}

int run_container(const struct run_flags *f, const char *image, char **args, size_t args_len,
		  const struct cli_globals *g)
{
	cleanup_run struct run run = { .flags = f,
				       .globals = g,
				       .image = { .lock_fd = -1 },
				       .dir_fd = -1,
				       .foreground = { .signal_fd = -1 } };
	struct outcome outcome = { .exit_code = CLI_EXIT_SAMPAN };
	struct err e = { 0 }, ignored;
	int r;

	(void)clock_gettime(CLOCK_MONOTONIC, &run.begun); /* cannot fail with this clock */
	r = prepare(&run, image, args, args_len, &e);
	if (r == 0)
		r = create(&run, &e);
	if (r < 0) { /* docker's `create` leaves nothing behind either */
		if (run.created)
			(void)!container_remove(run.store, run.record.id, &ignored);
		cli_error("%s", e.text);
		return CLI_EXIT_SAMPAN;
	}
	r = execute(&run, &outcome, &e);
	run_foreground_end(&run.foreground);
	if (r < 0) {
		outcome.exit_code = failure_code(&e);
		cli_error("%s", e.text);
	}
	say_oom(&run, &outcome);
	finish(&run, &outcome, &e);
	return outcome.exit_code;
}
