/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/layout.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/file.h"
#include "common/json_write.h"
#include "oci/reference.h"
#include "pull/hash.h"

#define BLOCK_BYTES    ((size_t)256 << 10)
#define LAYOUT_VERSION "{\"imageLayoutVersion\":\"1.0.0\"}"
#define INDEX_TYPE     "application/vnd.oci.image.index.v1+json"
#define REF_NAME       "org.opencontainers.image.ref.name"
#define IMAGE_NAME     "io.containerd.image.name"
#define NAME_MAX_BYTES 256 /* of a member */

/* What one image needs in docker's manifest.json. */
struct saved_image {
	struct digest config;
	struct strvec names, layers;
};

struct layout {
	enum transport_kind kind;
	int dir_fd; /* of a directory; else -1 */
	int fd;     /* of a tar, borrowed */
	int cancel_fd;
	struct archive *archive;
	struct strvec written; /* digests in the tar */
	struct descriptor *tops;
	size_t tops_len;
	struct saved_image *saved;
	size_t saved_len;
};

bool layout_wants_plain(const struct layout *l)
{
	return l->kind == TRANSPORT_DOCKER_ARCHIVE;
}

void layout_free(struct layout *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->tops_len; i++)
		descriptor_done(&l->tops[i]);
	for (size_t i = 0; i < l->saved_len; i++) {
		strvec_done(&l->saved[i].names);
		strvec_done(&l->saved[i].layers);
	}
	free(l->tops);
	free(l->saved);
	strvec_done(&l->written);
	(void)archive_write_free(l->archive); /* after a success it is closed already */
	cleanup_fd_fn(&l->dir_fd);
	free(l);
}

void layout_free_fn(struct layout **l)
{
	layout_free(*l);
}

static int out_of_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot write an image");
}

/* --- opening ------------------------------------------------------------------------------------------------- */

static struct layout *new_layout(enum transport_kind kind, struct err *e)
{
	struct layout *l = calloc(1, sizeof(*l));

	if (!l) {
		(void)out_of_memory(e);
		return NULL;
	}
	l->kind = kind;
	l->dir_fd = l->fd = l->cancel_fd = -1;
	return l;
}

void layout_cancel_by(struct layout *l, int cancel_fd)
{
	l->cancel_fd = cancel_fd;
}

/* The images that a directory has stay in its index. */
static int read_index(struct layout *l, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(MANIFEST_MAX_BYTES);
	cleanup_image_index struct image_index index = { 0 };
	int r = file_read(l->dir_fd, "index.json", &text, e);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = image_index_decode(text.data ? text.data : "", text.len, &index, e);
	if (r < 0)
		return err_wrap(e, "its index.json");
	l->tops = ptr_take(index.manifests);
	l->tops_len = index.manifests_len;
	index.manifests_len = 0;
	return 0;
}

int layout_open_dir(const char *path, struct layout **ret, struct err *e)
{
	cleanup_layout struct layout *l = new_layout(TRANSPORT_OCI_DIR, e);
	cleanup_fd int blobs = -1;
	int r;

	if (!l)
		return e->code;
	r = dir_make_open(AT_FDCWD, path, 0755, &l->dir_fd, e);
	if (r == 0)
		r = read_index(l, e);
	if (r == 0)
		r = dir_make_open(l->dir_fd, "blobs/sha256", 0755, &blobs, e);
	if (r == 0)
		r = file_write_atomic(l->dir_fd, "oci-layout", LAYOUT_VERSION, strlen(LAYOUT_VERSION), 0644,
				      e);
	if (r < 0)
		return err_wrap(e, "OCI layout '%s'", path);
	*ret = ptr_take(l);
	return 0;
}

static la_ssize_t on_write(struct archive *a, void *arg, const void *data, size_t len)
{
	const struct layout *l = arg;
	int r = write_all_until(l->fd, data, len, l->cancel_fd);

	if (r == 0)
		return (la_ssize_t)len;
	archive_set_error(a, -r, "%s", strerror(-r));
	return -1;
}

static int failure(const struct layout *l, struct err *e)
{
	const char *text = archive_error_string(l->archive);
	int code = archive_errno(l->archive);

	if (code == EINTR)
		return err_set(e, -EINTR, "interrupted");
	if (code > 0)
		return err_code(e, -code, "cannot write the archive");
	return err_set(e, -EIO, "cannot write the archive: %s", text ? text : "unknown reason");
}

