/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes that a person puts together from manifests in registries: read, changed, written, pushed. */
#ifndef SAMPAN_PULL_MANIFEST_LIST_H
#define SAMPAN_PULL_MANIFEST_LIST_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "oci/descriptor.h"
#include "oci/reference.h"
#include "pull/copy.h"
#include "store/store.h"

/* An annotation of ours, on each entry while the list is here: where its manifest is ("quay.io/team/app"). It is left out of what is pushed. */
#define MANIFEST_LIST_SOURCE "org.sampan.list.source"

/* The list that `name` (a canonical reference) stands for in the store. -ENOENT. */
int manifest_list_load(const struct store *s, const char *name, struct image_index *ret,
		       struct err *e) MUST_CHECK;
int manifest_list_save(const struct store *s, const char *name, const struct image_index *index, bool replace,
		       struct err *e) MUST_CHECK;

/* The text of the index as it is pushed. `is_docker`: a manifest list of docker's. */
int manifest_list_text(const struct image_index *index, bool is_docker, struct buf *out,
		       struct err *e) MUST_CHECK;

/* Looks up what `text` names in its registry, and adds it: a manifest with the platform that its config says; of an index the entry for this machine, or
 * with options->all every one. One of the same digest is replaced. *ret_first is the place of the first that was added. */
int manifest_list_add(struct image_index *index, const char *text, const struct copy_options *options,
		      size_t *ret_first, struct err *e) MUST_CHECK;

/* Appends the manifest or index that `text` names in its registry, as it is there. */
int manifest_list_look(const char *text, const struct copy_options *options, struct buf *out,
		       struct err *e) MUST_CHECK;

/* The entry that a person means by a digest, or by a reference with one. -ENOENT. */
int manifest_list_find(const struct image_index *index, const char *text, size_t *ret,
		       struct err *e) MUST_CHECK;

/* Copies what the list names to the repository of `target` where it is not there, and puts the index under its tag. */
int manifest_list_push(const struct store *s, const struct image_index *index, const struct transport *target,
		       bool is_docker, const struct copy_options *options, struct digest *ret,
		       struct err *e) MUST_CHECK;

#endif
