/* SPDX-License-Identifier: Apache-2.0 */
/* containers-certs.d(5): the authorities that a user trusts for one registry, and the certificate that says there who we are. */
#ifndef SAMPAN_PULL_CERTS_H
#define SAMPAN_PULL_CERTS_H

#include "common/err.h"

#define CERTS_FILES_MAX 64
#define CERTS_BYTES_MAX (1u << 20) /* of all authorities together, and of each other file */

/* PEM texts, owned; NULL: none. */
struct certs {
	char *authorities; /* all *.crt, one behind the other */
	char *certificate; /* the first *.cert, and *.key of the same name */
	char *key;
};
void certs_done(struct certs *c); /* wipes the key */
#define cleanup_certs __attribute__((cleanup(certs_done)))

/* Reads the first directory of this registry ("localhost:5000") that there is: ~/.config/containers/certs.d/<domain>,
 * /etc/containers/certs.d/<domain>, /etc/docker/certs.d/<domain>. -EINVAL a certificate without its key, or the other way round;
 * -EFBIG; open(2). */
int certs_find(const char *domain, struct certs *ret, struct err *e) MUST_CHECK;

#endif
