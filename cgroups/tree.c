/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroups/cgroup.h"
#include "cgroups/files.h"
#include "cgroups/host.h"
#include "cgroups/path.h"
#include "cgroups/systemd.h"
#include "cgroups/tree.h"
#include "common/cleanup.h"
#include "common/file.h"

#define CONTROLLERS_MAX 256 /* bytes of a list of all controllers, and room for more */
#define CREATE_ATTEMPTS 8   /* while others remove an empty parent under our feet */
#define SUBTREE_CONTROL "/cgroup.subtree_control"
#define FULL_PATH_MAX   (PATH_MAX - sizeof(SUBTREE_CONTROL))

void cgroup_done(struct cgroup *c)
{
	if (c->path && c->dir_fd >= 0)
		(void)close(c->dir_fd); /* a directory: nothing can be lost */
	free(c->path);
	cgroup_settle(c);
	free(c->unit);
	*c = (struct cgroup){ .dir_fd = -1 };
}

static struct cgroup take(struct cgroup *c)
{
	struct cgroup taken = *c;

	*c = (struct cgroup){ .dir_fd = -1 };
	return taken;
}

/* A cgroup that is being made. */
struct plan {
	const struct cgroup_host *host;
	struct buf full;  /* mount point and path */
	size_t mount_len; /* of full.data; the path starts behind it */
	size_t leaf;      /* where the last component starts in full.data */
	size_t made_from; /* parents longer than that are of our making */
	unsigned int needed;
	bool existed;
};

static int plan_init(struct plan *p, const struct cgroup_host *host, const char *parent, const char *path,
		     struct err *e)
{
	int r;

	*p = (struct plan){ .host = host,
			    .full = BUF_INIT(FULL_PATH_MAX),
			    .mount_len = strlen(host->mount_point) };
	r = buf_add_str(&p->full, host->mount_point);
	if (r == 0)
		r = cgroup_path_add(&p->full, parent);
	if (r == 0)
		r = cgroup_path_add(&p->full, path);
	if (r == -EINVAL)
		return err_set(e, r, "bad cgroup path '%s': '..' is not allowed in it", path);
	if (r < 0)
		return err_code(e, r, "bad cgroup path '%s'", path);
	if (p->full.len == p->mount_len)
		return err_set(e, -EINVAL, "bad cgroup path '%s': a container cannot have the root cgroup",
			       path);
	p->leaf = (size_t)(strrchr(p->full.data, '/') - p->full.data) + 1;
	p->made_from = p->leaf;
	return 0;
}

/* Calls `step` for the mount point and every parent of the leaf, from the top, with full.data cut short after it. */
static int for_each_parent(struct plan *p, int (*step)(struct plan *p, size_t len, void *arg), void *arg)
{
	int r = 0;

	for (size_t len = p->mount_len; r == 0 && len < p->leaf;) {
		p->full.data[len] = '\0';
		r = step(p, len, arg);
		p->full.data[len] = '/';
		len += 1 + strcspn(p->full.data + len + 1, "/");
	}
	return r;
}

