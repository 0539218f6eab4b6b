/* SPDX-License-Identifier: Apache-2.0 */
/* What good layers become on disk. Hostile ones: test_unpack_hostile.c. */
#include "tests/unit/pull/unpack_fixture.h"

#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static char xattr_value[256];

static ssize_t xattr_of(const struct fixture *f, const char *path, const char *name)
{
	char full[PATH_MAX];

	(void)snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", f->tree_fd, path);
	return lgetxattr(full, name, xattr_value, sizeof(xattr_value));
}

static void assert_opaque(const struct fixture *f, const char *path, bool want)
{
	assert_int_equal(xattr_of(f, path, "trusted.overlay.opaque"), want ? 1 : -1);
	if (want)
		assert_int_equal(xattr_value[0], 'y');
}

static void files_have_their_contents_modes_owners_and_times(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	pax_text(&f->pax, "mtime", "1234567890.123456789");
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "usr/bin/tool", .type = '0', .mode = 06755, .uid = 12, .gid = 34,
	    .data = "binary");
	TAR(&f->tar, .name = "./empty", .type = '0', .mode = 0400);
	TAR(&f->tar, .name = "/v7", .type = '\0', .data = "old style");
	unpack_well(f);
	st = look(f, "usr/bin/tool");
	assert_int_equal(st.st_mode, S_IFREG | 06755);
	assert_int_equal(st.st_uid, 12);
	assert_int_equal(st.st_gid, 34);
	assert_int_equal(st.st_mtim.tv_sec, 1234567890);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_content(f, "usr/bin/tool", "binary");
	st = look(f, "empty");
	assert_int_equal(st.st_mode, S_IFREG | 0400);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_mtim.tv_sec, TAR_TIME);
	assert_content(f, "v7", "old style");
	assert_int_equal(f->result.entries, 3);
	assert_int_equal(f->result.unpacked_bytes, 15);
}

static void the_largest_owner_is_kept(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	pax_text(&f->pax, "uid", "4294967294");
	pax_text(&f->pax, "gid", "4294967293");
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "a", .type = '0');
	unpack_well(f);
	st = look(f, "a");
	assert_int_equal(st.st_uid, 4294967294u);
	assert_int_equal(st.st_gid, 4294967293u);
}

static void directories_get_mode_and_time_when_they_are_full(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	TAR(&f->tar, .name = "./", .type = '5', .mode = 0700, .uid = 7);
	TAR(&f->tar, .name = "d/", .type = '5', .mode = 02555, .gid = 5);
	TAR(&f->tar, .name = "d/e", .type = '5', .mode = 01777);
	TAR(&f->tar, .name = "d/e/f", .type = '0', .data = "x");
	unpack_well(f);
	st = look(f, "d");
	assert_int_equal(st.st_mode, S_IFDIR | 02555);
	assert_int_equal(st.st_gid, 5);
	assert_int_equal(st.st_mtim.tv_sec, TAR_TIME);
	st = look(f, "d/e");
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
	assert_int_equal(st.st_mtim.tv_sec, TAR_TIME);
	assert_int_equal(look(f, "d/e/f").st_gid, 0); /* not inherited from d */
	st = look(f, ".");
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(st.st_uid, 7);
	assert_int_equal(st.st_mtim.tv_sec, TAR_TIME);
	assert_false(f->result.has_implied_dirs);
	assert_int_equal(count_entries(f->staging_fd, "layer0"), 3); /* no list of implied ones */
}

