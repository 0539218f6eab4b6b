/* SPDX-License-Identifier: Apache-2.0 */
/* An image of one layer out of a root file system's tar. */
#ifndef SAMPAN_PULL_IMPORT_H
#define SAMPAN_PULL_IMPORT_H

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"
#include "oci/platform.h"
#include "store/store.h"

struct import_options {
	const char *name;    /* canonical reference; NULL: localhost/imported:<ID> */
	const char *message; /* of the image's history; NULL: none */
	struct strvec
		changes; /* as in a Dockerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR; borrowed */
	struct platform platform;
	int cancel_fd; /* -1: none */
};

/* Imports a tar, compressed or not (gzip, zstd), from the start of a regular file. *ret: the image's ID. -EINVAL it is no tar, or a change is malformed;
 * errors of pull_image. */
int import_image(const struct store *s, int fd, const struct import_options *options, struct digest *ret,
		 struct err *e) MUST_CHECK;

/* The config of such an image, as JSON, into `out`. Pure but for the time. -EINVAL, naming the change. */
int import_config(const struct import_options *options, const struct digest *diff_id, struct buf *out,
		  struct err *e) MUST_CHECK;

#endif
