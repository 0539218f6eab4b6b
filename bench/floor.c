/* SPDX-License-Identifier: Apache-2.0 */
/* floor ROOTFS COMMAND...: what the kernel alone takes to start a container.
 *
 * One clone3 with all namespaces, the mounts, devices, masked and read-only paths of an ordinary bundle, pivot_root, execve, and
 * waiting for the end of it. No config.json, no cgroup, no seccomp, no capabilities, no state: a runtime can approach this
 * time, not beat it. Not a container: there is no security in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

struct mount_def {
	const char *type, *target, *options;
	unsigned long flags;
};

static const struct mount_def MOUNTS[] = {
	{ "proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "tmpfs", "dev", "mode=755,size=65536k", MS_NOSUID | MS_STRICTATIME },
	{ "devpts", "dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5", MS_NOSUID | MS_NOEXEC },
	{ "tmpfs", "dev/shm", "mode=1777,size=65536k", MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "mqueue", "dev/mqueue", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY },
	{ "cgroup2", "sys/fs/cgroup", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY },
};

struct device {
	const char *path;
	unsigned int minor;
};

static const struct device DEVICES[] = {
	{ "dev/null", 3 }, { "dev/zero", 5 }, { "dev/full", 7 }, { "dev/random", 8 }, { "dev/urandom", 9 },
};

static const char *const MASKED_FILES[] = { "proc/kcore", "proc/keys", "proc/latency_stats",
					    "proc/timer_list", "proc/sched_debug" };
static const char *const MASKED_DIRS[] = { "proc/acpi", "proc/scsi", "sys/firmware" };
static const char *const READ_ONLY[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sys",
					 "proc/sysrq-trigger" };

static void die(const char *what)
{
	(void)fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void make_mounts(void)
{
	for (size_t i = 0; i < LEN(MOUNTS); i++) {
		const struct mount_def *m = &MOUNTS[i];

		(void)mkdir(m->target, 0755); /* is there in most root file systems */
		if (mount(m->type, m->target, m->type, m->flags, m->options) < 0)
			die(m->target);
	}
}

static void make_devices(void)
{
	static const char *const LINKS[][2] = { { "/proc/self/fd", "dev/fd" },
						{ "/proc/self/fd/0", "dev/stdin" },
						{ "/proc/self/fd/1", "dev/stdout" },
						{ "/proc/self/fd/2", "dev/stderr" },
						{ "pts/ptmx", "dev/ptmx" } };

	for (size_t i = 0; i < LEN(DEVICES); i++)
		if (mknod(DEVICES[i].path, S_IFCHR | 0666, makedev(1, DEVICES[i].minor)) < 0)
			die(DEVICES[i].path);
	if (mknod("dev/tty", S_IFCHR | 0666, makedev(5, 0)) < 0)
		die("dev/tty");
	for (size_t i = 0; i < LEN(LINKS); i++)
		if (symlink(LINKS[i][0], LINKS[i][1]) < 0)
			die(LINKS[i][1]);
}

/* Not each kernel has each of these: an absent one costs nothing. */
static void hide_paths(void)
{
	for (size_t i = 0; i < LEN(MASKED_FILES); i++)
		(void)mount("/dev/null", MASKED_FILES[i], NULL, MS_BIND, NULL);
	for (size_t i = 0; i < LEN(MASKED_DIRS); i++)
		(void)mount("tmpfs", MASKED_DIRS[i], "tmpfs", MS_RDONLY, "size=0k");
	for (size_t i = 0; i < LEN(READ_ONLY); i++)
		if (mount(READ_ONLY[i], READ_ONLY[i], NULL, MS_BIND | MS_REC, NULL) == 0)
			(void)mount(NULL, READ_ONLY[i], NULL,
				    MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
				    NULL);
}

static void child(const char *rootfs, char **argv)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) < 0 || chdir(rootfs) < 0)
		die(rootfs);
	make_mounts();
	make_devices();
	hide_paths();
	if (sethostname("floor", 5) < 0)
		die("sethostname");
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		die("pivot_root");
	(void)execv(argv[0], argv);
	die(argv[0]);
}

int main(int argc, char **argv)
{
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET |
			 CLONE_NEWCGROUP,
		.exit_signal = SIGCHLD,
	};
	int status;
	long pid;

	if (argc < 3) {
		(void)fprintf(stderr, "usage: floor ROOTFS COMMAND...\n");
		return 2;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		child(argv[1], argv + 2);
	if (pid < 0 || waitpid((pid_t)pid, &status, 0) < 0)
		die("clone3");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
