/* SPDX-License-Identifier: Apache-2.0 */
#include "build/attestation.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"

#define STATEMENT "https://in-toto.io/Statement/v0.1"
#define NAMELESS  "_" /* what BuildKit calls it */

void attestation_done(struct attestation *a)
{
	strvec_done(&a->types);
	strvec_done(&a->predicates);
}

static int no_memory(struct err *e)
{
	return err_code(e, -ENOMEM, "cannot write an attestation");
}

int attestation_add(struct attestation *a, const char *predicate_type, const struct buf *predicate,
		    struct err *e)
{
	if (predicate->len > ATTESTATION_MAX_BYTES)
		return err_set(e, -EFBIG, "a predicate has more than %zu bytes", ATTESTATION_MAX_BYTES);
	if (strvec_add(&a->predicates, predicate->data ? predicate->data : "null") < 0 ||
	    strvec_add(&a->types, predicate_type) < 0)
		return no_memory(e);
	return 0;
}

static void write_subject(struct json_out *o, const char *name, const struct digest *image)
{
	json_out_object(o, NULL);
	json_out_string(o, "name", name);
	json_out_object(o, "digest");
	json_out_string(o, digest_algorithm(image), digest_hex(image));
	json_out_end(o);
	json_out_end(o);
}

static int write_statement(const char *type, const char *predicate, const struct digest *image,
			   const struct strvec *subjects, struct strvec *ret, struct err *e)
{
	cleanup_json_out struct json_out *o = json_out_new(false, ATTESTATION_MAX_BYTES);
	const char *text;
	size_t len;
	int r;

	json_out_object(o, NULL);
	json_out_string(o, "_type", STATEMENT);
	json_out_string(o, "predicateType", type);
	json_out_array(o, "subject");
	for (size_t i = 0; subjects && i < subjects->len; i++)
		write_subject(o, subjects->items[i], image);
	if (!subjects || subjects->len == 0)
		write_subject(o, NAMELESS, image);
	json_out_end(o);
	json_out_raw(o, "predicate", predicate);
	json_out_end(o);
	r = json_out_finish(o, &text, &len, e);
	return r < 0 ? r : strvec_add(ret, text) < 0 ? no_memory(e) : 0;
}

int attestation_make(const struct attestation *a, const struct digest *image, const struct strvec *subjects,
		     struct attestation_manifest *ret, struct err *e)
{
	cleanup_strvec struct strvec statements = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->types.len; i++)
		r = write_statement(a->types.items[i], a->predicates.items[i], image, subjects, &statements,
				    e);
	return r < 0 ? r : attestation_manifest_make(image, &statements, ret, e);
}
