/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/oci_bundle.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_span.h"
#include "runtime/seccomp_cache.h"

void oci_bundle_done(struct oci_bundle *b)
{
	free(b->path);
	runtime_spec_done(&b->spec);
	seccomp_program_done(&b->filter);
	*b = (struct oci_bundle){ 0 };
}

/* Compiles a profile once more than this start needs, for all starts that follow. What is wrong with it the start itself will say. */
static void keep_filter(const struct oci_globals *g, const struct runtime_spec *spec, const char *profile,
			size_t len)
{
	cleanup_seccomp_program struct seccomp_program filter = { 0 };
	struct err ignored;

	if (spec->linux_.seccomp && seccomp_compile(spec->linux_.seccomp, &filter, &ignored) == 0)
		seccomp_cache_keep(g->root, profile, len, &filter);
}

/* Decodes config.json. A seccomp profile, which is most of an ordinary one, is not read again where its filter is known. */
static int decode(const struct oci_globals *g, const struct buf *text, struct oci_bundle *b, struct err *e)
{
	static const char *const PROFILE[] = { "linux", "seccomp", NULL };
	cleanup_buf struct buf rest = BUF_INIT(SPEC_MAX_BYTES);
	const char *all = text->data ? text->data : "";
	size_t at, len;
	int r;

	if (!json_find_span(all, text->len, PROFILE, &at, &len))
		return runtime_spec_decode(all, text->len, &b->spec, e);
	if (seccomp_cache_find(g->root, all + at, len, &b->filter)) {
		r = buf_add(&rest, all, at);
		if (r == 0)
			r = buf_add_str(&rest, "null");
		if (r == 0)
			r = buf_add(&rest, all + at + len, text->len - at - len);
		if (r == 0 && runtime_spec_decode(rest.data, rest.len, &b->spec, e) == 0)
			return 0;
		seccomp_program_done(&b->filter); /* the whole text is decoded for its error */
	}
	r = runtime_spec_decode(all, text->len, &b->spec, e);
	if (r == 0)
		keep_filter(g, &b->spec, all + at, len);
	return r;
}

/* The absolute path, as the kernel has it of the directory: realpath(3) asks it component by component. */
static int open_bundle(const char *name, char **ret_path, int *ret_dir, struct err *e)
{
	cleanup_fd int dir = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char link[40], path[PATH_MAX];
	ssize_t len;

	if (dir < 0)
		return err_errno(e, "bundle '%s'", name);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return err_errno(e, "bundle '%s'", name);
	path[len] = '\0';
	*ret_path = strdup(path);
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
		r = decode(g, &text, &b, e);
	if (r < 0)
		return err_wrap(e, "config.json");
	ret->path = ptr_take(b.path);
	ret->spec = b.spec;
	ret->filter = b.filter;
	b.spec = (struct runtime_spec){ 0 };
	b.filter = (struct seccomp_program){ 0 };
	return 0;
}

struct runtime_args oci_bundle_args(const struct oci_globals *g, const struct oci_bundle_options *o,
				    const struct oci_bundle *b, const char *id)
{
	return (struct runtime_args){
		.state_root = g->root,
		.id = id,
		.bundle = b->path,
		.spec = &b->spec,
		.filter = b->filter.insns ? &b->filter : NULL,
		.console_socket = o->console_socket,
		.pidfd_socket = o->pidfd_socket,
		.pid_file = o->pid_file,
		.preserve_fds = (int)o->preserve_fds.value,
		.systemd_cgroup = g->systemd_cgroup,
		.cgroup_required = g->not_rootless,
		.no_pivot = o->no_pivot,
		.no_new_keyring = o->no_new_keyring,
	};
}
