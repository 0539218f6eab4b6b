/* SPDX-License-Identifier: Apache-2.0 */
/* A build as lines of JSON: client.SolveStatus of BuildKit, whose times and digests programs read. */
#include <string.h>

#include "cli/build_progress.h"
#include "common/cleanup.h"
#include "common/json_write.h"
#include "pull/hash.h"

#define OBJECT_MAX (1u << 20)

/* What tells a vertex from others: its title. */
static void digest_of(const struct build_progress *p, const struct build_progress_step *s, struct digest *ret,
		      struct buf *title)
{
	struct err ignored;

	build_progress_title(p, s, title);
	if (hash_bytes("sha256", title->data ? title->data : "", title->len, ret, &ignored) < 0)
		*ret = (struct digest){ 0 };
}

static void put(const struct build_progress *p, struct json_out *o)
{
	struct err ignored;
	const char *text;
	size_t len;

	if (json_out_finish(o, &text, &len, &ignored) == 0)
		(void)fprintf(p->out, "%.*s\n", (int)len, text);
}

void build_progress_json_step(const struct build_progress *p, const struct build_progress_step *s)
{
	cleanup_json_out struct json_out *o = json_out_new(false, OBJECT_MAX);
	cleanup_buf struct buf title = BUF_INIT(BUILD_LINE_MAX);
	char now[TIMESTAMP_MAX];
	struct digest digest;

	digest_of(p, s, &digest, &title);
	timestamp_now(now);
	json_out_object(o, NULL);
	json_out_array(o, "vertexes");
	json_out_object(o, NULL);
	json_out_string(o, "digest", digest.text);
	json_out_string(o, "name", title.data ? title.data : "");
	json_out_string(o, "started", s->started);
	if (s->state != BUILD_STEP_RUNS)
		json_out_string(o, "completed", now);
	if (s->state == BUILD_STEP_CACHED_BEFORE)
		json_out_bool(o, "cached", true);
	if (s->state == BUILD_STEP_BROKEN)
		json_out_string(o, "error", "failed");
	json_out_end(o);
	json_out_end(o);
	json_out_end(o);
	put(p, o);
}

/* Go writes bytes in base64. RFC 4648, 4. */
static int add_base64(struct buf *out, const char *data, size_t len)
{
	static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)data;
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned int bits = (unsigned int)p[i] << 16;
		char text[4];

		if (n > 1)
			bits |= (unsigned int)p[i + 1] << 8;
		if (n > 2)
			bits |= p[i + 2];
		for (unsigned int k = 0; k < 4; k++)
			text[k] = (char)(k <= n ? DIGITS[bits >> (18 - 6 * k) & 63] : '=');
		r = buf_add(out, text, sizeof(text));
	}
	return r;
}

void build_progress_json_output(const struct build_progress *p, const struct build_progress_step *s,
				const char *data, size_t len)
{
	cleanup_json_out struct json_out *o = json_out_new(false, OBJECT_MAX);
	cleanup_buf struct buf title = BUF_INIT(BUILD_LINE_MAX), text = BUF_INIT(OBJECT_MAX / 2);
	char now[TIMESTAMP_MAX];
	struct digest digest;

	digest_of(p, s, &digest, &title);
	timestamp_now(now);
	if (add_base64(&text, data, len) < 0)
		return; /* only for show */
	json_out_object(o, NULL);
	json_out_array(o, "logs");
	json_out_object(o, NULL);
	json_out_string(o, "vertex", digest.text);
	json_out_u64(o, "stream", 1);
	json_out_string(o, "data", text.data ? text.data : "");
	json_out_string(o, "timestamp", now);
	json_out_end(o);
	json_out_end(o);
	json_out_end(o);
	put(p, o);
}
