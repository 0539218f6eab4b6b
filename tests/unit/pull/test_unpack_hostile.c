/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that try to get out, to fill the disk, or are simply broken: with the process around them, and without. */
#include "tests/unit/pull/unpack_fixture.h"

#include <limits.h>
#include <sys/mount.h>
#include <isa-l/igzip_lib.h>

static void two_dots_are_refused(void **state)
{
	struct fixture *f = *state;

	TAR(&f->tar, .name = "../witness", .type = '0', .data = "owned");
	assert_refused(f, -EINVAL, "entry '../witness' climbs out of the layer");
	TAR(&f->tar, .name = "a/", .type = '5');
	TAR(&f->tar, .name = "a/../../../outside/x", .type = '0', .data = "owned");
	assert_refused(f, -EINVAL, "entry 'a/../../../outside/x' climbs out of the layer");
	TAR(&f->tar, .name = "../../.wh.witness", .type = '0');
	assert_refused(f, -EINVAL, "entry '../../.wh.witness' climbs out of the layer");
}

#define WITNESS_MAX 128

/* The witness, as the whole machine would call it. */
static const char *witness_path(const struct fixture *f, const char *name, char ret[WITNESS_MAX])
{
	(void)snprintf(ret, WITNESS_MAX, "%s/%s", f->dir, name);
	return ret;
}

static void absolute_paths_stay_inside(void **state)
{
	struct fixture *f = *state;
	char path[WITNESS_MAX];

	TAR(&f->tar, .name = witness_path(f, "witness", path), .type = '0', .data = "inside");
	unpack_well(f);
	assert_content(f, path + 1, "inside");
}

static void a_file_through_a_symlink_to_outside_is_refused(void **state)
{
	static const char *const TARGETS[] = { "../../../../../../../../tmp", "/proc/self/cwd/..", "/etc",
					       "nowhere" };
	struct fixture *f = *state;
	char outside[WITNESS_MAX];

	for (size_t i = 0; i <= ARRAY_LEN(TARGETS); i++) {
		TAR(&f->tar, .name = "link", .type = '2',
		    .link = i < ARRAY_LEN(TARGETS) ? TARGETS[i] : witness_path(f, "outside", outside));
		TAR(&f->tar, .name = "link/x", .type = '0', .data = "1");
		tar_end(&f->tar);
		assert_refused(f, -EINVAL,
			       "entry 'link/x' goes through a symlink that leads out of the layer");
	}
}

static void a_symlink_to_what_the_layer_has_is_an_alias(void **state)
{
	struct fixture *f = *state;

	TAR(&f->tar, .name = "run/", .type = '5', .mode = 0700);
	TAR(&f->tar, .name = "var/run", .type = '2', .link = "/run");
	TAR(&f->tar, .name = "var/run/x/y", .type = '0', .data = "1");
	TAR(&f->tar, .name = "up", .type = '2', .link = "../..");
	TAR(&f->tar, .name = "up/z", .type = '0', .data = "2");
	tar_end(&f->tar);
	assert_int_equal(write_without_sandbox(f), 0);
	assert_outside_untouched(f);
	unpack_well(f);
	assert_content(f, "run/x/y", "1");
	assert_content(f, "z", "2");
}

static void a_symlink_is_replaced_and_never_written_through(void **state)
{
	struct fixture *f = *state;
	char path[WITNESS_MAX];

	witness_path(f, "witness", path);
	TAR(&f->tar, .name = "a", .type = '2', .link = path);
	TAR(&f->tar, .name = "a", .type = '0', .data = "file", .mode = 0600);
	TAR(&f->tar, .name = "d", .type = '2', .link = path);
	TAR(&f->tar, .name = "d", .type = '5', .mode = 0700);
	TAR(&f->tar, .name = "p", .type = '2', .link = path);
	TAR(&f->tar, .name = "p", .type = '6', .mode = 04600);
	tar_end(&f->tar);
	assert_int_equal(write_without_sandbox(f), 0);
	assert_outside_untouched(f);
	unpack_well(f);
	assert_content(f, "a", "file");
	assert_int_equal(look(f, "d").st_mode, S_IFDIR | 0700);
	assert_int_equal(look(f, "p").st_mode, S_IFIFO | 04600);
}

