/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that are too easy to misuse do not compile. Force-included before every source file.
 *
 *   strto*, ato*, sscanf   use common/parse.h, which takes the whole string or nothing
 *   strcpy, strcat, ...    use common/buf.h or snprintf
 *   sprintf, vsprintf      use snprintf or buf_printf
 *   system, popen, tmpnam  use common/process.h, O_TMPFILE or mkostemp
 */
#ifndef SAMPAN_COMMON_BANNED_H
#define SAMPAN_COMMON_BANNED_H

/* The headers that declare them come first, or their declarations would not compile either. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define BANNED(func) sorry_##func##_is_banned_see_common_banned_h

#undef atoi
#undef atol
#undef atoll
#undef atof
#undef strtol
#undef strtoul
#undef strtoll
#undef strtoull
#undef strtod
#undef strtoimax
#undef strtoumax
#undef sscanf
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef strtok
#undef system
#undef popen
#undef tmpnam
#undef mktemp
#define atoi(s)            BANNED(atoi)
#define atol(s)            BANNED(atol)
#define atoll(s)           BANNED(atoll)
#define atof(s)            BANNED(atof)
#define strtol(s, e, b)    BANNED(strtol)
#define strtoul(s, e, b)   BANNED(strtoul)
#define strtoll(s, e, b)   BANNED(strtoll)
#define strtoull(s, e, b)  BANNED(strtoull)
#define strtod(s, e)       BANNED(strtod)
#define strtoimax(s, e, b) BANNED(strtoimax)
#define strtoumax(s, e, b) BANNED(strtoumax)
#define sscanf(...)        BANNED(sscanf)
#define strcpy(d, s)       BANNED(strcpy)
#define strcat(d, s)       BANNED(strcat)
#define strncpy(d, s, n)   BANNED(strncpy)
#define strncat(d, s, n)   BANNED(strncat)
#define sprintf(...)       BANNED(sprintf)
#define vsprintf(...)      BANNED(vsprintf)
#define strtok(s, d)       BANNED(strtok)
#define system(c)          BANNED(system)
#define popen(c, m)        BANNED(popen)
#define tmpnam(s)          BANNED(tmpnam)
#define mktemp(s)          BANNED(mktemp)

#endif