static void links_nodes_and_fifos(void **state)
{
	struct fixture *f = *state;
	char text[64] = { 0 };
	struct stat st;

	TAR(&f->tar, .name = "file", .type = '0', .data = "x", .uid = 3);
	TAR(&f->tar, .name = "sub/hard", .type = '1', .link = "./file");
	TAR(&f->tar, .name = "soft", .type = '2', .link = "/etc/../absolute", .uid = 4);
	TAR(&f->tar, .name = "hardsoft", .type = '1', .link = "soft");
	TAR(&f->tar, .name = "char", .type = '3', .mode = 0620, .major = 5, .minor = 300, .gid = 5);
	TAR(&f->tar, .name = "block", .type = '4', .mode = 0660, .major = 259, .minor = 1);
	TAR(&f->tar, .name = "fifo", .type = '6', .mode = 0604);
	unpack_well(f);
	assert_int_equal(look(f, "file").st_ino, look(f, "sub/hard").st_ino);
	assert_int_equal(look(f, "file").st_nlink, 2);
	assert_int_equal(readlinkat(f->tree_fd, "soft", text, sizeof(text)), 16);
	assert_string_equal(text, "/etc/../absolute");
	st = look(f, "soft");
	assert_int_equal(st.st_uid, 4);
	assert_int_equal(st.st_mtim.tv_sec, TAR_TIME);
	assert_int_equal(st.st_ino, look(f, "hardsoft").st_ino);
	st = look(f, "char");
	assert_int_equal(st.st_mode, S_IFCHR | 0620);
	assert_int_equal(st.st_rdev, makedev(5, 300));
	assert_int_equal(st.st_gid, 5);
	assert_int_equal(st.st_mtim.tv_sec, TAR_TIME);
	st = look(f, "block");
	assert_int_equal(st.st_mode, S_IFBLK | 0660);
	assert_int_equal(st.st_rdev, makedev(259, 1));
	assert_int_equal(look(f, "fifo").st_mode, S_IFIFO | 0604);
}

static void whiteouts_become_devices_and_opaque_directories(void **state)
{
	struct fixture *f = *state;

	TAR(&f->tar, .name = "etc/.wh.gone", .type = '0');
	TAR(&f->tar, .name = "var/", .type = '5');
	TAR(&f->tar, .name = "var/.wh..wh..opq", .type = '0');
	TAR(&f->tar, .name = ".wh..wh.aufs", .type = '0');
	TAR(&f->tar, .name = ".wh..wh.plnk/1.2", .type = '0');
	unpack_well(f);
	assert_true(is_whiteout(f, "etc/gone"));
	assert_false(is_there(f, "etc/.wh.gone"));
	assert_opaque(f, "var", true);
	assert_opaque(f, "etc", false);
	assert_false(is_there(f, "var/.wh..wh..opq"));
	assert_false(is_there(f, ".wh..wh.aufs"));
	assert_false(is_there(f, ".wh..wh.plnk"));
	assert_false(f->result.root_is_opaque);
	TAR(&f->tar, .name = ".wh..wh..opq", .type = '0');
	unpack_well(f);
	assert_true(f->result.root_is_opaque);
	assert_opaque(f, ".", true);
}

/* image-spec layer.md, "Whiteouts": they apply to lower layers only, wherever they stand. */
static void a_whiteout_does_not_hide_what_its_own_layer_has(void **state)
{
	struct fixture *f = *state;

	TAR(&f->tar, .name = "before", .type = '0', .data = "1");
	TAR(&f->tar, .name = ".wh.before", .type = '0');
	TAR(&f->tar, .name = ".wh.after", .type = '0');
	TAR(&f->tar, .name = "after", .type = '0', .data = "2");
	TAR(&f->tar, .name = "dir-before/file", .type = '0', .data = "3");
	TAR(&f->tar, .name = ".wh.dir-before", .type = '0');
	TAR(&f->tar, .name = ".wh.dir-after", .type = '0');
	TAR(&f->tar, .name = "dir-after", .type = '5');
	TAR(&f->tar, .name = ".wh.implied-after", .type = '0');
	TAR(&f->tar, .name = "implied-after/file", .type = '0', .data = "4");
	unpack_well(f);
	assert_content(f, "before", "1");
	assert_content(f, "after", "2");
	assert_content(f, "dir-before/file", "3");
	assert_opaque(f, "dir-before", true);
	assert_opaque(f, "dir-after", true);
	assert_content(f, "implied-after/file", "4");
	assert_opaque(f, "implied-after", true);
}

