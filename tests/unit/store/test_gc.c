/* SPDX-License-Identifier: Apache-2.0 */
#include "store/layer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "store/internal.h"
#include "tests/unit/store/fixture.h"

static bool has_layer(const struct store *s, char digit)
{
	char key[65];

	return layer_exists(s, key_of(digit, key));
}

static bool has_blob(const struct store *s, char digit)
{
	const struct digest d = digest_of(digit);

	return blob_exists(s, &d);
}

static uint64_t collect(const struct store *s)
{
	uint64_t freed;
	struct err e = { 0 };

	if (store_gc(s, true, &freed, &e) != 0)
		fail_msg("%s", e.text);
	return freed;
}

static void what_images_use_stays_and_the_rest_goes(void **state)
{
	struct fixture *f = *state;
	struct err e;

	add_image(f->store, "docker.io/library/a:latest", 'a', "12");
	add_image(f->store, "docker.io/library/b:latest", 'b', "13");
	add_layer(f->store, '9');
	add_blob(f->store, 'f', "orphan");
	assert_int_equal(collect(f->store), 1000 + strlen("orphan"));
	assert_true(has_layer(f->store, '1') && has_layer(f->store, '2') && has_layer(f->store, '3'));
	assert_true(has_blob(f->store, 'a') && has_blob(f->store, 'b'));
	assert_false(has_layer(f->store, '9') || has_blob(f->store, 'f'));
	assert_int_equal(collect(f->store), 0);

	assert_int_equal(image_unbind(f->store, "docker.io/library/a:latest", &e), 0);
	assert_int_equal(collect(f->store), 1000 + strlen(TINY_CONFIG));
	assert_true(has_layer(f->store, '1') && has_layer(f->store, '3') && has_blob(f->store, 'b'));
	assert_false(has_layer(f->store, '2') || has_blob(f->store, 'a'));
}

static void all_three_documents_of_an_image_stay(void **state)
{
	struct fixture *f = *state;
	struct image_record r = { .index = digest_of('a'),
				  .manifest = digest_of('b'),
				  .config = digest_of('c') };
	struct err e;

	add_blob(f->store, 'a', "index");
	add_blob(f->store, 'b', "manifest");
	add_blob(f->store, 'c', "config");
	r.name = strdup("docker.io/library/x:latest");
	assert_int_equal(image_bind(f->store, &r, &e), 0);
	image_record_done(&r);
	assert_int_equal(collect(f->store), 0);
	assert_true(has_blob(f->store, 'a') && has_blob(f->store, 'b') && has_blob(f->store, 'c'));
}

#define DIGEST_(d) "sha256:" d d d d d d d d d d d d d d d d
#define ENTRY_(d, type)                                                                                    \
	"{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"size\":10,\"digest\":\"" DIGEST_( \
		d) "\"" type "}"
#define ATTESTED_ ",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}"

static void attestations_stay_with_the_index_that_names_them_and_images_do_not(void **state)
{
	struct fixture *f = *state;
	struct image_record r = { .index = digest_of('a'),
				  .manifest = digest_of('b'),
				  .config = digest_of('b') };
	struct err e;

	add_blob(f->store, 'a',
		 "{\"schemaVersion\":2,\"manifests\":[" ENTRY_("bbbb", "") "," ENTRY_(
			 "cccc", ATTESTED_) "," ENTRY_("dddd", "") "," ENTRY_("9999", ATTESTED_) "]}");
	add_blob(f->store, 'b', TINY_CONFIG);
	add_blob(f->store, 'c',
		 "{\"schemaVersion\":2,\"config\":" ENTRY_("eeee", "") ",\"layers\":[" ENTRY_("ffff",
											      "") "]}");
	add_blob(f->store, 'd', "another platform's");
	add_blob(f->store, 'e', "config");
	add_blob(f->store, 'f', "statement");
	r.name = strdup("docker.io/library/x:latest");
	assert_int_equal(image_bind(f->store, &r, &e), 0);
	image_record_done(&r);
	assert_int_equal(collect(f->store), strlen("another platform's"));
	for (const char *digit = "abcef"; *digit; digit++)
		assert_true(has_blob(f->store, *digit));
	assert_int_equal(image_unbind(f->store, "docker.io/library/x:latest", &e), 0);
	assert_true(collect(f->store) > 0);
	for (const char *digit = "abcef"; *digit; digit++)
		assert_false(has_blob(f->store, *digit));
}

