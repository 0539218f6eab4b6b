/* SPDX-License-Identifier: Apache-2.0 */
/* Container Device Interface: a file that says what a container needs for a device. https://github.com/cncf-tags/container-device-interface, SPEC.md */
#ifndef SAMPAN_OCI_CDI_H
#define SAMPAN_OCI_CDI_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/json_read.h"
#include "common/strvec.h"
#include "oci/runtime_spec.h"

#define CDI_FILE_MAX (4u << 20) /* bytes */

struct cdi_node {
	char *path, *host_path, *type, *permissions; /* NULL where absent, but path */
	struct opt_i64 major, minor;
	struct opt_u64 file_mode, uid, gid;
};
struct cdi_mount {
	char *host_path, *container_path, *type;
	struct strvec options;
};
struct cdi_hook {
	char *name; /* "createContainer" */
	struct spec_hook hook;
};
struct cdi_edits {
	struct strvec env;
	struct json_items nodes;  /* struct cdi_node */
	struct json_items mounts; /* struct cdi_mount */
	struct json_items hooks;  /* struct cdi_hook */
	struct json_items gids;   /* uint32_t */
	bool others;              /* what we know nothing of: intelRdt, netDevices */
};
struct cdi_device {
	char *name;
	struct cdi_edits edits;
};
struct cdi_spec {
	char *version, *kind;      /* "vendor.com/class" */
	struct json_items devices; /* struct cdi_device */
	struct cdi_edits edits;    /* for all of them */
};
void cdi_spec_done(struct cdi_spec *s);
#define cleanup_cdi_spec __attribute__((cleanup(cdi_spec_done)))

/* -EINVAL with the path of what is wrong. */
int cdi_spec_decode(const char *text, size_t len, struct cdi_spec *ret, struct err *e) MUST_CHECK;

/* NULL: it has none of that name. Borrowed. */
const struct cdi_device *cdi_find(const struct cdi_spec *s, const char *name);

/* "vendor.com/class=name", as SPEC.md spells them. */
bool cdi_name_ok(const char *text);

/* Changes a spec as `edits` say, but for device nodes, which it takes a look at the host to complete. -EOPNOTSUPP, -EINVAL no such hook, -ENOMEM. */
int cdi_edits_apply(const struct cdi_edits *edits, struct runtime_spec *s, struct err *e) MUST_CHECK;

#endif
