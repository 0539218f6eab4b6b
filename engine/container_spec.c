/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/container_spec.h"

#include "common/buf.h"
#include "common/file.h"
#include "common/json_write.h"

int container_spec_read(int dir_fd, struct runtime_spec *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(SPEC_MAX_BYTES);
	int r = file_read(dir_fd, CONTAINER_SPEC_FILE, &text, e);

	return r < 0 ? r : runtime_spec_decode(text.data ? text.data : "", text.len, ret, e);
}

int container_spec_read_filtered(int dir_fd, const char *state_root, struct filtered_spec *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(SPEC_MAX_BYTES);
	int r = file_read(dir_fd, CONTAINER_SPEC_FILE, &text, e);

	return r < 0 ? r : filtered_spec_decode(state_root, &text, ret, e);
}

int container_spec_write(int dir_fd, const struct runtime_spec *s, bool durable, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, SPEC_MAX_BYTES);
	const char *text;
	size_t len;
	int r;

	runtime_spec_write(o, s);
	r = json_out_finish(o, &text, &len, e);
	if (r < 0)
		return r;
	return durable ? file_write_durable(dir_fd, CONTAINER_SPEC_FILE, text, len, 0600, e)
		       : file_write_atomic(dir_fd, CONTAINER_SPEC_FILE, text, len, 0600, e);
}
