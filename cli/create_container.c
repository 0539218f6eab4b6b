/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/create_container.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/create_users.h"
#include "cli/remove_container.h"
#include "cli/run_check.h"
#include "cli/run_files.h"
#include "cli/run_health.h"
#include "cli/run_image_file.h"
#include "cli/run_namespaces.h"
#include "cli/run_network.h"
#include "cli/run_spec.h"
#include "cli/run_tty.h"
#include "cli/run_volumes.h"
#include "cli/signal_name.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/file_sync.h"
#include "common/process.h"
#include "engine/container_spec.h"
#include "engine/secret_use.h"
#include "store/container_event.h"
#include "store/secret.h"
#include "store/volume.h"
#include "engine/log_config.h"

extern char **environ;

void creation_done(struct creation *c)
{
	runtime_spec_done(&c->spec);
	network_config_done(&c->network);
	run_mounts_done(&c->mounts);
	overlay_plan_done(&c->overlay);
	container_record_done(&c->record);
	life_done(&c->life);
	run_image_done(&c->image);
	strvec_done(&c->args);
	strvec_done(&c->env);
	free(c->dir);
	free(c->rootfs);
	if (c->dir_fd >= 0)
		(void)close(c->dir_fd);
	if (c->lock_fd >= 0)
		(void)close(c->lock_fd);
	if (c->volumes_lock_fd >= 0)
		(void)close(c->volumes_lock_fd);
	if (c->ids_lock_fd >= 0)
		(void)close(c->ids_lock_fd);
	run_users_done(&c->users);
	buf_done(&c->passwd);
	buf_done(&c->group);
	strvec_done(&c->lower);
	store_close(c->store);
}

