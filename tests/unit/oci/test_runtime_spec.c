/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "oci/runtime_spec.h"

#define DATA "tests/unit/oci/data/"

/* --- helpers --- */

static char *read_data(const char *name)
{
	cleanup_buf struct buf text = BUF_INIT(SPEC_MAX_BYTES);
	char path[256];
	struct err e;

	(void)snprintf(path, sizeof(path), DATA "%s", name);
	if (file_read(AT_FDCWD, path, &text, &e) < 0)
		fail_msg("%s", e.text);
	return buf_take(&text);
}

static void decode_ok(const char *text, struct runtime_spec *ret)
{
	struct err e = { 0 };

	if (runtime_spec_decode(text, strlen(text), ret, &e) < 0)
		fail_msg("%s", e.text);
}

static char *written(const struct runtime_spec *s)
{
	cleanup_json_out struct json_out *o = json_out_new(true, SPEC_MAX_BYTES);
	const char *text;
	struct err e;
	size_t len;

	runtime_spec_write(o, s);
	if (json_out_finish(o, &text, &len, &e) < 0)
		fail_msg("%s", e.text);
	return strdup(text);
}

static void assert_same_value(const struct json_in *a, const struct json_in *b);

static int visit_member(const struct json_in *member, void *arg, struct err *e)
{
	struct json_in other = json_get(arg, member->key);

	(void)e;
	if (!other.value)
		fail_msg("key '%s' is in one document only", member->key);
	assert_same_value(member, &other);
	return 0;
}

/* Equal as JSON: keys in any order. */
static void assert_same_value(const struct json_in *a, const struct json_in *b)
{
	cleanup_free char *x = NULL, *y = NULL;
	struct err e;

	if (json_in_is_object(a) && json_in_is_object(b)) {
		assert_int_equal(json_each(a, visit_member, (void *)(uintptr_t)b, &e), 0);
		assert_int_equal(json_each(b, visit_member, (void *)(uintptr_t)a, &e), 0);
		return;
	}
	if (json_in_is_array(a) && json_in_is_array(b)) {
		assert_int_equal(json_len(a), json_len(b));
		for (size_t i = 0; i < json_len(a); i++) {
			struct json_in item = json_at(a, i), other = json_at(b, i);

			assert_same_value(&item, &other);
		}
		return;
	}
	assert_int_equal(json_read_raw(a, NULL, &x, &e), 0);
	assert_int_equal(json_read_raw(b, NULL, &y, &e), 0);
	assert_string_equal(x, y);
}

static void assert_same_json(const char *a, const char *b)
{
	cleanup_json_doc struct json_doc *x = NULL, *y = NULL;
	struct json_in top_x, top_y;
	struct err e;

	assert_int_equal(json_parse(a, strlen(a), 64, &x, &e), 0);
	assert_int_equal(json_parse(b, strlen(b), 64, &y, &e), 0);
	top_x = json_top(x);
	top_y = json_top(y);
	assert_same_value(&top_x, &top_y);
}

/* What was read is written, and reads the same again. */
static void assert_round_trip(const char *text)
{
	cleanup_runtime_spec struct runtime_spec first = { 0 }, second = { 0 };
	cleanup_free char *once = NULL, *twice = NULL;

	decode_ok(text, &first);
	once = written(&first);
	decode_ok(once, &second);
	twice = written(&second);
	assert_string_equal(once, twice);
}

#define HEAD "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"}"

static void assert_refused(const char *text, int code, const char *message)
{
	struct runtime_spec s;
	struct err e = { 0 };

	assert_int_equal(runtime_spec_decode(text, strlen(text), &s, &e), code);
	assert_int_equal(e.code, code);
	if (!strstr(e.text, message))
		fail_msg("'%s' is not in '%s'", message, e.text);
	assert_null(s.oci_version); /* emptied */
}

/* --- whole documents --- */

static void every_field_is_read_and_written(void **state)
{
	cleanup_free char *text = read_data("every-field.json"), *out = NULL;
	cleanup_runtime_spec struct runtime_spec s = { 0 };

	(void)state;
	decode_ok(text, &s);
	out = written(&s);
	assert_same_json(text, out);
	assert_round_trip(text);
}

