/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/fixture.h"

#include "build/attestation.h"
#include "pull/hash.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define STATEMENT(type, name, hex, predicate)                                                                \
	"{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"predicateType\":\"" type "\","                   \
	"\"subject\":[{\"name\":\"" name "\",\"digest\":{\"sha256\":\"" hex "\"}}],\"predicate\":" predicate \
	"}"

static void say(struct attestation *a, const char *type, const char *predicate)
{
	cleanup_buf struct buf text = BUF_INIT(4096);
	struct err e;

	assert_int_equal(buf_add_str(&text, predicate), 0);
	assert_int_equal(attestation_add(a, type, &text, &e), 0);
}

/* Two statements about sha256:aaaa.... */
static void make(struct attestation_manifest *ret)
{
	cleanup_attestation struct attestation a = { 0 };
	const struct digest image = digest_of('a');
	struct err e;

	say(&a, "https://x/1", "{\"a\":\"" HEX_A "\"}");
	say(&a, "https://x/2", "{}");
	if (attestation_make(&a, &image, NULL, ret, &e) < 0)
		fail_msg("%s", e.text);
}

static void statements_name_their_subjects(void **state)
{
	cleanup_attestation struct attestation a = { 0 };
	cleanup_attestation_manifest struct attestation_manifest m = { 0 };
	cleanup_strvec struct strvec subjects = { 0 };
	const struct digest image = digest_of('a');
	struct err e;

	(void)state;
	say(&a, "https://x/1", "{}");
	assert_int_equal(strvec_add(&subjects, "pkg:docker/app@v1"), 0);
	assert_int_equal(attestation_make(&a, &image, &subjects, &m, &e), 0);
	assert_int_equal(m.statements.len, 1);
	assert_string_equal(m.statements.items[0],
			    STATEMENT("https://x/1", "pkg:docker/app@v1", HEX_A, "{}"));
}

static void the_manifest_has_a_layer_for_each_statement(void **state)
{
	cleanup_attestation_manifest struct attestation_manifest m = { 0 };
	cleanup_manifest struct manifest decoded = { 0 };
	cleanup_buf struct buf config = BUF_INIT(4096);
	struct digest digest;
	struct err e;

	(void)state;
	make(&m);
	assert_int_equal(manifest_decode(m.manifest.data, m.manifest.len, &decoded, &e), 0);
	assert_string_equal(decoded.config.media_type, "application/vnd.oci.image.config.v1+json");
	assert_string_equal(decoded.config.digest.text, m.config_digest.text);
	assert_int_equal(decoded.layers_len, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_string_equal(decoded.layers[i].media_type, "application/vnd.in-toto+json");
		assert_int_equal(decoded.layers[i].size_bytes, strlen(m.statements.items[i]));
		assert_int_equal(hash_bytes("sha256", m.statements.items[i], strlen(m.statements.items[i]),
					    &digest, &e),
				 0);
		assert_string_equal(decoded.layers[i].digest.text, digest.text);
	}
	assert_string_equal(decoded.layers[1].annotations.items[0], "in-toto.io/predicate-type=https://x/2");
	assert_int_equal(
		buf_printf(&config,
			   "{\"architecture\":\"unknown\",\"os\":\"unknown\",\"config\":{},\"rootfs\":{"
			   "\"type\":\"layers\",\"diff_ids\":[\"%s\",\"%s\"]}}",
			   decoded.layers[0].digest.text, decoded.layers[1].digest.text),
		0);
	assert_string_equal(m.config.data, config.data);
}

static void the_entry_of_an_index_refers_to_the_image(void **state)
{
	cleanup_attestation_manifest struct attestation_manifest m = { 0 };

	(void)state;
	make(&m);
	assert_true(attestation_manifest_is(&m.self));
	assert_string_equal(m.self.media_type, "application/vnd.oci.image.manifest.v1+json");
	assert_string_equal(m.self.platform.os, "unknown");
	assert_string_equal(m.self.platform.architecture, "unknown");
	assert_int_equal(m.self.size_bytes, m.manifest.len);
	assert_string_equal(strvec_get_env(&m.self.annotations, ATTESTATION_DIGEST_KEY), "sha256:" HEX_A);
}

