/* SPDX-License-Identifier: Apache-2.0 */
/* Images of the store on their way out: to a registry, or into files. */
#ifndef SAMPAN_PULL_PUSH_H
#define SAMPAN_PULL_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/err.h"
#include "common/strvec.h"
#include "pull/encoder.h"
#include "pull/layout.h"
#include "pull/transfer.h"
#include "store/store.h"

#define PUSH_DEFAULT_JOBS \
	3 /* layers: they are compressed first, and one that is sent leaves a processor idle */

/* A layer that went out as another blob than the one that was pulled, though nobody asked for that. */
struct push_change {
	const struct digest *was, *is;
	bool is_other_tar; /* not even the diff ID is the same */
	const char *why;
};

struct push_options {
	bool tls_verify;
	const char *auth_file; /* NULL: where auth_find (pull/auth_file.h) looks */
	unsigned int jobs;     /* 0: PUSH_DEFAULT_JOBS */
	int cancel_fd;         /* -1: none */
	const struct digest *
		manifest; /* of the image, which need not have a name: `source` is only what it is called. The caller holds the store's lock. NULL: `source` names it */
	const char
		*layout_tag; /* what the image is called in an OCI layout beside its names; NULL: nothing */
	bool untagged;       /* the manifest goes under its digest; the target's tag is left alone */
	bool anew;          /* layers are compressed as `compression` says, even if the registry has others */
	bool compress_tars; /* layers that were made here, which are no more than tars; the others go as they were */
	bool reuses; /* with `anew`: layers that the registry has, however they are compressed there, are good enough */
	struct compression compression; /* with either */
	struct transfer_observer observer;
	void (*changed)(void *arg, const struct push_change *change); /* NULL: nobody wants to know */
	void *changed_arg;
};

struct push_result {
	struct digest digest;   /* of the manifest, as the registry has it now */
	uint64_t size_bytes;    /* of it */
	bool is_changed;        /* it is not the manifest that the store has */
	const char *media_type; /* static, of one that is changed; else NULL */
	bool was_there;
};

/* A layer that must be sent goes as the blob that was pulled: the kept one, or one made again bit for bit; where that is not possible (pull/packer.h), as
 * another of the same tar, of which `changed` is told.
 *
 * Pushes the image that `source` names to the repository and tag of `target`, a reference with a tag. Layers that the registry has, there or in a repository that it
 * can take them over from, are not made, let alone sent. Holds the store's lock, shared. -EINVAL, -ENOENT, -EACCES, and others of pull/registry.h. */
int push_image(const struct store *s, const char *source, const char *target,
	       const struct push_options *options, struct push_result *ret, struct err *e) MUST_CHECK;

/* Adds an image to a layout, under `names` (canonical references; may be empty). In docker's form, which has tars and no manifest, that is what it was unless a tar is another. */
int push_to_layout(const struct store *s, const char *source, const struct strvec *names,
		   const struct push_options *options, struct layout *layout, struct push_result *ret,
		   struct err *e) MUST_CHECK;

/* The same without a place in index.json: for a manifest that an index names. */
int push_member_to_layout(const struct store *s, const char *source, const struct push_options *options,
			  struct layout *layout, struct push_result *ret, struct err *e) MUST_CHECK;

#endif
