/*
 * libwsc from C, in its three ways:
 *
 *     libwsc thread      callbacks on the library's thread
 *     libwsc dispatch    callbacks inside wsc_loop_dispatch
 *     libwsc poll        batches of events from wsc_loop_poll
 */
#include <pthread.h>
#include <wsc.h>

#include "bench.h"

enum { BATCH = 256 };

static enum { THREAD, DISPATCH, POLL } way;
static wsc_loop_t *loop;
static wsc_conn_t **conns;
static long started, opened;

/* What the main thread may wait for. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open, drained, finished;
} state = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false, false};

static void check(wsc_status_t status, const char *what)
{
    if (status != WSC_OK)
        bench_fail(what, wsc_status_str(status));
}

static void set(bool *flag, bool value)
{
    pthread_mutex_lock(&state.lock);
    *flag = value;
    pthread_cond_signal(&state.changed);
    pthread_mutex_unlock(&state.lock);
}

static void handle(wsc_conn_t *conn, const wsc_event_t *event);

static wsc_conn_t *conn_of(const wsc_event_t *event)
{
    return conns[event->conn_id - wsc_conn_id(conns[0])];
}

static void poll_once(void)
{
    static wsc_event_t events[BATCH];
    size_t count, i;
    check(wsc_loop_poll(loop, events, BATCH, WSC_FOREVER, &count), "poll");
    for (i = 0; i < count; i++)
        handle(conn_of(&events[i]), &events[i]);
}

static void wait_for(bool *flag)
{
    pthread_mutex_lock(&state.lock);
    while (way == THREAD && !*flag)
        pthread_cond_wait(&state.changed, &state.lock);
    pthread_mutex_unlock(&state.lock);
    while (!*flag)
        if (way == POLL)
            poll_once();
        else
            check(wsc_loop_dispatch(loop, WSC_FOREVER), "dispatch");
}

static wsc_status_t send(wsc_conn_t *conn, long number)
{
    const char *payload = bench_payload(number);
    return bench.deflate ? wsc_conn_send_text(conn, payload, (size_t)bench.size)
                         : wsc_conn_send_binary(conn, payload, (size_t)bench.size);
}

static void start_next(void);

static void on_open(wsc_conn_t *conn)
{
    long i;
    opened += 1;
    while (started < bench.connections && started - opened < BENCH_OPENING)
        start_next();
    if (opened < bench.connections)
        return;
    if (bench.connections > 1)
        bench_opened();
    if (bench_is(BENCH_ECHO))
        for (i = 0; i < bench.connections * bench.depth; i++)
            check(send(conns[i % bench.connections], i), "send");
    else if (bench_is(BENCH_FAN))
        check(send(conn, 0), "send");
    set(&state.open, true);
}

static void on_message(wsc_conn_t *conn, const wsc_event_t *event)
{
    if (bench_is(BENCH_SEND)) {
        bench_stop();
        set(&state.finished, true);
        return;
    }
    bench_check(event->len);
    if (bench_step())
        set(&state.finished, true);
    else if (bench_is(BENCH_ECHO))
        check(send(conn, bench.done), "send");
}

static void handle(wsc_conn_t *conn, const wsc_event_t *event)
{
    switch (event->type) {
    case WSC_EVENT_MESSAGE:
        if (!state.finished)
            on_message(conn, event);
        break;
    case WSC_EVENT_HANDSHAKE:
        on_open(conn);
        break;
    case WSC_EVENT_BUFFER_DRAIN:
        set(&state.drained, true);
        break;
    case WSC_EVENT_ERROR:
        bench_fail("connection", event->data);
        break;
    }
}

static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)userdata;
    handle(conn, event);
}

static void start_next(void)
{
    wsc_conn_t *conn;
    check(wsc_conn_new(loop, bench.url, &conn), "new");
    conns[started++] = conn;
    wsc_conn_on_handshake(conn, on_event, NULL);
    wsc_conn_on_message(conn, on_event, NULL);
    wsc_conn_on_buffer_drain(conn, on_event, NULL);
    wsc_conn_on_error(conn, on_event, NULL);
    if (bench.deflate)
        check(wsc_conn_set_deflate(conn, true), "deflate");
    if (bench.size > 1 << 18) { /* the defaults are for smaller messages */
        check(wsc_conn_set_max_message_size(conn, (size_t)bench.size), "max message size");
        check(wsc_conn_set_max_frame_size(conn, (size_t)bench.size), "max frame size");
        check(wsc_conn_set_send_queue_limit(conn, (size_t)bench.size * 4), "queue limit");
        check(wsc_conn_set_receive_queue_limit(conn, (size_t)bench.size * 4), "queue limit");
    }
    check(wsc_conn_connect(conn), "connect");
}

static void send_all(void)
{
    long i;
    wait_for(&state.open);
    for (i = 0; i < bench_total(); i++) {
        wsc_status_t status;
        if (i == bench.warmup)
            bench_start();
        while ((status = send(conns[0], i)) == WSC_ERR_QUEUE_FULL) {
            wait_for(&state.drained);
            set(&state.drained, false);
        }
        check(status, "send");
    }
}

int main(int argc, char **argv)
{
    bench_init();
    way = argc < 2 || !strcmp(argv[1], "thread") ? THREAD : !strcmp(argv[1], "poll") ? POLL : DISPATCH;
    conns = calloc((size_t)bench.connections, sizeof *conns);
    check(wsc_loop_new(way == THREAD ? WSC_CALLBACKS_ON_THREAD : WSC_CALLBACKS_ON_DISPATCH, &loop),
          "loop");
    bench_open();
    start_next();
    if (bench_is(BENCH_SEND))
        send_all();
    wait_for(&state.finished);
    bench_report();
    return 0;
}
