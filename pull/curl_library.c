/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/curl_library.h"

#include <dlfcn.h>
#include <stddef.h>

#include "common/cleanup.h"

#define LIBRARY "libcurl.so.4"

#define SYMBOL(name)                                               \
	{                                                          \
		"curl_" #name, offsetof(struct curl_library, name) \
	}
static const struct {
	const char *name;
	size_t offset;
} SYMBOLS[] = {
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
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	int r = 0;

	if (!library)
		return err_set(e, -EOPNOTSUPP, "%s is not there (on Debian: apt-get install libcurl4)",
			       LIBRARY);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(SYMBOLS); i++) {
		void *symbol = dlsym(library, SYMBOLS[i].name);

		if (!symbol)
			r = err_set(e, -EOPNOTSUPP, "%s is too old: it lacks '%s'", LIBRARY, SYMBOLS[i].name);
		*(void **)((char *)ret + SYMBOLS[i].offset) = symbol;
	}
	(void)dlclose(library); /* only the count of who wants it */
	return r;
}
