/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/doctor_lines.h"
#include "engine/litmus.h"

void doctor_examine_memory_order(const struct doctor_host *h, struct doctor_report *r)
{
	struct litmus_result results[LITMUS_TESTS];
	unsigned int cores;
	struct err e;

	if (litmus_run(h->litmus_ms, results, &cores, &e) < 0) {
		doctor_add(r, DOCTOR_WARNING, "memory order", NULL, "%s", e.text);
		return;
	}
	for (size_t i = 0; i < LITMUS_TESTS; i++) {
		const struct litmus_result *l = &results[i];
		bool broken = l->forbidden && l->seen > 0;

		doctor_add(
			r, broken ? DOCTOR_MISSING : DOCTOR_OK, "memory order",
			broken ? "this CPU, or this build for it, has no working barriers: please report it"
			       : NULL,
			"%s: %llu times in %llu rounds%s", l->name, (unsigned long long)l->seen,
			(unsigned long long)l->rounds,
			l->forbidden  ? broken ? ", which must not be" : ", as it must be"
			: l->seen > 0 ? ": this CPU does reorder"
				      : ": not seen to reorder");
	}
	if (cores < 2)
		doctor_add(r, DOCTOR_WARNING, "memory order", NULL, "with one core these tests show nothing");
}
