/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/descriptor.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"

static const struct {
	const char *type;
	enum media_kind kind;
} MEDIA_TYPES[] = {
	{ "application/vnd.oci.image.index.v1+json", MEDIA_INDEX },
	{ "application/vnd.docker.distribution.manifest.list.v2+json", MEDIA_INDEX },
	{ "application/vnd.oci.image.manifest.v1+json", MEDIA_MANIFEST },
	{ "application/vnd.docker.distribution.manifest.v2+json", MEDIA_MANIFEST },
	{ "application/vnd.docker.distribution.manifest.v1+json", MEDIA_MANIFEST_V1 },
	{ "application/vnd.docker.distribution.manifest.v1+prettyjws", MEDIA_MANIFEST_V1 },
	{ "application/vnd.oci.image.config.v1+json", MEDIA_CONFIG },
	{ "application/vnd.docker.container.image.v1+json", MEDIA_CONFIG },
	{ "application/vnd.oci.image.layer.v1.tar", MEDIA_LAYER },
	{ "application/vnd.oci.image.layer.v1.tar+gzip", MEDIA_LAYER_GZIP },
	{ "application/vnd.oci.image.layer.v1.tar+zstd", MEDIA_LAYER_ZSTD },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar", MEDIA_LAYER },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", MEDIA_LAYER_GZIP },
	{ "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", MEDIA_LAYER_ZSTD },
	{ "application/vnd.docker.image.rootfs.diff.tar", MEDIA_LAYER },
	{ "application/vnd.docker.image.rootfs.diff.tar.gzip", MEDIA_LAYER_GZIP },
	{ "application/vnd.docker.image.rootfs.diff.tar.zstd", MEDIA_LAYER_ZSTD },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar", MEDIA_LAYER },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER_GZIP },
	{ "application/vnd.docker.image.rootfs.foreign.diff.tar.zstd", MEDIA_LAYER_ZSTD },
};

enum media_kind media_kind_of(const char *media_type)
{
	/* A Content-Type may carry parameters ("; charset=utf-8"), and media types know no case: RFC 9110, 8.3.1. */
	size_t len = strcspn(media_type, "; \t");

	for (size_t i = 0; i < ARRAY_LEN(MEDIA_TYPES); i++)
		if (strncasecmp(media_type, MEDIA_TYPES[i].type, len) == 0 && !MEDIA_TYPES[i].type[len])
			return MEDIA_TYPES[i].kind;
	return MEDIA_UNKNOWN;
}

void descriptor_done(struct descriptor *d)
{
	free(d->media_type);
	free(d->artifact_type);
	free(d->os_version);
	strvec_done(&d->os_features);
	strvec_done(&d->annotations);
	*d = (struct descriptor){ 0 };
}

static int copy_string(const char *from, char **ret)
{
	if (!from)
		return 0;
	*ret = strdup(from);
	return *ret ? 0 : -ENOMEM;
}

int descriptor_set_media_type(struct descriptor *d, const char *media_type, struct err *e)
{
	char *copy = strdup(media_type);

	if (!copy)
		return err_code(e, -ENOMEM, "cannot keep a media type");
	free(d->media_type);
	d->media_type = copy;
	return 0;
}

int descriptor_copy(const struct descriptor *from, struct descriptor *ret, struct err *e)
{
	struct descriptor copy = { .digest = from->digest,
				   .size_bytes = from->size_bytes,
				   .has_platform = from->has_platform,
				   .platform = from->platform };
	int r = copy_string(from->media_type, &copy.media_type);

	if (r == 0)
		r = copy_string(from->artifact_type, &copy.artifact_type);
	if (r == 0)
		r = copy_string(from->os_version, &copy.os_version);
	if (r == 0)
		r = strvec_add_all(&copy.os_features, &from->os_features);
	if (r == 0)
		r = strvec_add_all(&copy.annotations, &from->annotations);
	if (r < 0) {
		descriptor_done(&copy);
		return err_code(e, r, "cannot copy descriptor");
	}
	*ret = copy;
	return 0;
}

/* --- JSON ----------------------------------------------------------------------------------------- */

/* A registry may send any text here; what is too long for the struct is cut, and then equals no platform of ours. */
static int read_platform_field(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	cleanup_free char *text = NULL;
	int r = json_read_string(in, NULL, &text, e);

	(void)arg; /* none */
	if (r < 0)
		return r;
	(void)snprintf(member, PLATFORM_FIELD_MAX, "%s", text);
	return 0;
}

static const struct json_field PLATFORM[] = {
	{ "os", offsetof(struct descriptor, platform.os), read_platform_field },
	{ "architecture", offsetof(struct descriptor, platform.architecture), read_platform_field },
	{ "variant", offsetof(struct descriptor, platform.variant), read_platform_field },
	{ "os.version", offsetof(struct descriptor, os_version), json_read_string },
	{ "os.features", offsetof(struct descriptor, os_features), json_read_strvec },
	{ 0 }
};

/* member: the whole descriptor, as two of its members are set. */
static int read_platform(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	struct descriptor *d = member;
	int r = json_read_object(in, PLATFORM, d, e);

	(void)arg; /* none */
	if (r < 0)
		return r;
	platform_normalize(&d->platform);
	d->has_platform = true;
	return 0;
}

static int read_size(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	uint64_t size;
	int r = json_read_u64(in, arg, &size, e);

	if (r < 0)
		return r;
	if (size > DESCRIPTOR_MAX_BYTES)
		return json_error(in, -EFBIG, e, "%llu bytes are more than any blob may have",
				  (unsigned long long)size);
	*(uint64_t *)member = size;
	return 0;
}

static const struct json_field DESCRIPTOR[] = {
	{ "mediaType", offsetof(struct descriptor, media_type), json_read_string },
	{ "digest", offsetof(struct descriptor, digest), json_read_digest, .required = true },
	{ "size", offsetof(struct descriptor, size_bytes), read_size, .required = true },
	{ "platform", 0, read_platform },
	{ "annotations", offsetof(struct descriptor, annotations), json_read_map },
	{ "artifactType", offsetof(struct descriptor, artifact_type), json_read_string },
	{ 0 }
};

int descriptor_read(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	(void)arg; /* none */
	return json_read_object(in, DESCRIPTOR, member, e);
}

int descriptor_read_array(const struct json_in *in, const void *arg, void *member, struct err *e)
{
	const size_t *max_items = arg;
	const struct json_array array = { DESCRIPTOR, sizeof(struct descriptor), *max_items };

	return json_read_array(in, &array, member, e);
}

void descriptor_write(struct json_out *o, const char *key, const struct descriptor *d)
{
	json_out_object(o, key);
	json_out_opt_string(o, "mediaType", d->media_type);
	json_out_string(o, "digest", d->digest.text);
	json_out_u64(o, "size", d->size_bytes);
	if (d->has_platform) {
		json_out_object(o, "platform");
		json_out_string(o, "architecture", d->platform.architecture);
		json_out_string(o, "os", d->platform.os);
		json_out_opt_string(o, "os.version", d->os_version);
		json_out_opt_strvec(o, "os.features", &d->os_features);
		if (d->platform.variant[0])
			json_out_string(o, "variant", d->platform.variant);
		json_out_end(o);
	}
	json_out_opt_map(o, "annotations", &d->annotations);
	json_out_opt_string(o, "artifactType", d->artifact_type);
	json_out_end(o);
}
