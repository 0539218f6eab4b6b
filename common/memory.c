/* SPDX-License-Identifier: Apache-2.0 */
#include "common/memory.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

void memory_give_back(void *buffer, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t before = (page - (uintptr_t)buffer % page) % page;
	size_t whole = len > before ? (len - before) / page * page : 0;

	if (whole > 0) /* fails for locked pages only: those stay */
		(void)madvise((char *)buffer + before, whole, MADV_DONTNEED);
}
