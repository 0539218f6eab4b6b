/* SPDX-License-Identifier: Apache-2.0 */
/* linux.sysctl: kernel parameters of the container's namespaces. */
#ifndef SAMPAN_RUNTIME_SYSCTL_H
#define SAMPAN_RUNTIME_SYSCTL_H

#include "common/err.h"
#include "common/strvec.h"

/* Writes "name=value" settings, dots or slashes in the name, through the host's /proc, made sure of: it shows the namespaces
 * of whoever looks. In init, before pivot_root. plan_make has checked that each belongs to a namespace of the container's. */
int sysctl_apply(const struct strvec *settings, struct err *e) MUST_CHECK;

#endif
