/*
 * The hot paths, with nothing of the host's own around them: a fixed number of
 * messages of 64 bytes, done in the way and the kind that the arguments name.
 *
 *     client poll|host|thread receive|send|echo URL COUNT
 *
 * A `host` waits for the descriptor itself, as one with a loop of its own does.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wsc.h>

enum { SIZE = 64, BATCH = 64 };

static wsc_loop_t *loop;
static wsc_conn_t *ws;
static const char *kind;
static struct pollfd watched = {-1, POLLIN, 0};
static long count, done;
static int open_now, drained, finished;

static void check(wsc_status_t status, const char *what)
{
    if (status != WSC_OK) {
        fprintf(stderr, "%s: %s\n", what, wsc_status_str(status));
        exit(1);
    }
}

static wsc_status_t send_one(void)
{
    static const char payload[SIZE];
    return wsc_conn_send_binary(ws, payload, SIZE);
}

static void on_message(void)
{
    done += 1;
    if (strcmp(kind, "send") == 0 || done == count)
        finished = 1;
    else if (strcmp(kind, "echo") == 0)
        check(send_one(), "send");
}

static void handle(const wsc_event_t *event)
{
    if (event->type == WSC_EVENT_MESSAGE) {
        on_message();
    } else if (event->type == WSC_EVENT_HANDSHAKE) {
        open_now = 1;
        if (strcmp(kind, "echo") == 0)
            check(send_one(), "send");
    } else if (event->type == WSC_EVENT_BUFFER_DRAIN) {
        drained = 1;
    } else if (event->type == WSC_EVENT_ERROR) {
        check(event->status, "connection");
    }
}

static void on_event(wsc_conn_t *conn, const wsc_event_t *event, void *userdata)
{
    (void)conn, (void)userdata;
    handle(event);
    if (finished)
        check(wsc_loop_stop(loop), "stop");
}

static void poll_until(const int *flag)
{
    static wsc_event_t events[BATCH];
    size_t i, n;
    while (!*flag) {
        if (watched.fd != -1)
            poll(&watched, 1, -1);
        check(wsc_loop_poll(loop, events, BATCH, watched.fd != -1 ? 0 : WSC_FOREVER, &n), "poll");
        for (i = 0; i < n; i++)
            handle(&events[i]);
    }
}

static void send_all(void)
{
    long i;
    poll_until(&open_now);
    for (i = 0; i < count; i++) {
        wsc_status_t status;
        while ((status = send_one()) == WSC_ERR_QUEUE_FULL) {
            poll_until(&drained);
            drained = 0;
        }
        check(status, "send");
    }
}

int main(int argc, char **argv)
{
    int on_thread;
    if (argc != 5)
        return 2;
    on_thread = strcmp(argv[1], "thread") == 0;
    kind = argv[2];
    count = atol(argv[4]);
    check(wsc_loop_new(on_thread ? WSC_CALLBACKS_ON_THREAD : WSC_CALLBACKS_ON_DISPATCH, &loop), "loop");
    if (strcmp(argv[1], "host") == 0)
        watched.fd = wsc_loop_fd(loop);
    check(wsc_conn_new(loop, argv[3], &ws), "connection");
    check(wsc_conn_on_handshake(ws, on_event, NULL), "on_handshake");
    check(wsc_conn_on_message(ws, on_event, NULL), "on_message");
    check(wsc_conn_on_error(ws, on_event, NULL), "on_error");
    check(wsc_conn_connect(ws), "connect");
    if (strcmp(kind, "send") == 0)
        send_all();
    if (on_thread)
        check(wsc_loop_run(loop), "run");
    else
        poll_until(&finished);
    return finished ? 0 : 1;
}
