/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/oci_bundle.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "runtime/sys_mount.h"

void oci_bundle_done(struct oci_bundle *b)
{
	free(b->path);
	filtered_spec_done(&b->config);
	*b = (struct oci_bundle){ 0 };
}

/* Whether an absolute path is the shortest of those without symlinks. */
static bool is_clean(const char *path)
{
	size_t len = strlen(path);

	return path[0] == '/' && len > 1 && path[len - 1] != '/' && !strstr(path, "//") &&
	       !strstr(path, "/.");
}

/* The absolute path, as the kernel has it of the directory: realpath(3) asks it component by component. Engines pass just that, and to
 * look it up in /proc takes longer than to open it. */
static int open_bundle(const char *name, char **ret_path, int *ret_dir, struct err *e)
{
	const struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
				      .resolve = RESOLVE_NO_SYMLINKS };
	cleanup_fd int dir =
		is_clean(name) ? (int)syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof(how)) : -1;
	char path[PATH_MAX];
	ssize_t len;

	if (dir >= 0) {
		*ret_path = strdup(name);
	} else {
		dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return err_errno(e, "bundle '%s'", name);
		len = readlink(fd_path(dir).text, path, sizeof(path) - 1);
		if (len < 0)
			return err_errno(e, "bundle '%s'", name);
		path[len] = '\0';
		*ret_path = strdup(path);
	}
	if (!*ret_path)
		return err_code(e, -ENOMEM, "bundle '%s'", name);
	*ret_dir = fd_take(&dir);
	return 0;
}

int oci_bundle_load(const struct oci_globals *g, const struct oci_bundle_options *o, struct oci_bundle *ret,
		    struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(SPEC_MAX_BYTES);
	cleanup_oci_bundle struct oci_bundle b = { 0 };
	cleanup_fd int dir = -1;
	int r;

	r = open_bundle(o->bundle ? o->bundle : ".", &b.path, &dir, e);
	if (r < 0)
		return r;
	r = file_read(dir, "config.json", &text, e);
	if (r == -ENOENT)
		return err_set(e, r, "JSON specification file config.json not found in '%s'", b.path);
	if (r == 0)
		r = filtered_spec_decode(g->root, &text, &b.config, e);
	if (r < 0)
		return err_wrap(e, "config.json");
	ret->path = ptr_take(b.path);
	ret->config = b.config;
	b.config = (struct filtered_spec){ 0 };
	return 0;
}

struct runtime_args oci_bundle_args(const struct oci_globals *g, const struct oci_bundle_options *o,
				    const struct oci_bundle *b, const char *id)
{
	return (struct runtime_args){
		.state_root = g->root,
		.id = id,
		.bundle = b->path,
		.spec = &b->config.spec,
		.filter = b->config.filter.insns ? &b->config.filter : NULL,
		.console_socket = o->console_socket,
		.pidfd_socket = o->pidfd_socket,
		.pid_file = o->pid_file,
		.preserve_fds = (int)o->preserve_fds.value,
		.systemd_cgroup = g->systemd_cgroup,
		.cgroup_required = g->not_rootless,
		.no_pivot = o->no_pivot,
		.no_new_keyring = o->no_new_keyring,
		.may_leave_network = true, /* we end, or wait for the container's end */
	};
}
