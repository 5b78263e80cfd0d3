/*
 * Why a connection cannot be had: tries it once and prints all that is known.
 *
 *     diagnose wss://host:port/path
 *
 * Ends with 0 if it was opened.
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

static void number(wsc_conn_t *ws, const char *label, int32_t which)
{
    uint64_t value = 0;
    if (ok(wsc_conn_report_number(ws, which, &value), "wsc_conn_report_number") && value != 0) {
        printf("%s: %" PRIu64 "\n", label, value);
    }
}

static void text(wsc_conn_t *ws, const char *label, int32_t which)
{
    char buffer[4096];
    size_t len = 0;
    if (ok(wsc_conn_report_data(ws, which, buffer, sizeof buffer, &len), "wsc_conn_report_data")
        && len > 0) {
        printf("%s: %.*s\n", label, (int)(len < sizeof buffer ? len : sizeof buffer), buffer);
    }
}

static void on_handshake(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)event;
    *(int *)userdata = 0;
    puts("opened");
    ok(wsc_conn_close(ws, 1000, "bye", strlen("bye")), "wsc_conn_close");
}

static void on_error(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)ws, (void)userdata;
    printf("status: %d, %s\n", (int)event->status, wsc_status_str(event->status));
    printf("error: %.*s\n", (int)event->len, (const char *)event->data);
}

/* With CLOSE the report is complete. */
static void on_close(wsc_conn_t *ws, const wsc_event_t *event, void *userdata)
{
    (void)event, (void)userdata;
    text(ws, "addresses", WSC_REPORT_ADDRESSES);
    number(ws, "phase", WSC_REPORT_PHASE);
    number(ws, "errno", WSC_REPORT_OS_ERROR);
    number(ws, "HTTP status", WSC_REPORT_HTTP_STATUS);
    text(ws, "body", WSC_REPORT_BODY);
    number(ws, "the proxy's answer", WSC_REPORT_PROXY_STATUS);
    number(ws, "TLS version", WSC_REPORT_TLS_VERSION);
    number(ws, "try again (1 later, 2 now)", WSC_REPORT_RETRY);
    number(ws, "after ms", WSC_REPORT_RETRY_AFTER_MS);
    number(ws, "us for DNS", WSC_REPORT_DNS_US);
    number(ws, "us for TCP", WSC_REPORT_TCP_US);
    number(ws, "us for the proxy", WSC_REPORT_PROXY_US);
    number(ws, "us for TLS", WSC_REPORT_TLS_US);
    number(ws, "us for the upgrade", WSC_REPORT_UPGRADE_US);
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
        && ok(wsc_conn_on_handshake(ws, on_handshake, &exit_code), "wsc_conn_on_handshake")
        && ok(wsc_conn_on_error(ws, on_error, NULL), "wsc_conn_on_error")
        && ok(wsc_conn_on_close(ws, on_close, NULL), "wsc_conn_on_close")
        && ok(wsc_conn_connect(ws), "wsc_conn_connect")) {
        ok(wsc_loop_run(loop), "wsc_loop_run");
    }
    wsc_conn_free(ws);
    wsc_loop_free(loop);
    return exit_code;
}