static void later_entries_replace_earlier_ones(void **state)
{
	struct fixture *f = *state;

	TAR(&f->tar, .name = "a", .type = '0', .data = "first and long");
	TAR(&f->tar, .name = "keep", .type = '1', .link = "a");
	TAR(&f->tar, .name = "a", .type = '0', .data = "second");
	TAR(&f->tar, .name = "to-dir", .type = '0', .data = "file");
	TAR(&f->tar, .name = "to-dir", .type = '5', .mode = 0711);
	TAR(&f->tar, .name = "to-dir/x", .type = '0');
	TAR(&f->tar, .name = "to-file/deep/er", .type = '0');
	TAR(&f->tar, .name = "to-file", .type = '0', .data = "file");
	TAR(&f->tar, .name = "to-link", .type = '5');
	TAR(&f->tar, .name = "to-link", .type = '2', .link = "a");
	TAR(&f->tar, .name = "self", .type = '0', .data = "self");
	TAR(&f->tar, .name = "self", .type = '1', .link = "self");
	TAR(&f->tar, .name = "mode", .type = '5', .mode = 0700);
	TAR(&f->tar, .name = "mode", .type = '5', .mode = 0750);
	unpack_well(f);
	assert_content(f, "a", "second");
	assert_content(f, "keep", "first and long"); /* the link was to the first */
	assert_int_equal(look(f, "to-dir").st_mode, S_IFDIR | 0711);
	assert_true(is_there(f, "to-dir/x"));
	assert_content(f, "to-file", "file");
	assert_true(S_ISLNK(look(f, "to-link").st_mode));
	assert_content(f, "self", "self");
	assert_int_equal(look(f, "mode").st_mode, S_IFDIR | 0750);
}

static void parents_that_are_symlinks_are_resolved_inside(void **state)
{
	struct fixture *f = *state;

	TAR(&f->tar, .name = "usr/lib/", .type = '5');
	TAR(&f->tar, .name = "run/", .type = '5');
	TAR(&f->tar, .name = "etc/", .type = '5');
	TAR(&f->tar, .name = "lib", .type = '2', .link = "usr/lib");
	TAR(&f->tar, .name = "lib/a", .type = '0', .data = "a");
	TAR(&f->tar, .name = "lib/new/b", .type = '0', .data = "b");
	TAR(&f->tar, .name = "var/run", .type = '2', .link = "/run");
	TAR(&f->tar, .name = "var/run/pid", .type = '0', .data = "c");
	TAR(&f->tar, .name = "usr/up", .type = '2', .link = "../../../etc");
	TAR(&f->tar, .name = "usr/up/d", .type = '0', .data = "d");
	TAR(&f->tar, .name = "hard", .type = '1', .link = "lib/a");
	unpack_well(f);
	assert_content(f, "usr/lib/a", "a");
	assert_content(f, "usr/lib/new/b", "b");
	assert_content(f, "run/pid", "c");
	assert_content(f, "etc/d", "d");
	assert_int_equal(look(f, "hard").st_ino, look(f, "usr/lib/a").st_ino);
	assert_true(S_ISLNK(look(f, "var/run").st_mode));
}

static void a_directory_behind_a_symlink_gets_its_mode(void **state)
{
	struct fixture *f = *state;

	TAR(&f->tar, .name = "real/", .type = '5');
	TAR(&f->tar, .name = "alias", .type = '2', .link = "real");
	TAR(&f->tar, .name = "alias/sub/", .type = '5', .mode = 02750);
	TAR(&f->tar, .name = "alias/sub/x", .type = '0');
	unpack_well(f);
	assert_int_equal(look(f, "real/sub").st_mode, S_IFDIR | 02750);
	assert_int_equal(look(f, "real/sub").st_mtim.tv_sec, TAR_TIME);
}

