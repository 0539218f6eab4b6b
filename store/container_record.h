/* SPDX-License-Identifier: Apache-2.0 */
/* The file containers/<id>/container.json. Inside store/ only. */
#ifndef SAMPAN_STORE_CONTAINER_RECORD_H
#define SAMPAN_STORE_CONTAINER_RECORD_H

#include "store/container.h"

#define CONTAINER_RECORD_NAME "container.json"
#define CONTAINER_LOCK_NAME \
	"lock" /* an open file description's lock (fcntl(2)) on all of it: container_lock */

/* Writes container.json into dir_fd. */
int container_record_write(int dir_fd, const struct container_record *c, bool durable,
			   struct err *e) MUST_CHECK;

/* Reads a container's record; whether it lives is checked as container_find says. -ENOENT: there is no such
 * container (e has no text then); -EBADMSG damaged; others are about us, not about the record. */
int container_record_read(const struct store *s, const char *id, struct container_record *ret,
			  struct err *e) MUST_CHECK;

/* The same in two steps: the record, and whether somebody looks after a container whose record says running and names no process. */
int container_record_load(const struct store *s, const char *id, struct container_record *ret,
			  struct err *e) MUST_CHECK;
void container_check(const struct store *s, struct container_record *c);

#endif