static void what_is_about_another_manifest_has_its_digest_in_the_subjects_alone(void **state)
{
	cleanup_attestation_manifest struct attestation_manifest m = { 0 }, moved = { 0 };
	const struct digest other = digest_of('b');
	struct err e;

	(void)state;
	make(&m);
	assert_int_equal(attestation_manifest_move(&m, &other, &moved, &e), 0);
	assert_string_equal(moved.statements.items[0],
			    STATEMENT("https://x/1", "_", HEX_B, "{\"a\":\"" HEX_A "\"}"));
	assert_string_equal(strvec_get_env(&moved.self.annotations, ATTESTATION_DIGEST_KEY), "sha256:" HEX_B);
	assert_string_not_equal(moved.self.digest.text, m.self.digest.text);
}

static void the_store_gives_back_what_it_keeps(void **state)
{
	const struct fixture *f = *state;
	cleanup_attestation_manifest struct attestation_manifest m = { 0 }, loaded = { 0 };
	struct err e;

	make(&m);
	assert_int_equal(attestation_manifest_keep(f->store, &m, &e), 0);
	if (attestation_manifest_load(f->store, &m.self, &loaded, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(loaded.self.digest.text, m.self.digest.text);
	assert_string_equal(loaded.image.text, m.image.text);
	assert_int_equal(loaded.statements.len, 2);
	assert_string_equal(loaded.statements.items[1], m.statements.items[1]);
}

static void what_the_store_lost_or_damaged_is_named(void **state)
{
	const struct fixture *f = *state;
	cleanup_attestation_manifest struct attestation_manifest m = { 0 }, loaded = { 0 };
	char expected[512], path[256];
	struct err e;

	make(&m);
	assert_int_equal(attestation_manifest_load(f->store, &m.self, &loaded, &e), -ENOENT);
	assert_int_equal(attestation_manifest_keep(f->store, &m, &e), 0);
	(void)snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(&m.digests[0]));
	write_file(store_root_fd(f->store), path, "{}");
	assert_int_equal(attestation_manifest_load(f->store, &m.self, &loaded, &e), -EBADMSG);
	(void)snprintf(expected, sizeof(expected), "attestation %s: blob '%s' is damaged", m.self.digest.text,
		       m.digests[0].text);
	assert_string_equal(e.text, expected);
}

static void nothing_and_what_is_no_statement_are_refused(void **state)
{
	cleanup_attestation struct attestation none = { 0 };
	cleanup_attestation_manifest struct attestation_manifest m = { 0 };
	cleanup_strvec struct strvec statements = { 0 };
	const struct digest image = digest_of('a');
	struct err e;

	(void)state;
	assert_int_equal(attestation_make(&none, &image, NULL, &m, &e), -EINVAL);
	assert_string_equal(e.text, "an attestation has at least one statement");
	assert_int_equal(strvec_add(&statements, "{\"predicateType\":7}"), 0);
	assert_int_equal(attestation_manifest_make(&image, &statements, &m, &e), -EINVAL);
	assert_string_equal(e.text, "a statement has no type of predicate");
	while (statements.len <= ATTESTATION_STATEMENTS_MAX)
		assert_int_equal(strvec_add(&statements, "{}"), 0);
	assert_int_equal(attestation_manifest_make(&image, &statements, &m, &e), -EFBIG);
	assert_string_equal(e.text, "an attestation has at most 64 statements");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements_name_their_subjects),
		cmocka_unit_test(the_manifest_has_a_layer_for_each_statement),
		cmocka_unit_test(the_entry_of_an_index_refers_to_the_image),
		cmocka_unit_test(what_is_about_another_manifest_has_its_digest_in_the_subjects_alone),
		cmocka_unit_test_setup_teardown(the_store_gives_back_what_it_keeps, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(what_the_store_lost_or_damaged_is_named, fixture_setup,
						fixture_teardown),
		cmocka_unit_test(nothing_and_what_is_no_statement_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
