/* The way to the server: each thing that fails has its own status and phase, within
 * its deadline, and the report says what became of the attempt. */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { SHORT_MS = 150 };

/* Connects, and turns the loop until the attempt is over. */
static wsc_event_t end_of(wsc_loop_t *loop, wsc_conn_t *conn)
{
    wsc_event_t event;
    size_t count = 0;

    CHECK_OK(wsc_conn_connect(conn));
    do {
        CHECK_OK(wsc_loop_poll(loop, &event, 1, LIMIT_MS, &count));
        if (count == 1 && event.type == WSC_EVENT_HANDSHAKE) {
            close_normally(conn);
        }
    } while (count == 0 || event.type != WSC_EVENT_CLOSE);
    return event;
}

static uint64_t number(wsc_conn_t *conn, wsc_report_number_t name)
{
    uint64_t value = 0;

    CHECK_OK(wsc_conn_report_number(conn, (int32_t)name, &value));
    return value;
}

/* Whether a text of the report has those words in it. */
static int says(wsc_conn_t *conn, wsc_report_data_t name, const char *words)
{
    static char text[4096];
    size_t len = 0;

    CHECK_OK(wsc_conn_report_data(conn, (int32_t)name, text, sizeof text - 1, &len));
    CHECK(len < sizeof text);
    text[len] = '\0';
    return strstr(text, words) != NULL;
}

static void check_failure(wsc_loop_t *loop, wsc_conn_t *conn, wsc_status_t status,
                          wsc_phase_t phase, const char *words)
{
    wsc_event_t event = end_of(loop, conn);

    CHECK_STATUS((wsc_status_t)event.status, status);
    CHECK(event.phase == (int32_t)phase && event.clean == 0);
    CHECK(number(conn, WSC_REPORT_STATUS) == (uint64_t)status);
    CHECK(number(conn, WSC_REPORT_PHASE) == (uint64_t)phase);
    CHECK(says(conn, WSC_REPORT_REASON, words));
}

/* A socket on loopback, and the number of its port as text. */
static int bound(char *port, size_t size)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    snprintf(port, size, "%u", (unsigned)ntohs(address.sin_port));
    return fd;
}

static void a_good_attempt_has_a_report(wsc_loop_t *loop, const char *url)
{
    wsc_conn_t *conn = new_conn(loop, url);
    wsc_event_t event;

    CHECK_OK(wsc_conn_set_tcp_nodelay(conn, false));
    CHECK_OK(wsc_conn_set_local_address(conn, "127.0.0.1"));
    event = end_of(loop, conn);
    CHECK(event.clean == 1 && event.attempt == 1);
    CHECK(number(conn, WSC_REPORT_ATTEMPT) == 1);
    CHECK(number(conn, WSC_REPORT_STATUS) == WSC_OK);
    CHECK(number(conn, WSC_REPORT_HTTP_STATUS) == 101);
    CHECK(number(conn, WSC_REPORT_TLS_VERSION) == 0);
    CHECK(number(conn, WSC_REPORT_TCP_US) > 0);
    CHECK(says(conn, WSC_REPORT_HEAD, "HTTP/1.1 101"));
    CHECK(says(conn, WSC_REPORT_ADDRESSES, "127.0.0.1:"));
    wsc_conn_free(conn);
}

