/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/go_template.h"
#include "common/cleanup.h"

#define JSON_DEEP 64

int go_template_set(const char *text, void *member, struct err *e)
{
	*(const char **)member = text;
	return go_template_is_set(text) ? go_template_check(text, e) : 0;
}

bool go_template_is_set(const char *format)
{
	return format && strcmp(format, "json") != 0;
}

int go_template_of(const char *text, struct json_out *o, struct buf *out, struct err *e)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	const char *json = NULL;
	size_t len = 0;
	int r = json_out_finish(o, &json, &len, e);

	if (r == 0)
		r = json_parse(json, len, JSON_DEEP, &doc, e);
	return r == 0 ? go_template_run(text, doc, out, e) : r;
}

int go_template_print(const char *text, struct json_out *o, struct err *e)
{
	cleanup_buf struct buf out = BUF_INIT(GO_TEMPLATE_OUT_MAX);
	int r = go_template_of(text, o, &out, e);

	if (r == 0)
		(void)printf("%.*s\n", (int)out.len, out.data ? out.data : ""); /* cli_end_output tells */
	return r;
}
