/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build/remote.h"
#include "common/cleanup.h"
#include "pull/hash.h"

#define TEMPORARY  ".fetched" /* until its name is known */
#define HASH_BYTES ((size_t)256 << 10)

static int hash_file(int fd, const char *algorithm, struct digest *ret, struct err *e)
{
	cleanup_hash struct hash h = { 0 };
	cleanup_free char *block = malloc(HASH_BYTES);
	off_t at = 0;
	int r = block ? hash_init(&h, algorithm, e) : err_code(e, -ENOMEM, "cannot hash");

	while (r == 0) {
		ssize_t n = pread(fd, block, HASH_BYTES, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read what was fetched");
		if (n == 0)
			return hash_final(&h, ret, e);
		at += n;
		r = hash_update(&h, block, (size_t)n, e);
	}
	return r;
}

static int verify(const char *url, int fd, const struct digest *found, const char *checksum, struct err *e)
{
	cleanup_free char *shown = NULL;
	struct digest expected, actual = *found;
	int r = digest_parse(checksum, &expected, e);

	if (r == 0 && strcmp(digest_algorithm(&expected), digest_algorithm(found)) != 0)
		r = hash_file(fd, digest_algorithm(&expected), &actual, e);
	if (r < 0 || digest_equal(&actual, &expected))
		return r;
	shown = download_redact(url);
	return err_set(e, -EBADMSG, "digest mismatch for %.200s: %s (expected: %s)", shown ? shown : "a URL",
		       actual.text, expected.text);
}

static int choose_name(const char *name, const struct download_result *got, char ret[DOWNLOAD_NAME_MAX + 1],
		       struct err *e)
{
	bool unnamed = !name || strcmp(name, REMOTE_UNNAMED) == 0;

	if (unnamed)
		name = got->name[0] ? got->name : REMOTE_UNNAMED;
	if (strlen(name) > DOWNLOAD_NAME_MAX || !*name || strchr(name, '/') || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return err_set(e, -EINVAL, "'%.100s' is no name for a file", name);
	(void)snprintf(ret, DOWNLOAD_NAME_MAX + 1, "%s", name);
	return 0;
}

static int complete(int dir_fd, int fd, const struct remote_file *file, struct err *e)
{
	const struct timespec times[2] = { { .tv_sec = file->mtime }, { .tv_sec = file->mtime } };

	/* The umask is the user's, and must not show in an image. */
	if (fchmod(fd, 0600) < 0 || futimens(fd, times) < 0)
		return err_errno(e, "cannot complete '%s'", file->name);
	if (renameat2(dir_fd, TEMPORARY, dir_fd, file->name, RENAME_NOREPLACE) < 0)
		return err_errno(e, "cannot name what was fetched '%s'", file->name);
	return 0;
}

/* A checksum that differs is for the file to be compared with. */
static const struct remote_file *what_is_known(const struct remote_options *o, const char *checksum)
{
	const struct remote_file *k = o->known;

	return k && k->etag[0] && (!checksum || strcmp(checksum, k->digest.text) == 0) ? k : NULL;
}

static int fetch(const char *url, const char *name, const char *checksum, int dir_fd, int fd,
		 const struct remote_options *o, struct remote_file *ret, struct err *e)
{
	const struct remote_file *known = what_is_known(o, checksum);
	const struct download_options options = { .url = url,
						  .authorization = o->authorization,
						  .etag = known ? known->etag : NULL,
						  .max_bytes = o->max_bytes,
						  .retry_ms = o->retry_ms,
						  .cancel_fd = o->cancel_fd,
						  .progress = o->progress,
						  .progress_arg = o->progress_arg };
	struct download_result got;
	struct remote_file file = { 0 };
	int r = download(&options, fd, &got, e);

	if (r == 0 && known && got.not_modified) {
		*ret = *known;
		ret->not_modified = true;
		return 0;
	}
	if (r == 0 && checksum)
		r = verify(url, fd, &got.digest, checksum, e);
	if (r == 0)
		r = choose_name(name, &got, file.name, e);
	if (r < 0)
		return r;
	file.digest = got.digest;
	file.size_bytes = got.size_bytes;
	file.mtime = got.has_mtime ? got.mtime : 0;
	(void)snprintf(file.etag, sizeof(file.etag), "%s", got.etag);
	r = complete(dir_fd, fd, &file, e);
	if (r == 0)
		*ret = file;
	return r;
}

int remote_fetch_url(const char *url, const char *name, const char *checksum, int dir_fd,
		     const struct remote_options *o, struct remote_file *ret, struct err *e)
{
	cleanup_fd int fd = openat(dir_fd, TEMPORARY, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_errno(e, "cannot make a file for what is fetched");
	r = fetch(url, name, checksum, dir_fd, fd, o, ret, e);
	if (r < 0 || ret->not_modified)
		(void)unlinkat(dir_fd, TEMPORARY, 0); /* the error matters more */
	return r;
}
