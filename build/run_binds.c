/* SPDX-License-Identifier: Apache-2.0 */
#include "build/run_binds.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "build/copy.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/rootfd.h"
#include "oci/overlay.h"
#include "pull/hash.h"
#include "runtime/rootfs.h"
#include "runtime/sys_mount.h"

#define SECRETS_OPTIONS "mode=0700,size=64m"
#define SECRET_MODE     0400
#define CACHE_MODE      0755
#define CACHE_TEXT_MAX  131072
#define PLACE_MAX       96 /* a name in staging */

void run_binds_done(struct run_binds *b)
{
	for (size_t i = 0; i < b->caches_len; i++)
		cache_mount_done(&b->caches[i].mount);
	free(b->caches);
	free(b->secrets);
	b->caches = NULL;
	b->caches_len = 0;
	b->secrets = NULL;
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot prepare a mount");
}

/* --- places in staging ------------------------------------------------------------------------------------ */

/* A name of our own below staging, and its whole path. */
static int new_place(struct run_binds *b, char name[PLACE_MAX], char **ret_path, struct err *e)
{
	const struct build *build = b->place->x->build;

	(void)snprintf(name, PLACE_MAX, "%s.m%zu", b->place->job->name, b->made_len++);
	if (asprintf(ret_path, "%s/staging/%s/%s", store_root_path(build->store), build->staging.name, name) <
	    0) {
		*ret_path = NULL;
		return no_memory(e);
	}
	return 0;
}

static int add_spec(struct run_binds *b, const char *destination, const char *source,
		    const struct run_mount *m, bool readonly, struct err *e)
{
	struct spec_mount *mount = spec_add_mount(b->spec, destination, "bind", source);
	int r = mount ? strvec_add(&mount->options, "rbind") : -ENOMEM;

	if (r == 0)
		r = strvec_add(&mount->options, readonly ? "ro" : "rw");
	if (r == 0 && m && m->nosuid)
		r = strvec_add(&mount->options, "nosuid");
	if (r == 0 && m && m->nodev)
		r = strvec_add(&mount->options, "nodev");
	if (r == 0 && m && m->noexec)
		r = strvec_add(&mount->options, "noexec");
	return r < 0 ? no_memory(e) : 0;
}

int run_binds_add_file(struct run_binds *b, const char *destination, const char *text, mode_t mode,
		       struct err *e)
{
	cleanup_free char *path = NULL;
	char name[PLACE_MAX];
	int r = new_place(b, name, &path, e);

	if (r == 0)
		r = file_write_atomic(b->place->x->build->staging.fd, name, text, strlen(text), mode, e);
	if (r == 0 && fchmodat(b->place->x->build->staging.fd, name, mode, 0) < 0)
		r = err_errno(e, "cannot write '%s'", destination);
	return r < 0 ? r : add_spec(b, destination, path, NULL, true, e);
}

/* --- type=bind ---------------------------------------------------------------------------------------------- */

/* What is open at fd gets a path that nobody can swap: a mount in a place of our own. */
static int pin(struct run_binds *b, int fd, char **ret_path, struct err *e)
{
	int staging_fd = b->place->x->build->staging.fd;
	struct stat st;
	char name[PLACE_MAX];
	int r = new_place(b, name, ret_path, e);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look at what is to be mounted");
	if (S_ISDIR(st.st_mode)) {
		if (mkdirat(staging_fd, name, 0700) < 0)
			return err_errno(e, "cannot make a mount point");
	} else {
		cleanup_fd int file = openat(staging_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		if (file < 0)
			return err_errno(e, "cannot make a mount point");
	}
	if (mount(fd_path(fd).text, *ret_path, NULL, MS_BIND, NULL) < 0)
		return err_errno(e, "cannot mount what is to be mounted");
	return 0;
}

/* A directory of a stage that may be written to, and what is written is dropped. */
static int pin_writable(struct run_binds *b, const char *lower, char **ret_path, struct err *e)
{
	cleanup_overlay_plan struct overlay_plan plan = { .temporary = true };
	char **const parts[] = { &plan.upper, &plan.work, &plan.target };
	char name[PLACE_MAX];
	int r = strvec_add(&plan.lower, lower);

	if (r < 0)
		return no_memory(e);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++) {
		r = new_place(b, name, parts[i], e);
		if (r == 0 && mkdirat(b->place->x->build->staging.fd, name, 0755) < 0)
			r = err_errno(e, "cannot make a mount point");
	}
	if (r == 0)
		r = rootfs_mount_overlay(&plan, e);
	if (r == 0)
		*ret_path = ptr_take(plan.target);
	return r;
}

