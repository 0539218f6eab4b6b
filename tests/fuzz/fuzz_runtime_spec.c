/* SPDX-License-Identifier: Apache-2.0 */
/* config.json: decodes, writes, decodes again; both writings are the same. Its seccomp profile is compiled. */
#include <linux/audit.h>

#include "common/cleanup.h"
#include "oci/runtime_spec.h"
#include "oci/seccomp_default.h"
#include "runtime/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *written(const struct runtime_spec *s)
{
	cleanup_json_out struct json_out *o = json_out_new(false, 4 * SPEC_MAX_BYTES);
	const char *text;
	struct err e;
	size_t len;

	runtime_spec_write(o, s);
	if (json_out_finish(o, &text, &len, &e) < 0)
		abort();
	return strdup(text);
}

static void compile(const struct spec_seccomp *s)
{
	static const uint32_t machines[] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64 };

	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		cleanup_seccomp_program struct seccomp_program p = { 0 };
		struct err e;

		if (seccomp_compile_for(machines[i], s, &p, &e) == 0 && (p.len == 0 || p.len > BPF_MAXINSNS))
			abort();
	}
}

static void as_config(const char *text, size_t size)
{
	cleanup_runtime_spec struct runtime_spec first = { 0 }, second = { 0 };
	cleanup_free char *once = NULL, *twice = NULL;
	struct err e;

	if (runtime_spec_decode(text, size, &first, &e) < 0)
		return;
	once = written(&first);
	if (runtime_spec_decode(once, strlen(once), &second, &e) < 0)
		abort();
	twice = written(&second);
	if (strcmp(once, twice) != 0)
		abort();
	if (first.linux_.seccomp)
		compile(first.linux_.seccomp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	cleanup_spec_seccomp struct spec_seccomp *profile = NULL;
	struct spec_process process;
	struct strvec none = { 0 };
	struct err e;

	as_config(text, size);
	if (spec_process_decode(text, size, &process, &e) == 0)
		spec_process_done(&process);
	if (spec_seccomp_decode_profile(text, size, &none, &profile, &e) == 0)
		compile(profile);
	return 0;
}