static void the_kept_blob_of_a_layer_stays_as_long_as_the_layer(void **state)
{
	struct fixture *f = *state;
	struct image_record r = { .manifest = digest_of('a'), .config = digest_of('a') };
	struct staging st;
	struct err e;
	char key[65];

	add_blob(f->store, 'a', TINY_CONFIG);
	r.name = strdup("docker.io/library/x:latest");
	for (const char *digit = "321"; *digit;
	     digit++) { /* several: a search in what is not sorted would miss some */
		const struct layer_meta meta = { .diff_id = digest_of(*digit),
						 .blob = digest_of((char)(*digit + 4)) };

		assert_int_equal(staging_begin(f->store, &st, &e), 0);
		assert_int_equal(mkdirat(st.fd, "l", 0700), 0);
		assert_int_equal(mkdirat(st.fd, "l/tree", 0755), 0);
		assert_int_equal(layer_commit(f->store, &st, "l", key_of(*digit, key), &meta, &e), 0);
		staging_end(f->store, &st);
		assert_int_equal(strvec_add(&r.layers, key), 0);
		add_blob(f->store, (char)(*digit + 4), "compressed");
	}
	assert_int_equal(image_bind(f->store, &r, &e), 0);
	assert_int_equal(collect(f->store), 0);
	assert_true(has_blob(f->store, '5') && has_blob(f->store, '6') && has_blob(f->store, '7'));
	assert_int_equal(image_unbind(f->store, r.name, &e), 0);
	assert_int_equal(collect(f->store), 3 * strlen("compressed") + strlen(TINY_CONFIG));
	assert_false(has_blob(f->store, '5'));
	image_record_done(&r);
}

static void a_container_keeps_the_layers_of_an_image_that_is_gone(void **state)
{
	struct fixture *f = *state;
	struct container_record c = { .image_id = digest_of('a') };
	struct err e;
	char key[65];

	add_image(f->store, "docker.io/library/a:latest", 'a', "12");
	assert_int_equal(strvec_add(&c.layers, key_of('1', key)), 0);
	assert_int_equal(container_create(f->store, &c, &e), 0);
	assert_int_equal(image_unbind(f->store, "docker.io/library/a:latest", &e), 0);
	assert_int_equal(collect(f->store), 1000);
	assert_true(has_layer(f->store, '1') && has_blob(f->store, 'a'));
	assert_false(has_layer(f->store, '2'));
	assert_int_equal(container_remove(f->store, c.id, &e), 0);
	assert_true(collect(f->store) > 0);
	assert_false(has_layer(f->store, '1') || has_blob(f->store, 'a'));
	container_record_done(&c);
}

static void what_somebody_is_removing_is_left_to_him_while_he_lives(void **state)
{
	struct fixture *f = *state;
	cleanup_container_removal struct container_removal removal = { .dir_fd = -1 };
	cleanup_container_record struct container_record c = { .image_id = digest_of('a') };
	struct container_record found;
	struct err e;
	char key[65], gone[128];

	add_image(f->store, "docker.io/library/a:latest", 'a', "12");
	assert_int_equal(strvec_add(&c.layers, key_of('1', key)), 0);
	assert_int_equal(container_create(f->store, &c, &e), 0);
	assert_int_equal(image_unbind(f->store, "docker.io/library/a:latest", &e), 0);
	(void)snprintf(gone, sizeof(gone), ".gone.%s", c.id);
	assert_int_equal(container_remove_begin(f->store, c.id, &removal, &e), 0);
	/* Nobody finds it any more, and its layers are free, but its files are not touched. */
	assert_int_equal(container_find(f->store, c.id, &found, &e), -ENOENT);
	assert_int_equal(container_find(f->store, c.name, &found, &e), -ENOENT);
	assert_true(collect(f->store) > 0);
	assert_false(has_layer(f->store, '1'));
	assert_true(store_has(f->store, "containers", gone));
	/* Killed. */
	container_removal_done(&removal);
	assert_true(collect(f->store) == 0);
	assert_false(store_has(f->store, "containers", gone));
}

