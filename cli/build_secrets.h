/* SPDX-License-Identifier: Apache-2.0 */
/* --secret and --ssh of `sampan build`: docker's texts, and what they name. */
#ifndef SAMPAN_CLI_BUILD_SECRETS_H
#define SAMPAN_CLI_BUILD_SECRETS_H

#include "build/build.h"
#include "common/strvec.h"

#define BUILD_SECRET_MAX  (500u << 10) /* bytes; BuildKit's */
#define BUILD_SECRETS_MAX 1024

struct build_secrets {
	struct build_secret *secrets;
	size_t secrets_len;
	struct build_ssh *ssh;
	size_t ssh_len;
};
void build_secrets_done(struct build_secrets *s); /* wipes them */
#define cleanup_build_secrets __attribute__((cleanup(build_secrets_done)))

/* "id=ID[,src=PATH][,env=VARIABLE][,type=file|env]": reads what they are. -EINVAL, -ENOENT, -EFBIG. */
int build_secrets_read(const struct strvec *texts, struct build_secrets *s, struct err *e) MUST_CHECK;

/* "default", "ID", "ID=SOCKET": an agent's socket; without one that of $SSH_AUTH_SOCK. -EINVAL what is no socket: keys go into an agent first. */
int build_ssh_read(const struct strvec *texts, struct build_secrets *s, struct err *e) MUST_CHECK;

#endif
