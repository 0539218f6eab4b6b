/* SPDX-License-Identifier: Apache-2.0 */
#include "build/url_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "pull/hash.h"
#include "store/step_cache.h"

/* No step has such a key: theirs are of other texts. */
static int key_of(const char *url, struct digest *ret, struct err *e)
{
	cleanup_free char *text = NULL;
	int len = asprintf(&text, "fetched\n%s", url);

	if (len < 0) {
		text = NULL;
		return err_code(e, -ENOMEM, "cannot look for what was fetched");
	}
	return hash_bytes("sha256", text, (size_t)len, ret, e);
}

bool url_record_find(const struct store *s, const char *url, int64_t now_s, struct remote_file *ret)
{
	cleanup_step_record struct step_record record = { 0 };
	struct remote_file file = { 0 };
	struct digest key;
	struct err ignored; /* what cannot be read is fetched again */

	if (key_of(url, &key, &ignored) < 0 || step_cache_find(s, &key, now_s, &record, &ignored) < 0)
		return false;
	if (!record.etag || strlen(record.etag) >= sizeof(file.etag) ||
	    strlen(record.file_name) >= sizeof(file.name) || record.modified_s > INT64_MAX)
		return false;
	(void)snprintf(file.etag, sizeof(file.etag), "%s", record.etag);
	(void)snprintf(file.name, sizeof(file.name), "%s", record.file_name);
	file.digest = record.content;
	file.size_bytes = record.size_bytes;
	file.mtime = (int64_t)record.modified_s;
	*ret = file;
	return true;
}

int url_record_put(const struct store *s, const char *url, const struct remote_file *file, struct err *e)
{
	cleanup_free char *shown = download_redact(url), *text = NULL;
	struct step_record record = { .etag = (char *)(uintptr_t)file->etag,
				      .file_name = (char *)(uintptr_t)file->name,
				      .content = file->digest,
				      .size_bytes = file->size_bytes,
				      .modified_s = (uint64_t)file->mtime };
	int r;

	if (!file->etag[0] || file->mtime < 0)
		return 0;
	if (!shown || asprintf(&text, "http url %s", shown) < 0) {
		text = NULL;
		return err_code(e, -ENOMEM, "cannot keep what was fetched");
	}
	record.text = text;
	r = key_of(url, &record.key, e);
	return r < 0 ? r : step_cache_put(s, &record, e);
}
