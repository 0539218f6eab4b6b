/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a pull in one process and one after the other, as a plain C program does them: no download, no sandbox, no store, no sync.
 *
 *	stages sha256 FILE...              OpenSSL
 *	stages inflate BLOB...             ISA-L or libzstd, to nowhere
 *	stages extract DIR TAR...          libarchive reads, each tar goes to DIR/0, DIR/1 ...
 *	stages all DIR (BLOB TAR)...       SHA-256 of the blobs, inflate, SHA-256 of the tars, extract
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>
#include <zstd.h>

#define BLOCK_BYTES (256u << 10)

static char input[BLOCK_BYTES];
static char output[BLOCK_BYTES];

static _Noreturn void fail(const char *what)
{
	(void)fprintf(stderr, "stages: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_input(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(path);
	return fd;
}

static size_t fill(int fd, const char *path)
{
	ssize_t n = read(fd, input, sizeof(input));

	if (n < 0)
		fail(path);
	return (size_t)n;
}

static void hash(const char *path)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char sum[EVP_MAX_MD_SIZE];
	int fd = open_input(path);
	size_t n;

	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		fail("sha256");
	while ((n = fill(fd, path)) > 0)
		(void)EVP_DigestUpdate(ctx, input, n); /* cannot fail */
	(void)EVP_DigestFinal_ex(ctx, sum, NULL);      /* as above */
	EVP_MD_CTX_free(ctx);
	(void)close(fd);
}

static void inflate_gzip(int fd, const char *path, size_t n)
{
	static struct inflate_state state;

	isal_inflate_init(&state);
	state.crc_flag = ISAL_GZIP;
	for (; n > 0; n = fill(fd, path)) {
		state.next_in = (uint8_t *)input;
		state.avail_in = (uint32_t)n;
		do {
			state.next_out = (uint8_t *)output;
			state.avail_out = sizeof(output);
			if (isal_inflate(&state) < 0)
				fail(path);
		} while (state.avail_out == 0 ||
			 (state.avail_in > 0 && state.block_state != ISAL_BLOCK_FINISH));
	}
}

static void inflate_zstd(int fd, const char *path, size_t n)
{
	ZSTD_DCtx *ctx = ZSTD_createDCtx();

	if (!ctx)
		fail("zstd");
	for (; n > 0; n = fill(fd, path)) {
		ZSTD_inBuffer in = { input, n, 0 };
		ZSTD_outBuffer out;

		do {
			out = (ZSTD_outBuffer){ output, sizeof(output), 0 };
			if (ZSTD_isError(ZSTD_decompressStream(ctx, &out, &in)))
				fail(path);
		} while (in.pos < in.size || out.pos == out.size);
	}
	(void)ZSTD_freeDCtx(ctx); /* cannot fail */
}

static void inflate_blob(const char *path)
{
	int fd = open_input(path);
	size_t n = fill(fd, path);

	if (n > 2 && memcmp(input, "\x1f\x8b", 2) == 0)
		inflate_gzip(fd, path, n);
	else
		inflate_zstd(fd, path, n);
	(void)close(fd);
}

static void make_file(struct archive *a, int dir_fd, const char *name, mode_t mode)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	const void *data;
	size_t len;
	la_int64_t offset;

	if (fd < 0)
		fail(name);
	while (archive_read_data_block(a, &data, &len, &offset) == ARCHIVE_OK)
		if (pwrite(fd, data, len, offset) != (ssize_t)len)
			fail(name);
	(void)close(fd);
}

/* Owner and permissions are those that files get when root makes them; times are kept. */
static void make_entry(struct archive *a, struct archive_entry *entry, int dir_fd)
{
	struct timespec times[2] = { { archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) } };
	const char *name = archive_entry_pathname(entry), *link = archive_entry_hardlink(entry);
	mode_t mode = archive_entry_mode(entry) & 07777;
	int r = 0;

	name += strspn(name, "./");
	if (*name == '\0')
		return;
	times[1] = times[0];
	if (link)
		r = linkat(dir_fd, link + strspn(link, "./"), dir_fd, name, 0);
	else if (archive_entry_filetype(entry) == AE_IFDIR)
		r = mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST ? -1 : 0;
	else if (archive_entry_filetype(entry) == AE_IFLNK)
		r = symlinkat(archive_entry_symlink(entry), dir_fd, name);
	else if (archive_entry_filetype(entry) == AE_IFREG)
		make_file(a, dir_fd, name, mode);
	else
		r = mknodat(dir_fd, name, archive_entry_mode(entry), archive_entry_rdev(entry));
	if (r == 0 && !link)
		r = utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW);
	if (r < 0)
		fail(name);
}

static void extract(const char *path, const char *dir, unsigned int number)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	char name[16];
	int parent_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), dir_fd;

	(void)snprintf(name, sizeof(name), "%u", number);
	if (parent_fd < 0 || mkdirat(parent_fd, name, 0755) < 0)
		fail(dir);
	dir_fd = openat(parent_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0 || archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_open_filename(a, path, BLOCK_BYTES) != ARCHIVE_OK)
		fail(path);
	while (archive_read_next_header(a, &entry) == ARCHIVE_OK)
		make_entry(a, entry, dir_fd);
	(void)archive_read_free(a); /* only memory */
	(void)close(dir_fd);
	(void)close(parent_fd);
}

static void run_all(int argc, char **argv)
{
	for (int i = 3; i + 1 < argc; i += 2)
		hash(argv[i]);
	for (int i = 3; i + 1 < argc; i += 2)
		inflate_blob(argv[i]);
	for (int i = 3; i + 1 < argc; i += 2)
		hash(argv[i + 1]);
	for (int i = 3; i + 1 < argc; i += 2)
		extract(argv[i + 1], argv[2], (unsigned int)i);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	(void)umask(0);
	if (strcmp(what, "all") == 0)
		run_all(argc, argv);
	else if (strcmp(what, "extract") == 0)
		for (int i = 3; i < argc; i++)
			extract(argv[i], argv[2], (unsigned int)i);
	else if (strcmp(what, "sha256") == 0 || strcmp(what, "inflate") == 0)
		for (int i = 2; i < argc; i++)
			(*what == 's' ? hash : inflate_blob)(argv[i]);
	else
		return 2;
	return 0;
}
