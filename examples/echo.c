/*
 * The main job of a WebSocket client, through callbacks: connect, shake hands,
 * exchange a message, keep the link alive with pings, lose it to a close by the
 * server, reconnect, close.
 *
 *     echo ws://host:port/path
 *
 * Any echo server will do. One that answers the text "close me" by closing, as
 * examples/echo_server.rs does, shows a close that the server began; when the
 * text is echoed instead, this program closes. It exits 0 when a second
 * connection has ended well, otherwise 1.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <wsc.h>

enum { PING_INTERVAL_MS = 200, RECONNECT_DELAY_MS = 300 };

/* What the callbacks share; each gets a pointer to it as its userdata. */
struct demo {
    bool echoed;  /* "hello" came back on this connection */
    bool alive;   /* a pong came in on this connection */
    bool done;    /* the second connection has ended well */
};

/* Calls that fail say so by their status, and only by it. */
static bool ok(wsc_status_t status, const char *call)
{
    if (status != WSC_OK) {
        fprintf(stderr, "%s: %s\n", call, wsc_status_str((int32_t)status));
    }
    return status == WSC_OK;
}

static bool is_text(const wsc_event_t *event, const char *text)
{
    return event->len == strlen(text) && memcmp(event->data, text, event->len) == 0;
}

static void close_connection(wsc_conn_t *ws)
{
    ok(wsc_conn_close(ws, 1000, "bye", strlen("bye")), "wsc_conn_close");
}

/*
 * Once a message and a heartbeat have made the round trip: the server is asked
 * to end the first connection, the second is ours to end.
 */
static void next_step(wsc_conn_t *ws, const struct demo *demo, uint32_t attempt)
{
    if (!demo->echoed || !demo->alive) {
        return;
    }
    if (attempt == 1) {
        ok(wsc_conn_send_text(ws, "close me", strlen("close me")), "wsc_conn_send_text");
    } else {
        close_connection(ws);
    }
}

/* The TCP connection stands; the WebSocket handshake is still to come. */
static void on_connect(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct demo *demo = userdata;
    (void)ws, (void)event;
    demo->echoed = false;
    demo->alive = false;
    puts("tcp connected");
}

/* The server has agreed to talk WebSocket. `data` is its answer, as received. */
static void on_handshake(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)userdata;
    fwrite(event->data, 1, event->len, stdout);
    ok(wsc_conn_send_text(ws, "hello", strlen("hello")), "wsc_conn_send_text");
}

/* `data` dies with this call, and no byte follows it that would end a string. */
static void on_message(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct demo *demo = userdata;
    printf("recv: %.*s\n", (int)event->len, (const char *)event->data);
    if (is_text(event, "close me")) {
        close_connection(ws);
    } else if (is_text(event, "hello")) {
        demo->echoed = true;
        next_step(ws, demo, event->attempt);
    }
}

/* The library pings by its own timer, and ends the connection if no pong comes. */
static void on_pong(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct demo *demo = userdata;
    uint64_t round_trip_us = 0;
    if (demo->alive) {
        return;
    }
    demo->alive = true;
    ok(wsc_conn_counter(ws, WSC_COUNTER_ROUND_TRIP_US, &round_trip_us), "wsc_conn_counter");
    printf("heartbeat: pong after %" PRIu64 " us\n", round_trip_us);
    next_step(ws, demo, event->attempt);
}

/* Something failed: `data` says what, `status` and `phase` say it to programs. */
static void on_error(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)ws, (void)userdata;
    fprintf(stderr, "error: %.*s\n", (int)event->len, (const char *)event->data);
}

/* The last event of every attempt, whether it failed or not. */
static void on_close(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct demo *demo = userdata;
    printf("closed: %d %.*s\n", (int)event->code, (int)event->len,
           event->data != NULL ? (const char *)event->data : "");
    if (!event->clean) {
        return;
    }
    if (event->attempt == 1) {
        printf("reconnecting in %d ms\n", RECONNECT_DELAY_MS);
        ok(wsc_conn_reconnect(ws, RECONNECT_DELAY_MS), "wsc_conn_reconnect");
    } else {
        demo->done = true;
    }
}

/*
 * One callback never runs while another one does, and with
 * WSC_CALLBACKS_ON_DISPATCH all of them run here, inside wsc_loop_run: `demo`
 * needs no lock.
 */
static void run(wsc_loop_t *loop, wsc_conn_t *ws, struct demo *demo)
{
    if (ok(wsc_conn_set_header(ws, "Cookie", "token=2hf9a929"), "wsc_conn_set_header")
        && ok(wsc_conn_set_ping_interval(ws, PING_INTERVAL_MS), "wsc_conn_set_ping_interval")
        && ok(wsc_conn_on_connect(ws, on_connect, demo), "wsc_conn_on_connect")
        && ok(wsc_conn_on_handshake(ws, on_handshake, demo), "wsc_conn_on_handshake")
        && ok(wsc_conn_on_message(ws, on_message, demo), "wsc_conn_on_message")
        && ok(wsc_conn_on_pong(ws, on_pong, demo), "wsc_conn_on_pong")
        && ok(wsc_conn_on_error(ws, on_error, demo), "wsc_conn_on_error")
        && ok(wsc_conn_on_close(ws, on_close, demo), "wsc_conn_on_close")
        && ok(wsc_conn_connect(ws), "wsc_conn_connect")) {
        /* Returns when no connection, reconnect or event is left. */
        ok(wsc_loop_run(loop), "wsc_loop_run");
    }
}

int main(int argc, char **argv)
{
    struct demo demo = {false, false, false};
    wsc_loop_t *loop = NULL;
    wsc_conn_t *ws = NULL;

    if (argc != 2) {
        fprintf(stderr, "usage: %s ws://host:port/path\n", argv[0]);
        return 1;
    }
    if (ok(wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH, &loop), "wsc_loop_new")
        && ok(wsc_conn_new(loop, argv[1], &ws), argv[1])) {
        run(loop, ws, &demo);
    }

    /* Both take NULL. Neither waits for the network. */
    wsc_conn_free(ws);
    wsc_loop_free(loop);
    return demo.done ? 0 : 1;
}
