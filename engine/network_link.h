/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces and the cables between them: the little that netavark leaves to do. rtnetlink(7), veth(4). */
#ifndef SAMPAN_ENGINE_NETWORK_LINK_H
#define SAMPAN_ENGINE_NETWORK_LINK_H

#include <net/if.h>
#include <stdint.h>

#include "common/err.h"
#include "common/strvec.h"

/* The other end, in our namespace, of a veth interface in the namespace `netns_fd`: its index, and its name (IFNAMSIZ bytes). -ENODEV. */
int network_link_peer(int netns_fd, const char *interface, uint32_t *ret_index, char ret_name[IFNAMSIZ],
		      struct err *e) MUST_CHECK;

/* Takes an interface of our namespace off its bridge, if one of that index has that name. One that is not there is a success, as is one without a bridge. */
int network_link_detach(uint32_t index, const char *name, struct err *e) MUST_CHECK;

/* Removes an interface of our namespace, if one of that index has that name. One that is not there is a success. */
int network_link_remove(uint32_t index, const char *name, struct err *e) MUST_CHECK;

/* A new network namespace with nothing in it but interfaces of these names: what netavark takes for a container whose own namespace is gone. *ret_fd is owned; the
 * namespace lives as long as it. */
int network_namespace_stand_in(const struct strvec *interfaces, int *ret_fd, struct err *e) MUST_CHECK;

#endif