/* --- members --------------------------------------------------------------------------------------------------- */

static int write_header(struct layout *l, const char *name, uint64_t size, bool is_dir, struct err *e)
{
	struct archive_entry *entry = archive_entry_new();
	int r;

	if (!entry)
		return out_of_memory(e);
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, is_dir ? AE_IFDIR : AE_IFREG);
	archive_entry_set_perm(entry, is_dir ? 0755 : 0644);
	archive_entry_set_size(entry, (la_int64_t)size);
	archive_entry_set_mtime(entry, 0, 0); /* the same images make the same archive */
	r = archive_write_header(l->archive, entry) == ARCHIVE_OK ? 0 : failure(l, e);
	archive_entry_free(entry);
	return r;
}

static int write_member(struct layout *l, const char *name, const void *data, size_t len, struct err *e)
{
	int r = write_header(l, name, len, false, e);

	if (r == 0 && archive_write_data(l->archive, data, len) != (la_ssize_t)len)
		r = failure(l, e);
	return r;
}

/* The next bytes of a file that is to have more. */
static ssize_t read_block(int fd, char *block, uint64_t left, uint64_t at, struct err *e)
{
	size_t want = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
	ssize_t n;

	do
		n = pread(fd, block, want, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(e, "cannot read a layer");
	return n > 0 ? n : err_set(e, -EIO, "a layer has become shorter");
}

static int put_block(struct layout *l, const char *block, size_t len, int to_fd, struct err *e)
{
	int r;

	if (to_fd < 0)
		return archive_write_data(l->archive, block, len) == (la_ssize_t)len ? 0 : failure(l, e);
	r = write_all_until(to_fd, block, len, l->cancel_fd);
	if (r == -EINTR)
		return err_set(e, r, "interrupted");
	return r < 0 ? err_code(e, r, "cannot write a layer") : 0;
}

static int check_hash(struct hash *hash, const struct digest *digest, struct err *e)
{
	struct digest actual;
	int r = hash_final(hash, &actual, e);

	if (r == 0 && !digest_equal(&actual, digest))
		r = err_set(e, -EBADMSG, "its blob in the store is damaged (sampan fsck --repair)");
	return r;
}

/* Copies a file from its start to the archive, or to another file (-1: to the archive). `digest` is what it is to have; NULL: that is certain. */
static int copy_file(struct layout *l, int from_fd, uint64_t size, const struct digest *digest, int to_fd,
		     struct err *e)
{
	cleanup_free char *block = malloc(BLOCK_BYTES);
	cleanup_hash struct hash hash = { 0 };
	uint64_t at = 0;
	int r = block ? 0 : out_of_memory(e);

	if (r == 0 && digest)
		r = hash_init(&hash, digest_algorithm(digest), e);
	while (r == 0 && at < size) {
		ssize_t n = read_block(from_fd, block, size - at, at, e);

		if (n < 0)
			return (int)n;
		r = put_block(l, block, (size_t)n, to_fd, e);
		if (r == 0 && digest)
			r = hash_update(&hash, block, (size_t)n, e);
		at += (uint64_t)n;
	}
	return r == 0 && digest ? check_hash(&hash, digest, e) : r;
}

int layout_open_archive(int fd, enum transport_kind kind, struct layout **ret, struct err *e)
{
	cleanup_layout struct layout *l = new_layout(kind, e);
	int r = 0;

	if (!l)
		return e->code;
	l->fd = fd;
	l->archive = archive_write_new();
	if (!l->archive)
		return out_of_memory(e);
	if (archive_write_set_format_pax_restricted(l->archive) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(l->archive, (int)BLOCK_BYTES) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(l->archive, 1) != ARCHIVE_OK ||
	    archive_write_open(l->archive, l, NULL, on_write, NULL) != ARCHIVE_OK)
		return failure(l, e);
	if (kind == TRANSPORT_OCI_ARCHIVE) {
		r = write_member(l, "oci-layout", LAYOUT_VERSION, strlen(LAYOUT_VERSION), e);
		if (r == 0)
			r = write_header(l, "blobs/", 0, true, e);
		if (r == 0)
			r = write_header(l, "blobs/sha256/", 0, true, e);
	}
	if (r == 0)
		*ret = ptr_take(l);
	return r;
}

/* --- blobs ------------------------------------------------------------------------------------------------------- */

static void blob_name(const struct layout *l, const struct digest *digest, bool is_config,
		      char ret[NAME_MAX_BYTES])
{
	if (l->kind == TRANSPORT_DOCKER_ARCHIVE)
		(void)snprintf(ret, NAME_MAX_BYTES, "%s.%s", digest_hex(digest), is_config ? "json" : "tar");
	else
		(void)snprintf(ret, NAME_MAX_BYTES, "blobs/%s/%s", digest_algorithm(digest),
			       digest_hex(digest));
}

bool layout_has(const struct layout *l, const struct digest *digest)
{
	char name[NAME_MAX_BYTES];

	if (l->dir_fd < 0)
		return strvec_has(&l->written, digest->text);
	blob_name(l, digest, false, name);
	return faccessat(l->dir_fd, name, F_OK, 0) == 0;
}

/* All of it or nothing: another process may read the directory. */
static int put_in_dir(struct layout *l, const struct digest *digest, uint64_t size, int from_fd, bool check,
		      struct err *e)
{
	char name[NAME_MAX_BYTES], path[32];
	cleanup_fd int dir = -1, fd = -1;
	int r;

	(void)snprintf(name, sizeof(name), "blobs/%s", digest_algorithm(digest));
	r = dir_make_open(l->dir_fd, name, 0755, &dir, e);
	if (r < 0)
		return r;
	fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(e, "cannot make a file in '%s'", name);
	r = copy_file(l, from_fd, size, check ? digest : NULL, fd, e);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fsync(fd) < 0 ||
	    (linkat(AT_FDCWD, path, dir, digest_hex(digest), AT_SYMLINK_FOLLOW) < 0 && errno != EEXIST))
		return err_errno(e, "cannot keep '%s'", digest->text);
	return 0;
}

