/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/launch_mounts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/process.h"
#include "common/rootfd.h"
#include "engine/container_view.h"
#include "engine/user_namespace.h"
#include "runtime/sys_mount.h"
#include "store/volume.h"

#define TMPFS_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

void launch_additions_done(struct launch_additions *a)
{
	while (a->fds_len > 0)
		(void)close(a->fds[--a->fds_len]); /* directories and namespaces: nothing to lose */
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot start a container");
}

/* Takes fd: a path that leads to it as long as this process lives, whatever happens to the names that led to it. */
static int keep_fd(struct launch_additions *a, int fd, char **ret_path, struct err *e)
{
	if (a->fds_len == LAUNCH_FDS_MAX) {
		(void)close(fd);
		return err_set(e, -EFBIG, "more than %d namespaces of others", LAUNCH_FDS_MAX);
	}
	a->fds[a->fds_len++] = fd;
	free(*ret_path);
	if (asprintf(ret_path, "/proc/%d/fd/%d", (int)getpid(), fd) < 0) {
		*ret_path = NULL;
		return no_memory(e);
	}
	return 0;
}

int launch_mount_tmpfs(const struct launch_additions *a, const char *name, const char *data, char **ret_path,
		       struct err *e)
{
	cleanup_free char *path = NULL;

	if (asprintf(&path, "%s/%s", a->dir, name) < 0) {
		path = NULL;
		return no_memory(e);
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(e, "cannot make '%s'", path);
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		; /* of a start that was killed */
	if (mount("tmpfs", path, "tmpfs", TMPFS_FLAGS, data) < 0)
		return err_errno(e, "cannot mount a tmpfs on '%s'", path);
	*ret_path = ptr_take(path);
	return 0;
}

/* --- volumes --- */

static int add_volumes(struct launch_additions *a, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->record->volumes.len; i++)
		r = volume_mount(a->store, a->record->volumes.items[i], e);
	return r;
}

/* Binds a directory or file that is open on `path`, which is made. */
static int bind_open(int fd, const char *path, struct err *e)
{
	cleanup_fd int tree = -1;
	cleanup_fd int target = -1;
	struct stat st;
	int r = fstat(fd, &st) < 0 ? -errno : 0;

	if (r == 0 && S_ISDIR(st.st_mode))
		target = mkdir(path, 0700) < 0 ? -1 : open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	else if (r == 0)
		target = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (r == 0 && target < 0)
		r = -errno;
	if (r == 0)
		r = tree = mount_clone(fd, "", true);
	if (r >= 0)
		r = mount_attach(tree, target, "");
	return r < 0 ? err_code(e, r, "cannot bind a volume's subpath on '%s'", path) : 0;
}

/* A source below a volume's root goes through what its users have made there: it must not lead out of it. So it is bound, as what it is now, to a
 * place of which only we know. */
static int resolve_subpath(const struct launch_additions *a, size_t index, char **top, struct err *e)
{
	struct spec_mount *m = &a->spec->mounts[index];
	const char *rest = "";
	cleanup_free char *volume = m->source ? volume_of_path(a->store, m->source, &rest) : NULL;
	cleanup_fd int data_fd = -1;
	cleanup_fd int fd = -1;
	char *path;
	int r;

	if (!volume || !*rest)
		return 0;
	r = volume_open_data(a->store, volume, &data_fd, e);
	if (r < 0)
		return r;
	fd = rootfd_try_open(data_fd, rest, O_PATH);
	if (fd < 0)
		return err_code(e, fd, "cannot access path %s of volume %s", rest, volume);
	r = *top ? 0 : launch_mount_tmpfs(a, CONTAINER_SUBPATHS, "mode=0700", top, e);
	if (r < 0)
		return r;
	if (asprintf(&path, "%s/%zu", *top, index) < 0)
		return no_memory(e);
	free(m->source);
	m->source = path;
	return bind_open(fd, path, e);
}

