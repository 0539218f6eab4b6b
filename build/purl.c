/* SPDX-License-Identifier: Apache-2.0 */
#include "build/purl.h"

#include <string.h>

#include "common/cleanup.h"
#include "oci/reference.h"

static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~:", c));
}

static int add_escaped(struct buf *out, const char *text, bool keep_slashes)
{
	int r = 0;

	for (const char *p = text; r == 0 && *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (is_plain(c) || (keep_slashes && c == '/'))
			r = buf_add_char(out, (char)c);
		else
			r = buf_printf(out, "%%%02X", c);
	}
	return r;
}

static int add_qualifiers(const struct strvec *qualifiers, struct buf *out)
{
	char separator = '?';
	int r = 0;

	for (size_t i = 0; r == 0 && i < qualifiers->len; i++) {
		const char *text = qualifiers->items[i], *equals = strchr(text, '=');

		if (!equals || !equals[1])
			continue;
		r = buf_printf(out, "%c%.*s=", separator, (int)(equals - text), text);
		if (r == 0)
			r = add_escaped(out, equals + 1, false);
		separator = '&';
	}
	return r;
}

int purl_write(const struct purl *p, struct buf *out)
{
	int r = buf_printf(out, "pkg:%s/", p->type);

	if (r == 0 && p->name_space && *p->name_space) {
		r = add_escaped(out, p->name_space, true);
		if (r == 0)
			r = buf_add_char(out, '/');
	}
	if (r == 0)
		r = add_escaped(out, p->name, false);
	if (r == 0 && p->version && *p->version) {
		r = buf_add_char(out, '@');
		if (r == 0)
			r = add_escaped(out, p->version, false);
	}
	return r < 0 || !p->qualifiers ? r : add_qualifiers(p->qualifiers, out);
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot write a package URL");
}

static int qualifiers_of(const struct reference *ref, const struct platform *platform, struct strvec *ret)
{
	char text[3 * PLATFORM_FIELD_MAX];
	int r = 0;

	if (digest_is_set(&ref->digest))
		r = strvec_addf(ret, "digest=%s", ref->digest.text);
	if (r < 0 || !platform)
		return r;
	platform_format(platform, text);
	return strvec_addf(ret, "platform=%s", text);
}

int purl_of_image(const char *reference, const struct platform *platform, char **ret, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_strvec struct strvec qualifiers = { 0 };
	cleanup_free char *name = NULL;
	cleanup_buf struct buf out = BUF_INIT(PURL_MAX_BYTES);
	struct purl p = { .type = "docker", .qualifiers = &qualifiers };
	char *last;
	int r = reference_parse(reference, &ref, e);

	if (r < 0)
		return err_wrap(e, "invalid reference '%s'", reference);
	name = reference_familiar_name(&ref);
	if (!name || qualifiers_of(&ref, platform, &qualifiers) < 0)
		return no_memory(e);
	last = strrchr(name, '/');
	if (last) {
		*last = '\0';
		p.name_space = name;
	}
	p.name = last ? last + 1 : name;
	p.version = ref.tag;
	r = purl_write(&p, &out);
	if (r < 0)
		return err_code(e, r, "cannot write a package URL");
	*ret = buf_take(&out);
	return *ret ? 0 : no_memory(e);
}
