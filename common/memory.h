/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of long-lived processes. */
#ifndef SAMPAN_COMMON_MEMORY_H
#define SAMPAN_COMMON_MEMORY_H

#include <stddef.h>

/* Gives the pages that lie wholly within a buffer back to the kernel: they read as zeros, and take up nothing until they are written again. For
 * anonymous memory: static without an initial value, the heap's, the stack's. It keeps what it has where the kernel does not want it. madvise(2) */
void memory_give_back(void *buffer, size_t len);

#endif
