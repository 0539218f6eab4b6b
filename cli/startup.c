/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/startup.h"

#include <fcntl.h>

int startup_fill_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", O_RDWR) != fd) /* NOLINT(android-cloexec-open): stdio */
			return -EBADF;
	return 0;
}
