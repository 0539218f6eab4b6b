/* SPDX-License-Identifier: Apache-2.0 */
/* The file volumes/<name>/volume.json. Inside store/ only. */
#ifndef SAMPAN_STORE_VOLUME_RECORD_H
#define SAMPAN_STORE_VOLUME_RECORD_H

#include "store/volume.h"

#define VOLUME_RECORD_NAME "volume.json"
#define VOLUME_DATA_NAME   "_data" /* docker's */

/* Writes volume.json into dir_fd, and syncs the file but not the directory. */
int volume_record_write(int dir_fd, const struct volume_record *v, struct err *e) MUST_CHECK;

/* -ENOENT: there is no such volume (e has no text then); -EBADMSG damaged; others are about us. */
int volume_record_read(const struct store *s, const char *name, struct volume_record *ret,
		       struct err *e) MUST_CHECK;

#endif
