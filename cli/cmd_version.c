/* SPDX-License-Identifier: Apache-2.0 */
/* sampan version */
#include <stdio.h>
#include <sys/utsname.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "common/machine.h"
#include "oci/platform.h"
#include "oci/runtime_spec.h"

#define DOCUMENT_MAX_BYTES (64u << 10)

struct version_options {
	bool json;
};

static const struct option_def OPTIONS[] = {
	{ "format", 0, OPTION_CALL, offsetof(struct version_options, json), "json", "Print JSON",
	  cli_set_format },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan version", .usage = "[OPTIONS]", .summary = "Show the version", .options = OPTIONS
};

int cmd_version(int argc, char **argv, const struct cli_globals *g)
{
	cleanup_json_out struct json_out *o = NULL;
	char platform[3 * PLATFORM_FIELD_MAX] = "unknown";
	struct version_options options = { 0 };
	struct platform_list list;
	struct utsname host = { 0 };
	struct machine machine;
	int n = 0, code = 0;

	(void)g;
	if (!cli_options(&COMMAND, argc, argv, &options, &n, &code))
		return code;
	(void)uname(&host); /* cannot fail with a valid pointer */
	machine_detect(&machine);
	platform_list_for_machine(&machine, &list);
	if (list.len > 0)
		platform_format(&list.items[0], platform);
	if (!options.json) {
		(void)printf("Version:           %s\nOCI runtime spec:  %s\nPlatform:          %s\nKernel:   "
			     "         %s\n",
			     SAMPAN_VERSION, SPEC_VERSION_MAX, platform, host.release);
		return cli_end_output(0);
	}
	o = json_out_new(true, DOCUMENT_MAX_BYTES);
	json_out_object(o, NULL);
	json_out_string(o, "Version", SAMPAN_VERSION);
	json_out_string(o, "OCIRuntimeSpec", SPEC_VERSION_MAX);
	json_out_string(o, "Platform", platform);
	json_out_string(o, "KernelVersion", host.release);
	json_out_end(o);
	return cli_print_json(o);
}
