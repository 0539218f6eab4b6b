/* SPDX-License-Identifier: Apache-2.0 */
/* The layers of an image: what the store lacks is downloaded and unpacked into a staging directory, several at a time. */
#ifndef SAMPAN_PULL_FETCH_H
#define SAMPAN_PULL_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "oci/descriptor.h"
#include "oci/image_config.h"
#include "pull/layer_keys.h"
#include "pull/pull.h"
#include "pull/source.h"
#include "pull/unpack.h"
#include "pull/worker.h"
#include "store/layer.h"
#include "store/store.h"

#define FETCH_NO_TWIN ((size_t)-1)

struct layer_job {
	const struct descriptor *blob;
	const struct digest *diff_id;
	struct layer_keys keys;
	const char
		*key; /* one of `keys`: known from the start if the store has it, else once it is unpacked */
	char subdir[24]; /* below the staging directory */
	enum pull_phase phase;
	bool is_ours; /* unpacked by us, to be committed */
	size_t twin;  /* an earlier layer of the same content that may do for this one; FETCH_NO_TWIN */
	int blob_fd;  /* -1: not downloaded */
	struct worker *worker;
	struct unpack_job unpack;
	struct unpack_result result;
	/* It is unpacked while it arrives. It counts when both are done: digest and diff ID are right. */
	bool streams, is_verified, is_unpacked;
	bool comes_whole;        /* a stream of it had to start over */
	struct err unpack_error; /* code 0: none so far. That of the download, if it has one, says more */
};

struct fetch {
	const struct store *store;
	const struct staging *staging;
	const struct pull_options *options;
	struct source *source;
	bool may_stream; /* bytes whose digest is not known yet may go to who unpacks them: docs/adr/0009 */
	struct worker
		workers[PULL_JOBS_MAX]; /* the first comes from the caller; all are stopped by fetch_done */
	size_t workers_len, workers_max, unpacks_max;
	struct layer_job *jobs; /* base first */
	size_t jobs_len;
};

/* Looks up which layers the store has. `manifest` and `config` are borrowed; `ret` must be zeroed, with store, options and source set. */
int fetch_plan(struct fetch *ret, const struct manifest *manifest, const struct image_config *config,
	       struct err *e) MUST_CHECK;

/* Below the staging directory: where the blob of a layer that is ours is, if options->keep_blobs. */
#define FETCH_KEPT_MAX 32
void fetch_kept_name(const struct layer_job *job, char ret[FETCH_KEPT_MAX]);

/* Layers that were missing may be there now: somebody else has pulled them. Before fetch_run only. */
void fetch_look_again(struct fetch *f);

/* True if nothing is missing. */
bool fetch_is_complete(const struct fetch *f);

/* Gets what is missing into f->staging. On success each job has its key. Nothing is synced. Errors name the layer. */
int fetch_run(struct fetch *f, struct err *e) MUST_CHECK;

/* Ends whatever still runs, and frees. */
void fetch_done(struct fetch *f);
#define cleanup_fetch __attribute__((cleanup(fetch_done)))

#endif
