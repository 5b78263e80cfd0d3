#include <stdio.h>
#include <wsc.h>

static void on_message(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    *(int *)userdata = 0;
    printf("recv: %.*s\n", (int)event->len, (const char *)event->data);
    wsc_conn_close(ws, 1000, "bye", 3);
}

static void on_error(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)ws, (void)userdata;
    fprintf(stderr, "error: %.*s\n", (int)event->len, (const char *)event->data);
}

int main(int argc, char **argv)
{
    int exit_code = 1;
    wsc_loop_t *loop;
    wsc_conn_t *ws;
    wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH, &loop);
    wsc_conn_new(loop, argc > 1 ? argv[1] : "ws://127.0.0.1:1234", &ws);
    wsc_conn_on_message(ws, on_message, &exit_code);
    wsc_conn_on_error(ws, on_error, NULL);
    wsc_conn_send_text(ws, "hello", 5); /* waits for the handshake */
    wsc_conn_connect(ws);
    wsc_loop_run(loop); /* returns when no connection is left */
    wsc_conn_free(ws);
    wsc_loop_free(loop);
    return exit_code;
}
