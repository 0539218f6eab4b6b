/* SPDX-License-Identifier: Apache-2.0 */
#include "build/cache_records.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "common/timestamp.h"
#include "oci/descriptor.h"

void cache_records_done(struct cache_records *c)
{
	for (size_t i = 0; i < c->len; i++) {
		free(c->items[i].created);
		free(c->items[i].text);
	}
	free(c->items);
	*c = (struct cache_records){ 0 };
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot describe a build cache");
}

static int too_many(struct err *e)
{
	return err_set(e, -EFBIG, "a build cache has at most %d steps", CACHE_STEPS_MAX);
}

/* --- steps ---------------------------------------------------------------------------------------------- */

void cache_steps_done(struct cache_steps *c)
{
	free(c->items);
	strvec_done(&c->texts);
	*c = (struct cache_steps){ 0 };
}

static struct build_step *find_step(struct cache_steps *c, const struct digest *key)
{
	for (size_t i = 0; i < c->len; i++)
		if (digest_equal(&c->items[i].key, key))
			return &c->items[i];
	return NULL;
}

static int add_step(struct cache_steps *c, const struct build_step *step, struct err *e)
{
	struct build_step *known = find_step(c, &step->key);

	if (known) {
		known->in_image |= step->in_image;
		return 0;
	}
	if (c->len == CACHE_STEPS_MAX)
		return too_many(e);
	if (strvec_add(&c->texts, step->text ? step->text : "") < 0)
		return no_memory(e);
	c->items[c->len] = *step;
	c->items[c->len++].text = c->texts.items[c->texts.len - 1];
	return 0;
}

