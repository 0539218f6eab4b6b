/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "oci/image_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_image_config struct image_config c = { 0 };
	struct err e;
	int r = image_config_decode((const char *)data, size, &c, &e);

	(void)r; /* either will do: the sanitizers look */
	return 0;
}
