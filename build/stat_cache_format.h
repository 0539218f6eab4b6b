/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a stat cache, for build/stat_cache.c and its fuzzer. */
#ifndef SAMPAN_BUILD_STAT_CACHE_FORMAT_H
#define SAMPAN_BUILD_STAT_CACHE_FORMAT_H

/*	 0  "sampanSC"           8  version, 4 bytes      12  bytes of an entry, 4 bytes
 *	16  entries, 8 bytes    24  generation, 8 bytes  32  XXH3-128 of the whole file with zeros here
 *	48  entries:
 *
 *	 0  device   8  inode   16  size   24  mtime, ns   32  ctime, ns   40  generation, 4 bytes   44  flags, 4 bytes   48  SHA-256 */
#define STAT_CACHE_MAGIC        "sampanSC"
#define STAT_CACHE_VERSION      1
#define STAT_CACHE_HEADER_LEN   48
#define STAT_CACHE_CHECKSUM_AT  32
#define STAT_CACHE_CHECKSUM_LEN 16
#define STAT_CACHE_ENTRY_LEN    80
#define STAT_CACHE_HAS_XATTRS   1u /* flags */

#endif