int cache_steps_add(struct cache_steps *c, const struct build_result *r, struct err *e)
{
	struct build_step *items = reallocarray(c->items, c->len + r->steps_len + 1, sizeof(*items));
	int ret = 0;

	if (!items)
		return no_memory(e);
	c->items = items;
	if (c->len == 0)
		c->platform = r->config.platform;
	for (size_t i = 0; ret == 0 && i < r->steps_len; i++)
		ret = add_step(c, &r->steps[i], e);
	return ret;
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* Not cut inside of a character. Owned; NULL: out of memory. */
static char *short_text(const char *text)
{
	size_t len = strnlen(text, CACHE_TEXT_MAX);

	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return strndup(text, len);
}

static int write_step(struct json_out *o, const struct build_step *step, struct err *e)
{
	cleanup_free char *text = short_text(step->text ? step->text : "");

	if (!text)
		return no_memory(e);
	json_out_object(o, NULL);
	json_out_string(o, "key", step->key.text);
	if (digest_is_set(&step->before))
		json_out_string(o, "before", step->before.text);
	json_out_string(o, "diffID", step->layer.diff_id.text);
	json_out_u64(o, "size", step->layer.tar_bytes);
	if (step->layer.created[0])
		json_out_string(o, "created", step->layer.created);
	json_out_string(o, "text", text);
	json_out_end(o);
	return 0;
}

int cache_records_write(const struct build_step *steps, size_t steps_len, bool is_max, struct buf *out,
			struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, CACHE_LABEL_MAX);
	size_t n = 0, len;
	const char *text;
	int ret = 0;

	json_out_object(o, NULL);
	json_out_u64(o, "version", CACHE_VERSION);
	json_out_array(o, "steps");
	for (size_t i = 0; ret == 0 && i < steps_len; i++) {
		if (!cache_has_step(&steps[i], is_max))
			continue;
		if (n++ == CACHE_STEPS_MAX)
			return too_many(e);
		ret = write_step(o, &steps[i], e);
	}
	json_out_end(o);
	json_out_end(o);
	if (ret == 0)
		ret = json_out_finish(o, &text, &len, e);
	if (ret == 0 && buf_add(out, text, len) < 0)
		ret = no_memory(e);
	return ret;
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* Keys become names of files, and diff IDs those of layers: sha256 alone. */
static int read_sha256(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	const struct digest *d = member;
	int r = json_read_digest(in, arg, member, e);

	if (r == 0 && strcmp(digest_algorithm(d), "sha256") != 0)
		return json_error(in, -EINVAL, e, "expected a sha256 digest");
	return r;
}

static int read_size(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	const uint64_t *size = member;
	int r = json_read_u64(in, arg, member, e);

	return r == 0 && *size > DESCRIPTOR_MAX_BYTES ? json_error(in, -EFBIG, e, "no layer is that large")
						      : r;
}

static int read_time(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	char **text = member;
	struct timespec t;
	int r = json_read_string(in, arg, member, e);

	if (r == 0 && (strlen(*text) >= TIMESTAMP_MAX || timestamp_parse(*text, &t) < 0))
		return json_error(in, -EINVAL, e, "expected a time");
	return r;
}

static int read_text(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	char **text = member;
	int r = json_read_string(in, arg, member, e);

	return r == 0 && strlen(*text) > CACHE_TEXT_MAX
		       ? json_error(in, -EFBIG, e, "longer than %d bytes", CACHE_TEXT_MAX)
		       : r;
}

static const struct json_field STEP[] = {
	{ "key", offsetof(struct cache_step, key), read_sha256, .required = true },
	{ "before", offsetof(struct cache_step, before), read_sha256 },
	{ "diffID", offsetof(struct cache_step, diff_id), read_sha256, .required = true },
	{ "size", offsetof(struct cache_step, size_bytes), read_size, .required = true },
	{ "created", offsetof(struct cache_step, created), read_time },
	{ "text", offsetof(struct cache_step, text), read_text },
	{ 0 }
};
static const struct json_array STEPS = { STEP, sizeof(struct cache_step), CACHE_STEPS_MAX };

struct label {
	uint64_t version;
	struct json_items steps;
};

static const struct json_field VERSION[] = {
	{ "version", offsetof(struct label, version), json_read_u64, .required = true }, { 0 }
};
static const struct json_field LABEL[] = {
	{ "steps", offsetof(struct label, steps), json_read_array, &STEPS, .required = true }, { 0 }
};

static bool has_layer(const struct image_config *config, const struct digest *diff_id)
{
	for (size_t i = 0; i < config->diff_ids_len; i++)
		if (digest_equal(&config->diff_ids[i], diff_id))
			return true;
	return false;
}

static int check_layers(const struct image_config *config, const struct cache_records *c, struct err *e)
{
	for (size_t i = 0; i < c->len; i++)
		if (!has_layer(config, &c->items[i].diff_id))
			return err_set(e, -EINVAL, "steps[%zu].diffID: the image has no layer %s", i,
				       c->items[i].diff_id.text);
	return 0;
}

static int read_label(const char *text, const struct image_config *config, struct cache_records *c,
		      struct err *e)
{
	size_t len = strlen(text);
	struct label label = { 0 };
	int r;

	if (len > CACHE_LABEL_MAX)
		return err_set(e, -EFBIG, "longer than %u bytes", CACHE_LABEL_MAX);
	r = json_decode(text, len, VERSION, &label, e);
	if (r == 0 && label.version != CACHE_VERSION)
		return err_set(e, -EOPNOTSUPP, "its version is %llu, and this program reads version %d",
			       (unsigned long long)label.version, CACHE_VERSION);
	if (r == 0)
		r = json_decode(text, len, LABEL, &label, e);
	c->items = label.steps.items;
	c->len = label.steps.len;
	return r < 0 ? r : check_layers(config, c, e);
}

int cache_records_read(const struct image_config *config, struct cache_records *ret, struct err *e)
{
	const char *text = strvec_get_env(&config->labels, CACHE_LABEL);
	cleanup_cache_records struct cache_records c = { 0 };
	int r;

	if (!text)
		return err_set(e, -ENODATA,
			       "the image has no label '" CACHE_LABEL "', so it is no build cache of ours");
	r = read_label(text, config, &c, e);
	if (r < 0)
		return err_wrap(e, "label '" CACHE_LABEL "'");
	*ret = c;
	c = (struct cache_records){ 0 };
	return 0;
}
