/* SPDX-License-Identifier: Apache-2.0 */
/* sampan-image yaml: not for people; `sampan` reads files in YAML through it (cli/image_exec.h). */
#include <unistd.h>

#include "cli/image_main.h"
#include "common/buf.h"
#include "common/file.h"
#include "pull/yaml_json.h"

#define YAML_MAX (4u << 20) /* bytes, of either form */

static const struct option_def OPTIONS[] = { { 0 } };

static const struct command_def COMMAND = {
	.name = "sampan-image yaml",
	.usage = "",
	.summary = "Write the YAML of stdin to stdout as JSON",
	.options = OPTIONS,
};

int image_yaml(int argc, char **argv, const struct image_globals *g)
{
	cleanup_buf struct buf text = BUF_INIT(YAML_MAX);
	cleanup_buf struct buf json = BUF_INIT(YAML_MAX);
	struct err e = { 0 };
	int n = 0, code = 0, r;

	if (!cli_options(&COMMAND, argc, argv, NULL, &n, &code))
		return code;
	r = read_fd(STDIN_FILENO, &text, &e);
	if (r == 0)
		r = yaml_to_json(text.data ? text.data : "", text.len, &json, &e);
	if (r == 0 && (r = write_all(STDOUT_FILENO, json.data, json.len)) < 0)
		r = err_code(&e, r, "cannot write to stdout");
	return r < 0 ? image_fail(g, &e) : 0;
}
