/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/startup.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio_ext.h>

#include "common/cleanup.h"

int startup_fill_streams(void)
{
	struct pollfd streams[] = { { .fd = 0 }, { .fd = 1 }, { .fd = 2 } };

	/* One call for all three: a closed one is POLLNVAL. */
	if (poll(streams, ARRAY_LEN(streams), 0) < 0)
		return -errno;
	for (int fd = 0; fd < (int)ARRAY_LEN(streams); fd++)
		if ((streams[fd].revents & POLLNVAL) &&
		    open("/dev/null", O_RDWR) != fd) /* NOLINT(android-cloexec-open): stdio */
			return -EBADF;
	return 0;
}

_Noreturn void startup_end(int exit_code)
{
#ifdef __SANITIZE_ADDRESS__
	exit(exit_code); /* LeakSanitizer looks around then */
#else
	if (__fpending(stdout))
		(void)fflush(stdout);
	_exit(exit_code);
#endif
}
