/* SPDX-License-Identifier: Apache-2.0 */
/* Image references: [HOST[:PORT]/]PATH[:TAG][@DIGEST], the grammar of distribution's reference package. */
#ifndef SAMPAN_OCI_REFERENCE_H
#define SAMPAN_OCI_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/digest.h"
#include "common/err.h"

#define REFERENCE_NAME_MAX 255 /* of "host/path", as distribution has it */
#define REFERENCE_TAG_MAX  128

struct reference {
	char *domain;         /* "docker.io", "localhost:5000", "[::1]:5000" */
	char *path;           /* "library/busybox" */
	char *tag;            /* "latest"; NULL where only a digest was given */
	struct digest digest; /* unset where none was given */
};

/* Parses and normalises what a person typed: "busybox" -> docker.io/library/busybox:latest;
 * index.docker.io is docker.io; the first component is a host if it holds '.' or ':' , is "localhost", or has upper case.
 * A 64-digit hex string is refused, as docker does. -EINVAL with what is wrong (upper case in the path, bad tag...),
 * -EFBIG name too long. */
int reference_parse(const char *text, struct reference *ret, struct err *e) MUST_CHECK;
void reference_done(struct reference *r);
#define cleanup_reference __attribute__((cleanup(reference_done)))

/* "docker.io/library/busybox:latest", "host:5000/a/b@sha256:...", both if both. Owned; NULL: out of memory. */
char *reference_canonical(const struct reference *r) MUST_CHECK;

/* As people see it: "busybox:latest" for docker.io/library/busybox:latest. Owned; NULL: out of memory. */
char *reference_familiar(const struct reference *r) MUST_CHECK;

/* The same without tag and digest ("busybox", "host:5000/a/b"). Owned; NULL: out of memory. */
char *reference_familiar_name(const struct reference *r) MUST_CHECK;

#endif