static void fields_land_where_they_belong(void **state)
{
	cleanup_free char *text = read_data("every-field.json");
	cleanup_runtime_spec struct runtime_spec s = { 0 };
	const struct spec_resources *r;

	(void)state;
	decode_ok(text, &s);
	assert_int_equal(s.process->user.uid, 1000);
	assert_int_equal(s.process->user.additional_gids_len, 2);
	assert_true(s.process->user.additional_gids[1] == UINT32_MAX);
	assert_true(s.process->rlimits[0].hard == UINT64_MAX);
	assert_int_equal(s.process->oom_score_adj.value, -500);
	assert_string_equal(s.process->scheduler->policy, "SCHED_DEADLINE");
	assert_int_equal(s.process->scheduler->nice.value, -5);
	assert_string_equal(s.process->exec_cpu_affinity->final, "2,3");
	assert_int_equal(s.mounts[1].gid_mappings[0].host_id, 200000);
	assert_null(s.mounts[1].type);
	assert_int_equal(s.hooks.poststop.len, 2);
	assert_int_equal(s.hooks.prestart.items[0].timeout_s.value, 5);
	r = s.linux_.resources;
	assert_int_equal(r->devices[0].type, 'a');
	assert_false(r->devices[0].major.set);
	assert_int_equal(r->devices[2].type, 'b');
	assert_true(r->devices[2].major.set && !r->devices[2].minor.set);
	assert_int_equal(r->memory_swap.value, -1);
	assert_true(r->memory_disable_oom_killer.set && !r->memory_disable_oom_killer.value);
	assert_true(r->pids_limit.set);
	assert_true(r->blkio_read_bps.items[0].rate.value == UINT64_MAX);
	assert_true(r->has_network);
	assert_int_equal(r->rdma_len, 2);
	assert_string_equal(strvec_get_env(&r->unified, "io.max"), "8:0 rbps=1");
	assert_int_equal(s.linux_.namespaces[1].type, SPEC_NS_NETWORK);
	assert_string_equal(s.linux_.namespaces[1].path, "/var/run/netns/x");
	assert_true(s.linux_.seccomp->has_flags);
	assert_true(s.linux_.seccomp->syscalls[1].args[0].value == UINT64_MAX);
	assert_true(s.linux_.has_intel_rdt && s.linux_.has_personality);
	assert_int_equal(s.linux_.time_offsets_len, 2);
	assert_int_equal(s.linux_.net_devices_len, 2);
	assert_string_equal(s.linux_.memory_policy->nodes, "0-1");
}

static void what_podman_and_docker_write_survives_a_round_trip(void **state)
{
	static const char *const names[] = { "podman.json", "docker.json", "runc-spec.json",
					     "runc-spec-rootless.json" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		cleanup_free char *text = read_data(names[i]);

		assert_round_trip(text);
	}
}

static void podmans_document_is_written_key_by_key(void **state)
{
	cleanup_free char *text = read_data("podman.json"), *out = NULL;
	cleanup_runtime_spec struct runtime_spec s = { 0 };

	(void)state;
	decode_ok(text, &s);
	out = written(&s);
	assert_same_json(text, out);
}

/* --- what we write ourselves --- */

static void rename_host(struct runtime_spec *s)
{
	assert_string_equal(s->hostname, "sampan");
	free(s->hostname);
	s->hostname = strdup("runc"); /* the one difference that is meant */
}

static void the_example_is_runcs_key_by_key(void **state)
{
	cleanup_free char *golden = read_data("runc-spec.json"), *out = NULL;
	cleanup_runtime_spec struct runtime_spec s = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(runtime_spec_example(&s, &e), 0);
	rename_host(&s);
	out = written(&s);
	assert_same_json(golden, out);
}

static void the_rootless_example_is_runcs_key_by_key(void **state)
{
	cleanup_free char *golden = read_data("runc-spec-rootless.json"), *out = NULL;
	cleanup_runtime_spec struct runtime_spec s = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(runtime_spec_example(&s, &e), 0);
	rename_host(&s);
	assert_int_equal(runtime_spec_make_rootless(&s, 0, 0, &e), 0);
	out = written(&s);
	assert_same_json(golden, out);
}

static void a_rootless_spec_maps_the_users_own_ids(void **state)
{
	cleanup_runtime_spec struct runtime_spec s = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(runtime_spec_docker_default(&s, &e), 0);
	assert_int_equal(runtime_spec_make_rootless(&s, 1000, 1001, &e), 0);
	assert_int_equal(s.linux_.uid_mappings[0].host_id, 1000);
	assert_int_equal(s.linux_.gid_mappings[0].host_id, 1001);
	assert_null(spec_find_namespace(&s, SPEC_NS_NETWORK));
	assert_true(strvec_has(&spec_find_mount(&s, "/sys")->options, "rbind"));
	assert_false(strvec_has(&spec_find_mount(&s, "/dev/pts")->options, "gid=5"));
	assert_null(s.linux_.resources);
}

