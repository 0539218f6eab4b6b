/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/packer.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "pull/hash.h"
#include "pull/inflate.h"
#include "pull/layer_rebuild.h"
#include "pull/sandbox.h"
#include "pull/tree_tar.h"
#include "pull/worker_protocol.h"
#include "store/layer_sums.h"

#define MEMORY_MAX_BYTES ((size_t)2 << 30) /* zstd's highest levels take 1 GiB of it */
#define BLOCK_BYTES      ((size_t)256 << 10)

/* What one process is for. */
struct packing {
	const struct store *store; /* with `key`: a layer; */
	const char *key;
	int tree_fd; /* or a tree; */
	enum tree_tar_kind tree_kind;
	int users_fd; /* of a tree: the user namespace whose IDs count; -1: ours */
	int blob_fd;  /* or a blob; -1 where it is another */
	enum media_kind kind;
	bool as_it_was; /* of a layer: the blob that was pulled, if possible; `compression` is of what is made in its place */
	struct compression compression;
	int out_fd;
	int sock;
	uint64_t done_bytes;
	struct timespec last_progress;
	struct layer_rebuild layer;
	struct sink to; /* what is behind the progress */
};

/* --- the process ------------------------------------------------------------------------------------------- */

static int on_begin(void *arg, struct err *e)
{
	struct packing *p = arg;

	p->done_bytes = 0;
	return p->to.begin(p->to.arg, e);
}

static int on_write(void *arg, const void *data, size_t len, struct err *e)
{
	struct packing *p = arg;
	struct worker_event event = { .kind = WORKER_PROGRESS };

	p->done_bytes += len;
	event.bytes = p->done_bytes;
	if (worker_progress_due(&p->last_progress))
		(void)!worker_tell(p->sock, &event, NULL, 0, MSG_DONTWAIT); /* a busy parent does without */
	return p->to.write(p->to.arg, data, len, e);
}

static int expand(struct packing *p, const struct sink *sink, struct err *e)
{
	cleanup_decoder struct decoder *from = NULL;
	cleanup_free char *block = malloc(BLOCK_BYTES);
	int r = decoder_new(p->blob_fd, p->kind, &from, e);

	if (r == 0 && !block)
		r = err_code(e, -ENOMEM, "cannot expand a layer");
	while (r == 0) {
		ssize_t n = decoder_read(from, block, BLOCK_BYTES, e);

		if (n <= 0)
			return (int)n;
		if (p->done_bytes + (uint64_t)n > PACKER_EXPANDED_MAX)
			return err_set(e, -EFBIG, "it expands to more than %llu bytes",
				       (unsigned long long)PACKER_EXPANDED_MAX);
		r = sink->write(sink->arg, block, (size_t)n, e);
	}
	return r;
}

/* --- a layer of the store --- */

/* A sink that is the output file itself. */
struct plain_out {
	int fd;
	uint64_t size_bytes;
};

static int empty(int fd, struct err *e)
{
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(e, "cannot write a layer");
	return 0;
}

static int begin_plain(void *arg, struct err *e)
{
	struct plain_out *o = arg;

	o->size_bytes = 0;
	return empty(o->fd, e);
}

static int write_plain(void *arg, const void *data, size_t len, struct err *e)
{
	struct plain_out *o = arg;
	int r = write_all(o->fd, data, len);

	o->size_bytes += len;
	return r < 0 ? err_code(e, r, "cannot write") : 0;
}

/* The blob as it was pulled. Progress counts its own bytes. */
static int make_original(struct packing *p, struct packer_result *ret, struct err *e)
{
	struct plain_out out = { .fd = p->out_fd };
	const struct sink sink = { .begin = on_begin, .write = on_write, .arg = p };
	const struct layer_meta *meta = &p->layer.meta;
	int r;

	p->to = (struct sink){ .begin = begin_plain, .write = write_plain, .arg = &out };
	r = layer_rebuild_blob(&p->layer, &sink, e);
	if (r < 0)
		return r;
	ret->blob = (struct encoder_result){ .diff_id = meta->diff_id,
					     .digest = meta->blob,
					     .size_bytes = out.size_bytes };
	return 0;
}

static int encode_with(struct packing *p, const struct digest *diff_id,
		       int (*run)(struct packing *p, const struct sink *sink, struct err *e),
		       struct packer_result *ret, struct err *e)
{
	const struct sink sink = { .begin = on_begin, .write = on_write, .arg = p };
	cleanup_encoder struct encoder *encoder = NULL;
	int r = encoder_new(&p->compression, p->out_fd, diff_id, &encoder, e);

