/* SPDX-License-Identifier: Apache-2.0 */
/* Walls around a process that parses hostile bytes. All of it is for good, and for the calling process only. */
#ifndef SAMPAN_PULL_SANDBOX_H
#define SAMPAN_PULL_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

/* Dies with its parent, whose pid was `parent` when this process was forked from it. prctl(2), PR_SET_PDEATHSIG. To be called again
 * after a change of user. */
int sandbox_die_with(pid_t parent, struct err *e) MUST_CHECK;

/* Standard streams on /dev/null, signals at their defaults (SIGPIPE ignored), no core dumps, at most `max_memory_bytes` of address space. */
int sandbox_settle(size_t max_memory_bytes, struct err *e) MUST_CHECK;

/* Closes every descriptor above 2 that is not among the `len` of `keep`. */
int sandbox_keep_fds(const int *keep, size_t len, struct err *e) MUST_CHECK;

/* Makes *dir_fd the root of the process, in a mount namespace of its own without anything else in it, mounted nosuid, nodev and noexec;
 * *dir_fd is replaced by a descriptor inside. Without CAP_SYS_ADMIN (or under qemu-user) nothing happens: *ret_entered tells. */
int sandbox_enter_root(int *dir_fd, bool *ret_entered, struct err *e) MUST_CHECK;

/* Keeps, of the capabilities that the process has, only the `len` of `keep` (CAP_*), and sets no_new_privs. *ret_all tells whether it has all of them in the
 * initial user namespace. Needs /proc, so to be called before sandbox_enter_root takes it away. */
int sandbox_has_caps(const int *keep, size_t len, bool *ret_all, struct err *e) MUST_CHECK;
int sandbox_drop_caps(const int *keep, size_t len, struct err *e) MUST_CHECK;

/* Becomes nobody (65534), without groups, if it may. */
int sandbox_become_nobody(struct err *e) MUST_CHECK;

/* From here on any system call but the `len` of `allowed` (SYS_*) kills the process; mmap is allowed without PROT_EXEC. Does nothing in sanitizer builds, which
 * need more, and where the kernel has no seccomp. seccomp(2). */
int sandbox_seccomp(const int *allowed, size_t len, struct err *e) MUST_CHECK;

#endif
