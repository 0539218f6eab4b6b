/* SPDX-License-Identifier: Apache-2.0 */
/* linux.seccomp: runtime-spec config-linux.md#seccomp. */
#include "oci/runtime_spec.h"
#include "oci/runtime_spec_fields.h"

static const struct json_field ARG_FIELDS[] = {
	{ "index", offsetof(struct spec_syscall_arg, index), json_read_u32, .required = true },
	{ "value", offsetof(struct spec_syscall_arg, value), json_read_u64, .required = true },
	{ "valueTwo", offsetof(struct spec_syscall_arg, value_two), json_read_u64 },
	{ "op", offsetof(struct spec_syscall_arg, op), json_read_string, .required = true },
	{ 0 }
};
const struct json_array SPEC_SYSCALL_ARGS = { ARG_FIELDS, sizeof(struct spec_syscall_arg), SPEC_MAX_ITEMS };

static const uint64_t MAX_ERRNO_RET = UINT32_MAX;

const struct json_field SPEC_SYSCALL_FIELDS[] = {
	{ "names", offsetof(struct spec_syscall, names), json_read_strvec, .required = true },
	{ "action", offsetof(struct spec_syscall, action), json_read_string, .required = true },
	{ "errnoRet", offsetof(struct spec_syscall, errno_ret), spec_read_opt_max, &MAX_ERRNO_RET },
	{ "args", offsetof(struct spec_syscall, args), json_read_array, &SPEC_SYSCALL_ARGS },
	{ 0 }
};
static const struct json_array SYSCALLS = { SPEC_SYSCALL_FIELDS, sizeof(struct spec_syscall),
					    SPEC_MAX_ITEMS };

int spec_read_seccomp_flags(const struct json_in *in, const void *arg, void *seccomp, struct err *e)
{
	struct spec_seccomp *s = seccomp;

	s->has_flags = true;
	return json_read_strvec(in, arg, &s->flags, e);
}

#define SECCOMP(member) offsetof(struct spec_seccomp, member)
const struct json_field SPEC_SECCOMP_FIELDS[] = {
	{ "defaultAction", SECCOMP(default_action), json_read_string, .required = true },
	{ "defaultErrnoRet", SECCOMP(default_errno_ret), spec_read_opt_max, &MAX_ERRNO_RET },
	{ "architectures", SECCOMP(architectures), json_read_strvec },
	{ "flags", 0, spec_read_seccomp_flags },
	{ "listenerPath", SECCOMP(listener_path), spec_read_text },
	{ "listenerMetadata", SECCOMP(listener_metadata), spec_read_text },
	{ "syscalls", SECCOMP(syscalls), json_read_array, &SYSCALLS },
	{ 0 }
};
const struct json_pointer SPEC_SECCOMP = { SPEC_SECCOMP_FIELDS, sizeof(struct spec_seccomp) };