	if (r == 0 && p->key)
		r = empty(p->out_fd, e); /* an earlier try may have been here */
	if (r < 0)
		return r;
	p->to = encoder_sink(encoder);
	r = run(p, &sink, e);
	return r < 0 ? r : encoder_finish(encoder, &ret->blob, e);
}

static int run_tar(struct packing *p, const struct sink *sink, struct err *e)
{
	return layer_rebuild_tar(&p->layer, sink, e);
}

static int run_files(struct packing *p, const struct sink *sink, struct err *e)
{
	cleanup_fd int fd = -1;

	if (!p->key)
		return tree_tar_write(p->tree_fd, p->tree_kind, sink, e);
	fd = openat(p->layer.dir_fd, "tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open 'tree'");
	return tree_tar_write(fd, TREE_TAR_LAYER, sink, e);
}

static int on_damage(void *arg, const char *path, const char *problem)
{
	return err_set(arg, -EBADMSG, "its file '%s' is damaged: %s (sampan fsck --repair)", path, problem);
}

/* The files may be to blame for a tar that comes out otherwise: then nobody is sent them. */
static int refuse_damage(const struct packing *p, struct err *e)
{
	struct err why = *e, found = { 0 };
	struct layer_sums_count count;
	int r = layer_sums_check(p->layer.dir_fd, on_damage, &found, &count, e);

	if (found.code < 0)
		*e = found;
	if (r < 0 && r != -ENOENT) /* without checksums nobody knows */
		return r;
	*e = why;
	return 0;
}

static int pack_layer(struct packing *p, struct packer_result *ret, struct err *e)
{
	int r = p->as_it_was ? make_original(p, ret, e) : -EOPNOTSUPP;

	if (r == -EOPNOTSUPP) {
		if (p->as_it_was)
			(void)snprintf(ret->why, sizeof(ret->why), "%.255s", e->text);
		r = encode_with(p, &p->layer.meta.diff_id, run_tar, ret, e);
	}
	if (r == -EBADMSG && refuse_damage(p, e) < 0)
		return e->code;
	if (r != -EOPNOTSUPP && r != -EBADMSG)
		return r;
	(void)snprintf(ret->why, sizeof(ret->why), "%.255s", e->text);
	return encode_with(p, NULL, run_files, ret, e);
}

/* Of a layer there is nothing to parse: its packer may read whatever the layer has. A blob may be anything. */
static int confine(const struct packing *p, pid_t parent, struct err *e)
{
	/* SYS_ADMIN is for trusted.overlay.opaque: without it a layer's opaque directories look like any other. */
	static const int READING[] = { CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN };
	static const int ALLOWED[] = { SYS_read,         SYS_write,        SYS_brk,     SYS_munmap,
				       SYS_mremap,       SYS_madvise,      SYS_sendmsg, SYS_exit_group,
				       SYS_rt_sigreturn, SYS_clock_gettime };
	const int keep[] = { p->sock, p->out_fd, p->tree_fd, p->blob_fd, p->layer.dir_fd };
	size_t caps = ARRAY_LEN(READING);
	int r = sandbox_keep_fds(keep, ARRAY_LEN(keep), e);

	if (p->blob_fd >= 0)
		caps = 0;
	else if (!p->key && p->tree_kind == TREE_TAR_FILES)
		caps = 1;
	if (r == 0)
		r = sandbox_settle(MEMORY_MAX_BYTES, e);
	if (r == 0 && p->blob_fd >= 0)
		r = sandbox_become_nobody(e);
	if (r == 0)
		r = sandbox_drop_caps(READING, caps, e);
	if (r == 0)
		r = sandbox_die_with(parent, e);
	if (r == 0 && p->blob_fd >= 0)
		r = sandbox_seccomp(ALLOWED, ARRAY_LEN(ALLOWED), e);
	return r;
}

static int pack(struct packing *p, struct err *e)
{
	struct worker_event data = { .kind = WORKER_DATA }, done = { .kind = WORKER_DONE };
	struct packer_result result;
	int r;

	memset(&result, 0, sizeof(result));
	result.compression = p->compression.kind;
	if (p->key)
		r = pack_layer(p, &result, e);
	else
		r = encode_with(p, NULL, p->blob_fd >= 0 ? expand : run_files, &result, e);
	if (r < 0)
		return r;
	done.bytes = result.blob.size_bytes;
	r = worker_tell(p->sock, &data, &result, sizeof(result), 0);
	if (r == 0)
		r = worker_tell(p->sock, &done, NULL, 0, 0);
	return r < 0 ? err_code(e, r, "cannot tell of a layer") : 0;
}