static void a_parent_that_becomes_a_symlink_leads_nowhere_else(void **state)
{
	struct fixture *f = *state;
	char path[WITNESS_MAX];

	TAR(&f->tar, .name = "loop/loop", .type = '0', .data = "3");
	TAR(&f->tar, .name = "loop", .type = '2', .link = ".");
	TAR(&f->tar, .name = "loop/loop", .type = '0', .data = "4");
	TAR(&f->tar, .name = "loop", .type = '5', .mode = 0711);
	TAR(&f->tar, .name = "loop/five", .type = '0', .data = "5");
	tar_end(&f->tar);
	assert_int_equal(write_without_sandbox(f), 0);
	assert_outside_untouched(f);
	unpack_well(f);
	assert_content(f, "loop/five", "5");
	assert_int_equal(look(f, "loop").st_mode, S_IFDIR | 0711);

	buf_clear(&f->tar);
	TAR(&f->tar, .name = "d/", .type = '5', .mode = 0700);
	TAR(&f->tar, .name = "d/first", .type = '0', .data = "1");
	TAR(&f->tar, .name = "d", .type = '2', .link = witness_path(f, "outside", path));
	TAR(&f->tar, .name = "d/second", .type = '0', .data = "2");
	tar_end(&f->tar);
	assert_refused(f, -EINVAL, "entry 'd/second' goes through a symlink that leads out of the layer");
}

static void hard_links_reach_only_what_the_layer_has(void **state)
{
	struct fixture *f = *state;
	char path[WITNESS_MAX], message[512];

	TAR(&f->tar, .name = "h", .type = '1', .link = "../witness");
	assert_refused(f, -EINVAL, "entry 'h' climbs out of the layer");
	witness_path(f, "witness", path);
	TAR(&f->tar, .name = "h", .type = '1', .link = path);
	(void)snprintf(message, sizeof(message),
		       "entry 'h' is a hard link to '%s', which is not in this layer before it", path + 1);
	assert_refused(f, -EINVAL, message);
	witness_path(f, ".", path);
	TAR(&f->tar, .name = "s", .type = '2', .link = path);
	TAR(&f->tar, .name = "h", .type = '1', .link = "s/witness");
	assert_refused(f, -EINVAL,
		       "entry 'h' is a hard link to 's/witness', which is not in this layer before it");
	TAR(&f->tar, .name = "h", .type = '1', .link = "later");
	TAR(&f->tar, .name = "later", .type = '0');
	assert_refused(f, -EINVAL,
		       "entry 'h' is a hard link to 'later', which is not in this layer before it");
	TAR(&f->tar, .name = ".wh.gone", .type = '0');
	TAR(&f->tar, .name = "h", .type = '1', .link = "gone");
	assert_refused(f, -EINVAL,
		       "entry 'h' is a hard link to 'gone', which is not in this layer before it");
	TAR(&f->tar, .name = "d", .type = '5');
	TAR(&f->tar, .name = "h", .type = '1', .link = "d");
	assert_refused(f, -EINVAL, "entry 'h' is a hard link to the directory 'd'");
}

static void nothing_is_made_below_a_file(void **state)
{
	struct fixture *f = *state;

	TAR(&f->tar, .name = "file", .type = '0');
	TAR(&f->tar, .name = "file/below", .type = '0');
	assert_refused(f, -ENOTDIR, "entry 'file/below' lies below something that is not a directory");
	TAR(&f->tar, .name = "a", .type = '2', .link = "b");
	TAR(&f->tar, .name = "b", .type = '2', .link = "a");
	TAR(&f->tar, .name = "a/x", .type = '0');
	assert_refused(f, -ELOOP, "entry 'a/x' lies behind too many symlinks");
}

