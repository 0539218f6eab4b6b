/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cgroups/unit.h"
#include "common/buf.h"
#include "common/cleanup.h"

#define SET(v)                            \
	{                                 \
		.set = true, .value = (v) \
	}

/* --- names ------------------------------------------------------------------------------------------------ */

static void assert_names(const char *path, const char *id, bool user, const char *slice, const char *scope)
{
	struct unit_names names;
	struct err e = { 0 };

	if (unit_names_parse(path, id, user, &names, &e) < 0)
		fail_msg("%s", e.text);
	assert_string_equal(names.slice, slice);
	assert_string_equal(names.scope, scope);
}

static void assert_names_refused(const char *path, const char *message)
{
	struct unit_names names = { .slice = "untouched" };
	struct err e = { 0 };

	assert_int_equal(unit_names_parse(path, "id", false, &names, &e), -EINVAL);
	assert_string_equal(e.text, message);
}

static void the_path_is_slice_prefix_and_name(void **state)
{
	(void)state;
	assert_names("machine.slice:libpod:0123", "id", false, "machine.slice", "libpod-0123.scope");
	assert_names("kubepods-burstable-pod1_2.slice:cri-containerd:ab", "id", false,
		     "kubepods-burstable-pod1_2.slice", "cri-containerd-ab.scope");
}

static void without_a_path_the_slice_is_the_managers_and_the_prefix_ours(void **state)
{
	(void)state;
	assert_names(NULL, "id", false, "system.slice", "sampan-id.scope");
	assert_names("", "id", true, "user.slice", "sampan-id.scope");
	assert_names(":docker:ab", "id", false, "system.slice", "docker-ab.scope");
	assert_names("-.slice::ab", "id", false, "-.slice", "ab.scope");
}

static void bytes_that_a_unit_may_not_have_are_escaped(void **state)
{
	(void)state;
	assert_names("", "a+b", false, "system.slice", "sampan-a\\x2bb.scope");
	assert_names("a.slice:p:x/y\xc3\xa9", "id", false, "a.slice", "p-x\\x2fy\\xc3\\xa9.scope");
}

static void other_forms_are_refused(void **state)
{
	static const char *const FORMS[] = { "/a/b", "a.slice", "a.slice:b", "a.slice:b:", "a.slice:b:c:d" };
	char message[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(FORMS); i++) {
		(void)snprintf(message, sizeof(message),
			       "bad linux.cgroupsPath '%s': the systemd cgroup driver wants "
			       "\"slice:prefix:name\"",
			       FORMS[i]);
		assert_names_refused(FORMS[i], message);
	}
}

static void names_that_are_no_slices_are_refused(void **state)
{
	static const char *const SLICES[] = { "a",        ".slice",     "a.scope",   "-a.slice",
					      "a-.slice", "a--b.slice", "a/b.slice", "--.slice" };
	char path[64], message[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(SLICES); i++) {
		(void)snprintf(path, sizeof(path), "%s:p:n", SLICES[i]);
		(void)snprintf(message, sizeof(message),
			       "bad linux.cgroupsPath '%s': '%s' is no name of a systemd slice", path,
			       SLICES[i]);
		assert_names_refused(path, message);
	}
}

static void names_have_a_longest_length(void **state)
{
	char path[400] = "a.slice::", message[200];

	(void)state;
	memset(path + 9, 'x', UNIT_NAME_MAX - 6);
	{
		struct unit_names names;
		struct err e = { 0 };

		assert_int_equal(unit_names_parse(path, "id", false, &names, &e), 0);
		assert_int_equal(strlen(names.scope), UNIT_NAME_MAX);
	}
	path[9 + UNIT_NAME_MAX - 6] = 'x';
	(void)snprintf(message, sizeof(message),
		       "the name '%.100s' is too long for a systemd scope (255 bytes)", path + 9);
	assert_names_refused(path, message);
	assert_names_refused("a.slice:b c:n", "bad prefix 'b c' of a systemd scope");
}

/* --- properties ------------------------------------------------------------------------------------------- */

/* A letter for the type and the value, lists in brackets. */
static int add_value(struct buf *out, const struct unit_property *p)
{
	static const char LETTERS[] = {
		[UNIT_PROPERTY_U64] = 't', [UNIT_PROPERTY_I32] = 'i', [UNIT_PROPERTY_BOOL] = 'b'
	};
	int r = 0;

	switch (p->kind) {
	case UNIT_PROPERTY_U64:
	case UNIT_PROPERTY_I32:
	case UNIT_PROPERTY_BOOL:
		return buf_printf(out, "%c%" PRIu64, LETTERS[p->kind], p->number);
	case UNIT_PROPERTY_STRING:
		return buf_printf(out, "s%s", p->strings.items[0]);
	case UNIT_PROPERTY_STRV:
		for (size_t i = 0; r == 0 && i < p->strings.len; i++)
			r = buf_printf(out, "[%s]", p->strings.items[i]);
		break;
	case UNIT_PROPERTY_BYTES:
		for (size_t i = 0; r == 0 && i < p->bytes_len; i++)
			r = buf_printf(out, "%02x", p->bytes[i]);
		break;
	}
	return r;
}

