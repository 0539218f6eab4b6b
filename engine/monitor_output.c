/* SPDX-License-Identifier: Apache-2.0 */
/* What the container writes, on its way to its log and to who is attached. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/timestamp.h"
#include "engine/monitor_program.h"

#define CHUNKS_PER_TURN 16
#define TRIM_BYTES      32768 /* of output, after which a silence gives the memory of its buffers back */
#define TRIM_SILENCE_MS 2000

static bool succeeded(const struct monitor_helper *h)
{
	return WIFEXITED(h->status) && WEXITSTATUS(h->status) == 0;
}

int monitor_output_open(struct monitor *m, struct err *e)
{
	int r = log_writer_open(MONITOR_FD_CONTAINER, &m->config.log, &m->log, e);

	m->log_open = r == 0;
	if (r == 0)
		log_writer_trim(&m->log); /* it has read what it wrote before */
	return r;
}

static void packed(struct monitor *m, bool complete)
{
	m->packer = (struct monitor_helper){ .fd = -1 };
	log_file_pack_end(log_writer_file(&m->log), complete);
}

/* Who waits for the container's end does not wait for this: the next start does it. */
static void give_up_packing(struct monitor *m)
{
	if (m->packer.pid == 0)
		return;
	if (!m->packer.ended)
		(void)kill(m->packer.pid, SIGKILL); /* our child, not reaped */
	packed(m, m->packer.ended && succeeded(&m->packer));
}

static void start_packing(struct monitor *m, struct log_file *f)
{
	struct monitor_stdio stdio = { { -1, -1, -1 } };

	if (log_file_pack_begin(f, &stdio.fd[0], &stdio.fd[1]) <= 0)
		return;
	if (monitor_helper_start(m, "monitor-pack", NULL, &stdio, &m->packer) < 0) {
		packed(m, false);
	} else {
		(void)close(m->packer.fd); /* it has nothing to say but how it ends */
		m->packer.fd = -1;
	}
	monitor_stdio_close(&stdio);
}

void monitor_output_pack(struct monitor *m)
{
	struct log_file *f;

	if (!m->log_open)
		return;
	if (m->packer.pid > 0 && m->packer.ended)
		packed(m, succeeded(&m->packer));
	f = log_writer_file(&m->log);
	if (f->pack_due && m->packer.pid == 0)
		start_packing(m, f);
}

void monitor_output_close(struct monitor *m)
{
	if (!m->log_open)
		return;
	give_up_packing(m);
	log_writer_close(&m->log);
	m->status.log_offset = log_writer_offset(&m->log);
	m->log_open = false;
}

/* What a client sees is in the log already. */
static void take_chunk(struct monitor *m, int which, bool is_seen)
{
	log_writer_add(&m->log, which == STREAM_ERR ? LOG_STDERR : LOG_STDOUT, m->streams.chunk,
		       m->streams.chunk_len);
	if (is_seen)
		log_writer_flush(&m->log);
	m->untrimmed += m->streams.chunk_len;
	monitor_clients_owe(m);
}

/* False: there may be more. */
static bool take_output(struct monitor *m)
{
	struct monitor_streams *s = &m->streams;
	size_t max;

	if (s->chunk_len > 0 && !monitor_clients_deliver(m))
		return false;
	max = monitor_clients_chunk_max(m);
	for (int which = 0; which < STREAMS; which++) {
		for (int i = 0; (s->ready[which] || m->init_ended) && monitor_streams_read(s, which, max);
		     i++) {
			take_chunk(m, which, max < MONITOR_CHUNK_MAX);
			if (!monitor_clients_deliver(m) || i == CHUNKS_PER_TURN)
				return false;
		}
	}
	return true;
}

bool monitor_output_pump(struct monitor *m)
{
	bool all = take_output(m);

	log_writer_flush(&m->log);
	return all;
}

/* A burst of output uses all of the buffers, once; the memory would be its container's for ever. */
void monitor_output_trim(struct monitor *m, bool more)
{
	if (more && m->untrimmed >= TRIM_BYTES)
		m->trim_ms = monotonic_ms() + TRIM_SILENCE_MS;
	if (m->trim_ms == 0 || monotonic_ms() < m->trim_ms)
		return;
	log_writer_trim(&m->log);
	monitor_streams_trim(&m->streams);
	m->untrimmed = 0;
	m->trim_ms = 0;
}
