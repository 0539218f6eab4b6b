/* SPDX-License-Identifier: Apache-2.0 */
/* The conversation between the creator of a container and its init, over a SEQPACKET socket: one message, one packet.
 *
 *	creator                         init
 *	  | ---- MAPPED ----------------> |   if it waits: the ID maps are written, it is in its cgroup
 *	  | ---- NETWORK + descriptor --> |   if it gets a new network namespace, and no user namespace with it
 *	  | <--- CONSOLE + descriptor --- |   with a terminal
 *	  | <--- HOOKS ------------------ |   if there are hooks: namespaces and mounts stand, no pivot_root yet
 *	  | ---- GO --------------------> |
 *	  | <--- LISTENER + descriptor -- |   if the seccomp filter has SCMP_ACT_NOTIFY
 *	  | <--- READY ------------------ |   everything but the start is done
 *	  | ---- GO --------------------> |   without it init ends: a creator that dies leaves no container behind. It may
 *	  |                               |   come before READY
 *	  | <--- end of file ------------ |   execve closed the socket; or ERROR, at any point before
 *
 * An exec begins with CHILD and its pidfd, from the process that has entered the container and started it there; MAPPED is the answer to
 * that.
 */
#ifndef SAMPAN_RUNTIME_SYNC_H
#define SAMPAN_RUNTIME_SYNC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

enum sync_kind {
	SYNC_MAPPED = 1,
	SYNC_HOOKS,
	SYNC_CONSOLE,
	SYNC_READY,
	SYNC_GO,
	SYNC_LISTENER,
	SYNC_CHILD,
	SYNC_NETWORK,
	SYNC_ERROR
};

/* A connected pair, close-on-exec. 0 or -errno. */
int sync_pair(int ret_fds[2]) MUST_CHECK;

/* To one that has ended: its ERROR becomes ours, -ECONNRESET without one. */
int sync_send(int fd, enum sync_kind kind, struct err *e) MUST_CHECK;
int sync_send_fd(int fd, enum sync_kind kind, int passed_fd, struct err *e) MUST_CHECK;

/* READY, and whether a `start` may go before execve has come about. */
int sync_send_ready(int fd, bool may_be_left, struct err *e) MUST_CHECK;
int sync_expect_ready(int fd, bool *ret_may_be_left, struct err *e) MUST_CHECK;

/* The GO that a program's execve follows: with the signals that it shall not inherit as ignored (process_heed_signals). */
int sync_send_start(int fd, uint32_t ignored, struct err *e) MUST_CHECK;
int sync_expect_start(int fd, uint32_t *ret_ignored, struct err *e) MUST_CHECK;

/* CHILD: a process that the sender has started, by number and pidfd (owned by the receiver). */
int sync_send_child(int fd, pid_t pid, int pidfd, struct err *e) MUST_CHECK;
int sync_expect_child(int fd, pid_t *ret_pid, int *ret_pidfd, struct err *e) MUST_CHECK;

/* To the peer: what went wrong here. Best effort, as the sender ends after it. */
void sync_send_error(int fd, const struct err *error);

/* Waits for this kind of message. The peer's ERROR becomes ours, code and text. ret_fd (may be NULL) gets a passed
 * descriptor. -ECONNRESET: the peer is gone; -EPROTO: it said something else. */
int sync_expect(int fd, enum sync_kind kind, int *ret_fd, struct err *e) MUST_CHECK;

/* Waits until the peer has closed its end: 0. ERROR becomes ours. */
int sync_expect_end(int fd, struct err *e) MUST_CHECK;

#endif