static void depth_has_an_end(void **state)
{
	struct fixture *f = *state;
	char *path = malloc(10001);

	assert_non_null(path);
	for (size_t i = 0; i < 5000; i++)
		memcpy(path + 2 * i, "d/", 2);
	path[10000] = '\0';
	pax_text(&f->pax, "path", path);
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "short", .type = '5');
	assert_int_equal(unpack_tar(f), -ENAMETOOLONG);
	assert_non_null(strstr(f->e.text, "...' has a path longer than 4095 bytes"));
	buf_clear(&f->tar);
	/* What a path can name is fine; a symlink to half of it makes no longer one. */
	path[4000] = '\0';
	pax_text(&f->pax, "path", path);
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "short", .type = '5', .mode = 0700);
	unpack_well(f);
	assert_int_equal(look(f, path).st_mode, S_IFDIR | 0700);
	pax_text(&f->pax, "path", path);
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "short", .type = '5', .mode = 0700);
	path[3999] = '\0';
	pax_text(&f->pax, "linkpath", path);
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "l", .type = '2', .link = "short");
	path[3999] = '/';
	path[4000] = 'd';
	path[0] = 'l';
	path[200] = '\0';
	pax_text(&f->pax, "path", path);
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "short", .type = '5');
	assert_int_equal(unpack_tar(f), -ENAMETOOLONG);
	assert_non_null(strstr(f->e.text, "...' lies deeper than 4095 bytes of path"));
	free(path);
}

static void contents_have_a_limit(void **state)
{
	static const struct unpack_limits LIMITS = { .max_bytes = 1000 };
	struct fixture *f = *state;
	char data[600];

	memset(data, 'x', sizeof(data));
	TAR(&f->tar, .name = "a", .type = '0', .data = data, .size = 600);
	TAR(&f->tar, .name = "b", .type = '0', .data = data, .size = 400);
	assert_int_equal(unpack_tar_limited(f, &LIMITS), 0);
	buf_clear(&f->tar);
	TAR(&f->tar, .name = "a", .type = '0', .data = data, .size = 600);
	TAR(&f->tar, .name = "b", .type = '0', .data = data, .size = 401);
	assert_int_equal(unpack_tar_limited(f, &LIMITS), -EFBIG);
	assert_string_equal(f->e.text, "the layer unpacks to more than 1000 bytes");
	assert_false(is_there(f, "b"));
	buf_clear(&f->tar);
	/* A header may promise anything. */
	TAR(&f->tar, .name = "a", .type = '0', .data = "x", .fake_size = UINT64_C(8) << 30);
	assert_int_equal(unpack_tar_limited(f, &LIMITS), -EFBIG);
	assert_string_equal(f->e.text, "the layer unpacks to more than 1000 bytes");
}

static void entries_have_a_limit(void **state)
{
	static const struct unpack_limits LIMITS = { .max_entries = 3 };
	struct fixture *f = *state;

	for (int i = 0; i < 4; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "f%d", i);
		TAR(&f->tar, .name = name, .type = '0');
	}
	assert_int_equal(unpack_tar_limited(f, &LIMITS), -EFBIG);
	assert_string_equal(f->e.text, "the layer has more than 3 entries");
	assert_true(is_there(f, "f2"));
	assert_false(is_there(f, "f3"));
}

/* 100 MiB of zeros in little space, behind the end of an archive, where no entry counts them. */
static void what_stands_behind_the_archive_has_a_limit(void **state)
{
	static const struct unpack_limits LIMITS = { .max_bytes = 1 << 20, .max_entries = 10 };
	const size_t room = 4 << 20;
	struct fixture *f = *state;
	struct isal_zstream *s = calloc(1, sizeof(*s));
	uint8_t *blob = malloc(room);
	uint8_t *zeros = calloc(1, 1 << 20);
	struct digest d = digest_of("", 0);

	assert_true(s && blob && zeros);
	isal_deflate_init(s);
	s->gzip_flag = IGZIP_GZIP;
	s->next_out = blob;
	s->avail_out = (uint32_t)room;
	for (int i = 0; i < 100; i++) {
		s->next_in = zeros;
		s->avail_in = 1 << 20;
		s->end_of_stream = i == 99;
		assert_int_equal(isal_deflate(s), COMP_OK);
	}
	assert_int_equal(s->internal_state.state, ZSTATE_END);
	assert_int_equal(unpack_blob(f, blob, room - s->avail_out, &d, &LIMITS), -EFBIG);
	assert_string_equal(f->e.text, "the layer's tar is larger than 1089536 bytes");
	free(zeros);
	free(blob);
	free(s);
}

