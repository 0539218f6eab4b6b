/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "build/purl.h"
#include "common/cleanup.h"
#include "common/json_write.h"
#include "common/timestamp.h"
#include "pull/hash.h"

#define DOCUMENT  "SPDXRef-DOCUMENT"
#define ROOT      "SPDXRef-DocumentRoot"
#define NOTHING   "NOASSERTION"
#define NAMESPACE "https://spdx.org/spdxdocs/sampan"
#define NAMELESS  "image"
#define ID_MAX    80
#define ID_DIGITS 16 /* of what tells equal names apart */

/* One that is being written. */
struct document {
	const struct sbom *sbom;
	struct json_out *out;
	struct strvec ids; /* SPDX's, of packages */
};

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot write an SBOM");
}

/* --- package URLs ----------------------------------------------------------------------------------------- */

static const char *distro_of(const struct packages *all, const struct package *p)
{
	return all->distro_id ? all->distro_id : p->kind == PACKAGE_DEB ? "debian" : "alpine";
}

static int write_purl(const struct packages *all, const struct package *p, struct buf *out)
{
	cleanup_strvec struct strvec qualifiers = { 0 };
	const struct purl purl = { .type = p->kind == PACKAGE_DEB ? "deb" : "apk",
				   .name_space = distro_of(all, p),
				   .name = p->name,
				   .version = p->version,
				   .qualifiers = &qualifiers };
	int r = strvec_addf(&qualifiers, "arch=%s", p->architecture);

	if (r == 0 && all->distro_id)
		r = strvec_addf(&qualifiers, "distro=%s%s%s", all->distro_id, all->distro_version ? "-" : "",
				all->distro_version ? all->distro_version : "");
	return r < 0 ? r : purl_write(&purl, out);
}

/* --- identifiers -------------------------------------------------------------------------------------------- */

