/*
 * A host on libev: an ev_io watches the library's descriptor, callbacks run
 * inside libev's, on libev's thread.
 *
 *     libev_loop ws://host:port/path
 *
 * An ev_timer sends a message at each tick. After three have come back it closes
 * and ends.
 */
#include <stdio.h>
#include <string.h>

#include <ev.h>
#include <wsc.h>

enum { WANTED = 3 };

static const double TICK_S = 0.02;

struct host {
    struct ev_loop *ev;
    ev_io io;
    ev_timer timer;
    wsc_loop_t *loop;
    wsc_conn_t *ws;
    int received;
    bool is_clean;
};

static bool ok(wsc_status_t status, const char *call)
{
    if (status != WSC_OK) {
        fprintf(stderr, "%s: %s\n", call, wsc_status_str((int32_t)status));
    }
    return status == WSC_OK;
}

static void on_readable(struct ev_loop *ev, ev_io *io, int events)
{
    const struct host *host = io->data;
    (void)ev, (void)events;
    ok(wsc_loop_dispatch(host->loop, 0), "wsc_loop_dispatch");
}

static void on_tick(struct ev_loop *ev, ev_timer *timer, int events)
{
    const struct host *host = timer->data;
    (void)ev, (void)events;
    ok(wsc_conn_send_text(host->ws, "tick", strlen("tick")), "wsc_conn_send_text");
}

static void on_handshake(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct host *host = userdata;
    (void)ws, (void)event;
    ev_timer_start(host->ev, &host->timer);
}

static void on_message(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct host *host = userdata;
    printf("recv: %.*s\n", (int)event->len, (const char *)event->data);
    host->received += 1;
    if (host->received == WANTED) {
        ev_timer_stop(host->ev, &host->timer);
        ok(wsc_conn_close(ws, 1000, "bye", strlen("bye")), "wsc_conn_close");
    }
}

static void on_error(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)ws, (void)userdata;
    fprintf(stderr, "error: %.*s\n", (int)event->len, (const char *)event->data);
}

/* Without these two watchers ev_run has nothing left to wait for. */
static void on_close(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct host *host = userdata;
    (void)ws;
    host->is_clean = event->clean != 0;
    ev_timer_stop(host->ev, &host->timer);
    ev_io_stop(host->ev, &host->io);
}

static bool start(struct host *host, const char *url)
{
    if (!ok(wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH, &host->loop), "wsc_loop_new")
        || !ok(wsc_conn_new(host->loop, url, &host->ws), url)
        || !ok(wsc_conn_on_handshake(host->ws, on_handshake, host), "wsc_conn_on_handshake")
        || !ok(wsc_conn_on_message(host->ws, on_message, host), "wsc_conn_on_message")
        || !ok(wsc_conn_on_error(host->ws, on_error, host), "wsc_conn_on_error")
        || !ok(wsc_conn_on_close(host->ws, on_close, host), "wsc_conn_on_close")
        || !ok(wsc_conn_connect(host->ws), "wsc_conn_connect")) {
        return false;
    }
    ev_timer_init(&host->timer, on_tick, 0.0, TICK_S);
    ev_io_init(&host->io, on_readable, wsc_loop_fd(host->loop), EV_READ);
    host->timer.data = host;
    host->io.data = host;
    ev_io_start(host->ev, &host->io);
    return true;
}

int main(int argc, char **argv)
{
    struct host host;
    memset(&host, 0, sizeof host);

    if (argc != 2) {
        fprintf(stderr, "usage: %s ws://host:port/path\n", argv[0]);
        return 1;
    }
    host.ev = ev_default_loop(0);
    if (host.ev == NULL) {
        fputs("ev_default_loop failed\n", stderr);
        return 1;
    }
    if (start(&host, argv[1])) {
        ev_run(host.ev, 0);
    }
    /* libev has let go of the descriptor before this closes it. */
    wsc_conn_free(host.ws);
    wsc_loop_free(host.loop);
    return host.is_clean && host.received >= WANTED ? 0 : 1;
}