static void another_diff_id_is_refused(void **state)
{
	struct fixture *f = *state;
	struct digest wrong = digest_of("something else", 14);
	struct digest right;
	char message[512];

	TAR(&f->tar, .name = "a", .type = '0');
	tar_end(&f->tar);
	right = digest_of(f->tar.data, f->tar.len);
	assert_int_equal(unpack_blob(f, f->tar.data, f->tar.len, &wrong, NULL), -EBADMSG);
	(void)snprintf(message, sizeof(message), "layer content has digest %s, expected %s", right.text,
		       wrong.text);
	assert_string_equal(f->e.text, message);
	/* One more byte behind the end of the archive makes it another layer. */
	tar_bytes(&f->tar, "", 1);
	assert_int_equal(unpack_blob(f, f->tar.data, f->tar.len, &right, NULL), -EBADMSG);
}

static void assert_blob_refused(struct fixture *f, const char *blob, size_t len, const char *message)
{
	struct digest d = digest_of(blob, len);

	assert_int_equal(unpack_blob(f, blob, len, &d, NULL), -EINVAL);
	assert_string_equal(f->e.text, message);
}

static void broken_blobs_are_refused(void **state)
{
	struct fixture *f = *state;
	char text[2048];

	memset(text, 'x', sizeof(text));
	assert_blob_refused(f, text, sizeof(text), "malformed tar: Unrecognized archive format");
	assert_blob_refused(f, "\x1f\x8b\x08", 3, "malformed gzip: it ends too early");
	TAR(&f->tar, .name = "a", .type = '0', .data = text, .size = sizeof(text));
	assert_blob_refused(f, f->tar.data, 1000, "malformed tar: Truncated tar archive");
	f->tar.data[0] ^= 1;
	assert_blob_refused(f, f->tar.data, f->tar.len, "malformed tar: Unrecognized archive format");
	f->tar.data[0] ^= 1;
	tar_bytes(&f->tar, text, 512);
	assert_blob_refused(f, f->tar.data, f->tar.len, "malformed tar: Damaged tar archive");
}

/* The error of the decoder, and not what it makes of the tar, is what people see. */
static void a_truncated_gzip_is_called_so(void **state)
{
	/* printf x | gzip -n, without its last byte */
	static const char GZIP[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\0\0\x83\x16\xdc\x8c\x01\0\0";
	struct fixture *f = *state;

	assert_blob_refused(f, GZIP, sizeof(GZIP) - 1, "malformed gzip: it ends too early");
	assert_blob_refused(f, GZIP, sizeof(GZIP) - 9, "malformed gzip: it ends too early");
}

static void a_full_disk_is_called_so(void **state)
{
	struct fixture *f = *state;
	struct unpack_job job = { 0 };
	char *data = calloc(1, 3 << 20);
	char path[PATH_MAX];
	struct digest d;
	int staging_fd;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/staging/full", f->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	f->layers++;
	if (mount("tmpfs", path, "tmpfs", 0, "size=1m") < 0) {
		free(data);
		skip();
	}
	TAR(&f->tar, .name = "big", .type = '0', .data = data, .size = 3 << 20);
	tar_end(&f->tar);
	d = digest_of(f->tar.data, f->tar.len);
	fd = blob_fd_of(f->tar.data, f->tar.len);
	staging_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(unpack_start(fd, MEDIA_LAYER, staging_fd, "l", &d, NULL, &job, &f->e), 0);
	assert_int_equal(unpack_wait(&job, &f->result, &f->e), -ENOSPC);
	assert_string_equal(f->e.text, "cannot write 'big': no space left on device");
	(void)close(staging_fd);
	(void)close(fd);
	/* The decoder, which has a file there, dies with the writer, perhaps a moment later than it. */
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	free(data);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(two_dots_are_refused),
		T(absolute_paths_stay_inside),
		T(a_file_through_a_symlink_to_outside_is_refused),
		T(a_symlink_to_what_the_layer_has_is_an_alias),
		T(a_symlink_is_replaced_and_never_written_through),
		T(a_parent_that_becomes_a_symlink_leads_nowhere_else),
		T(hard_links_reach_only_what_the_layer_has),
		T(nothing_is_made_below_a_file),
		T(depth_has_an_end),
		T(contents_have_a_limit),
		T(entries_have_a_limit),
		T(what_stands_behind_the_archive_has_a_limit),
		T(another_diff_id_is_refused),
		T(broken_blobs_are_refused),
		T(a_truncated_gzip_is_called_so),
		T(a_full_disk_is_called_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