static void names_are_bytes(void **state)
{
	static const char *const NAMES[] = {
		"new\nline",
		"caf\xc3\xa9",
		"cafe\xcc\x81" /* decomposed: must not be composed */,
		"\xff\xfe\x80 latin1",
		"tab\tand\x01",
		"wh.not",
		"-rf *",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "ustar/%s", NAMES[i]);
		TAR(&f->tar, .name = path, .type = '0', .data = "u");
		(void)snprintf(path, sizeof(path), "pax/%s", NAMES[i]);
		pax_text(&f->pax, "path", path);
		pax_text(&f->pax, "linkpath", NAMES[i]);
		tar_pax(&f->tar, &f->pax);
		TAR(&f->tar, .name = "wrong", .type = '2', .link = "wrong");
	}
	unpack_well(f);
	assert_int_equal(count_entries(f->tree_fd, "ustar"), ARRAY_LEN(NAMES));
	assert_int_equal(count_entries(f->tree_fd, "pax"), ARRAY_LEN(NAMES));
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		char path[64];
		char text[64] = { 0 };

		(void)snprintf(path, sizeof(path), "ustar/%s", NAMES[i]);
		assert_content(f, path, "u");
		(void)snprintf(path, sizeof(path), "pax/%s", NAMES[i]);
		assert_true(readlinkat(f->tree_fd, path, text, sizeof(text) - 1) > 0);
		assert_string_equal(text, NAMES[i]);
	}
}

/* The same in a program that has set a UTF-8 locale. */
static void names_are_bytes_in_a_utf8_locale_too(void **state)
{
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	names_are_bytes(state);
	assert_non_null(setlocale(LC_ALL, "C"));
}

static void long_names_in_pax_and_gnu_form(void **state)
{
	struct fixture *f = *state;
	char name[256], path[600], link[600], text[600] = { 0 };

	memset(name, 'n', 255);
	name[255] = '\0';
	(void)snprintf(path, sizeof(path), "gnu/%s/%s", name, name);
	(void)snprintf(link, sizeof(link), "/%s/%s", name, name);
	tar_gnu_long(&f->tar, 'L', path);
	tar_gnu_long(&f->tar, 'K', link);
	TAR(&f->tar, .name = "short", .type = '2', .link = "short");
	(void)snprintf(path, sizeof(path), "pax/%s/%s", name, name);
	pax_text(&f->pax, "path", path);
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "short", .type = '0', .data = "pax");
	unpack_well(f);
	assert_content(f, path, "pax");
	(void)snprintf(path, sizeof(path), "gnu/%s/%s", name, name);
	assert_int_equal(readlinkat(f->tree_fd, path, text, sizeof(text) - 1), (ssize_t)strlen(link));
	assert_string_equal(text, link);
}

static void extended_attributes_and_capabilities(void **state)
{
	/* VFS_CAP_REVISION_2, effective, CAP_NET_RAW. */
	static const unsigned char CAPABILITY[20] = { 1, 0, 0, 2, 0, 0x20 };
	struct fixture *f = *state;

	pax_record(&f->pax, "SCHILY.xattr.security.capability", CAPABILITY, sizeof(CAPABILITY));
	pax_record(&f->pax, "SCHILY.xattr.user.binary", "a\0b", 3);
	pax_text(&f->pax, "SCHILY.xattr.trusted.overlay.opaque", "y");
	pax_text(&f->pax, "SCHILY.xattr.trusted.other", "x");
	pax_text(&f->pax, "SCHILY.xattr.user.overlay.opaque", "y");
	pax_text(&f->pax, "SCHILY.xattr.security.selinux", "label");
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "ping", .type = '0', .mode = 0755, .uid = 1, .data = "x");
	pax_text(&f->pax, "SCHILY.xattr.user.dir", "d");
	pax_text(&f->pax, "SCHILY.xattr.trusted.overlay.opaque", "y");
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "dir", .type = '5');
	unpack_well(f);
	assert_int_equal(xattr_of(f, "ping", "security.capability"), sizeof(CAPABILITY));
	assert_memory_equal(xattr_value, CAPABILITY, sizeof(CAPABILITY));
	if (has_user_xattrs(f)) {
		assert_int_equal(xattr_of(f, "ping", "user.binary"), 3);
		assert_memory_equal(xattr_value, "a\0b", 3);
		assert_int_equal(xattr_of(f, "dir", "user.dir"), 1);
	}
	assert_int_equal(xattr_of(f, "ping", "trusted.overlay.opaque"), -1);
	assert_int_equal(xattr_of(f, "ping", "trusted.other"), -1);
	assert_int_equal(xattr_of(f, "ping", "user.overlay.opaque"), -1);
	assert_opaque(f, "dir", false);
}

