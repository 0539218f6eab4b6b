/* SPDX-License-Identifier: Apache-2.0 */
/* Messages with a descriptor attached, over AF_UNIX sockets. unix(7), cmsg(3). */
#ifndef SAMPAN_COMMON_FD_PASS_H
#define SAMPAN_COMMON_FD_PASS_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "common/err.h"

/* Sends all of `data` in one message; passed_fd -1: none. 0 or -errno; no SIGPIPE. */
int fd_pass_send(int socket_fd, const void *data, size_t len, int passed_fd) MUST_CHECK;

/* Receives one message of up to `len` bytes. Returns its length, 0 when the peer has closed, or -errno. *ret_fd (may be NULL: then it
 * is closed) is owned, close-on-exec, and left alone where none came. */
ssize_t fd_pass_receive(int socket_fd, void *data, size_t len, int *ret_fd) MUST_CHECK;

/* The same with a message in several parts, and flags of sendmsg(2) and recvmsg(2). */
int fd_pass_send_parts(int socket_fd, struct iovec *parts, size_t len, int passed_fd, int flags) MUST_CHECK;
ssize_t fd_pass_receive_parts(int socket_fd, struct iovec *parts, size_t len, int flags,
			      int *ret_fd) MUST_CHECK;

#endif