static int note_written(struct layout *l, const struct digest *digest, struct err *e)
{
	return strvec_add(&l->written, digest->text) < 0 ? out_of_memory(e) : 0;
}

int layout_put_layer(struct layout *l, const struct digest *digest, uint64_t size_bytes, int fd, bool check,
		     struct err *e)
{
	char name[NAME_MAX_BYTES];
	int r;

	if (layout_has(l, digest))
		return 0;
	if (l->dir_fd >= 0)
		return put_in_dir(l, digest, size_bytes, fd, check, e);
	blob_name(l, digest, false, name);
	r = write_header(l, name, size_bytes, false, e);
	if (r == 0)
		r = copy_file(l, fd, size_bytes, check ? digest : NULL, -1, e);
	return r < 0 ? r : note_written(l, digest, e);
}

int layout_put_document(struct layout *l, const struct digest *digest, bool is_config, const void *text,
			size_t len, struct err *e)
{
	char name[NAME_MAX_BYTES];
	cleanup_fd int dir = -1;
	int r;

	if (layout_has(l, digest) || (l->kind == TRANSPORT_DOCKER_ARCHIVE && !is_config))
		return 0;
	if (l->dir_fd >= 0) {
		(void)snprintf(name, sizeof(name), "blobs/%s", digest_algorithm(digest));
		r = dir_make_open(l->dir_fd, name, 0755, &dir, e);
		return r < 0 ? r : file_write_durable(dir, digest_hex(digest), text, len, 0644, e);
	}
	blob_name(l, digest, is_config, name);
	r = write_member(l, name, text, len, e);
	return r < 0 ? r : note_written(l, digest, e);
}

/* --- the list of images --------------------------------------------------------------------------------------------- */

/* Who has this name in a directory loses it: it is another image from now on. */
static void drop_tag(struct layout *l, const char *tag)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->tops_len; i++) {
		const char *has = strvec_get_env(&l->tops[i].annotations, REF_NAME);

		if (has && strcmp(has, tag) == 0)
			descriptor_done(&l->tops[i]);
		else
			l->tops[kept++] = l->tops[i];
	}
	l->tops_len = kept;
}

/* Takes the annotations that say a name out, and puts others in. */
static int set_names(struct descriptor *d, const char *tag, const char *name)
{
	int r = 0;

	for (size_t i = d->annotations.len; i > 0; i--)
		if (strncmp(d->annotations.items[i - 1], REF_NAME "=", sizeof(REF_NAME)) == 0 ||
		    strncmp(d->annotations.items[i - 1], IMAGE_NAME "=", sizeof(IMAGE_NAME)) == 0)
			strvec_remove(&d->annotations, i - 1);
	if (name)
		r = strvec_addf(&d->annotations, IMAGE_NAME "=%s", name);
	if (r == 0 && tag)
		r = strvec_addf(&d->annotations, REF_NAME "=%s", tag);
	return r;
}

