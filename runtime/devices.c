/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/devices.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common/cleanup.h"
#include "common/rootfd.h"
#include "runtime/sys_mount.h"

#define DEVICE_MODE 0666

const struct default_device *devices_default(void)
{
	static const struct default_device DEFAULTS[] = {
		{ "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
		{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
		{ NULL, 0, 0 },
	};

	return DEFAULTS;
}

static int bind_host_device(int root_fd, const char *path, struct err *e)
{
	cleanup_fd int target = -1, tree = mount_clone(AT_FDCWD, path, false);
	int r;

	if (tree < 0)
		return err_code(e, tree, "cannot bind device '%s'", path);
	r = rootfd_make_file(root_fd, path, 0644, &target, e);
	if (r < 0)
		return r;
	r = mount_attach(tree, target, "");
	return r < 0 ? err_code(e, r, "cannot bind device '%s'", path) : 0;
}

struct node {
	const char *path;
	mode_t mode; /* type and permissions */
	dev_t number;
	uid_t uid;
	gid_t gid;
};

/* Only what we have just made: somebody with whom the directory is shared may have put another file there. */
static int give_node(int parent_fd, const char *name, const struct node *n, struct err *e)
{
	cleanup_fd int fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "cannot look at device '%s'", n->path);
	if ((st.st_mode & S_IFMT) != (n->mode & S_IFMT) || st.st_rdev != n->number)
		return err_set(e, -EBUSY, "device '%s' has been replaced", n->path);
	if (fchownat(fd, "", n->uid, n->gid, AT_EMPTY_PATH) < 0)
		return err_errno(e, "cannot chown device '%s'", n->path);
	return 0;
}

/* A node that is there already is left as it is, as runc does. */
static int make_node(int parent_fd, const char *name, const struct node *n, struct err *e)
{
	if (mknodat(parent_fd, name, n->mode, n->number) < 0)
		return errno == EEXIST ? 0 : err_errno(e, "cannot make device '%s'", n->path);
	return n->uid || n->gid ? give_node(parent_fd, name, n, e) : 0;
}

static bool names_device(const struct spec_linux *linux_, const char *path)
{
	for (size_t i = 0; i < linux_->devices_len; i++)
		if (strcmp(linux_->devices[i].path, path) == 0)
			return true;
	return false;
}

/* The default devices lie all in /dev: it is opened once. What the spec says of one of them takes its place. */
static int make_defaults(int root_fd, int dev_fd, const struct spec_linux *linux_, bool user_namespace,
			 struct err *e)
{
	int r = 0;

	for (const struct default_device *d = devices_default(); d->path && r == 0; d++) {
		struct node n = { .path = d->path,
				  .mode = S_IFCHR | DEVICE_MODE,
				  .number = makedev(d->major, d->minor) };

		if (names_device(linux_, d->path))
			continue;
		r = user_namespace ? -EPERM : make_node(dev_fd, d->path + strlen("/dev/"), &n, e);
		if (r == -EPERM) /* or we are in a user namespace ourselves */
			r = bind_host_device(root_fd, d->path, e);
	}
	return r;
}

static mode_t type_of(char letter)
{
	return letter == 'b' ? S_IFBLK : letter == 'p' ? S_IFIFO : S_IFCHR;
}

static int make_spec_device(int root_fd, const struct spec_device *d, bool user_namespace, struct err *e)
{
	cleanup_fd int parent = -1;
	struct node n = {
		.path = d->path,
		.mode = type_of(d->type) |
			(d->file_mode.set ? (mode_t)d->file_mode.value & 07777 : DEVICE_MODE),
		.number = d->type == 'p' ? 0 : makedev((unsigned int)d->major, (unsigned int)d->minor),
		.uid = d->uid.set ? (uid_t)d->uid.value : 0,
		.gid = d->gid.set ? (gid_t)d->gid.value : 0,
	};
	const char *name;
	int r;

	if (user_namespace)
		return bind_host_device(root_fd, d->path, e);
	r = rootfd_open_parent(root_fd, d->path, 0755, &parent, &name, e);
	if (r == 0)
		r = make_node(parent, name, &n, e);
	return r == -EPERM ? bind_host_device(root_fd, d->path, e) : r;
}

/* runtime-spec runtime-linux.md#dev-symbolic-links. */
static int make_links(int dev_fd, struct err *e)
{
	static const struct {
		const char *name, *target;
	} LINKS[] = {
		{ "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
		{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
		{ "core", "/proc/kcore" },
	};

	for (size_t i = 0; i < ARRAY_LEN(LINKS); i++)
		if (symlinkat(LINKS[i].target, dev_fd, LINKS[i].name) < 0 && errno != EEXIST)
			return err_errno(e, "cannot make '/dev/%s'", LINKS[i].name);
	/* The image may bring a ptmx of its own: that of the host's instance would be of no use. */
	if (symlinkat("pts/ptmx", dev_fd, "ptmx") == 0 || errno != EEXIST)
		return 0;
	if (unlinkat(dev_fd, "ptmx", 0) < 0 || symlinkat("pts/ptmx", dev_fd, "ptmx") < 0)
		return err_errno(e, "cannot make '/dev/ptmx'");
	return 0;
}

int devices_create(int root_fd, const struct spec_linux *linux_, bool user_namespace, struct err *e)
{
	leave_fd int dev_fd = -1;
	int r = rootfd_mkdir_p(root_fd, "/dev", 0755, &dev_fd, e);

	if (r == 0)
		r = make_defaults(root_fd, dev_fd, linux_, user_namespace, e);
	for (size_t i = 0; r == 0 && i < linux_->devices_len; i++)
		r = make_spec_device(root_fd, &linux_->devices[i], user_namespace, e);
	return r == 0 ? make_links(dev_fd, e) : r;
}
