/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a container into images on disk, by CRIU. */
#ifndef SAMPAN_RUNTIME_CHECKPOINT_H
#define SAMPAN_RUNTIME_CHECKPOINT_H

#include "runtime/criu_job.h"
#include "runtime/runtime.h"

struct runtime_checkpoint_args {
	const struct runtime_args *container; /* state_root, id, bundle and spec count */
	struct criu_options criu;             /* its image_path is there */
	const char *parent_path;              /* of an earlier pre-dump, from the image directory; NULL */
	const char *page_server;              /* address, without blanks and quotes; NULL */
	uint16_t page_server_port;
	int status_fd; /* gets a NUL byte once lazy pages can be asked for; -1 */
	bool leave_running, pre_dump, tcp_skip_in_flight, link_remap;
};

/* Dumps it. As with runc the container is then deleted, its poststop hooks and all, unless leave_running or pre_dump (memory only).
 * -EBUSY: it does not run; -EOPNOTSUPP: no CRIU, or what CRIU cannot carry; -EIO 'criu failed: ...', after which it runs on. */
int runtime_checkpoint(const struct runtime_checkpoint_args *args, struct err *e) MUST_CHECK;

#endif