static void a_server_that_stalls_is_left_in_each_phase(wsc_loop_t *loop)
{
    char port[8];
    char url[64];
    char proxy[64];
    int silent = bound(port, sizeof port);
    const char *schemes[] = {"http", "https", "socks5"};
    wsc_conn_t *conn;
    size_t index;

    CHECK(listen(silent, 64) == 0);
    snprintf(url, sizeof url, "ws://127.0.0.1:%s/", port);
    conn = new_conn(loop, url);
    CHECK_OK(wsc_conn_set_handshake_timeout(conn, SHORT_MS));
    CHECK_OK(wsc_conn_set_phase_timeout(conn, WSC_PHASE_TLS, SHORT_MS));
    CHECK_OK(wsc_conn_set_phase_timeout(conn, WSC_PHASE_PROXY, SHORT_MS));
    CHECK_OK(wsc_conn_set_tls_system_roots(conn, false));
    /* Not while certificates are loaded, which takes its time under valgrind. */
    CHECK_OK(wsc_conn_set_connect_timeout(conn, 60 * 1000));
    check_failure(loop, conn, WSC_ERR_TIMEOUT, WSC_PHASE_UPGRADE, "answer to the upgrade");
    CHECK(number(conn, WSC_REPORT_RETRY) == WSC_RETRY_LATER);
    CHECK(number(conn, WSC_REPORT_UPGRADE_US) >= SHORT_MS * 1000);
    snprintf(url, sizeof url, "wss://127.0.0.1:%s/", port);
    CHECK_OK(wsc_conn_set_url(conn, url));
    check_failure(loop, conn, WSC_ERR_TIMEOUT, WSC_PHASE_TLS, "TLS handshake");
    for (index = 0; index < sizeof schemes / sizeof *schemes; index++) {
        snprintf(proxy, sizeof proxy, "%s://127.0.0.1:%s", schemes[index], port);
        CHECK_OK(wsc_conn_set_proxy(conn, proxy));
        check_failure(loop, conn, WSC_ERR_TIMEOUT, WSC_PHASE_PROXY, "proxy");
    }
    wsc_conn_free(conn);
    close(silent);
}

static void what_is_not_there_is_told(wsc_loop_t *loop, const char *url)
{
    char port[8];
    char refusing[64];
    int deaf = bound(port, sizeof port);
    wsc_conn_t *conn;

    snprintf(refusing, sizeof refusing, "ws://127.0.0.1:%s/", port);
    conn = new_conn(loop, refusing);
    check_failure(loop, conn, WSC_ERR_REFUSED, WSC_PHASE_TCP, "refused");
    CHECK(says(conn, WSC_REPORT_ADDRESSES, "refused"));
    CHECK(number(conn, WSC_REPORT_OS_ERROR) > 0);
    CHECK_OK(wsc_conn_set_url(conn, "ws+unix:///nonexistent/socket"));
    check_failure(loop, conn, WSC_ERR_IO, WSC_PHASE_TCP, "No such file");
    CHECK_OK(wsc_conn_set_url(conn, "ws://[fe80::1%25nowhere]/"));
    check_failure(loop, conn, WSC_ERR_UNREACHABLE, WSC_PHASE_DNS, "nowhere");

    /* A server without TLS is spoken to in TLS. */
    snprintf(refusing, sizeof refusing, "wss%s", url + strlen("ws"));
    CHECK_OK(wsc_conn_set_url(conn, refusing));
    CHECK_OK(wsc_conn_set_tls_system_roots(conn, false));
    CHECK(end_of(loop, conn).phase == WSC_PHASE_TLS);
    CHECK(number(conn, WSC_REPORT_HTTP_STATUS) == 0);
    wsc_conn_free(conn);
    close(deaf);
}

static void mistakes_are_told_at_once(wsc_loop_t *loop, const char *url)
{
    wsc_conn_t *conn = new_conn(loop, url);
    const char *pem = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";

    CHECK_STATUS(wsc_conn_add_tls_ca(conn, pem, strlen(pem)), WSC_ERR_PEM);
    CHECK_STATUS(wsc_conn_add_tls_ca_file(conn, "/nonexistent"), WSC_ERR_FILE);
    CHECK_STATUS(wsc_conn_add_tls_crl(conn, pem, strlen(pem)), WSC_ERR_PEM);
    CHECK_STATUS(wsc_conn_add_tls_crl_file(conn, "/nonexistent"), WSC_ERR_FILE);
    CHECK_STATUS(wsc_conn_set_proxy(conn, "ftp://proxy"), WSC_ERR_URL_SCHEME);
    CHECK_STATUS(wsc_conn_set_phase_timeout(conn, WSC_PHASE_UPGRADE, 1), WSC_ERR_INVALID);
    CHECK_STATUS(wsc_conn_set_socket(conn, -1), WSC_ERR_INVALID);
    CHECK(end_of(loop, conn).clean == 1);
    wsc_conn_free(conn);
}

int main(int argc, char **argv)
{
    const char *url = server(argc, argv);
    wsc_loop_t *loop = new_loop(WSC_CALLBACKS_ON_DISPATCH);

    a_good_attempt_has_a_report(loop, url);
    a_server_that_stalls_is_left_in_each_phase(loop);
    what_is_not_there_is_told(loop, url);
    mistakes_are_told_at_once(loop, url);
    wsc_loop_free(loop);
    return 0;
}
