/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes that a person puts together from manifests in registries, in files and in the store: read, changed, written, pushed. */
#ifndef SAMPAN_PULL_MANIFEST_LIST_H
#define SAMPAN_PULL_MANIFEST_LIST_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/digest.h"
#include "common/err.h"
#include "oci/descriptor.h"
#include "oci/reference.h"
#include "pull/copy.h"
#include "pull/push.h"
#include "store/image.h"
#include "store/store.h"

/* An annotation of ours, on each entry while the list is here: where its manifest is. A repository ("quay.io/team/app"), a file or directory
 * ("oci-archive:/srv/app.tar": the rest is the path), or an image of the store ("containers-storage:quay.io/team/app:v1"). It is left out of what is pushed. */
#define MANIFEST_LIST_SOURCE "org.sampan.list.source"
#define MANIFEST_LIST_STORE  "containers-storage:"

/* The list that `name` (a canonical reference) stands for in the store. -ENOENT. */
int manifest_list_load(const struct store *s, const char *name, struct image_index *ret,
		       struct err *e) MUST_CHECK;
int manifest_list_save(const struct store *s, const char *name, const struct image_index *index, bool replace,
		       struct err *e) MUST_CHECK;

/* The media type of an index as it is pushed; static. `is_docker`: a manifest list of docker's. */
const char *manifest_list_type(bool is_docker);

/* The text of the index as it is pushed. */
int manifest_list_text(const struct image_index *index, bool is_docker, struct buf *out,
		       struct err *e) MUST_CHECK;

/* Looks up what `text` (pull/transport.h) names, and adds it: a manifest with the platform that its config says; of an index the entry for this machine, or
 * with options->all every one. One of the same digest is replaced. *ret_first is the place of the first that was added. */
int manifest_list_add(const struct store *s, struct image_index *index, const char *text,
		      const struct copy_options *options, size_t *ret_first, struct err *e) MUST_CHECK;

/* Adds the image of the store that `name`, a canonical reference, is bound to, in the same way. The list does not hold it there: it must stay until the push. */
int manifest_list_add_stored(const struct store *s, struct image_index *index, const char *name, size_t *ret,
			     struct err *e) MUST_CHECK;

/* Appends the manifest or index that `text` names, as it is there. */
int manifest_list_look(const struct store *s, const char *text, const struct copy_options *options,
		       struct buf *out, struct err *e) MUST_CHECK;

/* The entry that a person means by a digest, or by a reference with one. -ENOENT. */
int manifest_list_find(const struct image_index *index, const char *text, size_t *ret,
		       struct err *e) MUST_CHECK;

/* Attestations whose documents the store keeps (attestation_manifest_keep) need no MANIFEST_LIST_SOURCE. On a push, and on the way into a layout, they follow the manifest that they are about
 * wherever that becomes another. */

/* How an index came here. Where none of its entries becomes another it goes like that, byte for byte. */
struct manifest_list_origin {
	const struct buf *text; /* NULL: it was put together here */
	const char *media_type; /* NULL: an index of the image-spec */
};

struct manifest_list_push {
	bool is_docker; /* what is put together here; the rest stays what it was, unless it gets entries that docker's form has not */
	struct manifest_list_origin origin;
	struct copy_options copy;   /* for members from registries and files, and for the list itself */
	struct push_options stored; /* for those of the store */
};

/* Brings what the list names into an OCI layout, and adds the index itself under `names` (canonical references; may be empty). All must be of the store: -EOPNOTSUPP for others, and for docker's
 * form, which has no indexes. Images whose manifests change on the way, and attestations of these, have others in `index` afterwards. The caller finishes the layout.
 * `origin` NULL: it was put together here. ret->is_changed: an entry has become another. */
int manifest_list_put(const struct store *s, struct image_index *index,
		      const struct manifest_list_origin *origin, const struct strvec *names,
		      const struct push_options *options, struct layout *layout, struct push_result *ret,
		      struct err *e) MUST_CHECK;

/* Brings what the list names to the repository of `target` where it is not there, and puts the index under its tag. An image of the store that cannot go under the
 * digest that it was pulled with (pull/push.h) has another in `index` afterwards: ret->is_changed. */
int manifest_list_push(const struct store *s, struct image_index *index, const struct transport *target,
		       const struct manifest_list_push *options, struct push_result *ret,
		       struct err *e) MUST_CHECK;

/* --- inside pull/ --- */

struct attestation_manifest;

/* An image of the store by its manifest, not by the name that it was added by, which may be another image's by now. *ret: a reference by digest, owned. -ENOENT. */
int manifest_list_find_stored(const struct store *s, const char *name, const struct digest *manifest,
			      char **ret, struct err *e) MUST_CHECK;

/* An entry that is an attestation of the store: one that does not say that it is from elsewhere. */
bool manifest_list_is_attestation(const struct descriptor *d);

/* The digests of all entries; owned. NULL: out of memory. */
struct digest *manifest_list_digests(const struct image_index *index) MUST_CHECK;

/* Takes MANIFEST_LIST_SOURCE away. */
void manifest_list_forget_source(struct descriptor *d);

/* The index as it goes out once its entries are there: `text` gets the document, which ret's digest, size, media type and is_changed are of. `was`: the digests of all entries before that. */
int manifest_list_finish(const struct image_index *index, const struct digest *was,
			 const struct manifest_list_origin *origin, bool is_docker, struct buf *text,
			 struct push_result *ret, struct err *e) MUST_CHECK;

/* The attestation that entry `at` is, of what has become of its image by now; the entry follows it. `was`: the digests of all entries before that. */
int manifest_list_move_attestation(const struct store *s, struct image_index *index, size_t at,
				   const struct digest *was, struct attestation_manifest *ret,
				   struct err *e) MUST_CHECK;

#endif
