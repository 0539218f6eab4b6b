/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/certs.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/file.h"
#include "common/strvec.h"
#include "pull/config_dirs.h"

void certs_done(struct certs *c)
{
	free(c->authorities);
	free(c->certificate);
	if (c->key)
		explicit_bzero(c->key, strlen(c->key));
	free(c->key);
	*c = (struct certs){ 0 };
}

static int read_pem(const char *path, char **ret, struct err *e)
{
	cleanup_buf struct buf text = BUF_INIT(CERTS_BYTES_MAX);
	int r = file_read(AT_FDCWD, path, &text, e);

	if (r < 0)
		return err_wrap(e, "'%s'", path);
	*ret = buf_take(&text);
	return *ret ? 0 : err_code(e, -ENOMEM, "'%s'", path);
}

static int read_authorities(const char *dir, struct certs *ret, struct err *e)
{
	cleanup_strvec struct strvec files = { 0 };
	cleanup_buf struct buf all = BUF_INIT(CERTS_BYTES_MAX);
	int r = config_list_files(dir, ".crt", CERTS_FILES_MAX, &files, e);

	for (size_t i = 0; r == 0 && i < files.len; i++) {
		r = file_read(AT_FDCWD, files.items[i], &all, e);
		if (r == 0)
			r = buf_add_char(&all, '\n'); /* which not every file has at its end */
		if (r < 0)
			return err_wrap(e, "'%s'", files.items[i]);
	}
	if (r < 0 || files.len == 0)
		return r;
	ret->authorities = buf_take(&all);
	return ret->authorities ? 0 : err_code(e, -ENOMEM, "'%s'", dir);
}

/* "x.cert" <-> "x.key". Owned; NULL: out of memory. */
static char *partner_of(const char *path, const char *suffix)
{
	const char *dot = strrchr(path, '.');
	char *out = NULL;

	return asprintf(&out, "%.*s%s", (int)(dot - path), path, suffix) < 0 ? NULL : out;
}

/* Every file of one kind must have its partner: one that was forgotten should be heard of. */
static int check_partners(const struct strvec *files, const char *suffix, const char *what, struct err *e)
{
	for (size_t i = 0; i < files->len; i++) {
		cleanup_free char *partner = partner_of(files->items[i], suffix);

		if (!partner)
			return err_code(e, -ENOMEM, "'%s'", files->items[i]);
		if (access(partner, F_OK) < 0)
			return err_set(e, -EINVAL, "'%s' has no %s beside it ('%s')", files->items[i], what,
				       partner);
	}
	return 0;
}

static int read_client(const char *dir, struct certs *ret, struct err *e)
{
	cleanup_strvec struct strvec certificates = { 0 }, keys = { 0 };
	cleanup_free char *key = NULL;
	int r = config_list_files(dir, ".cert", CERTS_FILES_MAX, &certificates, e);

	if (r == 0)
		r = config_list_files(dir, ".key", CERTS_FILES_MAX, &keys, e);
	if (r == 0)
		r = check_partners(&certificates, ".key", "key", e);
	if (r == 0)
		r = check_partners(&keys, ".cert", "certificate", e);
	if (r < 0 || certificates.len == 0)
		return r;
	key = partner_of(certificates.items[0], ".key");
	if (!key)
		return err_code(e, -ENOMEM, "'%s'", dir);
	r = read_pem(certificates.items[0], &ret->certificate, e);
	return r < 0 ? r : read_pem(key, &ret->key, e);
}

static int list_places(const char *domain, struct strvec *ret, struct err *e)
{
	cleanup_strvec struct strvec dirs = { 0 };
	int r = config_dirs("containers", &dirs, e);

	for (size_t i = dirs.len; r == 0 && i > 0; i--)
		r = strvec_addf(ret, "%s/certs.d/%s", dirs.items[i - 1], domain);
	if (r == 0)
		r = strvec_addf(ret, "/etc/docker/certs.d/%s", domain);
	return r;
}

int certs_find(const char *domain, struct certs *ret, struct err *e)
{
	cleanup_strvec struct strvec places = { 0 };
	cleanup_certs struct certs c = { 0 };
	struct stat st;
	int r = list_places(domain, &places, e);

	if (r < 0)
		return err_code(e, r, "cannot look for certificates");
	for (size_t i = 0; i < places.len; i++) {
		if (stat(places.items[i], &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		r = read_authorities(places.items[i], &c, e);
		if (r == 0)
			r = read_client(places.items[i], &c, e);
		break;
	}
	if (r < 0)
		return r;
	*ret = c;
	c = (struct certs){ 0 };
	return 0;
}
