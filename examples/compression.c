/*
 * Compression: offers permessage-deflate, tells what the server made of it, and sends
 * one message compressed and a secret as it is.
 *
 *     compression ws://host:port/path
 *
 * Ends when an echo server has returned both.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <wsc.h>

static const char NEWS[] = "the same again, the same again, the same again, the same again, "
                           "the same again, the same again, the same again, the same again";
static const char SECRET[] = "password";

static bool ok(wsc_status_t status, const char *call)
{
    if (status != WSC_OK) {
        fprintf(stderr, "%s: %s\n", call, wsc_status_str((int32_t)status));
    }
    return status == WSC_OK;
}

static void on_handshake(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    char extensions[256];
    wsc_status_t status = wsc_conn_extensions(ws, extensions, sizeof extensions);
    (void)event, (void)userdata;
    if (status == WSC_ERR_NOT_FOUND) {
        puts("the server does not compress");
    } else if (ok(status, "wsc_conn_extensions")) {
        printf("agreed: %s\n", extensions);
    }
}

static void on_message(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    uint64_t received = 0;
    uint64_t memory = 0;
    if (event->len != strlen(SECRET)) {
        return;
    }
    *(int *)userdata = 0;
    if (ok(wsc_conn_counter(ws, WSC_COUNTER_BYTES_RECEIVED, &received), "wsc_conn_counter")
        && ok(wsc_conn_counter(ws, WSC_COUNTER_MEMORY_BYTES, &memory), "wsc_conn_counter")) {
        printf("%" PRIu64 " bytes received, %" PRIu64 " bytes of memory\n", received, memory);
    }
    ok(wsc_conn_close(ws, 1000, "bye", strlen("bye")), "wsc_conn_close");
}

static void on_error(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)ws, (void)userdata;
    fprintf(stderr, "error: %.*s\n", (int)event->len, (const char *)event->data);
}

static bool set_up(wsc_conn_t *ws)
{
    return ok(wsc_conn_set_deflate(ws, true), "wsc_conn_set_deflate")
        /* Less memory for what is sent, at some loss. */
        && ok(wsc_conn_set_deflate_window_bits(ws, 11, 15), "wsc_conn_set_deflate_window_bits");
}

/* Both wait for the handshake, and are compressed by what was agreed on there. */
static bool send_both(wsc_conn_t *ws)
{
    return ok(wsc_conn_send_text(ws, NEWS, strlen(NEWS)), "wsc_conn_send_text")
        && ok(wsc_conn_send_message(ws, WSC_MESSAGE_TEXT, WSC_PART_WHOLE, WSC_SEND_NO_COMPRESS,
                                    SECRET, strlen(SECRET)),
              "wsc_conn_send_message");
}

int main(int argc, char **argv)
{
    int exit_code = 1;
    wsc_loop_t *loop = NULL;
    wsc_conn_t *ws = NULL;

    if (argc != 2) {
        fprintf(stderr, "usage: %s ws://host:port/path\n", argv[0]);
        return 1;
    }
    if (ok(wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH, &loop), "wsc_loop_new")
        && ok(wsc_conn_new(loop, argv[1], &ws), argv[1])
        && set_up(ws)
        && ok(wsc_conn_on_handshake(ws, on_handshake, NULL), "wsc_conn_on_handshake")
        && ok(wsc_conn_on_message(ws, on_message, &exit_code), "wsc_conn_on_message")
        && ok(wsc_conn_on_error(ws, on_error, NULL), "wsc_conn_on_error")
        && send_both(ws)
        && ok(wsc_conn_connect(ws), "wsc_conn_connect")) {
        ok(wsc_loop_run(loop), "wsc_loop_run");
    }
    wsc_conn_free(ws);
    wsc_loop_free(loop);
    return exit_code;
}