static void dockers_default_has_its_capabilities_mounts_and_paths(void **state)
{
	cleanup_runtime_spec struct runtime_spec s = { 0 };
	cleanup_free char *out = NULL;
	struct err e;

	(void)state;
	assert_int_equal(runtime_spec_docker_default(&s, &e), 0);
	assert_int_equal(s.process->capabilities->bounding.len, 14);
	assert_true(strvec_has(&s.process->capabilities->bounding, "CAP_AUDIT_WRITE"));
	assert_false(strvec_has(&s.process->capabilities->bounding, "CAP_SYS_ADMIN"));
	assert_int_equal(s.process->capabilities->permitted.len, 14);
	assert_int_equal(s.process->capabilities->ambient.len, 0);
	assert_int_equal(s.mounts_len, 7);
	assert_true(strvec_has(&spec_find_mount(&s, "/dev/shm")->options, "size=67108864"));
	assert_true(strvec_has(&spec_find_mount(&s, "/sys/fs/cgroup")->options, "ro"));
	assert_int_equal(s.linux_.masked_paths.len, 12);
	assert_true(strvec_has(&s.linux_.masked_paths, "/sys/devices/virtual/powercap"));
	assert_int_equal(s.linux_.readonly_paths.len, 5);
	assert_int_equal(s.linux_.namespaces_len, 6);
	assert_non_null(spec_find_namespace(&s, SPEC_NS_CGROUP));
	assert_null(spec_find_namespace(&s, SPEC_NS_USER));
	assert_false(s.linux_.resources->devices[0].allow);
	assert_null(s.linux_.seccomp);
	assert_int_equal(s.process->args.len, 0);
	out = written(&s);
	assert_round_trip(out);
}

/* --- checks --- */

static void versions_1_0_to_1_3_are_accepted(void **state)
{
	static const char *const good[] = { "1.0.0", "1.0.2-dev", "1.1.0-rc.1", "1.2.1", "1.3.0", "1.3.9+x" };
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		cleanup_runtime_spec struct runtime_spec s = { 0 };

		(void)snprintf(text, sizeof(text), "{\"ociVersion\":\"%s\",\"root\":{\"path\":\"r\"}}",
			       good[i]);
		decode_ok(text, &s);
		assert_string_equal(s.oci_version, good[i]);
	}
}

static void other_versions_are_refused_before_anything_else(void **state)
{
	(void)state;
	assert_refused("{\"ociVersion\":\"1.4.0\",\"root\":7}", -EOPNOTSUPP,
		       "ociVersion: version '1.4.0' is not supported (this runtime knows 1.0.0 to 1.3.0)");
	assert_refused("{\"ociVersion\":\"2.0.0\"}", -EOPNOTSUPP, "'2.0.0'");
	assert_refused("{\"ociVersion\":\"0.9.0\"}", -EOPNOTSUPP, "'0.9.0'");
	assert_refused("{\"ociVersion\":\"1.0\"}", -EINVAL, "ociVersion: '1.0' is not a version");
	assert_refused("{\"ociVersion\":\"1.0.x\"}", -EINVAL, "is not a version");
	assert_refused("{\"ociVersion\":\"1.0.0 \"}", -EINVAL, "is not a version");
	assert_refused("{\"ociVersion\":\"99999999999.0.0\"}", -EINVAL, "is not a version");
	assert_refused("{}", -EINVAL, "ociVersion: missing");
	assert_refused("[]", -EINVAL, "expected an object");
}

