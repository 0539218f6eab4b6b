/* SPDX-License-Identifier: Apache-2.0 */
/* process.json of `exec --process`: decoded, written as part of a config.json, decoded again; both writings are the same. */
#include "common/cleanup.h"
#include "oci/runtime_spec.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char least[] = "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"}}";
	cleanup_runtime_spec struct runtime_spec first = { 0 }, second = { 0 };
	cleanup_free char *once = NULL, *twice = NULL;
	struct spec_process *process = calloc(1, sizeof(*process));
	struct err e;

	if (!process || spec_process_decode((const char *)data, size, process, &e) < 0) {
		free(process);
		return 0;
	}
	if (runtime_spec_decode(least, sizeof(least) - 1, &first, &e) < 0)
		abort();
	first.process = process;
	once = written(&first);
	if (runtime_spec_decode(once, strlen(once), &second, &e) < 0)
		abort();
	twice = written(&second);
	if (strcmp(once, twice) != 0)
		abort();
	return 0;
}
