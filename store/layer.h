/* SPDX-License-Identifier: Apache-2.0 */
/* Unpacked layers, and the staging area that they are made in. */
#ifndef SAMPAN_STORE_LAYER_H
#define SAMPAN_STORE_LAYER_H

#include <stdint.h>

#include "common/digest.h"
#include "common/strvec.h"
#include "store/file_sum.h"
#include "store/store.h"

#define LAYER_KEY_MAX 64 /* hex digits of a sha256 */

struct layer_meta {
	struct digest diff_id;
	struct digest blob;     /* as the registry had it */
	uint64_t blob_size;     /* bytes */
	uint64_t unpacked_size; /* bytes of regular files */
	char *media_type;
	char *tar_split; /* checksum of LAYER_SPLIT_NAME; NULL: there was none. layer_seal finds it out by itself */
	char *created;     /* RFC 3339 */
	bool is_made_here; /* by a build, a commit or an import: nobody has it as a blob, and `blob` is its tar */
};
void layer_meta_done(struct layer_meta *m);

/* True if layers/<key> is there, whole (it is only ever renamed into place). */
bool layer_exists(const struct store *s, const char *key);
int layer_meta_read(const struct store *s, const char *key, struct layer_meta *ret, struct err *e) MUST_CHECK;

/* Opens layers/<key>. -ENOENT. */
int layer_open_dir(const struct store *s, const char *key, int *ret_fd, struct err *e) MUST_CHECK;

/* The checksum of LAYER_SPLIT_NAME in an open layer's directory; "" where there is none. -EIO and others of read(2). */
int layer_split_sum(int dir_fd, char ret[FILE_SUM_TEXT_LEN + 1], struct err *e) MUST_CHECK;

/* The absolute path of a layer's tree. Owned; NULL: out of memory. */
char *layer_tree_path(const struct store *s, const char *key) MUST_CHECK;

/* A directory of one's own below staging/, locked (flock) while it is open. */
struct staging {
	int fd;        /* the directory; -1 when empty; holds the lock */
	char name[32]; /* below staging/ */
};
int staging_begin(const struct store *s, struct staging *ret, struct err *e) MUST_CHECK;

/* Removes what is left of it. Accepts an empty one. */
void staging_end(const struct store *s, struct staging *st);

/* Beside tree/, of a layer that was a tar: what it takes to make that again. docs/store.md, "Tars". */
#define LAYER_SPLIT_NAME    "tar-split"

/* Beside tree/, until layer_seal: what the unpacker has learnt of the files (store/layer_contents.h). */
#define LAYER_CONTENTS_NAME "contents"

/* Completes staging/<name>/<subdir>, whose tree/ is ready: writes files.sum, drops LAYER_CONTENTS_NAME where there is one, and writes meta.json. Not
 * durable before store_sync: call it before that, and layer_commit with no meta after it, and a pull needs no sync per layer. */
int layer_seal(const struct store *s, const struct staging *st, const char *subdir,
	       const struct layer_meta *meta, struct err *e) MUST_CHECK;

/* Moves staging/<name>/<subdir> (with tree/ inside) to layers/<key>. The contents must be on disk: call store_sync between unpacking and
 * this. Where `meta` is not NULL the layer is sealed (and that is synced) first; else layer_seal has been called. `key` is 64 hex digits
 * (-EINVAL). If another process was faster, ours stays behind in staging and that is a success. Durable once image_bind returns. */
int layer_commit(const struct store *s, const struct staging *st, const char *subdir, const char *key,
		 const struct layer_meta *meta, struct err *e) MUST_CHECK;

/* Puts staging/<name>/<subdir>, sealed and synced, in the place of the damaged layers/<key>, in one step and durably; the damaged one is in its place in
 * staging then. Takes the store's lock exclusively: the caller holds none. -EBUSY: a container that runs uses the layer. */
int layer_replace(const struct store *s, const struct staging *st, const char *subdir, const char *key,
		  struct err *e) MUST_CHECK;

/* syncfs(2) of the store: all that was staged is on disk after it. */
int store_sync(const struct store *s, struct err *e) MUST_CHECK;

/* Removes staging directories whose owner is gone, and layers and blobs that no image, no container and no step of a build
 * (store/step_cache.h) refers to. Takes the lock
 * exclusively, and gives way to others while it deletes; if somebody else holds it and `wait` is false, does nothing. -EBADMSG: a record is
 * damaged, so that nobody knows which layers it needs; then staging alone is cleaned. *ret_freed_bytes is set in any case. */
int store_gc(const struct store *s, bool wait, uint64_t *ret_freed_bytes, struct err *e) MUST_CHECK;

#endif
