/* SPDX-License-Identifier: Apache-2.0 */
/* netavark runs iptables(8) for each rule, a program that reads all rules and writes one. While it does that for us, something else is in iptables' place:
 * libexec/sampan/netavark/{iptables,ip6tables} (cli/main_iptables.c), which stand first in its PATH and hand what they are asked to the process that started netavark.
 * That answers out of a copy of the rules, which it reads once, and makes all changes at the end, at once. docs/adr/0016
 *
 * What is asked for and not understood is left to iptables itself, from then on: what was gathered before is written, and each call runs iptables. */
#ifndef SAMPAN_ENGINE_IPTABLES_BATCH_H
#define SAMPAN_ENGINE_IPTABLES_BATCH_H

#include "engine/iptables_protocol.h"
#include "engine/iptables_programs.h"

struct iptables_family {
	bool is_read;
	struct iptables_tables tables;
	struct iptables_changes changes; /* made in the copy, and nowhere else */
};

struct iptables_batch {
	int dir_fd, listen_fd, watch_fd;
	char *first_dir, *variable; /* for netavark */
	bool forgiving;
	bool given_up;                 /* calls run iptables */
	struct network_helper reading; /* IPv4's rules */
	struct iptables_family families[IPTABLES_FAMILIES];
};
#define IPTABLES_BATCH_EMPTY      \
	((struct iptables_batch){ \
		.dir_fd = -1, .listen_fd = -1, .watch_fd = -1, .reading = NETWORK_HELPER_EMPTY })
void iptables_batch_done(struct iptables_batch *b);
#define cleanup_iptables_batch __attribute__((cleanup(iptables_batch_done)))

/* Listens in `dir`, which is root's. `forgiving`: removing a chain that is not there is a success, as a teardown wants it. -ENOENT: there is nothing that could be gathered
 * here, as iptables, or what stands in its place, is not installed, or the user wants another packet filter. */
int iptables_batch_open(const char *dir, bool forgiving, struct iptables_batch *ret,
			struct err *e) MUST_CHECK;

/* Answers until the process of the pidfd, netavark, has ended. */
void iptables_batch_attend(struct iptables_batch *b, int pidfd);

/* Makes the changes. -EPROTO, in iptables' words. */
int iptables_batch_commit(struct iptables_batch *b, struct err *e) MUST_CHECK;

#endif
