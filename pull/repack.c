/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/repack.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/json_span.h"
#include "common/json_write.h"

static const char DOCKER_MANIFEST[] = "application/vnd.docker.distribution.manifest.v2+json";
static const char DOCKER_CONFIG[] = "application/vnd.docker.container.image.v1+json";
static const char OCI_MANIFEST[] = "application/vnd.oci.image.manifest.v1+json";
static const char OCI_CONFIG[] = "application/vnd.oci.image.config.v1+json";

bool repack_is_docker(const struct manifest *m)
{
	return (m->media_type && strcmp(m->media_type, DOCKER_MANIFEST) == 0) ||
	       (m->config.media_type && strcmp(m->config.media_type, DOCKER_CONFIG) == 0);
}

const char *repack_manifest_type(bool is_docker)
{
	return is_docker ? DOCKER_MANIFEST : OCI_MANIFEST;
}

const char *repack_config_type(bool is_docker)
{
	return is_docker ? DOCKER_CONFIG : OCI_CONFIG;
}

int repack_config(const char *text, size_t len, const struct digest *diff_ids, size_t diff_ids_len,
		  struct buf *out, struct err *e)
{
	static const char *const PLACE[] = { "rootfs", "diff_ids", NULL };
	size_t at, old_len;
	int r;

	if (!json_find_span(text, len, PLACE, &at, &old_len))
		return err_set(e, -EINVAL, "the config has no list of layers");
	r = buf_add(out, text, at);
	if (r == 0)
		r = buf_add_char(out, '[');
	for (size_t i = 0; r == 0 && i < diff_ids_len; i++)
		r = buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", diff_ids[i].text);
	if (r == 0)
		r = buf_add_char(out, ']');
	if (r == 0)
		r = buf_add(out, text + at + old_len, len - at - old_len);
	return r < 0 ? err_code(e, r, "cannot rewrite a config") : 0;
}

int repack_manifest(const struct manifest *m, bool is_docker, const struct descriptor *config,
		    const struct descriptor *layers, struct buf *out, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, MANIFEST_MAX_BYTES);
	const char *text;
	size_t len;
	int r;

	json_out_object(o, NULL);
	json_out_u64(o, "schemaVersion", 2);
	json_out_string(o, "mediaType", repack_manifest_type(is_docker));
	descriptor_write(o, "config", config);
	json_out_array(o, "layers");
	for (size_t i = 0; i < m->layers_len; i++)
		descriptor_write(o, NULL, &layers[i]);
	json_out_end(o);
	json_out_opt_map(o, "annotations", &m->annotations);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	if (r == 0 && buf_add(out, text, len) < 0)
		r = err_code(e, -ENOMEM, "cannot rewrite a manifest");
	return r;
}
