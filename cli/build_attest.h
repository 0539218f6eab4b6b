/* SPDX-License-Identifier: Apache-2.0 */
/* --provenance and --sbom: what is said of an image that was built. */
#ifndef SAMPAN_CLI_BUILD_ATTEST_H
#define SAMPAN_CLI_BUILD_ATTEST_H

#include "build/build.h"
#include "build/build_image.h"
#include "build/dockerfile.h"
#include "cli/build_flags.h"
#include "cli/build_input.h"
#include "oci/descriptor.h"

struct build_attested {
	const struct build_flags *flags;
	const struct build_plan *plan;
	const struct build_result *result;
	const struct build_image *image;
	const struct base_images *bases;
	const struct dockerfile *dockerfile;
	const struct build_input *input;
	const char *context; /* on the command line */
	const struct build_params *params;
	const struct strvec *args, *names;
	struct platform own;
	const char *started; /* RFC 3339 */
};

/* Writes the statements to the store; *ret (owned) is what the index has of them. */
int build_attest(struct build *b, const struct build_attested *a, struct descriptor *ret,
		 struct err *e) MUST_CHECK;

#endif
