/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/curl_library.h"

#include <stddef.h>

#include "common/cleanup.h"
#include "common/library.h"

#define SYMBOL(name) LIBRARY_SYMBOL("curl_", struct curl_library, name)
static const struct library_symbol SYMBOLS[] = {
	SYMBOL(global_init),   SYMBOL(global_cleanup),
	SYMBOL(easy_init),     SYMBOL(easy_cleanup),
	SYMBOL(easy_reset),    SYMBOL(easy_setopt),
	SYMBOL(easy_getinfo),  SYMBOL(easy_perform),
	SYMBOL(easy_strerror), SYMBOL(easy_header),
	SYMBOL(slist_append),  SYMBOL(slist_free_all),
	SYMBOL(getdate),       SYMBOL(url),
	SYMBOL(url_cleanup),   SYMBOL(url_get),
	SYMBOL(url_set),       SYMBOL(free),
};

int curl_library_open(struct curl_library *ret, struct err *e)
{
	static const struct library LIBRARY = { "libcurl.so.4", "fetching needs", "libcurl", "libcurl4" };
	void *library; /* never closed */

	return library_open(&LIBRARY, SYMBOLS, ARRAY_LEN(SYMBOLS), ret, &library, e);
}
