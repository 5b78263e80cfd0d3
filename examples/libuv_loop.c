/*
 * A host on libuv: a uv_poll_t watches the library's descriptor, callbacks run
 * inside libuv's, on libuv's thread.
 *
 *     libuv_loop ws://host:port/path
 *
 * A uv_timer_t sends a message at each tick. After three have come back it closes
 * and ends.
 */
#include <stdio.h>
#include <string.h>

#include <uv.h>
#include <wsc.h>

enum { TICK_MS = 20, WANTED = 3 };

struct host {
    uv_loop_t *uv;
    uv_poll_t poll;
    uv_timer_t timer;
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

static bool uv_ok(int status, const char *call)
{
    if (status != 0) {
        fprintf(stderr, "%s: %s\n", call, uv_strerror(status));
    }
    return status == 0;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    const struct host *host = poll->data;
    (void)status, (void)events;
    ok(wsc_loop_dispatch(host->loop, 0), "wsc_loop_dispatch");
}

static void on_tick(uv_timer_t *timer)
{
    const struct host *host = timer->data;
    ok(wsc_conn_send_text(host->ws, "tick", strlen("tick")), "wsc_conn_send_text");
}

static void on_handshake(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct host *host = userdata;
    (void)ws, (void)event;
    uv_ok(uv_timer_start(&host->timer, on_tick, 0, TICK_MS), "uv_timer_start");
}

static void on_message(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct host *host = userdata;
    printf("recv: %.*s\n", (int)event->len, (const char *)event->data);
    host->received += 1;
    if (host->received == WANTED) {
        uv_timer_stop(&host->timer);
        ok(wsc_conn_close(ws, 1000, "bye", strlen("bye")), "wsc_conn_close");
    }
}

static void on_error(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)ws, (void)userdata;
    fprintf(stderr, "error: %.*s\n", (int)event->len, (const char *)event->data);
}

/* Without these two handles uv_run has nothing left to wait for. */
static void on_close(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct host *host = userdata;
    (void)ws;
    host->is_clean = event->clean != 0;
    uv_close((uv_handle_t *)&host->timer, NULL);
    uv_close((uv_handle_t *)&host->poll, NULL);
}

static bool start(struct host *host, const char *url)
{
    return ok(wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH, &host->loop), "wsc_loop_new")
        && ok(wsc_conn_new(host->loop, url, &host->ws), url)
        && ok(wsc_conn_on_handshake(host->ws, on_handshake, host), "wsc_conn_on_handshake")
        && ok(wsc_conn_on_message(host->ws, on_message, host), "wsc_conn_on_message")
        && ok(wsc_conn_on_error(host->ws, on_error, host), "wsc_conn_on_error")
        && ok(wsc_conn_on_close(host->ws, on_close, host), "wsc_conn_on_close")
        && uv_ok(uv_timer_init(host->uv, &host->timer), "uv_timer_init")
        && uv_ok(uv_poll_init(host->uv, &host->poll, wsc_loop_fd(host->loop)), "uv_poll_init")
        && uv_ok(uv_poll_start(&host->poll, UV_READABLE, on_readable), "uv_poll_start")
        && ok(wsc_conn_connect(host->ws), "wsc_conn_connect");
}

int main(int argc, char **argv)
{
    struct host host;
    memset(&host, 0, sizeof host);
    host.uv = uv_default_loop();
    host.poll.data = &host;
    host.timer.data = &host;

    if (argc != 2) {
        fprintf(stderr, "usage: %s ws://host:port/path\n", argv[0]);
        return 1;
    }
    if (start(&host, argv[1])) {
        uv_run(host.uv, UV_RUN_DEFAULT);
    }
    /* libuv has let go of the descriptor before this closes it. */
    wsc_conn_free(host.ws);
    wsc_loop_free(host.loop);
    uv_loop_close(host.uv);
    return host.is_clean && host.received >= WANTED ? 0 : 1;
}
