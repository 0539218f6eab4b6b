/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/oci_criu.h"

#include <string.h>
#include <unistd.h>

#include "common/process.h"

#define DEFAULT_IMAGE_PATH "./checkpoint"

int oci_criu_read(const struct oci_globals *g, const struct oci_criu_options *o, struct criu_options *ret,
		  struct err *e)
{
	*ret = (struct criu_options){
		.program = g->criu,
		.image_path = o->image_path ? o->image_path : DEFAULT_IMAGE_PATH,
		.work_path = o->work_path,
		.tcp_established = o->tcp_established,
		.ext_unix_sk = o->ext_unix_sk,
		.shell_job = o->shell_job,
		.file_locks = o->file_locks,
		.auto_dedup = o->auto_dedup,
		.lazy_pages = o->lazy_pages,
		.has_cgroups_mode = o->cgroups_mode != NULL,
	};
	if (geteuid() != 0 || process_in_user_namespace())
		return err_set(e, -EPERM, "checkpoint and restore of rootless containers: CRIU needs root");
	for (size_t i = 0; i < o->empty_ns.len; i++)
		if (strcmp(o->empty_ns.items[i], "network") != 0)
			return err_set(e, -EINVAL,
				       "namespace \"%s\" is not supported by --empty-ns (network)",
				       o->empty_ns.items[i]);
	return o->cgroups_mode ? criu_cgroups_parse(o->cgroups_mode, &ret->cgroups_mode, e) : 0;
}
