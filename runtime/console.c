/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/console.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>

#include "common/cleanup.h"
#include "common/fd_pass.h"
#include "common/rootfd.h"
#include "runtime/sys_mount.h"

static int prepare_slave(int slave, uint64_t width, uint64_t height, struct err *e)
{
	struct winsize size = { .ws_col = (unsigned short)width, .ws_row = (unsigned short)height };
	struct termios modes;

	if (tcgetattr(slave, &modes) < 0)
		return err_errno(e, "cannot read the modes of the terminal");
	modes.c_oflag &= ~(tcflag_t)ONLCR;
	if (tcsetattr(slave, TCSANOW, &modes) < 0)
		return err_errno(e, "cannot set the modes of the terminal");
	if (width && height && ioctl(slave, TIOCSWINSZ, &size) < 0)
		return err_errno(e, "cannot set the size of the terminal");
	return 0;
}

/* What a container has put there may be anything by the time of an exec, and opening some things does something. On devpts itself nobody can
 * put anything, but something may be mounted on a file of it. */
static int open_ptmx(int pts_fd, int *ret_fd, struct err *e)
{
	struct open_how how = { .flags = O_RDWR | O_NOCTTY | O_CLOEXEC,
				.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS };
	struct statfs fs;
	struct stat st;
	long fd;

	if (fstatfs(pts_fd, &fs) < 0)
		return err_errno(e, "cannot look at '/dev/pts'");
	if (fs.f_type != DEVPTS_SUPER_MAGIC)
		return err_set(e, -EINVAL, "'/dev/pts' is not a devpts");
	fd = syscall(SYS_openat2, pts_fd, "ptmx", &how, sizeof(how));
	if (fd < 0)
		return err_errno(e, "cannot open '/dev/pts/ptmx'");
	*ret_fd = (int)fd;
	if (fstat(*ret_fd, &st) < 0)
		return err_errno(e, "cannot look at '/dev/pts/ptmx'");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return err_set(e, -EINVAL, "'/dev/pts/ptmx' is not that of a devpts");
	return 0;
}

int console_open(int root_fd, uint64_t width, uint64_t height, struct console *ret, struct err *e)
{
	cleanup_console struct console c = { -1, -1 };
	cleanup_fd int pts = -1;
	int unlock = 0;
	int r = rootfd_open(root_fd, "/dev/pts", O_PATH | O_DIRECTORY, 0, &pts, e);

	if (r < 0)
		return err_wrap(e, "cannot make a terminal");
	r = open_ptmx(pts, &c.master, e);
	if (r < 0)
		return r;
	if (ioctl(c.master, TIOCSPTLCK, &unlock) < 0)
		return err_errno(e, "cannot unlock the terminal");
	/* By ioctl, not by name: /dev/pts/N could be something else by now. */
	c.slave = ioctl(c.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c.slave < 0)
		return err_errno(e, "cannot open the terminal");
	r = prepare_slave(c.slave, width, height, e);
	if (r < 0)
		return r;
	ret->master = fd_take(&c.master);
	ret->slave = fd_take(&c.slave);
	return 0;
}

int console_bind(const struct console *c, int root_fd, struct err *e)
{
	cleanup_fd int tree = mount_clone(c->slave, "", false), target = -1;
	int r;

	if (tree < 0)
		return err_code(e, tree, "cannot bind '/dev/console'");
	r = rootfd_make_file(root_fd, "/dev/console", 0600, &target, e);
	if (r < 0)
		return r;
	r = mount_attach(tree, target, "");
	return r < 0 ? err_code(e, r, "cannot bind '/dev/console'") : 0;
}

int console_make_stdio(const struct console *c, struct err *e)
{
	if (ioctl(c->slave, TIOCSCTTY, 0) < 0)
		return err_errno(e, "cannot make it the controlling terminal");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(c->slave, fd) < 0)
			return err_errno(e, "cannot put the terminal on descriptor %d", fd);
	return 0;
}

int console_pass(int socket_fd, int master, struct err *e)
{
	static const char NAME[] = "/dev/ptmx"; /* some readers expect a name beside the descriptor */
	int r = fd_pass_send(socket_fd, NAME, strlen(NAME), master);

	return r < 0 ? err_code(e, r, "cannot pass the terminal to the console socket") : 0;
}

void console_done(struct console *c)
{
	if (c->master >= 0)
		(void)close(c->master);
	if (c->slave >= 0)
		(void)close(c->slave);
	*c = (struct console){ -1, -1 };
}
