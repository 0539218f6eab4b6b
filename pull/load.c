/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/load.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "oci/descriptor.h"
#include "pull/source.h"
#include "pull/transport.h"
#include "pull/worker.h"
#include "store/layer.h"

static int read_index(const char *path, enum transport_kind kind, int staging_fd, int cancel_fd,
		      struct buf *text, struct err *e)
{
	const struct transport t = { .kind = kind, .path = (char *)(uintptr_t)path };
	const struct endpoint_options none = { 0 };
	cleanup_endpoints struct endpoints endpoints = { 0 };
	cleanup_source struct source *source = NULL;
	struct source_answer answer = { 0 };
	struct worker w = { 0 };
	int r = source_open(&t, &none, staging_fd, &endpoints, &source, e);

	if (r == 0)
		r = worker_start(source, &w, e);
	if (r == 0)
		r = worker_document(&w, source, SOURCE_TOP, NULL, 0, cancel_fd, text, &answer, e);
	worker_stop(&w);
	return r;
}

/* A name is bound to one image: where it has several, for one platform each, this machine's is the one. */
static bool is_for_others(const char *path, const struct image_index *index, size_t i,
			  const struct platform_list *platforms)
{
	const char *name =
		strvec_get_env(&index->manifests[i].annotations, "org.opencontainers.image.ref.name");
	const struct transport t = { .path = (char *)(uintptr_t)path, .image = (char *)(uintptr_t)name };
	struct err ignored; /* then there is no choice: all are taken */
	size_t chosen;

	return name && transport_choose(&t, index, platforms, &chosen, &ignored) == 0 &&
	       !digest_equal(&index->manifests[chosen].digest, &index->manifests[i].digest);
}

static int add_images(const char *path, enum transport_kind kind, const struct image_index *index,
		      struct strvec *out, struct err *e)
{
	struct platform_list platforms;
	struct machine machine;

	machine_detect(&machine);
	platform_list_for_machine(&machine, &platforms);
	for (size_t i = 0; i < index->manifests_len; i++) {
		bool twice = is_for_others(path, index, i, &platforms);

		for (size_t before = 0; before < i && !twice; before++)
			twice = digest_equal(&index->manifests[before].digest, &index->manifests[i].digest);
		if (!twice && strvec_addf(out, "%s%s:@%s", transport_prefix(kind), path,
					  index->manifests[i].digest.text) < 0)
			return err_code(e, -ENOMEM, "cannot list images");
	}
	return out->len > 0 ? 0 : err_set(e, -ENOENT, "it holds no image");
}

/* An archive that is both (docker's are, since version 25) is taken for docker's, which has all names. */
static int read_archive(const char *path, int staging_fd, int cancel_fd, enum transport_kind *ret_kind,
			struct buf *text, struct err *e)
{
	int r = read_index(path, TRANSPORT_DOCKER_ARCHIVE, staging_fd, cancel_fd, text, e);

	*ret_kind = TRANSPORT_DOCKER_ARCHIVE;
	if (r != -ENOENT)
		return r;
	*ret_kind = TRANSPORT_OCI_ARCHIVE;
	r = read_index(path, TRANSPORT_OCI_ARCHIVE, staging_fd, cancel_fd, text, e);
	if (r == -ENOENT)
		return err_set(e, -EINVAL,
			       "it has neither docker's manifest.json nor an OCI layout's index.json");
	return r;
}

static int list(const char *path, int staging_fd, int cancel_fd, struct strvec *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	cleanup_image_index struct image_index index = { 0 };
	enum transport_kind kind = TRANSPORT_OCI_DIR;
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return err_errno(e, "cannot open it");
	if (S_ISDIR(st.st_mode))
		r = read_index(path, kind, staging_fd, cancel_fd, &text, e);
	else
		r = read_archive(path, staging_fd, cancel_fd, &kind, &text, e);
	if (r == 0)
		r = image_index_decode(text.data ? text.data : "", text.len, &index, e);
	return r < 0 ? r : add_images(path, kind, &index, ret, e);
}

int load_list(const struct store *s, const char *path, int cancel_fd, struct strvec *ret, struct err *e)
{
	struct staging st = { .fd = -1 };
	int r = staging_begin(s, &st, e);

	if (r == 0)
		r = list(path, st.fd, cancel_fd, ret, e);
	staging_end(s, &st);
	return r;
}
