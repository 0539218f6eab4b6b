/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "engine/network_files.h"

#define ZONES_DIR "/usr/share/zoneinfo"
#define ZONE_MAX  (1u << 20) /* bytes */

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

/* With root they are idmapped. */
static int give(const struct run_files_args *a, int fd)
{
	const struct id_maps *m = a->maps;

	if (m->uids_len == 0 || !process_in_user_namespace())
		return 0;
	return fchown(fd, spec_host_id(m->uids, m->uids_len, 0), spec_host_id(m->gids, m->gids_len, 0)) < 0
		       ? -errno
		       : 0;
}

static int write_file(const struct run_files_args *a, const char *name, const void *data, size_t len,
		      struct err *e)
{
	cleanup_fd int fd =
		openat(a->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot make the container's '%s'", name);
	r = write_all(fd, data, len);
	if (r == 0 && fchmod(fd, 0644) < 0) /* whatever the umask is: the container's users read it */
		r = -errno;
	if (r == 0)
		r = give(a, fd);
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
	r = write_file(a, name, text, len, e);
	if (r < 0)
		return r;
	if (asprintf(&source, "%s/%s", a->dir, name) < 0) {
		source = NULL;
		return no_memory(e);
	}
	return run_mounts_add_default(mounts, RUN_MOUNT_BIND, source, target, e);
}

int run_files_add(const struct run_files_args *args, const char *name, const char *target,
		  const struct buf *text, struct run_mounts *mounts, struct err *e)
{
	return add_file(args, name, target, text->data ? text->data : "", text->len, mounts, e);
}

/* A host without the file gives an empty one. */
static int read_host_file(const char *path, struct buf *out, struct err *e)
{
	int r = file_read(AT_FDCWD, path, out, e);

	return r == -ENOENT ? 0 : r;
}

static int make_hosts(const struct network_config *c, struct buf *out, struct err *e)
{
	cleanup_buf struct buf host = BUF_INIT(NETWORK_FILE_BYTES);
	int r = c->mode == NETWORK_HOST ? read_host_file("/etc/hosts", &host, e) : 0;

	if (r < 0)
		return r;
	return network_hosts_text(c, host.data ? host.data : "", out) < 0 ? no_memory(e) : 0;
}

static int make_resolv(const struct network_config *c, struct buf *out, struct err *e)
{
	cleanup_buf struct buf host = BUF_INIT(NETWORK_FILE_BYTES);
	bool as_it_is = c->mode != NETWORK_BRIDGE && !c->dns.len && !c->dns_search.len && !c->dns_options.len;
	int r;

	if (as_it_is)
		return read_host_file("/etc/resolv.conf", out, e);
	r = network_host_resolv(&host, e);
	if (r < 0)
		return r;
	return network_resolv_text(c, host.data, NULL, out) < 0 ? no_memory(e) : 0;
}

/* Who shares another container's network shares its files, where it has them from us. */
static int add_shared(const struct run_files_args *a, const char *name, const char *target,
		      struct run_mounts *mounts, struct err *e)
{
	cleanup_free char *source = NULL;

	if (run_mounts_find(mounts, target))
		return 0;
	if (asprintf(&source, "%.*s/%s/%s", (int)(strrchr(a->dir, '/') - a->dir), a->dir,
		     a->network->container, name) < 0) {
		source = NULL;
		return no_memory(e);
	}
	if (faccessat(AT_FDCWD, source, F_OK, AT_EACCESS) < 0)
		return 0;
	return run_mounts_add_default(mounts, RUN_MOUNT_BIND, source, target, e);
}

static int add_etc(const struct run_files_args *a, struct run_mounts *mounts, struct err *e)
{
	cleanup_buf struct buf hosts = BUF_INIT(2 * NETWORK_FILE_BYTES);
	cleanup_buf struct buf resolv = BUF_INIT(2 * NETWORK_FILE_BYTES);
	cleanup_free char *hostname = NULL;
	int r = 0;

	if (a->network->mode == NETWORK_CONTAINER) {
		r = add_shared(a, NETWORK_RESOLV_FILE, "/etc/resolv.conf", mounts, e);
		if (r == 0)
			r = add_shared(a, NETWORK_HOSTS_FILE, "/etc/hosts", mounts, e);
	}
	if (r == 0)
		r = make_resolv(a->network, &resolv, e);
	if (r == 0)
		r = make_hosts(a->network, &hosts, e);
	if (r == 0)
		r = add_file(a, NETWORK_RESOLV_FILE, "/etc/resolv.conf", resolv.data, resolv.len, mounts, e);
	if (r == 0)
		r = add_file(a, NETWORK_HOSTS_FILE, "/etc/hosts", hosts.data, hosts.len, mounts, e);
	if (r < 0)
		return r;
	if (asprintf(&hostname, "%s\n", a->hostname) < 0) {
		hostname = NULL;
		return no_memory(e);
	}
	return add_file(a, "hostname", "/etc/hostname", hostname, strlen(hostname), mounts, e);
}

/* A copy, so that the host's next update of its zones does not change it in the middle of a line. */
static int add_time_zone(const struct run_files_args *a, struct run_mounts *mounts, struct err *e)
{
	cleanup_buf struct buf zone = BUF_INIT(ZONE_MAX);
	cleanup_free char *path = NULL;
	const char *tz = a->tz;
	int r;

	if (!tz || !*tz)
		return 0;
	if (strcmp(tz, "local") == 0)
		path = realpath("/etc/localtime", NULL);
	else if (tz[0] != '/' && !strstr(tz, "..") && asprintf(&path, ZONES_DIR "/%s", tz) < 0)
		path = NULL;
	r = path ? file_read(AT_FDCWD, path, &zone, e) : -ENOENT;
	if (r < 0 || zone.len < 4 || memcmp(zone.data, "TZif", 4) != 0)
		return err_set(e, -EINVAL, "finding timezone for container: unrecognized timezone %s", tz);
	return add_file(a, "localtime", "/etc/localtime", zone.data, zone.len, mounts, e);
}

int run_files_make(const struct run_files_args *args, struct run_mounts *mounts, struct err *e)
{
	int r = add_etc(args, mounts, e);

	return r == 0 ? add_time_zone(args, mounts, e) : r;
}
