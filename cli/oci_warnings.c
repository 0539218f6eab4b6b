/* SPDX-License-Identifier: Apache-2.0 */
/* What config.json asks for and does not get, where the specification wants a warning and no error. */
#include "cli/oci.h"
#include "common/cleanup.h"
#include "runtime/capabilities.h"

void oci_warn_capabilities(const struct oci_globals *g, const struct spec_process *process)
{
	cleanup_strvec struct strvec ignored = { 0 };
	struct capability_sets sets;
	struct err e;

	if (!process ||
	    capability_sets_from_spec(process->capabilities, capability_supported(), &sets, &ignored, &e) < 0)
		return; /* creating the container says it again */
	for (size_t i = 0; i < ignored.len; i++) {
		(void)err_set(&e, -EINVAL,
			      "process.capabilities: '%.64s' is ignored: there is no such capability here",
			      ignored.items[i]);
		oci_warn(g, &e);
	}
}