static void access_control_lists(void **state)
{
	/* linux/posix_acl_xattr.h: version 2; user::rw-, user:1000:r--, group::r--, mask::r--, other::--- */
	static const unsigned char ACL[] = { 2,   0,   0,   0,   1,  0, 6, 0, 255, 255, 255, 255, 2,  0, 4, 0,
					     232, 3,   0,   0,   4,  0, 4, 0, 255, 255, 255, 255, 16, 0, 4, 0,
					     255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255 };
	struct fixture *f = *state;

	pax_text(&f->pax, "SCHILY.acl.access", "user::rw-,user:joe:r--:1000,group::r--,mask::r--,other::---");
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "file", .type = '0', .mode = 0640);
	pax_text(&f->pax, "SCHILY.acl.default",
		 "user::rwx,user:joe:r-x:1000,group::r-x,mask::r-x,other::---");
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "dir", .type = '5', .mode = 0755);
	TAR(&f->tar, .name = "dir/child", .type = '0', .mode = 0666);
	pax_text(&f->pax, "SCHILY.acl.access", "user::rw-,user:joe:rwx,group::r--,mask::rwx,other::---");
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "nameless", .type = '0', .mode = 0640);
	unpack_well(f);
	assert_int_equal(xattr_of(f, "file", "system.posix_acl_access"), sizeof(ACL));
	assert_memory_equal(xattr_value, ACL, sizeof(ACL));
	assert_int_equal(look(f, "file").st_mode, S_IFREG | 0640);
	assert_int_equal(xattr_of(f, "dir", "system.posix_acl_default"), sizeof(ACL));
	assert_int_equal(xattr_of(f, "dir/child", "system.posix_acl_access"), -1); /* not inherited */
	assert_int_equal(look(f, "dir/child").st_mode, S_IFREG | 0666);
	assert_int_equal(xattr_of(f, "nameless", "system.posix_acl_access"), -1);
}

