/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/sign.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_write.h"
#include "oci/descriptor.h"
#include "pull/hash.h"
#include "pull/remote.h"
#include "pull/sigstore.h"

#define CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"

/* --- sending ----------------------------------------------------------------------------------------- */

static int send_bytes(struct remote *remote, enum source_item item, const struct digest *digest,
		      const char *data, size_t len, struct err *e)
{
	cleanup_fd int fd = memfd_create("blob", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot make a temporary file");
	r = write_all(fd, data, len);
	if (r < 0)
		return err_code(e, r, "cannot write a temporary file");
	return worker_put(&remote->worker, item, digest, fd, e);
}

static int send_blob(struct remote *remote, const struct buf *data, struct digest *ret, struct err *e)
{
	int r = hash_bytes("sha256", data->data, data->len, ret, e);

	return r < 0 ? r : send_bytes(remote, SOURCE_PUT_BLOB, ret, data->data, data->len, e);
}

/* --- documents --------------------------------------------------------------------------------------- */

static int finish(struct json_out *o, struct buf *out, struct err *e)
{
	const char *text;
	size_t len;
	int r = json_out_finish(o, &text, &len, e);

	return r < 0 ? r : buf_add(out, text, len);
}

/* What cosign makes to be an image in the eyes of registries that take nothing else. */
static int write_config(const struct manifest *old, const struct digest *payload, struct buf *out,
			struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, CONFIG_MAX_BYTES);

	json_out_object(o, NULL);
	json_out_string(o, "architecture", "");
	json_out_string(o, "os", "");
	json_out_object(o, "config");
	json_out_end(o);
	json_out_object(o, "rootfs");
	json_out_string(o, "type", "layers");
	json_out_array(o, "diff_ids");
	for (size_t i = 0; i < old->layers_len; i++)
		json_out_string(o, NULL, old->layers[i].digest.text);
	json_out_string(o, NULL, payload->text);
	json_out_end(o);
	json_out_end(o);
	json_out_end(o);
	return finish(o, out, e);
}

static void write_descriptor(struct json_out *o, const char *key, const char *type,
			     const struct digest *digest, size_t size, const char *signature)
{
	json_out_object(o, key);
	json_out_string(o, "mediaType", type);
	json_out_string(o, "digest", digest->text);
	json_out_u64(o, "size", size);
	if (signature) {
		json_out_object(o, "annotations");
		json_out_string(o, SIGSTORE_SIGNATURE_KEY, signature);
		json_out_end(o);
	}
	json_out_end(o);
}

struct parts {
	struct manifest old; /* the signatures that are there */
	struct buf payload, config;
	struct digest payload_digest, config_digest;
	char *signature;
};

static void parts_done(struct parts *p)
{
	manifest_done(&p->old);
	buf_done(&p->payload);
	buf_done(&p->config);
	free(p->signature);
}
#define cleanup_parts __attribute__((cleanup(parts_done)))

static int write_manifest(const struct parts *p, struct buf *out, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, MANIFEST_MAX_BYTES);

	json_out_object(o, NULL);
	json_out_u64(o, "schemaVersion", 2);
	json_out_string(o, "mediaType", MANIFEST_TYPE);
	write_descriptor(o, "config", CONFIG_TYPE, &p->config_digest, p->config.len, NULL);
	json_out_array(o, "layers");
	for (size_t i = 0; i < p->old.layers_len; i++)
		descriptor_write(o, NULL, &p->old.layers[i]);
	write_descriptor(o, NULL, SIGSTORE_PAYLOAD_TYPE, &p->payload_digest, p->payload.len, p->signature);
	json_out_end(o);
	json_out_end(o);
	return finish(o, out, e);
}

/* --- signing ----------------------------------------------------------------------------------------- */

static int read_old(struct remote *remote, const struct digest *subject, struct manifest *ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	struct source_answer answer = { 0 };
	int r = worker_document(&remote->worker, remote->source, SOURCE_SIGNATURE, subject, 0, -1, &text,
				&answer, e);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = manifest_decode(text.data ? text.data : "", text.len, ret, e);
	if (r < 0)
		return err_wrap(e, "the signatures that are there");
	if (ret->layers_len >= SIGSTORE_SIGNATURES_MAX)
		return err_set(e, -EFBIG, "it has %zu signatures already", ret->layers_len);
	return 0;
}

static int make_payload(const struct reference *ref, const struct digest *subject, struct buf *out,
			struct err *e)
{
	cleanup_sigstore_payload struct sigstore_payload p = { .digest = *subject };

	if (asprintf(&p.name, "%s/%s", ref->domain, ref->path) < 0) {
		p.name = NULL;
		return err_code(e, -ENOMEM, "cannot sign");
	}
	return sigstore_payload_encode(&p, out, e);
}

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static int make_signature(const struct sign_options *o, struct parts *p, struct err *e)
{
	cleanup_buf struct buf key = BUF_INIT(SIGSTORE_KEY_MAX);
	char *passphrase = NULL;
	int r = file_read(AT_FDCWD, o->key_file, &key, e);

	if (r == 0 && !key.data)
		r = err_set(e, -EINVAL, "'%s' is empty", o->key_file);
	if (r == 0 && sigstore_key_is_encrypted(key.data) && o->passphrase)
		r = o->passphrase(o->passphrase_arg, &passphrase, e);
	if (r == 0)
		r = sigstore_sign(key.data, passphrase, p->payload.data, p->payload.len, &p->signature, e);
	wipe(passphrase);
	if (key.data)
		explicit_bzero(key.data, key.len);
	return r;
}

static int sign(struct remote *remote, const struct sign_options *options, struct digest *ret, struct err *e)
{
	cleanup_parts struct parts p = { .payload = BUF_INIT(SIGSTORE_PAYLOAD_MAX),
					 .config = BUF_INIT(CONFIG_MAX_BYTES) };
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	struct digest subject;
	int r = remote_digest(remote, &subject, e);

	if (r == 0)
		r = make_payload(&remote->reference, &subject, &p.payload, e);
	if (r == 0)
		r = make_signature(options, &p, e);
	if (r == 0)
		r = read_old(remote, &subject, &p.old, e);
	if (r == 0)
		r = send_blob(remote, &p.payload, &p.payload_digest, e);
	if (r == 0)
		r = write_config(&p.old, &p.payload_digest, &p.config, e);
	if (r == 0)
		r = send_blob(remote, &p.config, &p.config_digest, e);
	if (r == 0)
		r = write_manifest(&p, &text, e);
	if (r == 0)
		r = send_bytes(remote, SOURCE_PUT_SIGNATURE, &subject, text.data, text.len, e);
	if (r == 0)
		*ret = subject;
	return r;
}

int sign_image(const char *text, const struct sign_options *options, struct digest *ret, struct err *e)
{
	cleanup_remote struct remote remote = { 0 };
	int r = remote_open(&remote, text, options->tls_verify, options->auth_file, true, e);

	if (r == 0)
		r = sign(&remote, options, ret, e);
	return r < 0 ? err_wrap(e, "cannot sign '%s'", text) : 0;
}