static int add_top(struct layout *l, const struct descriptor *top, const char *tag, const char *name,
		   struct err *e)
{
	struct descriptor *more = reallocarray(l->tops, l->tops_len + 1, sizeof(*more));
	int r;

	if (!more)
		return out_of_memory(e);
	l->tops = more;
	r = descriptor_copy(top, &more[l->tops_len], e);
	if (r < 0)
		return r;
	l->tops_len++;
	return set_names(&more[l->tops_len - 1], tag, name) < 0 ? out_of_memory(e) : 0;
}

static int add_names(struct layout *l, const struct layout_image *image, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < image->names->len; i++) {
		cleanup_reference struct reference ref = { 0 };

		r = reference_parse(image->names->items[i], &ref, e);
		if (r == 0)
			r = add_top(l, image->top, ref.tag, image->names->items[i], e);
	}
	return r;
}

static int add_saved(struct layout *l, const struct layout_image *image, struct err *e)
{
	struct saved_image *more = reallocarray(l->saved, l->saved_len + 1, sizeof(*more));
	char name[NAME_MAX_BYTES];
	struct saved_image *s;
	int r = 0;

	if (!more)
		return out_of_memory(e);
	l->saved = more;
	s = &more[l->saved_len++];
	*s = (struct saved_image){ .config = *image->config };
	for (size_t i = 0; r == 0 && i < image->layers_len; i++) {
		blob_name(l, &image->layers[i], false, name);
		r = strvec_add(&s->layers, name);
	}
	for (size_t i = 0; r == 0 && i < image->names->len; i++) {
		cleanup_reference struct reference ref = { 0 };
		struct err ignored; /* a name with a digest has no tag to be loaded under */

		if (reference_parse(image->names->items[i], &ref, &ignored) == 0 && ref.tag)
			r = strvec_take(&s->names, reference_familiar(&ref));
	}
	return r < 0 ? out_of_memory(e) : 0;
}

int layout_add_image(struct layout *l, const struct layout_image *image, struct err *e)
{
	if (l->kind == TRANSPORT_DOCKER_ARCHIVE)
		return add_saved(l, image, e);
	if (image->names->len > 0)
		return add_names(l, image, e);
	if (image->tag)
		drop_tag(l, image->tag);
	return add_top(l, image->top, image->tag, NULL, e);
}

static int finish_docker(struct layout *l, struct json_out *o, struct err *e)
{
	char name[NAME_MAX_BYTES];
	const char *text;
	size_t len;
	int r;

	json_out_array(o, NULL);
	for (size_t i = 0; i < l->saved_len; i++) {
		blob_name(l, &l->saved[i].config, true, name);
		json_out_object(o, NULL);
		json_out_string(o, "Config", name);
		json_out_strvec(o, "RepoTags", &l->saved[i].names);
		json_out_strvec(o, "Layers", &l->saved[i].layers);
		json_out_end(o);
	}
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	return r < 0 ? r : write_member(l, "manifest.json", text, len, e);
}

static int finish_oci(struct layout *l, struct json_out *o, struct err *e)
{
	const char *text;
	size_t len;
	int r;

	json_out_object(o, NULL);
	json_out_u64(o, "schemaVersion", 2);
	json_out_string(o, "mediaType", INDEX_TYPE);
	json_out_array(o, "manifests");
	for (size_t i = 0; i < l->tops_len; i++)
		descriptor_write(o, NULL, &l->tops[i]);
	json_out_end(o);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	if (r < 0)
		return r;
	if (l->dir_fd >= 0)
		return file_write_durable(l->dir_fd, "index.json", text, len, 0644, e);
	return write_member(l, "index.json", text, len, e);
}

int layout_finish(struct layout *l, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, MANIFEST_MAX_BYTES);
	int r = l->kind == TRANSPORT_DOCKER_ARCHIVE ? finish_docker(l, o, e) : finish_oci(l, o, e);

	if (r == 0 && l->archive && archive_write_close(l->archive) != ARCHIVE_OK)
		r = failure(l, e);
	return r;
}
