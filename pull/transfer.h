/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs on their way from the store, or from another place, to a registry or to files: several at a time, none that is there already. */
#ifndef SAMPAN_PULL_TRANSFER_H
#define SAMPAN_PULL_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "oci/descriptor.h"
#include "pull/encoder.h"
#include "pull/layout.h"
#include "pull/packer.h"
#include "pull/registry.h"
#include "pull/source.h"
#include "pull/uploader.h"
#include "pull/worker.h"
#include "store/store.h"

#define TRANSFER_DEFAULT_JOBS 2
#define TRANSFER_JOBS_MAX     16
#define TRANSFER_NO_TWIN      ((size_t)-1)

enum transfer_phase {
	TRANSFER_WAITING,
	TRANSFER_LOOKING,
	TRANSFER_ABSENT,
	TRANSFER_MAKING, /* packed or downloaded */
	TRANSFER_EXPANDING,
	TRANSFER_READY,
	TRANSFER_SENDING,
	TRANSFER_DONE,
	TRANSFER_PRESENT,
	TRANSFER_MOUNTED,
};

struct transfer_blob {
	/* what it is; see the functions below */
	struct digest digest;
	uint64_t size_bytes;
	enum media_kind kind;
	struct digest diff_id; /* of a layer; unset: not known, and not looked at */
	char key[65];          /* of a layer of the store; "": it is not from there */
	bool is_made_here;     /* a layer of the store that was not pulled or loaded */
	bool is_to_compress; /* a layer whose tar goes as `compression` of the transfer says; not of the store */
	bool is_lost;        /* no key, and yet from the store: good only if the other side has it */
	const void *text;    /* a document in memory, borrowed; NULL: it is none */
	struct upload_mounts mounts;
	/* what becomes of it */
	enum transfer_phase phase;
	bool is_kept;  /* fd is the store's own, and nobody has looked at its digest yet */
	bool was_made; /* `made` is what went out, whatever the digest above */
	struct packer_result made;
	size_t twin; /* an earlier blob that is the same */
	int fd;      /* its bytes; -1: not here */
	int plain_fd;
	struct worker *worker; /* who is at work on it; NULL: nobody */
	struct worker own;     /* its packer */
};

/* Called while a transfer runs; must not block. Any may be NULL. */
struct transfer_observer {
	void (*blobs)(void *arg, const struct transfer_blob *blobs, size_t len); /* once per run */
	void (*blob)(void *arg, size_t index, enum transfer_phase phase, uint64_t done_bytes);
	void (*tick)(void *arg);
	void *arg;
};

/* All but the workers is set, and owned, by the caller. */
struct transfer {
	const struct store *store;
	int staging_fd;                    /* where files without names are made */
	struct source *source;             /* of blobs that are not from the store; NULL: there are none */
	struct registry_options *registry; /* where they go to; NULL: to `layout` */
	struct layout *layout;
	bool anew; /* layers of the store are packed, and as `compression` says; false: they are made as they were pulled */
	bool compress_tars; /* those of them that were made here are packed like that, and the others as they were pulled */
	struct compression compression; /* of those, and of blobs that are to be compressed */
	bool reuses;       /* for all of which what the other side has of them already is good enough */
	unsigned int jobs; /* 0: TRANSFER_DEFAULT_JOBS */
	int cancel_fd;
	struct transfer_observer observer;

	struct transfer_blob *blobs;
	size_t len;
	struct worker downloads[TRANSFER_JOBS_MAX], uploads[TRANSFER_JOBS_MAX];
	size_t downloads_len, uploads_len;
};

/* Whether a layer of the store goes as `compression` says, whatever it was pulled as. */
static inline bool transfer_makes_anew(const struct transfer *t, const struct transfer_blob *b)
{
	return t->anew || (t->compress_tars && b->is_made_here);
}

/* Ends all processes and frees the blobs. */
void transfer_done(struct transfer *t);
#define cleanup_transfer __attribute__((cleanup(transfer_done)))

/* Empties the list and makes room for `len` blobs, zeroed but for their descriptors. */
int transfer_begin(struct transfer *t, size_t len, struct err *e) MUST_CHECK;

/* Brings all of them over. Errors name the blob. -EINTR. */
int transfer_run(struct transfer *t, struct err *e) MUST_CHECK;

/* What went out for blob `index`: its digest and size there. */
void transfer_outcome(const struct transfer *t, size_t index, struct encoder_result *ret);

/* A worker for uploads that is idle while nothing runs. NULL: it cannot be started. */
struct worker *transfer_uploader(struct transfer *t, struct err *e);

#endif
