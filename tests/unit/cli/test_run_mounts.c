/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/run_mount_text.h"
#include "cli/run_mounts.h"
#include "common/cleanup.h"

#define HERE "/home/me"

enum flag { VOLUME, MOUNT, TMPFS };

static int add(struct run_mounts *m, enum flag flag, const char *text, struct err *e)
{
	if (flag == VOLUME)
		return run_mounts_add_volume(m, text, HERE, e);
	return flag == MOUNT ? run_mounts_add_mount(m, text, HERE, e) : run_mounts_add_tmpfs(m, text, e);
}

static void expect_options(const struct run_mount *m, const char *wanted)
{
	char text[256] = "";

	for (size_t i = 0; i < m->options.len; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? "," : "",
			 m->options.items[i]);
	assert_string_equal(text, wanted);
}

static void good_mounts_are_understood(void **state)
{
	static const struct {
		enum flag flag;
		const char *text;
		int type;
		const char *source, *target, *options;
	} CASES[] = {
		{ VOLUME, "/a:/b", RUN_MOUNT_BIND, "/a", "/b", "rbind,rprivate" },
		{ VOLUME, "/a:/b:ro", RUN_MOUNT_BIND, "/a", "/b", "rbind,ro,rprivate" },
		{ VOLUME, "/a/../c:/b//x/./y/:rw,z,rslave", RUN_MOUNT_BIND, "/c", "/b/x/y", "rbind,rslave" },
		{ VOLUME, "./src:/dst", RUN_MOUNT_BIND, HERE "/src", "/dst", "rbind,rprivate" },
		{ VOLUME, "..:/dst", RUN_MOUNT_BIND, "/home", "/dst", "rbind,rprivate" },
		{ VOLUME, "/data", RUN_MOUNT_ANONYMOUS, NULL, "/data", "rbind,rprivate" },
		{ MOUNT, "type=bind,source=/a,target=/b", RUN_MOUNT_BIND, "/a", "/b", "rbind,rprivate" },
		{ MOUNT, "type=bind,src=/a,dst=/b,readonly", RUN_MOUNT_BIND, "/a", "/b",
		  "rbind,rprivate,ro" },
		{ MOUNT, "type=bind,src=/a,dst=/b,ro=false,bind-propagation=rshared", RUN_MOUNT_BIND, "/a",
		  "/b", "rbind,rshared" },
		{ MOUNT, "type=bind,src=/a,dst=/b,bind-nonrecursive", RUN_MOUNT_BIND, "/a", "/b",
		  "rprivate,bind" },
		{ MOUNT, "type=bind,\"src=/a,b\",dst=/b", RUN_MOUNT_BIND, "/a,b", "/b", "rbind,rprivate" },
		{ MOUNT, "type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=700", RUN_MOUNT_TMPFS, NULL,
		  "/t", "noexec,nosuid,nodev,size=1048576,mode=700" },
		{ MOUNT, "target=/v", RUN_MOUNT_ANONYMOUS, NULL, "/v", "rbind,rprivate" },
		{ VOLUME, "data:/v:ro,nocopy", RUN_MOUNT_VOLUME, "data", "/v", "rbind,ro,rprivate" },
		{ MOUNT, "type=volume,source=data,target=/v,volume-nocopy,ro", RUN_MOUNT_VOLUME, "data", "/v",
		  "rbind,ro,rprivate" },
		{ MOUNT, "type=image,source=busybox,target=/i", RUN_MOUNT_IMAGE, "busybox", "/i", "" },
		{ MOUNT, "type=image,source=busybox,image-subpath=a/b,target=/i", RUN_MOUNT_IMAGE, "busybox",
		  "/i", "" },
		{ MOUNT, "type=image,source=busybox,subpath=a,target=/i", RUN_MOUNT_IMAGE, "busybox", "/i",
		  "" },
		{ MOUNT, "type=bind,src=/a,dst=/b,ro,bind-propagation=rprivate,bind-recursive=readonly",
		  RUN_MOUNT_BIND, "/a", "/b", "rbind,rprivate,ro,rro" },
		{ MOUNT, "type=bind,src=/a,dst=/b,bind-recursive=disabled", RUN_MOUNT_BIND, "/a", "/b",
		  "rprivate,bind" },
		{ TMPFS, "/t", RUN_MOUNT_TMPFS, NULL, "/t", "noexec,nosuid,nodev" },
		{ TMPFS, "/t:size=64m,exec", RUN_MOUNT_TMPFS, NULL, "/t",
		  "noexec,nosuid,nodev,size=64m,exec" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_run_mounts struct run_mounts m = { 0 };
		struct err e = { 0 };

		assert_int_equal(add(&m, CASES[i].flag, CASES[i].text, &e), 0);
		assert_int_equal(m.len, 1);
		assert_int_equal(m.items[0].type, CASES[i].type);
		assert_string_equal(m.items[0].target, CASES[i].target);
		if (CASES[i].source)
			assert_string_equal(m.items[0].source, CASES[i].source);
		else
			assert_null(m.items[0].source);
		expect_options(&m.items[0], CASES[i].options);
	}
}

static void bad_mounts_are_refused_with_the_words_of_docker(void **state)
{
	static const struct {
		enum flag flag;
		const char *text;
		int code;
		const char *message;
	} CASES[] = {
		{ VOLUME, "d:/b", -EINVAL,
		  "volume name is too short, names should be at least two alphanumeric characters" },
		{ VOLUME, "data:/b:shared", -EINVAL, "invalid mode: shared" },
		{ VOLUME, "/a:b", -EINVAL, "invalid mount path: 'b' mount path must be absolute" },
		{ VOLUME, "/a:/", -EINVAL, "invalid mount path: destination can't be '/'" },
		{ VOLUME, "/a:/x/..", -EINVAL, "invalid mount path: destination can't be '/'" },
		{ VOLUME, "/a:/b:up", -EINVAL, "invalid mode: up" },
		{ VOLUME, "/a:/b:ro:z", -EINVAL, "invalid volume specification: '/a:/b:ro:z'" },
		{ VOLUME, ":/b", -EINVAL, "invalid volume specification: ':/b'" },
		{ VOLUME, "/a:", -EINVAL, "invalid volume specification: '/a:'" },
		{ MOUNT, "type=bind,target=/b", -EINVAL,
		  "invalid mount config for type \"bind\": field Source must not be empty" },
		{ MOUNT, "type=bind,source=/a", -EINVAL, "field Target must not be empty" },
		{ MOUNT, "type=nfs,target=/b", -EINVAL, "mount type unknown: \"nfs\"" },
		{ MOUNT, "source=a/b,target=/b", -EINVAL,
		  "create a/b: \"a/b\" includes invalid characters for a local volume name, only "
		  "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
		  "absolute path" },
		{ MOUNT, "target=/b,volume-subpath=x", -EINVAL,
		  "must not set Subpath when using anonymous volumes" },
		{ MOUNT, "type=bind,source=/a,target=/b,volume-nocopy", -EINVAL,
		  "cannot mix 'volume-*' options with mount type 'bind'" },
		{ MOUNT, "type=image,source=i,target=/b,image-subpath=/etc", -EINVAL,
		  "subpath must be a relative path within the image" },
		{ MOUNT, "type=volume,source=v,target=/b,image-subpath=etc", -EINVAL,
		  "cannot mix 'image-*' options with mount type 'volume'" },
		{ MOUNT, "type=image,source=i,target=/b,volume-subpath=etc", -EINVAL,
		  "cannot mix 'volume-*' options with mount type 'image'" },
		{ MOUNT, "type=bind,source=/s,target=/b,subpath=etc", -EINVAL,
		  "cannot mix 'subpath' with mount type 'bind'" },
		{ MOUNT, "type=image,target=/b", -EINVAL,
		  "invalid mount config for type \"image\": field Source must not be empty" },
		{ MOUNT, "type=image,source=i,target=/b,rw", -EOPNOTSUPP,
		  "images are mounted read-only: 'rw' is not supported" },
		{ MOUNT, "type=bind,source=/a,target=/b,bind-recursive=writable", -EINVAL,
		  "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction" },
		{ MOUNT, "type=bind,source=/a,target=/b,readonly,bind-recursive=readonly", -EINVAL,
		  "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in "
		  "conjunction" },
		{ MOUNT, "type=tmpfs,target=/b,source=/a", -EINVAL,
		  "invalid mount config for type \"tmpfs\": field Source must not be specified" },
		{ MOUNT, "type=bind,source=/a,target=/b,tmpfs-size=1m", -EINVAL,
		  "cannot mix 'tmpfs-*' options with mount type 'bind'" },
		{ MOUNT, "type=tmpfs,target=/b,bind-propagation=slave", -EINVAL,
		  "cannot mix 'bind-*' options with mount type 'tmpfs'" },
		{ MOUNT, "type=bind,colour=red", -EINVAL,
		  "invalid field 'colour=red': unexpected key 'colour'" },
		{ MOUNT, "type=bind,source", -EINVAL, "invalid field 'source': must be a key=value pair" },
		{ MOUNT, "type=bind,\"source=/a", -EINVAL, "missing '\"' at the end of a field" },
		{ TMPFS, "t", -EINVAL, "invalid mount path: 't' mount path must be absolute" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_run_mounts struct run_mounts m = { 0 };
		struct err e = { 0 };

		assert_int_equal(add(&m, CASES[i].flag, CASES[i].text, &e), CASES[i].code);
		assert_string_equal(e.text, CASES[i].message);
		assert_int_equal(m.len, 0);
	}
}

static void two_mounts_at_one_place_are_refused(void **state)
{
	cleanup_run_mounts struct run_mounts m = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(add(&m, VOLUME, "/a:/x", &e), 0);
	assert_int_equal(run_mounts_check(&m, &e), 0);
	assert_int_equal(add(&m, TMPFS, "/x/", &e), 0);
	assert_int_equal(run_mounts_check(&m, &e), -EINVAL);
	assert_string_equal(e.text, "duplicate mount point: /x");
}

static void parents_are_mounted_before_their_children(void **state)
{
	cleanup_run_mounts struct run_mounts m = { 0 };
	cleanup_runtime_spec struct runtime_spec s = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_non_null(spec_add_mount(&s, "/proc", "proc", "proc"));
	assert_non_null(spec_add_mount(&s, "/dev/shm", "tmpfs", "shm"));
	assert_int_equal(add(&m, VOLUME, "/1:/a/b/c", &e), 0);
	assert_int_equal(add(&m, VOLUME, "/2:/a", &e), 0);
	assert_int_equal(add(&m, TMPFS, "/dev/shm", &e), 0);
	assert_int_equal(run_mounts_apply(&m, &s, &e), 0);
	assert_int_equal(s.mounts_len, 4);
	assert_string_equal(s.mounts[0].destination, "/proc");
	assert_string_equal(s.mounts[1].destination, "/a");
	assert_string_equal(s.mounts[1].source, "/2");
	assert_string_equal(s.mounts[2].destination, "/dev/shm");
	assert_string_equal(s.mounts[2].source, "tmpfs");
	assert_string_equal(s.mounts[3].destination, "/a/b/c");
}

static void a_default_gives_way_to_the_user(void **state)
{
	cleanup_run_mounts struct run_mounts m = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(add(&m, VOLUME, "/mine:/etc/hosts", &e), 0);
	assert_int_equal(run_mounts_add_default(&m, RUN_MOUNT_BIND, "/ours", "/etc/hosts", &e), 0);
	assert_int_equal(run_mounts_add_default(&m, RUN_MOUNT_BIND, "/ours", "/etc/hostname", &e), 0);
	assert_int_equal(m.len, 2);
	assert_string_equal(run_mounts_find(&m, "/etc//hosts")->source, "/mine");
	assert_string_equal(run_mounts_find(&m, "/etc/hostname")->source, "/ours");
	assert_null(run_mounts_find(&m, "/etc"));
}

static void paths_are_cleaned_as_go_does_it(void **state)
{
	static const char *const CASES[][2] = {
		{ "/", "/" },           { "", "/" },         { "//", "/" },
		{ "/a/", "/a" },        { "/a//b", "/a/b" }, { "/a/./b", "/a/b" },
		{ "/a/../b", "/b" },    { "/../..", "/" },   { "/a/b/..", "/a" },
		{ "/a/..b", "/a/..b" }, { "a/b", "/a/b" },   { "/...", "/..." },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		cleanup_free char *clean = run_clean_path(CASES[i][0]);

		assert_string_equal(clean, CASES[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_mounts_are_understood),
		cmocka_unit_test(bad_mounts_are_refused_with_the_words_of_docker),
		cmocka_unit_test(two_mounts_at_one_place_are_refused),
		cmocka_unit_test(parents_are_mounted_before_their_children),
		cmocka_unit_test(a_default_gives_way_to_the_user),
		cmocka_unit_test(paths_are_cleaned_as_go_does_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
