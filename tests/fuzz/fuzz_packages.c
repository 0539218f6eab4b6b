/* SPDX-License-Identifier: Apache-2.0 */
/* One text as each database of packages. What is found is within its limits, and makes a document. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "build/sbom.h"
#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_field(const char *text)
{
	if (strlen(text) > PACKAGES_FIELD_MAX)
		abort();
	for (; *text; text++)
		if (*text <= ' ' || *text >= 0x7f)
			abort();
}

static void check(const struct packages *p)
{
	cleanup_buf struct buf out = BUF_INIT(SBOM_MAX_BYTES);
	const struct sbom s = { .name = "fuzz", .created = "2024-01-01T00:00:00Z", .packages = p };
	struct err e;

	for (size_t i = 0; i < p->len; i++) {
		if (!p->items[i].name[0])
			abort();
		check_field(p->items[i].name);
		check_field(p->items[i].version);
		check_field(p->items[i].architecture);
	}
	if (sbom_write(&s, &out, &e) < 0 || strlen(out.data) != out.len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_packages struct packages p = { 0 };
	cleanup_buf struct buf text = BUF_INIT(65536);

	if (buf_add(&text, data, size) < 0 || !text.data)
		return 0;
	if (packages_read_os_release(&p, text.data, text.len) < 0 ||
	    packages_add_dpkg(&p, text.data, text.len, true) < 0 ||
	    packages_add_dpkg(&p, text.data, text.len, false) < 0 ||
	    packages_add_apk(&p, text.data, text.len) < 0)
		abort();
	check(&p);
	return 0;
}
