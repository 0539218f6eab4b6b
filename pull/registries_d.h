/* SPDX-License-Identifier: Apache-2.0 */
/* containers-registries.d(5): where signatures are looked for. Of it only use-sigstore-attachments concerns us: lookasides hold signatures of another kind. */
#ifndef SAMPAN_PULL_REGISTRIES_D_H
#define SAMPAN_PULL_REGISTRIES_D_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/json_read.h" /* opt_bool */
#include "common/strvec.h"

#define REGISTRIES_D_FILES     256
#define REGISTRIES_D_MAX_BYTES ((size_t)1 << 20) /* of a file */
#define REGISTRIES_D_SCOPES    10000

struct registries_d_scope {
	char *name; /* "quay.io/team"; "" for default-docker */
	struct opt_bool attachments;
	size_t file; /* where it was */
};

struct registries_d {
	struct registries_d_scope *scopes;
	size_t len;
	struct strvec files;
};
void registries_d_done(struct registries_d *r);
#define cleanup_registries_d __attribute__((cleanup(registries_d_done)))

/* Adds the text of a file, which is called `file`. -EINVAL malformed, or a scope that is there already, with the line. */
int registries_d_add(struct registries_d *r, const char *file, const char *text, size_t len,
		     struct err *e) MUST_CHECK;

/* All *.yaml of ~/.config/containers/registries.d, or where there is no such directory of /etc/containers/registries.d. Errors name the file. */
int registries_d_load(struct registries_d *ret, struct err *e) MUST_CHECK;

/* What the most specific of `scopes` (policy_scopes_of_reference) says that says anything, or else default-docker. Without either: false. */
bool registries_d_attachments(const struct registries_d *r, const struct strvec *scopes);

#endif
