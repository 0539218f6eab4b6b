/* SPDX-License-Identifier: Apache-2.0 */
/* A built image with an attestation, as an index, in an OCI layout. */
#include "tests/unit/store/fixture.h"

#include <sys/mman.h>

#include "build/attestation.h"
#include "build/build_image.h"
#include "pull/manifest_list.h"
#include "tests/unit/common/scratch.h"

#define NAME "localhost/app:v1"

struct made {
	struct fixture *fixture;
	struct build build;
	struct build_image image;
	struct attestation_manifest said;
	struct image_index index;
	struct layout *layout;
	char path[128]; /* of the layout */
	struct err e;
};

static void make_layer(struct made *m, struct build_result *r)
{
	struct step_layer *layer = calloc(1, sizeof(*layer));
	int fd = m->build.staging.fd;

	assert_non_null(layer);
	assert_int_equal(mkdirat(fd, "l", 0755), 0);
	assert_int_equal(mkdirat(fd, "l/tree", 0755), 0);
	write_file(fd, "l/tree/file", "contents\n");
	assert_int_equal(step_layer_commit(m->build.store, &m->build.staging, "l", NULL, NULL, layer, &m->e),
			 0);
	r->made = layer;
	r->made_len = 1;
	assert_int_equal(strvec_add(&r->layers, layer->key), 0);
	r->config.diff_ids = calloc(1, sizeof(struct digest));
	r->config.diff_ids[0] = layer->diff_id;
	r->config.diff_ids_len = 1;
	r->config.platform = (struct platform){ .os = "linux", .architecture = "amd64" };
}

static void make_image(struct made *m)
{
	cleanup_build_result struct build_result r = { 0 };

	make_layer(m, &r);
	if (build_image_make(&m->build, &r, NULL, &m->image, &m->e) < 0)
		fail_msg("%s", m->e.text);
}

static void make_index(struct made *m)
{
	cleanup_attestation struct attestation a = { 0 };
	cleanup_buf struct buf predicate = BUF_INIT(64);
	cleanup_strvec struct strvec names = { 0 };
	struct digest digest;

	assert_int_equal(strvec_add(&names, NAME), 0);
	assert_int_equal(buf_add_str(&predicate, "{}"), 0);
	assert_int_equal(attestation_add(&a, "https://x/1", &predicate, &m->e), 0);
	assert_int_equal(attestation_make(&a, &m->image.record.manifest, NULL, &m->said, &m->e), 0);
	assert_int_equal(attestation_manifest_keep(m->build.store, &m->said, &m->e), 0);
	if (build_index_bind(&m->build, &m->image, 1, &m->said.self, 1, NULL, &names, &m->index, &digest,
			     &m->e) < 0)
		fail_msg("%s", m->e.text);
}

static int setup(void **state)
{
	struct made *m = calloc(1, sizeof(*m));
	void *fixture;

	assert_non_null(m);
	need_root();
	need_fork();
	assert_int_equal(fixture_setup(&fixture), 0);
	m->fixture = fixture;
	m->build = BUILD_EMPTY;
	m->build.store = m->fixture->store;
	assert_int_equal(staging_begin(m->build.store, &m->build.staging, &m->e), 0);
	make_image(m);
	make_index(m);
	(void)snprintf(m->path, sizeof(m->path), "%s/layout", m->fixture->dir);
	assert_int_equal(layout_open_dir(m->path, &m->layout, &m->e), 0);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct made *m = *state;
	void *fixture = m->fixture;

	layout_free(m->layout);
	image_index_done(&m->index);
	attestation_manifest_done(&m->said);
	build_image_done(&m->image);
	build_close(&m->build);
	free(m);
	return fixture_teardown(&fixture);
}

static void read_in(const struct made *m, const char *name, struct buf *out)
{
	char path[512];
	struct err e;

	(void)snprintf(path, sizeof(path), "%s/%s", m->path, name);
	if (file_read(AT_FDCWD, path, out, &e) < 0)
		fail_msg("%s", e.text);
}

static void read_blob(const struct made *m, const struct digest *digest, struct buf *out)
{
	char name[256];

	(void)snprintf(name, sizeof(name), "blobs/sha256/%s", digest_hex(digest));
	read_in(m, name, out);
}

/* Puts the list into the layout, and reads the index that is there then. */
static void put(struct made *m, const struct push_options *options, struct image_index *ret)
{
	cleanup_strvec struct strvec names = { 0 };
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES), top = BUF_INIT(MANIFEST_MAX_BYTES);
	struct push_result result;

	assert_int_equal(strvec_add(&names, NAME), 0);
	if (manifest_list_put(m->build.store, &m->index, NULL, &names, options, m->layout, &result, &m->e) <
	    0)
		fail_msg("%s", m->e.text);
	assert_int_equal(layout_finish(m->layout, &m->e), 0);
	read_in(m, "index.json", &top);
	assert_non_null(strstr(top.data, result.digest.text));
	assert_non_null(strstr(top.data, "application/vnd.oci.image.index.v1+json"));
	assert_null(strstr(top.data, m->said.self.digest.text));
	read_blob(m, &result.digest, &text);
	assert_int_equal(image_index_decode(text.data, text.len, ret, &m->e), 0);
	assert_int_equal(ret->manifests_len, 2);
	assert_null(strstr(text.data, MANIFEST_LIST_SOURCE));
}