static int make_parent(struct plan *p, size_t len, void *arg)
{
	(void)arg;
	if (mkdir(p->full.data, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	if (len <= p->made_from)
		p->made_from = (size_t)(strrchr(p->full.data, '/') - p->full.data);
	return 0;
}

/* Removes the leaf, unless it was there before, and the parents that we have made, as far as nobody uses them. */
static void undo(struct plan *p)
{
	char *end = p->full.data + p->full.len;

	if (p->existed || rmdir(p->full.data) < 0)
		return;
	for (;;) {
		while (*--end != '/')
			;
		*end = '\0';
		if ((size_t)(end - p->full.data) <= p->made_from || rmdir(p->full.data) < 0)
			return;
	}
}

/* Makes and opens the leaf. */
static int make_leaf(struct plan *p, int *ret_fd)
{
	int fd;

	p->existed = mkdir(p->full.data, 0755) < 0;
	if (p->existed && errno != EEXIST)
		return -errno;
	fd = open(p->full.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

static int make(struct plan *p, int *ret_fd, struct err *e)
{
	int r = 0;

	for (int attempt = 0; attempt < CREATE_ATTEMPTS; attempt++) {
		r = make_leaf(p, ret_fd);
		if (r != -ENOENT)
			break;
		r = for_each_parent(p, make_parent, NULL);
		if (r < 0 && r != -ENOENT)
			break;
	}
	if (r < 0)
		return err_code(e, r, "cannot make cgroup '%s'", p->full.data);
	return 0;
}

static int read_enabled(int dir_fd, unsigned int *ret, struct err *e)
{
	char text[CONTROLLERS_MAX];
	ssize_t n = cgroup_file_read(dir_fd, "cgroup.controllers", text, sizeof(text));

	if (n < 0)
		return err_code(e, (int)n, "cannot read 'cgroup.controllers'");
	*ret = cgroup_text_controllers(text);
	return 0;
}

int cgroup_find_enabled(struct cgroup *c, struct err *e)
{
	return c->path ? read_enabled(c->dir_fd, &c->enabled, e) : 0;
}

static int write_subtree_control(const char *dir, unsigned int controllers)
{
	char text[CONTROLLERS_MAX] = "", path[PATH_MAX];
	size_t len = 0;

	for (unsigned int bit = CGROUP_CPU; bit <= CGROUP_MISC; bit <<= 1) {
		if (controllers & bit)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s+%s", len ? " " : "",
						cgroup_controller_name((enum cgroup_controller)bit));
	}
	(void)snprintf(path, sizeof(path), "%s" SUBTREE_CONTROL, dir);
	return file_poke(AT_FDCWD, path, text);
}

static int explain_refusal(const struct plan *p, int code, unsigned int controller, struct err *e)
{
	const char *name = cgroup_controller_name((enum cgroup_controller)controller);
	char own_path[256];

	if (code == -EBUSY)
		return err_set(e, -EOPNOTSUPP,
			       "cannot limit %s: controller '%s' is off in '%s" SUBTREE_CONTROL
			       "' and there are "
			       "processes in '%s' itself (move them into a cgroup below it)",
			       name, name, p->full.data, p->full.data);
	if (code == -EACCES || code == -EPERM || code == -EROFS) {
		if (cgroup_own_path_read(own_path, sizeof(own_path)) < 0)
			own_path[0] = '\0';
		return err_set(
			e, -EOPNOTSUPP,
			"cannot limit %s: controller '%s' is off in '%s" SUBTREE_CONTROL "', which we may "
			"not write from our own cgroup '%s' (run as root, or delegate it with Delegate=yes)",
			name, name, p->full.data, own_path);
	}
	(void)err_code(e, code,
		       "cannot limit %s: controller '%s' is off in '%s" SUBTREE_CONTROL
		       "' and cannot be turned on",
		       name, name, p->full.data);
	e->code = -EOPNOTSUPP;
	return e->code;
}

/* Whether processes in the directory itself stand in the way. They do not in the machine's own root, which alone has no
 * cgroup.type. Elsewhere the kernel refuses them for "memory" and "io" only; for the others it would make a threaded cgroup of what
 * is below, which takes no new processes. */
static bool has_processes(const char *dir)
{
	char path[PATH_MAX], first[2];

	(void)snprintf(path, sizeof(path), "%s/cgroup.type", dir);
	if (access(path, F_OK) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	return cgroup_file_read(AT_FDCWD, path, first, sizeof(first)) > 0;
}

/* Turns on what the leaf lacks. A write that names what is on already changes nothing. */
static int enable_in_parent(struct plan *p, size_t len, void *arg)
{
	struct err *e = (struct err *)arg;
	int r;

	(void)len;
	if (has_processes(p->full.data))
		return explain_refusal(p, -EBUSY, p->needed & -p->needed, e);
	r = write_subtree_control(p->full.data, p->needed);
	if (r == 0)
		return 0;
	/* One by one, to find out which one it is. */
	for (unsigned int bit = CGROUP_CPU; bit <= CGROUP_MISC; bit <<= 1) {
		if ((p->needed & bit) == 0)
			continue;
		r = write_subtree_control(p->full.data, bit);
		if (r < 0)
			return explain_refusal(p, r, bit, e);
	}
	return 0;
}

static int enable(struct plan *p, int dir_fd, unsigned int *ret_enabled, struct err *e)
{
	unsigned int enabled;
	int r = read_enabled(dir_fd, &enabled, e);

	if (r < 0)
		return r;
	if (p->needed & ~enabled) {
		p->needed &= ~enabled;
		r = for_each_parent(p, enable_in_parent, e);
		if (r == 0)
			r = read_enabled(dir_fd, &enabled, e);
		if (r < 0)
			return r;
		if (p->needed & ~enabled)
			return controller_off(p->host, p->needed & ~enabled, e);
	}
	*ret_enabled = enabled;
	return 0;
}

static int finish(struct plan *p, struct cgroup *c, struct err *e)
{
	if (p->existed && cgroup_is_populated(c))
		return err_set(e, -EBUSY, "cgroup '%s' exists and has processes in it", c->path);
	return p->needed ? enable(p, c->dir_fd, &c->enabled, e) : 0;
}

static int create_at(struct plan *p, struct cgroup *ret, struct err *e)
{
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	int r, fd = -1;

	c.path = strdup(p->full.data + p->mount_len);
	if (!c.path)
		return err_code(e, -ENOMEM, "cannot make cgroup '%s'", p->full.data);
	r = make(p, &fd, e);
	if (r < 0)
		return r;
	c.dir_fd = fd;
	c.is_new = !p->existed;
	r = finish(p, &c, e);
	if (r < 0) {
		undo(p);
		return r;
	}
	*ret = take(&c);
	return 0;
}

static bool is_refusal(int code)
{
	return code == -EACCES || code == -EPERM || code == -EROFS;
}

/* The place beside our own cgroup: below it is no place, as we are in it. "" where there is none. */
static int place_beside(char *out, size_t size)
{
	char own_path[PATH_MAX];
	const char *slash;
	int r = cgroup_own_path_read(own_path, sizeof(own_path));

	out[0] = '\0';
	if (r < 0)
		return r;
	slash = strrchr(own_path, '/');
	/* "/../x" is outside of our cgroup namespace. */
	if (!slash || slash[1] == '\0' || strncmp(own_path, "/..", 3) == 0)
		return 0;
	if (snprintf(out, size, "%.*s" CGROUP_DEFAULT_PARENT, (int)(slash - own_path), own_path) >= (int)size)
		return -ENAMETOOLONG;
	return 0;
}

static int try_create(const struct cgroup_host *host, const char *parent, const char *path,
		      unsigned int needed, struct cgroup *ret, struct err *e)
{
	struct plan p;
	int r = plan_init(&p, host, parent, path, e);

	p.needed = needed;
	if (r == 0)
		r = create_at(&p, ret, e);
	buf_done(&p.full);
	return r;
}

static int create_in_default_parent(const struct cgroup_host *host, const char *path, unsigned int needed,
				    struct cgroup *ret, struct err *e)
{
	char beside[PATH_MAX];
	int r = try_create(host, CGROUP_DEFAULT_PARENT, path, needed, ret, e);

	if (!is_refusal(r))
		return r;
	if (place_beside(beside, sizeof(beside)) < 0 || beside[0] == '\0')
		return r;
	return try_create(host, beside, path, needed, ret, e);
}

int cgroup_create(const struct cgroup_host *host, const char *spec_path, const char *id,
		  const struct spec_resources *r, struct cgroup *ret, struct err *e)
{
	unsigned int needed = cgroup_needed_controllers(r), missing = needed & ~host->available;
	int rc;

	if (missing)
		return controller_off(host, missing, e);
	if (host->mode == CGROUP_NONE) {
		*ret = (struct cgroup){ .dir_fd = -1 };
		return 0;
	}
	if (spec_path && spec_path[0] == '\0')
		spec_path = NULL;
	if (!spec_path && strchr(id, '/'))
		return err_set(e, -EINVAL, "bad container id '%s': it has a '/'", id);
	if (spec_path && spec_path[0] == '/')
		rc = try_create(host, "", spec_path, needed, ret, e);
	else
		rc = create_in_default_parent(host, spec_path ? spec_path : id, needed, ret, e);
	if (!is_refusal(rc))
		return rc;
	if (needed)
		return err_wrap(e, "cannot limit %s (run as root, or below a unit with Delegate=yes)",
				cgroup_controller_name((enum cgroup_controller)(needed & -needed)));
	if (spec_path)
		return rc;
	*ret = (struct cgroup){ .dir_fd = -1 };
	return 0;
}

int cgroup_open(const struct cgroup_host *host, const char *path, struct cgroup *ret, struct err *e)
{
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct plan p = { 0 };
	int r;

	if (!path) {
		*ret = take(&c);
		return 0;
	}
	if (host->mode == CGROUP_NONE)
		return err_set(e, -ENOENT, "cannot open cgroup '%s': no cgroup v2 hierarchy on this host",
			       path);
	r = plan_init(&p, host, "", path, e);
	if (r == 0) {
		c.dir_fd = open(p.full.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (c.dir_fd < 0)
			r = err_errno(e, "cannot open cgroup '%s'", p.full.data);
		else if (!(c.path = strdup(p.full.data + p.mount_len)))
			r = err_code(e, -ENOMEM, "cannot open cgroup '%s'", path);
	}
	buf_done(&p.full);
	if (r == 0)
		r = read_enabled(c.dir_fd, &c.enabled, e);
	if (r == -ENODEV) /* removed between the open and the read */
		return err_code(e, -ENOENT, "cannot open cgroup '%s'", path);
	if (r < 0)
		return r;
	*ret = take(&c);
	return 0;
}

int cgroup_tree_open(const struct cgroup_host *host, const char *path, unsigned int needed,
		     struct cgroup *ret, struct err *e)
{
	cleanup_cgroup struct cgroup c = { .dir_fd = -1 };
	struct plan p;
	int r = cgroup_open(host, path, &c, e);

	if (r < 0)
		return r;
	r = plan_init(&p, host, "", path, e);
	p.needed = needed;
	if (r == 0)
		r = enable(&p, c.dir_fd, &c.enabled, e);
	buf_done(&p.full);
	if (r < 0)
		return r;
	*ret = take(&c);
	return 0;
}

/* Nothing else of the cgroup is looked at: each start and each state asks this. */
bool cgroup_is_frozen(const struct cgroup_host *host, const char *path)
{
	struct plan p = { 0 };
	cleanup_fd int fd = -1;
	struct err ignored;
	char frozen = '0';

	if (host->mode != CGROUP_NONE && plan_init(&p, host, "", path, &ignored) == 0 &&
	    buf_add_str(&p.full, "/cgroup.freeze") == 0)
		fd = open(p.full.data, O_RDONLY | O_CLOEXEC);
	buf_done(&p.full);
	return fd >= 0 && read(fd, &frozen, 1) == 1 && frozen == '1';
}

int cgroup_attach(const struct cgroup *c, pid_t pid, struct err *e)
{
	char text[16];
	int r;

	if (!c->path)
		return 0;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	r = file_poke(c->dir_fd, "cgroup.procs", text);
	if (is_refusal(r) && c->unit)
		return systemd_attach(c, pid ? pid : getpid(), e);
	if (r < 0)
		return err_code(e, r, "cannot move process %d into cgroup '%s'", (int)pid, c->path);
	return 0;
}
