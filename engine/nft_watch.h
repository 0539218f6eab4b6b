/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of changes to the packet filter of our network namespace: each one that was made makes a new generation of it, and the kernel says which process it was.
 * nfnetlink(7), linux/netfilter/nf_tables.h */
#ifndef SAMPAN_ENGINE_NFT_WATCH_H
#define SAMPAN_ENGINE_NFT_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

/* A socket that hears of it from now on. Closing the last descriptor of one waits until the kernel has disposed of removed rules. 0 or -errno, where there is no nf_tables. */
int nft_watch_open(int *ret_fd) MUST_CHECK;

/* Reads all that has been told so far. *own grows by the generations of process `pid`; *others: there were some of others, or the kernel has not told all. */
void nft_watch_read(int fd, pid_t pid, size_t *own, bool *others);

#endif
