/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/oci_bundle.h"

#include <fcntl.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/file.h"

void oci_bundle_done(struct oci_bundle *b)
{
	free(b->path);
	runtime_spec_done(&b->spec);
	*b = (struct oci_bundle){ 0 };
}

int oci_bundle_load(const struct oci_bundle_options *o, struct oci_bundle *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(SPEC_MAX_BYTES);
	cleanup_oci_bundle struct oci_bundle b = { 0 };
	cleanup_fd int dir = -1;
	int r;

	b.path = realpath(o->bundle ? o->bundle : ".", NULL);
	if (!b.path)
		return err_errno(e, "bundle '%s'", o->bundle ? o->bundle : ".");
	dir = open(b.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(e, "bundle '%s'", b.path);
	r = file_read(dir, "config.json", &text, e);
	if (r == -ENOENT)
		return err_set(e, r, "JSON specification file config.json not found in '%s'", b.path);
	if (r == 0)
		r = runtime_spec_decode(text.data ? text.data : "", text.len, &b.spec, e);
	if (r < 0)
		return err_wrap(e, "config.json");
	ret->path = ptr_take(b.path);
	ret->spec = b.spec;
	b.spec = (struct runtime_spec){ 0 };
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
		.console_socket = o->console_socket,
		.pid_file = o->pid_file,
		.preserve_fds = (int)o->preserve_fds.value,
		.systemd_cgroup = g->systemd_cgroup,
		.no_pivot = o->no_pivot,
		.no_new_keyring = o->no_new_keyring,
	};
}
