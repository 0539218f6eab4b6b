/* SPDX-License-Identifier: Apache-2.0 */
/* The files of names/: one image record each, in JSON. Inside store/ only. */
#ifndef SAMPAN_STORE_IMAGE_RECORD_H
#define SAMPAN_STORE_IMAGE_RECORD_H

#include "store/image.h"
#include "store/internal.h"

/* A canonical reference as a file name: '/' becomes '+', which no reference has. -EINVAL: not canonical, or over
 * NAME_MAX. `ret` holds NAME_FILE_MAX + 1 bytes. */
int image_name_encode(const char *name, char *ret, struct err *e) MUST_CHECK;

/* What name a file of names/ is for. */
void image_name_decode(const char *file, char ret[NAME_FILE_MAX + 1]);

/* Reads names/<file>. -ENOENT; -EBADMSG damaged (with what to do about it); others are about us, not about the file. */
int image_record_read(const struct store *s, const char *file, struct image_record *ret,
		      struct err *e) MUST_CHECK;

/* Writes names/<file>, durably. What r->is_temporary was read as does not count: a copy is not temporary, too. */
int image_record_write(const struct store *s, const char *file, const struct image_record *r,
		       bool is_temporary, struct err *e) MUST_CHECK;

#endif
