/* SPDX-License-Identifier: Apache-2.0 */
/* A pull from end to end: what is named -> the manifest for this machine -> what is missing -> the store. */
#ifndef SAMPAN_PULL_PULL_H
#define SAMPAN_PULL_PULL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"
#include "oci/platform.h"
#include "store/store.h"

#define PULL_DEFAULT_JOBS    2
#define PULL_JOBS_MAX        16
#define PULL_INDEX_DEPTH_MAX 4

enum pull_phase {
	PULL_WAITING,
	PULL_DOWNLOADING,
	PULL_VERIFYING,
	PULL_DOWNLOADED, /* waits for its turn to be unpacked */
	PULL_UNPACKING,
	PULL_DONE,
	PULL_PRESENT, /* was in the store before, or is a layer that the image has twice */
};

/* Which image was chosen, and out of what. */
struct pull_choice {
	const char *name; /* of the image, without its tag */
	struct platform chosen;
	struct platform machine; /* the best that this machine runs */
	bool requested;          /* --platform named it */
	bool from_index;
	const char *offered; /* what the index has: "linux/amd64, linux/arm64"; NULL without one */
};

struct pull_layer {
	struct digest digest; /* of its blob */
	uint64_t size_bytes;
};

/* Called while a pull runs; must not block. Any may be NULL. */
struct pull_observer {
	void (*chosen)(void *arg, const struct pull_choice *choice);
	void (*layers)(void *arg, const struct pull_layer *layers, size_t len); /* once; borrowed */
	void (*layer)(void *arg, size_t index, enum pull_phase phase, uint64_t done_bytes);
	void (*tick)(void *arg); /* after each batch of the above */
	void *arg;
};

struct image_config;

struct pull_options {
	bool has_platform;
	struct platform platform; /* asked for; normalised */
	bool any_platform;        /* an image that is no choice among several is taken, whatever it is for */
	bool tls_verify;
	uint64_t max_layer_bytes; /* of one layer, unpacked; 0: UNPACK_DEFAULT_MAX_BYTES (pull/unpack.h) */
	bool keep_blobs;          /* the layers' blobs stay as well, as the registry has them */
	bool check_space;         /* refuse what will not fit, by an estimate, before it is downloaded */
	bool keep_previous;       /* the image that a name moves away from stays, bound to its digest */
	unsigned int jobs;        /* layers at a time; 0: PULL_DEFAULT_JOBS */
	/* Nothing is bound, and the result has no names: layers and documents are in the store for as long as the caller, who has held its lock (shared) since before, does
	 * so, or gives them another root. */
	bool nameless;
	const char *
		as; /* the canonical reference that is bound in place of the image's own names; NULL: those */
	bool temporary; /* names are bound so: store/image.h */
	/* Whether the image is one that the caller wants, before its layers are fetched; `digest` is as in the result. What it returns, if that is negative, is the end of the
	 * pull. NULL: all are. */
	int (*accept)(void *arg, const struct image_config *config, const struct digest *digest,
		      struct err *e);
	void *accept_arg;
	int cancel_fd; /* readable: stop, clean up, -EINTR; -1: none */
	const struct digest *
		made_here; /* the diff ID of a layer that nobody has as a blob: a push compresses it. NULL: there is none */
	const char *auth_file; /* NULL: where auth_find (pull/auth_file.h) looks */
	struct pull_observer observer;
};

struct pull_result {
	struct strvec names; /* canonical, all that were bound; at least one, but for `nameless` */
	char *familiar;      /* the first as people see it; NULL for `nameless` */
	struct digest
		digest; /* of what the name points at: the index where there is one, else the manifest */
	bool was_up_to_date;
};
void pull_result_done(struct pull_result *r);
#define cleanup_pull_result __attribute__((cleanup(pull_result_done)))

/* Pulls what `text` names (pull/transport.h). Holds the store's lock, shared, all the while. On failure the store has the images that it
 * had before. -EINVAL bad name or content, -ENOENT not there, -ENODATA not for this platform, -EBADMSG content does not match its
 * digest, -EACCES, -ENOSPC, -EINTR. */
int pull_image(const struct store *s, const char *text, const struct pull_options *options,
	       struct pull_result *ret, struct err *e) MUST_CHECK;

#endif
