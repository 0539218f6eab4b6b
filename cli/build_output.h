/* SPDX-License-Identifier: Apache-2.0 */
/* --output, --push and --tag of `sampan build`: where what was built goes. docs.docker.com/build/exporters */
#ifndef SAMPAN_CLI_BUILD_OUTPUT_H
#define SAMPAN_CLI_BUILD_OUTPUT_H

#include <stdbool.h>

#include "build/build.h"
#include "cli/build_flags.h"
#include "cli/build_place.h"
#include "pull/push.h"

#define BUILD_OUTPUTS_MAX 16

enum build_output_kind {
	BUILD_OUTPUT_IMAGE, /* of the store: docker's types image, registry (pushed), and docker without dest */
	BUILD_OUTPUT_DOCKER, /* archives */
	BUILD_OUTPUT_OCI,
	BUILD_OUTPUT_LOCAL, /* files */
	BUILD_OUTPUT_TAR,
};

struct build_output {
	enum build_output_kind kind;
	char *dest;  /* NULL: none; "-": standard output */
	bool no_tar; /* of an OCI layout: a directory */
	struct build_place place;
};

struct build_outputs {
	struct build_output items[BUILD_OUTPUTS_MAX];
	size_t len;
	bool keeps; /* an image stays in the store */
	bool makes; /* an image is made at all */
	bool push;
	bool has_compression;
	struct compression compression; /* of pushes and archives */
	struct strvec names;            /* canonical */
	struct strvec annotations;      /* of manifests */
	struct strvec index_annotations;
};
void build_outputs_done(struct build_outputs *o);
#define cleanup_build_outputs __attribute__((cleanup(build_outputs_done)))

/* -EINVAL with what is wrong, in docker's words. */
int build_outputs_read(const struct build_flags *f, struct build_outputs *ret, struct err *e) MUST_CHECK;

/* Files of one platform; `several`: in folders named after them. They are where they belong after build_output_files_end, which comes after the last. */
int build_output_files(struct build_outputs *o, struct build *b, const struct build_result *r,
		       const int64_t *epoch, bool several, struct err *e) MUST_CHECK;

int build_output_files_end(struct build_outputs *o, const struct build *b, struct err *e) MUST_CHECK;

/* The image that is bound to `bound`, or all of `index` (NULL: there is none), into archives, under o->names. */
int build_output_archives(const struct build_outputs *o, const struct store *s, const char *bound,
			  const struct image_index *index, const struct push_options *options,
			  struct err *e) MUST_CHECK;

#endif
