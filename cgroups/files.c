/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroups/files.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "common/cleanup.h"
#include "common/parse.h"

ssize_t cgroup_file_read(int dir_fd, const char *name, char *out, size_t size)
{
	cleanup_fd int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, out, size - 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	out[n] = '\0';
	return n;
}

int cgroup_text_u64(const char *text, uint64_t *ret, const char **ret_end)
{
	size_t len = strcspn(text, " \n");
	char number[24];
	int r;

	if (len == 3 && memcmp(text, "max", 3) == 0) {
		*ret = UINT64_MAX;
	} else {
		if (len >= sizeof(number))
			return -EINVAL;
		memcpy(number, text, len);
		number[len] = '\0';
		r = parse_u64(number, 0, UINT64_MAX, ret);
		if (r < 0)
			return r;
	}
	if (ret_end)
		*ret_end = text + len;
	return 0;
}

int cgroup_file_u64(int dir_fd, const char *name, uint64_t *ret)
{
	char text[64];
	ssize_t n = cgroup_file_read(dir_fd, name, text, sizeof(text));

	if (n < 0)
		return (int)n;
	return cgroup_text_u64(text, ret, NULL);
}

int cgroup_text_key(const char *text, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);

	while (text) {
		if (strncmp(text, key, len) == 0 && text[len] == ' ')
			return cgroup_text_u64(text + len + 1, ret, NULL);
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return -ENOENT;
}

unsigned int cgroup_text_controllers(const char *text)
{
	unsigned int found = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " \n");

		for (unsigned int bit = CGROUP_CPU; bit <= CGROUP_MISC; bit <<= 1) {
			const char *name = cgroup_controller_name((enum cgroup_controller)bit);

			if (strlen(name) == len && memcmp(text, name, len) == 0)
				found |= bit;
		}
		text += len;
		text += strspn(text, " \n");
	}
	return found;
}
