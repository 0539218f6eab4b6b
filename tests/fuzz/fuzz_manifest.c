/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests, indexes, their kind, and the choice from an index. */
#include <stdint.h>
#include <stdlib.h>

#include "oci/descriptor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void choose(const struct image_index *index)
{
	const struct machine machine = { .cpu = MACHINE_ARM64, .aarch32 = true };
	struct platform_list list;
	struct err e;
	size_t position;

	platform_list_for_machine(&machine, &list);
	if (image_index_choose(index, &list, &position, &e) == 0 && position >= index->manifests_len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	cleanup_manifest struct manifest m = { 0 };
	cleanup_image_index struct image_index index = { 0 };
	bool is_manifest, is_index;
	enum media_kind kind;
	struct err e;

	is_manifest = manifest_decode(text, size, &m, &e) == 0;
	is_index = image_index_decode(text, size, &index, &e) == 0;
	if (is_manifest && is_index) /* CVE-2021-41190 */
		abort();
	if (is_index)
		choose(&index);
	if (document_kind(text, size, NULL, &kind, &e) < 0 && (is_manifest || is_index))
		abort();
	return 0;
}
