/* SPDX-License-Identifier: Apache-2.0 */
/* --detach-keys: what is typed to leave a container alone. Pure. */
#ifndef SAMPAN_CLI_ATTACH_KEYS_H
#define SAMPAN_CLI_ATTACH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

#define ATTACH_KEYS_MAX     16
#define ATTACH_KEYS_DEFAULT "ctrl-p,ctrl-q"

struct attach_keys {
	unsigned char bytes[ATTACH_KEYS_MAX];
	size_t len;     /* 0: nothing detaches */
	size_t matched; /* of them, by what was typed last */
};

/* "ctrl-p,ctrl-q", "a,b,ctrl-@" -> bytes; "" is none. -EINVAL in docker's words. */
int attach_keys_parse(const char *text, struct attach_keys *ret, struct err *e) MUST_CHECK;

/* Looks for the keys in what was typed. Bytes that may yet become them are held back; *ret_len is what is left to send, in `out`, which has
 * room for ATTACH_KEYS_MAX more than came. True: they are complete. */
bool attach_keys_find(struct attach_keys *k, const char *typed, size_t len, char *out, size_t *ret_len);

#endif
