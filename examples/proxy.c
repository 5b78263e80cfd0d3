/*
 * Through a proxy: the one that is named, or the one of the environment.
 *
 *     proxy ws://host:port/path [http://user:password@proxy:3128]
 *
 * Says hello to an echo server, and tells a proxy's refusal from a server's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <wsc.h>

static bool ok(wsc_status_t status, const char *call)
{
    if (status != WSC_OK) {
        fprintf(stderr, "%s: %s\n", call, wsc_status_str((int32_t)status));
    }
    return status == WSC_OK;
}

static void on_message(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    *(int *)userdata = 0;
    printf("recv: %.*s\n", (int)event->len, (const char *)event->data);
    ok(wsc_conn_close(ws, 1000, "bye", strlen("bye")), "wsc_conn_close");
}

static void on_error(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    uint64_t answer = 0;
    (void)userdata;
    fprintf(stderr, "error: %.*s\n", (int)event->len, (const char *)event->data);
    if (event->phase == WSC_PHASE_PROXY
        && ok(wsc_conn_report_number(ws, WSC_REPORT_PROXY_STATUS, &answer), "wsc_conn_report_number")) {
        /* 0 if it gave no answer that says no. */
        fprintf(stderr, "it was the proxy, which answered %" PRIu64 "\n", answer);
    }
}

int main(int argc, char **argv)
{
    int exit_code = 1;
    wsc_loop_t *loop = NULL;
    wsc_conn_t *ws = NULL;

    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s ws://host:port/path [proxy]\n", argv[0]);
        return 1;
    }
    if (ok(wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH, &loop), "wsc_loop_new")
        && ok(wsc_conn_new(loop, argv[1], &ws), argv[1])
        && (argc == 3 ? ok(wsc_conn_set_proxy(ws, argv[2]), "wsc_conn_set_proxy")
                      : ok(wsc_conn_set_proxy_from_environment(ws), "wsc_conn_set_proxy_from_environment"))
        && ok(wsc_conn_on_message(ws, on_message, &exit_code), "wsc_conn_on_message")
        && ok(wsc_conn_on_error(ws, on_error, NULL), "wsc_conn_on_error")
        && ok(wsc_conn_send_text(ws, "hello", strlen("hello")), "wsc_conn_send_text")
        && ok(wsc_conn_connect(ws), "wsc_conn_connect")) {
        ok(wsc_loop_run(loop), "wsc_loop_run");
    }
    wsc_conn_free(ws);
    wsc_loop_free(loop);
    return exit_code;
}
