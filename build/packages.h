/* SPDX-License-Identifier: Apache-2.0 */
/* The packages that are installed in a tree, by the databases of dpkg and apk. Trees may be hostile: no path leads out of them, and whatever a database says is held to limits. */
#ifndef SAMPAN_BUILD_PACKAGES_H
#define SAMPAN_BUILD_PACKAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"

#define PACKAGES_MAX            200000
#define PACKAGES_FILE_MAX_BYTES ((size_t)64 << 20) /* of one database */
#define PACKAGES_FILES_MAX      8192               /* in status.d */
#define PACKAGES_FIELD_MAX      512 /* bytes of a name, a version, an architecture; a longer one is none */

enum package_kind { PACKAGE_DEB, PACKAGE_APK };

struct package {
	enum package_kind kind;
	char *name, *version, *architecture; /* "" where not said, but for the name */
};

/* Sorted by kind, name, version and architecture, each once. */
struct packages {
	struct package *items;
	size_t len, cap;
	char *distro_id, *distro_version; /* of os-release(5): "debian", "12"; NULL: not said */
	bool has_rpm;                     /* there is a database of rpm, which is not read */
	bool has_damage;                  /* some database was left out: over a limit, or no regular file */
};
void packages_done(struct packages *p);
#define cleanup_packages __attribute__((cleanup(packages_done)))

/* Of the tree `root_fd` (borrowed). A tree without any database has none. -ENOMEM, and errors of read(2). */
int packages_read(int root_fd, struct packages *ret, struct err *e) MUST_CHECK;

/* --- of texts; pure: what fuzzers and tests call --- */

/* Adds those of dpkg's status, unsorted. `with_status`: only what is installed as its Status says; false: a file of status.d, whose Status is often not there. -EFBIG over
 * PACKAGES_MAX, -ENOMEM. */
int packages_add_dpkg(struct packages *p, const char *text, size_t len, bool with_status) MUST_CHECK;
int packages_add_apk(struct packages *p, const char *text, size_t len) MUST_CHECK;

/* Takes ID and VERSION_ID. -ENOMEM. */
int packages_read_os_release(struct packages *p, const char *text, size_t len) MUST_CHECK;

#endif
