/* SPDX-License-Identifier: Apache-2.0 */
/* The store: the only code that knows the disk layout.
 *
 *   version                      "1\n"
 *   lock                         flock: shared by whoever uses layers, exclusive for gc and removal of layers
 *   blobs/sha256/<hex>           manifests, indexes, configs (layers only where they are kept)
 *   layers/<key>/tree            the layer as overlayfs wants it
 *   layers/<key>/meta.json       diff ID, blob digest and size, unpacked size, when
 *   names/<encoded reference>    one image name: what it is bound to
 *   containers/<id>/             container.json config.json upper work rootfs
 *   mapped/<key>/                tree made-of files.sum
 *   steps/<key>                  what a step of a build has made
 *   cache-mounts/<hex>/          id data
 *   container-names/<name>       symbolic link to the ID of the container of that name
 *   staging/<random>/            work in progress; whatever is here without a living owner (flock) is garbage
 *
 * A layer's key is the hex of its diff ID where the layer describes each directory that it has files in, else the hex of its chain ID, as
 * then what the layer looks like depends on the layers below (docs/adr/0002). docs/store.md specifies all of this, and why no
 * crash breaks it.
 */
#ifndef SAMPAN_STORE_STORE_H
#define SAMPAN_STORE_STORE_H

#include <stdbool.h>

#include "common/digest.h"
#include "common/err.h"

struct store;

#define STORE_DEFAULT_ROOT      "/var/lib/sampan"
#define STORE_DEFAULT_STATE_DIR "/run/sampan"

/* Further stores, whose images and layers are used as if they were in this one, and which are never written: what a device was shipped
 * with. Their directories, absolute, with ':' between them. An image name or a layer that is in several is taken from this store first, then from the additional
 * ones in their order. */
#define STORE_ADDITIONAL_ENV    "SAMPAN_ADDITIONAL_STORES"
#define STORE_ADDITIONAL_MAX    8

/* Opens the store at `root`, and those that STORE_ADDITIONAL_ENV names, making it where it is absent. -EOPNOTSUPP: of a newer version. -EACCES/-EROFS with a clear line.
 * -ENOENT, -EINVAL an additional one is no store. */
int store_open(const char *root, struct store **ret, struct err *e) MUST_CHECK;
void store_close(struct store *s);
void store_close_fn(struct store **s);
#define cleanup_store __attribute__((cleanup(store_close_fn)))

/* Directory descriptors, borrowed; and the absolute path of the root. */
int store_root_fd(const struct store *s);
const char *store_root_path(const struct store *s);

/* Whether the store's file system has as good as no inodes left, whatever space there is. */
bool store_is_out_of_inodes(const struct store *s);

/* Sets e's text, if its code is -ENOSPC, -EDQUOT or -EROFS, to what the store's file system lacks, and what helps. Returns e->code, and leaves other errors as they
 * are. For what goes wrong below the store's root, and nowhere else. */
int store_explain_full(const struct store *s, struct err *e);

/* Takes the store's lock, shared or exclusive, waiting for it; *ret_fd holds it until it is closed.
 * Shared: whoever relies on layers that nothing refers to yet. A pull holds it from before its first layer_exists until its
 * image_bind is done. Exclusive: gc only. image_bind, container_create and container_remove take it shared on their own (which
 * is fine below a shared lock of the caller's, and a deadlock below an exclusive one). */
int store_lock(const struct store *s, bool exclusive, int *ret_fd, struct err *e) MUST_CHECK;

/* So that two who want the same image do not do the work twice: at most one process at a time has the lock of a digest; *ret_fd holds it. Without waiting:
 * -EWOULDBLOCK (and no text) if somebody else has it. Independent of store_lock. */
int store_try_lock_work(const struct store *s, const struct digest *digest, int *ret_fd,
			struct err *e) MUST_CHECK;

#endif
