/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/new_network.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "runtime/sync.h"
#include "runtime/sys_mount.h"

#define HELPER_STACK_BYTES 32768

/* Shared with the helper, which runs in our memory while we wait. */
struct making {
	int sync_fd, result;
	struct err *e;
};

static int bring_up(int socket_fd, struct err *e)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	return ioctl(socket_fd, SIOCSIFFLAGS, &lo) < 0 ? err_errno(e, "cannot bring up the loopback device")
						       : 0;
}

int new_network_loopback_up(struct err *e)
{
	/* netdevice(7): any socket will do that was made in the namespace. */
	cleanup_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno == EAFNOSUPPORT ? 0 : err_errno(e, "cannot make a socket");
	return bring_up(fd, e);
}

/* The namespace of a socket; by its name in /proc it takes ten times as long, but no CAP_NET_ADMIN. -errno. */
static int network_of(int socket_fd)
{
	int fd = ioctl(socket_fd, SIOCGSKNS);

	if (fd < 0)
		fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* In the new namespace. Its two descriptors are the caller's, who stays there with them or ends. */
static int send_this(int sync_fd, int *ret_socket_fd, int *ret_fd, struct err *e)
{
	int r = 0;

	*ret_socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (*ret_socket_fd >= 0)
		r = bring_up(*ret_socket_fd, e);
	else if (errno != EAFNOSUPPORT)
		r = err_errno(e, "cannot make a socket");
	if (r < 0)
		return r;
	*ret_fd = network_of(*ret_socket_fd);
	return *ret_fd < 0 ? err_code(e, *ret_fd, "cannot open the new network namespace")
			   : sync_send_fd(sync_fd, SYNC_NETWORK, *ret_fd, e);
}

static int serve(void *argument)
{
	struct making *m = argument;
	int socket_fd, fd;

	m->result = send_this(m->sync_fd, &socket_fd, &fd, m->e);
	return 0;
}

/* Another process is born there, in our memory, and is gone when this returns. Its descriptors are its own. */
static int make_by_helper(int sync_fd, struct err *e)
{
	_Alignas(16) char stack[HELPER_STACK_BYTES];
	struct making m = { .sync_fd = sync_fd, .result = -ECHILD, .e = e };
	int pid, status, r;

	pid = clone(serve, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_NEWNET, &m);
	if (pid < 0)
		return err_errno(e, "cannot make a network namespace");
	do
		r = waitpid(pid, &status, __WALL);
	while (r < 0 && errno == EINTR);
	return m.result == -ECHILD
		       ? err_set(e, -ECHILD, "cannot make a network namespace: the helper was killed")
		       : m.result;
}

static int make_and_stay(int sync_fd, struct err *e)
{
	int socket_fd, fd;

	return unshare(CLONE_NEWNET) < 0 ? err_errno(e, "cannot make a network namespace")
					 : send_this(sync_fd, &socket_fd, &fd, e);
}

/* `own_fd` is our own namespace, which we may enter. */
static int make_and_return(int own_fd, int sync_fd, struct err *e)
{
	cleanup_fd int socket_fd = -1, fd = -1;
	int r;

	if (unshare(CLONE_NEWNET) < 0)
		return err_errno(e, "cannot make a network namespace");
	r = send_this(sync_fd, &socket_fd, &fd, e);
	if (setns(own_fd, CLONE_NEWNET) < 0)
		return err_errno(e, "cannot come back from the new network namespace");
	return r;
}

/* Who goes there is not always allowed back: in a user namespace of our own the network namespace may still be the machine's. */
int new_network_make(int sync_fd, bool may_stay, struct err *e)
{
	cleanup_fd int own_fd = -1;

	if (may_stay)
		return make_and_stay(sync_fd, e);
	own_fd = network_of(sync_fd);
	if (own_fd >= 0 && setns(own_fd, CLONE_NEWNET) == 0)
		return make_and_return(own_fd, sync_fd, e);
	return make_by_helper(sync_fd, e);
}

int new_network_enter(int sync_fd, struct err *e)
{
	leave_fd int fd = -1;
	int r = sync_expect(sync_fd, SYNC_NETWORK, &fd, e);

	if (r < 0)
		return r;
	return setns(fd, CLONE_NEWNET) < 0 ? err_errno(e, "cannot enter the new network namespace") : 0;
}
