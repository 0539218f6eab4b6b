/* SPDX-License-Identifier: Apache-2.0 */
/* Images from one place to another, registries and files, without the store: documents and blobs stay what they are, byte for byte, but for tars on
 * their way to a registry, for layers that are to arrive compressed in another way, and for what names those. */
#ifndef SAMPAN_PULL_COPY_H
#define SAMPAN_PULL_COPY_H

#include <stdbool.h>

#include "common/digest.h"
#include "common/err.h"
#include "oci/platform.h"
#include "pull/layout.h"
#include "pull/transfer.h"
#include "pull/transport.h"
#include "store/store.h"

#define COPY_DOCUMENTS_MAX 2048                /* manifests and indexes of one copy */
#define COPY_DEPTH_MAX     4                   /* of indexes in indexes */
#define COPY_BYTES_MAX     ((size_t)256 << 20) /* of all documents together */

struct copy_options {
	const struct descriptor *
		document; /* of a layout: this one, whether index.json names it or not; NULL: what the source asks for */
	bool all;              /* every platform of an index; else the one for this machine, or `platform` */
	bool preserve_digests; /* nothing is compressed on the way */
	bool has_compression; /* layers that are compressed in another way arrive as `compression` says, all of them where it has a level; not in docker's form */
	struct compression compression;
	bool reuses; /* but what the other side has already is good enough */
	bool has_platform;
	struct platform platform;
	bool source_tls_verify, target_tls_verify;
	const char *source_auth_file, *target_auth_file; /* NULL: where auth_find looks */
	unsigned int jobs;
	int cancel_fd;
	struct transfer_observer observer;
};

struct copy_result {
	struct digest digest; /* of what the target's name points at */
	uint64_t size_bytes;
	const char *media_type; /* static, of what has become another on its way; else NULL */
};

/* Copies what `source` names (pull/transport.h). Each digest is verified on the way. To a registry, `target` has a reference with a tag, or with the
 * digest of what is copied; else `layout` is where it goes, open, and target->image its tag or reference there (may be NULL). An image for docker's form is a single
 * one. Unless another way is asked for, layers of images that are tars without compression reach a registry as gzip, and what names them has other digests then, unless the target is named by one.
 * `s` is where blobs lie in the meantime. Errors as pull_image's and push_image's. */
int copy_image(const struct store *s, const struct transport *source, const struct transport *target,
	       struct layout *layout, const struct copy_options *options, struct copy_result *ret,
	       struct err *e) MUST_CHECK;

#endif
