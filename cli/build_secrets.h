/* SPDX-License-Identifier: Apache-2.0 */
/* --secret and --ssh of `sampan build`: docker's texts, and what they name. */
#ifndef SAMPAN_CLI_BUILD_SECRETS_H
#define SAMPAN_CLI_BUILD_SECRETS_H

#include "build/build.h"
#include "build/ssh_agent.h"
#include "common/strvec.h"

#define BUILD_SECRET_MAX  (500u << 10) /* bytes; BuildKit's */
#define BUILD_SECRETS_MAX 1024

/* Of our own, where --ssh has keys. */
struct build_agent {
	struct strvec keys; /* files; none: the agent is somebody else's */
	struct ssh_agent agent;
};

struct build_secrets {
	struct build_secret *secrets;
	size_t secrets_len;
	struct build_ssh *ssh;
	struct build_agent *agents; /* for each of `ssh` */
	size_t ssh_len;
};
void build_secrets_done(struct build_secrets *s); /* wipes them, and ends agents */
#define cleanup_build_secrets __attribute__((cleanup(build_secrets_done)))

/* "id=ID[,src=PATH][,env=VARIABLE][,type=file|env]": reads what they are. -EINVAL, -ENOENT, -EFBIG. */
int build_secrets_read(const struct strvec *texts, struct build_secrets *s, struct err *e) MUST_CHECK;

/* --- build_ssh.c --- */

/* "default", "ID", "ID=SOCKET": an agent's socket; without one that of $SSH_AUTH_SOCK. "ID=KEY1,KEY2": files of private keys, for an agent that build_ssh_start starts. -EINVAL,
 * -EACCES keys that others can read, -ENOENT. */
int build_ssh_read(const struct strvec *texts, struct build_secrets *s, struct err *e) MUST_CHECK;

/* Starts agents for keys, whose sockets are in staging; they end with build_secrets_done. Errors of ssh_agent_start. */
int build_ssh_start(struct build_secrets *s, struct build *b, struct err *e) MUST_CHECK;

void build_ssh_done(struct build_secrets *s);

#endif
