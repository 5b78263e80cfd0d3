/*
 * TLS with an authority of one's own, and with a client certificate if the server
 * wants one.
 *
 *     tls wss://host:port/path ca.pem [client.pem client-key.pem]
 *
 * Says hello to an echo server and prints the version of TLS that was agreed on.
 */
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

static void on_handshake(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    uint64_t version = 0;
    (void)event, (void)userdata;
    if (ok(wsc_conn_report_number(ws, WSC_REPORT_TLS_VERSION, &version), "wsc_conn_report_number")) {
        printf("TLS 1.%d\n", version == WSC_TLS_1_3 ? 3 : 2);
    }
}

static void on_message(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    *(int *)userdata = 0;
    printf("recv: %.*s\n", (int)event->len, (const char *)event->data);
    ok(wsc_conn_close(ws, 1000, "bye", strlen("bye")), "wsc_conn_close");
}

static void on_error(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)ws, (void)userdata;
    fprintf(stderr, "error: %.*s\n", (int)event->len, (const char *)event->data);
    if (event->status == WSC_ERR_CERTIFICATE_ISSUER) {
        fputs("the second argument is the certificate of the server's authority\n", stderr);
    }
}

/* The authority in place of the system's, so that nobody else can vouch for the
 * server. The files are read here: a mistake in them is told at once. */
static bool set_up(wsc_conn_t *ws, int argc, char **argv)
{
    return ok(wsc_conn_add_tls_ca_file(ws, argv[2]), argv[2])
        && ok(wsc_conn_set_tls_system_roots(ws, false), "wsc_conn_set_tls_system_roots")
        && (argc < 5 || ok(wsc_conn_set_tls_identity_files(ws, argv[3], argv[4], NULL), argv[3]));
}

int main(int argc, char **argv)
{
    int exit_code = 1;
    wsc_loop_t *loop = NULL;
    wsc_conn_t *ws = NULL;

    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: %s wss://host:port/path ca.pem [client.pem client-key.pem]\n", argv[0]);
        return 1;
    }
    if (ok(wsc_loop_new(WSC_CALLBACKS_ON_DISPATCH, &loop), "wsc_loop_new")
        && ok(wsc_conn_new(loop, argv[1], &ws), argv[1])
        && set_up(ws, argc, argv)
        && ok(wsc_conn_on_handshake(ws, on_handshake, NULL), "wsc_conn_on_handshake")
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
