/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/listener.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/fd_pass.h"
#include "common/json_write.h"

#define PROCESS_STATE_MAX (4u << 20)

int caller_socket_connect(const char *path, const char *what, int *ret_fd, struct err *e)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_fd int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(e, -ENAMETOOLONG, "%s '%s' has too long a path", what, path);
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_errno(e, "cannot connect to %s '%s'", what, path);
	*ret_fd = fd_take(&fd);
	return 0;
}

int listener_pass(int socket_fd, int listener_fd, const struct spec_seccomp *profile, const char *oci_version,
		  pid_t pid, const char *state, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, PROCESS_STATE_MAX);
	const char *text;
	size_t len;
	int r;

	json_out_object(o, NULL);
	json_out_string(o, "ociVersion", oci_version);
	json_out_array(o, "fds");
	json_out_string(o, NULL, "seccompFd"); /* the name that the specification gives it */
	json_out_end(o);
	json_out_i64(o, "pid", pid);
	json_out_opt_string(o, "metadata", profile->listener_metadata);
	json_out_raw(o, "state", state);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	if (r < 0)
		return err_wrap(e, "cannot tell the seccomp agent");
	r = fd_pass_send(socket_fd, text, len, listener_fd);
	return r < 0 ? err_code(e, r, "cannot pass the seccomp listener to '%s'", profile->listener_path) : 0;
}

int pidfd_pass(int socket_fd, int pidfd, struct err *e)
{
	static const char NAME[] = "pidfd"; /* some byte has to go with a descriptor */
	int r = fd_pass_send(socket_fd, NAME, strlen(NAME), pidfd);

	return r < 0 ? err_code(e, r, "cannot pass the pidfd to the pidfd socket") : 0;
}