static void assert_text(const struct unit_properties *p, const char *expected)
{
	cleanup_buf struct buf text = BUF_INIT(4096);

	for (size_t i = 0; i < p->len; i++) {
		assert_int_equal(buf_printf(&text, "%s=", p->items[i].name), 0);
		assert_int_equal(add_value(&text, &p->items[i]), 0);
		assert_int_equal(buf_add_char(&text, '\n'), 0);
	}
	assert_string_equal(text.data ? text.data : "", expected);
}

static void assert_limits(const struct spec_resources *r, const struct unit_cpu *now, const char *expected)
{
	cleanup_unit_properties struct unit_properties p = { 0 };
	cleanup_limit_list struct limit_list limits = { 0 };
	struct err e = { 0 };

	assert_int_equal(limits_plan(r, &limits, &e), 0);
	if (unit_properties_add_limits(&p, &limits, now, &e) < 0)
		fail_msg("%s", e.text);
	assert_text(&p, expected);
}

static const struct unit_cpu NEW = { .period_us = 100000 };

static void limits_become_properties(void **state)
{
	char cpus[] = "0-3,8,17", mems[] = "1";
	const struct spec_resources r = { .memory_limit = SET(67108864),
					  .memory_swap = SET(134217728),
					  .memory_reservation = SET(33554432),
					  .cpu_shares = SET(1024),
					  .cpu_quota_us = SET(25000),
					  .cpu_period_us = SET(50000),
					  .cpu_cpus = cpus,
					  .cpu_mems = mems,
					  .pids_limit = SET(100),
					  .blkio_weight = SET(1000) };

	(void)state;
	assert_limits(&r, &NEW,
		      "MemorySwapMax=t67108864\nMemoryMax=t67108864\nMemoryLow=t33554432\nCPUWeight=t100\n"
		      "CPUQuotaPeriodUSec=t50000\nCPUQuotaPerSecUSec=t500000\nAllowedCPUs=0f0102\n"
		      "AllowedMemoryNodes=02\nTasksMax=t100\nIOWeight=t10000\n");
}

static void no_limit_is_infinity(void **state)
{
	const struct spec_resources r = { .memory_limit = SET(-1),
					  .pids_limit = SET(-1),
					  .cpu_quota_us = SET(-1) };

	(void)state;
	assert_limits(&r, &NEW,
		      "MemorySwapMax=t18446744073709551615\nMemoryMax=t18446744073709551615\n"
		      "CPUQuotaPerSecUSec=t18446744073709551615\nTasksMax=t18446744073709551615\n");
}

static void a_quota_is_rounded_up_to_a_percent_of_the_period_that_there_is(void **state)
{
	const struct unit_cpu slow = { .period_us = 1000000 };
	const struct spec_resources r = { .cpu_quota_us = SET(33333) };

	(void)state;
	assert_limits(&r, &NEW, "CPUQuotaPerSecUSec=t340000\n");
	assert_limits(&r, &slow, "CPUQuotaPerSecUSec=t40000\n");
}

static void idle_is_the_weight_0_and_ends_with_the_default_one(void **state)
{
	const struct unit_cpu idle = { .period_us = 100000, .idle = true };
	const struct spec_resources on = { .cpu_idle = SET(1) }, off = { .cpu_idle = SET(0) };

	(void)state;
	assert_limits(&on, &NEW, "CPUWeight=t0\n");
	assert_limits(&off, &NEW, "");
	assert_limits(&off, &idle, "CPUWeight=t18446744073709551615\n");
}

static void unified_keys_become_properties_where_there_are_some(void **state)
{
	char high[] = "memory.high=max", quota[] = "cpu.max=max 20000", other[] = "memory.oom.group=1",
	     weight[] = "io.weight=8:0 100";
	char *items[] = { high, quota, other, weight, NULL };
	const struct spec_resources r = { .unified = { .items = items, .len = 4 } };

	(void)state;
	assert_limits(&r, &NEW,
		      "MemoryHigh=t18446744073709551615\nCPUQuotaPeriodUSec=t20000\n"
		      "CPUQuotaPerSecUSec=t18446744073709551615\n");
}

