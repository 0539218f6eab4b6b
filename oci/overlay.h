/* SPDX-License-Identifier: Apache-2.0 */
/* What store/ knows of a container's root file system and runtime/ mounts, in the container's own mount namespace. */
#ifndef SAMPAN_OCI_OVERLAY_H
#define SAMPAN_OCI_OVERLAY_H

#include <stdbool.h>
#include <stdlib.h>

#include "common/strvec.h"

struct overlay_plan {
	struct strvec lower; /* absolute paths, topmost first */
	char *upper;         /* NULL: mount read-only without one */
	char *work;
	bool temporary; /* nothing in upper needs to outlive the container: no syncs (option "volatile") */
	char *target;   /* the mount point, absolute: an empty directory of the container's */
};

static inline void overlay_plan_done(struct overlay_plan *p)
{
	strvec_done(&p->lower);
	free(p->upper);
	free(p->work);
	free(p->target);
	*p = (struct overlay_plan){ 0 };
}
#define cleanup_overlay_plan __attribute__((cleanup(overlay_plan_done)))

#endif
