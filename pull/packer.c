/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/packer.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "pull/inflate.h"
#include "pull/sandbox.h"
#include "pull/tree_tar.h"
#include "pull/worker_protocol.h"
#include "store/layer.h"

#define MEMORY_MAX_BYTES ((size_t)2 << 30) /* zstd's highest levels take 1 GiB of it */
#define BLOCK_BYTES      ((size_t)256 << 10)

/* What one process is for. */
struct packing {
	const struct store *store; /* with `key`: a layer; */
	const char *key;
	int tree_fd; /* or a tree; */
	int blob_fd; /* or a blob; -1 where it is another */
	enum media_kind kind;
	struct compression compression;
	int out_fd;
	int sock;
	uint64_t done_bytes;
	struct timespec last_progress;
	struct encoder *encoder;
};

/* --- the process ------------------------------------------------------------------------------------------- */

static int on_begin(void *arg, struct err *e)
{
	(void)arg;
	(void)e; /* there is but one try */
	return 0;
}

static int on_write(void *arg, const void *data, size_t len, struct err *e)
{
	struct packing *p = arg;
	struct worker_event event = { .kind = WORKER_PROGRESS };

	p->done_bytes += len;
	event.bytes = p->done_bytes;
	if (worker_progress_due(&p->last_progress))
		(void)!worker_tell(p->sock, &event, NULL, 0, MSG_DONTWAIT); /* a busy parent does without */
	return encoder_write(p->encoder, data, len, e);
}

static int pack_tree(const struct packing *p, const struct sink *sink, struct err *e)
{
	cleanup_free char *path = p->key ? layer_tree_path(p->store, p->key) : NULL;
	cleanup_fd int fd = -1;

	if (!p->key)
		return tree_tar_write(p->tree_fd, false, sink, e);
	if (!path)
		return err_code(e, -ENOMEM, "cannot find a layer");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot open '%s'", path);
	return tree_tar_write(fd, true, sink, e);
}

static int expand(const struct packing *p, const struct sink *sink, struct err *e)
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

/* Of a layer there is nothing to parse: its packer may read whatever the layer has. A blob may be anything. */
static int confine(const struct packing *p, pid_t parent, struct err *e)
{
	static const int READING[] = { CAP_DAC_READ_SEARCH };
	static const int ALLOWED[] = { SYS_read,         SYS_write,        SYS_brk,     SYS_munmap,
				       SYS_mremap,       SYS_madvise,      SYS_sendmsg, SYS_exit_group,
				       SYS_rt_sigreturn, SYS_clock_gettime };
	const int keep[] = { p->sock, p->out_fd, p->tree_fd, p->blob_fd };
	int r = sandbox_keep_fds(keep, ARRAY_LEN(keep), e);

	if (r == 0)
		r = sandbox_settle(MEMORY_MAX_BYTES, e);
	if (r == 0 && p->blob_fd >= 0)
		r = sandbox_become_nobody(e);
	if (r == 0)
		r = sandbox_drop_caps(READING, p->blob_fd >= 0 ? 0 : ARRAY_LEN(READING), e);
	if (r == 0)
		r = sandbox_die_with(parent, e);
	if (r == 0 && p->blob_fd >= 0)
		r = sandbox_seccomp(ALLOWED, ARRAY_LEN(ALLOWED), e);
	return r;
}

static int pack(struct packing *p, struct err *e)
{
	const struct sink sink = { .begin = on_begin, .write = on_write, .arg = p };
	struct worker_event data = { .kind = WORKER_DATA }, done = { .kind = WORKER_DONE };
	struct encoder_result result;
	int r = p->blob_fd >= 0 ? expand(p, &sink, e) : pack_tree(p, &sink, e);

	memset(&result, 0, sizeof(result));
	if (r == 0)
		r = encoder_finish(p->encoder, &result, e);
	if (r < 0)
		return r;
	done.bytes = result.size_bytes;
	r = worker_tell(p->sock, &data, &result, sizeof(result), 0);
	if (r == 0)
		r = worker_tell(p->sock, &done, NULL, 0, 0);
	return r < 0 ? err_code(e, r, "cannot tell of a layer") : 0;
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
	r = encoder_new(&p->compression, p->out_fd, &p->encoder, &e); /* may read OpenSSL's configuration */
	if (r == 0)
		r = confine(p, parent, &e);
	if (r == 0)
		r = pack(p, &e);
	if (r < 0)
		worker_fail(sock, &e);
	_exit(r < 0);
}

/* --- the parent ---------------------------------------------------------------------------------------------- */

int packer_start(const struct store *s, const char *key, const struct compression *c, int out_fd,
		 struct worker *ret, struct err *e)
{
	struct packing p = {
		.store = s, .key = key, .tree_fd = -1, .blob_fd = -1, .compression = *c, .out_fd = out_fd
	};

	return worker_spawn(packer_main, &p, ret, e);
}

int packer_expand(int blob_fd, enum media_kind kind, int out_fd, struct worker *ret, struct err *e)
{
	struct packing p = { .tree_fd = -1, .blob_fd = blob_fd, .kind = kind, .out_fd = out_fd };

	if (lseek(blob_fd, 0, SEEK_SET) < 0)
		return err_errno(e, "cannot read a blob");
	return worker_spawn(packer_main, &p, ret, e);
}

int packer_tree(int tree_fd, int out_fd, struct worker *ret, struct err *e)
{
	struct packing p = { .tree_fd = tree_fd, .blob_fd = -1, .out_fd = out_fd };

	return worker_spawn(packer_main, &p, ret, e);
}

int packer_receive(struct worker *w, struct worker_event *ret, struct encoder_result *ret_result,
		   struct err *e)
{
	char data[WORKER_DATA_MAX];
	struct encoder_result result;
	int r = worker_receive(w, ret, data, e);

	if (r < 0 || ret->kind != WORKER_DATA)
		return r;
	if (ret->data_len != sizeof(result))
		return err_set(e, -EPROTO, "a worker process talks nonsense");
	memcpy(&result, data, sizeof(result));
	result.diff_id.text[DIGEST_TEXT_MAX] = 0;
	result.digest.text[DIGEST_TEXT_MAX] = 0;
	*ret_result = result;
	return 0;
}
