/* SPDX-License-Identifier: Apache-2.0 */
#include "store/volume_record.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "store/internal.h"

#define RECORD_MAX (1u << 20)

void volume_record_done(struct volume_record *v)
{
	free(v->name);
	free(v->created);
	strvec_done(&v->labels);
	strvec_done(&v->options);
	*v = (struct volume_record){ 0 };
}

#define MEMBER(m) offsetof(struct volume_record, m)
static const struct json_field FIELDS[] = {
	{ "name", MEMBER(name), json_read_string, .required = true },
	{ "created", MEMBER(created), json_read_string, .required = true },
	{ "anonymous", MEMBER(anonymous), json_read_bool },
	{ "labels", MEMBER(labels), json_read_map },
	{ "options", MEMBER(options), json_read_map },
	{ 0 },
};

int volume_record_write(int dir_fd, const struct volume_record *v, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, RECORD_MAX);
	const char *text;
	size_t len;
	int r;

	json_out_object(o, NULL);
	json_out_string(o, "name", v->name);
	json_out_string(o, "created", v->created);
	json_out_bool(o, "anonymous", v->anonymous);
	json_out_opt_map(o, "labels", &v->labels);
	json_out_opt_map(o, "options", &v->options);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	return r < 0 ? r : file_write_durable(dir_fd, VOLUME_RECORD_NAME, text, len, RECORD_MODE, e);
}

int volume_record_read(const struct store *s, const char *name, struct volume_record *ret, struct err *e)
{
	cleanup_volume_record struct volume_record v = { 0 };
	cleanup_buf struct buf text = BUF_INIT(RECORD_MAX);
	char path[SUBPATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "volumes/%s/" VOLUME_RECORD_NAME, name);
	r = file_read(s->root_fd, path, &text, e);
	if (r == -ENOENT && !store_has(s, "volumes", name))
		return r;
	if (r == 0)
		r = json_decode(text.data ? text.data : "", text.len, FIELDS, &v, e);
	if (r == 0 && strcmp(v.name, name) != 0)
		r = err_set(e, -EBADMSG, "it says that it is of '%.64s'", v.name);
	if (r == 0)
		r = volume_options_check(&v.options, e);
	if (r < 0 && !store_error_is_damage(r))
		return err_wrap(e, "cannot read the record of volume '%s'", name);
	if (r < 0) {
		e->code = -EBADMSG;
		return err_wrap(e, "the record of volume '%s' is damaged (remove the volume)", name);
	}
	*ret = v;
	v = (struct volume_record){ 0 };
	return 0;
}
