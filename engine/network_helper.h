/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that set networks up, which come with other packages: where they are, and how they are run. */
#ifndef SAMPAN_ENGINE_NETWORK_HELPER_H
#define SAMPAN_ENGINE_NETWORK_HELPER_H

#include <sys/types.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/strvec.h"

#define NETWORK_HELPER_ENV       "SAMPAN_HELPER_DIR" /* instead of the places where distributions put them */
#define NETWORK_HELPER_OUT_BYTES (1u << 20)

/* "netavark", "aardvark-dns", "pasta", "iptables" -> an absolute path. -ENOENT names the Debian package. */
int network_helper_find(const char *name, char **ret, struct err *e) MUST_CHECK;

struct network_helper_result {
	struct buf out, error; /* what it wrote */
	int exit_code;         /* 128 + signal, where one has ended it */
};
void network_helper_result_done(struct network_helper_result *r);
#define cleanup_network_helper_result __attribute__((cleanup(network_helper_result_done)))

/* What a helper gets beside its arguments. */
struct network_helper_extra {
	const char *first_dir; /* stands first in its PATH; NULL */
	const char *variable;  /* "NAME=VALUE", in its environment; NULL */
	int fd;                /* a descriptor that it keeps open; -1 */
};

/* One that runs. */
struct network_helper {
	pid_t pid;
	int pidfd, out_fd, error_fd;
};
#define NETWORK_HELPER_EMPTY ((struct network_helper){ .pidfd = -1, .out_fd = -1, .error_fd = -1 })
/* Lets go of it; it is not ended. */
void network_helper_done(struct network_helper *h);
#define cleanup_network_helper __attribute__((cleanup(network_helper_done)))

/* Starts argv[0], a path, with `input` on stdin. Signals are unblocked in it, and its PATH has the folders of the system's programs. `extra` may be NULL. */
int network_helper_start(const struct strvec *argv, const char *input, size_t len,
			 const struct network_helper_extra *extra, struct network_helper *ret,
			 struct err *e) MUST_CHECK;

/* Waits for its end; a process that it leaves behind may keep the outputs open. -EFBIG it has written more than NETWORK_HELPER_OUT_BYTES. */
int network_helper_finish(const struct network_helper *h, struct network_helper_result *ret,
			  struct err *e) MUST_CHECK;

/* Both. */
int network_helper_run(const struct strvec *argv, const char *input, size_t len,
		       struct network_helper_result *ret, struct err *e) MUST_CHECK;

#endif
