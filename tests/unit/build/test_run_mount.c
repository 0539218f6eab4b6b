/* SPDX-License-Identifier: Apache-2.0 */
#include "build/run_mount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

static struct run_mount parsed(const char *text)
{
	struct run_mount m = { 0 };
	struct err e = { 0 };

	if (run_mount_parse(text, NULL, &m, &e) != 0)
		fail_msg("%s: %s", text, e.text);
	return m;
}

static void a_mount_is_a_bind_mount_where_nothing_is_said(void **state)
{
	cleanup_run_mount struct run_mount m = parsed("target=/a");

	(void)state;
	assert_int_equal(m.type, RUN_MOUNT_BIND);
	assert_string_equal(m.target, "/a");
	assert_null(m.source);
	assert_null(m.from);
	assert_true(m.readonly);
	assert_string_equal(run_mount_type_name(m.type), "bind");
}

static void bind_mounts_have_a_source(void **state)
{
	cleanup_run_mount struct run_mount m = parsed("type=bind,from=build,src=b,dst=/a,rw");
	cleanup_run_mount struct run_mount n = parsed("Type=BIND,source=c,destination=/d,readonly=false");

	(void)state;
	assert_string_equal(m.from, "build");
	assert_string_equal(m.source, "b");
	assert_string_equal(m.target, "/a");
	assert_false(m.readonly);
	assert_string_equal(n.source, "c");
	assert_string_equal(n.target, "/d");
	assert_false(n.readonly);
}

static void cache_mounts_have_an_id_and_an_owner(void **state)
{
	cleanup_run_mount struct run_mount m =
		parsed("type=cache,id=go,target=/a,sharing=Locked,mode=0700,uid=1000,gid=0,from=b,source=c");
	cleanup_run_mount struct run_mount n = parsed("type=cache,target=/a,ro");

	(void)state;
	assert_int_equal(m.type, RUN_MOUNT_CACHE);
	assert_string_equal(m.id, "go");
	assert_int_equal(m.sharing, RUN_MOUNT_LOCKED);
	assert_true(m.mode.set && m.mode.value == 0700);
	assert_true(m.uid.set && m.uid.value == 1000);
	assert_true(m.gid.set && m.gid.value == 0);
	assert_false(m.readonly);
	assert_int_equal(n.sharing, RUN_MOUNT_SHARED);
	assert_false(n.uid.set);
	assert_true(n.readonly);
}

static void tmpfs_mounts_have_a_size(void **state)
{
	cleanup_run_mount struct run_mount m = parsed("type=tmpfs,target=/a,size=64m");

	(void)state;
	assert_int_equal(m.type, RUN_MOUNT_TMPFS);
	assert_true(m.size_bytes == 64U << 20);
	assert_false(m.readonly);
}

static void secret_and_ssh_mounts_may_be_required(void **state)
{
	cleanup_run_mount struct run_mount m = parsed("type=secret,id=a,env=TOKEN,required,mode=0400");
	cleanup_run_mount struct run_mount n = parsed("type=ssh,required=true,id=b,target=/s");
	cleanup_run_mount struct run_mount o = parsed("type=secret,target=/x,required=0");

	(void)state;
	assert_int_equal(m.type, RUN_MOUNT_SECRET);
	assert_string_equal(m.env, "TOKEN");
	assert_true(m.required);
	assert_true(m.readonly);
	assert_int_equal(n.type, RUN_MOUNT_SSH);
	assert_true(n.required);
	assert_false(o.required);
}

static void the_keys_of_buildah_are_taken(void **state)
{
	cleanup_run_mount struct run_mount m =
		parsed("type=bind,target=/a,z,U=true,nosuid,nodev,noexec,bind-propagation=rslave");
	cleanup_run_mount struct run_mount n = parsed("type=tmpfs,target=/a,tmpfs-size=1k,tmpfs-mode=1777");

	(void)state;
	assert_true(m.chown && m.nosuid && m.nodev && m.noexec);
	assert_true(n.size_bytes == 1024);
	assert_true(n.mode.set && n.mode.value == 01777);
}

static int expand(void *arg, const char *word, char **ret, struct err *e)
{
	if (strcmp(word, "$BAD") == 0)
		return err_set(e, -EINVAL, "bad substitution");
	*ret = strdup(strcmp(word, "$T") == 0 ? arg : word);
	return *ret ? 0 : err_code(e, -ENOMEM, "no memory");
}

static void values_are_expanded(void **state)
{
	char type[] = "cache";
	const struct run_mount_expander x = { expand, type };
	struct run_mount m = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(run_mount_parse("type=$T,target=/a,ro", &x, &m, &e), 0);
	assert_int_equal(m.type, RUN_MOUNT_CACHE);
	run_mount_done(&m);
	assert_int_equal(run_mount_parse("target=/a,type=$BAD", &x, &m, &e), -EINVAL);
	assert_string_equal(e.text, "bad substitution");
}

