/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/take_over.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/program_path.h"
#include "common/strvec.h"

#define ARGUMENTS_MAX_BYTES ((size_t)16 << 20) /* more than the kernel takes */

/* Our own may have been changed since: options are taken out of them. proc_pid_cmdline(5) */
static int read_arguments(struct buf *text, struct strvec *out, struct err *e)
{
	int r = file_read(AT_FDCWD, "/proc/self/cmdline", text, e);

	if (r < 0)
		return r;
	for (size_t at = 0; r == 0 && at < text->len; at += strlen(text->data + at) + 1)
		r = strvec_add(out, text->data + at);
	return r < 0 ? err_code(e, r, "cannot read our own arguments") : 0;
}

int take_over(const char *name, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(ARGUMENTS_MAX_BYTES);
	cleanup_strvec struct strvec arguments = { 0 };
	cleanup_free char *path = NULL;
	int r = program_path(name, &path, e);

	if (r == 0)
		r = read_arguments(&text, &arguments, e);
	if (r < 0)
		return r;
	if (!arguments.items)
		return err_set(e, -EINVAL, "cannot read our own arguments: there are none");
	(void)execv(path, arguments.items);
	return err_errno(e, "cannot run '%s'", path);
}
