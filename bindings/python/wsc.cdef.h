/* Generated from the Rust sources, as wsc.h is; do not edit. */

typedef enum {
    WSC_OK = 0,
    WSC_ERR_NULL = 1,
    WSC_ERR_INVALID = 2,
    WSC_ERR_URL = 3,
    WSC_ERR_URL_SCHEME = 4,
    WSC_ERR_URL_PORT = 5,
    WSC_ERR_HEADER_NAME = 6,
    WSC_ERR_HEADER_VALUE = 7,
    WSC_ERR_SUBPROTOCOL = 8,
    WSC_ERR_ORIGIN = 9,
    WSC_ERR_CLOSE_CODE = 10,
    WSC_ERR_CLOSE_REASON = 11,
    WSC_ERR_UTF8 = 12,
    WSC_ERR_TOO_BIG = 13,
    WSC_ERR_MODE = 14,
    WSC_ERR_PEM = 15,
    WSC_ERR_PASSPHRASE = 16,
    WSC_ERR_KEY_MISMATCH = 17,
    WSC_ERR_FILE = 18,
    WSC_ERR_STATE = 20,
    WSC_ERR_BUSY = 21,
    WSC_ERR_QUEUE_FULL = 22,
    WSC_ERR_TIMEOUT = 23,
    WSC_ERR_FORKED = 24,
    WSC_ERR_ABORTED = 25,
    WSC_ERR_NOT_FOUND = 26,
    WSC_ERR_DNS = 40,
    WSC_ERR_REFUSED = 41,
    WSC_ERR_UNREACHABLE = 42,
    WSC_ERR_RESET = 43,
    WSC_ERR_CLOSED = 44,
    WSC_ERR_IO = 45,
    WSC_ERR_SYSTEM = 46,
    WSC_ERR_PROXY = 47,
    WSC_ERR_PROXY_AUTH = 48,
    WSC_ERR_PROXY_PROTOCOL = 49,
    WSC_ERR_TLS = 60,
    WSC_ERR_CERTIFICATE = 61,
    WSC_ERR_CERTIFICATE_EXPIRED = 62,
    WSC_ERR_CERTIFICATE_SELF_SIGNED = 63,
    WSC_ERR_CERTIFICATE_ISSUER = 64,
    WSC_ERR_CERTIFICATE_NAME = 65,
    WSC_ERR_CERTIFICATE_REVOKED = 66,
    WSC_ERR_PIN = 67,
    WSC_ERR_TLS_VERSION = 68,
    WSC_ERR_HTTP = 80,
    WSC_ERR_HTTP_STATUS = 81,
    WSC_ERR_UPGRADE = 82,
    WSC_ERR_ACCEPT = 83,
    WSC_ERR_HEADER_TOO_BIG = 84,
    WSC_ERR_SUBPROTOCOL_MISMATCH = 85,
    WSC_ERR_EXTENSION_MISMATCH = 86,
    WSC_ERR_PROTOCOL = 87,
    WSC_ERR_MESSAGE_TOO_BIG = 88,
    WSC_ERR_PEER_UTF8 = 89,
    WSC_ERR_REDIRECT = 90,
    WSC_ERR_PANIC = 100,
} wsc_status_t;

typedef enum {
    WSC_STATE_INITIAL = 0,
    WSC_STATE_CONNECTING = 1,
    WSC_STATE_OPEN = 2,
    WSC_STATE_CLOSING = 3,
    WSC_STATE_CLOSED = 4,
    WSC_STATE_WAITING = 5,
} wsc_state_t;

typedef enum {
    WSC_FOREVER = -1,
    WSC_ABI_VERSION = 0,
} wsc_constant_t;

typedef enum {
    WSC_CALLBACKS_ON_DISPATCH = 0,
    WSC_CALLBACKS_ON_THREAD = 1,
} wsc_callbacks_t;

typedef enum {
    WSC_BINARY_TYPE_BLOB = 1,
    WSC_BINARY_TYPE_ARRAYBUFFER = 2,
} wsc_binary_type_t;

