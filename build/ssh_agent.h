/* SPDX-License-Identifier: Apache-2.0 */
/* An ssh agent of a build's own, with keys from files: OpenSSH's ssh-agent, which ends with us. */
#ifndef SAMPAN_BUILD_SSH_AGENT_H
#define SAMPAN_BUILD_SSH_AGENT_H

#include <sys/types.h>

#include "common/err.h"
#include "common/strvec.h"

#define SSH_AGENT_SOCKET  "agent" /* its name in the directory */
#define SSH_AGENT_KEY_MAX 65536   /* bytes of a file */

struct ssh_agent {
	pid_t pid; /* 0: none */
};

/* Whether a file may be a key: a regular one, not too large, and nobody else's to read. -EINVAL, -EACCES, -ENOENT. What is in it ssh-add knows. */
int ssh_agent_check_key(const char *path, struct err *e) MUST_CHECK;

/* Starts one whose socket is in the directory dir_fd (borrowed; nobody else's), and gives it the private keys in these files. Libraries of tokens (PKCS #11) it loads none.
 * -ENOENT "ssh-agent is not installed ..."; -EKEYREJECTED a key has a passphrase; -EINVAL what is no private key; -EACCES as above. *ret belongs to ssh_agent_end. */
int ssh_agent_start(int dir_fd, const struct strvec *keys, struct ssh_agent *ret, struct err *e) MUST_CHECK;

/* Ends it; the socket goes. */
void ssh_agent_end(struct ssh_agent *a);

#endif
