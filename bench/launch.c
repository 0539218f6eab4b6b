/* SPDX-License-Identifier: Apache-2.0 */
/* launch FD COMMAND...: runs it and writes what it cost to the descriptor FD:
 *
 *	wall_us user_us system_us max_rss_kib status
 *
 * User and system time are those of the command and of all descendants that were waited for (wait4(2)). Measured
 * here, because forking a Python interpreter costs more than starting a container does.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/parse.h"

static uint64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t us(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

int main(int argc, char **argv)
{
	struct rusage used;
	uint64_t fd;
	uint64_t begin, end;
	int status;
	pid_t pid;

	if (argc < 3 || parse_u64(argv[1], 0, 1023, &fd) < 0) {
		(void)fprintf(stderr, "usage: launch FD COMMAND...\n");
		return 2;
	}
	begin = now_us();
	pid = vfork();
	if (pid == 0) {
		(void)close((int)fd);
		(void)execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &used) < 0) {
		(void)fprintf(stderr, "launch: %s\n", strerror(errno));
		return 1;
	}
	end = now_us();
	return dprintf((int)fd, "%ju %ju %ju %ld %d\n", (uintmax_t)(end - begin),
		       (uintmax_t)us(used.ru_utime), (uintmax_t)us(used.ru_stime), used.ru_maxrss,
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128) < 0;
}
