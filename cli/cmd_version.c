/* SPDX-License-Identifier: Apache-2.0 */
/* sampan version */
#include <stdio.h>
#include <sys/utsname.h>

#include "cli/cli.h"
#include "cli/go_template.h"
#include "common/cleanup.h"
#include "common/machine.h"
#include "oci/platform.h"
#include "oci/runtime_spec.h"

#define DOCUMENT_MAX_BYTES (64u << 10)

struct version_options {
	const char *format;
};

static const struct option_def OPTIONS[] = {
	{ "format", 'f', OPTION_CALL, offsetof(struct version_options, format), "string",
	  "json, or a Go template", go_template_set },
	{ 0 },
};
static const struct command_def COMMAND = {
	.name = "sampan version", .usage = "[OPTIONS]", .summary = "Show the version", .options = OPTIONS
};

/* Docker's client and server are one program here. */
static void write_part(struct json_out *o, const char *key, const struct utsname *host,
		       const struct platform_list *list)
{
	json_out_object(o, key);
	json_out_string(o, "Version", SAMPAN_VERSION);
	json_out_string(o, "Os", "linux");
	json_out_string(o, "Arch", list->len > 0 ? list->items[0].architecture : "unknown");
	json_out_string(o, "KernelVersion", host->release);
	json_out_end(o);
}

static int print_json(const char *format, const char *platform, const struct utsname *host,
		      const struct platform_list *list)
{
	cleanup_json_out struct json_out *o = json_out_new(true, DOCUMENT_MAX_BYTES);
	struct err e = { 0 };

	json_out_object(o, NULL);
	json_out_string(o, "Version", SAMPAN_VERSION);
	json_out_string(o, "OCIRuntimeSpec", SPEC_VERSION_MAX);
	json_out_string(o, "Platform", platform);
	json_out_string(o, "KernelVersion", host->release);
	write_part(o, "Client", host, list);
	write_part(o, "Server", host, list);
	json_out_end(o);
	if (!go_template_is_set(format))
		return cli_print_json(o);
	return go_template_print(format, o, &e) < 0 ? cli_fail(&e) : cli_end_output(0);
}

int cmd_version(int argc, char **argv, const struct cli_globals *g)
{
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
	if (!options.format) {
		(void)printf("Version:           %s\nOCI runtime spec:  %s\nPlatform:          %s\nKernel:   "
			     "         %s\n",
			     SAMPAN_VERSION, SPEC_VERSION_MAX, platform, host.release);
		return cli_end_output(0);
	}
	return print_json(options.format, platform, &host, &list);
}
