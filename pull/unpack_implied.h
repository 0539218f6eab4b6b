/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a layer's implied directories, beside its tree. unpack_fix_implied (pull/unpack.h) reads it. */
#ifndef SAMPAN_PULL_UNPACK_IMPLIED_H
#define SAMPAN_PULL_UNPACK_IMPLIED_H

#define UNPACK_IMPLIED "implied" /* paths, NUL after each; "." is the root */

#endif