/* Of a folder a copy is mounted: without what the ignore file leaves out, and whatever RUN does to it, the folder is as it was. */
static int copy_folder(struct run_binds *b, const struct tree_ref *from, const char *source, bool chown,
		       char **ret_path, struct err *e)
{
	const struct spec_user *user = &b->spec->process->user;
	const struct copy_options o = { .dest = "/data",
					.chown = chown,
					.uid = user->uid,
					.gid = user->gid,
					.keep_owners = from->owners && !chown };
	cleanup_free char *place = NULL;
	cleanup_fd int dir_fd = -1;
	char name[PLACE_MAX];
	int r = new_place(b, name, &place, e);

	if (r == 0)
		r = dir_make_open(b->place->x->build->staging.fd, name, 0700, &dir_fd, e);
	if (r == 0)
		r = copy_sources(&from->context, &source, 1, dir_fd, &o, e);
	if (r < 0)
		return r;
	if (asprintf(ret_path, "%s/data", place) < 0) {
		*ret_path = NULL;
		return no_memory(e);
	}
	return 0;
}

static int pin_tree(struct run_binds *b, const struct tree_ref *from, const char *source, bool writable,
		    char **ret_path, struct err *e)
{
	/* The mount as it is in our own namespace: another's cannot be bound. */
	int r = execution_mount_tree(b->place->x, from->tree, e);
	cleanup_free char *pinned = NULL;
	cleanup_fd int root_fd = -1;
	cleanup_fd int fd = -1;
	struct stat st;

	if (r < 0)
		return r;
	root_fd = open(from->tree->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_errno(e, "cannot open '%s'", from->tree->path);
	r = rootfd_open(root_fd, source, O_PATH, 0, &fd, e);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look at '%s'", source);
	if (writable && !S_ISDIR(st.st_mode))
		return copy_folder(b, from, source, false, ret_path, e);
	r = pin(b, fd, writable ? &pinned : ret_path, e);
	return r < 0 || !writable ? r : pin_writable(b, pinned, ret_path, e);
}

static int add_bind(struct run_binds *b, const struct plan_run_mount *m, struct err *e)
{
	const char *source = m->mount.source ? m->mount.source : "/";
	cleanup_free char *path = NULL;
	struct tree_ref from;
	int r = execution_source(b->place->x, &m->from, &from, e);

	if (r == 0)
		r = from.tree && !m->mount.chown ? pin_tree(b, &from, source, !m->mount.readonly, &path, e)
						 : copy_folder(b, &from, source, m->mount.chown, &path, e);
	return r < 0 ? r : add_spec(b, m->mount.target, path, &m->mount, m->mount.readonly, e);
}

/* --- type=cache --------------------------------------------------------------------------------------------- */

static uint32_t or_else(const struct run_mount_number *n, uint32_t other)
{
	return n->set ? n->value : other;
}

/* What a new one begins with. */
static int fill_cache(struct run_binds *b, const struct plan_run_mount *m, int data_fd, struct err *e)
{
	const struct copy_options o = { .dest = "/", .keep_owners = true };
	const char *source = m->mount.source ? m->mount.source : "/";
	struct tree_ref from;
	int r;

	if (m->from.kind == PLAN_SCRATCH)
		return 0;
	r = execution_source(b->place->x, &m->from, &from, e);
	return r < 0 ? r : copy_sources(&from.context, &source, 1, data_fd, &o, e);
}

/* As BuildKit has it, caches of one ID that begin differently are different ones. */
static int cache_digest(struct run_binds *b, const struct plan_run_mount *m, struct digest *ret,
			struct err *e)
{
	const struct run_mount_number *const numbers[] = { &m->mount.uid, &m->mount.gid, &m->mount.mode };
	cleanup_buf struct buf text = BUF_INIT(CACHE_TEXT_MAX);
	struct tree_ref from = { 0 };
	int r = buf_add_str(&text, m->mount.id);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(numbers); i++)
		if (numbers[i]->set)
			r = buf_printf(&text, "%c%zu=%u", 0, i, numbers[i]->value);
	if (r == 0 && m->from.kind != PLAN_SCRATCH) {
		if (execution_source(b->place->x, &m->from, &from, e) < 0)
			return e->code;
		r = buf_printf(&text, "%cfrom=%s%s", 0, from.tree ? from.tree->id.text : "folder",
			       m->mount.source ? m->mount.source : "");
	}
	return r < 0 ? no_memory(e) : hash_bytes("sha256", text.data, text.len, ret, e);
}

static const struct run_cache *find_cache(const struct run_binds *b, const struct digest *digest)
{
	for (size_t i = 0; i < b->caches_len; i++)
		if (digest_equal(&b->caches[i].digest, digest))
			return &b->caches[i];
	return NULL;
}