/* Letters, digits, '.' and '-' are all that there may be: the digest of the URL makes it the package's own. */
static int make_id(const struct package *p, const char *purl, struct strvec *ret, struct err *e)
{
	struct digest digest;
	char name[ID_MAX];
	size_t len = 0;
	int r = hash_bytes("sha256", purl, strlen(purl), &digest, e);

	if (r < 0)
		return r;
	for (const char *c = p->name; *c && len < sizeof(name) - 1; c++)
		name[len++] = (char)((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
						     (*c >= '0' && *c <= '9') || *c == '.'
					     ? *c
					     : '-');
	name[len] = '\0';
	return strvec_addf(ret, "SPDXRef-Package-%s-%s-%.*s", p->kind == PACKAGE_DEB ? "deb" : "apk", name,
			   ID_DIGITS, digest_hex(&digest)) < 0
		       ? no_memory(e)
		       : 0;
}

/* By what is in it: a digest, in the form of a UUID as the specification suggests. */
static int make_namespace(const struct sbom *s, const struct buf *purls, char **ret, struct err *e)
{
	cleanup_hash struct hash hash = { 0 };
	struct digest digest;
	const char *name = s->name ? s->name : NAMELESS, *hex;
	int r = hash_init(&hash, "sha256", e);

	if (r == 0)
		r = hash_update(&hash, name, strlen(name) + 1, e);
	if (r == 0)
		r = hash_update(&hash, s->created, strlen(s->created) + 1, e);
	if (r == 0)
		r = hash_update(&hash, purls->data ? purls->data : "", purls->len, e);
	if (r == 0)
		r = hash_final(&hash, &digest, e);
	if (r < 0)
		return r;
	hex = digest_hex(&digest);
	if (asprintf(ret, NAMESPACE "-%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		     hex + 20) < 0) {
		*ret = NULL;
		return no_memory(e);
	}
	return 0;
}

/* --- the document ------------------------------------------------------------------------------------------- */

/* Whole seconds: 6.9 of the specification. */
static int write_creation(const struct document *d, struct err *e)
{
	struct timespec at;
	struct tm tm;
	char text[TIMESTAMP_MAX];

	if (timestamp_parse(d->sbom->created, &at) < 0 || !gmtime_r(&at.tv_sec, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return err_set(e, -EINVAL, "invalid time '%s'", d->sbom->created);
	json_out_object(d->out, "creationInfo");
	json_out_string(d->out, "created", text);
	json_out_array(d->out, "creators");
	json_out_string(d->out, NULL, "Tool: sampan-" SAMPAN_VERSION);
	json_out_end(d->out);
	json_out_end(d->out);
	return 0;
}

static void write_unknowns(struct json_out *o)
{
	json_out_string(o, "downloadLocation", NOTHING);
	json_out_bool(o, "filesAnalyzed", false);
	json_out_string(o, "licenseConcluded", NOTHING);
	json_out_string(o, "licenseDeclared", NOTHING);
	json_out_string(o, "copyrightText", NOTHING);
}

static void write_root(const struct document *d)
{
	json_out_object(d->out, NULL);
	json_out_string(d->out, "SPDXID", ROOT);
	json_out_string(d->out, "name", d->sbom->name ? d->sbom->name : NAMELESS);
	json_out_string(d->out, "supplier", NOTHING);
	write_unknowns(d->out);
	json_out_string(d->out, "primaryPackagePurpose", "CONTAINER");
	json_out_end(d->out);
}

static void write_package(const struct document *d, const struct package *p, const char *id, const char *purl)
{
	json_out_object(d->out, NULL);
	json_out_string(d->out, "SPDXID", id);
	json_out_string(d->out, "name", p->name);
	if (*p->version)
		json_out_string(d->out, "versionInfo", p->version);
	json_out_string(d->out, "supplier", NOTHING);
	write_unknowns(d->out);
	json_out_array(d->out, "externalRefs");
	json_out_object(d->out, NULL);
	json_out_string(d->out, "referenceCategory", "PACKAGE-MANAGER");
	json_out_string(d->out, "referenceType", "purl");
	json_out_string(d->out, "referenceLocator", purl);
	json_out_end(d->out);
	json_out_end(d->out);
	json_out_end(d->out);
}

/* `purls`: all of them, a NUL after each. */
static int write_packages(struct document *d, const struct buf *purls, struct err *e)
{
	const char *purl = purls->data;
	int r = 0;

	json_out_array(d->out, "packages");
	write_root(d);
	for (size_t i = 0; r == 0 && i < d->sbom->packages->len; i++) {
		const struct package *p = &d->sbom->packages->items[i];

		r = make_id(p, purl, &d->ids, e);
		if (r == 0)
			write_package(d, p, d->ids.items[i], purl);
		purl += strlen(purl) + 1;
	}
	json_out_end(d->out);
	return r;
}

static void write_relation(struct json_out *o, const char *from, const char *kind, const char *to)
{
	json_out_object(o, NULL);
	json_out_string(o, "spdxElementId", from);
	json_out_string(o, "relationshipType", kind);
	json_out_string(o, "relatedSpdxElement", to);
	json_out_end(o);
}

static void write_relations(const struct document *d)
{
	json_out_array(d->out, "relationships");
	write_relation(d->out, DOCUMENT, "DESCRIBES", ROOT);
	for (size_t i = 0; i < d->ids.len; i++)
		write_relation(d->out, ROOT, "CONTAINS", d->ids.items[i]);
	json_out_end(d->out);
}

static void write_comment(const struct document *d)
{
	const struct packages *p = d->sbom->packages;

	if (p->has_rpm && p->has_damage)
		json_out_string(d->out, "comment",
				"packages of rpm are not listed, and some database was left out");
	else if (p->has_rpm)
		json_out_string(d->out, "comment", "packages of rpm are not listed");
	else if (p->has_damage)
		json_out_string(d->out, "comment", "some database of packages was left out");
}

static int write_document(struct document *d, const struct buf *purls, struct err *e)
{
	cleanup_free char *name_space = NULL;
	int r = make_namespace(d->sbom, purls, &name_space, e);

	if (r < 0)
		return r;
	json_out_object(d->out, NULL);
	json_out_string(d->out, "spdxVersion", "SPDX-2.3");
	json_out_string(d->out, "dataLicense", "CC0-1.0");
	json_out_string(d->out, "SPDXID", DOCUMENT);
	json_out_string(d->out, "name", d->sbom->name ? d->sbom->name : NAMELESS);
	json_out_string(d->out, "documentNamespace", name_space);
	r = write_creation(d, e);
	write_comment(d);
	if (r == 0)
		r = write_packages(d, purls, e);
	write_relations(d);
	json_out_end(d->out);
	return r;
}

static int list_purls(const struct packages *p, struct buf *out, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->len; i++) {
		r = write_purl(p, &p->items[i], out);
		if (r == 0)
			r = buf_add_char(out, '\0');
	}
	return r < 0 ? err_code(e, r, "cannot name packages") : 0;
}

int sbom_write(const struct sbom *s, struct buf *out, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, SBOM_MAX_BYTES);
	cleanup_buf struct buf purls = BUF_INIT(SBOM_MAX_BYTES);
	struct document d = { .sbom = s, .out = o, .ids = { .max = PACKAGES_MAX } };
	const char *text;
	size_t len;
	int r = list_purls(s->packages, &purls, e);

	if (r == 0)
		r = write_document(&d, &purls, e);
	if (r == 0)
		r = json_out_finish(o, &text, &len, e);
	if (r == 0) {
		r = buf_add(out, text, len);
		if (r < 0)
			(void)err_code(e, r, "cannot keep an SBOM");
	}
	strvec_done(&d.ids);
	return r;
}
