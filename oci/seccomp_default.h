/* SPDX-License-Identifier: Apache-2.0 */
/* The default seccomp profile: an allow-list with Docker's meaning; other known system calls get EPERM, unknown ones ENOSYS. */
#ifndef SAMPAN_OCI_SECCOMP_DEFAULT_H
#define SAMPAN_OCI_SECCOMP_DEFAULT_H

#include "oci/runtime_spec.h"

/* The profile for a process with these capabilities on the architecture that we run on (amd64: x86_64, x86, x32 as Docker has it; arm64: aarch64, arm).
 * Rules that Docker ties to a capability are in it only if the bounding set has that capability. *ret is owned by the caller
 * (spec_seccomp_free). -ENOMEM. */
int spec_seccomp_default(const struct strvec *bounding_capabilities, struct spec_seccomp **ret,
			 struct err *e) MUST_CHECK;
void spec_seccomp_free(struct spec_seccomp *s);
void spec_seccomp_free_fn(struct spec_seccomp **s);
#define cleanup_spec_seccomp __attribute__((cleanup(spec_seccomp_free_fn)))

/* Decodes a profile as a person writes it for --security-opt seccomp=FILE: Docker's format (archMap, includes, excludes, minKernel; Podman's
 * errno names too) or the OCI one. Rules for other capabilities, machines or later kernels are dropped. *ret is owned by the caller.
 * -EINVAL with the path of what is wrong, -EFBIG over SPEC_MAX_BYTES, -ENOMEM. */
int spec_seccomp_decode_profile(const char *text, size_t len, const struct strvec *bounding_capabilities,
				struct spec_seccomp **ret, struct err *e) MUST_CHECK;

#endif
