/* SPDX-License-Identifier: Apache-2.0 */
/* A store of its own for each test, and what goes into it. Included after cmocka. */
#ifndef SAMPAN_TESTS_STORE_FIXTURE_H
#define SAMPAN_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "store/blob.h"
#include "store/container.h"
#include "store/image.h"
#include "store/layer.h"
#include "store/store.h"

struct fixture {
	char dir[64];  /* of this test */
	char root[80]; /* of the store in it */
	struct store *store;
};

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e = { 0 };

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/sampan-store-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->root, sizeof(f->root), "%s/store", f->dir);
	if (store_open(f->root, &f->store, &e) < 0)
		fail_msg("%s", e.text);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	struct err e;

	store_close(f->store);
	assert_int_equal(tree_remove(AT_FDCWD, f->dir, &e), 0);
	free(f);
	return 0;
}

/* 64 times the same digit. */
static inline const char *key_of(char digit, char ret[65])
{
	memset(ret, digit, 64);
	ret[64] = '\0';
	return ret;
}

static inline struct digest digest_of(char digit)
{
	struct digest d;

	(void)snprintf(d.text, sizeof(d.text), "sha256:%064d", 0);
	memset(d.text + 7, digit, 64);
	return d;
}

static inline void write_file(int dir_fd, const char *path, const char *text)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, text, strlen(text)), 0);
	(void)close(fd);
}

static inline bool exists(const struct store *s, const char *path)
{
	return faccessat(store_root_fd(s), path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* layers/<digit x 64> with one file in it. */
static inline void add_layer(const struct store *s, char digit)
{
	struct layer_meta meta = { .diff_id = digest_of(digit), .unpacked_size = 1000 };
	struct staging st = { .fd = -1 };
	struct err e = { 0 };
	char key[65];

	assert_int_equal(staging_begin(s, &st, &e), 0);
	assert_int_equal(mkdirat(st.fd, "l", 0755), 0);
	assert_int_equal(mkdirat(st.fd, "l/tree", 0755), 0);
	write_file(st.fd, "l/tree/file", "contents\n");
	if (layer_commit(s, &st, "l", key_of(digit, key), &meta, &e) < 0)
		fail_msg("%s", e.text);
	staging_end(s, &st);
}

static inline void add_blob(const struct store *s, char digit, const char *text)
{
	const struct digest digest = digest_of(digit);
	struct err e = { 0 };

	if (blob_put(s, &digest, text, strlen(text), &e) < 0)
		fail_msg("%s", e.text);
}

#define TINY_CONFIG "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}"

/* Binds a name to manifest `digit` 'a'-'f' (config the same digit) over the layers given as digits. */
static inline void add_image(const struct store *s, const char *name, char digit, const char *layers)
{
	struct image_record r = { .manifest = digest_of(digit),
				  .config = digest_of(digit),
				  .size_bytes = 42 };
	struct err e = { 0 };
	char key[65];

	add_blob(s, digit, TINY_CONFIG);
	for (; *layers; layers++) {
		add_layer(s, *layers);
		assert_int_equal(strvec_add(&r.layers, key_of(*layers, key)), 0);
	}
	r.name = strdup(name);
	assert_non_null(r.name);
	if (image_bind(s, &r, &e) < 0)
		fail_msg("%s", e.text);
	image_record_done(&r);
}

#endif
