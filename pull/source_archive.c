/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "pull/archive.h"
#include "pull/docker_archive.h"
#include "pull/source.h"

struct source_archive {
	struct source source;
	enum transport_kind kind;
	struct archive_file *archive; /* in a worker, from its first request on; as is what follows */
	bool is_docker;
	struct docker_archive docker;
};

static struct source_archive *self(struct source *s)
{
	return (struct source_archive *)s; /* its first member */
}

static int open_archive(struct source_archive *s, struct err *e)
{
	int fd = s->source.local_fd, r;

	if (archive_is_compressed(fd)) {
		r = archive_expand(fd, s->source.scratch_fd, e);
		if (r < 0)
			return r;
		fd = s->source.scratch_fd;
	}
	r = archive_file_open(fd, &s->archive, e);
	if (r == 0 && s->kind == TRANSPORT_DOCKER_ARCHIVE) {
		r = docker_archive_read(s->archive, &s->docker, e);
		s->is_docker = r == 0;
	}
	return r;
}

static int give_text(const char *text, size_t len, const struct sink *sink, struct err *e)
{
	int r = sink->begin(sink->arg, e);

	return r < 0 ? r : sink->write(sink->arg, text, len, e);
}

static int read_docker(const struct source_archive *s, enum source_item item, const struct digest *digest,
		       const struct sink *sink, struct err *e)
{
	const struct docker_blob *blob;

	if (item == SOURCE_TOP)
		return give_text(s->docker.index, s->docker.index_len, sink, e);
	blob = docker_archive_find(&s->docker, digest);
	if (!blob)
		return err_set(e, -ENOENT, "the archive has no blob %s", digest->text);
	if (blob->text)
		return give_text(blob->text, blob->len, sink, e);
	return archive_file_read(s->archive, blob->member, sink, e);
}

static int read_layout(const struct source_archive *s, enum source_item item, const struct digest *digest,
		       const struct sink *sink, struct err *e)
{
	char name[sizeof("blobs/sha512/") + DIGEST_TEXT_MAX] = "index.json";
	const char *member;
	uint64_t size;
	int r;

	if (item != SOURCE_TOP)
		(void)snprintf(name, sizeof(name), "blobs/%s/%s", digest_algorithm(digest),
			       digest_hex(digest));
	r = archive_file_find(s->archive, name, &member, &size, e);
	return r < 0 ? r : archive_file_read(s->archive, member, sink, e);
}

static int archive_read(struct source *source, enum source_item item, const struct digest *digest,
			int local_fd, const struct sink *sink, struct source_answer *ret, struct err *e)
{
	struct source_archive *s = self(source);
	int r = 0;

	(void)local_fd; /* the archive came with the fork */
	(void)ret;      /* an archive knows no content types */
	if (!s->archive)
		r = open_archive(s, e);
	if (r < 0)
		return r;
	return s->is_docker ? read_docker(s, item, digest, sink, e) : read_layout(s, item, digest, sink, e);
}

static void source_archive_free(struct source *source)
{
	struct source_archive *s = self(source);

	if (s->is_docker)
		docker_archive_done(&s->docker);
	archive_file_free(s->archive);
	if (source->scratch_fd >= 0)
		(void)close(source->scratch_fd); /* garbage */
	(void)close(source->local_fd);           /* was read only */
	free(s);
}

static const struct source_ops ARCHIVE_OPS = {
	.read = archive_read,
	.free = source_archive_free,
};

int source_archive_new(const char *path, enum transport_kind kind, int scratch_fd, struct source **ret,
		       struct err *e)
{
	cleanup_fd int scratch = scratch_fd;
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct source_archive *s;
	struct stat st;

	if (fd < 0)
		return err_errno(e, "cannot open archive '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(e, "cannot look at archive '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "archive '%s' is no regular file", path);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_code(e, -ENOMEM, "cannot open archive '%s'", path);
	s->source = (struct source){ .ops = &ARCHIVE_OPS,
				     .is_layout = true,
				     .is_sequential = true,
				     .local_fd = fd_take(&fd),
				     .scratch_fd = fd_take(&scratch) };
	s->kind = kind;
	*ret = &s->source;
	return 0;
}
