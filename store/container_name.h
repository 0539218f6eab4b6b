/* SPDX-License-Identifier: Apache-2.0 */
/* Container names: one symbolic link each, which makes them unique and quick to find. Inside store/ only. */
#ifndef SAMPAN_STORE_CONTAINER_NAME_H
#define SAMPAN_STORE_CONTAINER_NAME_H

#include "store/container.h"

#define CONTAINER_NAME_MAX 128

/* [a-zA-Z0-9][a-zA-Z0-9_.-]+, up to CONTAINER_NAME_MAX bytes. */
bool container_name_ok(const char *name);

/* A boat and a river ("dinghy_volga"), and from the tenth attempt on a number behind them. Owned; NULL: out of memory. */
char *container_name_random(unsigned int attempt) MUST_CHECK;

/* The lock below which names change hands; *ret_fd holds it, and is the directory of the names. */
int container_name_lock(const struct store *s, int *ret_fd, struct err *e) MUST_CHECK;

/* Takes a name for `id`, from nobody or from a container that is gone. -EEXIST, with text. */
int container_name_claim(const struct store *s, int names_fd, const char *name, const char *id,
			 struct err *e) MUST_CHECK;

/* Drops a name if it is that of `id`. */
void container_name_release(int names_fd, const char *name, const char *id);

/* The ID that a name points at (which may be gone). -ENOENT, without text. */
int container_name_resolve(const struct store *s, const char *name,
			   char ret[CONTAINER_ID_LEN + 1]) MUST_CHECK;

#endif
