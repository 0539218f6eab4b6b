/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/reference.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define LOWER              "abcdefghijklmnopqrstuvwxyz"
#define UPPER              "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS             "0123456789"
#define HEX_LOWER          DIGITS "abcdef"
#define DEFAULT_DOMAIN     "docker.io"
#define LEGACY_DOMAIN      "index.docker.io"
#define OFFICIAL_REPO      "library"
#define DEFAULT_TAG        "latest"

/* More than any reference that can be valid; keeps messages and copies small. */
#define REFERENCE_TEXT_MAX (REFERENCE_NAME_MAX + 1 + REFERENCE_TAG_MAX + 1 + DIGEST_TEXT_MAX)

void reference_done(struct reference *r)
{
	free(r->domain);
	free(r->path);
	free(r->tag);
	*r = (struct reference){ 0 };
}

/* --- the grammar ---------------------------------------------------------------------------------- */

/* separator ::= [_.] | "__" | "-"+. Its length at `p`, or 0. */
static size_t separator_len(const char *p)
{
	if (*p == '-')
		return strspn(p, "-");
	if (p[0] == '_' && p[1] == '_')
		return 2;
	return *p == '.' || *p == '_';
}

/* path ::= component ("/" component)*, component ::= [a-z0-9]+ (separator [a-z0-9]+)* */
static bool is_path(const char *p)
{
	for (;;) {
		size_t n = strspn(p, LOWER DIGITS);

		if (n == 0)
			return false;
		p += n;
		if (*p == '\0')
			return true;
		n = *p == '/' ? 1 : separator_len(p);
		if (n == 0)
			return false;
		p += n;
	}
}

/* ":" digits at the end, or nothing. */
static bool is_port_or_end(const char *p)
{
	size_t n;

	if (*p == '\0')
		return true;
	if (*p != ':')
		return false;
	n = strspn(p + 1, DIGITS);
	return n > 0 && p[1 + n] == '\0';
}

/* domain ::= host [":" digits]; host ::= "[" [0-9a-fA-F:]+ "]" | label ("." label)* */
static bool is_domain(const char *p)
{
	size_t n;

	if (*p == '[') {
		n = strspn(p + 1, HEX_LOWER "ABCDEF:");
		return n > 0 && p[1 + n] == ']' && is_port_or_end(p + n + 2);
	}
	for (;;) {
		n = strspn(p, LOWER UPPER DIGITS "-");
		if (n == 0 || p[0] == '-' || p[n - 1] == '-')
			return false;
		p += n;
		if (*p != '.')
			return is_port_or_end(p);
		p++;
	}
}

/* tag ::= [A-Za-z0-9_] [A-Za-z0-9_.-]{0,127} */
static bool is_tag(const char *p)
{
	size_t n = strspn(p, LOWER UPPER DIGITS "_.-");

	return n > 0 && n <= REFERENCE_TAG_MAX && p[n] == '\0' && *p != '.' && *p != '-';
}

/* Whether the part in front of the first slash names a registry. */
static bool is_host_like(const char *first, size_t len)
{
	if (strcspn(first, ".:" UPPER) < len)
		return true;
	return len == strlen("localhost") && strncmp(first, "localhost", len) == 0;
}

/* --- parsing -------------------------------------------------------------------------------------- */

/* Splits "host/rest" at the right slash; *ret_path points into `name`. */
static char *split_domain(const char *name, const char **ret_path)
{
	const char *slash = strchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;

	if (!slash || !is_host_like(name, len)) {
		*ret_path = name;
		return strdup(DEFAULT_DOMAIN);
	}
	*ret_path = slash + 1;
	if (len == strlen(LEGACY_DOMAIN) && strncmp(name, LEGACY_DOMAIN, len) == 0)
		return strdup(DEFAULT_DOMAIN);
	return strndup(name, len);
}

static char *join_path(const char *domain, const char *path)
{
	struct buf out = BUF_INIT(REFERENCE_TEXT_MAX + sizeof(OFFICIAL_REPO));
	bool official = strcmp(domain, DEFAULT_DOMAIN) == 0 && !strchr(path, '/');

	if (buf_printf(&out, "%s%s", official ? OFFICIAL_REPO "/" : "", path) < 0) {
		buf_done(&out);
		return NULL;
	}
	return buf_take(&out);
}

static int check_name(const struct reference *r, struct err *e)
{
	if (!is_domain(r->domain))
		return err_set(e, -EINVAL, "'%s' is not a registry host", r->domain);
	if (strpbrk(r->path, UPPER))
		return err_set(e, -EINVAL, "the repository name must be in lower case");
	if (!is_path(r->path))
		return err_set(e, -EINVAL, "'%s' is not a repository name", r->path);
	if (strlen(r->domain) + 1 + strlen(r->path) > REFERENCE_NAME_MAX)
		return err_set(e, -EFBIG, "the name is longer than %d bytes", REFERENCE_NAME_MAX);
	return 0;
}