typedef enum {
    WSC_COUNTER_BYTES_RECEIVED = 1,
    WSC_COUNTER_BYTES_SENT = 2,
    WSC_COUNTER_MESSAGES_RECEIVED = 3,
    WSC_COUNTER_MESSAGES_SENT = 4,
    WSC_COUNTER_PINGS_RECEIVED = 5,
    WSC_COUNTER_PINGS_SENT = 6,
    WSC_COUNTER_PONGS_RECEIVED = 7,
    WSC_COUNTER_PONGS_SENT = 8,
    WSC_COUNTER_ROUND_TRIP_US = 9,
    WSC_COUNTER_MEMORY_BYTES = 10,
} wsc_counter_t;

typedef enum {
    WSC_EVENT_CONNECT = 1,
    WSC_EVENT_HANDSHAKE = 2,
    WSC_EVENT_MESSAGE = 3,
    WSC_EVENT_PING = 4,
    WSC_EVENT_PONG = 5,
    WSC_EVENT_BUFFER_FULL = 6,
    WSC_EVENT_BUFFER_DRAIN = 7,
    WSC_EVENT_ERROR = 8,
    WSC_EVENT_CLOSE = 9,
    WSC_EVENT_RECONNECT = 10,
} wsc_event_type_t;

typedef enum {
    WSC_MESSAGE_TEXT = 1,
    WSC_MESSAGE_BINARY = 2,
} wsc_message_type_t;

typedef enum {
    WSC_PART_WHOLE = 0,
    WSC_PART_FIRST = 1,
    WSC_PART_MORE = 2,
    WSC_PART_LAST = 3,
} wsc_part_t;

typedef enum {
    WSC_PHASE_NONE = 0,
    WSC_PHASE_DNS = 1,
    WSC_PHASE_TCP = 2,
    WSC_PHASE_PROXY = 3,
    WSC_PHASE_TLS = 4,
    WSC_PHASE_UPGRADE = 5,
    WSC_PHASE_OPEN = 6,
    WSC_PHASE_CLOSING = 7,
} wsc_phase_t;

typedef enum {
    WSC_SEND_NO_COMPRESS = 1,
} wsc_send_t;

typedef enum {
    WSC_TLS_1_2 = 771,
    WSC_TLS_1_3 = 772,
} wsc_tls_version_t;

typedef enum {
    WSC_PIN_CERTIFICATE = 1,
    WSC_PIN_PUBLIC_KEY = 2,
} wsc_pin_type_t;

typedef enum {
    WSC_QUEUE_DROP = 1,
    WSC_QUEUE_KEEP = 2,
    WSC_QUEUE_EXPIRE = 3,
} wsc_queue_policy_t;

typedef enum {
    WSC_RETRY_NEVER = 0,
    WSC_RETRY_LATER = 1,
    WSC_RETRY_NOW = 2,
} wsc_retry_t;

typedef enum {
    WSC_REPORT_ATTEMPT = 1,
    WSC_REPORT_PHASE = 2,
    WSC_REPORT_STATUS = 3,
    WSC_REPORT_OS_ERROR = 4,
    WSC_REPORT_HTTP_STATUS = 5,
    WSC_REPORT_PROXY_STATUS = 6,
    WSC_REPORT_RETRY = 7,
    WSC_REPORT_RETRY_AFTER_MS = 8,
    WSC_REPORT_REDIRECTS = 9,
    WSC_REPORT_TLS_VERSION = 10,
    WSC_REPORT_DNS_US = 11,
    WSC_REPORT_TCP_US = 12,
    WSC_REPORT_PROXY_US = 13,
    WSC_REPORT_TLS_US = 14,
    WSC_REPORT_UPGRADE_US = 15,
    WSC_REPORT_OPEN_US = 16,
} wsc_report_number_t;

typedef enum {
    WSC_REPORT_REASON = 1,
    WSC_REPORT_ADDRESSES = 2,
    WSC_REPORT_HEAD = 3,
    WSC_REPORT_BODY = 4,
    WSC_REPORT_PEER_CERTIFICATE = 5,
    WSC_REPORT_ALPN = 6,
} wsc_report_data_t;

typedef struct wsc_conn_t wsc_conn_t;

typedef struct wsc_loop_t wsc_loop_t;

