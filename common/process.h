/* SPDX-License-Identifier: Apache-2.0 */
/* Processes: clone3, pidfds, spawning a program and waiting for it. */
#ifndef SAMPAN_COMMON_PROCESS_H
#define SAMPAN_COMMON_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

/* clone3(2), like fork: returns in both. `flags` are CLONE_NEW*, CLONE_PARENT and the like; CLONE_PIDFD is added;
 * cgroup_fd >= 0 adds CLONE_INTO_CGROUP. The child gets 0, the parent the pid and, in *ret_pidfd, an owned
 * descriptor; negative errno on failure. The child may use everything but threads. */
pid_t process_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd) MUST_CHECK;

/* pidfd_open(2), pidfd_send_signal(2). 0 (or the descriptor) or -errno. */
int process_pidfd_open(pid_t pid) MUST_CHECK;
int process_signal(int pidfd, int signal) MUST_CHECK;

/* Waits for a child of ours and reaps it. *ret_status is as waitpid(2)'s. 0 or -errno. */
int process_wait(int pidfd, int *ret_status) MUST_CHECK;

/* Shell's view of a wait status: the exit code, or 128 + signal. */
int process_exit_code(int wait_status);

/* The start time of a process in clock ticks since boot (field 22 of /proc/PID/stat), which with the pid
 * tells one process from a later one of the same number. -ESRCH when it is gone. */
int process_start_time(pid_t pid, uint64_t *ret_ticks) MUST_CHECK;

/* State letter of /proc/PID/stat ('R', 'S', 'Z', ...) and start time. A process that has begun to exit is 'X' from the
 * moment that it may have let go of its descriptors and locks. -ESRCH. */
int process_stat(pid_t pid, char *ret_state, uint64_t *ret_ticks) MUST_CHECK;

/* Start time, and which of the signals 1 to 31 it ignores: bit 0 is signal 1. Children inherit that, through execve as well. -ESRCH. */
int process_start_and_ignored(pid_t pid, uint64_t *ret_ticks, uint32_t *ret_ignored) MUST_CHECK;

/* Of this process: those signals do by default what they do. */
void process_heed_signals(uint32_t ignored);

/* Whether the IDs that we see are not all those of the machine: we are in a user namespace. Looks at /proc/self/uid_map. */
bool process_in_user_namespace(void);

/* Closes every descriptor from `first` on but those in `keep` (-1: none), which is sorted by this. 0 or -errno. */
int process_close_others(unsigned int first, int *keep, size_t len) MUST_CHECK;

/* Closes every descriptor from `first` on, or marks it close-on-exec. close_range(2). 0 or -errno. */
int process_close_from(unsigned int first) MUST_CHECK;
int process_cloexec_from(unsigned int first) MUST_CHECK;

#endif
