/* SPDX-License-Identifier: Apache-2.0 */
/* How transfers of images out of the store are shown, and the options that all of them have. */
#ifndef SAMPAN_CLI_IMAGE_TRANSFER_H
#define SAMPAN_CLI_IMAGE_TRANSFER_H

#include "cli/progress.h"
#include "common/json_read.h" /* opt_* */
#include "pull/copy.h"
#include "pull/push.h"
#include "pull/transfer.h"

/* Shows on `p`, which is borrowed. */
struct transfer_observer image_transfer_observer(struct progress *p);

/* The same options, with all that there is to tell shown on `p`, which is borrowed; `quiet`: nothing is. */
struct push_options image_transfer_shown(const struct push_options *o, struct progress *p, bool quiet);

/* What a person says of compression; each may be absent. */
struct compression_flags {
	const char *format;   /* --compression-format */
	struct opt_u64 level; /* --compression-level */
	bool no_force;        /* --force-compression=false */
};

/* That and --jobs into `ret`. -EINVAL. */
int image_transfer_options(const struct compression_flags *f, struct opt_u64 jobs, struct push_options *ret,
			   struct err *e) MUST_CHECK;

/* The same into the options of a copy, but for --jobs. -EINVAL. */
int image_copy_compression(const struct compression_flags *f, struct copy_options *ret,
			   struct err *e) MUST_CHECK;

/* For --digestfile: the digest alone, without a line's end. */
int image_write_digest(const char *path, const struct digest *digest, struct err *e) MUST_CHECK;

#endif
