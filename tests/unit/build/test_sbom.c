/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "build/sbom.h"
#include "common/cleanup.h"

#define UNKNOWN                                                                     \
	"\"downloadLocation\":\"NOASSERTION\",\"filesAnalyzed\":false,"             \
	"\"licenseConcluded\":\"NOASSERTION\",\"licenseDeclared\":\"NOASSERTION\"," \
	"\"copyrightText\":\"NOASSERTION\""

static void write_sbom(const char *name, const char *created, const struct packages *p, struct buf *out)
{
	const struct sbom s = { .name = name, .created = created, .packages = p };
	struct err e;

	if (sbom_write(&s, out, &e) < 0)
		fail_msg("%s", e.text);
}

static void assert_has(const struct buf *text, const char *part)
{
	if (!strstr(text->data, part))
		fail_msg("'%s' is not in: %s", part, text->data);
}

static void read_some(struct packages *p)
{
	static const char DPKG[] = "Package: libstdc++6\nVersion: 12.2.0-14\nArchitecture: amd64\n"
				   "Status: install ok installed\n";
	static const char RELEASE[] = "ID=debian\nVERSION_ID=\"12\"\n";

	assert_int_equal(packages_add_dpkg(p, DPKG, sizeof(DPKG) - 1, true), 0);
	assert_int_equal(packages_read_os_release(p, RELEASE, sizeof(RELEASE) - 1), 0);
}

static void a_document_has_the_image_and_what_it_contains(void **state)
{
	cleanup_packages struct packages p = { 0 };
	cleanup_buf struct buf out = BUF_INIT(SBOM_MAX_BYTES);

	(void)state;
	read_some(&p);
	write_sbom("docker.io/library/app:v1", "2024-01-01T00:00:00.5Z", &p, &out);
	assert_has(&out, "{\"spdxVersion\":\"SPDX-2.3\",\"dataLicense\":\"CC0-1.0\","
			 "\"SPDXID\":\"SPDXRef-DOCUMENT\",\"name\":\"docker.io/library/app:v1\","
			 "\"documentNamespace\":\"https://spdx.org/spdxdocs/sampan-");
	assert_has(&out, "\"creationInfo\":{\"created\":\"2024-01-01T00:00:00Z\","
			 "\"creators\":[\"Tool: sampan-" SAMPAN_VERSION "\"]}");
	assert_has(&out, "\"packages\":[{\"SPDXID\":\"SPDXRef-DocumentRoot\",\"name\":\"docker.io/library/"
			 "app:v1\",\"supplier\":\"NOASSERTION\"," UNKNOWN
			 ",\"primaryPackagePurpose\":\"CONTAINER\"},");
	assert_has(
		&out,
		"\"name\":\"libstdc++6\",\"versionInfo\":\"12.2.0-14\",\"supplier\":\"NOASSERTION\"," UNKNOWN
		",\"externalRefs\":[{\"referenceCategory\":\"PACKAGE-MANAGER\","
		"\"referenceType\":\"purl\",\"referenceLocator\":\"pkg:deb/debian/libstdc%2B%2B6@12.2.0-14"
		"?arch=amd64&distro=debian-12\"}]}");
	assert_has(&out,
		   "\"relationships\":[{\"spdxElementId\":\"SPDXRef-DOCUMENT\","
		   "\"relationshipType\":\"DESCRIBES\",\"relatedSpdxElement\":\"SPDXRef-DocumentRoot\"},"
		   "{\"spdxElementId\":\"SPDXRef-DocumentRoot\",\"relationshipType\":\"CONTAINS\","
		   "\"relatedSpdxElement\":\"SPDXRef-Package-deb-libstdc--6-");
	assert_null(strstr(out.data, "comment"));
}

static void the_same_packages_give_the_same_bytes_and_others_another_namespace(void **state)
{
	cleanup_packages struct packages p = { 0 }, none = { 0 };
	cleanup_buf struct buf a = BUF_INIT(SBOM_MAX_BYTES), b = BUF_INIT(SBOM_MAX_BYTES),
			       c = BUF_INIT(SBOM_MAX_BYTES);
	const size_t before = strlen("{\"spdxVersion\":\"SPDX-2.3\",\"dataLicense\":\"CC0-1.0\","
				     "\"SPDXID\":\"SPDXRef-DOCUMENT\",\"name\":\"image\","
				     "\"documentNamespace\":\"https://spdx.org/spdxdocs/sampan-");

	(void)state;
	read_some(&p);
	write_sbom(NULL, "2024-01-01T00:00:00Z", &p, &a);
	write_sbom(NULL, "2024-01-01T00:00:00Z", &p, &b);
	write_sbom(NULL, "2024-01-01T00:00:00Z", &none, &c);
	assert_string_equal(a.data, b.data);
	assert_memory_equal(a.data, c.data, before);
	assert_memory_not_equal(a.data + before, c.data + before, 36);
}

static void what_is_not_listed_is_said(void **state)
{
	cleanup_packages struct packages p = { .has_rpm = true };
	cleanup_buf struct buf out = BUF_INIT(SBOM_MAX_BYTES);

	(void)state;
	write_sbom(NULL, "2024-01-01T00:00:00Z", &p, &out);
	assert_has(&out, "\"comment\":\"packages of rpm are not listed\"");
	p.has_damage = true;
	buf_clear(&out);
	write_sbom(NULL, "2024-01-01T00:00:00Z", &p, &out);
	assert_has(&out, "\"comment\":\"packages of rpm are not listed, and some database was left out\"");
	p.has_rpm = false;
	buf_clear(&out);
	write_sbom(NULL, "2024-01-01T00:00:00Z", &p, &out);
	assert_has(&out, "\"comment\":\"some database of packages was left out\"");
}

static void what_is_no_time_is_refused(void **state)
{
	cleanup_packages struct packages p = { 0 };
	cleanup_buf struct buf out = BUF_INIT(SBOM_MAX_BYTES);
	const struct sbom s = { .created = "yesterday", .packages = &p };
	struct err e;

	(void)state;
	assert_int_equal(sbom_write(&s, &out, &e), -EINVAL);
	assert_string_equal(e.text, "invalid time 'yesterday'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_has_the_image_and_what_it_contains),
		cmocka_unit_test(the_same_packages_give_the_same_bytes_and_others_another_namespace),
		cmocka_unit_test(what_is_not_listed_is_said),
		cmocka_unit_test(what_is_no_time_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