static int open_cache(struct run_binds *b, const struct plan_run_mount *m, const struct digest *digest,
		      struct err *e)
{
	static const enum cache_mount_sharing SHARING[] = { [RUN_MOUNT_SHARED] = CACHE_MOUNT_SHARED,
							    [RUN_MOUNT_PRIVATE] = CACHE_MOUNT_PRIVATE,
							    [RUN_MOUNT_LOCKED] = CACHE_MOUNT_LOCKED };
	const struct cache_mount_request q = { .id = m->mount.id,
					       .id_digest = *digest,
					       .sharing = SHARING[m->mount.sharing],
					       .mode = or_else(&m->mount.mode, CACHE_MODE),
					       .uid = or_else(&m->mount.uid, 0),
					       .gid = or_else(&m->mount.gid, 0),
					       .now_s = (int64_t)time(NULL) };
	struct run_cache *caches = reallocarray(b->caches, b->caches_len + 1, sizeof(*caches));
	struct run_cache *cache;
	int r;

	if (!caches)
		return no_memory(e);
	b->caches = caches;
	cache = &caches[b->caches_len];
	*cache = (struct run_cache){ .mount = CACHE_MOUNT_EMPTY, .digest = *digest };
	r = cache_mount_open(b->place->x->build->store, &q, &cache->mount, e);
	if (r < 0)
		return r;
	b->caches_len++;
	return cache->mount.made ? fill_cache(b, m, cache->mount.data_fd, e) : 0;
}

/* A mount of the step whose cache is to be opened. */
struct wanted_cache {
	struct digest digest;
	const struct plan_run_mount *mount;
	size_t index;
};

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted_cache *x = a, *y = b;
	int order = strcmp(x->digest.text, y->digest.text);

	return order ? order : x->index < y->index ? -1 : x->index > y->index;
}

/* All of them, always in the order of their digests: two steps that lock the same caches would wait for each other for ever. */
static int open_caches(struct run_binds *b, struct err *e)
{
	const struct plan_run *run = &b->place->step->run;
	cleanup_free struct wanted_cache *wanted = calloc(run->mounts_len + 1, sizeof(*wanted));
	size_t len = 0;
	int r = 0;

	if (!wanted)
		return no_memory(e);
	for (size_t i = 0; r == 0 && i < run->mounts_len; i++) {
		if (run->mounts[i].mount.type != RUN_MOUNT_CACHE)
			continue;
		wanted[len] = (struct wanted_cache){ .mount = &run->mounts[i], .index = i };
		r = cache_digest(b, &run->mounts[i], &wanted[len++].digest, e);
	}
	qsort(wanted, len, sizeof(*wanted), compare_wanted);
	for (size_t i = 0; r == 0 && i < len; i++)
		if (!find_cache(b, &wanted[i].digest)) /* who has its lock need not wait for it */
			r = open_cache(b, wanted[i].mount, &wanted[i].digest, e);
	return r;
}

static int add_cache(struct run_binds *b, const struct plan_run_mount *m, struct err *e)
{
	const struct run_cache *cache;
	cleanup_free char *path = NULL;
	struct digest digest;
	int r = cache_digest(b, m, &digest, e);

	if (r < 0)
		return r;
	cache = find_cache(b, &digest); /* it is open */
	path = cache ? cache_mount_data_path(b->place->x->build->store, cache->mount.name) : NULL;
	if (!path)
		return no_memory(e);
	if (m->mount.chown &&
	    fchown(cache->mount.data_fd, b->spec->process->user.uid, b->spec->process->user.gid) < 0)
		return err_errno(e, "cannot change the owner of cache '%s'", m->mount.id);
	return add_spec(b, m->mount.target, path, &m->mount, m->mount.readonly, e);
}

/* --- type=tmpfs --------------------------------------------------------------------------------------------- */

static int add_tmpfs(struct run_binds *b, const struct run_mount *m, struct err *e)
{
	struct spec_mount *mount = spec_add_mount(b->spec, m->target, "tmpfs", "tmpfs");
	int r = mount ? strvec_add(&mount->options, "nosuid") : -ENOMEM;

	if (r == 0 && m->readonly)
		r = strvec_add(&mount->options, "ro");
	if (r == 0 && m->nodev)
		r = strvec_add(&mount->options, "nodev");
	if (r == 0 && m->noexec)
		r = strvec_add(&mount->options, "noexec");
	if (r == 0)
		r = strvec_addf(&mount->options, "mode=%o", m->mode.set ? m->mode.value : 01777u);
	if (r == 0 && m->size_bytes > 0)
		r = strvec_addf(&mount->options, "size=%llu", (unsigned long long)m->size_bytes);
	return r < 0 ? no_memory(e) : 0;
}

/* --- type=secret, type=ssh ------------------------------------------------------------------------------------ */

static const struct build_secret *find_secret(const struct run_binds *b, const char *id)
{
	const struct build_params *p = b->place->x->params;

	for (size_t i = 0; i < p->secrets_len; i++)
		if (strcmp(p->secrets[i].id, id) == 0)
			return &p->secrets[i];
	return NULL;
}