/* All that the second entry names is there, and it is about the first. */
static void assert_attested(const struct made *m, const struct image_index *index)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES), config = BUF_INIT(CONFIG_MAX_BYTES),
			       statement = BUF_INIT(4096);
	cleanup_manifest struct manifest manifest = { 0 };
	struct err e;

	assert_true(attestation_manifest_is(&index->manifests[1]));
	assert_string_equal(strvec_get_env(&index->manifests[1].annotations, ATTESTATION_DIGEST_KEY),
			    index->manifests[0].digest.text);
	read_blob(m, &index->manifests[1].digest, &text);
	assert_int_equal(text.len, index->manifests[1].size_bytes);
	assert_int_equal(manifest_decode(text.data, text.len, &manifest, &e), 0);
	read_blob(m, &manifest.config.digest, &config);
	read_blob(m, &manifest.layers[0].digest, &statement);
	assert_non_null(strstr(statement.data, digest_hex(&index->manifests[0].digest)));
}

static void a_layout_gets_the_index_with_all_that_it_names(void **state)
{
	const struct push_options options = { .cancel_fd = -1 };
	cleanup_image_index struct image_index index = { 0 };
	struct made *m = *state;

	put(m, &options, &index);
	assert_string_equal(index.manifests[0].digest.text, m->image.record.manifest.text);
	assert_string_equal(index.manifests[0].platform.architecture, "amd64");
	assert_string_equal(index.manifests[1].digest.text, m->said.self.digest.text);
	assert_attested(m, &index);
}

static void an_image_that_is_compressed_on_its_way_takes_its_attestation_along(void **state)
{
	const struct push_options options = { .cancel_fd = -1,
					      .anew = true,
					      .compression = { .kind = COMPRESSION_GZIP, .level = 6 } };
	cleanup_image_index struct image_index index = { 0 };
	struct made *m = *state;

	put(m, &options, &index);
	assert_string_not_equal(index.manifests[0].digest.text, m->image.record.manifest.text);
	assert_string_not_equal(index.manifests[1].digest.text, m->said.self.digest.text);
	assert_attested(m, &index);
}

static void a_collection_leaves_all_of_it(void **state)
{
	const struct push_options options = { .cancel_fd = -1 };
	cleanup_image_index struct image_index index = { 0 };
	struct made *m = *state;
	uint64_t freed;

	assert_int_equal(store_gc(m->build.store, true, &freed, &m->e), 0);
	put(m, &options, &index);
	assert_attested(m, &index);
}

static void dockers_form_has_no_indexes(void **state)
{
	const struct push_options options = { .cancel_fd = -1 };
	const struct strvec names = { 0 };
	struct made *m = *state;
	cleanup_layout struct layout *archive = NULL;
	cleanup_fd int fd = memfd_create("archive", MFD_CLOEXEC);
	struct push_result result;

	assert_int_equal(layout_open_archive(fd, TRANSPORT_DOCKER_ARCHIVE, &archive, &m->e), 0);
	assert_int_equal(manifest_list_put(m->build.store, &m->index, NULL, &names, &options, archive,
					   &result, &m->e),
			 -EOPNOTSUPP);
	assert_string_equal(m->e.text, "docker's form of images has no indexes");
}

static void what_is_in_a_registry_only_is_refused(void **state)
{
	const struct push_options options = { .cancel_fd = -1 };
	const struct strvec names = { 0 };
	struct made *m = *state;
	struct push_result result;
	char expected[256];

	assert_int_equal(strvec_set_env(&m->index.manifests[0].annotations,
					MANIFEST_LIST_SOURCE "=quay.io/a/b"),
			 0);
	assert_int_equal(manifest_list_put(m->build.store, &m->index, NULL, &names, &options, m->layout,
					   &result, &m->e),
			 -EOPNOTSUPP);
	(void)snprintf(expected, sizeof(expected), "manifest %s is not of the store",
		       m->image.record.manifest.text);
	assert_string_equal(m->e.text, expected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_layout_gets_the_index_with_all_that_it_names),
		TEST(an_image_that_is_compressed_on_its_way_takes_its_attestation_along),
		TEST(a_collection_leaves_all_of_it),
		TEST(dockers_form_has_no_indexes),
		TEST(what_is_in_a_registry_only_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