static void what_the_text_alone_shows_to_be_wrong_is_refused(void **state)
{
	static const struct {
		const char *rest, *message;
	} bad[] = {
		{ ",\"process\":{\"cwd\":\"tmp\"}}", "process.cwd: Cwd must be an absolute path" },
		{ ",\"process\":{\"cwd\":\"\"}}", "process.cwd: Cwd property must not be empty" },
		{ ",\"process\":{}}", "process.cwd: missing" },
		{ ",\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":-1}}}", "process.user.uid: expected" },
		{ ",\"process\":{\"cwd\":\"/\",\"user\":{\"additionalGids\":[1,\"x\"]}}}",
		  "process.user.additionalGids[1]: expected" },
		{ ",\"process\":{\"cwd\":\"/\",\"args\":[\"a\",1]}}", "process.args[1]: expected a string" },
		{ ",\"process\":{\"cwd\":\"/\",\"env\":[\"A=\\u0000\"]}}", "process.env[0]: has a NUL byte" },
		{ ",\"process\":{\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":0},"
		  "{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":0}]}}",
		  "process.rlimits[1].type: duplicate rlimit 'RLIMIT_CORE'" },
		{ ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"uts\"},{\"type\":\"pid\"}]}}",
		  "linux.namespaces[2]: malformed spec file: duplicate ns 'pid'" },
		{ ",\"linux\":{\"namespaces\":[{\"type\":\"moon\"}]}}",
		  "linux.namespaces[0].type: namespace 'moon' does not exist" },
		{ ",\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"proc/1/ns/pid\"}]}}",
		  "linux.namespaces[0].path: namespace path 'proc/1/ns/pid' is not absolute" },
		{ ",\"linux\":{\"rootfsPropagation\":\"odd\"}}", "rootfsPropagation=odd is not supported" },
		{ ",\"linux\":{\"devices\":[{\"path\":\"/dev/x\",\"type\":\"z\"}]}}",
		  "linux.devices[0].type: invalid device type 'z'" },
		{ ",\"linux\":{\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rx\"}]}}}",
		  "linux.resources.devices[0].access: invalid access 'rx'" },
		{ ",\"linux\":{\"resources\":{\"memory\":{\"limit\":\"1g\"}}}}",
		  "linux.resources.memory.limit: expected an integer" },
		{ ",\"linux\":{\"resources\":{\"blockIO\":{\"weight\":70000}}}}",
		  "linux.resources.blockIO.weight: is larger than 65535" },
		{ ",\"linux\":{\"timeOffsets\":{\"realtime\":{\"secs\":1}}}}", "unknown clock 'realtime'" },
		{ ",\"linux\":{\"timeOffsets\":{\"monotonic\":{\"nanosecs\":1000000000}}}}",
		  "linux.timeOffsets.monotonic.nanosecs" },
		{ ",\"hooks\":{\"prestart\":[{\"path\":\"hook\"}]}}",
		  "hooks.prestart[0].path: path 'hook' is not absolute" },
		{ ",\"hooks\":{\"poststop\":[{\"path\":\"/h\",\"timeout\":0}]}}",
		  "hooks.poststop[0].timeout: a hook's timeout must be greater than zero" },
		{ ",\"mounts\":[{\"source\":\"x\"}]}", "mounts[0].destination: missing" },
		{ ",\"mounts\":[{\"destination\":\"\"}]}",
		  "mounts[0].destination: mount destination is empty" },
		{ ",\"mounts\":{}}", "mounts: expected an array" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)snprintf(text, sizeof(text), "%s%s", HEAD, bad[i].rest);
		assert_refused(text, -EINVAL, bad[i].message);
	}
	assert_refused("{\"ociVersion\":\"1.0.2\"}", -EINVAL, "root: Root must be specified");
	assert_refused("{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"\"}}", -EINVAL, "root.path");
}

static void too_deep_and_too_large_documents_are_refused(void **state)
{
	cleanup_free char *large = calloc(1, SPEC_MAX_BYTES + 2);
	struct runtime_spec s;
	struct err e;
	char deep[256];

	(void)state;
	memset(deep, '[', 100);
	memset(deep + 100, ']', 100);
	deep[200] = '\0';
	assert_refused(deep, -EFBIG, "deeper than 32 levels");
	memset(large, ' ', SPEC_MAX_BYTES + 1);
	assert_int_equal(runtime_spec_decode(large, SPEC_MAX_BYTES + 1, &s, &e), -EFBIG);
	assert_string_equal(e.text, "config.json is larger than 16777216 bytes");
}

static void absent_parts_stay_absent(void **state)
{
	cleanup_runtime_spec struct runtime_spec s = { 0 };

	(void)state;
	decode_ok(HEAD ",\"process\":null,\"hostname\":\"\",\"linux\":{\"seccomp\":null}}", &s);
	assert_null(s.process);
	assert_null(s.hostname);
	assert_null(s.linux_.seccomp);
	assert_null(s.linux_.resources);
	assert_int_equal(s.mounts_len, 0);
}

static void empty_args_are_left_to_the_start(void **state)
{
	cleanup_runtime_spec struct runtime_spec s = { 0 };

	(void)state;
	decode_ok(HEAD ",\"process\":{\"cwd\":\"/\",\"args\":[]}}", &s);
	assert_int_equal(s.process->args.len, 0);
}

static void a_relative_mount_destination_starts_at_the_root(void **state)
{
	cleanup_runtime_spec struct runtime_spec s = { 0 };

	(void)state;
	decode_ok(HEAD ",\"mounts\":[{\"destination\":\"proc\",\"type\":\"proc\"}]}", &s);
	assert_string_equal(s.mounts[0].destination, "/proc");
}