void creation_debug(const struct creation *c, const char *what)
{
	struct timespec now = { 0 };

	if (!c->globals->debug)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
	(void)fprintf(stderr, "sampan: %8.3f ms: %s\n",
		      (double)(now.tv_sec - c->begun.tv_sec) * 1e3 +
			      (double)(now.tv_nsec - c->begun.tv_nsec) / 1e6,
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

/* They are read at each start; one that is not there is told of now. */
static int fill_secrets(const struct creation *run, struct life *l, struct err *e)
{
	const struct strvec *texts = &run->flags->secrets;

	for (size_t i = 0; i < texts->len; i++) {
		cleanup_secret_record struct secret_record record = { 0 };
		cleanup_secret_use struct secret_use use = { 0 };
		int r = secret_use_parse(texts->items[i], &use, e);

		if (r == 0)
			r = secret_find(run->store, use.name, &record, NULL, e);
		if (r < 0)
			return r;
	}
	return strvec_add_all(&l->secrets, texts) < 0 ? no_memory(e) : 0;
}

/* What the flags say of the life that it will have. */
static int fill_life(struct creation *run, struct err *e)
{
	const struct run_flags *f = run->flags;
	struct life *l = &run->life;
	const char *stop = f->stop_signal ? f->stop_signal : run->image.config.stop_signal;
	int r = 0;

	*l = LIFE_DEFAULT;
	l->restart = f->restart;
	l->tty = f->tty;
	l->interactive = f->interactive;
	l->init = f->init;
	l->sdnotify = f->sdnotify;
	l->ephemeral = f->ephemeral || f->ephemeral_size.set;
	l->ephemeral_bytes = f->ephemeral_size.value;
	if (strvec_add_all(&l->annotations, &f->annotations) < 0)
		return no_memory(e);
	if (f->stop_timeout.set)
		l->stop_timeout = (int32_t)f->stop_timeout.value;
	r = fill_secrets(run, l, e);
	if (r == 0)
		r = run_namespaces_life(f, run->store, l, e);
	if (r < 0)
		return r;
	if (stop)
		r = signal_number(stop, &l->stop_signal, e);
	if (r < 0 && !f->stop_signal) { /* docker goes on with the image's nonsense too */
		l->stop_signal = SIGTERM;
		r = 0;
	}
	if (r == 0)
		r = run_health(f, &run->image.config, &l->health, e);
	if (r == 0 && l->sdnotify == NOTIFY_HEALTHY && l->health.test.len == 0)
		r = err_set(e, -EINVAL, "sdnotify policy \"healthy\" requires a healthcheck to be set");
	return r;
}

/* What the log's options make of the container, which is known by now. */
static int fill_log(struct creation *run, struct err *e)
{
	const struct run_flags *f = run->flags;
	const struct log_names names = { .container_id = run->record.id,
					 .container_name = run->record.name,
					 .image_id = run->image.record.config.text,
					 .image_name = run->record.image_name };
	struct life *l = &run->life;
	char tag[LOG_TAG_MAX];
	int r = log_tag(&f->log_options, &names, tag, e);

	if (r == 0)
		r = log_attributes(&f->log_options, &run->spec.annotations, &run->spec.process->env,
				   &l->log_attributes, e);
	if (r < 0)
		return r;
	if (strvec_add_all(&l->log_options, &f->log_options) < 0 ||
	    (f->log_driver && !(l->log_driver = strdup(f->log_driver))) ||
	    (tag[0] && !(l->log_tag = strdup(tag))))
		return no_memory(e);
	return 0;
}

static int check_log(const struct run_flags *f, struct err *e)
{
	struct log_config c = { 0 };
	int r = log_config_parse(f->log_driver, &f->log_options, &c, e);

	if (r == 0 && c.driver == LOG_PASSTHROUGH && f->tty)
		return err_set(e, -EINVAL, "the log driver passthrough cannot be used with a terminal");
	return r;
}

static int copy_args(struct creation *run, char **args, size_t len, struct err *e)
{
	for (size_t i = 0; i < len; i++)
		if (strvec_add(&run->args, args[i]) < 0)
			return no_memory(e);
	for (char **p = environ; p && *p; p++)
		if (strvec_add(&run->env, *p) < 0)
			return no_memory(e);
	return 0;
}

static int fill_record(struct creation *run, const char *image, struct err *e)
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
	c->status = run->starts ? CONTAINER_RUNNING : CONTAINER_CREATED;
	if (!c->image_name || strvec_add_all(&c->layers, &run->image.record.layers) < 0)
		return no_memory(e);
	return run_spec_labels(run->flags, &run->image.config, &c->labels, e);
}

/* Those from `begin` on. A volume is known by its name. */
static int record_binds(struct creation *run, size_t begin, struct err *e)
{
	int r = 0;

	for (size_t i = begin; r == 0 && i < run->mounts.len; i++) {
		const struct run_mount *m = &run->mounts.items[i];
		const char *rest;
		cleanup_free char *volume =
			m->type == RUN_MOUNT_BIND ? volume_of_path(run->store, m->source, &rest) : NULL;

		if (m->type == RUN_MOUNT_BIND && !volume)
			r = strvec_add(&run->record.binds, m->source);
	}
	return r < 0 ? no_memory(e) : 0;
}

/* The volumes come first: a record that is there has all that it names. */
static int resolve_volumes(struct creation *run, struct err *e)
{
	size_t of_flags = run->mounts.len;
	const struct run_volumes_args args = { .store = run->store,
					       .state_dir = run->globals->state_dir,
					       .flags = run->flags,
					       .image = &run->image.config,
					       .lower = &run->lower,
					       .maps = &run->users.maps };
	int r = record_binds(run, 0, e);

	if (r == 0)
		r = run_files_make_sources(&run->mounts, e);
	if (r == 0)
		r = run_volumes_resolve(&args, &run->mounts, &run->record, &run->volumes_lock_fd, e);
	return r == 0 ? record_binds(run, of_flags, e) : r; /* of --volumes-from */
}

/* --rootfs: a directory takes the place of an image's layers. */
static int use_rootfs(struct creation *run, const char *path, struct err *e)
{
	struct stat st;

	run->rootfs = realpath(path, NULL);
	if (!run->rootfs)
		return err_errno(e, "rootfs '%s'", path);
	if (stat(run->rootfs, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(e, -ENOTDIR, "rootfs '%s' is not a directory", path);
	return strvec_add(&run->lower, run->rootfs) < 0 ? no_memory(e) : 0;
}

static int get_image(struct creation *run, const char *image, struct err *e)
{
	int r;

	if (run->flags->rootfs)
		return use_rootfs(run, image, e);
	r = run_image_get(run->store, run->globals, image, run->flags, &run->image, e);
	if (r == 0 && container_lower(run->store, &run->image.record.layers, &run->lower) < 0)
		r = no_memory(e);
	return r;
}

/* Everything that may be refused without a trace. */
static int prepare(struct creation *run, const char *image, char **args, size_t args_len, struct err *e)
{
	const struct run_flags *f = run->flags;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r = run_flags_check(f, cpus > 0 ? (unsigned int)cpus : 1, e);

	if (r == 0)
		r = check_log(f, e);
	if (r == 0)
		r = run_mounts_from_flags(f, &run->mounts, e);
	if (r == 0)
		r = check_cidfile(f->cidfile, e);
	if (r == 0)
		r = copy_args(run, args, args_len, e);
	if (r == 0)
		r = store_open(run->globals->root, &run->store, e);
	if (r == 0)
		r = get_image(run, image, e);
	if (r == 0)
		r = run_network_config(f, &run->image.config, &run->network, e);
	if (r == 0)
		r = run_network_resolve(run->store, &run->network, e);
	if (r == 0)
		r = fill_record(run, image, e);
	if (r == 0)
		r = fill_life(run, e);
	creation_debug(run, "image found");
	return r;
}

/* --- the container on disk --- */

static int replace(const struct creation *run, struct err *e)
{
	static const struct remove_options ALL = { .force = true };

	return run->flags->replace ? remove_container(run->store, run->globals, run->flags->name, &ALL, e)
				   : 0;
}

static const char *text_of(const struct buf *b)
{
	return b->data ? b->data : "";
}

static int create_record(struct creation *run, struct err *e)
{
	int r = replace(run, e);

	if (r == 0)
		r = create_users(run, e);
	if (r == 0)
		r = resolve_volumes(run, e);
	if (r == 0)
		r = container_create(run->store, &run->record, e);
	if (r < 0)
		return r;
	run->created = true;
	if (run->ids_lock_fd >= 0)
		(void)close(fd_take(&run->ids_lock_fd));
	if (run->volumes_lock_fd >= 0)
		(void)close(fd_take(&run->volumes_lock_fd));
	r = container_lock(run->store, run->record.id, false, &run->lock_fd, e);
	if (r == 0)
		r = container_open_dir(run->store, run->record.id, &run->dir_fd, e);
	if (r == 0)
		r = container_overlay(run->store, &run->record, &run->overlay, e);
	if (r < 0)
		return r;
	if (asprintf(&run->dir, "%s/containers/%s", store_root_path(run->store), run->record.id) < 0) {
		run->dir = NULL;
		return no_memory(e);
	}
	if (run->life.ephemeral && mkdirat(run->dir_fd, CONTAINER_VOLATILE, 0700) < 0)
		return err_errno(e, "cannot make '" CONTAINER_VOLATILE "'");
	return 0;
}

static int build_spec(struct creation *run, struct err *e)
{
	char host_name[65] = "localhost", short_id[64];
	struct run_context c = { .id = run->record.id,
				 .host_name = host_name,
				 .env = &run->env,
				 .args = &run->args,
				 .user = run->users.user,
				 .rootfs = run->rootfs };
	struct run_files_args files = { .network = &run->network,
					.tz = run->flags->tz,
					.dir = run->dir,
					.dir_fd = run->dir_fd,
					.maps = &run->users.maps };
	int r;

	(void)gethostname(host_name, sizeof(host_name) - 1); /* "localhost" where it does not fit */
	c.passwd = text_of(&run->passwd);
	c.group = text_of(&run->group);
	files.hostname = run_hostname(run->flags, &c, short_id);
	r = run_files_make(&files, &run->mounts, e);
	if (r == 0)
		r = create_users_files(run, &run->mounts, e);
	if (r == 0)
		r = run_spec_build(run->flags, &run->image.config, &c, &run->mounts, &run->spec, e);
	if (r == 0 && process_in_user_namespace())
		r = runtime_spec_bind_kernel_fs(&run->spec, e);
	return r < 0 ? r
		     : run_userns_apply(&run->users.maps, run->flags->userns, store_root_path(run->store),
					&run->spec, e);
}

static int write_cidfile(const struct creation *run, struct err *e)
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

int creation_sync(void *creation, struct err *e)
{
	static const char *const NAMES[] = { CONTAINER_SPEC_FILE, CONTAINER_LIFE_FILE, NETWORK_CONFIG_FILE };
	struct creation *run = creation;
	size_t len = ARRAY_LEN(NAMES);

	if (!run->unsynced)
		return 0;
	run->unsynced = false;
	if (run->network.mode == NETWORK_NONE)
		len--;
	return file_sync_all(run->dir_fd, NAMES, len, e);
}

/* What belongs to a container: to be durable, but for one that goes with its process. One that is started is so before it runs anything (run_container). */
static int write_files(struct creation *run, struct err *e)
{
	int r = container_spec_write(run->dir_fd, &run->spec, false, e);

	if (r == 0)
		r = life_write(run->dir_fd, &run->life, false, e);
	if (r == 0 && run->network.mode != NETWORK_NONE)
		r = network_config_save(run->dir_fd, &run->network, false, e);
	run->unsynced = r == 0 && !run->record.auto_remove;
	return r < 0 || run->starts ? r : creation_sync(run, e);
}

/* The spec, the files, the terminal's size. */
static int create(struct creation *run, struct err *e)
{
	struct spec_process *p;
	unsigned int rows, columns;
	int r = create_record(run, e);

	creation_debug(run, "record written");
	if (r == 0)
		r = build_spec(run, e);
	if (r < 0)
		return r;
	creation_debug(run, "spec built");
	p = run->spec.process;
	run_check_program(&run->lower, &p->args, &p->env, p->cwd, &run->image.config.platform);
	creation_debug(run, "program looked at");
	if (run->flags->tty && run_tty_size(&rows, &columns)) {
		p->console_height = (struct opt_u64){ .set = true, .value = rows };
		p->console_width = (struct opt_u64){ .set = true, .value = columns };
	}
	r = fill_log(run, e);
	if (r == 0)
		r = write_files(run, e);
	if (r == 0)
		r = write_cidfile(run, e);
	if (r == 0) /* the record keeps the layers from now on */
		(void)close(fd_take(&run->image.lock_fd));
	creation_debug(run, "files written");
	return r;
}

/* docker's `create` leaves nothing behind either. */
static void undo(struct creation *c)
{
	struct err ignored;

	if (c->volumes_lock_fd >= 0)
		(void)close(fd_take(&c->volumes_lock_fd));
	if (c->created)
		IGNORE_RESULT(container_remove(c->store, c->record.id, &ignored));
	for (size_t i = 0; i < c->record.anonymous_volumes.len; i++) /* those of others are in use */
		IGNORE_RESULT(volume_remove(c->store, c->record.anonymous_volumes.items[i], &ignored));
}

/* One that is started at once comes to its trim with its end. */
static void tell(const struct creation *c)
{
	cleanup_event_batch struct event_batch b = EVENT_BATCH_EMPTY;

	container_event_add(&b, &c->record, "create", NULL);
	if (c->starts && !c->flags->detach) /* told before it is, to spare a write */
		container_event_add(&b, &c->record, "attach", NULL);
	event_batch_write(&b, c->globals->state_dir, !c->starts);
	creation_debug(c, "event written");
}

int create_container(struct creation *c, const char *image, char **args, size_t args_len, struct err *e)
{
	int r;

	(void)clock_gettime(CLOCK_MONOTONIC, &c->begun); /* cannot fail with this clock */
	r = prepare(c, image, args, args_len, e);
	if (r == 0)
		r = create(c, e);
	if (r < 0)
		undo(c);
	else
		tell(c);
	return r;
}
