/* SPDX-License-Identifier: Apache-2.0 */
/* The network namespace that a container gets anew. It takes the kernel as long as all mounts together, so the creator makes it while init
 * mounts. Not with a user namespace, new or joined: there clone3 makes it (plan->network_beside is false). */
#ifndef SAMPAN_RUNTIME_NEW_NETWORK_H
#define SAMPAN_RUNTIME_NEW_NETWORK_H

#include <stdbool.h>

#include "common/err.h"

/* In the creator: makes a network namespace, brings up its loopback device, and sends it to init over sync_fd. The caller is in its own after it, but
 * where it `may_stay`: then it is in the new one, of which it leaves descriptors open. -EPERM, -ENOSPC: clone(2). network_namespaces(7) */
int new_network_make(int sync_fd, bool may_stay, struct err *e) MUST_CHECK;

/* In init: waits for it and enters it. */
int new_network_enter(int sync_fd, struct err *e) MUST_CHECK;

/* In a network namespace that is new: what runc and crun do, too, so that localhost works. A kernel without IPv4 is left alone. */
int new_network_loopback_up(struct err *e) MUST_CHECK;

#endif
