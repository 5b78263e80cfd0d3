/*
 * A subscriber that stays: it subscribes, prints what comes, and whenever the
 * connection is lost it connects again, later each time it fails.
 *
 *     subscriber ws://host:port/path [count]
 *
 * With a count it ends after that many messages. Ctrl-C ends it in order: with a
 * close handshake.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wsc.h>

enum {
    FIRST_DELAY_MS = 100,
    LONGEST_DELAY_MS = 30000,
    SILENCE_MS = 10000,
    SIGNAL_CHECK_MS = 1000
};

static const char SUBSCRIPTION[] = "{\"subscribe\":\"prices\"}";

static volatile sig_atomic_t interrupted;

struct subscriber {
    long wanted;      /* messages to print, 0 for any number */
    long received;
    int32_t delay_ms; /* before the next attempt */
    bool done;
};

static bool ok(wsc_status_t status, const char *call)
{
    if (status != WSC_OK) {
        fprintf(stderr, "%s: %s\n", call, wsc_status_str((int32_t)status));
    }
    return status == WSC_OK;
}

static void finish(wsc_conn_t *ws, struct subscriber *subscriber)
{
    subscriber->done = true;
    ok(wsc_conn_close(ws, 1000, "bye", strlen("bye")), "wsc_conn_close");
}

/* Also after each reconnect: the server knows nothing of the last connection. */
static void on_handshake(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct subscriber *subscriber = userdata;
    printf("connected, attempt %u\n", (unsigned)event->attempt);
    subscriber->delay_ms = FIRST_DELAY_MS;
    ok(wsc_conn_send_text(ws, SUBSCRIPTION, strlen(SUBSCRIPTION)), "wsc_conn_send_text");
}

static void on_message(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct subscriber *subscriber = userdata;
    printf("recv: %.*s\n", (int)event->len, (const char *)event->data);
    subscriber->received += 1;
    if (subscriber->received == subscriber->wanted) {
        finish(ws, subscriber);
    }
}

static void on_error(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)ws, (void)userdata;
    fprintf(stderr, "error: %.*s\n", (int)event->len, (const char *)event->data);
}

/* Every attempt ends here, the ones that failed included. The random part keeps
 * the clients of a server that fell from coming back all at once. */
static void on_close(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    struct subscriber *subscriber = userdata;
    int32_t delay_ms = subscriber->delay_ms / 2 + rand() % (subscriber->delay_ms / 2 + 1);
    printf("closed: %d %.*s\n", (int)event->code, (int)event->len, (const char *)event->data);
    if (subscriber->done || interrupted) {
        return;
    }
    printf("reconnecting in %d ms\n", (int)delay_ms);
    ok(wsc_conn_reconnect(ws, delay_ms), "wsc_conn_reconnect");
    if (subscriber->delay_ms <= LONGEST_DELAY_MS / 2) {
        subscriber->delay_ms *= 2;
    }
}

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

static bool is_over(wsc_conn_t *ws)
{
    return wsc_conn_state(ws) == WSC_STATE_CLOSED;
}

static void run(wsc_loop_t *loop, wsc_conn_t *ws, struct subscriber *subscriber)
{
    /* A server that sends nothing for so long after a ping is taken for lost. */
    if (!ok(wsc_conn_set_ping_interval(ws, SILENCE_MS), "wsc_conn_set_ping_interval")
        || !ok(wsc_conn_set_pong_timeout(ws, SILENCE_MS), "wsc_conn_set_pong_timeout")
        || !ok(wsc_conn_on_handshake(ws, on_handshake, subscriber), "wsc_conn_on_handshake")
        || !ok(wsc_conn_on_message(ws, on_message, subscriber), "wsc_conn_on_message")
        || !ok(wsc_conn_on_error(ws, on_error, subscriber), "wsc_conn_on_error")
        || !ok(wsc_conn_on_close(ws, on_close, subscriber), "wsc_conn_on_close")
        || !ok(wsc_conn_connect(ws), "wsc_conn_connect")) {
        return;
    }
    while (!is_over(ws)) {
        /* It returns when a signal came. The limit is for a signal that comes
         * between the check below and the wait. */
        if (!ok(wsc_loop_dispatch(loop, SIGNAL_CHECK_MS), "wsc_loop_dispatch")) {
            return;
        }
        if (interrupted && !subscriber->done && !is_over(ws)) {
            finish(ws, subscriber); /* takes back a scheduled reconnect, too */
        }
    }
}

int main(int argc, char **argv)
{
    struct subscriber subscriber = {0, 0, FIRST_DELAY_MS, false};
    wsc_loop_t *loop = NULL;
    wsc_conn_t *ws = NULL;

    if (argc < 2) {
        fprintf(stderr, "usage: %s ws://host:port/path [count]\n", argv[0]);
        return 1;
    }
    if (argc > 2) {
        subscriber.wanted = strtol(argv[2], NULL, 10);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGINT, on_signal);
    if (ok(wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH, &loop), "wsc_loop_new")
        && ok(wsc_conn_new(loop, argv[1], &ws), argv[1])) {
        run(loop, ws, &subscriber);
    }
    wsc_conn_free(ws);
    wsc_loop_free(loop);
    return subscriber.done || interrupted ? 0 : 1;
}
