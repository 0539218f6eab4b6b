/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes: directories that outlive containers. volumes/<name>/{volume.json,_data}. docs/store.md, "Volumes".
 *
 * Who makes a container with volumes holds the lock of the volumes, shared, from before volume_create until the container's record names them;
 * who removes one holds it exclusively. It is taken before the store's lock. */
#ifndef SAMPAN_STORE_VOLUME_H
#define SAMPAN_STORE_VOLUME_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/strvec.h"
#include "store/store.h"

#define VOLUME_NAME_MAX 255
#define VOLUME_DRIVER   "local"

struct volume_record {
	char *name;
	char *created;         /* RFC 3339 */
	bool anonymous;        /* made for a container that named none */
	struct strvec labels;  /* "key=value" */
	struct strvec options; /* "type=tmpfs", "device=tmpfs", "o=size=1m": what volume_mount mounts */
};
void volume_record_done(struct volume_record *v);
#define cleanup_volume_record __attribute__((cleanup(volume_record_done)))

/* [a-zA-Z0-9][a-zA-Z0-9_.-]+ of up to VOLUME_NAME_MAX bytes. -EINVAL in docker's words. */
int volume_name_check(const char *name, struct err *e) MUST_CHECK;

/* What docker's local driver knows: type, o, device. -EINVAL in its words. */
int volume_options_check(const struct strvec *options, struct err *e) MUST_CHECK;

/* *ret_fd holds it until it is closed. */
int volume_lock(const struct store *s, bool exclusive, int *ret_fd, struct err *e) MUST_CHECK;

/* Makes a volume, empty and durable, or finds that there is one: then *v is as it was and *ret_made false. v->name NULL: 64 random hex digits.
 * Fills v->name and v->created. */
int volume_create(const struct store *s, struct volume_record *v, bool *ret_made, struct err *e) MUST_CHECK;

/* -ENOENT "get X: no such volume"; -EBADMSG damaged. */
int volume_find(const struct store *s, const char *name, struct volume_record *ret, struct err *e) MUST_CHECK;

/* By name. Damaged ones are left out and counted. */
int volume_list(const struct store *s, struct volume_record **ret_items, size_t *ret_len, size_t *ret_damaged,
		struct err *e) MUST_CHECK;
void volume_list_free(struct volume_record *items, size_t len);

/* Its contents: the absolute path (owned; NULL: out of memory), and the directory, open. */
char *volume_data_path(const struct store *s, const char *name) MUST_CHECK;
int volume_open_data(const struct store *s, const char *name, int *ret_fd, struct err *e) MUST_CHECK;

/* The volume whose contents an absolute path is in or below, owned, and what follows that of its contents ("" or "/sub/dir"), in `path`; NULL: none. */
char *volume_of_path(const struct store *s, const char *path, const char **ret_rest);

/* The IDs of the containers that have it, newest first. */
int volume_users(const struct store *s, const char *name, struct strvec *ret, struct err *e) MUST_CHECK;

/* Removes it with all contents; mounts on it go first. Takes the lock exclusively. -ENOENT; -EBUSY "remove X: volume is in use - [ID, ...]". */
int volume_remove(const struct store *s, const char *name, struct err *e) MUST_CHECK;

/* Whether volume_fill might have something to do: it is empty, or somebody was interrupted. */
int volume_needs_filling(const struct store *s, const char *name, bool *ret, struct err *e) MUST_CHECK;

/* Makes a volume that nobody has used yet look like the image's directory: where it is empty it gets what is in src_fd (-1: the image has none), with owners,
 * modes, times, links and extended attributes. A crash meanwhile leaves a mark, and whoever comes next begins anew. Waits for others who do the same.
 * The caller holds the lock, shared. */
int volume_fill(const struct store *s, const char *name, int src_fd, bool durable, struct err *e) MUST_CHECK;

/* One that has options is mounted on its own directory, unless it is already; others need nothing. -errno of mount(2). Unmounting is for
 * when the last container that has it and is up, but for `but_id`, is gone; the caller holds no lock for either. */
int volume_mount(const struct store *s, const char *name, struct err *e) MUST_CHECK;
int volume_unmount_unused(const struct store *s, const char *name, const char *but_id,
			  struct err *e) MUST_CHECK;

/* container_remove, and then the volumes that were made for this container alone. Those that others use as well, and damaged ones, stay. */
int container_remove_with_volumes(const struct store *s, const char *id, struct err *e) MUST_CHECK;

#endif
