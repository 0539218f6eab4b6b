/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of our static programs (docs/adr/0021): malloc(3) and its kin without system calls for as long as 64 KiB do, which is most of their lives. musl's own
 * asks the kernel for the first block of each size, some forty times in a start. Blocks are kept by size when they are freed, and given out again; they are
 * neither split nor joined. A block that is freed twice, or whose head was overwritten, ends the program. Not for threads. */
#ifndef SAMPAN_COMMON_HEAP_H
#define SAMPAN_COMMON_HEAP_H

#include <stddef.h>

#define HEAP_FIRST_BYTES   65536 /* part of the program: what is not used of it costs nothing */
#define HEAP_LARGEST_BYTES 32768 /* larger ones are the kernel's, one by one */

/* malloc(3): aligned to 16. NULL and ENOMEM: there is no memory. */
void *heap_alloc(size_t size_bytes);
/* calloc(3) */
void *heap_alloc_zeroed(size_t count, size_t size_bytes);
/* realloc(3): the newest block grows where it is. */
void *heap_resize(void *p, size_t size_bytes);
/* free(3) */
void heap_free(void *p);

#endif