static int resolve_subpaths(const struct launch_additions *a, struct err *e)
{
	cleanup_free char *top = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->spec->mounts_len; i++)
		r = resolve_subpath(a, i, &top, e);
	return r;
}

/* --- file systems in memory --- */

/* Upper and work directories like those on disk, which stay empty. */
static int fill_ephemeral(const struct launch_additions *a, const char *path, struct err *e)
{
	cleanup_free char *like = NULL;
	cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (asprintf(&like, "%s/upper", a->dir) < 0) {
		like = NULL;
		return no_memory(e);
	}
	if (fd < 0 || lstat(like, &st) < 0 || mkdirat(fd, "work", 0700) < 0 ||
	    mkdirat(fd, "upper", 0700) < 0 ||
	    fchownat(fd, "upper", st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(fd, "upper", st.st_mode & 07777, 0) < 0)
		return err_errno(e, "cannot make the container's upper directory in memory");
	return 0;
}

static int add_ephemeral(const struct launch_additions *a, struct err *e)
{
	cleanup_free char *path = NULL;
	char data[64] = "mode=0700";
	int r;

	if (!a->life->ephemeral)
		return 0;
	if (a->life->ephemeral_bytes > 0)
		(void)snprintf(data, sizeof(data), "mode=0700,size=%llu",
			       (unsigned long long)a->life->ephemeral_bytes);
	r = launch_mount_tmpfs(a, CONTAINER_VOLATILE, data, &path, e);
	if (r < 0 || !path)
		return r;
	/* Its files may be programs and devices, as an upper directory's may. */
	if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL) < 0)
		return err_errno(e, "cannot remount '%s'", path);
	return fill_ephemeral(a, path, e);
}

/* --- /dev/shm --- */

static int bind_shm(const struct launch_additions *a, const char *source, struct err *e)
{
	static const char *const OPTIONS[] = { "bind", "rprivate", "nosuid", "nodev", "noexec" };
	struct spec_mount *m = spec_find_mount(a->spec, "/dev/shm");
	int r = 0;

	if (!m) /* --ipc none, or something of the user's own */
		return 0;
	free(m->type);
	free(m->source);
	m->type = strdup("bind");
	m->source = strdup(source);
	strvec_done(&m->options);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(OPTIONS); i++)
		r = strvec_add(&m->options, OPTIONS[i]);
	return r < 0 || !m->type || !m->source ? no_memory(e) : 0;
}

static bool is_data(const char *option)
{
	return strncmp(option, "size=", 5) == 0 || strncmp(option, "mode=", 5) == 0;
}

static int share_shm(const struct launch_additions *a, struct err *e)
{
	const struct spec_mount *m = spec_find_mount(a->spec, "/dev/shm");
	cleanup_buf struct buf data = BUF_INIT(256);
	cleanup_free char *path = NULL;
	int r = 0;

	if (!a->life->ipc_shareable || !m || !m->type || strcmp(m->type, "tmpfs") != 0)
		return 0;
	for (size_t i = 0; r == 0 && i < m->options.len; i++)
		if (is_data(m->options.items[i]))
			r = buf_printf(&data, "%s%s", data.len ? "," : "", m->options.items[i]);
	if (r < 0)
		return no_memory(e);
	r = launch_mount_tmpfs(a, CONTAINER_SHM, data.data, &path, e);
	return r == 0 ? bind_shm(a, path, e) : r;
}

/* --- namespaces of others --- */

/* A running container, as it is at this moment. `what` is for the message. */
static int find_other(const struct launch_additions *a, const char *id, const char *what,
		      struct container_record *ret, struct err *e)
{
	int r = container_view_find(a->store, a->state_dir, id, ret, e);

	if (r < 0)
		return err_wrap(e, "cannot join the %s namespace", what);
	if (!container_is_up(ret) || ret->pid <= 0)
		return err_set(e, -EBUSY, "cannot join %s namespace of a non running container: %s", what,
			       ret->id);
	return 0;
}