typedef struct {
    uint64_t conn_id;
    const void *data;
    size_t len;
    uint64_t unsent;
    int32_t type;
    uint32_t attempt;
    int32_t status;
    int32_t phase;
    int32_t message_type;
    int32_t code;
    int32_t clean;
    int32_t part;
    int32_t by_peer;
    int32_t run;
    uint64_t reserved[3];
} wsc_event_t;

typedef void (*wsc_event_fn)(wsc_conn_t *conn, const wsc_event_t *event, void *userdata);

typedef void (*wsc_free_fn)(void *userdata);

const char *wsc_version(void);

uint32_t wsc_abi_version(void);

const char *wsc_status_str(int32_t status);

wsc_status_t wsc_loop_new(int32_t callbacks, wsc_loop_t **out);

void wsc_loop_free(wsc_loop_t *loop);

int wsc_loop_fd(const wsc_loop_t *loop);

wsc_status_t wsc_loop_dispatch(wsc_loop_t *loop, int32_t timeout_ms);

wsc_status_t wsc_loop_poll(wsc_loop_t *loop,
                           wsc_event_t *events,
                           size_t max,
                           int32_t timeout_ms,
                           size_t *count);

wsc_status_t wsc_loop_run(wsc_loop_t *loop);

wsc_status_t wsc_loop_stop(wsc_loop_t *loop);

wsc_status_t wsc_loop_wake(wsc_loop_t *loop);

wsc_status_t wsc_loop_flush(wsc_loop_t *loop);

wsc_status_t wsc_loop_set_standby_grace(wsc_loop_t *loop, int32_t grace_ms);

wsc_status_t wsc_loop_set_busy_poll(wsc_loop_t *loop, uint32_t busy_us);

wsc_status_t wsc_conn_new(wsc_loop_t *loop, const char *url, wsc_conn_t **out);

void wsc_conn_free(wsc_conn_t *conn);

uint64_t wsc_conn_id(const wsc_conn_t *conn);

wsc_state_t wsc_conn_state(const wsc_conn_t *conn);

wsc_status_t wsc_conn_connect(wsc_conn_t *conn);

wsc_status_t wsc_conn_reconnect(wsc_conn_t *conn, int32_t delay_ms);

wsc_status_t wsc_conn_cancel_reconnect(wsc_conn_t *conn);

wsc_status_t wsc_conn_close(wsc_conn_t *conn, uint16_t code, const void *reason, size_t reason_len);

wsc_status_t wsc_conn_abort(wsc_conn_t *conn);

wsc_status_t wsc_conn_set_url(wsc_conn_t *conn, const char *url);

wsc_status_t wsc_conn_set_header(wsc_conn_t *conn, const char *name, const char *value);

wsc_status_t wsc_conn_add_header(wsc_conn_t *conn, const char *name, const char *value);

wsc_status_t wsc_conn_clear_headers(wsc_conn_t *conn);

wsc_status_t wsc_conn_set_subprotocols(wsc_conn_t *conn, const char *list);

wsc_status_t wsc_conn_set_origin(wsc_conn_t *conn, const char *origin);

wsc_status_t wsc_conn_set_ping_interval(wsc_conn_t *conn, int32_t interval_ms);

wsc_status_t wsc_conn_set_pong_timeout(wsc_conn_t *conn, int32_t timeout_ms);

wsc_status_t wsc_conn_set_auto_pong(wsc_conn_t *conn, bool on);

wsc_status_t wsc_conn_set_binary_type(wsc_conn_t *conn, int32_t binary_type);

wsc_status_t wsc_conn_set_connect_timeout(wsc_conn_t *conn, int32_t timeout_ms);

wsc_status_t wsc_conn_set_handshake_timeout(wsc_conn_t *conn, int32_t timeout_ms);

wsc_status_t wsc_conn_set_close_timeout(wsc_conn_t *conn, int32_t timeout_ms);

wsc_status_t wsc_conn_set_max_message_size(wsc_conn_t *conn, size_t size);

wsc_status_t wsc_conn_set_max_receive_size(wsc_conn_t *conn, size_t size);

wsc_status_t wsc_conn_set_max_frame_size(wsc_conn_t *conn, size_t size);

wsc_status_t wsc_conn_set_max_header_size(wsc_conn_t *conn, size_t size);

wsc_status_t wsc_conn_set_send_queue_limit(wsc_conn_t *conn, size_t limit);

