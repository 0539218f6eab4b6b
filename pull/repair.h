/* SPDX-License-Identifier: Apache-2.0 */
/* Makes good what fsck has found, by fetching again what is damaged and nothing else. */
#ifndef SAMPAN_PULL_REPAIR_H
#define SAMPAN_PULL_REPAIR_H

#include <stdbool.h>

#include "common/err.h"
#include "common/strvec.h"
#include "store/fsck.h"
#include "store/store.h"

struct repair_options {
	bool tls_verify;
	const char *
		from; /* where to fetch from (pull/transport.h), for all images; NULL: each from where its name points */
};

/* Repairs what `damage` lists: documents and layers of images are fetched by their digests, damaged image records are pulled again, lost links of
 * container names are made. What cannot be repaired is told of in *ret_failures ("layer 'x': why"); whether all is well is for a second store_fsck
 * to say. The caller holds no lock. An error is about us. */
int repair_store(const struct store *s, const struct fsck_report *damage,
		 const struct repair_options *options, struct strvec *ret_failures, struct err *e) MUST_CHECK;

/* An fsck_hash_fn. */
int repair_hash_file(int fd, const char *algorithm, struct digest *ret, struct err *e) MUST_CHECK;

#endif
