/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of git in build/remote.h share. */
#ifndef SAMPAN_BUILD_REMOTE_GIT_H
#define SAMPAN_BUILD_REMOTE_GIT_H

#include <stdbool.h>

#include "build/git_program.h"
#include "build/remote.h"

/* Pure: 40 or 64 hex digits. */
bool remote_is_commit(const char *text);

/* Borrows all. */
struct git_program remote_program(const struct plan_git *git, const struct remote_options *o, int dir_fd);

/* Puts the remote, without its password, before what git has said. Returns e->code. */
int remote_git_wrap(const struct plan_git *git, struct err *e);

#endif
