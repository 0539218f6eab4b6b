/* SPDX-License-Identifier: Apache-2.0 */
/* How a container gets a secret: the text of --secret, which life.json keeps as it was typed. */
#ifndef SAMPAN_ENGINE_SECRET_USE_H
#define SAMPAN_ENGINE_SECRET_USE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct secret_use {
	char *name;
	char *target; /* absolute path; the variable's name with `env` */
	uint32_t uid, gid, mode;
	bool env; /* else a file */
};
void secret_use_done(struct secret_use *u);
#define cleanup_secret_use __attribute__((cleanup(secret_use_done)))

/* NAME[,type=mount|env][,target=X][,uid=0][,gid=0][,mode=0444], also with id= or source= before the name. -EINVAL. */
int secret_use_parse(const char *text, struct secret_use *ret, struct err *e) MUST_CHECK;

#endif