static void bad_values_are_refused_with_their_file(void **state)
{
	static const char *const BAD[][2] = {
		{ "cpuset.cpus", "3-1" },   { "cpuset.cpus", "0-8192" }, { "cpuset.cpus", "a" },
		{ "cpuset.cpus", "1-2-3" }, { "cpuset.cpus", "1,,2" },   { "memory.high", "lots" },
		{ "cpu.max", "1000 0" },    { "cpu.max", "" },           { "cpu.max", "1000 2000000" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		cleanup_unit_properties struct unit_properties p = { 0 };
		struct limit item = { .file = (char *)(uintptr_t)BAD[i][0],
				      .value = (char *)(uintptr_t)BAD[i][1] };
		const struct limit_list limits = { .items = &item, .len = 1 };
		char message[100];
		struct err e = { 0 };

		(void)snprintf(message, sizeof(message), "bad value '%s' for '%s'", item.value, item.file);
		assert_int_equal(unit_properties_add_limits(&p, &limits, &NEW, &e), -EINVAL);
		assert_string_equal(e.text, message);
	}
}

/* --- annotations ------------------------------------------------------------------------------------------ */

#define PROPERTY "org.systemd.property."

static int add_annotation(struct unit_properties *p, const char *annotation, struct err *e)
{
	char *items[] = { (char *)(uintptr_t)annotation, NULL };
	const struct strvec annotations = { .items = items, .len = 1 };

	return unit_properties_add_annotations(p, &annotations, e);
}

static void annotations_become_properties(void **state)
{
	static const char *const GOOD[][2] = {
		{ PROPERTY "TimeoutStopUSec=uint64 10000000", "TimeoutStopUSec=t10000000\n" },
		{ PROPERTY "TimeoutStopSec=3", "TimeoutStopUSec=t3000000\n" },
		{ PROPERTY "DefaultDependencies=true", "DefaultDependencies=b1\n" },
		{ PROPERTY "SendSIGHUP=false", "SendSIGHUP=b0\n" },
		{ PROPERTY "KillSignal=9", "KillSignal=i9\n" },
		{ PROPERTY "CollectMode='inactive-or-failed'", "CollectMode=sinactive-or-failed\n" },
		{ PROPERTY "Description=\"it's\\\"\"", "Description=sit's\"\n" },
		{ PROPERTY "After=['a.service', \"b.target\" ]", "After=[a.service][b.target]\n" },
		{ PROPERTY "After=[]", "After=\n" },
		{ "io.kubernetes.pod=x", "" },
		{ "org.systemd.other=x", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
		cleanup_unit_properties struct unit_properties p = { 0 };
		struct err e = { 0 };

		if (add_annotation(&p, GOOD[i][0], &e) < 0)
			fail_msg("%s", e.text);
		assert_text(&p, GOOD[i][1]);
	}
}

static void bad_annotations_are_refused_whole(void **state)
{
	static const char *const BAD[] = {
		PROPERTY "A",
		PROPERTY "A=",
		PROPERTY "=1",
		PROPERTY "A b=1",
		PROPERTY "A='x",
		PROPERTY "A='x' y",
		PROPERTY "A=['x'",
		PROPERTY "A=['x',]",
		PROPERTY "A=['x' 'y']",
		PROPERTY "A=[1]",
		PROPERTY "A=uint64 x",
		PROPERTY "A=-1",
		PROPERTY "A=2147483648",
		PROPERTY "A='\\",
		PROPERTY "ASec=uint64 18446744073709551615",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		cleanup_unit_properties struct unit_properties p = { 0 };
		char message[300];
		struct err e = { 0 };

		(void)snprintf(message, sizeof(message),
			       "bad annotation '%s': expected a property of systemd in GVariant's text form "
			       "(uint64 5, true, 'text')",
			       BAD[i]);
		assert_int_equal(add_annotation(&p, BAD[i], &e), -EINVAL);
		assert_string_equal(e.text, message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_path_is_slice_prefix_and_name),
		cmocka_unit_test(without_a_path_the_slice_is_the_managers_and_the_prefix_ours),
		cmocka_unit_test(bytes_that_a_unit_may_not_have_are_escaped),
		cmocka_unit_test(other_forms_are_refused),
		cmocka_unit_test(names_that_are_no_slices_are_refused),
		cmocka_unit_test(names_have_a_longest_length),
		cmocka_unit_test(limits_become_properties),
		cmocka_unit_test(no_limit_is_infinity),
		cmocka_unit_test(a_quota_is_rounded_up_to_a_percent_of_the_period_that_there_is),
		cmocka_unit_test(idle_is_the_weight_0_and_ends_with_the_default_one),
		cmocka_unit_test(unified_keys_become_properties_where_there_are_some),
		cmocka_unit_test(bad_values_are_refused_with_their_file),
		cmocka_unit_test(annotations_become_properties),
		cmocka_unit_test(bad_annotations_are_refused_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