wsc_status_t wsc_conn_set_receive_queue_limit(wsc_conn_t *conn, size_t limit);

wsc_status_t wsc_conn_set_max_fragments(wsc_conn_t *conn, size_t count);

wsc_status_t wsc_conn_set_streaming(wsc_conn_t *conn, bool on);

wsc_status_t wsc_conn_set_deflate(wsc_conn_t *conn, bool on);

wsc_status_t wsc_conn_set_deflate_level(wsc_conn_t *conn, int32_t level);

wsc_status_t wsc_conn_set_deflate_threshold(wsc_conn_t *conn, size_t size);

wsc_status_t wsc_conn_set_deflate_window_bits(wsc_conn_t *conn, int32_t client, int32_t server);

wsc_status_t wsc_conn_set_deflate_no_context_takeover(wsc_conn_t *conn, bool client, bool server);

wsc_status_t wsc_conn_set_deflate_max_ratio(wsc_conn_t *conn, size_t ratio);

wsc_status_t wsc_conn_add_tls_ca(wsc_conn_t *conn, const void *pem, size_t len);

wsc_status_t wsc_conn_add_tls_ca_file(wsc_conn_t *conn, const char *path);

wsc_status_t wsc_conn_add_tls_crl(wsc_conn_t *conn, const void *data, size_t len);

wsc_status_t wsc_conn_add_tls_crl_file(wsc_conn_t *conn, const char *path);

wsc_status_t wsc_conn_set_tls_system_roots(wsc_conn_t *conn, bool on);

wsc_status_t wsc_conn_set_tls_identity(wsc_conn_t *conn,
                                       const void *chain,
                                       size_t chain_len,
                                       const void *key,
                                       size_t key_len,
                                       const char *passphrase);

wsc_status_t wsc_conn_set_tls_identity_files(wsc_conn_t *conn,
                                             const char *chain_path,
                                             const char *key_path,
                                             const char *passphrase);

wsc_status_t wsc_conn_set_tls_pkcs12(wsc_conn_t *conn,
                                     const void *data,
                                     size_t len,
                                     const char *passphrase);

wsc_status_t wsc_conn_set_tls_versions(wsc_conn_t *conn, int32_t min, int32_t max);

wsc_status_t wsc_conn_set_tls_alpn(wsc_conn_t *conn, const char *list);

wsc_status_t wsc_conn_set_tls_server_name(wsc_conn_t *conn, const char *name);

wsc_status_t wsc_conn_set_tls_verify_name(wsc_conn_t *conn, const char *name);

wsc_status_t wsc_conn_add_tls_pin(wsc_conn_t *conn,
                                  int32_t pin_type,
                                  const void *sha256,
                                  size_t len);

wsc_status_t wsc_conn_set_tls_danger_accept_anything(wsc_conn_t *conn, bool on);

wsc_status_t wsc_conn_reset_tls(wsc_conn_t *conn);

wsc_status_t wsc_conn_set_proxy(wsc_conn_t *conn, const char *url);

wsc_status_t wsc_conn_set_proxy_from_environment(wsc_conn_t *conn);

wsc_status_t wsc_conn_add_proxy_header(wsc_conn_t *conn, const char *name, const char *value);

wsc_status_t wsc_conn_clear_proxy_headers(wsc_conn_t *conn);

wsc_status_t wsc_conn_set_phase_timeout(wsc_conn_t *conn, int32_t phase, int32_t timeout_ms);

wsc_status_t wsc_conn_set_idle_timeout(wsc_conn_t *conn, int32_t timeout_ms);

wsc_status_t wsc_conn_set_local_address(wsc_conn_t *conn, const char *address);

wsc_status_t wsc_conn_set_interface(wsc_conn_t *conn, const char *name);

wsc_status_t wsc_conn_set_tcp_nodelay(wsc_conn_t *conn, bool on);

wsc_status_t wsc_conn_set_keepalive(wsc_conn_t *conn, int32_t time_ms);

wsc_status_t wsc_conn_set_tcp_user_timeout(wsc_conn_t *conn, int32_t timeout_ms);

wsc_status_t wsc_conn_set_max_redirects(wsc_conn_t *conn, uint32_t count);

wsc_status_t wsc_conn_set_socket(wsc_conn_t *conn, int32_t fd);