static void assert_sparse(struct fixture *f, const char *path)
{
	char at_mebibyte[6] = { 0 };
	struct stat st = look(f, path);
	int fd = openat(f->tree_fd, path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(st.st_size, 8 << 20);
	assert_true(st.st_blocks * 512 <= 64 << 10);
	assert_int_equal(pread(fd, at_mebibyte, 5, 1 << 20), 5);
	assert_string_equal(at_mebibyte, "hello");
	assert_int_equal(pread(fd, at_mebibyte, 1, 0), 1);
	assert_int_equal(at_mebibyte[0], 0);
	(void)close(fd);
}

static void holes_stay_holes(void **state)
{
	static const char MAP[512] = "1\n1048576\n5\n";
	struct fixture *f = *state;
	char *header;
	char data[512 + 5];

	/* GNU's PAX format 1.0: the map stands before the data. */
	pax_text(&f->pax, "GNU.sparse.major", "1");
	pax_text(&f->pax, "GNU.sparse.minor", "0");
	pax_text(&f->pax, "GNU.sparse.name", "pax10");
	pax_text(&f->pax, "GNU.sparse.realsize", "8388608");
	tar_pax(&f->tar, &f->pax);
	memcpy(data, MAP, 512);
	memcpy(data + 512, "hello", 5);
	TAR(&f->tar, .name = "GNUSparseFile.1/pax10", .type = '0', .data = data, .size = sizeof(data));
	/* 0.1: in the header. */
	pax_text(&f->pax, "GNU.sparse.map", "1048576,5");
	pax_text(&f->pax, "GNU.sparse.name", "pax01");
	pax_text(&f->pax, "GNU.sparse.size", "8388608");
	tar_pax(&f->tar, &f->pax);
	TAR(&f->tar, .name = "GNUSparseFile.2/pax01", .type = '0', .data = "hello");
	/* Old GNU: in the block, typeflag 'S'. */
	TAR(&f->tar, .name = "gnu", .type = 'S', .data = "hello");
	header = f->tar.data + f->tar.len - 1024;
	memcpy(header + 257, "ustar  ", 8);
	memset(header + 345, 0, 167);
	tar_number(header + 386, 12, 1 << 20);
	tar_number(header + 398, 12, 5);
	tar_number(header + 483, 12, 8 << 20);
	tar_checksum(header);
	unpack_well(f);
	assert_sparse(f, "pax10");
	assert_sparse(f, "pax01");
	assert_sparse(f, "gnu");
	assert_int_equal(f->result.unpacked_bytes, 15);
}

static void large_files_arrive_whole(void **state)
{
	const size_t len = 5 << 20;
	struct fixture *f = *state;
	char *data = malloc(len + 1);
	struct buf back = BUF_INIT(len);

	assert_non_null(data);
	for (size_t i = 0; i < len; i++)
		data[i] = (char)(i * 2654435761u >> 13);
	TAR(&f->tar, .name = "small", .type = '0', .data = "x");
	TAR(&f->tar, .name = "large", .type = '0', .data = data, .size = len - 1);
	unpack_well(f);
	assert_int_equal(file_read(f->tree_fd, "large", &back, &f->e), 0);
	assert_int_equal(back.len, len - 1);
	assert_memory_equal(back.data, data, len - 1);
	buf_done(&back);
	free(data);
}

static void an_empty_layer_is_a_layer(void **state)
{
	struct fixture *f = *state;
	struct digest nothing = digest_of("", 0);

	unpack_well(f); /* two blocks of zeros */
	assert_int_equal(count_entries(f->tree_fd, "."), 0);
	assert_int_equal(unpack_blob(f, "", 0, &nothing, NULL), 0);
	assert_int_equal(count_entries(f->tree_fd, "."), 0);
	assert_int_equal(f->result.entries, 0);
}

static void bytes_behind_the_archive_belong_to_the_diff_id(void **state)
{
	struct fixture *f = *state;
	struct digest d;

	TAR(&f->tar, .name = "a", .type = '0');
	tar_end(&f->tar);
	for (int i = 0; i < 2000; i++)
		tar_bytes(&f->tar, "padding that is not zero", 24);
	d = digest_of(f->tar.data, f->tar.len);
	assert_int_equal(unpack_blob(f, f->tar.data, f->tar.len, &d, NULL), 0);
	assert_true(digest_equal(&f->result.diff_id, &d));
}

static void a_blob_may_come_through_a_pipe_and_a_sha512_is_fine(void **state)
{
	struct fixture *f = *state;
	struct unpack_job job = { 0 };
	struct digest d;
	int fds[2];

	TAR(&f->tar, .name = "a", .type = '0', .data = "piped");
	tar_end(&f->tar);
	assert_int_equal(hash_bytes("sha512", f->tar.data, f->tar.len, &d, &f->e), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(unpack_start(fds[0], MEDIA_LAYER, f->staging_fd, "piped", &d, NULL, &job, &f->e), 0);
	(void)close(fds[0]);
	assert_int_equal(write_all(fds[1], f->tar.data, f->tar.len), 0);
	(void)close(fds[1]);
	assert_int_equal(unpack_wait(&job, &f->result, &f->e), 0);
	f->tree_fd = openat(f->staging_fd, "piped/tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->layers++;
	assert_content(f, "a", "piped");
}

static void a_job_can_be_cancelled_at_any_time(void **state)
{
	struct fixture *f = *state;
	struct unpack_job job = { 0 };
	struct digest d = digest_of("", 0);
	int fds[2];
	pid_t pid;

	unpack_cancel(&job);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(unpack_start(fds[0], MEDIA_LAYER, f->staging_fd, "stuck", &d, NULL, &job, &f->e), 0);
	f->layers++;
	pid = job.pid;
	unpack_cancel(&job);
	assert_int_equal(job.pid, 0);
	assert_int_equal(kill(pid, 0), -1); /* reaped */
	assert_int_equal(errno, ESRCH);
	unpack_cancel(&job);
	(void)close(fds[0]);
	(void)close(fds[1]);
	assert_int_equal(unpack_start(-1, MEDIA_LAYER, f->staging_fd, "stuck", &d, NULL, &job, &f->e),
			 -EEXIST);
	assert_string_equal(f->e.text, "cannot make the layer's directory 'stuck': file exists");
	assert_int_equal(unpack_start(-1, MEDIA_LAYER, f->staging_fd, "../x", &d, NULL, &job, &f->e),
			 -EINVAL);
	assert_string_equal(f->e.text, "'../x' is no name for a layer's directory");
	assert_int_equal(unpack_start(-1, MEDIA_LAYER, f->staging_fd, "bad", &d, NULL, &job, &f->e), 0);
	f->layers++;
	assert_int_equal(unpack_wait(&job, &f->result, &f->e), -EBADF);
	assert_string_equal(f->e.text, "cannot read the layer's blob: bad file descriptor");
}

static void what_is_noted_of_files_is_true_whatever_becomes_of_their_names(void **state)
{
	struct fixture *f = *state;

	TAR(&f->tar, .name = "dir/file", .type = '0', .data = "first", .uid = 3);
	TAR(&f->tar, .name = "dir/link", .type = '1', .link = "dir/file");
	TAR(&f->tar, .name = "alias", .type = '2', .link = "dir");
	TAR(&f->tar, .name = "alias/file", .type = '0', .data = "second one", .mode = 04755);
	TAR(&f->tar, .name = "dir/link-by-alias", .type = '1', .link = "alias/file");
	TAR(&f->tar, .name = "link-of-link", .type = '1', .link = "dir/link");
	TAR(&f->tar, .name = "gone/file", .type = '0', .data = "in a directory that a file replaces");
	TAR(&f->tar, .name = "gone", .type = '0', .data = "that file");
	TAR(&f->tar, .name = "again", .type = '0', .data = "a file that a directory replaces");
	TAR(&f->tar, .name = "again", .type = '5');
	TAR(&f->tar, .name = "again/file", .type = '0', .data = "", .mode = 0600);
	TAR(&f->tar, .name = "fifo", .type = '6');
	TAR(&f->tar, .name = "fifo-link", .type = '1', .link = "fifo");
	TAR(&f->tar, .name = "fifo-link", .type = '0', .data = "no more");
	TAR(&f->tar, .name = "link-to-fifo", .type = '0', .data = "of which nothing is known");
	TAR(&f->tar, .name = "link-to-fifo", .type = '1', .link = "fifo");
	unpack_well(f);
	assert_content(f, "dir/link", "first");
	assert_content(f, "link-of-link", "first");
	assert_content(f, "dir/link-by-alias", "second one");
}

static void a_large_layer_of_small_files_arrives_whole(void **state)
{
	struct fixture *f = *state;
	static char data[40000];
	char name[64];
	struct stat st;

	for (size_t i = 0; i < sizeof(data) - 1; i++)
		data[i] = (char)('a' + i * i % 23);
	for (int i = 0; i < 1200; i++) {
		size_t start = i % 100 == 0 ? (size_t)(sizeof(data) - 1 - 32767 - (size_t)(i / 100) % 3)
			       : i % 7 == 0 ? sizeof(data) - 1
					    : sizeof(data) - 4000 - (size_t)i;

		(void)snprintf(name, sizeof(name), "dir-%d/file-%d", i / 50, i % 40);
		TAR(&f->tar, .name = name, .type = '0', .data = data + start,
		    .mode = i % 11 == 0 ? 04711 : 0640, .uid = (unsigned int)i % 3);
		(void)snprintf(name, sizeof(name), "dir-%d/link-%d", i / 50, i);
		if (i % 50 == 49)
			TAR(&f->tar, .name = name, .type = '1', .link = "dir-0/file-7");
	}
	assert_true(f->tar.len > (5 << 20));
	unpack_well(f);
	st = look(f, "dir-3/file-6");
	assert_int_equal(st.st_mtim.tv_sec, TAR_TIME);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_uid, 1);
	assert_int_equal(look(f, "dir-0/file-7").st_nlink, 25);
}

static void a_file_system_without_space_is_told_of(void **state)
{
	struct fixture *f = *state;
	static char data[5000];
	char name[64], target[96];
	struct digest d;

	memset(data, 'x', sizeof(data) - 1);
	(void)snprintf(target, sizeof(target), "%s/staging", f->dir);
	if (mount("tmpfs", target, "tmpfs", 0, "size=2m") < 0)
		skip();
	(void)close(f->staging_fd);
	f->staging_fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 1500; i++) {
		(void)snprintf(name, sizeof(name), "file-%d", i);
		TAR(&f->tar, .name = name, .type = '0', .data = data);
	}
	tar_end(&f->tar);
	d = digest_of(f->tar.data, f->tar.len);
	assert_int_equal(unpack_blob(f, f->tar.data, f->tar.len, &d, NULL), -ENOSPC);
	assert_non_null(strstr(f->e.text, "cannot write 'file-"));
	assert_non_null(strstr(f->e.text, "no space left on device"));
	cleanup_fd_fn(&f->tree_fd);
	(void)close(f->staging_fd);
	assert_int_equal(umount2(target, MNT_DETACH), 0);
	f->staging_fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->layers = 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(files_have_their_contents_modes_owners_and_times),
		T(the_largest_owner_is_kept),
		T(directories_get_mode_and_time_when_they_are_full),
		T(links_nodes_and_fifos),
		T(whiteouts_become_devices_and_opaque_directories),
		T(a_whiteout_does_not_hide_what_its_own_layer_has),
		T(later_entries_replace_earlier_ones),
		T(parents_that_are_symlinks_are_resolved_inside),
		T(a_directory_behind_a_symlink_gets_its_mode),
		T(names_are_bytes),
		T(names_are_bytes_in_a_utf8_locale_too),
		T(long_names_in_pax_and_gnu_form),
		T(extended_attributes_and_capabilities),
		T(access_control_lists),
		T(holes_stay_holes),
		T(large_files_arrive_whole),
		T(a_large_layer_of_small_files_arrives_whole),
		T(a_file_system_without_space_is_told_of),
		T(what_is_noted_of_files_is_true_whatever_becomes_of_their_names),
		T(an_empty_layer_is_a_layer),
		T(bytes_behind_the_archive_belong_to_the_diff_id),
		T(a_blob_may_come_through_a_pipe_and_a_sha512_is_fine),
		T(a_job_can_be_cancelled_at_any_time),
	};

	if (geteuid() != 0)
		return 0; /* owners, devices and trusted attributes need root */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
