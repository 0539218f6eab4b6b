/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"
#include "engine/monitor_program.h"

#define ARGS_MAX  32
#define OOM_SCORE "/proc/self/oom_score_adj"
#define OOM_NEVER "-1000"

/* Out of memory, the kernel shall take the container, not who notices that and starts it again; conmon has it so too. It takes
 * CAP_SYS_RESOURCE: who has not got that is as likely to be killed as before, and as a process of a few pages that is late. */
void monitor_protect(struct monitor *m)
{
	cleanup_fd int fd = open(OOM_SCORE, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, m->oom_score, sizeof(m->oom_score) - 1);

	if (n <= 0 || file_poke(AT_FDCWD, OOM_SCORE, OOM_NEVER) < 0)
		n = 0;
	m->oom_score[n] = '\0';
}

/* The container inherits it from the helper that makes it. */
static int unprotect(const struct monitor *m)
{
	return m->oom_score[0] ? file_poke(AT_FDCWD, OOM_SCORE, m->oom_score) : 0;
}

/* Everything else that we have open closes at exec. */
static int arrange(int socket_fd, const struct monitor_stdio *stdio)
{
	sigset_t none;

	for (int i = 0; i < 3; i++) {
		int fd = stdio && stdio->fd[i] >= 0 ? stdio->fd[i] : open("/dev/null", O_RDWR | O_CLOEXEC);

		if (fd < 0 || dup2(fd, i) < 0)
			return -errno;
	}
	if (dup2(socket_fd, MONITOR_FD_HELPER) < 0 || fcntl(MONITOR_FD_HELPER, F_SETFD, 0) < 0)
		return -errno;
	(void)sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int build(const struct monitor *m, const char *verb, char *const *args, char *ret[ARGS_MAX])
{
	size_t n = 0;

	if (m->config.sampan_len + 3 > ARGS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < m->config.sampan_len; i++)
		ret[n++] = m->config.sampan[i];
	ret[n++] = (char *)(uintptr_t)verb; /* execv's signature is older than const */
	for (size_t i = 0; args && args[i]; i++) {
		if (n + 2 >= ARGS_MAX)
			return -E2BIG;
		ret[n++] = args[i];
	}
	ret[n++] = (char *)(uintptr_t)m->config.id;
	ret[n] = NULL;
	return 0;
}

int monitor_helper_start(const struct monitor *m, const char *verb, char *const *args,
			 const struct monitor_stdio *stdio, struct monitor_helper *ret)
{
	char *argv[ARGS_MAX];
	cleanup_fd int theirs = -1;
	int pair[2];
	pid_t pid;
	int r = build(m, verb, args, argv);

	if (r < 0)
		return r;
	/* Not below MONITOR_FD_HELPER + 1: nothing of ours is there (monitor_main). */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	theirs = pair[1];
	pid = fork();
	if (pid == 0) {
		if (arrange(theirs, stdio) == 0 && unprotect(m) == 0)
			(void)execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0) {
		r = -errno;
		(void)close(pair[0]);
		return r;
	}
	*ret = (struct monitor_helper){ .pid = pid, .fd = pair[0] };
	return 0;
}