/* What needs files other than the layer's. OpenSSL may read its configuration. */
static int prepare(struct packing *p, struct err *e)
{
	cleanup_hash struct hash first = { 0 };
	int r = hash_init(&first, "sha256", e);

	if (r == 0 && p->users_fd >= 0 && setns(p->users_fd, CLONE_NEWUSER) < 0)
		r = err_errno(e, "cannot enter the container's user namespace");
	if (r < 0 || !p->key)
		return r;
	r = layer_rebuild_open(p->store, p->key, &p->layer, e);
	if (r == 0 && p->as_it_was)
		p->compression.kind = compression_of(media_kind_of(p->layer.meta.media_type));
	return r;
}

static void packer_main(void *arg, int sock, pid_t parent) __attribute__((noreturn));

static void packer_main(void *arg, int sock, pid_t parent)
{
	struct packing *p = arg;
	struct err e;
	int r;

	p->sock = sock;
	/* The standard streams are about to be closed. */
	if (p->out_fd <= STDERR_FILENO)
		p->out_fd = fcntl(p->out_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (p->out_fd < 0) {
		(void)err_errno(&e, "cannot write");
		worker_fail(sock, &e);
		_exit(1);
	}
	r = prepare(p, &e);
	if (r == 0)
		r = confine(p, parent, &e);
	if (r == 0)
		r = pack(p, &e);
	if (r < 0)
		worker_fail(sock, &e);
	_exit(r < 0);
}

/* --- the parent ---------------------------------------------------------------------------------------------- */

int packer_start(const struct store *s, const char *key, const struct compression *compression, int out_fd,
		 struct worker *ret, struct err *e)
{
	struct packing p = { .store = s,
			     .key = key,
			     .tree_fd = -1,
			     .users_fd = -1,
			     .blob_fd = -1,
			     .layer.dir_fd = -1,
			     .as_it_was = !compression,
			     .out_fd = out_fd };

	if (compression)
		p.compression = *compression;
	return worker_spawn(packer_main, &p, ret, e);
}

int packer_expand(int blob_fd, enum media_kind kind, const struct compression *compression, int out_fd,
		  struct worker *ret, struct err *e)
{
	struct packing p = { .tree_fd = -1,
			     .users_fd = -1,
			     .blob_fd = blob_fd,
			     .layer.dir_fd = -1,
			     .kind = kind,
			     .compression = *compression,
			     .out_fd = out_fd };

	if (lseek(blob_fd, 0, SEEK_SET) < 0)
		return err_errno(e, "cannot read a blob");
	return worker_spawn(packer_main, &p, ret, e);
}

int packer_tree(int tree_fd, enum tree_tar_kind kind, int users_fd, int out_fd, struct worker *ret,
		struct err *e)
{
	struct packing p = { .tree_fd = tree_fd,
			     .tree_kind = kind,
			     .users_fd = users_fd,
			     .blob_fd = -1,
			     .layer.dir_fd = -1,
			     .out_fd = out_fd };

	return worker_spawn(packer_main, &p, ret, e);
}

int packer_receive(struct worker *w, struct worker_event *ret, struct packer_result *ret_result,
		   struct err *e)
{
	char data[WORKER_DATA_MAX];
	struct packer_result result;
	int r = worker_receive(w, ret, data, e);

	if (r < 0 || ret->kind != WORKER_DATA)
		return r;
	if (ret->data_len != sizeof(result))
		return err_set(e, -EPROTO, "a worker process talks nonsense");
	memcpy(&result, data, sizeof(result));
	result.blob.diff_id.text[DIGEST_TEXT_MAX] = 0;
	result.blob.digest.text[DIGEST_TEXT_MAX] = 0;
	result.why[PACKER_WHY_MAX - 1] = 0;
	if (result.compression > COMPRESSION_ZSTD)
		return err_set(e, -EPROTO, "a worker process talks nonsense");
	*ret_result = result;
	return 0;
}

int packer_wait(struct worker *w, int cancel_fd, struct packer_result *ret, struct err *e)
{
	struct worker_event event = { 0 };
	int r = 0;

	while (r == 0 && event.kind != WORKER_DONE) {
		r = worker_wait(w, cancel_fd, e);
		if (r == 0)
			r = packer_receive(w, &event, ret, e);
		if (r == 0 && event.kind == WORKER_FAILED) {
			*e = event.error;
			r = e->code;
		}
	}
	worker_stop(w);
	return r;
}