/* The descriptor is of the namespace, so that nothing else can take its place once it is known to be the right one. */
static int open_namespace(const struct container_record *other, const char *file, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	char path[64];
	uint64_t ticks = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)other->pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	if (process_start_time((pid_t)other->pid, &ticks) < 0 ||
	    (other->pid_start_ticks != 0 && ticks != other->pid_start_ticks))
		return err_set(e, -EBUSY, "container %s has just ended", other->id);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int join(struct launch_additions *a, const struct container_record *other, int type, const char *file,
		struct err *e)
{
	struct spec_namespace *ns = spec_find_namespace(a->spec, type);
	int fd = -1, r = open_namespace(other, file, &fd, e);

	if (r < 0)
		return r;
	if (!ns)
		ns = spec_add_namespace(a->spec, type, NULL);
	if (!ns) {
		(void)close(fd);
		return no_memory(e);
	}
	return keep_fd(a, fd, &ns->path, e);
}

static int join_pid(struct launch_additions *a, struct err *e)
{
	cleanup_container_record struct container_record other = { 0 };
	int r;

	if (!a->life->pid_from)
		return 0;
	r = find_other(a, a->life->pid_from, "PID", &other, e);
	return r == 0 ? join(a, &other, SPEC_NS_PID, "pid", e) : r;
}

static int join_ipc(struct launch_additions *a, struct err *e)
{
	cleanup_container_record struct container_record other = { 0 };
	cleanup_free char *shm = NULL;
	int r;

	if (!a->life->ipc_from)
		return 0;
	r = find_other(a, a->life->ipc_from, "IPC", &other, e);
	if (r == 0)
		r = join(a, &other, SPEC_NS_IPC, "ipc", e);
	if (r < 0)
		return r;
	if (asprintf(&shm, "%s/containers/%s/" CONTAINER_SHM, store_root_path(a->store), other.id) < 0) {
		shm = NULL;
		return no_memory(e);
	}
	return bind_shm(a, shm, e);
}

/* Whatever is at the path today must be as what the layers are mapped for. */
static int check_users(const struct launch_additions *a, const char *path, struct err *e)
{
	struct id_maps maps = { 0 };
	int r = user_namespace_maps(path, &maps, e);

	if (r == 0 && !user_namespace_maps_are(&maps, &a->spec->linux_))
		r = err_set(e, -EBUSY,
			    "the user namespace '%s' has other IDs than when container %s was made", path,
			    a->record->name);
	return r;
}

/* Where the spec has none, the other container has the host's, as we do. */
static int join_users(struct launch_additions *a, struct err *e)
{
	cleanup_container_record struct container_record other = { 0 };
	const struct spec_namespace *ns = spec_find_namespace(a->spec, SPEC_NS_USER);
	int r;

	if (!ns || !a->life->users_from)
		return ns && ns->path ? check_users(a, ns->path, e) : 0;
	r = find_other(a, a->life->users_from, "user", &other, e);
	return r == 0 ? join(a, &other, SPEC_NS_USER, "user", e) : r;
}

int launch_add(struct launch_additions *a, struct err *e)
{
	int r = add_volumes(a, e);

	if (r == 0)
		r = resolve_subpaths(a, e);
	if (r == 0)
		r = add_ephemeral(a, e);
	if (r == 0)
		r = share_shm(a, e);
	if (r == 0)
		r = join_pid(a, e);
	if (r == 0)
		r = join_ipc(a, e);
	if (r == 0)
		r = join_users(a, e);
	return r == 0 ? launch_add_secrets(a, e) : r;
}

void launch_undo(const struct store *s, const char *id, const struct container_record *c)
{
	struct err ignored; /* what stays mounted is found by the next start, and by who removes it */

	container_unmount(s, id);
	for (size_t i = 0; c && i < c->volumes.len; i++)
		IGNORE_RESULT(volume_unmount_unused(s, c->volumes.items[i], id, &ignored));
}
