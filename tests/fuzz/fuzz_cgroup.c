/* SPDX-License-Identifier: Apache-2.0 */
/* What cgroups/ makes of text: resources (of `update` too), cgroupsPath, annotations, files of cgroupfs and of proc. */
#include "cgroups/devices.h"
#include "cgroups/files.h"
#include "cgroups/host.h"
#include "cgroups/limits.h"
#include "cgroups/path.h"
#include "cgroups/unit.h"
#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool so)
{
	if (!so)
		abort();
}

static void as_device_rules(const struct spec_resources *r)
{
	cleanup_free struct bpf_insn *insns = NULL;
	size_t len;
	struct err e;

	if (device_filter_compile(r->devices, r->devices_len, &insns, &len, &e) == 0)
		require(len > 0 && len <= DEVICE_FILTER_INSNS_MAX(r->devices_len));
}

static void as_resources(const char *text, size_t size)
{
	static const struct unit_cpu now[] = { { 0, false }, { 100000, true } };
	cleanup_spec_resources struct spec_resources r = { 0 };
	cleanup_limit_list struct limit_list limits = { 0 };
	struct err e;

	if (spec_resources_decode(text, size, &r, &e) < 0)
		return;
	as_device_rules(&r);
	if (limits_plan(&r, &limits, &e) < 0)
		return;
	for (size_t i = 0; i < limits.len; i++) {
		const char *file = limits.items[i].file;

		require(*file && !strchr(file, '/') && strcmp(file, ".") != 0 && strcmp(file, "..") != 0);
		require(limits.items[i].value != NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(now); i++) {
		cleanup_unit_properties struct unit_properties p = { 0 };

		if (unit_properties_add_limits(&p, &limits, &now[i], &e) < 0)
			require(e.code == -EINVAL);
	}
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static void as_path(const char *text)
{
	struct unit_names names;
	cleanup_buf struct buf path = BUF_INIT(4096);
	struct err e;

	for (int user = 0; user < 2; user++)
		if (unit_names_parse(text, "id", user, &names, &e) == 0)
			require(ends_with(names.scope, ".scope") && ends_with(names.slice, ".slice") &&
				!strchr(names.scope, '/') && !strchr(names.slice, '/'));
	if (cgroup_path_add(&path, text) < 0 || path.len == 0)
		return;
	require(buf_add(&path, "/", 2) == 0 || path.len + 2 > path.max);
	require(path.data[0] == '/' && !memmem(path.data, path.len, "/../", 4));
}

static void as_annotation(const char *text)
{
	cleanup_strvec struct strvec annotations = { 0 };
	cleanup_unit_properties struct unit_properties p = { 0 };
	struct err e;

	require(strvec_addf(&annotations, "org.systemd.property.%s", text) == 0);
	if (strchr(text, '=') && unit_properties_add_annotations(&p, &annotations, &e) == 0)
		require(p.len == 1);
}

static void as_file(const char *text)
{
	const struct controller_facts facts = { CGROUP_UNIFIED, false, text, text, text };
	char path[64];
	uint64_t number;
	const char *end;
	struct err e;

	if (cgroup_own_path(text, path, sizeof(path)) == 0)
		require(!strchr(path, '\n'));
	if (cgroup_text_u64(text, &number, &end) == 0)
		require(end > text && (*end == '\0' || *end == ' ' || *end == '\n'));
	(void)!cgroup_text_key(text, "populated", &number);
	(void)cgroup_text_controllers(text);
	require(controller_explain(&facts, CGROUP_MEMORY | CGROUP_IO, &e) == -EOPNOTSUPP && *e.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);

	require(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	as_resources(text, size);
	as_path(text);
	as_annotation(text);
	as_file(text);
	return 0;
}
