/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_volumes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/find_image.h"
#include "cli/run_image_file.h"
#include "common/cleanup.h"
#include "common/process.h"
#include "common/rootfd.h"
#include "engine/container_spec.h"
#include "engine/image_root.h"
#include "store/container_event.h"
#include "store/volume.h"

struct resolving {
	const struct run_volumes_args *args;
	struct run_mounts *mounts;
	struct container_record *record;
	int lock_fd;
	int root_fd; /* of the image, once it was needed */
};

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

/* --- what is to be mounted beside what the flags said --- */

/* The image's VOLUMEs, but not those where something is mounted, or where it has a file. */
static int add_image_volumes(const struct resolving *g, struct err *e)
{
	const struct strvec *targets = &g->args->image->volumes;

	for (size_t i = 0; i < targets->len; i++) {
		bool empty;
		struct stat st;
		int r = run_image_stat_dir(g->args->lower, targets->items[i], &st, &empty, e);

		if (r == -ENOTDIR)
			continue;
		if (r == 0 || r == -ENOENT)
			r = run_mounts_add_default(g->mounts, RUN_MOUNT_ANONYMOUS, NULL, targets->items[i],
						   e);
		if (r < 0)
			return err_wrap(e, "the image's volume '%s'", targets->items[i]);
	}
	return 0;
}

/* A volume, or a directory of the host that the user has mounted: what is in the container's own directory is its own affair. */
static bool is_handed_on(const struct spec_mount *m, const char *dir)
{
	size_t len = strlen(dir);

	return m->type && strcmp(m->type, "bind") == 0 && m->source && m->source[0] == '/' &&
	       !(strncmp(m->source, dir, len) == 0 && m->source[len] == '/');
}

static bool is_anonymous_of(const struct container_record *c, const char *volume)
{
	return strvec_has(&c->anonymous_volumes, volume);
}

static int note_volume(struct container_record *record, const char *name, bool anonymous)
{
	int r = strvec_has(&record->volumes, name) ? 0 : strvec_add(&record->volumes, name);

	if (r == 0 && anonymous && !strvec_has(&record->anonymous_volumes, name))
		r = strvec_add(&record->anonymous_volumes, name);
	return r;
}

/* mode: "ro", "rw", or NULL for as it is there. */
static int hand_on(const struct resolving *g, const struct container_record *from, const struct spec_mount *m,
		   const char *mode, struct err *e)
{
	const char *rest;
	cleanup_free char *volume = volume_of_path(g->args->store, m->source, &rest);
	struct run_mount *added;
	int r;

	if (run_mounts_find(g->mounts, m->destination))
		return 0;
	r = run_mounts_add_default(g->mounts, RUN_MOUNT_BIND, m->source, m->destination, e);
	if (r < 0)
		return r;
	added = &g->mounts->items[g->mounts->len - 1];
	strvec_done(&added->options);
	for (size_t i = 0; r == 0 && i < m->options.len; i++) {
		const char *option = m->options.items[i];

		if (!mode || (strcmp(option, "ro") != 0 && strcmp(option, "rw") != 0))
			r = strvec_add(&added->options, option);
	}
	if (r == 0 && mode && strcmp(mode, "ro") == 0)
		r = strvec_add(&added->options, "ro");
	if (r == 0 && volume)
		r = note_volume(g->record, volume, is_anonymous_of(from, volume));
	return r < 0 ? no_memory(e) : 0;
}

/* "CONTAINER[:ro|rw]" */
static int split_from(const char *text, char **ret_name, const char **ret_mode, struct err *e)
{
	const char *colon = strrchr(text, ':');

	*ret_mode = NULL;
	if (colon && strcmp(colon + 1, "z") != 0 && strcmp(colon + 1, "Z") != 0)
		*ret_mode = colon + 1;
	if (*ret_mode && strcmp(*ret_mode, "ro") != 0 && strcmp(*ret_mode, "rw") != 0)
		return err_set(e, -EINVAL, "invalid mode for volumes-from: %s", *ret_mode);
	*ret_name = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
	return *ret_name ? 0 : no_memory(e);
}

static int add_from(const struct resolving *g, const char *text, struct err *e)
{
	cleanup_container_record struct container_record from = { 0 };
	cleanup_runtime_spec struct runtime_spec spec = { 0 };
	cleanup_free char *name = NULL;
	cleanup_free char *dir = NULL;
	cleanup_fd int dir_fd = -1;
	const char *mode;
	int r = split_from(text, &name, &mode, e);

	if (r == 0)
		r = container_find(g->args->store, name, &from, e);
	if (r == 0)
		r = container_open_dir(g->args->store, from.id, &dir_fd, e);
	if (r == 0)
		r = container_spec_read(dir_fd, &spec, e);
	if (r < 0)
		return r;
	if (asprintf(&dir, "%s/containers/%s", store_root_path(g->args->store), from.id) < 0) {
		dir = NULL;
		return no_memory(e);
	}
	for (size_t i = 0; r == 0 && i < spec.mounts_len; i++)
		if (is_handed_on(&spec.mounts[i], dir))
			r = hand_on(g, &from, &spec.mounts[i], mode, e);
	return r;
}

