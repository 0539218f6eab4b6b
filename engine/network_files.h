/* SPDX-License-Identifier: Apache-2.0 */
/* A container's /etc/hosts and /etc/resolv.conf: files in its directory that are mounted there. They are made at create, and get what only its networks
 * know before each start. */
#ifndef SAMPAN_ENGINE_NETWORK_FILES_H
#define SAMPAN_ENGINE_NETWORK_FILES_H

#include "common/buf.h"
#include "engine/network_config.h"
#include "engine/network_record.h"

#define NETWORK_HOSTS_FILE  "hosts"
#define NETWORK_RESOLV_FILE "resolv.conf"
#define NETWORK_FILE_BYTES  (1u << 20) /* of each, and of the host's */

/* For create: the host's file (mode host) or the usual lines, and --add-host. `host` is the text of the host's /etc/hosts. -EFBIG, -ENOMEM. */
int network_hosts_text(const struct network_config *c, const char *host, struct buf *out) MUST_CHECK;

/* resolv.conf of what --dns, --dns-search and --dns-option say, and for the rest the host's. `resolvers` (may be NULL or empty) stand in for all name servers; without
 * them, and where the container's loopback is its own, name servers on the host's loopback are left out. -EFBIG, -ENOMEM. */
int network_resolv_text(const struct network_config *c, const char *host, const struct strvec *resolvers,
			struct buf *out) MUST_CHECK;

/* The text of the host's resolv.conf. Where that names nothing but a resolver on loopback, systemd-resolved's own list. A host without the file has an empty
 * one. */
int network_host_resolv(struct buf *out, struct err *e) MUST_CHECK;

/* /etc/hosts with the container's addresses: lines that end with NETWORK_HOSTS_MARK are ours, and are made anew; all others stay as they are. `record` may be empty. */
#define NETWORK_HOSTS_MARK "\t# sampan"
int network_hosts_update_text(const char *old, const struct network_config *c,
			      const struct network_record *record, const char *hostname,
			      struct buf *out) MUST_CHECK;

/* Between network_up and the start: both files in the container's directory. They are written in place, as they are mounted already. A resolv.conf that is no longer what we
 * wrote is left alone. Files that are not there (the user has mounted others) stay away. */
int network_files_update(int dir_fd, const struct network_config *c, const struct network_record *record,
			 const char *hostname, struct err *e) MUST_CHECK;

#endif
