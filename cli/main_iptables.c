/* SPDX-License-Identifier: Apache-2.0 */
/* libexec/sampan/netavark/{iptables,ip6tables}: not for people; what netavark runs in iptables' place (engine/iptables_batch.h). There are dozens of them for each container: it
 * does next to nothing, and what it does without memory of its own. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/names.h"
#include "engine/iptables_protocol.h"

static _Noreturn void fail(const char *what)
{
	(void)dprintf(STDERR_FILENO, "sampan: iptables: %s: %s\n", what, errno_text(errno));
	_exit(IPTABLES_EXIT_LOST);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		fail("cannot connect");
	}
	memcpy(address.sun_path, path, strlen(path));
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		fail("cannot connect");
	return fd;
}

static void send_call(int fd, int argc, char **argv)
{
	static char call[IPTABLES_CALL_BYTES];
	size_t len = 0;

	for (int i = 0; i < argc; i++) {
		const char *slash = i == 0 ? strrchr(argv[0], '/') : NULL;
		const char *word = slash ? slash + 1 : argv[i];
		size_t size = strlen(word) + 1;

		if (size > sizeof(call) - len) {
			errno = E2BIG;
			fail("cannot send");
		}
		memcpy(call + len, word, size);
		len += size;
	}
	if (send(fd, call, len, MSG_NOSIGNAL) != (ssize_t)len)
		fail("cannot send");
}

static void put(int fd, const char *text, size_t len)
{
	if (write_all(fd, text, len) < 0)
		fail("cannot write");
}

int main(int argc, char **argv)
{
	static char message[IPTABLES_PART_BYTES + 2];
	const char *path = getenv(IPTABLES_SOCKET_ENV);
	int fd;

	if (!path || argc < 1) {
		(void)dprintf(STDERR_FILENO, "sampan: iptables: this is for sampan to call\n");
		return IPTABLES_EXIT_LOST;
	}
	fd = connect_to(path);
	send_call(fd, argc, argv);
	for (;;) {
		ssize_t len = recv(fd, message, sizeof(message) - 1, 0);

		if (len < 2) {
			errno = len < 0 ? errno : ECONNRESET;
			fail("no answer");
		}
		message[len] = '\0';
		if (message[0] == IPTABLES_STDOUT)
			put(STDOUT_FILENO, message + 1, (size_t)len - 1);
		else if (message[0] == IPTABLES_STDERR)
			put(STDERR_FILENO, message + 1, (size_t)len - 1);
		else if (message[0] == IPTABLES_EXIT)
			return (unsigned char)message[1];
		else
			break;
	}
	(void)execv(message + 1, argv);
	fail(message + 1);
}