static void bad_mounts_are_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} BAD[] = {
		{ "type=bnid", "unsupported mount type \"bnid\" (did you mean bind?)" },
		{ "type=nfs", "unsupported mount type \"nfs\"" },
		{ "type=cache,sharing=lock", "unsupported sharing value \"lock\" (did you mean locked?)" },
		{ "taget=/a", "unexpected key 'taget' in 'taget=/a' (did you mean target?)" },
		{ "target=/a,noidea=1", "unexpected key 'noidea' in 'noidea=1'" },
		{ "target=/a,noidea", "invalid field 'noidea' must be a key=value pair" },
		{ "target", "invalid field 'target' must be a key=value pair" },
		{ "target=/a,", "invalid field '' must be a key=value pair" },
		{ "target=/a,ro=maybe", "invalid value for ro: maybe" },
		{ "target=/a,rw=", "invalid value for rw: " },
		{ "type=bind,required", "unexpected key 'required' for mount type 'bind'" },
		{ "type=cache,required=true", "unexpected key 'required' for mount type 'cache'" },
		{ "type=ssh,required=x", "invalid value for required: x" },
		{ "type=cache,size=1m", "unexpected key 'size' for mount type 'cache'" },
		{ "type=tmpfs,size=much", "invalid value for size: much" },
		{ "type=cache,mode=8", "invalid value 8 for mode" },
		{ "type=cache,uid=me", "invalid value me for uid" },
		{ "type=cache,gid=-1", "invalid value -1 for gid" },
		{ "type=cache,gid=4294967296", "invalid value 4294967296 for gid" },
		{ "type=bind,mode=755", "mode not allowed for \"bind\" type mounts" },
		{ "type=tmpfs,uid=1", "uid not allowed for \"tmpfs\" type mounts" },
		{ "type=bind,gid=1", "gid not allowed for \"bind\" type mounts" },
		{ "type=secret,id=a,from=b", "secret mount should not have a from" },
		{ "type=secret,id=a,sharing=shared", "secret mount should not define sharing" },
		{ "type=secret", "invalid secret mount. one of source, target required" },
		{ "type=secret,id=a,source=b", "both source and id can't be set" },
		{ "type=bind,sharing=shared", "invalid cache sharing set for bind mount" },
		{ "a\"b", "failed to parse csv mounts: parse error on line 1, column 2: bare \" in "
			  "non-quoted field" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct run_mount m = { 0 };
		struct err e = { 0 };

		if (run_mount_parse(BAD[i].text, NULL, &m, &e) != -EINVAL)
			fail_msg("%s", BAD[i].text);
		assert_string_equal(e.text, BAD[i].message);
	}
}

static void from_is_found_without_reading_the_rest(void **state)
{
	cleanup_free char *from = NULL, *none = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(run_mount_from("type=$T,FROM=build,target=/a", &from, &e), 0);
	assert_string_equal(from, "build");
	assert_int_equal(run_mount_from("type=cache,from=", &none, &e), 0);
	assert_null(none);
	assert_int_equal(run_mount_from("\"", &none, &e), -EINVAL);
	assert_string_equal(
		e.text, "failed to parse csv mounts: parse error on line 1, column 2: extraneous or missing "
			"\" in quoted-field");
}

static void devices_have_a_name(void **state)
{
	static const struct {
		const char *text, *name;
		bool required;
	} GOOD[] = {
		{ "vendor.com/gpu=all", "vendor.com/gpu=all", false },
		{ "vendor.com/gpu=all,required", "vendor.com/gpu=all", true },
		{ "required,a", "a", true },
		{ "name=vendor.com/gpu,required=false", "vendor.com/gpu", false },
		{ "Required=1", NULL, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		cleanup_run_device struct run_device d = { 0 };
		struct err e = { 0 };

		if (run_device_parse(GOOD[i].text, &d, &e) != 0)
			fail_msg("%s", e.text);
		if (GOOD[i].name)
			assert_string_equal(d.name, GOOD[i].name);
		else
			assert_null(d.name);
		assert_int_equal(d.required, GOOD[i].required);
	}
}

static void bad_devices_are_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} BAD[] = {
		{ "a,b", "invalid field 'b' must be a key=value pair" },
		{ "a,name=b", "device name already set to a" },
		{ "a,required=x", "invalid value for required: x" },
		{ "a,requird=true", "unexpected key 'requird' in 'requird=true' (did you mean required?)" },
		{ "a\"", "failed to parse csv devices: parse error on line 1, column 2: bare \" in "
			 "non-quoted field" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct run_device d = { 0 };
		struct err e = { 0 };

		assert_int_equal(run_device_parse(BAD[i].text, &d, &e), -EINVAL);
		assert_string_equal(e.text, BAD[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mount_is_a_bind_mount_where_nothing_is_said),
		cmocka_unit_test(bind_mounts_have_a_source),
		cmocka_unit_test(cache_mounts_have_an_id_and_an_owner),
		cmocka_unit_test(tmpfs_mounts_have_a_size),
		cmocka_unit_test(secret_and_ssh_mounts_may_be_required),
		cmocka_unit_test(the_keys_of_buildah_are_taken),
		cmocka_unit_test(values_are_expanded),
		cmocka_unit_test(bad_mounts_are_refused),
		cmocka_unit_test(from_is_found_without_reading_the_rest),
		cmocka_unit_test(devices_have_a_name),
		cmocka_unit_test(bad_devices_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
