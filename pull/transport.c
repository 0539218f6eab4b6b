/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/transport.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define REF_NAME        "org.opencontainers.image.ref.name"
#define CONTAINERD_NAME "io.containerd.image.name"
#define LIST_MAX        320 /* bytes of a list of names in a message */

static const struct {
	const char *prefix;
	enum transport_kind kind;
} PREFIXES[] = {
	{ "oci:", TRANSPORT_OCI_DIR },
	{ "oci-archive:", TRANSPORT_OCI_ARCHIVE },
	{ "docker-archive:", TRANSPORT_DOCKER_ARCHIVE },
};

const char *transport_prefix(enum transport_kind kind)
{
	for (size_t i = 0; i < ARRAY_LEN(PREFIXES); i++)
		if (PREFIXES[i].kind == kind)
			return PREFIXES[i].prefix;
	return "";
}

void transport_done(struct transport *t)
{
	reference_done(&t->reference);
	free(t->path);
	free(t->image);
	*t = (struct transport){ 0 };
}

/* PATH[:IMAGE]; the first colon ends the path, as in skopeo. */
static int parse_file(const char *text, enum transport_kind kind, struct transport *t, struct err *e)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	if (len == 0)
		return err_set(e, -EINVAL, "expected a path behind the transport's name");
	t->kind = kind;
	t->path = strndup(text, len);
	if (colon && colon[1])
		t->image = strdup(colon + 1);
	if (!t->path || (colon && colon[1] && !t->image))
		return err_code(e, -ENOMEM, "cannot keep '%s'", text);
	return 0;
}

int transport_parse(const char *text, struct transport *ret, struct err *e)
{
	cleanup_transport struct transport t = { 0 };
	int r = 1;

	for (size_t i = 0; r == 1 && i < ARRAY_LEN(PREFIXES); i++)
		if (strncmp(text, PREFIXES[i].prefix, strlen(PREFIXES[i].prefix)) == 0)
			r = parse_file(text + strlen(PREFIXES[i].prefix), PREFIXES[i].kind, &t, e);
	/* Else it would be an image of that name in the default registry. */
	if (r == 1 && strncmp(text, "containers-storage:", 19) == 0)
		return err_set(e, -EINVAL,
			       "images of the store are named without 'containers-storage:' (sampan push, "
			       "sampan save)");
	if (r == 1 && strncmp(text, "docker-daemon:", 14) == 0)
		return err_set(
			e, -EINVAL,
			"images of a docker daemon come and go by way of a file (docker save NAME | sampan "
			"load, sampan save NAME | docker load)");
	if (r == 1)
		r = reference_parse(strncmp(text, "docker://", 9) == 0 ? text + 9 : text, &t.reference, e);
	if (r < 0)
		return r;
	*ret = t;
	t = (struct transport){ 0 };
	return 0;
}

int transport_target_names(const struct transport *t, struct strvec *names, const char **ret_tag,
			   struct err *e)
{
	bool is_reference =
		t->image && (t->kind == TRANSPORT_DOCKER_ARCHIVE || strchr(t->image, '/') != NULL);
	cleanup_reference struct reference ref = { 0 };
	int r = is_reference ? reference_parse(t->image, &ref, e) : 0;

	if (r == 0 && is_reference && strvec_take(names, reference_canonical(&ref)) < 0)
		r = err_code(e, -ENOMEM, "cannot keep a name");
	if (r == 0)
		*ret_tag = is_reference ? NULL : t->image;
	return r;
}

static const char *annotation(const struct descriptor *d, const char *name)
{
	return strvec_get_env(&d->annotations, name);
}