wsc_status_t wsc_conn_set_auto_reconnect(wsc_conn_t *conn, bool on);

wsc_status_t wsc_conn_set_reconnect_delay(wsc_conn_t *conn, int32_t min_ms, int32_t max_ms);

wsc_status_t wsc_conn_set_reconnect_limit(wsc_conn_t *conn, int32_t attempts);

wsc_status_t wsc_conn_set_reconnect_stable_after(wsc_conn_t *conn, int32_t time_ms);

wsc_status_t wsc_conn_set_reconnect_after_fatal(wsc_conn_t *conn, bool on);

wsc_status_t wsc_conn_set_queue_policy(wsc_conn_t *conn, int32_t policy, int32_t expire_ms);

wsc_status_t wsc_conn_add_prologue(wsc_conn_t *conn,
                                   int32_t message_type,
                                   const void *data,
                                   size_t len);

wsc_status_t wsc_conn_clear_prologue(wsc_conn_t *conn);

wsc_status_t wsc_conn_on_event(wsc_conn_t *conn,
                               int32_t event_type,
                               wsc_event_fn callback,
                               void *userdata,
                               wsc_free_fn release);

wsc_status_t wsc_conn_on_connect(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

wsc_status_t wsc_conn_on_handshake(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

wsc_status_t wsc_conn_on_message(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

wsc_status_t wsc_conn_on_ping(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

wsc_status_t wsc_conn_on_pong(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

wsc_status_t wsc_conn_on_buffer_full(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

wsc_status_t wsc_conn_on_buffer_drain(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

wsc_status_t wsc_conn_on_error(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

wsc_status_t wsc_conn_on_close(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

wsc_status_t wsc_conn_on_reconnect(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

wsc_status_t wsc_conn_on_free(wsc_conn_t *conn, wsc_free_fn callback, void *userdata);

wsc_status_t wsc_conn_send(wsc_conn_t *conn, const void *data, size_t len);

wsc_status_t wsc_conn_send_text(wsc_conn_t *conn, const void *text, size_t len);

wsc_status_t wsc_conn_send_binary(wsc_conn_t *conn, const void *data, size_t len);

wsc_status_t wsc_conn_send_message(wsc_conn_t *conn,
                                   int32_t message_type,
                                   int32_t part,
                                   int32_t flags,
                                   const void *data,
                                   size_t len);

wsc_status_t wsc_conn_ping(wsc_conn_t *conn, const void *data, size_t len);

wsc_status_t wsc_conn_pong(wsc_conn_t *conn, const void *data, size_t len);

wsc_status_t wsc_conn_flush(wsc_conn_t *conn);

wsc_status_t wsc_conn_pause_recv(wsc_conn_t *conn);

wsc_status_t wsc_conn_resume_recv(wsc_conn_t *conn);

size_t wsc_conn_buffered_amount(const wsc_conn_t *conn);

wsc_status_t wsc_conn_counter(const wsc_conn_t *conn, int32_t counter, uint64_t *value);

wsc_status_t wsc_conn_peer_address(const wsc_conn_t *conn, char *buffer, size_t size);

wsc_status_t wsc_conn_local_address(const wsc_conn_t *conn, char *buffer, size_t size);

wsc_status_t wsc_conn_subprotocol(const wsc_conn_t *conn, char *buffer, size_t size);

wsc_status_t wsc_conn_extensions(const wsc_conn_t *conn, char *buffer, size_t size);

wsc_status_t wsc_conn_report_number(wsc_conn_t *conn, int32_t number, uint64_t *value);

wsc_status_t wsc_conn_report_data(wsc_conn_t *conn,
                                  int32_t data,
                                  void *buffer,
                                  size_t size,
                                  size_t *len);

wsc_status_t wsc_http_header(const void *head,
                             size_t len,
                             const char *name,
                             size_t index,
                             const void **value,
                             size_t *value_len);

wsc_status_t wsc_http_header_at(const void *head,
                                size_t len,
                                size_t index,
                                const void **name,
                                size_t *name_len,
                                const void **value,
                                size_t *value_len);

wsc_status_t wsc_http_status_line(const void *head,
                                  size_t len,
                                  const void **line,
                                  size_t *line_len);
