/* SPDX-License-Identifier: Apache-2.0 */
/* The image's configuration and the flags -> the runtime spec of a container. Touches the host only to look at devices and to read the files that
 * flags name (--env-file, seccomp=); makes nothing. */
#ifndef SAMPAN_CLI_RUN_SPEC_H
#define SAMPAN_CLI_RUN_SPEC_H

#include "cli/run_flags.h"
#include "cli/run_mounts.h"
#include "oci/image_config.h"
#include "oci/runtime_spec.h"

struct run_context {
	const char *id;             /* 64 hex digits */
	const char *host_name;      /* of this machine */
	const struct strvec *env;   /* ours */
	const struct strvec *args;  /* behind the image's name */
	const char *rootfs;         /* absolute; NULL: the image's */
	const char *user;           /* who runs in it, unless -u says so; NULL: the image's user */
	const char *passwd, *group; /* texts of the image's files; "" where it has none */
};

/* The process's arguments by docker's rules: --entrypoint and the arguments over the image's ENTRYPOINT and CMD; --entrypoint drops CMD.
 * -EINVAL "no command specified". */
int run_args(const struct run_flags *f, const struct image_config *image, const struct strvec *args,
	     struct strvec *ret, struct err *e) MUST_CHECK;

/* Its labels, "key=value", over what is in *ret: the image's, those of files, the flags'. -EINVAL "invalid label". */
int run_spec_labels(const struct run_flags *f, const struct image_config *image, struct strvec *ret,
		    struct err *e) MUST_CHECK;

/* All mounts that the flags ask for. -EINVAL, -EOPNOTSUPP. */
int run_mounts_from_flags(const struct run_flags *f, struct run_mounts *ret, struct err *e) MUST_CHECK;

/* Builds the spec; *ret is the caller's. `mounts` are appended; all of them have sources. */
int run_spec_build(const struct run_flags *f, const struct image_config *image, const struct run_context *c,
		   struct run_mounts *mounts, struct runtime_spec *ret, struct err *e) MUST_CHECK;

/* -h, the host's name in its network, or the beginning of the ID. Borrowed, or in `out` (64 bytes). */
const char *run_hostname(const struct run_flags *f, const struct run_context *c, char out[64]);

#endif
