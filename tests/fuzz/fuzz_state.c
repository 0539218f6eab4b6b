/* SPDX-License-Identifier: Apache-2.0 */
/* state.json of the runtime and container.json of the store, as files: read, written, read again; both writings are the same. */
#include <fcntl.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "runtime/state.h"
#include "runtime/state_dir.h"
#include "store/container_record.h"
#include "store/internal.h"

#define STATE_ID  "f"
#define RECORD_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define MAX_BYTES (16u << 20)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory, as each input is written to it three times. */
static char root[] = "/dev/shm/sampan-fuzz-XXXXXX";
static struct store store = { .root = root, .root_fd = -1 };
static int state_fd = -1, record_fd = -1;

static void require(bool so)
{
	if (!so)
		abort();
}

static void remove_root(void)
{
	struct err ignored;

	(void)tree_remove(AT_FDCWD, root, &ignored);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	require(mkdtemp(root) && atexit(remove_root) == 0);
	store.root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	require(store.root_fd >= 0 && mkdirat(store.root_fd, STATE_ID, 0700) == 0 &&
		mkdirat(store.root_fd, "containers", 0700) == 0 &&
		mkdirat(store.root_fd, "containers/" RECORD_ID, 0700) == 0);
	state_fd = openat(store.root_fd, STATE_ID, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	record_fd = openat(store.root_fd, "containers/" RECORD_ID, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	require(state_fd >= 0 && record_fd >= 0);
	return 0;
}

static void put(int dir_fd, const char *name, const uint8_t *data, size_t size)
{
	cleanup_fd int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
}

static void get(int dir_fd, const char *name, struct buf *ret)
{
	struct err e;

	require(file_read(dir_fd, name, ret, &e) == 0);
}

static void as_state(void)
{
	cleanup_container_state struct container_state first = { 0 }, second = { 0 };
	cleanup_buf struct buf once = BUF_INIT(MAX_BYTES), twice = BUF_INIT(MAX_BYTES);
	cleanup_json_out struct json_out *shown = json_out_new(true, MAX_BYTES);
	const char *text;
	size_t len;
	struct err e;

	if (container_state_read(root, STATE_ID, &first, &e) < 0) {
		require(e.code == -EBADMSG);
		return;
	}
	container_state_print(shown, &first, container_state_status(root, &first));
	require(json_out_finish(shown, &text, &len, &e) == 0);
	require(container_state_write(root, &first, &e) == 0);
	get(state_fd, STATE_FILE, &once);
	require(container_state_read(root, STATE_ID, &second, &e) == 0);
	require(container_state_write(root, &second, &e) == 0);
	get(state_fd, STATE_FILE, &twice);
	require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
}

static void as_record(void)
{
	cleanup_container_record struct container_record first = { 0 }, second = { 0 };
	cleanup_buf struct buf once = BUF_INIT(MAX_BYTES), twice = BUF_INIT(MAX_BYTES);
	struct err e;

	if (container_record_read(&store, RECORD_ID, &first, &e) < 0) {
		require(e.code == -EBADMSG);
		return;
	}
	require(container_record_write(record_fd, &first, false, &e) == 0);
	get(record_fd, CONTAINER_RECORD_NAME, &once);
	require(container_record_read(&store, RECORD_ID, &second, &e) == 0);
	require(container_record_write(record_fd, &second, false, &e) == 0);
	get(record_fd, CONTAINER_RECORD_NAME, &twice);
	require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	put(state_fd, STATE_FILE, data, size);
	as_state();
	put(record_fd, CONTAINER_RECORD_NAME, data, size);
	as_record();
	return 0;
}