static bool is_image_id(const char *text)
{
	return strlen(text) == 64 && strspn(text, HEX_LOWER) == 64;
}

/* Cuts "@DIGEST" off. */
static int cut_digest(char *work, struct reference *r, struct err *e)
{
	char *at = strchr(work, '@');

	if (!at)
		return 0;
	*at = '\0';
	return digest_parse(at + 1, &r->digest, e);
}

/* Cuts ":TAG" off; *ret_tag points into `work`, or is NULL. */
static int cut_tag(char *work, const char **ret_tag, struct err *e)
{
	const char *slash = strchr(work, '/');
	/* A colon in front of the first slash belongs to the host ("a:5000/b", "[::1]/b"). */
	bool has_host = slash && is_host_like(work, (size_t)(slash - work));
	char *colon = strchr(work + (has_host ? slash - work : 0), ':');

	*ret_tag = NULL;
	if (!colon)
		return 0;
	*colon = '\0';
	if (!is_tag(colon + 1))
		return err_set(
			e, -EINVAL,
			"bad tag '%s' (up to %d letters, digits, '_', '.' and '-', the first no '.' or '-')",
			colon + 1, REFERENCE_TAG_MAX);
	*ret_tag = colon + 1;
	return 0;
}

/* `work` is a copy of the text to cut up: NAME[:TAG][@DIGEST]. */
static int parse_parts(char *work, struct reference *r, struct err *e)
{
	const char *path, *tag = NULL;
	int ret = cut_digest(work, r, e);

	if (ret == 0)
		ret = cut_tag(work, &tag, e);
	if (ret < 0)
		return ret;
	if (!tag && !digest_is_set(&r->digest))
		tag = DEFAULT_TAG;
	r->domain = split_domain(work, &path);
	r->path = r->domain ? join_path(r->domain, path) : NULL;
	r->tag = tag ? strdup(tag) : NULL;
	if (!r->path || (tag && !r->tag))
		return err_code(e, -ENOMEM, "out of memory");
	if (*path == '\0')
		return err_set(e, -EINVAL, "it has no repository name");
	return check_name(r, e);
}

int reference_parse(const char *text, struct reference *ret, struct err *e)
{
	cleanup_reference struct reference r = { 0 };
	cleanup_free char *work = NULL;
	int ret_code;

	if (*text == '\0')
		return err_set(e, -EINVAL, "bad reference '': it is empty");
	if (strlen(text) > REFERENCE_TEXT_MAX)
		return err_set(e, -EFBIG, "bad reference '%.100s...': it is longer than %zu bytes", text,
			       REFERENCE_TEXT_MAX);
	if (is_image_id(text))
		return err_set(e, -EINVAL,
			       "bad reference '%s': 64 hex digits are an image ID, not a name (for a digest, "
			       "write NAME@sha256:...)",
			       text);
	work = strdup(text);
	if (!work)
		return err_code(e, -ENOMEM, "cannot parse reference '%s'", text);
	ret_code = parse_parts(work, &r, e);
	if (ret_code < 0)
		return err_wrap(e, "bad reference '%.150s%s'", text, strlen(text) > 150 ? "..." : "");
	*ret = r;
	r = (struct reference){ 0 };
	return 0;
}

/* --- as text -------------------------------------------------------------------------------------- */

/* `domain` is "" where it is left out. */
static char *format(const char *domain, const char *path, const struct reference *suffix)
{
	struct buf out = BUF_INIT(2 * REFERENCE_TEXT_MAX);
	int r = buf_printf(&out, "%s%s%s", domain, *domain ? "/" : "", path);

	if (r == 0 && suffix && suffix->tag)
		r = buf_printf(&out, ":%s", suffix->tag);
	if (r == 0 && suffix && digest_is_set(&suffix->digest))
		r = buf_printf(&out, "@%s", suffix->digest.text);
	if (r < 0) {
		buf_done(&out);
		return NULL;
	}
	return buf_take(&out);
}

char *reference_canonical(const struct reference *r)
{
	return format(r->domain, r->path, r);
}

/* Leaves out what reference_parse puts back in, and only that: "docker.io/a.b/c" keeps its host. */
static char *format_familiar(const struct reference *r, const struct reference *suffix)
{
	const size_t official_len = sizeof(OFFICIAL_REPO "/") - 1;
	const char *slash;

	if (strcmp(r->domain, DEFAULT_DOMAIN) != 0)
		return format(r->domain, r->path, suffix);
	if (strncmp(r->path, OFFICIAL_REPO "/", official_len) == 0 && !strchr(r->path + official_len, '/'))
		return format("", r->path + official_len, suffix);
	slash = strchr(r->path, '/');
	if (slash && is_host_like(r->path, (size_t)(slash - r->path)))
		return format(r->domain, r->path, suffix);
	return format("", r->path, suffix);
}

char *reference_familiar(const struct reference *r)
{
	return format_familiar(r, r);
}

char *reference_familiar_name(const struct reference *r)
{
	return format_familiar(r, NULL);
}
