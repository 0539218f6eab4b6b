/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/image_root.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd_pass.h"
#include "common/process.h"
#include "oci/overlay.h"
#include "runtime/rootfs.h"

#define OPEN_ROOT (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static int mount_and_open(const struct overlay_plan *plan, int *ret_fd, struct err *e)
{
	int r;

	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return err_errno(e, "cannot set the propagation of '/'");
	r = rootfs_mount_overlay(plan, e);
	if (r < 0)
		return r;
	*ret_fd = open(plan->target, OPEN_ROOT);
	return *ret_fd < 0 ? err_errno(e, "cannot open '%s'", plan->target) : 0;
}

/* In a process of its own: sends the descriptor, or the error. */
static void child(int socket_fd, const struct overlay_plan *plan)
{
	struct err e = { 0 };
	int fd = -1;

	IGNORE_RESULT(mount_and_open(plan, &fd, &e)); /* e says it */
	IGNORE_RESULT(fd_pass_send(socket_fd, &e, sizeof(e),
				   fd)); /* else the other side sees an end without a word */
	_exit(0);
}

static int receive(int socket_fd, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = -1;
	struct err said;
	ssize_t n = fd_pass_receive(socket_fd, &said, sizeof(said), &fd);

	if (n != (ssize_t)sizeof(said))
		return err_code(e, n < 0 ? (int)n : -EPROTO, "cannot mount the image");
	if (said.code < 0 || fd < 0) {
		*e = said;
		e->text[sizeof(e->text) - 1] = '\0';
		return said.code < 0 ? said.code : err_code(e, -EPROTO, "cannot mount the image");
	}
	*ret_fd = fd_take(&fd);
	return 0;
}

static int open_mounted(const struct overlay_plan *plan, int *ret_fd, struct err *e)
{
	cleanup_fd int ours = -1;
	cleanup_fd int theirs = -1;
	cleanup_fd int pidfd = -1;
	int pair[2], status, r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, "cannot make a pair of sockets");
	ours = pair[0];
	theirs = pair[1];
	pid = process_clone(CLONE_NEWNS, -1, &pidfd);
	if (pid == 0)
		child(theirs, plan);
	if (pid < 0)
		return err_code(e, (int)pid, "cannot start a process in a mount namespace of its own");
	(void)close(fd_take(&theirs));
	r = receive(ours, ret_fd, e);
	IGNORE_RESULT(process_wait(pidfd, &status)); /* it has said what there was to say */
	return r;
}

int image_root_open(const struct strvec *lower, const char *target, int *ret_fd, struct err *e)
{
	cleanup_overlay_plan struct overlay_plan plan = { .target = strdup(target) };
	int r;

	if (lower->len == 1) {
		*ret_fd = open(lower->items[0], OPEN_ROOT);
		return *ret_fd < 0 ? err_errno(e, "cannot open '%s'", lower->items[0]) : 0;
	}
	r = plan.target ? strvec_add_all(&plan.lower, lower) : -ENOMEM;
	return r < 0 ? err_code(e, r, "cannot mount the image") : open_mounted(&plan, ret_fd, e);
}
