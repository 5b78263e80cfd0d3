/*
 * A subscriber whose connection comes back by itself, logs in anew each time, and
 * keeps what was sent meanwhile.
 *
 *     reconnect ws://host:port/path count
 *
 * Ends after `count` messages.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wsc.h>

enum { FIRST_DELAY_MS = 100, LONGEST_DELAY_MS = 30000 };

static const char SUBSCRIPTION[] = "subscribe";

static bool ok(wsc_status_t status, const char *call)
{
    if (status != WSC_OK) {
        fprintf(stderr, "%s: %s\n", call, wsc_status_str((int32_t)status));
    }
    return status == WSC_OK;
}

/* Stands for whatever issues short-lived tokens. */
static bool set_fresh_token(wsc_conn_t *ws)
{
    static int issued;
    char value[32];
    issued += 1;
    snprintf(value, sizeof value, "Bearer token-%d", issued);
    return ok(wsc_conn_set_header(ws, "Authorization", value), "wsc_conn_set_header");
}

static void on_handshake(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)ws, (void)userdata;
    printf("connected, attempt %u\n", (unsigned)event->attempt);
}

static void on_message(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    long *wanted = userdata;
    printf("recv: %.*s\n", (int)event->len, (const char *)event->data);
    *wanted -= 1;
    if (*wanted == 0) {
        /* The end for good: a close of one's own is not followed by a reconnect. */
        ok(wsc_conn_close(ws, 1000, "bye", strlen("bye")), "wsc_conn_close");
    }
}

static void on_close(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    const bool comes_back = wsc_conn_state(ws) == WSC_STATE_WAITING;
    (void)userdata;
    printf("closed: %d, %s\n", (int)event->code, comes_back ? "comes back" : "for good");
}

/* The next attempt begins when this has returned. */
static void on_reconnect(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)event, (void)userdata;
    if (!set_fresh_token(ws)) {
        ok(wsc_conn_cancel_reconnect(ws), "wsc_conn_cancel_reconnect");
    }
}

static bool set_up(wsc_conn_t *ws)
{
    return ok(wsc_conn_set_auto_reconnect(ws, true), "wsc_conn_set_auto_reconnect")
        && ok(wsc_conn_set_reconnect_delay(ws, FIRST_DELAY_MS, LONGEST_DELAY_MS),
              "wsc_conn_set_reconnect_delay")
        && ok(wsc_conn_set_queue_policy(ws, WSC_QUEUE_KEEP, 0), "wsc_conn_set_queue_policy")
        && ok(wsc_conn_add_prologue(ws, WSC_MESSAGE_TEXT, SUBSCRIPTION, strlen(SUBSCRIPTION)),
              "wsc_conn_add_prologue")
        && set_fresh_token(ws);
}

int main(int argc, char **argv)
{
    long wanted;
    wsc_loop_t *loop = NULL;
    wsc_conn_t *ws = NULL;

    if (argc != 3 || (wanted = strtol(argv[2], NULL, 10)) <= 0) {
        fprintf(stderr, "usage: %s ws://host:port/path count\n", argv[0]);
        return 1;
    }
    if (ok(wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH, &loop), "wsc_loop_new")
        && ok(wsc_conn_new(loop, argv[1], &ws), argv[1])
        && set_up(ws)
        && ok(wsc_conn_on_handshake(ws, on_handshake, NULL), "wsc_conn_on_handshake")
        && ok(wsc_conn_on_message(ws, on_message, &wanted), "wsc_conn_on_message")
        && ok(wsc_conn_on_close(ws, on_close, NULL), "wsc_conn_on_close")
        && ok(wsc_conn_on_reconnect(ws, on_reconnect, NULL), "wsc_conn_on_reconnect")
        && ok(wsc_conn_connect(ws), "wsc_conn_connect")) {
        ok(wsc_loop_run(loop), "wsc_loop_run");
    }
    wsc_conn_free(ws);
    wsc_loop_free(loop);
    return wanted <= 0 ? 0 : 1;
}
