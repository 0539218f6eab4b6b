/* SPDX-License-Identifier: Apache-2.0 */
/* An image that is made here: the layers of another, which the store has, and one more on top. */
#ifndef SAMPAN_PULL_NEW_IMAGE_H
#define SAMPAN_PULL_NEW_IMAGE_H

#include "common/buf.h"
#include "common/digest.h"
#include "oci/descriptor.h"
#include "pull/encoder.h"
#include "store/layer.h"

struct new_image {
	const char *name;     /* canonical reference; NULL: localhost/<nameless>:<ID> */
	const char *nameless; /* "imported" */
	struct platform platform;
	bool is_docker;                /* its documents are docker's, as those of its base are */
	const struct descriptor *base; /* the layers of the other one, base first */
	size_t base_len;
	const struct encoder_result *layer; /* a tar, not compressed */
	int layer_fd;
	const struct buf *config; /* JSON */
	int cancel_fd;            /* -1: none */
};

/* Brings it into the store by way of `st`. *ret: its ID. Errors of pull_image. */
int new_image_store(const struct store *s, const struct staging *st, const struct new_image *n,
		    struct digest *ret, struct err *e) MUST_CHECK;

#endif
