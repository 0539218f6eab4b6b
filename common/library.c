/* SPDX-License-Identifier: Apache-2.0 */
#include "common/library.h"

#include <dlfcn.h>

#ifdef SAMPAN_STATIC

int library_possible(const struct library *l, struct err *e)
{
	return err_set(e, -ELIBACC, "%s %s, which a static program cannot open", l->need, l->name);
}

int library_open(const struct library *l, const struct library_symbol *symbols, size_t len, void *table,
		 void **ret, struct err *e)
{
	(void)symbols;
	(void)len;
	(void)table;
	(void)ret;
	return library_possible(l, e);
}

void library_close(void *library)
{
	(void)library; /* there is none */
}

#else

int library_possible(const struct library *l, struct err *e)
{
	(void)l;
	(void)e;
	return 0;
}

int library_open(const struct library *l, const struct library_symbol *symbols, size_t len, void *table,
		 void **ret, struct err *e)
{
	void *library = dlopen(l->soname, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return err_set(e, -EOPNOTSUPP, "%s %s (apt install %s)", l->need, l->name, l->package);
	for (size_t i = 0; i < len; i++) {
		void *address = dlsym(library, symbols[i].name);

		if (!address) {
			(void)dlclose(library);
			return err_set(e, -EOPNOTSUPP, "%s a newer %s: it lacks '%s'", l->need, l->name,
				       symbols[i].name);
		}
		*(void **)((char *)table + symbols[i].offset) = address;
	}
	*ret = library;
	return 0;
}

void library_close(void *library)
{
	if (library)
		(void)dlclose(library);
}

#endif