/* Compares two references after normalisation; other texts as they are. */
static bool same_name(const char *a, const char *b)
{
	cleanup_reference struct reference ra = { 0 }, rb = { 0 };
	cleanup_free char *ca = NULL, *cb = NULL;
	struct err ignored; /* what is no reference is compared as it is */

	if (strcmp(a, b) == 0)
		return true;
	if (reference_parse(a, &ra, &ignored) < 0 || reference_parse(b, &rb, &ignored) < 0)
		return false;
	ca = reference_canonical(&ra);
	cb = reference_canonical(&rb);
	return ca && cb && strcmp(ca, cb) == 0;
}

static bool is_asked_for(const struct transport *t, const struct descriptor *d)
{
	const char *tag = annotation(d, REF_NAME), *name = annotation(d, CONTAINERD_NAME);

	if (!t->image)
		return true;
	if (t->image[0] == '@')
		return strcmp(d->digest.text, t->image + 1) == 0;
	return (tag && strcmp(tag, t->image) == 0) || (name && same_name(name, t->image));
}

static const char *shown_name(const struct descriptor *d)
{
	const char *name = annotation(d, CONTAINERD_NAME);

	return name ? name : annotation(d, REF_NAME);
}

/* "a, b, c"; cut with "..." where it grows too long for a message. */
static void list_names(const struct image_index *index, char out[LIST_MAX])
{
	size_t len = 0;

	out[0] = 0;
	for (size_t i = 0; i < index->manifests_len; i++) {
		const char *name = shown_name(&index->manifests[i]);

		if (!name)
			name = index->manifests[i].digest.text;
		if (len + strlen(name) + sizeof(", ...") + 2 > LIST_MAX) {
			(void)snprintf(out + len, LIST_MAX - len, ", ...");
			return;
		}
		len += (size_t)snprintf(out + len, LIST_MAX - len, "%s%s", len ? ", " : "", name);
	}
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 0x7f)
			*p = '?';
}

static bool all_same_image(const struct image_index *index, const size_t *found, size_t len)
{
	for (size_t i = 1; i < len; i++)
		if (!digest_equal(&index->manifests[found[i]].digest, &index->manifests[found[0]].digest))
			return false;
	return true;
}

/* Several entries of one name differ by platform; several without a name asked for are a question to the user. */
static bool all_same_name(const struct image_index *index, const size_t *found, size_t len)
{
	const char *first = shown_name(&index->manifests[found[0]]);

	for (size_t i = 1; i < len; i++) {
		const char *other = shown_name(&index->manifests[found[i]]);

		if (first != other && (!first || !other || strcmp(first, other) != 0))
			return false;
	}
	return true;
}

static int choose_by_platform(const struct image_index *index, const size_t *found, size_t len,
			      const struct platform_list *platforms, size_t *ret_position, struct err *e)
{
	struct image_index subset = { .manifests_len = len };
	cleanup_free struct descriptor *borrowed = calloc(len, sizeof(*borrowed));
	size_t position;
	int r;

	if (!borrowed)
		return err_code(e, -ENOMEM, "cannot choose an image");
	for (size_t i = 0; i < len; i++)
		borrowed[i] = index->manifests[found[i]];
	subset.manifests = borrowed;
	r = image_index_choose(&subset, platforms, &position, e);
	if (r == 0)
		*ret_position = found[position];
	return r;
}

int transport_choose(const struct transport *t, const struct image_index *index,
		     const struct platform_list *platforms, size_t *ret_position, struct err *e)
{
	cleanup_free size_t *found = calloc(index->manifests_len + 1, sizeof(*found));
	char names[LIST_MAX];
	size_t len = 0;

	if (!found)
		return err_code(e, -ENOMEM, "cannot choose an image");
	for (size_t i = 0; i < index->manifests_len; i++)
		if (is_asked_for(t, &index->manifests[i]))
			found[len++] = i;
	list_names(index, names);
	if (len == 0 && index->manifests_len == 0)
		return err_set(e, -ENOENT, "'%s' holds no image", t->path);
	if (len == 0)
		return err_set(e, -ENOENT, "'%s' holds no image '%s'; there is: %s", t->path, t->image,
			       names);
	if (len == 1 || all_same_image(index, found, len)) {
		*ret_position = found[0];
		return 0;
	}
	if (all_same_name(index, found, len))
		return choose_by_platform(index, found, len, platforms, ret_position, e);
	return err_set(e, -EINVAL, "'%s' holds several images; append one of them as ':NAME': %s", t->path,
		       names);
}

