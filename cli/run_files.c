/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_image_file.h"
#include "common/cleanup.h"
#include "common/file.h"

#define HOST_FILE_MAX (1u << 20) /* bytes of the host's hosts and resolv.conf */
#define VOLUMES_DIR   "volumes"

/* For a container without a network of its own. */
static const char HOSTS[] = "127.0.0.1\tlocalhost\n"
			    "::1\tlocalhost ip6-localhost ip6-loopback\n"
			    "fe00::\tip6-localnet\n"
			    "ff00::\tip6-mcastprefix\n"
			    "ff02::1\tip6-allnodes\n"
			    "ff02::2\tip6-allrouters\n";

static int no_memory(struct err *e)
{
	return err_set(e, -ENOMEM, "out of memory");
}

int run_files_make_sources(struct run_mounts *mounts, struct err *e)
{
	for (size_t i = 0; i < mounts->len; i++) {
		const struct run_mount *m = &mounts->items[i];
		cleanup_fd int fd = -1;
		int r;

		if (m->type != RUN_MOUNT_BIND || faccessat(AT_FDCWD, m->source, F_OK, AT_EACCESS) == 0)
			continue;
		if (errno != ENOENT)
			return err_errno(e, "cannot look at '%s'", m->source);
		if (!m->make_source)
			return err_set(
				e, -ENOENT,
				"invalid mount config for type \"bind\": bind source path does not exist: %s",
				m->source);
		r = dir_make_open(AT_FDCWD, m->source, 0755, &fd, e);
		if (r < 0)
			return err_wrap(e, "cannot make the host path of a volume");
	}
	return 0;
}

static int write_file(int dir_fd, const char *name, const void *data, size_t len, struct err *e)
{
	cleanup_fd int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot make the container's '%s'", name);
	r = write_all(fd, data, len);
	if (r == 0 && fchmod(fd, 0644) < 0) /* whatever the umask is: the container's users read it */
		r = -errno;
	return r < 0 ? err_code(e, r, "cannot write the container's '%s'", name) : 0;
}

/* Writes containers/<id>/<name> and mounts it on `target`. */
static int add_file(const struct run_files_args *a, const char *name, const char *target, const char *text,
		    size_t len, struct run_mounts *mounts, struct err *e)
{
	cleanup_free char *source = NULL;
	int r;

	if (run_mounts_find(mounts, target))
		return 0;
	r = write_file(a->dir_fd, name, text, len, e);
	if (r < 0)
		return r;
	if (asprintf(&source, "%s/%s", a->dir, name) < 0) {
		source = NULL;
		return no_memory(e);
	}
	return run_mounts_add_default(mounts, RUN_MOUNT_BIND, source, target, e);
}

/* A host without the file gives an empty one. */
static int read_host_file(const char *path, struct buf *out, struct err *e)
{
	int r = file_read(AT_FDCWD, path, out, e);

	return r == -ENOENT ? 0 : r;
}

static int add_etc(const struct run_files_args *a, struct run_mounts *mounts, struct err *e)
{
	cleanup_buf struct buf hosts = BUF_INIT(HOST_FILE_MAX);
	cleanup_buf struct buf resolv = BUF_INIT(HOST_FILE_MAX);
	cleanup_free char *hostname = NULL;
	int r = read_host_file("/etc/resolv.conf", &resolv, e);

	if (r == 0 && a->flags->network == RUN_NETWORK_HOST)
		r = read_host_file("/etc/hosts", &hosts, e);
	else if (r == 0 && buf_add_str(&hosts, HOSTS) < 0)
		r = no_memory(e);
	if (r == 0)
		r = add_file(a, "resolv.conf", "/etc/resolv.conf", resolv.data, resolv.len, mounts, e);
	if (r == 0)
		r = add_file(a, "hosts", "/etc/hosts", hosts.data, hosts.len, mounts, e);
	if (r < 0)
		return r;
	if (asprintf(&hostname, "%s\n", a->hostname) < 0) {
		hostname = NULL;
		return no_memory(e);
	}
	return add_file(a, "hostname", "/etc/hostname", hostname, strlen(hostname), mounts, e);
}

/* Adds the image's VOLUMEs, but not those where something is mounted or where the image has contents. */
static int add_image_volumes(const struct run_files_args *a, struct run_mounts *mounts, struct err *e)
{
	for (size_t i = 0; i < a->image->volumes.len; i++) {
		const char *target = a->image->volumes.items[i];
		bool empty = true;
		struct stat st;
		int r = run_image_stat_dir(a->lower, target, &st, &empty, e);

		if (r == -ENOTDIR || (r == 0 && !empty))
			continue;
		if (r < 0 && r != -ENOENT)
			return err_wrap(e, "the image's volume '%s'", target);
		r = run_mounts_add_default(mounts, RUN_MOUNT_ANONYMOUS, NULL, target, e);
		if (r < 0)
			return err_wrap(e, "the image's volume '%s'", target);
	}
	return 0;
}

/* The owner and mode of `target` in the image, where it has such a directory. */
static int make_like(int parent_fd, const char *name, const struct strvec *lower, const char *target,
		     struct err *e)
{
	struct err ignored;
	bool empty;
	struct stat st = { 0 };
	bool known = run_image_stat_dir(lower, target, &st, &empty, &ignored) == 0;

	if (mkdirat(parent_fd, name, 0755) < 0)
		return err_errno(e, "cannot make a directory for the volume '%s'", target);
	if (fchmodat(parent_fd, name, known ? st.st_mode & 07777 : 0755, 0) < 0 ||
	    (known && fchownat(parent_fd, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0))
		return err_errno(e, "cannot set the owner and mode of the volume '%s'", target);
	return 0;
}

static int make_anonymous(const struct run_files_args *a, struct run_mounts *mounts, struct err *e)
{
	cleanup_fd int fd = -1;

	for (size_t i = 0; i < mounts->len; i++) {
		struct run_mount *m = &mounts->items[i];
		char name[24];
		int r;

		if (m->type != RUN_MOUNT_ANONYMOUS)
			continue;
		if (fd < 0) {
			r = dir_make_open(a->dir_fd, VOLUMES_DIR, 0711, &fd, e);
			if (r < 0)
				return r;
		}
		(void)snprintf(name, sizeof(name), "%zu", i);
		r = make_like(fd, name, a->lower, m->target, e);
		if (r < 0)
			return r;
		free(m->source);
		if (asprintf(&m->source, "%s/" VOLUMES_DIR "/%s", a->dir, name) < 0) {
			m->source = NULL;
			return no_memory(e);
		}
	}
	return 0;
}

int run_files_make(const struct run_files_args *args, struct run_mounts *mounts, struct err *e)
{
	int r = add_etc(args, mounts, e);

	if (r == 0)
		r = add_image_volumes(args, mounts, e);
	return r == 0 ? make_anonymous(args, mounts, e) : r;
}