static void what_crashes_left_behind_goes(void **state)
{
	static const char *const LEFT[] = {
		"layers/.gone.x", "containers/.gone.y", "staging/0123456789abcdef",
		"names/.a.1",     "blobs/sha256/.b.2",  "container-names/stale",
	};
	struct fixture *f = *state;
	int root = store_root_fd(f->store);

	for (size_t i = 0; i < 3; i++) {
		char path[64];

		assert_int_equal(mkdirat(root, LEFT[i], 0700), 0);
		(void)snprintf(path, sizeof(path), "%s/sub", LEFT[i]);
		assert_int_equal(mkdirat(root, path, 0), 0);
	}
	write_file(root, LEFT[3], "x");
	write_file(root, LEFT[4], "x");
	assert_int_equal(symlinkat("1111111111111111111111111111111111111111111111111111111111111111", root,
				   LEFT[5]),
			 0);
	(void)collect(f->store);
	for (size_t i = 0; i < ARRAY_LEN(LEFT); i++)
		if (exists(f->store, LEFT[i]))
			fail_msg("%s is still there", LEFT[i]);
}

static void bind_temporarily(const struct store *s, const char *from, const char *name)
{
	cleanup_image_record struct image_record r = { 0 };
	struct err e = { 0 };

	assert_int_equal(image_find(s, from, &r, &e), 0);
	free(r.name);
	r.name = strdup(name);
	assert_int_equal(image_bind_temporary(s, &r, &e), 0);
}

static void a_temporary_name_goes_once_nobody_holds_the_lock(void **state)
{
	struct fixture *f = *state;
	cleanup_image_record struct image_record r = { 0 };
	uint64_t freed;
	struct err e = { 0 };
	int fd;

	add_image(f->store, "localhost/a:latest", 'a', "1");
	bind_temporarily(f->store, "localhost/a", "localhost/contexts:1-0");
	assert_int_equal(image_unbind(f->store, "localhost/a:latest", &e), 0);
	assert_int_equal(store_lock(f->store, false, &fd, &e), 0);
	assert_int_equal(store_gc(f->store, false, &freed, &e), 0);
	assert_int_equal(image_find(f->store, "localhost/contexts:1-0", &r, &e), 0);
	assert_true(r.is_temporary && has_layer(f->store, '1'));
	(void)close(fd);
	assert_int_equal(collect(f->store), 1000 + strlen(TINY_CONFIG));
	assert_false(exists(f->store, "names/localhost+contexts:1-0") || has_layer(f->store, '1') ||
		     has_blob(f->store, 'a'));
}

static void what_is_bound_as_a_temporary_name_is_stays(void **state)
{
	struct fixture *f = *state;
	cleanup_image_record struct image_record r = { 0 };
	struct err e = { 0 };

	add_image(f->store, "localhost/a:latest", 'a', "1");
	bind_temporarily(f->store, "localhost/a", "localhost/a:latest");
	assert_int_equal(image_find(f->store, "localhost/a", &r, &e), 0);
	assert_true(r.is_temporary);
	free(r.name);
	r.name = strdup("localhost/b:latest");
	assert_int_equal(image_bind(f->store, &r, &e), 0);
	assert_int_equal(collect(f->store), 0);
	assert_true(exists(f->store, "names/localhost+b:latest") && has_layer(f->store, '1'));
	assert_false(exists(f->store, "names/localhost+a:latest"));
}

static void a_damaged_record_protects_all_layers(void **state)
{
	struct fixture *f = *state;
	struct container_record c = { 0 };
	uint64_t freed;
	struct err e;
	char path[128];

	add_layer(f->store, '9');
	add_blob(f->store, 'f', "orphan");
	assert_int_equal(mkdirat(store_root_fd(f->store), "staging/dead", 0700), 0);
	write_file(store_root_fd(f->store), "names/docker.io+library+x:latest", "{");
	assert_int_equal(store_gc(f->store, true, &freed, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "layers were not collected: image record '"));
	assert_non_null(strstr(e.text, "is damaged (pull the image again, or remove the file)"));
	assert_true(has_layer(f->store, '9') && has_blob(f->store, 'f'));
	assert_false(exists(f->store, "staging/dead"));
	assert_int_equal(image_unbind(f->store, "docker.io/library/x:latest", &e), 0);

	assert_int_equal(container_create(f->store, &c, &e), 0);
	(void)snprintf(path, sizeof(path), "containers/%s/container.json", c.id);
	write_file(store_root_fd(f->store), path, "");
	assert_int_equal(store_gc(f->store, true, &freed, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "is damaged (remove the container)"));
	assert_true(has_layer(f->store, '9'));
	assert_int_equal(container_remove(f->store, c.id, &e), 0);
	(void)collect(f->store);
	assert_false(has_layer(f->store, '9'));
	container_record_done(&c);
}