static void a_process_of_its_own_is_decoded_and_checked(void **state)
{
	static const char good[] = "{\"cwd\":\"/\",\"args\":[\"id\"],\"user\":{\"uid\":7,\"gid\":8}}";
	static const char bad[] = "{\"cwd\":\"x\"}";
	struct spec_process p;
	struct err e;

	(void)state;
	assert_int_equal(spec_process_decode(good, strlen(good), &p, &e), 0);
	assert_int_equal(p.user.gid, 8);
	assert_string_equal(p.args.items[0], "id");
	spec_process_done(&p);
	assert_int_equal(spec_process_decode(bad, strlen(bad), &p, &e), -EINVAL);
	assert_string_equal(e.text, "cwd: Cwd must be an absolute path, not 'x'");
}

/* --- growing --- */

static void elements_are_added_found_and_removed(void **state)
{
	cleanup_runtime_spec struct runtime_spec s = { 0 };
	struct err e;

	(void)state;
	assert_int_equal(runtime_spec_example(&s, &e), 0);
	assert_non_null(spec_add_mount(&s, "/data", NULL, "/srv"));
	assert_null(spec_find_mount(&s, "/data")->type);
	assert_string_equal(spec_find_mount(&s, "/data")->source, "/srv");
	spec_remove_mount(&s, "/dev");
	spec_remove_mount(&s, "/nowhere");
	assert_null(spec_find_mount(&s, "/dev"));
	assert_non_null(spec_find_mount(&s, "/dev/shm"));
	assert_int_equal(s.mounts_len, 7);
	assert_non_null(spec_add_namespace(&s, SPEC_NS_TIME, "/proc/1/ns/time"));
	spec_remove_namespace(&s, SPEC_NS_PID);
	spec_remove_namespace(&s, SPEC_NS_USER);
	assert_null(spec_find_namespace(&s, SPEC_NS_PID));
	assert_string_equal(spec_find_namespace(&s, SPEC_NS_TIME)->path, "/proc/1/ns/time");
	assert_int_equal(s.linux_.namespaces_len, 5);
	assert_non_null(spec_add_device(&s, "/dev/fuse", 'c', 10, 229));
	assert_int_equal(s.linux_.devices[0].minor, 229);
	assert_non_null(spec_add_device_rule(s.linux_.resources, true, 'c', 10, -1, NULL));
	assert_true(s.linux_.resources->devices[1].major.set);
	assert_false(s.linux_.resources->devices[1].minor.set);
	assert_non_null(spec_add_rlimit(s.process, "RLIMIT_CORE", 0, 1));
	assert_int_equal(s.process->rlimits[1].hard, 1);
}

static void ids_of_a_container_are_others_on_the_host(void **state)
{
	static const struct spec_id_mapping MAPS[] = { { 0, 1000, 1 }, { 1, 100000, 10 } };

	(void)state;
	assert_int_equal(spec_host_id(MAPS, 2, 0), 1000);
	assert_int_equal(spec_host_id(MAPS, 2, 10), 100009);
	assert_int_equal(spec_host_id(MAPS, 2, 11), 11);
	assert_int_equal(spec_host_id(NULL, 0, 7), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_of_a_container_are_others_on_the_host),
		cmocka_unit_test(every_field_is_read_and_written),
		cmocka_unit_test(fields_land_where_they_belong),
		cmocka_unit_test(what_podman_and_docker_write_survives_a_round_trip),
		cmocka_unit_test(podmans_document_is_written_key_by_key),
		cmocka_unit_test(the_example_is_runcs_key_by_key),
		cmocka_unit_test(the_rootless_example_is_runcs_key_by_key),
		cmocka_unit_test(a_rootless_spec_maps_the_users_own_ids),
		cmocka_unit_test(dockers_default_has_its_capabilities_mounts_and_paths),
		cmocka_unit_test(versions_1_0_to_1_3_are_accepted),
		cmocka_unit_test(other_versions_are_refused_before_anything_else),
		cmocka_unit_test(what_the_text_alone_shows_to_be_wrong_is_refused),
		cmocka_unit_test(too_deep_and_too_large_documents_are_refused),
		cmocka_unit_test(absent_parts_stay_absent),
		cmocka_unit_test(empty_args_are_left_to_the_start),
		cmocka_unit_test(a_relative_mount_destination_starts_at_the_root),
		cmocka_unit_test(a_process_of_its_own_is_decoded_and_checked),
		cmocka_unit_test(elements_are_added_found_and_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
