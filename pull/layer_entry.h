/* SPDX-License-Identifier: Apache-2.0 */
/* Pure: the header of an archive's entry -> a checked plan of what it does to a layer's directory. No system calls.
 * image-spec layer.md; overlayfs.rst (whiteouts and opaque directories). */
#ifndef SAMPAN_PULL_LAYER_ENTRY_H
#define SAMPAN_PULL_LAYER_ENTRY_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "common/err.h"

#define LAYER_SHOWN_MAX 160 /* bytes of a path in a message */

struct archive_entry;

enum layer_action {
	LAYER_SKIP,     /* aufs' own files, .wh..wh.* */
	LAYER_ROOT,     /* attributes of the layer's root */
	LAYER_DIR,      /* also where it is there already */
	LAYER_FILE,     /* `size` bytes follow */
	LAYER_SYMLINK,  /* to the text `target` */
	LAYER_HARDLINK, /* to the earlier entry `target` */
	LAYER_NODE,     /* device or FIFO: type in `mode`, number in `device` */
	LAYER_WHITEOUT, /* `name` is hidden in lower layers */
	LAYER_OPAQUE,   /* all of `parent` is hidden in lower layers */
};

struct layer_entry {
	enum layer_action action;
	char parent[PATH_MAX]; /* "usr/lib", "" for the root; no "", "." or ".." in it */
	const char *name;      /* the last component, in `path`; NULL for LAYER_ROOT and LAYER_OPAQUE */
	const char *target;    /* borrowed from the archive's entry, or in link_path */
	mode_t mode;           /* with the file type */
	uid_t uid;
	gid_t gid;
	dev_t device;
	uint64_t size_bytes;
	struct timespec mtime;
	char shown[LAYER_SHOWN_MAX]; /* the path as the archive has it, fit to print */
	char path[PATH_MAX];
	char link_path[PATH_MAX];
};

/* *ret lives as long as `from` stays as it is. Paths lose leading '/' and './'. -EINVAL a ".." in a path ("entry '%s' climbs out
 * of the layer"), no path, an owner, device number or whiteout that cannot be; -ENAMETOOLONG a path of PATH_MAX and more;
 * -EOPNOTSUPP a file type that layers do not have. */
int layer_entry_plan(struct archive_entry *from, struct layer_entry *ret, struct err *e) MUST_CHECK;

/* Copies a path for a message: control characters become '?', what is too long ends in "...". */
void layer_path_show(const char *path, char ret[LAYER_SHOWN_MAX]);

#endif