/* A reference with a host in it. */
static bool is_full_reference(const char *text)
{
	size_t len = strcspn(text, "/");

	if (!text[len])
		return false;
	return memchr(text, '.', len) || memchr(text, ':', len) ||
	       (len == 9 && strncmp(text, "localhost", 9) == 0);
}

static int add_name(const char *text, struct strvec *out, struct err *e)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_free char *name = NULL;
	int r = reference_parse(text, &ref, e);

	if (r < 0)
		return r;
	name = reference_canonical(&ref);
	if (name && strvec_has(out, name))
		return 0;
	return strvec_take(out, ptr_take(name)) < 0 ? err_code(e, -ENOMEM, "cannot keep a name") : 0;
}

/* Without the endings that archives have. */
static size_t stem_len(const char *base, size_t len)
{
	static const char *const SUFFIXES[] = { ".gz", ".tgz", ".tar", ".oci" };

	for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
		size_t n = strlen(SUFFIXES[i]);

		if (len > n && strncasecmp(base + len - n, SUFFIXES[i], n) == 0)
			len -= n;
	}
	return len;
}

/* "/tmp/My Image.tar.gz" -> "my-image": a path component of a reference. */
static void make_component(const char *path, char *out, size_t max)
{
	size_t end = strlen(path), start, used = 0;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/';)
		start--;
	end = start + stem_len(path + start, end - start);
	for (size_t i = start; i < end && used + 1 < max; i++) {
		if (isalnum((unsigned char)path[i]))
			out[used++] = (char)tolower((unsigned char)path[i]);
		else if (used > 0 && out[used - 1] != '-')
			out[used++] = '-';
	}
	while (used > 0 && out[used - 1] == '-')
		used--;
	out[used] = 0;
}

static int add_local_name(const struct transport *t, const char *tag, struct strvec *out, struct err *e)
{
	char component[129], text[512];
	struct err ignored;

	make_component(t->path, component, sizeof(component));
	if (!component[0])
		(void)snprintf(component, sizeof(component), "image");
	(void)snprintf(text, sizeof(text), "localhost/%s:%s", component, tag ? tag : "latest");
	if (add_name(text, out, &ignored) == 0)
		return 0;
	(void)snprintf(text, sizeof(text), "localhost/%s:latest", component); /* ref.name may be any text */
	return add_name(text, out, e);
}

static int add_annotated_names(const struct descriptor *d, struct strvec *out, struct err *e)
{
	const char *name = annotation(d, CONTAINERD_NAME), *tag = annotation(d, REF_NAME);
	struct err ignored; /* a name that is no reference is not used */
	int r = 0;

	if (name && is_full_reference(name))
		r = add_name(name, out, &ignored);
	else if (tag && is_full_reference(tag))
		r = add_name(tag, out, &ignored);
	return r == -ENOMEM ? err_code(e, r, "cannot keep a name") : 0;
}

int transport_names(const struct transport *t, const struct image_index *index, size_t position,
		    struct strvec *ret, struct err *e)
{
	const struct descriptor *chosen = &index->manifests[position];
	int r;

	for (size_t i = 0; i < index->manifests_len; i++) {
		const struct descriptor *d = &index->manifests[i];

		if (!digest_equal(&d->digest, &chosen->digest) || !is_asked_for(t, d))
			continue;
		r = add_annotated_names(d, ret, e);
		if (r < 0)
			return r;
	}
	if (ret->len > 0)
		return 0;
	return add_local_name(t, annotation(chosen, REF_NAME), ret, e);
}
