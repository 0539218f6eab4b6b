/* SPDX-License-Identifier: Apache-2.0 */
/* What a person names as the source of a pull: REF, docker://REF, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF], and
 * '@DIGEST' in place of TAG or REF; and the names that images from files get. Pure. */
#ifndef SAMPAN_PULL_TRANSPORT_H
#define SAMPAN_PULL_TRANSPORT_H

#include "common/err.h"
#include "oci/descriptor.h"
#include "oci/platform.h"
#include "oci/reference.h"

enum transport_kind {
	TRANSPORT_REGISTRY,
	TRANSPORT_OCI_DIR,
	TRANSPORT_OCI_ARCHIVE,
	TRANSPORT_DOCKER_ARCHIVE
};

struct transport {
	enum transport_kind kind;
	struct reference reference; /* TRANSPORT_REGISTRY */
	char *path;                 /* the others: file or directory */
	char *image;                /* the others: tag or reference as written; NULL: none given */
};

/* -EINVAL what is wrong. */
int transport_parse(const char *text, struct transport *ret, struct err *e) MUST_CHECK;
void transport_done(struct transport *t);
#define cleanup_transport __attribute__((cleanup(transport_done)))

/* "oci-archive:"; "" of a registry. */
const char *transport_prefix(enum transport_kind kind);

/* What an image is to be called in a layout: a canonical reference into `names`, or *ret_tag (borrowed from `t`; NULL: none), as for an OCI layout a name without a slash is a tag. */
int transport_target_names(const struct transport *t, struct strvec *names, const char **ret_tag,
			   struct err *e) MUST_CHECK;

/* Picks from a layout's index.json what the transport asks for, by the annotations org.opencontainers.image.ref.name and
 * io.containerd.image.name; among several of one name, by platform. -ENOENT with a list of what there is; -EINVAL nothing was asked for and
 * there are several; -ENODATA none for the platforms. */
int transport_choose(const struct transport *t, const struct image_index *index,
		     const struct platform_list *platforms, size_t *ret_position, struct err *e) MUST_CHECK;

/* The names for entry `position` of a layout's index: its full references, in canonical form, each once; where there is none, one
 * of "localhost/<file name>:<tag>". */
int transport_names(const struct transport *t, const struct image_index *index, size_t position,
		    struct strvec *ret, struct err *e) MUST_CHECK;

#endif
