/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/new_image.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "pull/hash.h"
#include "pull/layout.h"
#include "pull/pull.h"
#include "pull/repack.h"

/* What is made of it on the way. */
struct making {
	const struct new_image *image;
	struct buf manifest_text;
	struct digest config, manifest;
};

static int write_manifest(struct making *m, const struct descriptor *config, struct err *e)
{
	const struct new_image *n = m->image;
	const struct manifest manifest = { .layers_len = n->base_len + 1 };
	cleanup_free struct descriptor *layers = calloc(n->base_len + 1, sizeof(*layers));

	if (!layers)
		return err_code(e, -ENOMEM, "cannot make a manifest");
	for (size_t i = 0; i < n->base_len; i++)
		layers[i] = n->base[i]; /* views */
	layers[n->base_len] = (struct descriptor){
		.media_type = (char *)(uintptr_t)compression_media_type(COMPRESSION_NONE, n->is_docker),
		.digest = n->layer->diff_id,
		.size_bytes = n->layer->size_bytes,
	};
	return repack_manifest(&manifest, n->is_docker, config, layers, &m->manifest_text, e);
}

static int make_documents(struct making *m, struct err *e)
{
	const struct new_image *n = m->image;
	struct descriptor config = { .media_type = (char *)(uintptr_t)repack_config_type(n->is_docker),
				     .size_bytes = n->config->len };
	int r = hash_bytes("sha256", n->config->data, n->config->len, &m->config, e);

	config.digest = m->config;
	if (r == 0)
		r = write_manifest(m, &config, e);
	return r < 0 ? r : hash_bytes("sha256", m->manifest_text.data, m->manifest_text.len, &m->manifest, e);
}

static int add_names(const struct making *m, struct strvec *out, struct err *e)
{
	int r = m->image->name
			? strvec_add(out, m->image->name)
			: strvec_addf(out, "localhost/%s:%.12s", m->image->nameless, digest_hex(&m->config));

	return r < 0 ? err_code(e, r, "cannot name an image") : 0;
}

/* As an OCI layout, which a pull knows how to bring into the store. The layers that the store has need not be in it. */
static int write_layout(const struct making *m, const char *path, struct err *e)
{
	const struct new_image *n = m->image;
	const struct descriptor top = { .media_type = (char *)(uintptr_t)repack_manifest_type(n->is_docker),
					.digest = m->manifest,
					.size_bytes = m->manifest_text.len,
					.has_platform = true,
					.platform = n->platform };
	cleanup_strvec struct strvec names = { 0 };
	const struct layout_image image = { .top = &top, .names = &names };
	cleanup_layout struct layout *l = NULL;
	int r = add_names(m, &names, e);

	if (r == 0)
		r = layout_open_dir(path, &l, e);
	if (r == 0)
		r = layout_put_layer(l, &n->layer->diff_id, n->layer->size_bytes, n->layer_fd, false, e);
	if (r == 0)
		r = layout_put_document(l, &m->config, true, n->config->data, n->config->len, e);
	if (r == 0)
		r = layout_put_document(l, &m->manifest, false, m->manifest_text.data, m->manifest_text.len,
					e);
	if (r == 0)
		r = layout_add_image(l, &image, e);
	return r < 0 ? r : layout_finish(l, e);
}

static int store_it(const struct store *s, const struct staging *st, struct making *m, struct err *e)
{
	const struct pull_options pull = { .has_platform = true,
					   .platform = m->image->platform,
					   .made_here = &m->image->layer->diff_id,
					   .cancel_fd = m->image->cancel_fd };
	cleanup_pull_result struct pull_result result = { 0 };
	cleanup_free char *path = NULL, *source = NULL;
	int r = make_documents(m, e);

	if (r < 0)
		return r;
	if (asprintf(&path, "%s/staging/%s/layout", store_root_path(s), st->name) < 0 ||
	    asprintf(&source, "oci:%s:@%s", path, m->manifest.text) < 0)
		return err_code(e, -ENOMEM, "cannot keep an image");
	r = write_layout(m, path, e);
	return r < 0 ? r : pull_image(s, source, &pull, &result, e);
}

int new_image_store(const struct store *s, const struct staging *st, const struct new_image *n,
		    struct digest *ret, struct err *e)
{
	struct making m = { .image = n, .manifest_text = BUF_INIT(MANIFEST_MAX_BYTES) };
	int r = store_it(s, st, &m, e);

	buf_done(&m.manifest_text);
	if (r == 0)
		*ret = m.config;
	return r;
}