/* --- volumes --- */

static int lock(struct resolving *g, struct err *e)
{
	return g->lock_fd >= 0 ? 0 : volume_lock(g->args->store, false, &g->lock_fd, e);
}

/* The image's directory at `target`. *ret_fd stays -1 where it has none. */
static int open_in_image(struct resolving *g, const char *target, int *ret_fd, struct err *e)
{
	cleanup_free char *covered = NULL;
	struct err ignored;
	struct stat st;
	bool empty;
	int fd, r;

	if (run_image_stat_dir(g->args->lower, target, &st, &empty, &ignored) < 0)
		return 0;
	if (g->root_fd < 0) {
		if (asprintf(&covered, "%s/containers", store_root_path(g->args->store)) < 0) {
			covered = NULL;
			return no_memory(e);
		}
		r = image_root_open(g->args->lower, covered, &g->root_fd, e);
		if (r < 0)
			return r;
	}
	fd = rootfd_try_open(g->root_fd, target, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR
			       ? 0
			       : err_code(e, fd, "cannot open '%s' of the image", target);
	*ret_fd = fd;
	return 0;
}

/* Without root a volume is not idmapped: a new one that would be nobody's in the container becomes its root's. */
static int give(const struct resolving *g, const char *name, struct err *e)
{
	const struct id_maps *m = g->args->maps;
	cleanup_fd int fd = -1;
	int r;

	if (m->uids_len == 0 || !process_in_user_namespace())
		return 0;
	for (size_t i = 0; i < m->uids_len; i++)
		if (m->uids[i].host_id == 0)
			return 0; /* it is the user's own there too */
	r = volume_open_data(g->args->store, name, &fd, e);
	if (r < 0)
		return r;
	return fchown(fd, spec_host_id(m->uids, m->uids_len, 0), spec_host_id(m->gids, m->gids_len, 0)) < 0
		       ? err_errno(e, "cannot give volume '%s' to the container", name)
		       : 0;
}

/* With what its options name mounted, so that it can be seen and filled; what stays mounted is of use to the start that follows. */
static int fill(struct resolving *g, const struct run_mount *m, const struct volume_record *v, struct err *e)
{
	const struct store *s = g->args->store;
	cleanup_fd int src_fd = -1;
	bool wanted = !m->no_copy && !m->subpath, needed = true;
	int r = v->options.len > 0 && wanted ? volume_mount(s, v->name, e) : 0;

	if (r == 0)
		r = volume_needs_filling(s, v->name, &needed, e);
	if (r < 0 || !needed)
		return r;
	if (wanted)
		r = open_in_image(g, m->target, &src_fd, e);
	if (r == 0 && src_fd < 0)
		r = give(g, v->name, e);
	return r == 0 ? volume_fill(s, v->name, src_fd, !(v->anonymous && g->args->flags->rm), e) : r;
}

/* A subpath may be whatever the volume's users make of it: it is looked up at each start, inside the volume (engine/launch_mounts.h). Here just so that
 * mistakes are told early. */
static int check_subpath(const struct store *s, const char *name, const char *subpath, struct err *e)
{
	cleanup_fd int data_fd = -1;
	cleanup_fd int fd = -1;
	int r = volume_open_data(s, name, &data_fd, e);

	if (r < 0)
		return r;
	fd = rootfd_try_open(data_fd, subpath, O_PATH);
	return fd < 0 ? err_code(e, fd, "cannot access path %s of volume %s", subpath, name) : 0;
}

static int set_source(const struct store *s, struct run_mount *m, const char *volume, struct err *e)
{
	cleanup_free char *data = volume_data_path(s, volume);
	char *path;

	if (!data ||
	    asprintf(&path, "%s%s", data, m->subpath && strcmp(m->subpath, "/") != 0 ? m->subpath : "") < 0)
		return no_memory(e);
	free(m->source);
	m->source = path;
	m->type = RUN_MOUNT_BIND;
	return 0;
}

static int resolve_volume(struct resolving *g, struct run_mount *m, struct err *e)
{
	cleanup_volume_record struct volume_record v = { .anonymous = m->type == RUN_MOUNT_ANONYMOUS };
	const struct store *s = g->args->store;
	bool made, anonymous = v.anonymous;
	int r = lock(g, e);

	if (r < 0)
		return r;
	if (!anonymous && !(v.name = strdup(m->source)))
		return no_memory(e);
	if (strvec_add_all(&v.labels, &m->labels) < 0 || strvec_add_all(&v.options, &m->driver_options) < 0)
		return no_memory(e);
	r = volume_create(s, &v, &made, e);
	if (r == 0 && made)
		volume_event(g->args->state_dir, v.name, "create");
	if (r == 0 && note_volume(g->record, v.name, anonymous) < 0)
		r = no_memory(e);
	if (r == 0)
		r = fill(g, m, &v, e);
	if (r == 0 && m->subpath && v.options.len == 0)
		r = check_subpath(s, v.name, m->subpath, e);
	return r == 0 ? set_source(s, m, v.name, e) : r;
}

/* --- images --- */

/* The mount's option; overlayfs reads ':' and ',' in it. */
static int lower_option(const struct strvec *lower, struct strvec *options, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(4000); /* mount(2): one page, with the other options */
	int r = buf_add_str(&text, "lowerdir=");

	for (size_t i = 0; r == 0 && i < lower->len; i++)
		r = strpbrk(lower->items[i], ":,\\")
			    ? -EINVAL
			    : buf_printf(&text, "%s%s", i ? ":" : "", lower->items[i]);
	if (r == -EINVAL)
		return err_set(e, -EOPNOTSUPP, "the store's path has ':' or ',' in it");
	if (r == -EFBIG)
		return err_set(e, r, "the image has too many layers (%zu) to be mounted in a container",
			       lower->len);
	return r < 0 || strvec_add(options, text.data) < 0 || strvec_add(options, "ro") < 0 ? no_memory(e)
											    : 0;
}

/* Only what the image has at the subpath. Nobody changes layers: it can be looked up once and for all. */
static int narrow(struct strvec *lower, const char *subpath, struct err *e)
{
	cleanup_strvec struct strvec parts = { 0 };
	int r = run_image_parts(lower, subpath, &parts, e);

	if (r < 0)
		return r;
	if (parts.len > 1 && strpbrk(subpath, ":,\\"))
		return err_set(e, -EOPNOTSUPP, "the subpath has ':', ',' or '\\' in it");
	strvec_done(lower);
	*lower = parts;
	parts = (struct strvec){ 0 };
	return 0;
}

static int resolve_image(const struct resolving *g, struct run_mount *m, struct err *e)
{
	cleanup_image_record struct image_record image = { 0 };
	cleanup_strvec struct strvec lower = { 0 };
	const struct store *s = g->args->store;
	int r = find_image(s, m->source, &image, e);

	if (r < 0)
		return err_wrap(e, "cannot mount an image on '%s'", m->target);
	r = container_lower(s, &image.layers, &lower);
	if (r == 0)
		r = strvec_add_all(&g->record->mounted_layers, &image.layers);
	if (r < 0)
		return no_memory(e);
	if (m->subpath)
		r = narrow(&lower, m->subpath, e);
	if (r < 0)
		return err_wrap(e, "cannot mount an image on '%s'", m->target);
	strvec_done(&m->options);
	if (lower.len != 1) {
		r = lower_option(&lower, &m->options, e);
		return r < 0 ? err_wrap(e, "image '%s'", m->source) : 0;
	}
	free(m->source);
	m->source = ptr_take(lower.items[0]);
	lower.len = 0;
	m->type = RUN_MOUNT_BIND;
	return strvec_add(&m->options, "rbind") < 0 || strvec_add(&m->options, "rprivate") < 0 ||
			       strvec_add(&m->options, "ro") < 0
		       ? no_memory(e)
		       : 0;
}

static int resolve(struct resolving *g, struct err *e)
{
	const struct strvec *from = &g->args->flags->volumes_from;
	int r = from->len > 0 ? lock(g, e) : 0;

	for (size_t i = 0; r == 0 && i < from->len; i++)
		r = add_from(g, from->items[i], e);
	if (r == 0)
		r = add_image_volumes(g, e);
	for (size_t i = 0; r == 0 && i < g->mounts->len; i++) {
		struct run_mount *m = &g->mounts->items[i];

		if (m->type == RUN_MOUNT_VOLUME || m->type == RUN_MOUNT_ANONYMOUS)
			r = resolve_volume(g, m, e);
		else if (m->type == RUN_MOUNT_IMAGE)
			r = resolve_image(g, m, e);
	}
	return r;
}

int run_volumes_resolve(const struct run_volumes_args *a, struct run_mounts *mounts,
			struct container_record *record, int *ret_lock_fd, struct err *e)
{
	struct resolving g = { .args = a, .mounts = mounts, .record = record, .lock_fd = -1, .root_fd = -1 };
	int r = resolve(&g, e);

	if (g.root_fd >= 0)
		(void)close(g.root_fd); /* it was only for reading */
	if (r < 0 && g.lock_fd >= 0)
		(void)close(fd_take(&g.lock_fd)); /* so that what was made can go again */
	if (r == 0)
		*ret_lock_fd = g.lock_fd;
	return r;
}