/* Secrets are never on a disk: they are files of a tmpfs that this process alone has mounted. */
static int make_secrets_dir(struct run_binds *b, struct err *e)
{
	cleanup_free char *path = NULL;
	char name[PLACE_MAX];
	int r;

	if (b->secrets)
		return 0;
	r = new_place(b, name, &path, e);
	if (r < 0)
		return r;
	if (mkdirat(b->place->x->build->staging.fd, name, 0700) < 0)
		return err_errno(e, "cannot make a mount point");
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, SECRETS_OPTIONS) < 0)
		return err_errno(e, "cannot mount a tmpfs for secrets");
	b->secrets = ptr_take(path);
	return 0;
}

static int write_secret(const struct run_binds *b, const struct run_mount *m, const struct build_secret *s,
			char **ret_path, struct err *e)
{
	mode_t mode = or_else(&m->mode, SECRET_MODE);
	cleanup_fd int fd = -1;

	if (asprintf(ret_path, "%s/%zu", b->secrets, b->spec->mounts_len) < 0) {
		*ret_path = NULL;
		return no_memory(e);
	}
	fd = open(*ret_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write_all(fd, s->data ? s->data : "", s->len) < 0 ||
	    fchown(fd, or_else(&m->uid, 0), or_else(&m->gid, 0)) < 0 || fchmod(fd, mode) < 0)
		return err_errno(e, "cannot write secret '%s'", s->id);
	return 0;
}

static int add_secret_env(struct run_binds *b, const struct run_mount *m, const struct build_secret *s,
			  struct err *e)
{
	cleanup_free char *text = NULL;
	int r;

	if (s->data && memchr(s->data, '\0', s->len))
		return err_set(e, -EINVAL, "secret '%s' has a NUL byte: it cannot be a variable", s->id);
	if (asprintf(&text, "%s=%.*s", m->env, (int)s->len, s->data ? s->data : "") < 0) {
		text = NULL;
		return no_memory(e);
	}
	r = strvec_set_env(&b->spec->process->env, text);
	return r < 0 ? no_memory(e) : 0;
}

static int add_secret(struct run_binds *b, const struct run_mount *m, struct err *e)
{
	const struct build_secret *s = find_secret(b, m->id);
	cleanup_free char *path = NULL;
	int r = 0;

	if (!s)
		return m->required ? err_set(e, -ENOENT, "secret %s: not found", m->id) : 0;
	if (m->env)
		r = add_secret_env(b, m, s, e);
	if (r < 0 || !m->target)
		return r;
	r = make_secrets_dir(b, e);
	if (r == 0)
		r = write_secret(b, m, s, &path, e);
	return r < 0 ? r : add_spec(b, m->target, path, NULL, true, e);
}

static int add_ssh(struct run_binds *b, const struct run_mount *m, struct err *e)
{
	const struct build_params *p = b->place->x->params;
	cleanup_free char *text = NULL;
	int r;

	for (size_t i = 0; i < p->ssh_len; i++) {
		if (strcmp(p->ssh[i].id, m->id) != 0)
			continue;
		r = add_spec(b, m->target, p->ssh[i].socket_path, NULL, true, e);
		if (r < 0)
			return r;
		if (strvec_get_env(&b->spec->process->env, "SSH_AUTH_SOCK"))
			return 0; /* the first one is it */
		if (asprintf(&text, "SSH_AUTH_SOCK=%s", m->target) < 0) {
			text = NULL;
			return no_memory(e);
		}
		return strvec_set_env(&b->spec->process->env, text) < 0 ? no_memory(e) : 0;
	}
	return m->required
		       ? err_set(e, -ENOENT, "no ssh handler for id %s (build with --ssh %s)", m->id, m->id)
		       : 0;
}

/* --- all of them ---------------------------------------------------------------------------------------------- */

static int add_one(struct run_binds *b, const struct plan_run_mount *m, struct err *e)
{
	switch (m->mount.type) {
	case RUN_MOUNT_CACHE:
		return add_cache(b, m, e);
	case RUN_MOUNT_TMPFS:
		return add_tmpfs(b, &m->mount, e);
	case RUN_MOUNT_SECRET:
		return add_secret(b, &m->mount, e);
	case RUN_MOUNT_SSH:
		return add_ssh(b, &m->mount, e);
	case RUN_MOUNT_BIND:
	default:
		return add_bind(b, m, e);
	}
}

int run_binds_add(struct run_binds *b, struct err *e)
{
	const struct plan_run *run = &b->place->step->run;
	int r = open_caches(b, e);

	for (size_t i = 0; r == 0 && i < run->mounts_len; i++)
		r = add_one(b, &run->mounts[i], e);
	return r;
}
