/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/write_back.h"

#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/err.h"
#include "common/process.h"
#include "pull/sandbox.h"

#define NS_PER_S     INT64_C(1000000000)
#define FIRST_NS     (NS_PER_S / 10)
#define PAUSE_FACTOR 4 /* a fourth of the time that has passed */
#define HURRY        SIGUSR1

static int64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Each sync writes some of the file system's own blocks once more: the longer it takes, the fewer there are in a second. */
static _Noreturn void sync_again_and_again(int fd, pid_t parent)
{
	int64_t begun = now_ns(), pause = FIRST_NS;
	struct err ignored;
	sigset_t hurry;

	(void)sigemptyset(&hurry);
	(void)sigaddset(&hurry, HURRY);
	/* Not the caller's streams either: who reads from them waits for the last that holds them. */
	if (sigprocmask(SIG_BLOCK, &hurry, NULL) < 0 || process_close_others(0, &fd, 1) < 0 ||
	    sandbox_die_with(parent, &ignored) < 0)
		_exit(1);
	for (;;) {
		const struct timespec t = { .tv_sec = pause / NS_PER_S, .tv_nsec = pause % NS_PER_S };

		if ((sigtimedwait(&hurry, NULL, &t) < 0 && errno != EAGAIN) || syncfs(fd) < 0)
			_exit(1);
		pause = (now_ns() - begun) / PAUSE_FACTOR;
		if (pause < FIRST_NS)
			pause = FIRST_NS;
	}
}

void write_back_begin(int fd, struct write_back *ret)
{
	pid_t parent = getpid(), pid = fork();

	if (pid == 0)
		sync_again_and_again(fd, parent);
	ret->pid = pid > 0 ? pid : 0;
}

void write_back_hurry(const struct write_back *w)
{
	if (w->pid > 0)
		(void)kill(w->pid, HURRY); /* not reaped yet, so the pid is its own */
}

void write_back_end(struct write_back *w)
{
	if (w->pid <= 0)
		return;
	(void)kill(w->pid, SIGKILL);          /* not reaped yet, so the pid is its own */
	(void)waitpid(w->pid, NULL, WNOHANG); /* else our own end reaps it */
	w->pid = 0;
}
