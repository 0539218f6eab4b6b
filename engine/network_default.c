/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "engine/network_config.h"
#include "engine/network_helper.h"
#include "engine/network_pasta.h"

/* Docker's default. Where what it takes is not installed a container without --network has none, as then it still starts. */
static const bool BRIDGE_IS_DEFAULT = false;

const char *network_default(void)
{
	cleanup_free char *path = NULL;
	struct err ignored;

	if (!BRIDGE_IS_DEFAULT ||
	    network_helper_find(pasta_is_needed() ? "pasta" : "netavark", &path, &ignored) < 0)
		return "none";
	return NETWORK_DEFAULT_NAME;
}
