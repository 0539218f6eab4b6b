/* SPDX-License-Identifier: Apache-2.0 */
/* Has what is being unpacked written to disk while it is: the kernel would wait for seconds, and the last sync then for all of it at once
 * (docs/adr/0018). Nothing depends on it but the time that a pull takes. */
#ifndef SAMPAN_PULL_WRITE_BACK_H
#define SAMPAN_PULL_WRITE_BACK_H

#include <sys/types.h>

#define WRITE_BACK_WORTH_BYTES (8u << 20) /* of blobs that are to come; below it no process is worth it */

/* Empty when pid is 0. */
struct write_back {
	pid_t pid;
};

/* Starts a process that syncs the file system of fd (borrowed) again and again. Without one things take longer, and that is all. */
void write_back_begin(int fd, struct write_back *ret);

/* Has it sync at once, and not when its pause is over: most of what is to come has come. Does not wait. One that began a moment
 * ago may end of it, which costs time and no more. */
void write_back_hurry(const struct write_back *w);

/* Ends it, and does not wait for a sync that is under way. */
void write_back_end(struct write_back *w);
#define cleanup_write_back __attribute__((cleanup(write_back_end)))

#endif