static void a_pull_in_progress_keeps_its_layers(void **state)
{
	struct fixture *f = *state;
	uint64_t freed;
	struct err e;
	int lock = -1, status;
	pid_t pid;

	assert_int_equal(store_lock(f->store, false, &lock, &e), 0); /* the pull begins */
	add_layer(f->store, '1');
	pid = fork(); /* a collection comes, and must wait */
	if (pid == 0) {
		(void)close(lock);
		_exit(store_gc(f->store, true, &freed, &e) == 0 ? 0 : 1);
	}
	(void)usleep(50000);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_true(has_layer(f->store, '1'));
	add_image(f->store, "docker.io/library/a:latest", 'a', "1"); /* bound last */
	(void)close(lock);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(has_layer(f->store, '1') && has_blob(f->store, 'a'));
}

/* One pull as the puller does it; false where the store broke its promise. */
static bool pull_once(const struct store *s, int i)
{
	static const char DIGITS[] = "12345678";
	struct image_record r = { .manifest = digest_of('a'), .config = digest_of('a') };
	struct container_record c = { .image_id = digest_of('a') };
	cleanup_fd int lock = -1;
	struct err e = { 0 };
	char key[65];
	bool ok;

	if (store_lock(s, false, &lock, &e) < 0)
		return false;
	for (int n = 0; n < 3; n++) {
		char digit = DIGITS[(i + n) % 8];

		if (!layer_exists(s, key_of(digit, key)))
			add_layer(s, digit);
		if (strvec_add(&r.layers, key) < 0 || strvec_add(&c.layers, key) < 0)
			return false;
	}
	add_blob(s, 'a', TINY_CONFIG);
	r.name = strdup(i % 2 ? "docker.io/library/odd:latest" : "docker.io/library/even:latest");
	ok = image_bind(s, &r, &e) == 0 && container_create(s, &c, &e) == 0;
	(void)close(fd_take(&lock));
	/* Without the lock, the container alone keeps them. */
	ok = ok && (image_unbind(s, r.name, &e) == 0 || e.code == -ENOENT);
	for (size_t n = 0; n < c.layers.len; n++)
		ok = ok && layer_exists(s, c.layers.items[n]);
	ok = ok && container_remove(s, c.id, &e) == 0;
	if (!ok)
		(void)fprintf(stderr, "pull %d: %s\n", i, e.text);
	image_record_done(&r);
	container_record_done(&c);
	return ok;
}

static void pulls_and_collections_do_not_disturb_each_other(void **state)
{
	enum { PULLERS = 3, ROUNDS = 12 };
	struct fixture *f = *state;
	int done = 0, status;

	for (int p = 0; p < PULLERS; p++) {
		if (fork() == 0) {
			for (int i = 0; i < ROUNDS; i++)
				if (!pull_once(f->store, p * 3 + i))
					_exit(1);
			_exit(0);
		}
	}
	for (int p = 0; p < 2; p++) { /* two collectors, until they are stopped */
		if (fork() == 0) {
			for (int i = 0; i < 60; i++) {
				uint64_t freed;
				struct err e = { 0 };

				if (store_gc(f->store, i % 3 == 0, &freed, &e) != 0) {
					(void)fprintf(stderr, "gc: %s\n", e.text);
					_exit(1);
				}
				(void)usleep(2000);
			}
			_exit(0);
		}
	}
	while (wait(&status) > 0) {
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		done++;
	}
	assert_int_equal(done, PULLERS + 2);
	(void)collect(f->store);
	for (char digit = '1'; digit <= '8'; digit++)
		assert_false(has_layer(f->store, digit));
	assert_int_equal(unlinkat(store_root_fd(f->store), "staging", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(store_root_fd(f->store), "layers", AT_REMOVEDIR), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_images_use_stays_and_the_rest_goes),
		TEST(all_three_documents_of_an_image_stay),
		TEST(attestations_stay_with_the_index_that_names_them_and_images_do_not),
		TEST(the_kept_blob_of_a_layer_stays_as_long_as_the_layer),
		TEST(a_container_keeps_the_layers_of_an_image_that_is_gone),
		TEST(what_somebody_is_removing_is_left_to_him_while_he_lives),
		TEST(what_crashes_left_behind_goes),
		TEST(a_temporary_name_goes_once_nobody_holds_the_lock),
		TEST(what_is_bound_as_a_temporary_name_is_stays),
		TEST(a_damaged_record_protects_all_layers),
		TEST(a_pull_in_progress_keeps_its_layers),
		TEST(pulls_and_collections_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
