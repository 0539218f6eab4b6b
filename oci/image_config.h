/* SPDX-License-Identifier: Apache-2.0 */
/* The image configuration: image-spec config.md, and Docker's additions to it. */
#ifndef SAMPAN_OCI_IMAGE_CONFIG_H
#define SAMPAN_OCI_IMAGE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "common/json_read.h"
#include "oci/descriptor.h"
#include "oci/platform.h"

struct json_out;

struct image_history {
	char *created, *created_by, *author, *comment;
	bool empty_layer;
};

struct image_healthcheck {
	struct strvec test; /* NONE | CMD args | CMD-SHELL text */
	int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
	int64_t retries;
};

struct image_config {
	char *created, *author;   /* RFC 3339; NULL where absent */
	struct platform platform; /* normalised */
	char *os_version;         /* NULL where absent */
	struct strvec os_features;
	/* config.config */
	char *user, *working_dir, *stop_signal;
	struct strvec env; /* NAME=VALUE */
	struct strvec entrypoint, cmd, shell, on_build;
	bool args_escaped;
	struct strvec exposed_ports;           /* "80/tcp" */
	struct strvec volumes;                 /* paths */
	struct strvec labels;                  /* "key=value" */
	struct image_healthcheck *healthcheck; /* NULL where absent */
	/* rootfs */
	struct digest *diff_ids; /* base first */
	size_t diff_ids_len;
	struct image_history *history;
	size_t history_len;
};

/* Guards limits first. -EINVAL with the path of what is wrong; rootfs.type must be "layers". */
int image_config_decode(const char *text, size_t len, struct image_config *ret, struct err *e) MUST_CHECK;
void image_config_done(struct image_config *c);
#define cleanup_image_config __attribute__((cleanup(image_config_done)))

/* All of it, again. *ret is owned, and untouched on failure. -ENOMEM. */
int image_config_copy(const struct image_config *c, struct image_config *ret, struct err *e) MUST_CHECK;

/* Appends it as JSON, in the order of members that docker writes them in; what Go's omitempty would leave out is left out. The same configuration gives
 * the same bytes. -EFBIG over CONFIG_MAX_BYTES or the buffer's maximum, -ENOMEM. */
int image_config_write(const struct image_config *c, struct buf *out, struct err *e) MUST_CHECK;

/* One entry of "history", as an element of the array that is open in `o`. */
void image_history_write(struct json_out *o, const struct image_history *h);

/* Gives the descriptor of an image's manifest, which has no platform yet, what the config says of it. -ENOMEM. */
int image_config_describe(const struct image_config *c, struct descriptor *d, struct err *e) MUST_CHECK;

#endif
