/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ssh_agent.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/process.h"

#define PATH_ELSE "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define SAID_MAX  4096 /* bytes of what a program says */
#define NOT_THERE 127
#define INSTALL   "is not installed (apt install openssh-client)"

/* --- programs ------------------------------------------------------------------------------------------- */

struct program {
	char *const *argv;
	int dir_fd, in_fd; /* where it runs; what it reads */
	int out_fd;        /* STDOUT_FILENO or STDERR_FILENO: what is heard */
};

/* The agent is set-group-ID, and would outlive us if it were to gain that: prctl(2), PR_SET_PDEATHSIG. */
static _Noreturn void child(const struct program *p, int said_fd, pid_t parent)
{
	const char *path = getenv("PATH");
	cleanup_free char *path_env = NULL;
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	if (!path || asprintf(&path_env, "PATH=%s", path) < 0)
		path_env = NULL;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail */
	(void)signal(SIGPIPE, SIG_DFL);
	(void)setsid(); /* no terminal is asked for a passphrase */
	(void)umask(0177);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 ||
	    getppid() != parent || fchdir(p->dir_fd) < 0 || null_fd < 0)
		_exit(126);
	if (dup2(p->in_fd >= 0 ? p->in_fd : null_fd, STDIN_FILENO) < 0 ||
	    dup2(p->out_fd == STDOUT_FILENO ? said_fd : null_fd, STDOUT_FILENO) < 0 ||
	    dup2(p->out_fd == STDERR_FILENO ? said_fd : null_fd, STDERR_FILENO) < 0 ||
	    process_cloexec_from(3) < 0)
		_exit(126);
	(void)execvpe(p->argv[0], p->argv,
		      (char *[]){ path_env ? path_env : (char[]){ PATH_ELSE }, (char[]){ "LC_ALL=C" },
				  (char[]){ "SSH_AUTH_SOCK=" SSH_AGENT_SOCKET },
				  (char[]){ "SSH_ASKPASS=/bin/false" },
				  (char[]){ "SSH_ASKPASS_REQUIRE=force" }, NULL });
	_exit(errno == ENOENT ? NOT_THERE : 126);
}

static int start(const struct program *p, pid_t *ret_pid, int *ret_fd, struct err *e)
{
	int said[2];
	pid_t parent = getpid(), pid;

	if (pipe2(said, O_CLOEXEC) < 0)
		return err_errno(e, "cannot run %s", p->argv[0]);
	pid = fork();
	if (pid == 0)
		child(p, said[1], parent);
	if (pid < 0)
		(void)err_errno(e, "cannot run %s", p->argv[0]);
	(void)close(said[1]); /* the child's */
	if (pid < 0) {
		(void)close(said[0]);
		return e->code;
	}
	*ret_pid = pid;
	*ret_fd = said[0];
	return 0;
}

static int reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return NOT_THERE;
	return process_exit_code(status);
}

/* The beginning, up to a newline or the end. */
static void hear(int fd, char ret[SAID_MAX])
{
	size_t len = 0;
	ssize_t n;

	while (len < SAID_MAX - 1) {
		n = read(fd, ret + len, SAID_MAX - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (memchr(ret, '\n', len))
			break;
	}
	ret[len] = '\0';
	ret[strcspn(ret, "\r\n")] = '\0';
}

/* --- keys ----------------------------------------------------------------------------------------------- */

static int open_key(const char *path, int *ret_fd, struct err *e)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "'%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "'%s' is neither a file nor the socket of an agent", path);
	if (st.st_size > SSH_AGENT_KEY_MAX)
		return err_set(e, -EINVAL, "'%s' is larger than %d bytes, and so no key", path,
			       SSH_AGENT_KEY_MAX);
	if (st.st_mode & 077)
		return err_set(e, -EACCES, "the key '%s' is open to others (chmod 600 it)", path);
	*ret_fd = fd_take(&fd);
	return 0;
}

int ssh_agent_check_key(const char *path, struct err *e)
{
	cleanup_fd int fd = -1;

	return open_key(path, &fd, e);
}

/* It asks for a passphrase, in vain, before it says anything. */
static int add_key(int dir_fd, const char *path, struct err *e)
{
	char *const argv[] = { (char[]){ "ssh-add" }, (char[]){ "-" }, NULL };
	struct program p = { .argv = argv, .dir_fd = dir_fd, .in_fd = -1, .out_fd = STDERR_FILENO };
	cleanup_fd int key_fd = -1, said_fd = -1;
	char said[SAID_MAX];
	pid_t pid = -1;
	int r = open_key(path, &key_fd, e), code;

	p.in_fd = key_fd;
	if (r == 0)
		r = start(&p, &pid, &said_fd, e);
	if (r < 0)
		return r;
	hear(said_fd, said);
	code = reap(pid);
	if (code == 0)
		return 0;
	if (code == NOT_THERE)
		return err_set(e, -ENOENT, "ssh-add " INSTALL);
	if (!said[0] || strstr(said, "passphrase"))
		return err_set(e, -EKEYREJECTED,
			       "the key '%s' has a passphrase (ssh-add it to an agent, and give the agent)",
			       path);
	return err_set(e, -EINVAL, "'%s' is no private key: %.200s", path, said);
}

/* --- the agent ------------------------------------------------------------------------------------------ */

void ssh_agent_end(struct ssh_agent *a)
{
	if (a->pid <= 0)
		return;
	(void)kill(a->pid, SIGTERM); /* not reaped yet, so the number is its own */
	(void)reap(a->pid);
	a->pid = 0;
}

/* It says where its socket is once it listens. */
static int start_agent(int dir_fd, struct ssh_agent *ret, struct err *e)
{
	char *const argv[] = {
		(char[]){ "ssh-agent" },      (char[]){ "-D" }, (char[]){ "-s" },   (char[]){ "-a" },
		(char[]){ SSH_AGENT_SOCKET }, (char[]){ "-P" }, (char[]){ "none" }, NULL
	};
	const struct program p = { .argv = argv, .dir_fd = dir_fd, .in_fd = -1, .out_fd = STDOUT_FILENO };
	cleanup_fd int said_fd = -1;
	char said[SAID_MAX];
	int r = start(&p, &ret->pid, &said_fd, e), code;

	if (r < 0)
		return r;
	hear(said_fd, said);
	if (strncmp(said, "SSH_AUTH_SOCK=", strlen("SSH_AUTH_SOCK=")) == 0)
		return 0;
	code = reap(ret->pid);
	ret->pid = 0;
	return code == NOT_THERE ? err_set(e, -ENOENT, "ssh-agent " INSTALL)
				 : err_set(e, -EPROTO, "ssh-agent has ended with code %d", code);
}

int ssh_agent_start(int dir_fd, const struct strvec *keys, struct ssh_agent *ret, struct err *e)
{
	struct ssh_agent agent = { 0 };
	int r = start_agent(dir_fd, &agent, e);

	for (size_t i = 0; r == 0 && i < keys->len; i++)
		r = add_key(dir_fd, keys->items[i], e);
	if (r < 0)
		ssh_agent_end(&agent);
	else
		*ret = agent;
	return r;
}
