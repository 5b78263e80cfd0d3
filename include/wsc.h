/*
 * libwsc: a WebSocket client as a shared library.
 *
 * Generated from the Rust sources; do not edit.
 *
 * A loop (wsc_loop_t) carries any number of connections (wsc_conn_t). What
 * happens to a connection is an event (wsc_event_t), given to a callback or
 * taken by wsc_loop_poll.
 *
 * Where callbacks run. Chosen when the loop is made.
 * WSC_CALLBACKS_ON_DISPATCH: only inside wsc_loop_dispatch or wsc_loop_run, on
 * the thread that called it. WSC_CALLBACKS_ON_THREAD: only on the loop's
 * background thread, where one that blocks stalls the loop, pings included.
 * Either way one at a time per loop; no other thread of the library ever calls
 * you. wsc_loop_poll runs no callbacks.
 *
 * When to dispatch. The descriptor of wsc_loop_fd is readable while there is
 * work or an event. Watch it in your event loop, and dispatch or poll when it is
 * readable; never read, write or close it. wsc_loop_free closes it.
 *
 * Callbacks have one shape, wsc_event_fn, and one setter per event. The event
 * and its data are borrowed and die when the callback returns; copy what you
 * keep. userdata is passed through unread.
 *
 * Order. CONNECT, HANDSHAKE, messages in the order received, ERROR if something
 * failed, then CLOSE exactly once per attempt. Nothing follows CLOSE until the
 * next attempt.
 *
 * Inside a callback every function may be called, wsc_conn_free on the same
 * connection included; only a dispatch or poll of the same loop returns
 * WSC_ERR_BUSY.
 *
 * Returning. A callback must return normally: no C++ exception, Go panic, PHP
 * exception or longjmp may pass through it.
 *
 * Threads. Any function may be called from any thread, with one exception:
 * wsc_conn_free and wsc_loop_free must be the last call on their object.
 *
 * fork. A loop belongs to the process that made it. In a child, calls on it and
 * its connections return WSC_ERR_FORKED, and the free functions only close the
 * child's copies of descriptors. In a child that a callback forks nothing more is
 * told and nothing sent: when the callback returns, the dispatch or run around it
 * returns WSC_ERR_FORKED too, and the thread of a loop that has one of its own, the
 * only one in the child, ends, and with it the process.
 *
 * exit. Where TLS was used, it is over when the process exits: calls on a loop and
 * its connections may return WSC_ERR_STATE then, those too that do not list it. The
 * free functions may be called.
 *
 * Pointers. A parameter is borrowed (yours, used during the call), copied (free
 * it at once), taken (the library's now) or owned (yours to free, with the
 * function named). No thread changes what it points to during the call. NULL
 * where it is not allowed is a status, not a crash.
 *
 * Results. 0 is success. Results go to out pointers, written only on WSC_OK; a
 * handle is set to NULL first. Besides what its comment lists, every function
 * that returns a status may return WSC_ERR_PANIC, which is a bug in the library.
 * Enums are returned; parameters that take one are int32_t and checked.
 *
 * Units. Times are milliseconds in an int32_t, WSC_FOREVER where there is no
 * limit. Sizes are bytes. Neither uses 0 for "no limit".
 *
 * Deadlines. Each ends the attempt, with WSC_ERR_TIMEOUT unless it had its cause
 * already (a refusal, a violation, close frames of both sides), and a server that
 * sends byte by byte extends none up to the open connection. The defaults:
 *   10000  wsc_conn_set_connect_timeout: DNS, TCP, proxy and TLS together; anew
 *          for each redirect
 *    none  wsc_conn_set_phase_timeout: one of these alone
 *   10000  wsc_conn_set_handshake_timeout: the upgrade, a refusing answer's body
 *          included
 *   20000  wsc_conn_set_ping_interval: from one ping to the next; ends nothing
 *   20000  wsc_conn_set_pong_timeout: from a ping until anything arrives
 *    none  wsc_conn_set_idle_timeout: without any data, pongs included
 *    5000  wsc_conn_set_close_timeout: from wsc_conn_close, or the peer's close frame,
 *          to the end; what is queued has to leave in it, too
 *    none  wsc_conn_set_tcp_user_timeout: until TCP has sent data acknowledged
 *    none  wsc_conn_set_keepalive: silence before TCP itself asks
 */

#ifndef WSC_H
#define WSC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * What a call came to, or why an attempt ended (`status` of an event).
 *
 * 0 is success. Values are grouped (1 to 19 the caller's mistakes, 20 to 39
 * state and flow, 40 to 59 network, 60 to 79 TLS, 80 to 99 HTTP and WebSocket,
 * 100 and up the library's own) and never change their meaning; new ones may
 * be added, so handle a value you do not know as a failure.
 *
 * Functions: `wsc_status_str`.
 */
typedef enum {
    /**
     * Success.
     */
    WSC_OK = 0,
    /**
     * A required pointer is NULL.
     */
    WSC_ERR_NULL = 1,
    /**
     * A number is out of range: a negative time other than `WSC_FOREVER`, a size of 0, an
     * unknown enum value.
     */
    WSC_ERR_INVALID = 2,
    /**
     * The URL is malformed.
     */
    WSC_ERR_URL = 3,
    /**
     * The URL's scheme is none of those it may have.
     */
    WSC_ERR_URL_SCHEME = 4,
    /**
     * The URL's port is not a number from 1 to 65535.
     */
    WSC_ERR_URL_PORT = 5,
    /**
     * The header name is no token, or names a field the library writes itself.
     */
    WSC_ERR_HEADER_NAME = 6,
    /**
     * The header value contains a control character, CR and LF included.
     */
    WSC_ERR_HEADER_VALUE = 7,
    /**
     * A subprotocol is no token, or is named twice.
     */
    WSC_ERR_SUBPROTOCOL = 8,
    /**
     * The origin contains a space, a control character or a byte outside ASCII.
     */
    WSC_ERR_ORIGIN = 9,
    /**
     * The close code is neither 0, 1000 nor in 3000 to 4999.
     */
    WSC_ERR_CLOSE_CODE = 10,
    /**
     * The close reason is over 123 bytes, not UTF-8, or given without a code.
     */
    WSC_ERR_CLOSE_REASON = 11,
    /**
     * The text is not UTF-8.
     */
    WSC_ERR_UTF8 = 12,
    /**
     * The data exceeds its limit, or the buffer is too small for the result.
     */
    WSC_ERR_TOO_BIG = 13,
    /**
     * The loop runs its callbacks on its own thread, so it cannot be dispatched or polled.
     */
    WSC_ERR_MODE = 14,
    /**
     * The data is no certificate or key in PEM, no revocation list, or no PKCS#12 file.
     */
    WSC_ERR_PEM = 15,
    /**
     * The passphrase is wrong or missing.
     */
    WSC_ERR_PASSPHRASE = 16,
    /**
     * The key does not belong to the certificate.
     */
    WSC_ERR_KEY_MISMATCH = 17,
    /**
     * The file cannot be read.
     */
    WSC_ERR_FILE = 18,
    /**
     * The connection's or loop's state does not allow the call.
     */
    WSC_ERR_STATE = 20,
    /**
     * The loop is being dispatched or polled already.
     */
    WSC_ERR_BUSY = 21,
    /**
     * The send queue is at its limit. `on_buffer_drain` tells when it is empty again.
     */
    WSC_ERR_QUEUE_FULL = 22,
    /**
     * A deadline passed.
     */
    WSC_ERR_TIMEOUT = 23,
    /**
     * The object belongs to the process that made it, and this is a forked child.
     */
    WSC_ERR_FORKED = 24,
    /**
     * The attempt was ended by the caller.
     */
    WSC_ERR_ABORTED = 25,
    /**
     * There is nothing by that name or number.
     */
    WSC_ERR_NOT_FOUND = 26,
    /**
     * The host name could not be resolved.
     */
    WSC_ERR_DNS = 40,
    /**
     * The host refused the connection.
     */
    WSC_ERR_REFUSED = 41,
    /**
     * The network or host is unreachable.
     */
    WSC_ERR_UNREACHABLE = 42,
    /**
     * The connection was reset.
     */
    WSC_ERR_RESET = 43,
    /**
     * The peer closed the TCP connection without a close frame.
     */
    WSC_ERR_CLOSED = 44,
    /**
     * Any other error of the socket.
     */
    WSC_ERR_IO = 45,
    /**
     * The system refused a file descriptor, a thread or memory.
     */
    WSC_ERR_SYSTEM = 46,
    /**
     * The proxy refused the connection; the report has its status.
     */
    WSC_ERR_PROXY = 47,
    /**
     * The proxy refused the credentials, or wants some.
     */
    WSC_ERR_PROXY_AUTH = 48,
    /**
     * The proxy's answer is not what the protocol asks for.
     */
    WSC_ERR_PROXY_PROTOCOL = 49,
    /**
     * The TLS handshake or the TLS connection failed.
     */
    WSC_ERR_TLS = 60,
    /**
     * The server's certificate was not accepted.
     */
    WSC_ERR_CERTIFICATE = 61,
    /**
     * The server's certificate has expired or is not valid yet.
     */
    WSC_ERR_CERTIFICATE_EXPIRED = 62,
    /**
     * The server's certificate is self-signed and not among the trusted ones.
     */
    WSC_ERR_CERTIFICATE_SELF_SIGNED = 63,
    /**
     * The issuer of the server's certificate is not trusted.
     */
    WSC_ERR_CERTIFICATE_ISSUER = 64,
    /**
     * The server's certificate is for another name.
     */
    WSC_ERR_CERTIFICATE_NAME = 65,
    /**
     * The server's certificate was revoked.
     */
    WSC_ERR_CERTIFICATE_REVOKED = 66,
    /**
     * The server's certificate has none of the pins.
     */
    WSC_ERR_PIN = 67,
    /**
     * Client and server have no TLS version in common.
     */
    WSC_ERR_TLS_VERSION = 68,
    /**
     * The answer to the upgrade request is not HTTP.
     */
    WSC_ERR_HTTP = 80,
    /**
     * The HTTP status is not 101; the event's `code` has it.
     */
    WSC_ERR_HTTP_STATUS = 81,
    /**
     * The answer is 101, but its `Upgrade` or `Connection` header is wrong.
     */
    WSC_ERR_UPGRADE = 82,
    /**
     * `Sec-WebSocket-Accept` is missing or wrong.
     */
    WSC_ERR_ACCEPT = 83,
    /**
     * The response head exceeds `wsc_conn_set_max_header_size`.
     */
    WSC_ERR_HEADER_TOO_BIG = 84,
    /**
     * The server chose a subprotocol that was not offered.
     */
    WSC_ERR_SUBPROTOCOL_MISMATCH = 85,
    /**
     * The server chose an extension that was not offered.
     */
    WSC_ERR_EXTENSION_MISMATCH = 86,
    /**
     * The server violated the WebSocket protocol.
     */
    WSC_ERR_PROTOCOL = 87,
    /**
     * The server sent a message or frame above its limit.
     */
    WSC_ERR_MESSAGE_TOO_BIG = 88,
    /**
     * The server sent text that is not UTF-8.
     */
    WSC_ERR_PEER_UTF8 = 89,
    /**
     * The server redirected too often, or to where it may not.
     */
    WSC_ERR_REDIRECT = 90,
    /**
     * A bug in the library; every function may return it. The process lives on.
     */
    WSC_ERR_PANIC = 100,
} wsc_status_t;

/**
 * Where a connection stands, as far as its events were delivered.
 */
typedef enum {
    /**
     * Never connected.
     */
    WSC_STATE_INITIAL = 0,
    /**
     * An attempt is under way.
     */
    WSC_STATE_CONNECTING = 1,
    /**
     * HANDSHAKE was delivered.
     */
    WSC_STATE_OPEN = 2,
    /**
     * The close handshake is under way.
     */
    WSC_STATE_CLOSING = 3,
    /**
     * CLOSE was delivered.
     */
    WSC_STATE_CLOSED = 4,
    /**
     * CLOSE was delivered and a reconnect is scheduled.
     */
    WSC_STATE_WAITING = 5,
} wsc_state_t;

/**
 * Constants that are not the value of a type. An enum, so that every language
 * reads them from the declarations; functions take and return plain integers.
 */
typedef enum {
    /**
     * In place of a time in milliseconds: no limit, never.
     */
    WSC_FOREVER = -1,
    /**
     * The ABI number these declarations belong to. A program whose number
     * differs from `wsc_abi_version` was built for another library.
     */
    WSC_ABI_VERSION = 0,
} wsc_constant_t;

/**
 * Where a loop's callbacks run (`callbacks` of `wsc_loop_new`).
 */
typedef enum {
    /**
     * Only inside `wsc_loop_dispatch` or `wsc_loop_run`, on the thread that called
     * it. For hosts with an event loop of their own, and for polling.
     */
    WSC_CALLBACKS_ON_DISPATCH = 0,
    /**
     * Only on the loop's background thread. A callback that blocks stalls the
     * loop, its pings included.
     */
    WSC_CALLBACKS_ON_THREAD = 1,
} wsc_callbacks_t;

/**
 * What `wsc_conn_send` sends (`wsc_conn_set_binary_type`). The names are those of
 * Workerman, which took them from browsers.
 */
typedef enum {
    /**
     * Text messages.
     */
    WSC_BINARY_TYPE_BLOB = 1,
    /**
     * Binary messages.
     */
    WSC_BINARY_TYPE_ARRAYBUFFER = 2,
} wsc_binary_type_t;

/**
 * What `wsc_conn_counter` tells. Counts run over all attempts of a connection.
 */
typedef enum {
    /**
     * Bytes read from the socket.
     */
    WSC_COUNTER_BYTES_RECEIVED = 1,
    /**
     * Bytes the socket took.
     */
    WSC_COUNTER_BYTES_SENT = 2,
    /**
     * Whole messages received.
     */
    WSC_COUNTER_MESSAGES_RECEIVED = 3,
    /**
     * Messages the socket took whole.
     */
    WSC_COUNTER_MESSAGES_SENT = 4,
    /**
     * Pings received.
     */
    WSC_COUNTER_PINGS_RECEIVED = 5,
    /**
     * Pings sent, those of the ping interval included.
     */
    WSC_COUNTER_PINGS_SENT = 6,
    /**
     * Pongs received.
     */
    WSC_COUNTER_PONGS_RECEIVED = 7,
    /**
     * Pongs sent, the automatic ones included.
     */
    WSC_COUNTER_PONGS_SENT = 8,
    /**
     * The last measured round trip of a ping, in microseconds; 0 if none was yet.
     */
    WSC_COUNTER_ROUND_TRIP_US = 9,
    /**
     * No count: the bytes held now for what is queued to be sent, what waits to be
     * delivered, a message under way, and compression, the last as an estimate.
     */
    WSC_COUNTER_MEMORY_BYTES = 10,
} wsc_counter_t;

/**
 * What an event tells (`type` of `wsc_event_t`).
 *
 * The order within one attempt: CONNECT, HANDSHAKE, messages as they came in,
 * ERROR if something failed, CLOSE exactly once. An attempt that fails early
 * skips what it did not reach. Nothing follows CLOSE until the next attempt.
 */
typedef enum {
    /**
     * TCP is connected, and the proxy, if there is one, has let through. TLS and the upgrade
     * follow.
     */
    WSC_EVENT_CONNECT = 1,
    /**
     * The server accepted the upgrade. `data` is its raw response head, `code` 101.
     */
    WSC_EVENT_HANDSHAKE = 2,
    /**
     * One message, or with `wsc_conn_set_streaming` one part of it. `data` is its
     * payload, `message_type` its type, `part` its place.
     */
    WSC_EVENT_MESSAGE = 3,
    /**
     * A ping came in. `data` is its payload.
     */
    WSC_EVENT_PING = 4,
    /**
     * A pong came in. `data` is its payload.
     */
    WSC_EVENT_PONG = 5,
    /**
     * The send queue reached its limit.
     */
    WSC_EVENT_BUFFER_FULL = 6,
    /**
     * The send queue had reached its limit and is empty again.
     */
    WSC_EVENT_BUFFER_DRAIN = 7,
    /**
     * Something failed; CLOSE follows. `status`, `phase`, `data` (a text) say
     * what, and `code` is the HTTP status if `status` is WSC_ERR_HTTP_STATUS or
     * WSC_ERR_REDIRECT, the HTTP status or SOCKS code of a proxy that refused, else 0.
     */
    WSC_EVENT_ERROR = 8,
    /**
     * The attempt is over. `status`, `phase`, `code`, `clean`, `by_peer`, `unsent`
     * and `data` (the close reason) say how.
     */
    WSC_EVENT_CLOSE = 9,
    /**
     * An automatic reconnect (`wsc_conn_set_auto_reconnect`) is due. It begins when
     * this was delivered: when the callback has returned, or with the next poll. Until
     * then the URL and the headers may be changed, and the reconnect taken back.
     * `attempt` is still that of the attempt that was lost.
     */
    WSC_EVENT_RECONNECT = 10,
} wsc_event_type_t;

/**
 * The type of a message (`message_type` of `wsc_event_t`).
 */
typedef enum {
    /**
     * UTF-8, checked by the library.
     */
    WSC_MESSAGE_TEXT = 1,
    /**
     * Any bytes.
     */
    WSC_MESSAGE_BINARY = 2,
} wsc_message_type_t;

/**
 * Which part of a message this is (`part` of `wsc_event_t`, and for
 * `wsc_conn_send_message`).
 */
typedef enum {
    /**
     * All of it.
     */
    WSC_PART_WHOLE = 0,
    /**
     * Its beginning; more follows.
     */
    WSC_PART_FIRST = 1,
    /**
     * Neither its beginning nor its end.
     */
    WSC_PART_MORE = 2,
    /**
     * Its end.
     */
    WSC_PART_LAST = 3,
} wsc_part_t;

/**
 * How far an attempt had come (`phase` of `wsc_event_t`).
 */
typedef enum {
    /**
     * Not begun, or not a matter of an attempt.
     */
    WSC_PHASE_NONE = 0,
    /**
     * Resolving the host name.
     */
    WSC_PHASE_DNS = 1,
    /**
     * Connecting the socket.
     */
    WSC_PHASE_TCP = 2,
    /**
     * Talking to a proxy.
     */
    WSC_PHASE_PROXY = 3,
    /**
     * In the TLS handshake, or before it and TCP loading the trusted certificates, which
     * the first connection of a loop does with its settings for TLS.
     */
    WSC_PHASE_TLS = 4,
    /**
     * In the HTTP upgrade.
     */
    WSC_PHASE_UPGRADE = 5,
    /**
     * Exchanging messages.
     */
    WSC_PHASE_OPEN = 6,
    /**
     * In the close handshake.
     */
    WSC_PHASE_CLOSING = 7,
} wsc_phase_t;

/**
 * Flags of `wsc_conn_send_message`, to be combined with `|`.
 */
typedef enum {
    /**
     * The message is not compressed, whatever was negotiated: for what is
     * compressed already, and for secrets.
     */
    WSC_SEND_NO_COMPRESS = 1,
} wsc_send_t;

/**
 * A version of TLS. Older ones are never used.
 */
typedef enum {
    /**
     * TLS 1.2.
     */
    WSC_TLS_1_2 = 771,
    /**
     * TLS 1.3.
     */
    WSC_TLS_1_3 = 772,
} wsc_tls_version_t;

/**
 * What a pin (`wsc_conn_add_tls_pin`) is the SHA-256 of.
 */
typedef enum {
    /**
     * The server's certificate, in DER.
     */
    WSC_PIN_CERTIFICATE = 1,
    /**
     * Its public key, a SubjectPublicKeyInfo in DER, which may outlive a renewal.
     */
    WSC_PIN_PUBLIC_KEY = 2,
} wsc_pin_type_t;

/**
 * What becomes of messages that have not left when an attempt ends
 * (`wsc_conn_set_queue_policy`).
 */
typedef enum {
    /**
     * They are lost, and counted.
     */
    WSC_QUEUE_DROP = 1,
    /**
     * They wait for the next attempt.
     */
    WSC_QUEUE_KEEP = 2,
    /**
     * The same, for a limited time.
     */
    WSC_QUEUE_EXPIRE = 3,
} wsc_queue_policy_t;

/**
 * Whether another attempt can help (WSC_REPORT_RETRY).
 */
typedef enum {
    /**
     * The same would happen again.
     */
    WSC_RETRY_NEVER = 0,
    /**
     * After a while.
     */
    WSC_RETRY_LATER = 1,
    /**
     * At once.
     */
    WSC_RETRY_NOW = 2,
} wsc_retry_t;

/**
 * A number in the report on an attempt (`wsc_conn_report_number`).
 */
typedef enum {
    /**
     * The attempt's number, as events have it; 0 before the first.
     */
    WSC_REPORT_ATTEMPT = 1,
    /**
     * The `wsc_phase_t` that was reached.
     */
    WSC_REPORT_PHASE = 2,
    /**
     * The `wsc_status_t` with which it ended; WSC_OK until then.
     */
    WSC_REPORT_STATUS = 3,
    /**
     * The errno of the failure.
     */
    WSC_REPORT_OS_ERROR = 4,
    /**
     * The HTTP status of the server's answer.
     */
    WSC_REPORT_HTTP_STATUS = 5,
    /**
     * The HTTP status or SOCKS code of a proxy that refused.
     */
    WSC_REPORT_PROXY_STATUS = 6,
    /**
     * A `wsc_retry_t`.
     */
    WSC_REPORT_RETRY = 7,
    /**
     * The milliseconds that the server asked to wait (`Retry-After`), an hour at most.
     */
    WSC_REPORT_RETRY_AFTER_MS = 8,
    /**
     * How many redirects were followed.
     */
    WSC_REPORT_REDIRECTS = 9,
    /**
     * The `wsc_tls_version_t` in use.
     */
    WSC_REPORT_TLS_VERSION = 10,
    /**
     * Microseconds in the DNS phase.
     */
    WSC_REPORT_DNS_US = 11,
    /**
     * Microseconds in the TCP phase.
     */
    WSC_REPORT_TCP_US = 12,
    /**
     * Microseconds in the proxy phase.
     */
    WSC_REPORT_PROXY_US = 13,
    /**
     * Microseconds in the TLS phase, loading the trusted certificates among them.
     */
    WSC_REPORT_TLS_US = 14,
    /**
     * Microseconds in the upgrade.
     */
    WSC_REPORT_UPGRADE_US = 15,
    /**
     * Microseconds for which the connection was open.
     */
    WSC_REPORT_OPEN_US = 16,
} wsc_report_number_t;

/**
 * A text or bytes in the report on an attempt (`wsc_conn_report_data`).
 */
typedef enum {
    /**
     * What failed, in words, UTF-8.
     */
    WSC_REPORT_REASON = 1,
    /**
     * The addresses tried, one a line, with `: ` and the error where there is one.
     */
    WSC_REPORT_ADDRESSES = 2,
    /**
     * The raw head of the server's answer; see `wsc_http_header`.
     */
    WSC_REPORT_HEAD = 3,
    /**
     * The first 4096 bytes of a refusing answer's body.
     */
    WSC_REPORT_BODY = 4,
    /**
     * The server's certificate, in DER.
     */
    WSC_REPORT_PEER_CERTIFICATE = 5,
    /**
     * The protocol that was agreed on in TLS (ALPN).
     */
    WSC_REPORT_ALPN = 6,
} wsc_report_data_t;

/**
 * A connection: one WebSocket client, set up, connected and, if wanted, connected
 * again.
 *
 * Made by `wsc_conn_new`, freed by you with `wsc_conn_free`, before or after its
 * loop. Threads may share a connection; freeing it must be the last call on it.
 *
 * Life: `wsc_conn_new`, `wsc_conn_free`, `wsc_conn_on_free`, `wsc_conn_id`,
 * `wsc_conn_state`, `wsc_conn_connect`, `wsc_conn_reconnect`,
 * `wsc_conn_cancel_reconnect`, `wsc_conn_close`, `wsc_conn_abort`.
 *
 * Settings: `wsc_conn_set_url`, `wsc_conn_set_header`, `wsc_conn_add_header`,
 * `wsc_conn_clear_headers`, `wsc_conn_set_subprotocols`, `wsc_conn_set_origin`,
 * `wsc_conn_set_ping_interval`, `wsc_conn_set_pong_timeout`,
 * `wsc_conn_set_auto_pong`, `wsc_conn_set_binary_type`,
 * `wsc_conn_set_connect_timeout`, `wsc_conn_set_handshake_timeout`,
 * `wsc_conn_set_close_timeout`, `wsc_conn_set_max_message_size`,
 * `wsc_conn_set_max_receive_size`,
 * `wsc_conn_set_max_frame_size`, `wsc_conn_set_max_fragments`,
 * `wsc_conn_set_max_header_size`, `wsc_conn_set_send_queue_limit`,
 * `wsc_conn_set_receive_queue_limit`, `wsc_conn_set_streaming`,
 * `wsc_conn_set_deflate`, `wsc_conn_set_deflate_level`,
 * `wsc_conn_set_deflate_threshold`, `wsc_conn_set_deflate_window_bits`,
 * `wsc_conn_set_deflate_no_context_takeover`, `wsc_conn_set_deflate_max_ratio`.
 *
 * TLS: `wsc_conn_add_tls_ca`, `wsc_conn_add_tls_ca_file`, `wsc_conn_add_tls_crl`,
 * `wsc_conn_add_tls_crl_file`,
 * `wsc_conn_set_tls_system_roots`, `wsc_conn_set_tls_identity`,
 * `wsc_conn_set_tls_identity_files`, `wsc_conn_set_tls_pkcs12`,
 * `wsc_conn_set_tls_versions`, `wsc_conn_set_tls_alpn`,
 * `wsc_conn_set_tls_server_name`, `wsc_conn_set_tls_verify_name`,
 * `wsc_conn_add_tls_pin`, `wsc_conn_set_tls_danger_accept_anything`,
 * `wsc_conn_reset_tls`.
 *
 * Network: `wsc_conn_set_proxy`, `wsc_conn_set_proxy_from_environment`,
 * `wsc_conn_add_proxy_header`, `wsc_conn_clear_proxy_headers`,
 * `wsc_conn_set_phase_timeout`, `wsc_conn_set_idle_timeout`, `wsc_conn_set_local_address`,
 * `wsc_conn_set_interface`, `wsc_conn_set_tcp_nodelay`, `wsc_conn_set_keepalive`,
 * `wsc_conn_set_tcp_user_timeout`, `wsc_conn_set_max_redirects`,
 * `wsc_conn_set_socket`.
 *
 * Reconnects: `wsc_conn_set_auto_reconnect`, `wsc_conn_set_reconnect_delay`,
 * `wsc_conn_set_reconnect_limit`, `wsc_conn_set_reconnect_stable_after`,
 * `wsc_conn_set_reconnect_after_fatal`, `wsc_conn_set_queue_policy`,
 * `wsc_conn_add_prologue`, `wsc_conn_clear_prologue`.
 *
 * Report: `wsc_conn_report_number`, `wsc_conn_report_data`.
 *
 * Callbacks: `wsc_conn_on_connect`, `wsc_conn_on_handshake`,
 * `wsc_conn_on_message`, `wsc_conn_on_ping`, `wsc_conn_on_pong`,
 * `wsc_conn_on_buffer_full`, `wsc_conn_on_buffer_drain`, `wsc_conn_on_error`,
 * `wsc_conn_on_close`, `wsc_conn_on_reconnect`, `wsc_conn_on_event`.
 *
 * Traffic: `wsc_conn_send`, `wsc_conn_send_text`, `wsc_conn_send_binary`,
 * `wsc_conn_send_message`, `wsc_conn_ping`, `wsc_conn_pong`, `wsc_conn_flush`, `wsc_conn_pause_recv`,
 * `wsc_conn_resume_recv`, `wsc_conn_buffered_amount`, `wsc_conn_counter`,
 * `wsc_conn_peer_address`, `wsc_conn_local_address`, `wsc_conn_subprotocol`,
 * `wsc_conn_extensions`.
 */
typedef struct wsc_conn_t wsc_conn_t;

/**
 * A loop: the reactor, the queues of events and one background thread, shared by
 * any number of connections.
 *
 * Made by `wsc_loop_new`, freed by you with `wsc_loop_free`. A connection keeps
 * what it needs of its loop, so the two may be freed in either order. Threads may
 * share a loop; freeing it must be the last call on it.
 *
 * Functions: `wsc_loop_new`, `wsc_loop_free`, `wsc_loop_fd`, `wsc_loop_dispatch`,
 * `wsc_loop_poll`, `wsc_loop_run`, `wsc_loop_stop`, `wsc_loop_wake`,
 * `wsc_loop_flush`, `wsc_loop_set_standby_grace`, `wsc_loop_set_busy_poll`,
 * `wsc_conn_new`.
 */
typedef struct wsc_loop_t wsc_loop_t;

/**
 * One event of one connection, as callbacks and `wsc_loop_poll` give it.
 *
 * The library fills it; fields that an event has no use for are 0 or NULL. In a
 * callback the event and its `data` are borrowed until the callback returns.
 * After `wsc_loop_poll` the struct is yours, and its `data` borrowed until the
 * next poll on that loop returns or the loop is freed; freeing, closing or
 * reconnecting the connection in between does not touch it.
 *
 * The size never changes within an ABI number: new fields take reserved room.
 */
typedef struct {
    /**
     * `wsc_conn_id` of the connection; never reused.
     */
    uint64_t conn_id;
    /**
     * MESSAGE, PING, PONG: the payload. HANDSHAKE: the raw response head with
     * its last empty line. ERROR: a text, CLOSE: the reason, both UTF-8. For these
     * events not NULL, even if `len` is 0. No NUL follows the bytes.
     */
    const void *data;
    /**
     * Length of `data` in bytes.
     */
    size_t len;
    /**
     * CLOSE: messages that were accepted and not handed to the kernel.
     */
    uint64_t unsent;
    /**
     * A `wsc_event_type_t`.
     */
    int32_t type;
    /**
     * 1 for the connection's first attempt, one more for each further one; 0 if
     * the send queue became full before the first.
     */
    uint32_t attempt;
    /**
     * ERROR, CLOSE: a `wsc_status_t`. WSC_OK in a CLOSE without a failure.
     */
    int32_t status;
    /**
     * ERROR, CLOSE: the `wsc_phase_t` the attempt had reached.
     */
    int32_t phase;
    /**
     * MESSAGE: a `wsc_message_type_t`.
     */
    int32_t message_type;
    /**
     * CLOSE: the close code, 1005 if the peer gave none, 1006 if no close frame came; of
     * a violation that was told to the peer, the code it was told (1002, 1007, 1009),
     * and `data` is the error's text. HANDSHAKE: 101. ERROR: see WSC_EVENT_ERROR.
     */
    int32_t code;
    /**
     * CLOSE: 1 if both sides sent a close frame, else 0.
     */
    int32_t clean;
    /**
     * MESSAGE: a `wsc_part_t`.
     */
    int32_t part;
    /**
     * CLOSE: 1 if the peer began the close handshake, 0 if we did or nobody.
     */
    int32_t by_peer;
    /**
     * Of `wsc_loop_poll`, in the first of several MESSAGE events in a row that are whole
     * messages of one connection, attempt and `message_type`: how many they are, this one
     * counted. Else 0. For callers to whom looking at an event costs something.
     */
    int32_t run;
    /**
     * 0.
     */
    uint64_t reserved[3];
} wsc_event_t;

/**
 * Tells one event of one connection.
 *
 * Runs on the thread that `wsc_loop_new` chose, one at a time per loop. It may
 * call every function of this library, `wsc_conn_free` on `conn` included; only
 * a dispatch or poll of the same loop is refused. It must return normally.
 *
 * @param conn      Borrowed: the connection, as given to the setter. Valid until
 *                  the callback returns, even if it is freed meanwhile.
 * @param event     Borrowed: dies with the callback; copy what you keep.
 * @param userdata  What was given with the callback, unread.
 */
typedef void (*wsc_event_fn)(wsc_conn_t *conn, const wsc_event_t *event, void *userdata);

/**
 * Tells that no callback can be called with this `userdata` any more, so that what it
 * points to may be deleted.
 *
 * @param userdata  What was given with the callback, unread.
 */
typedef void (*wsc_free_fn)(void *userdata);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Tells the library's version, such as "0.1.0".
 *
 * @return Static text, NUL-terminated. Never NULL, never freed.
 *
 * @par Threads
 * Any thread, at any time, also in a forked child.
 *
 * @since 0.1
 */
const char *wsc_version(void);

/**
 * Tells the ABI number of the loaded library.
 *
 * Functions, events and enum values are only ever added within one number. Any
 * removal or change of meaning makes a new number, and a new soname with it.
 *
 * @return The number; equal to `WSC_ABI_VERSION` if the header fits the library.
 *
 * @par Threads
 * Any thread, at any time, also in a forked child.
 *
 * @since 0.1
 */
uint32_t wsc_abi_version(void);

/**
 * Describes a status in a few English words.
 *
 * @param status  Any value; one that is no status gets a text that says so.
 *
 * @return Static text, NUL-terminated. Never NULL, never freed.
 *
 * @par Threads
 * Any thread, at any time, also in a forked child.
 *
 * @since 0.1
 */
const char *wsc_status_str(int32_t status);

/**
 * Makes a loop.
 *
 * It starts no thread: that waits for the first `wsc_conn_connect`. A program
 * that forks makes its loops in the children.
 *
 * @param callbacks  A `wsc_callbacks_t`: where callbacks run.
 * @param out        Set to the loop, owned: free it with `wsc_loop_free`. NULL on
 *                   any failure.
 *
 * @retval WSC_OK           `*out` is the new loop.
 * @retval WSC_ERR_NULL     `out` is NULL.
 * @retval WSC_ERR_INVALID  `callbacks` is not a `wsc_callbacks_t`.
 * @retval WSC_ERR_SYSTEM   The system has no descriptors left.
 *
 * @par Threads
 * Any thread, at any time, also in a forked child.
 *
 * @since 0.1
 * # Safety
 * `out` is writable.
 */
wsc_status_t wsc_loop_new(int32_t callbacks, wsc_loop_t **out);

/**
 * Frees a loop.
 *
 * Its connections end at once, without further callbacks or events, after one
 * attempt to write what they have queued; each still has to be freed with
 * `wsc_conn_free`. The call closes the fd of `wsc_loop_fd` and ends the background
 * thread: unless called on that thread it waits for a callback running there, but
 * never for the network. A thread that waits for the resolver ends by itself, later.
 * Data of polled events dies with the loop.
 *
 * @param loop  Taken. NULL does nothing.
 *
 * @par Threads
 * Any thread, also inside a callback. The last call on this loop. In a forked
 * child it only closes the child's copies of descriptors.
 *
 * @since 0.1
 * # Safety
 * `loop` is NULL or came from `wsc_loop_new` and was not freed; no other call on it
 * is under way, but for the one whose callback calls this.
 */
void wsc_loop_free(wsc_loop_t *loop);

/**
 * Tells the descriptor to watch in an event loop of your own.
 *
 * It is readable while there is work or an event, level-triggered; `select`,
 * `poll`, epoll and everything built on them can watch it. When it is readable,
 * call `wsc_loop_dispatch` or `wsc_loop_poll` with timeout 0; a host that is told
 * only of changes (edge-triggered) polls until there are 0 events. Never read,
 * write or close it: `wsc_loop_free` closes it.
 *
 * @param loop  Borrowed.
 *
 * @return The descriptor; -1 if `loop` is NULL, in a forked child, or if the process
 *         has no descriptor left for it when it is first asked for.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `loop` is NULL or has not been passed to `wsc_loop_free`.
 */
int wsc_loop_fd(const wsc_loop_t *loop);

/**
 * Does the work that is due and runs callbacks for the events there are.
 *
 * Waits up to `timeout_ms` for the first of it, and returns as soon as something
 * was done, also when `wsc_loop_wake` was called or a signal handler ran.
 *
 * @param loop        Borrowed. Not NULL.
 * @param timeout_ms  How long to wait, in milliseconds. 0 does not wait,
 *                    WSC_FOREVER waits without limit.
 *
 * @retval WSC_OK           Done, be it nothing.
 * @retval WSC_ERR_NULL     `loop` is NULL.
 * @retval WSC_ERR_INVALID  `timeout_ms` is negative and not WSC_FOREVER.
 * @retval WSC_ERR_MODE     The loop was made with WSC_CALLBACKS_ON_THREAD.
 * @retval WSC_ERR_BUSY     The loop is being dispatched or polled already, as in a
 *                          callback.
 * @retval WSC_ERR_FORKED   The loop was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, one at a time, not inside a callback of this loop.
 *
 * @since 0.1
 * # Safety
 * `loop` has not been passed to `wsc_loop_free`.
 */
wsc_status_t wsc_loop_dispatch(wsc_loop_t *loop, int32_t timeout_ms);

/**
 * Does the work that is due and hands out events, in place of callbacks.
 *
 * Waits up to `timeout_ms` for the first event, and returns with 0 events when
 * the time is over, `wsc_loop_wake` was called or a signal handler ran. No
 * callback runs. The `data` of the events is valid until the next poll on this
 * loop returns or the loop is freed, whatever happens to the connections.
 *
 * @param loop        Borrowed. Not NULL.
 * @param events      Filled from its beginning with at most `max` events. Not NULL.
 * @param max         How many events `events` has room for.
 * @param timeout_ms  How long to wait, in milliseconds. 0 does not wait,
 *                    WSC_FOREVER waits without limit.
 * @param count       Set to the number of events written. Not NULL.
 *
 * @retval WSC_OK           `*count` events were written, be it none.
 * @retval WSC_ERR_NULL     `loop`, `events` or `count` is NULL.
 * @retval WSC_ERR_INVALID  `max` is 0, or `timeout_ms` is negative and not WSC_FOREVER.
 * @retval WSC_ERR_MODE     The loop was made with WSC_CALLBACKS_ON_THREAD.
 * @retval WSC_ERR_BUSY     The loop is being dispatched or polled already, as in a
 *                          callback.
 * @retval WSC_ERR_FORKED   The loop was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, one at a time, not inside a callback of this loop.
 *
 * @since 0.1
 * # Safety
 * `loop` has not been passed to `wsc_loop_free`; `events` is writable for `max`
 * events, and `count` is writable.
 */
wsc_status_t wsc_loop_poll(wsc_loop_t *loop,
                           wsc_event_t *events,
                           size_t max,
                           int32_t timeout_ms,
                           size_t *count);

/**
 * Dispatches until nothing is left to do.
 *
 * Returns when no attempt, scheduled reconnect or undelivered event is left, or
 * after `wsc_loop_stop`. On a loop made with WSC_CALLBACKS_ON_THREAD it dispatches
 * nothing and waits for the same.
 *
 * @param loop  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Nothing is left, or the loop was stopped.
 * @retval WSC_ERR_NULL    `loop` is NULL.
 * @retval WSC_ERR_BUSY    The loop is being dispatched or polled already, as in a
 *                         callback.
 * @retval WSC_ERR_FORKED  The loop was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, one at a time, not inside a callback of this loop.
 *
 * @since 0.1
 * # Safety
 * `loop` has not been passed to `wsc_loop_free`.
 */
wsc_status_t wsc_loop_run(wsc_loop_t *loop);

/**
 * Makes `wsc_loop_run` return, or the next one if none is running.
 *
 * A run that is delivering events delivers those that are there first.
 *
 * @param loop  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Done.
 * @retval WSC_ERR_NULL    `loop` is NULL.
 * @retval WSC_ERR_FORKED  The loop was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `loop` has not been passed to `wsc_loop_free`.
 */
wsc_status_t wsc_loop_stop(wsc_loop_t *loop);

/**
 * Ends the wait of a dispatch or poll, or the next one if none is waiting.
 *
 * Until then the descriptor of `wsc_loop_fd` is readable.
 *
 * @param loop  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Done.
 * @retval WSC_ERR_NULL    `loop` is NULL.
 * @retval WSC_ERR_FORKED  The loop was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `loop` has not been passed to `wsc_loop_free`.
 */
wsc_status_t wsc_loop_wake(wsc_loop_t *loop);

/**
 * Writes what the loop's connections have queued, as far as their sockets take it.
 *
 * Sends do this by themselves, the later ones of a burst a moment late; call it
 * before a long time away from the loop. It never blocks.
 *
 * @param loop  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Done; full sockets keep the rest queued.
 * @retval WSC_ERR_NULL    `loop` is NULL.
 * @retval WSC_ERR_FORKED  The loop was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `loop` has not been passed to `wsc_loop_free`.
 */
wsc_status_t wsc_loop_flush(wsc_loop_t *loop);

/**
 * Sets how long the host may be away before the background thread does its work.
 *
 * Takes effect at once. In a loop made with WSC_CALLBACKS_ON_DISPATCH that thread
 * answers pings, keeps deadlines and reads while the host computes or sleeps;
 * callbacks and events still wait for the host.
 *
 * @param loop      Borrowed. Not NULL.
 * @param grace_ms  Milliseconds. WSC_FOREVER: it never steps in. Default 10.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `loop` is NULL.
 * @retval WSC_ERR_INVALID  `grace_ms` is 0, or negative and not WSC_FOREVER.
 * @retval WSC_ERR_FORKED   The loop was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `loop` has not been passed to `wsc_loop_free`.
 */
wsc_status_t wsc_loop_set_standby_grace(wsc_loop_t *loop, int32_t grace_ms);

/**
 * Sets how long a wait of this loop looks for readiness again and again before it
 * sleeps.
 *
 * Waking a thread that sleeps costs more than a message; a wait that stays awake
 * spares it, and keeps a processor busy meanwhile. It concerns `wsc_loop_dispatch`,
 * `wsc_loop_poll` and `wsc_loop_run` while they wait, and the thread of a loop made with
 * WSC_CALLBACKS_ON_THREAD; not a host that waits for `wsc_loop_fd` elsewhere. Takes
 * effect with the next wait.
 *
 * @param loop     Borrowed. Not NULL.
 * @param busy_us  Microseconds. 0, as in a new loop: it sleeps at once.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `loop` is NULL.
 * @retval WSC_ERR_STATE   The process is exiting.
 * @retval WSC_ERR_FORKED  The loop was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `loop` has not been passed to `wsc_loop_free`.
 */
wsc_status_t wsc_loop_set_busy_poll(wsc_loop_t *loop, uint32_t busy_us);

/**
 * Makes a connection.
 *
 * It is only set up here; `wsc_conn_connect` starts it. It keeps what it needs of its
 * loop.
 *
 * @param loop        Borrowed. Not NULL. The loop that will carry the connection.
 * @param url         Copied. `ws://` or `wss://`, perhaps `user:password@` for Basic
 *                    authorization, a host name or address (IPv6 in brackets, with a
 *                    zone after `%25`), a port if it is not 80 or 443, path and
 *                    query. Or `ws+unix://` or `wss+unix://`, the path of a socket, a
 *                    colon, path and query. NUL-terminated.
 * @param out         Set to the connection, owned: free it with `wsc_conn_free`. NULL
 *                    on any failure.
 *
 * @retval WSC_OK              `*out` is the new connection.
 * @retval WSC_ERR_NULL        A pointer is NULL.
 * @retval WSC_ERR_UTF8        `url` is not UTF-8.
 * @retval WSC_ERR_URL         `url` is malformed, or has a fragment.
 * @retval WSC_ERR_URL_SCHEME  Its scheme is none of those.
 * @retval WSC_ERR_URL_PORT    Its port is not a number from 1 to 65535.
 * @retval WSC_ERR_FORKED      The loop was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `loop` has not been passed to `wsc_loop_free`; `url` ends in a NUL; `out` is
 * writable.
 */
wsc_status_t wsc_conn_new(wsc_loop_t *loop, const char *url, wsc_conn_t **out);

/**
 * Frees a connection.
 *
 * Returns at once. An attempt that is under way ends without a close frame, after one
 * attempt to write what is queued; to close in order, call `wsc_conn_close` and free
 * in `on_close`. Events that were not delivered are dropped, CLOSE included. A
 * callback running on another thread may still finish; `wsc_conn_on_free` tells when
 * none can run any more. Data of polled events stays valid.
 *
 * @param conn  Taken. NULL does nothing.
 *
 * @par Threads
 * Any thread, also inside a callback of the same connection. The last call on this
 * connection. In a forked child it only closes the child's copy of the socket, and
 * disturbs nothing of the parent's.
 *
 * @since 0.1
 * # Safety
 * `conn` is NULL or came from `wsc_conn_new` and was not freed.
 */
void wsc_conn_free(wsc_conn_t *conn);

/**
 * Tells the number by which events name the connection.
 *
 * @param conn  Borrowed.
 *
 * @return The number, at least 1 and never reused in this process; 0 if `conn` is
 *         NULL.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback and in a forked child.
 *
 * @since 0.1
 * # Safety
 * `conn` is NULL or has not been passed to `wsc_conn_free`.
 */
uint64_t wsc_conn_id(const wsc_conn_t *conn);

/**
 * Tells where the connection stands, as far as its events were delivered.
 *
 * The connection itself may be ahead: a send fails by the real state. In a forked
 * child it stays what it was at the fork.
 *
 * @param conn  Borrowed.
 *
 * @return The state; WSC_STATE_CLOSED if `conn` is NULL.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` is NULL or has not been passed to `wsc_conn_free`.
 */
wsc_state_t wsc_conn_state(const wsc_conn_t *conn);

/**
 * Starts an attempt.
 *
 * Never blocks, not even for DNS; events tell what comes of it. From the states
 * INITIAL, CLOSED and WAITING, where it cuts the waiting short.
 *
 * @param conn  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Started; a CLOSE event will end it.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   An attempt is under way, its CLOSE was not delivered yet, or
 *                         the loop was freed.
 * @retval WSC_ERR_SYSTEM  The background thread could not be started.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_connect(wsc_conn_t *conn);

/**
 * Starts an attempt after a delay.
 *
 * From any state. An attempt that is under way is aborted first; the delay runs, and
 * the new attempt starts, after its CLOSE was delivered. A reconnect that was
 * scheduled before is replaced. Messages sent from now on are queued for the new
 * attempt.
 *
 * @param conn      Borrowed. Not NULL.
 * @param delay_ms  Milliseconds; 0 starts at once.
 *
 * @retval WSC_OK           Scheduled.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `delay_ms` is negative.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_SYSTEM   The background thread could not be started.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_reconnect(wsc_conn_t *conn, int32_t delay_ms);

/**
 * Takes back a scheduled reconnect.
 *
 * An attempt that has started is not touched.
 *
 * @param conn  Borrowed. Not NULL.
 *
 * @retval WSC_OK          None is scheduled now, whether there was one or not.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_cancel_reconnect(wsc_conn_t *conn);

/**
 * Closes the connection in order, with the close handshake.
 *
 * Never blocks. What was accepted before goes out first, then a close frame; CLOSE
 * follows when the peer has answered or `wsc_conn_set_close_timeout` is over. Messages
 * that arrive until then are still delivered. During the opening it ends the attempt
 * at once: CLOSE with code 1006 and no ERROR. It takes back a scheduled reconnect.
 *
 * @param conn        Borrowed. Not NULL.
 * @param code        1000 (done), 3000 to 4999 (your own), or 0 to send none.
 * @param reason      Copied. UTF-8, for people, at most 123 bytes; none without a
 *                    code. May be NULL if `reason_len` is 0.
 * @param reason_len  Length of `reason` in bytes.
 *
 * @retval WSC_OK                Closing, perhaps since before the call, or ended already with
 *                               CLOSE yet to be delivered.
 * @retval WSC_ERR_NULL          `conn` is NULL, or `reason` is NULL and `reason_len`
 *                               is not 0.
 * @retval WSC_ERR_CLOSE_CODE    `code` is none of those. Nothing was sent.
 * @retval WSC_ERR_CLOSE_REASON  `reason` is too long, not UTF-8, or given without a
 *                               code. Nothing was sent.
 * @retval WSC_ERR_INVALID       `reason_len` is larger than any object.
 * @retval WSC_ERR_STATE         There is neither an attempt to close nor a reconnect
 *                               to take back, or the loop was freed.
 * @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `reason` is readable for `reason_len`
 * bytes.
 */
wsc_status_t wsc_conn_close(wsc_conn_t *conn, uint16_t code, const void *reason, size_t reason_len);

/**
 * Ends the attempt at once, without a close handshake.
 *
 * Messages that were received and not delivered are dropped; CLOSE follows, with code
 * 1006. It takes back a scheduled reconnect.
 *
 * @param conn  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Ended, now or already with CLOSE yet to be delivered.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   There is neither an attempt to end nor a reconnect to take
 *                         back, or the loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_abort(wsc_conn_t *conn);

/**
 * Sets the URL.
 *
 * Takes effect with the next attempt. A bad one changes nothing.
 *
 * @param conn  Borrowed. Not NULL.
 * @param url   Copied. As for `wsc_conn_new`.
 *
 * @retval WSC_OK              Set.
 * @retval WSC_ERR_NULL        `conn` or `url` is NULL.
 * @retval WSC_ERR_UTF8        `url` is not UTF-8.
 * @retval WSC_ERR_URL         `url` is malformed, or has a fragment.
 * @retval WSC_ERR_URL_SCHEME  Its scheme is none of those.
 * @retval WSC_ERR_URL_PORT    Its port is not a number from 1 to 65535.
 * @retval WSC_ERR_STATE       The loop was freed.
 * @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `url` ends in a NUL.
 */
wsc_status_t wsc_conn_set_url(wsc_conn_t *conn, const char *url);

/**
 * Sets a request header, in place of all of that name.
 *
 * Takes effect with the next attempt. `Host` may be set; `Connection`, `Upgrade`,
 * `Content-Length`, `Transfer-Encoding` and the `Sec-WebSocket-` fields are the
 * library's own. A bad name or value changes nothing.
 *
 * @param conn   Borrowed. Not NULL.
 * @param name   Copied. A token, NUL-terminated; case does not matter.
 * @param value  Copied. Any bytes but control characters, NUL-terminated. White space
 *               around it is removed.
 *
 * @retval WSC_OK                Done.
 * @retval WSC_ERR_NULL          `conn`, `name` or `value` is NULL.
 * @retval WSC_ERR_UTF8          `name` is not UTF-8.
 * @retval WSC_ERR_HEADER_NAME   `name` is no token, or one of the library's own.
 * @retval WSC_ERR_HEADER_VALUE  `value` contains a control character.
 * @retval WSC_ERR_STATE         The loop was freed.
 * @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `name` and `value` end in a NUL.
 */
wsc_status_t wsc_conn_set_header(wsc_conn_t *conn, const char *name, const char *value);

/**
 * Adds a request header after those of the same name.
 *
 * Takes effect with the next attempt. `Host` may be set; `Connection`, `Upgrade`,
 * `Content-Length`, `Transfer-Encoding` and the `Sec-WebSocket-` fields are the
 * library's own. A bad name or value changes nothing.
 *
 * @param conn   Borrowed. Not NULL.
 * @param name   Copied. A token, NUL-terminated; case does not matter.
 * @param value  Copied. Any bytes but control characters, NUL-terminated. White space
 *               around it is removed.
 *
 * @retval WSC_OK                Done.
 * @retval WSC_ERR_NULL          `conn`, `name` or `value` is NULL.
 * @retval WSC_ERR_UTF8          `name` is not UTF-8.
 * @retval WSC_ERR_HEADER_NAME   `name` is no token, one of the library's own, or a
 *                               second Host.
 * @retval WSC_ERR_HEADER_VALUE  `value` contains a control character.
 * @retval WSC_ERR_STATE         The loop was freed.
 * @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `name` and `value` end in a NUL.
 */
wsc_status_t wsc_conn_add_header(wsc_conn_t *conn, const char *name, const char *value);

/**
 * Removes all request headers that were set or added.
 *
 * Takes effect with the next attempt.
 *
 * @param conn  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Done.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_clear_headers(wsc_conn_t *conn);

/**
 * Sets the subprotocols to offer, the preferred one first.
 *
 * Takes effect with the next attempt. The server's choice is the field
 * `Sec-WebSocket-Protocol` of the response head. A bad list changes nothing.
 *
 * @param conn  Borrowed. Not NULL.
 * @param list  Copied. Tokens, separated by commas, NUL-terminated. Empty or NULL
 *              offers none.
 *
 * @retval WSC_OK               Set.
 * @retval WSC_ERR_NULL         `conn` is NULL.
 * @retval WSC_ERR_UTF8         `list` is not UTF-8.
 * @retval WSC_ERR_SUBPROTOCOL  An item is no token, or is named twice.
 * @retval WSC_ERR_STATE        The loop was freed.
 * @retval WSC_ERR_FORKED       The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `list` is NULL or ends in a NUL.
 */
wsc_status_t wsc_conn_set_subprotocols(wsc_conn_t *conn, const char *list);

/**
 * Sets the `Origin` header.
 *
 * Takes effect with the next attempt. A bad one changes nothing.
 *
 * @param conn    Borrowed. Not NULL.
 * @param origin  Copied. Visible ASCII, NUL-terminated. Empty or NULL sends none.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_UTF8    `origin` is not UTF-8.
 * @retval WSC_ERR_ORIGIN  `origin` has a byte that is not visible ASCII.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `origin` is NULL or ends in a NUL.
 */
wsc_status_t wsc_conn_set_origin(wsc_conn_t *conn, const char *origin);

/**
 * Sets how often the library sends a ping.
 *
 * Takes effect at once: the next ping is one interval away.
 *
 * @param conn         Borrowed. Not NULL.
 * @param interval_ms  Milliseconds. WSC_FOREVER: it sends none. Default 20000.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `interval_ms` is 0, or negative and not WSC_FOREVER.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_ping_interval(wsc_conn_t *conn, int32_t interval_ms);

/**
 * Sets how long the peer may stay silent after a ping.
 *
 * Takes effect at once. Any byte received counts as an answer. The time runs from the
 * moment the kernel took the ping, or the next ping was due if it took none, and not
 * while reading is paused. When it is over the attempt fails with WSC_ERR_TIMEOUT.
 *
 * @param conn        Borrowed. Not NULL.
 * @param timeout_ms  Milliseconds. WSC_FOREVER: no limit. Default 20000.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `timeout_ms` is 0, or negative and not WSC_FOREVER.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_pong_timeout(wsc_conn_t *conn, int32_t timeout_ms);

/**
 * Sets whether the library answers pings by itself.
 *
 * Takes effect at once. Without it, answer each `on_ping` with `wsc_conn_pong`.
 *
 * @param conn  Borrowed. Not NULL.
 * @param on    Default true.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_auto_pong(wsc_conn_t *conn, bool on);

/**
 * Sets what `wsc_conn_send` sends.
 *
 * Takes effect with the next `wsc_conn_send`.
 *
 * @param conn         Borrowed. Not NULL.
 * @param binary_type  A `wsc_binary_type_t`. Default WSC_BINARY_TYPE_BLOB.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `binary_type` is not a `wsc_binary_type_t`.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_binary_type(wsc_conn_t *conn, int32_t binary_type);

/**
 * Sets the deadline for DNS, TCP, proxy and TLS together.
 *
 * Takes effect with the next attempt.
 *
 * @param conn        Borrowed. Not NULL.
 * @param timeout_ms  Milliseconds. WSC_FOREVER: no limit. Default 10000.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `timeout_ms` is 0, or negative and not WSC_FOREVER.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_connect_timeout(wsc_conn_t *conn, int32_t timeout_ms);

/**
 * Sets the deadline for the HTTP upgrade.
 *
 * Takes effect with the next attempt.
 *
 * @param conn        Borrowed. Not NULL.
 * @param timeout_ms  Milliseconds. WSC_FOREVER: no limit. Default 10000.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `timeout_ms` is 0, or negative and not WSC_FOREVER.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_handshake_timeout(wsc_conn_t *conn, int32_t timeout_ms);

/**
 * Sets the deadline for the close handshake.
 *
 * Takes effect with the next attempt. It runs from `wsc_conn_close`, or the peer's
 * close frame, to the end of the connection: what is queued has to leave within it,
 * too, and counts as unsent in CLOSE if it does not. Where both close frames passed,
 * CLOSE has WSC_OK all the same.
 *
 * @param conn        Borrowed. Not NULL.
 * @param timeout_ms  Milliseconds. WSC_FOREVER: no limit. Default 5000.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `timeout_ms` is 0, or negative and not WSC_FOREVER.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_close_timeout(wsc_conn_t *conn, int32_t timeout_ms);

/**
 * Sets how large a message may be.
 *
 * Takes effect with the next attempt for what is received, where a larger one fails
 * the attempt with WSC_ERR_MESSAGE_TOO_BIG and close code 1009, and at once for what
 * is sent, where it is refused with WSC_ERR_TOO_BIG. `wsc_conn_set_max_receive_size`
 * sets another size for what is received. A message that comes as one frame has to
 * keep to `wsc_conn_set_max_frame_size`, too.
 *
 * @param conn  Borrowed. Not NULL.
 * @param size  Bytes. Default 16777216.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `size` is 0.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_max_message_size(wsc_conn_t *conn, size_t size);

/**
 * Sets how large a received message may be, whatever `wsc_conn_set_max_message_size` says.
 *
 * Takes effect at once, with the next frame that comes in. A larger message fails the
 * attempt with WSC_ERR_MESSAGE_TOO_BIG and close code 1009. The limit of a frame
 * (`wsc_conn_set_max_frame_size`) stays.
 *
 * @param conn  Borrowed. Not NULL.
 * @param size  Bytes. Until it is set, `wsc_conn_set_max_message_size` decides.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `size` is 0.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_max_receive_size(wsc_conn_t *conn, size_t size);

/**
 * Sets how large a received frame may be.
 *
 * Takes effect with the next attempt. A larger one fails the attempt with
 * WSC_ERR_MESSAGE_TOO_BIG and close code 1009.
 *
 * @param conn  Borrowed. Not NULL.
 * @param size  Bytes. Default 16777216.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `size` is 0.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_max_frame_size(wsc_conn_t *conn, size_t size);

/**
 * Sets how large the head of the server's response may be.
 *
 * Takes effect with the next attempt. A larger one fails the attempt with
 * WSC_ERR_HEADER_TOO_BIG.
 *
 * @param conn  Borrowed. Not NULL.
 * @param size  Bytes. Default 65536.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `size` is 0.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_max_header_size(wsc_conn_t *conn, size_t size);

/**
 * Sets from how much queued data on a send is refused.
 *
 * Takes effect at once. The limit is soft: below it one message of any size is taken.
 * At it, BUFFER_FULL is told once and sends return WSC_ERR_QUEUE_FULL; BUFFER_DRAIN
 * follows when the queue is empty. Pings and pongs count, the automatic ones too.
 *
 * @param conn   Borrowed. Not NULL.
 * @param limit  Bytes. Default 1048576.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `limit` is 0.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_send_queue_limit(wsc_conn_t *conn, size_t limit);

/**
 * Sets from how much undelivered data on the socket is not read.
 *
 * Takes effect at once. Each waiting event counts its payload and 128 bytes. Nothing
 * is dropped: reading goes on when the host has taken events. The limit is soft by one
 * read, and one message of any allowed size always fits.
 *
 * @param conn   Borrowed. Not NULL.
 * @param limit  Bytes. Default 4194304.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `limit` is 0.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_receive_queue_limit(wsc_conn_t *conn, size_t limit);

/**
 * Sets of how many frames a received message may consist.
 *
 * Takes effect with the next attempt. One more fails the attempt with
 * WSC_ERR_MESSAGE_TOO_BIG and close code 1009.
 *
 * @param conn   Borrowed. Not NULL.
 * @param count  Frames. Default 131072.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `count` is 0.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_max_fragments(wsc_conn_t *conn, size_t count);

/**
 * Sets whether received messages are delivered in parts.
 *
 * Takes effect with the next attempt. A message that arrives whole is still one event;
 * of others each MESSAGE event carries what has come, and its `part` says which part it
 * is. Text is split between characters and checked as it comes, so parts may have been
 * delivered before a violation is found. No message is held whole, so the limits that
 * `wsc_conn_set_max_message_size` and `wsc_conn_set_max_frame_size` set, which still
 * apply, may be as high as the application likes.
 *
 * @param conn  Borrowed. Not NULL.
 * @param on    Whether it is so. Default false.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_streaming(wsc_conn_t *conn, bool on);

/**
 * Sets whether compression is offered: permessage-deflate (RFC 7692).
 *
 * Takes effect with the next attempt. It is used if the server agrees, see
 * `wsc_conn_extensions`. It is off unless set: it can cost some 300 KiB for each
 * connection, and where secrets are compressed together with what others chose, the
 * length of a message tells about the secrets.
 *
 * @param conn  Borrowed. Not NULL.
 * @param on    Whether it is so. Default false.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_deflate(wsc_conn_t *conn, bool on);

/**
 * Sets how hard compression tries.
 *
 * Takes effect with the next attempt.
 *
 * @param conn   Borrowed. Not NULL.
 * @param level  From 1, the fastest, to 9, the smallest. Default 1.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `level` is not in 1 to 9.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_deflate_level(wsc_conn_t *conn, int32_t level);

/**
 * Sets which messages are too small to be compressed.
 *
 * Takes effect with the next attempt. A message sent in parts is always compressed.
 *
 * @param conn  Borrowed. Not NULL.
 * @param size  Bytes; smaller messages are sent as they are. 0 compresses all. Default 64.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_deflate_threshold(wsc_conn_t *conn, size_t size);

/**
 * Sets how far back compression looks.
 *
 * Takes effect with the next attempt. Smaller windows need less memory and compress
 * less. A server that does not agree to its part of it fails the attempt with
 * WSC_ERR_EXTENSION_MISMATCH.
 *
 * @param conn    Borrowed. Not NULL.
 * @param client  9 to 15, the size of the window for what is sent as a power of two.
 * @param server  8 to 15, the same for what is received. Both 15 at first.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `client` or `server` is out of range. Nothing was set.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_deflate_window_bits(wsc_conn_t *conn, int32_t client, int32_t server);

/**
 * Sets whether each message is compressed by itself.
 *
 * Takes effect with the next attempt. Then no memory is held between messages, and
 * similar messages compress less. A server that does not agree to its part of it fails
 * the attempt with WSC_ERR_EXTENSION_MISMATCH.
 *
 * @param conn    Borrowed. Not NULL.
 * @param client  Whether it is so for what is sent. False at first.
 * @param server  Whether it is so for what is received. False at first.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_deflate_no_context_takeover(wsc_conn_t *conn, bool client, bool server);

/**
 * Sets how many times its size a received message may inflate to.
 *
 * Takes effect with the next attempt. Above 1 MiB a higher ratio fails the attempt with
 * WSC_ERR_MESSAGE_TOO_BIG and close code 1009, as a size over
 * `wsc_conn_set_max_message_size` does.
 *
 * @param conn   Borrowed. Not NULL.
 * @param ratio  Inflated size by compressed size; DEFLATE itself ends at 1032. Default 200.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `ratio` is 0.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_deflate_max_ratio(wsc_conn_t *conn, size_t ratio);

/**
 * Trusts further certificates, given in PEM.
 *
 * Takes effect with the next attempt. They are trusted beside the system's
 * (`wsc_conn_set_tls_system_roots`).
 *
 * @param conn  Borrowed. Not NULL.
 * @param pem   Copied. One or more certificates.
 * @param len   Length of `pem` in bytes.
 *
 * @retval WSC_OK           Added.
 * @retval WSC_ERR_NULL     `conn` is NULL, or `pem` is NULL and `len` is not 0.
 * @retval WSC_ERR_PEM      `pem` has no certificate, or a malformed one. Nothing was
 *                          added.
 * @retval WSC_ERR_INVALID  `len` is larger than any object.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `pem` is readable for `len` bytes.
 */
wsc_status_t wsc_conn_add_tls_ca(wsc_conn_t *conn, const void *pem, size_t len);

/**
 * Trusts further certificates, from a file in PEM.
 *
 * Takes effect with the next attempt. The file is read in this call.
 *
 * @param conn  Borrowed. Not NULL.
 * @param path  Copied. NUL-terminated.
 *
 * @retval WSC_OK          Added.
 * @retval WSC_ERR_NULL    `conn` or `path` is NULL.
 * @retval WSC_ERR_UTF8    `path` is not UTF-8.
 * @retval WSC_ERR_FILE    The file cannot be read.
 * @retval WSC_ERR_PEM     It has no certificate, or a malformed one. Nothing was
 *                         added.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `path` ends in a NUL.
 */
wsc_status_t wsc_conn_add_tls_ca_file(wsc_conn_t *conn, const char *path);

/**
 * Adds lists of revoked certificates.
 *
 * Takes effect with the next attempt. From the first list on, a server's certificate
 * is refused if a list names it (WSC_ERR_CERTIFICATE_REVOKED), and also if no list of
 * its issuer covers it (WSC_ERR_CERTIFICATE): one that is not out of date, and is signed by
 * a certificate of `wsc_conn_add_tls_ca`, be that a root or one between. Those between the
 * server's and the root are not looked up, and no list is fetched: give new ones, after
 * `wsc_conn_reset_tls` if the old are to go.
 *
 * @param conn  Borrowed. Not NULL.
 * @param data  Copied. One or more lists in PEM, or one in DER.
 * @param len   Length of `data` in bytes.
 *
 * @retval WSC_OK           Added.
 * @retval WSC_ERR_NULL     `conn` is NULL, or `data` is NULL and `len` is not 0.
 * @retval WSC_ERR_PEM      `data` has no list, or a malformed one. Nothing was added.
 * @retval WSC_ERR_INVALID  `len` is larger than any object.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
 */
wsc_status_t wsc_conn_add_tls_crl(wsc_conn_t *conn, const void *data, size_t len);

/**
 * Adds lists of revoked certificates, from a file.
 *
 * Takes effect with the next attempt, as `wsc_conn_add_tls_crl` does. The file is read
 * in this call.
 *
 * @param conn  Borrowed. Not NULL.
 * @param path  Copied. NUL-terminated.
 *
 * @retval WSC_OK          Added.
 * @retval WSC_ERR_NULL    `conn` or `path` is NULL.
 * @retval WSC_ERR_UTF8    `path` is not UTF-8.
 * @retval WSC_ERR_FILE    The file cannot be read.
 * @retval WSC_ERR_PEM     It has no list, or a malformed one. Nothing was added.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `path` ends in a NUL.
 */
wsc_status_t wsc_conn_add_tls_crl_file(wsc_conn_t *conn, const char *path);

/**
 * Sets whether the system's certificates are trusted.
 *
 * Takes effect with the next attempt. Without them only those of `wsc_conn_add_tls_ca`
 * are.
 *
 * @param conn  Borrowed. Not NULL.
 * @param on    Default true.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_tls_system_roots(wsc_conn_t *conn, bool on);

/**
 * Sets the certificate that the client shows, and its key, given in PEM.
 *
 * Takes effect with the next attempt. A mistake changes nothing.
 *
 * @param conn        Borrowed. Not NULL.
 * @param chain       Copied. The client's certificate, then those that lead to its
 *                    authority. May be NULL if `chain_len` is 0: the client shows
 *                    none.
 * @param chain_len   Length of `chain` in bytes.
 * @param key         Copied. The key, encrypted or not. May be NULL if `key_len` is 0.
 * @param key_len     Length of `key` in bytes.
 * @param passphrase  Copied. For an encrypted key, NUL-terminated. NULL is an empty
 *                    one.
 *
 * @retval WSC_OK                Set.
 * @retval WSC_ERR_NULL          `conn` is NULL, or `chain` or `key` is NULL and its
 *                               length is not 0.
 * @retval WSC_ERR_INVALID       A length is larger than any object.
 * @retval WSC_ERR_UTF8          `passphrase` is not UTF-8.
 * @retval WSC_ERR_PEM           `chain` or `key` is malformed.
 * @retval WSC_ERR_PASSPHRASE    The key is encrypted, and not with `passphrase`.
 * @retval WSC_ERR_KEY_MISMATCH  The key is not that of the first certificate.
 * @retval WSC_ERR_STATE         The loop was freed.
 * @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `chain` and `key` are readable for
 * their lengths, `passphrase` is NULL or ends in a NUL.
 */
wsc_status_t wsc_conn_set_tls_identity(wsc_conn_t *conn,
                                       const void *chain,
                                       size_t chain_len,
                                       const void *key,
                                       size_t key_len,
                                       const char *passphrase);

/**
 * Sets the certificate that the client shows, and its key, from files in PEM.
 *
 * Takes effect with the next attempt. The files are read in this call. A mistake
 * changes nothing.
 *
 * @param conn        Borrowed. Not NULL.
 * @param chain_path  Copied. The client's certificate, then those that lead to its
 *                    authority. NUL-terminated.
 * @param key_path    Copied. The key; the same file as `chain_path` if it is NULL:
 *                    NUL-terminated.
 * @param passphrase  Copied. For an encrypted key, NUL-terminated. NULL is an empty
 *                    one.
 *
 * @retval WSC_OK                Set.
 * @retval WSC_ERR_NULL          `conn` or `chain_path` is NULL.
 * @retval WSC_ERR_UTF8          An argument is not UTF-8.
 * @retval WSC_ERR_FILE          A file cannot be read.
 * @retval WSC_ERR_PEM           A file is malformed.
 * @retval WSC_ERR_PASSPHRASE    The key is encrypted, and not with `passphrase`.
 * @retval WSC_ERR_KEY_MISMATCH  The key is not that of the first certificate.
 * @retval WSC_ERR_STATE         The loop was freed.
 * @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `chain_path` ends in a NUL,
 * `key_path` and `passphrase` are NULL or do so.
 */
wsc_status_t wsc_conn_set_tls_identity_files(wsc_conn_t *conn,
                                             const char *chain_path,
                                             const char *key_path,
                                             const char *passphrase);

/**
 * Sets the certificate that the client shows, and its key, as a PKCS#12 file has them.
 *
 * Takes effect with the next attempt. A mistake changes nothing.
 *
 * @param conn        Borrowed. Not NULL.
 * @param data        Copied. What the file contains.
 * @param len         Length of `data` in bytes.
 * @param passphrase  Copied. NUL-terminated. NULL is an empty one.
 *
 * @retval WSC_OK                Set.
 * @retval WSC_ERR_NULL          `conn` is NULL, or `data` is NULL and `len` is not 0.
 * @retval WSC_ERR_INVALID       `len` is larger than any object.
 * @retval WSC_ERR_UTF8          `passphrase` is not UTF-8.
 * @retval WSC_ERR_PEM           `data` is no PKCS#12, or lacks the certificate or the
 *                               key.
 * @retval WSC_ERR_PASSPHRASE    `passphrase` is wrong.
 * @retval WSC_ERR_KEY_MISMATCH  The key is not that of the certificate.
 * @retval WSC_ERR_STATE         The loop was freed.
 * @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes,
 * `passphrase` is NULL or ends in a NUL.
 */
wsc_status_t wsc_conn_set_tls_pkcs12(wsc_conn_t *conn,
                                     const void *data,
                                     size_t len,
                                     const char *passphrase);

/**
 * Sets which versions of TLS may be used.
 *
 * Takes effect with the next attempt.
 *
 * @param conn  Borrowed. Not NULL.
 * @param min   A `wsc_tls_version_t`. Default WSC_TLS_1_2.
 * @param max   A `wsc_tls_version_t`, not below `min`. Default WSC_TLS_1_3.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  An argument is no `wsc_tls_version_t`, or `min` is above
 *                          `max`.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_tls_versions(wsc_conn_t *conn, int32_t min, int32_t max);

/**
 * Sets the protocols to offer in TLS (ALPN).
 *
 * Takes effect with the next attempt. The server's choice is WSC_REPORT_ALPN.
 *
 * @param conn  Borrowed. Not NULL.
 * @param list  Copied. Names of 1 to 255 bytes, separated by commas, NUL-terminated.
 *              Empty or NULL: offers none.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_UTF8     `list` is not UTF-8.
 * @retval WSC_ERR_INVALID  A name is empty or too long.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `list` is NULL or ends in a NUL.
 */
wsc_status_t wsc_conn_set_tls_alpn(wsc_conn_t *conn, const char *list);

/**
 * Sets the name that the client sends in the clear (SNI).
 *
 * Takes effect with the next attempt. It changes nothing about the name that the
 * certificate must have.
 *
 * @param conn  Borrowed. Not NULL.
 * @param name  Copied. NUL-terminated. NULL is the URL's host, empty sends none.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_UTF8     `name` is not UTF-8.
 * @retval WSC_ERR_INVALID  `name` is longer than 255 bytes.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `name` is NULL or ends in a NUL.
 */
wsc_status_t wsc_conn_set_tls_server_name(wsc_conn_t *conn, const char *name);

/**
 * Sets the name or the address that the certificate must have.
 *
 * Takes effect with the next attempt.
 *
 * @param conn  Borrowed. Not NULL.
 * @param name  Copied. NUL-terminated. NULL is the URL's host.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_UTF8     `name` is not UTF-8.
 * @retval WSC_ERR_INVALID  `name` is empty, or longer than 255 bytes.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `name` is NULL or ends in a NUL.
 */
wsc_status_t wsc_conn_set_tls_verify_name(wsc_conn_t *conn, const char *name);

/**
 * Accepts only a server whose certificate or public key has one of the pins.
 *
 * Takes effect with the next attempt. Pins are checked beside everything else, and
 * also where anything else is accepted.
 *
 * @param conn      Borrowed. Not NULL.
 * @param pin_type  A `wsc_pin_type_t`.
 * @param sha256    Copied. The SHA-256, 32 bytes.
 * @param len       32.
 *
 * @retval WSC_OK           Added.
 * @retval WSC_ERR_NULL     `conn` is NULL, or `sha256` is NULL and `len` is not 0.
 * @retval WSC_ERR_INVALID  `pin_type` is no `wsc_pin_type_t`, or `len` is not 32.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `sha256` is readable for `len` bytes.
 */
wsc_status_t wsc_conn_add_tls_pin(wsc_conn_t *conn,
                                  int32_t pin_type,
                                  const void *sha256,
                                  size_t len);

/**
 * DANGER: accepts every certificate, of anybody, for any name, expired or not.
 *
 * Takes effect with the next attempt. Whoever is on the way to the server can then
 * read and change everything. For tests; trust a certificate of your own with
 * `wsc_conn_add_tls_ca` instead. Only pins are still checked.
 *
 * @param conn  Borrowed. Not NULL.
 * @param on    Default false.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_tls_danger_accept_anything(wsc_conn_t *conn, bool on);

/**
 * Gives every TLS setting its default again.
 *
 * Takes effect with the next attempt.
 *
 * @param conn  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Done.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_reset_tls(wsc_conn_t *conn);

/**
 * Sets the proxy to connect through.
 *
 * Takes effect with the next attempt. Names of servers are resolved by the proxy. What
 * the proxy answers is in the error and in the report; a proxy that refuses never sees
 * the request. In TLS to the proxy itself the authorities and versions set for the
 * connection hold.
 *
 * @param conn  Borrowed. Not NULL.
 * @param url   Copied. `http://`, `https://` (TLS to the proxy), `socks5://` or
 *              `socks5h://`, with `user:password@` if wanted, NUL-terminated. Empty or
 *              NULL: none.
 *
 * @retval WSC_OK              Set.
 * @retval WSC_ERR_NULL        `conn` is NULL.
 * @retval WSC_ERR_UTF8        `url` is not UTF-8.
 * @retval WSC_ERR_URL         `url` is malformed.
 * @retval WSC_ERR_URL_SCHEME  Its scheme is none of those.
 * @retval WSC_ERR_URL_PORT    Its port is not a number from 1 to 65535.
 * @retval WSC_ERR_TOO_BIG     A user name or password for SOCKS has more than 255
 *                             bytes.
 * @retval WSC_ERR_STATE       The loop was freed.
 * @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `url` is NULL or ends in a NUL.
 */
wsc_status_t wsc_conn_set_proxy(wsc_conn_t *conn, const char *url);

/**
 * Takes the proxy from the environment.
 *
 * The variables HTTP_PROXY (for `ws`), HTTPS_PROXY (for `wss`), ALL_PROXY and NO_PROXY
 * are read in this call, in small letters first; which of them holds is decided for
 * the URL of each attempt. NO_PROXY names hosts, which cover what is below them,
 * addresses and networks (`10.0.0.0/8`), separated by commas. In a CGI, where
 * REQUEST_METHOD is set, HTTP_PROXY in capitals comes from the request and is left out.
 * A value that is no proxy's URL fails the attempts that it is for, in WSC_PHASE_PROXY.
 *
 * @param conn  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_proxy_from_environment(wsc_conn_t *conn);

/**
 * Adds a header to the CONNECT request that an HTTP proxy gets.
 *
 * Takes effect with the next attempt. The server never sees it.
 *
 * @param conn   Borrowed. Not NULL.
 * @param name   Copied. A token, NUL-terminated; not `Host`.
 * @param value  Copied. Any bytes but control characters, NUL-terminated.
 *
 * @retval WSC_OK                Added.
 * @retval WSC_ERR_NULL          `conn`, `name` or `value` is NULL.
 * @retval WSC_ERR_UTF8          `name` is not UTF-8.
 * @retval WSC_ERR_HEADER_NAME   `name` is no token, or one of the library's own.
 * @retval WSC_ERR_HEADER_VALUE  `value` contains a control character.
 * @retval WSC_ERR_STATE         The loop was freed.
 * @retval WSC_ERR_FORKED        The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `name` and `value` end in a NUL.
 */
wsc_status_t wsc_conn_add_proxy_header(wsc_conn_t *conn, const char *name, const char *value);

/**
 * Removes all headers for a proxy.
 *
 * Takes effect with the next attempt.
 *
 * @param conn  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Done.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_clear_proxy_headers(wsc_conn_t *conn);

/**
 * Sets a deadline for one phase of connecting.
 *
 * Takes effect with the next attempt. It holds within that of
 * `wsc_conn_set_connect_timeout`. That of WSC_PHASE_TLS is for the handshake.
 *
 * @param conn        Borrowed. Not NULL.
 * @param phase       WSC_PHASE_DNS, WSC_PHASE_TCP, WSC_PHASE_PROXY or WSC_PHASE_TLS.
 * @param timeout_ms  Milliseconds. WSC_FOREVER, the default: none of its own.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `phase` is none of those, or `timeout_ms` is 0, or negative
 *                          and not WSC_FOREVER.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_phase_timeout(wsc_conn_t *conn, int32_t phase, int32_t timeout_ms);

/**
 * Sets how long the server may send nothing at all.
 *
 * Takes effect at once. Any byte counts, those of a pong too. When it is over the
 * attempt fails with WSC_ERR_TIMEOUT. The time does not run while reading is paused.
 *
 * @param conn        Borrowed. Not NULL.
 * @param timeout_ms  Milliseconds. WSC_FOREVER, the default: no limit.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `timeout_ms` is 0, or negative and not WSC_FOREVER.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_idle_timeout(wsc_conn_t *conn, int32_t timeout_ms);

/**
 * Sets the address to connect from.
 *
 * Takes effect with the next attempt.
 *
 * @param conn     Borrowed. Not NULL.
 * @param address  Copied. An IP address, with or without a port, NUL-terminated. Empty
 *                 or NULL: the system chooses.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_UTF8     `address` is not UTF-8.
 * @retval WSC_ERR_INVALID  `address` is no IP address.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `address` is NULL or ends in a NUL.
 */
wsc_status_t wsc_conn_set_local_address(wsc_conn_t *conn, const char *address);

/**
 * Sets the network interface to connect through.
 *
 * Takes effect with the next attempt. The system may ask for privileges.
 *
 * @param conn  Borrowed. Not NULL.
 * @param name  Copied. Such as `eth0`, NUL-terminated. Empty or NULL: the system
 *              chooses.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_UTF8     `name` is not UTF-8.
 * @retval WSC_ERR_INVALID  `name` is too long for an interface.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `name` is NULL or ends in a NUL.
 */
wsc_status_t wsc_conn_set_interface(wsc_conn_t *conn, const char *name);

/**
 * Sets whether small writes leave at once (TCP_NODELAY).
 *
 * Takes effect with the next attempt. Without it the kernel holds a small write back
 * while an earlier one is unacknowledged (Nagle's algorithm).
 *
 * @param conn  Borrowed. Not NULL.
 * @param on    Default true.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_tcp_nodelay(wsc_conn_t *conn, bool on);

/**
 * Sets after which silence TCP sends keepalive probes.
 *
 * Takes effect with the next attempt. Pings (`wsc_conn_set_ping_interval`) do more:
 * they reach the server itself.
 *
 * @param conn     Borrowed. Not NULL.
 * @param time_ms  Milliseconds, in whole seconds. WSC_FOREVER, the default: no probes.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `time_ms` is below 1000, and not WSC_FOREVER.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_keepalive(wsc_conn_t *conn, int32_t time_ms);

/**
 * Sets how long TCP may wait for sent data to be acknowledged.
 *
 * Takes effect with the next attempt. When it is over the attempt fails.
 *
 * @param conn        Borrowed. Not NULL.
 * @param timeout_ms  Milliseconds. WSC_FOREVER, the default: the system's own limit.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `timeout_ms` is 0, or negative and not WSC_FOREVER.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_tcp_user_timeout(wsc_conn_t *conn, int32_t timeout_ms);

/**
 * Sets how many HTTP redirects an attempt follows.
 *
 * Takes effect with the next attempt. Followed are 301, 302, 303, 307 and 308 with a
 * `Location`, relative ones too; `http` in it stands for `ws`, `https` for `wss`, and
 * from `wss` to `ws` none is followed. To another server go neither `Authorization`,
 * `Proxy-Authorization`, `Cookie` and `Host`, nor the credentials of the URL, nor the
 * client certificate; other headers, subprotocols and messages do. The names of
 * `wsc_conn_set_tls_server_name` and `wsc_conn_set_tls_verify_name` do not hold there;
 * authorities, pins and lists do.
 *
 * @param conn   Borrowed. Not NULL.
 * @param count  Default 0.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_max_redirects(wsc_conn_t *conn, uint32_t count);

/**
 * Gives the next attempt a connected socket, in place of a new one.
 *
 * TLS and the upgrade follow on it; DNS, TCP and a proxy are skipped. It becomes
 * non-blocking, and yours with it; its other options stay as they are. Later attempts
 * connect by themselves.
 *
 * @param conn  Borrowed. Not NULL.
 * @param fd    Copied: duplicated; close yours when you like, and do not use it while
 *              the connection does. A connected stream socket, of TCP or unix.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `fd` is no connected stream socket.
 * @retval WSC_ERR_SYSTEM   The process has no descriptor left.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_socket(wsc_conn_t *conn, int32_t fd);

/**
 * Sets whether a lost connection comes back by itself.
 *
 * Takes effect when an attempt ends. After CLOSE the connection waits, with
 * exponential backoff and full jitter, and not less than a `Retry-After` of up to an
 * hour; then RECONNECT is told and the next attempt begins. `wsc_conn_close`,
 * `wsc_conn_abort` and `wsc_conn_cancel_reconnect` end it. A cause that another attempt
 * cannot mend (WSC_RETRY_NEVER) ends it too, as do the server's close codes 1002 to
 * 1004 and 1007 to 1010. After any other code, 1000 too, the connection comes back.
 *
 * @param conn  Borrowed. Not NULL.
 * @param on    Default false.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_auto_reconnect(wsc_conn_t *conn, bool on);

/**
 * Sets the bounds of the random delay before an automatic reconnect.
 *
 * Takes effect when an attempt ends. The first delay is at most `min_ms`; the bound
 * doubles with each further attempt up to `max_ms`.
 *
 * @param conn    Borrowed. Not NULL.
 * @param min_ms  Milliseconds. Default 1000.
 * @param max_ms  Milliseconds. Default 60000.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `min_ms` is not above 0, or `max_ms` is below `min_ms`.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_reconnect_delay(wsc_conn_t *conn, int32_t min_ms, int32_t max_ms);

/**
 * Sets how many automatic reconnects may follow each other.
 *
 * Takes effect when an attempt ends. A connection that was stable starts the counting
 * anew.
 *
 * @param conn      Borrowed. Not NULL.
 * @param attempts  WSC_FOREVER, the default: any number.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `attempts` is negative and not WSC_FOREVER.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_reconnect_limit(wsc_conn_t *conn, int32_t attempts);

/**
 * Sets how long a connection must have been open to count as stable.
 *
 * Takes effect when an attempt ends. The delays of automatic reconnects then begin
 * anew.
 *
 * @param conn     Borrowed. Not NULL.
 * @param time_ms  Milliseconds. Default 30000.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `time_ms` is negative.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_reconnect_stable_after(wsc_conn_t *conn, int32_t time_ms);

/**
 * Sets whether automatic reconnects also follow causes that they cannot mend.
 *
 * Takes effect when an attempt ends. Such as a 403, or a certificate that is not
 * trusted.
 *
 * @param conn  Borrowed. Not NULL.
 * @param on    Default false.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_reconnect_after_fatal(wsc_conn_t *conn, bool on);

/**
 * Sets what becomes of messages that have not left when an attempt ends and an
 * automatic reconnect follows.
 *
 * Takes effect with the next message and the next end. What is kept is sent when the
 * connection is open again, after the prologue and before what is sent then, in order.
 * That is every message of which the kernel has not taken the last byte, so that the
 * server cannot have it whole, and none comes twice; one that the kernel took may be
 * lost all the same, and CLOSE does not know. The parts of a message are kept together,
 * and it may be continued. CLOSE counts those that are lost as `unsent`, and those that
 * have expired in the next one. A message that is kept takes its memory twice until it
 * has left, and counts uncompressed against `wsc_conn_set_send_queue_limit`, in parts
 * only when it has its last one.
 *
 * Where that reconnect is taken back, by `wsc_conn_cancel_reconnect`, `wsc_conn_close` or
 * `wsc_conn_abort`, what was kept waits for the next attempt all the same, whose CLOSE
 * counts what it loses. `wsc_conn_buffered_amount` tells what waits, and
 * `wsc_conn_free` drops it.
 *
 * @param conn       Borrowed. Not NULL.
 * @param policy     A `wsc_queue_policy_t`. Default WSC_QUEUE_DROP.
 * @param expire_ms  For WSC_QUEUE_EXPIRE: how long a message may wait. Else 0.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `policy` is no `wsc_queue_policy_t`, or `expire_ms` is not
 *                          above 0 where it is used.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_set_queue_policy(wsc_conn_t *conn, int32_t policy, int32_t expire_ms);

/**
 * Adds a message to those that are sent first whenever the connection opens.
 *
 * Takes effect when the connection opens next. For what a server must hear before all
 * else, after each reconnect too: a log-in, the subscriptions.
 *
 * @param conn          Borrowed. Not NULL.
 * @param message_type  A `wsc_message_type_t`.
 * @param data          Copied. The payload. May be NULL if `len` is 0.
 * @param len           Length of `data` in bytes.
 *
 * @retval WSC_OK           Added.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `message_type` is no `wsc_message_type_t`, or `len` is
 *                          larger than any object.
 * @retval WSC_ERR_UTF8     The message is a text and not UTF-8.
 * @retval WSC_ERR_TOO_BIG  The message exceeds `wsc_conn_set_max_message_size`, or all
 *                          together `wsc_conn_set_send_queue_limit`.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_SYSTEM   The system refused memory for it. Nothing was added.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
 */
wsc_status_t wsc_conn_add_prologue(wsc_conn_t *conn,
                                   int32_t message_type,
                                   const void *data,
                                   size_t len);

/**
 * Removes the messages of the prologue.
 *
 * Takes effect when the connection opens next.
 *
 * @param conn  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Done.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_clear_prologue(wsc_conn_t *conn);

/**
 * Sets the callback for one type of event, and what gives its userdata back.
 *
 * The same as the function for that type, such as `wsc_conn_on_message`, for callers that
 * make something for each callback, as bindings do: `release` tells when it can go.
 *
 * Takes effect for the next event that is delivered, and stays over reconnects.
 *
 * @param conn        Borrowed. Not NULL.
 * @param event_type  A `wsc_event_type_t`.
 * @param callback    Called with the event. NULL removes it.
 * @param userdata    Taken, also when the call fails. Passed to `callback`, unread.
 * @param release     Called exactly once with `userdata`, when `callback` does not run
 *                    with it and will not run again: it was replaced or removed, the
 *                    connection was freed, or the call failed. It comes before the
 *                    callback of `wsc_conn_on_free`. In a forked child it does not run for
 *                    what was set in the parent. NULL if nothing is to be released.
 *
 * @retval WSC_OK           Set.
 * @retval WSC_ERR_NULL     `conn` is NULL.
 * @retval WSC_ERR_INVALID  `event_type` is no type of event.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback. `release` runs inside this function or
 * one of those that set a callback, inside `wsc_conn_free`, or on the thread that runs the
 * loop's callbacks.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
 * `userdata` until `release` was; `release` may be called with it on any thread.
 */
wsc_status_t wsc_conn_on_event(wsc_conn_t *conn,
                               int32_t event_type,
                               wsc_event_fn callback,
                               void *userdata,
                               wsc_free_fn release);

/**
 * Sets the callback for WSC_EVENT_CONNECT.
 *
 * TCP is connected. TLS and the upgrade follow.
 *
 * Takes effect for the next event that is delivered, and stays over reconnects.
 *
 * @param conn      Borrowed. Not NULL.
 * @param callback  Called with the event. NULL removes it.
 * @param userdata  Passed to `callback`, unread. May be NULL.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
 * `userdata` until the callback of `wsc_conn_on_free` runs.
 */
wsc_status_t wsc_conn_on_connect(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

/**
 * Sets the callback for WSC_EVENT_HANDSHAKE.
 *
 * The server accepted the upgrade; the connection is open. The event's `data` is the
 * raw response head, for `wsc_http_status_line` and `wsc_http_header`.
 *
 * Takes effect for the next event that is delivered, and stays over reconnects.
 *
 * @param conn      Borrowed. Not NULL.
 * @param callback  Called with the event. NULL removes it.
 * @param userdata  Passed to `callback`, unread. May be NULL.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
 * `userdata` until the callback of `wsc_conn_on_free` runs.
 */
wsc_status_t wsc_conn_on_handshake(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

/**
 * Sets the callback for WSC_EVENT_MESSAGE.
 *
 * A message came in. The event has its `data`, `len` and `message_type`.
 *
 * Takes effect for the next event that is delivered, and stays over reconnects.
 *
 * @param conn      Borrowed. Not NULL.
 * @param callback  Called with the event. NULL removes it.
 * @param userdata  Passed to `callback`, unread. May be NULL.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
 * `userdata` until the callback of `wsc_conn_on_free` runs.
 */
wsc_status_t wsc_conn_on_message(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

/**
 * Sets the callback for WSC_EVENT_PING.
 *
 * A ping came in. It was answered already, unless `wsc_conn_set_auto_pong` says
 * otherwise.
 *
 * Takes effect for the next event that is delivered, and stays over reconnects.
 *
 * @param conn      Borrowed. Not NULL.
 * @param callback  Called with the event. NULL removes it.
 * @param userdata  Passed to `callback`, unread. May be NULL.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
 * `userdata` until the callback of `wsc_conn_on_free` runs.
 */
wsc_status_t wsc_conn_on_ping(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

/**
 * Sets the callback for WSC_EVENT_PONG.
 *
 * A pong came in.
 *
 * Takes effect for the next event that is delivered, and stays over reconnects.
 *
 * @param conn      Borrowed. Not NULL.
 * @param callback  Called with the event. NULL removes it.
 * @param userdata  Passed to `callback`, unread. May be NULL.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
 * `userdata` until the callback of `wsc_conn_on_free` runs.
 */
wsc_status_t wsc_conn_on_pong(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

/**
 * Sets the callback for WSC_EVENT_BUFFER_FULL.
 *
 * The send queue reached its limit (`wsc_conn_set_send_queue_limit`).
 *
 * Takes effect for the next event that is delivered, and stays over reconnects.
 *
 * @param conn      Borrowed. Not NULL.
 * @param callback  Called with the event. NULL removes it.
 * @param userdata  Passed to `callback`, unread. May be NULL.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
 * `userdata` until the callback of `wsc_conn_on_free` runs.
 */
wsc_status_t wsc_conn_on_buffer_full(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

/**
 * Sets the callback for WSC_EVENT_BUFFER_DRAIN.
 *
 * The send queue had reached its limit and is empty again.
 *
 * Takes effect for the next event that is delivered, and stays over reconnects.
 *
 * @param conn      Borrowed. Not NULL.
 * @param callback  Called with the event. NULL removes it.
 * @param userdata  Passed to `callback`, unread. May be NULL.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
 * `userdata` until the callback of `wsc_conn_on_free` runs.
 */
wsc_status_t wsc_conn_on_buffer_drain(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

/**
 * Sets the callback for WSC_EVENT_ERROR.
 *
 * Something failed. The event has `status`, `phase`, a text in `data`, and the HTTP
 * status in `code` if the server refused the upgrade. `on_close` follows.
 *
 * Takes effect for the next event that is delivered, and stays over reconnects.
 *
 * @param conn      Borrowed. Not NULL.
 * @param callback  Called with the event. NULL removes it.
 * @param userdata  Passed to `callback`, unread. May be NULL.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
 * `userdata` until the callback of `wsc_conn_on_free` runs.
 */
wsc_status_t wsc_conn_on_error(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

/**
 * Sets the callback for WSC_EVENT_CLOSE.
 *
 * The attempt is over; exactly once for each that was started. The event has the close
 * `code`, the reason in `data`, `clean`, `status`, and in `unsent` how many accepted
 * messages the kernel did not take. `wsc_conn_reconnect` and `wsc_conn_free` may be
 * called here.
 *
 * Takes effect for the next event that is delivered, and stays over reconnects.
 *
 * @param conn      Borrowed. Not NULL.
 * @param callback  Called with the event. NULL removes it.
 * @param userdata  Passed to `callback`, unread. May be NULL.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
 * `userdata` until the callback of `wsc_conn_on_free` runs.
 */
wsc_status_t wsc_conn_on_close(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

/**
 * Sets the callback for WSC_EVENT_RECONNECT: an automatic reconnect begins when it has
 * returned.
 *
 * The place to change the URL and the headers, as for fresh credentials, or to take the
 * reconnect back with `wsc_conn_cancel_reconnect`.
 *
 * @param conn      Borrowed. Not NULL.
 * @param callback  Called with the event. NULL removes it.
 * @param userdata  Passed to `callback`, unread. May be NULL.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
 * `userdata` until the callback of `wsc_conn_on_free` runs.
 */
wsc_status_t wsc_conn_on_reconnect(wsc_conn_t *conn, wsc_event_fn callback, void *userdata);

/**
 * Sets the callback that runs last of all.
 *
 * It runs exactly once after `wsc_conn_free`, when no other callback of the connection
 * can run any more: the place to delete what userdata points to. It replaces one that
 * was set before, without running it. In a forked child it does not run.
 *
 * @param conn      Borrowed. Not NULL.
 * @param callback  Called with `userdata` alone. NULL removes it.
 * @param userdata  Passed to `callback`, unread. May be NULL.
 *
 * @retval WSC_OK          Set.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback. `callback` itself runs inside
 * `wsc_conn_free`, or on the thread that runs the loop's callbacks.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `callback` may be called with
 * `userdata`, on any thread.
 */
wsc_status_t wsc_conn_on_free(wsc_conn_t *conn, wsc_free_fn callback, void *userdata);

/**
 * Sends one message of the connection's binary type: text, unless
 * `wsc_conn_set_binary_type` says binary.
 *
 * Never blocks. The bytes are copied; messages leave in the order in which calls
 * returned, at once where the socket takes them. Before the handshake they wait for
 * it. `WSC_OK` means accepted, not delivered: CLOSE counts what was not handed to the
 * kernel.
 *
 * @param conn  Borrowed. Not NULL.
 * @param data  Copied. UTF-8 if it goes as text. May be NULL if `len` is 0.
 * @param len   Length of `data` in bytes. 0 sends an empty message.
 *
 * @retval WSC_OK              Accepted.
 * @retval WSC_ERR_NULL        `conn` is NULL, or `data` is NULL and `len` is not 0.
 * @retval WSC_ERR_UTF8        It would go as text and is not UTF-8. Nothing was
 *                             queued.
 * @retval WSC_ERR_INVALID     `len` is larger than any object.
 * @retval WSC_ERR_TOO_BIG     `len` exceeds `wsc_conn_set_max_message_size`. Nothing
 *                             was queued.
 * @retval WSC_ERR_STATE       The attempt has ended or was closed and no reconnect is
 *                             scheduled, or the loop was freed. Nothing was queued.
 * @retval WSC_ERR_QUEUE_FULL  The send queue is at its limit. Nothing was queued; try
 *                             again after BUFFER_DRAIN.
 * @retval WSC_ERR_SYSTEM      The system refused memory for it. Nothing was queued.
 * @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
 */
wsc_status_t wsc_conn_send(wsc_conn_t *conn, const void *data, size_t len);

/**
 * Sends one text message.
 *
 * Never blocks. The bytes are copied; messages leave in the order in which calls
 * returned, at once where the socket takes them. Before the handshake they wait for
 * it. `WSC_OK` means accepted, not delivered: CLOSE counts what was not handed to the
 * kernel.
 *
 * @param conn  Borrowed. Not NULL.
 * @param text  Copied. UTF-8, no NUL needed. May be NULL if `len` is 0.
 * @param len   Length of `text` in bytes. 0 sends an empty message.
 *
 * @retval WSC_OK              Accepted.
 * @retval WSC_ERR_NULL        `conn` is NULL, or `text` is NULL and `len` is not 0.
 * @retval WSC_ERR_UTF8        `text` is not UTF-8. Nothing was queued.
 * @retval WSC_ERR_INVALID     `len` is larger than any object.
 * @retval WSC_ERR_TOO_BIG     `len` exceeds `wsc_conn_set_max_message_size`. Nothing
 *                             was queued.
 * @retval WSC_ERR_STATE       The attempt has ended or was closed and no reconnect is
 *                             scheduled, or the loop was freed. Nothing was queued.
 * @retval WSC_ERR_QUEUE_FULL  The send queue is at its limit. Nothing was queued; try
 *                             again after BUFFER_DRAIN.
 * @retval WSC_ERR_SYSTEM      The system refused memory for it. Nothing was queued.
 * @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `text` is readable for `len` bytes.
 */
wsc_status_t wsc_conn_send_text(wsc_conn_t *conn, const void *text, size_t len);

/**
 * Sends one binary message.
 *
 * Never blocks. The bytes are copied; messages leave in the order in which calls
 * returned, at once where the socket takes them. Before the handshake they wait for
 * it. `WSC_OK` means accepted, not delivered: CLOSE counts what was not handed to the
 * kernel.
 *
 * @param conn  Borrowed. Not NULL.
 * @param data  Copied. May be NULL if `len` is 0.
 * @param len   Length of `data` in bytes. 0 sends an empty message.
 *
 * @retval WSC_OK              Accepted.
 * @retval WSC_ERR_NULL        `conn` is NULL, or `data` is NULL and `len` is not 0.
 * @retval WSC_ERR_INVALID     `len` is larger than any object.
 * @retval WSC_ERR_TOO_BIG     `len` exceeds `wsc_conn_set_max_message_size`. Nothing
 *                             was queued.
 * @retval WSC_ERR_STATE       The attempt has ended or was closed and no reconnect is
 *                             scheduled, or the loop was freed. Nothing was queued.
 * @retval WSC_ERR_QUEUE_FULL  The send queue is at its limit. Nothing was queued; try
 *                             again after BUFFER_DRAIN.
 * @retval WSC_ERR_SYSTEM      The system refused memory for it. Nothing was queued.
 * @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
 */
wsc_status_t wsc_conn_send_binary(wsc_conn_t *conn, const void *data, size_t len);

/**
 * Sends one message or one part of a message.
 *
 * Never blocks. The bytes are copied; messages leave in the order in which calls
 * returned, at once where the socket takes them. Before the handshake they wait for
 * it. `WSC_OK` means accepted, not delivered: CLOSE counts what was not handed to the
 * kernel.
 *
 * A message in parts begins with WSC_PART_FIRST and ends with WSC_PART_LAST; each part
 * is one frame. Pings, pongs and a close frame may go out between the parts, other
 * messages not: until the last part, every other send is refused with WSC_ERR_STATE.
 * The end of an attempt ends the message too. Its total size has no limit.
 *
 * @param conn          Borrowed. Not NULL.
 * @param message_type  A `wsc_message_type_t`, the same for all parts of a message.
 * @param part          A `wsc_part_t`.
 * @param flags         0, or `wsc_send_t` values combined. Of a message in parts those
 *                      of the first count.
 * @param data          Copied. Of a text whole characters in UTF-8, in each part. May
 *                      be NULL if `len` is 0.
 * @param len           Length of `data` in bytes.
 *
 * @retval WSC_OK              Accepted.
 * @retval WSC_ERR_NULL        `conn` is NULL, or `data` is NULL and `len` is not 0.
 * @retval WSC_ERR_UTF8        A text's `data` is not UTF-8. Nothing was queued.
 * @retval WSC_ERR_INVALID     `message_type`, `part` or `flags` is none of those,
 *                             `message_type` is not that of the first part, or `len`
 *                             is larger than any object. Nothing was queued.
 * @retval WSC_ERR_TOO_BIG     `len` exceeds `wsc_conn_set_max_message_size`. Nothing
 *                             was queued.
 * @retval WSC_ERR_STATE       A message in parts is not finished and this does not
 *                             continue it, or there is none to continue; the attempt
 *                             has ended or was closed and no reconnect is scheduled;
 *                             or the loop was freed. Nothing was queued.
 * @retval WSC_ERR_QUEUE_FULL  The send queue is at its limit. Nothing was queued; try
 *                             again after BUFFER_DRAIN.
 * @retval WSC_ERR_SYSTEM      The system refused memory for it. Nothing was queued.
 * @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
 */
wsc_status_t wsc_conn_send_message(wsc_conn_t *conn,
                                   int32_t message_type,
                                   int32_t part,
                                   int32_t flags,
                                   const void *data,
                                   size_t len);

/**
 * Sends a ping. The peer answers with a pong of the same payload.
 *
 * Never blocks. It goes out before messages that still wait in the queue.
 *
 * @param conn  Borrowed. Not NULL.
 * @param data  Copied. At most 125 bytes. May be NULL if `len` is 0.
 * @param len   Length of `data` in bytes.
 *
 * @retval WSC_OK              Accepted.
 * @retval WSC_ERR_NULL        `conn` is NULL, or `data` is NULL and `len` is not 0.
 * @retval WSC_ERR_TOO_BIG     `len` is over 125. Nothing was queued.
 * @retval WSC_ERR_INVALID     `len` is larger than any object.
 * @retval WSC_ERR_STATE       The connection is not open, or the loop was freed.
 * @retval WSC_ERR_QUEUE_FULL  The send queue is at its limit. Nothing was queued.
 * @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
 */
wsc_status_t wsc_conn_ping(wsc_conn_t *conn, const void *data, size_t len);

/**
 * Sends a pong: the answer to a ping if `wsc_conn_set_auto_pong` is off, or a
 * heartbeat that asks for no answer.
 *
 * Never blocks. It goes out before messages that still wait in the queue.
 *
 * @param conn  Borrowed. Not NULL.
 * @param data  Copied. At most 125 bytes. May be NULL if `len` is 0.
 * @param len   Length of `data` in bytes.
 *
 * @retval WSC_OK              Accepted.
 * @retval WSC_ERR_NULL        `conn` is NULL, or `data` is NULL and `len` is not 0.
 * @retval WSC_ERR_TOO_BIG     `len` is over 125. Nothing was queued.
 * @retval WSC_ERR_INVALID     `len` is larger than any object.
 * @retval WSC_ERR_STATE       The connection is not open, or the loop was freed.
 * @retval WSC_ERR_QUEUE_FULL  The send queue is at its limit. Nothing was queued.
 * @retval WSC_ERR_FORKED      The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `data` is readable for `len` bytes.
 */
wsc_status_t wsc_conn_pong(wsc_conn_t *conn, const void *data, size_t len);

/**
 * Writes what is queued, as far as the socket takes it.
 *
 * Sends do this by themselves, the later ones of a burst a moment late; call it before
 * a long time away from the loop. It never blocks.
 *
 * @param conn  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Done; a full socket keeps the rest queued.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_flush(wsc_conn_t *conn);

/**
 * Stops the delivery of messages, pings and pongs, and the reading of the socket.
 *
 * Takes effect at once; a callback that is running finishes. The peer is slowed down
 * by TCP. The end of the connection ends the pause: what was held is delivered, then
 * CLOSE.
 *
 * @param conn  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Paused, or was already.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_pause_recv(wsc_conn_t *conn);

/**
 * Takes back `wsc_conn_pause_recv`.
 *
 * What was held is delivered by the loop, not inside this call.
 *
 * @param conn  Borrowed. Not NULL.
 *
 * @retval WSC_OK          Not paused any more, or was not.
 * @retval WSC_ERR_NULL    `conn` is NULL.
 * @retval WSC_ERR_STATE   The loop was freed.
 * @retval WSC_ERR_FORKED  The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`.
 */
wsc_status_t wsc_conn_resume_recv(wsc_conn_t *conn);

/**
 * Tells how many bytes are queued and not yet taken by the kernel.
 *
 * @param conn  Borrowed.
 *
 * @return The number of bytes, frame headers included; 0 if `conn` is NULL, or in a
 *         forked child.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` is NULL or has not been passed to `wsc_conn_free`.
 */
size_t wsc_conn_buffered_amount(const wsc_conn_t *conn);

/**
 * Tells one of the connection's counters.
 *
 * @param conn     Borrowed. Not NULL.
 * @param counter  A `wsc_counter_t`.
 * @param value    Set to its value. Not NULL.
 *
 * @retval WSC_OK           `*value` is set.
 * @retval WSC_ERR_NULL     `conn` or `value` is NULL.
 * @retval WSC_ERR_INVALID  `counter` is not a `wsc_counter_t`.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `value` is writable.
 */
wsc_status_t wsc_conn_counter(const wsc_conn_t *conn, int32_t counter, uint64_t *value);

/**
 * Tells the address of the peer's end of the socket.
 *
 * Such as `192.0.2.1:80` or `[2001:db8::1]:80`.
 *
 * @param conn    Borrowed. Not NULL.
 * @param buffer  Filled with the address and a NUL. Not NULL.
 * @param size    Its size in bytes; 64 always suffice.
 *
 * @retval WSC_OK             Written.
 * @retval WSC_ERR_NULL       `conn` or `buffer` is NULL.
 * @retval WSC_ERR_TOO_BIG    `size` is too small. Nothing was written.
 * @retval WSC_ERR_NOT_FOUND  There was no attempt whose TCP connection stood, or the
 *                            loop was freed.
 * @retval WSC_ERR_FORKED     The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `buffer` is writable for `size`
 * bytes.
 */
wsc_status_t wsc_conn_peer_address(const wsc_conn_t *conn, char *buffer, size_t size);

/**
 * Tells the address of our end of the socket.
 *
 * Such as `192.0.2.1:80` or `[2001:db8::1]:80`.
 *
 * @param conn    Borrowed. Not NULL.
 * @param buffer  Filled with the address and a NUL. Not NULL.
 * @param size    Its size in bytes; 64 always suffice.
 *
 * @retval WSC_OK             Written.
 * @retval WSC_ERR_NULL       `conn` or `buffer` is NULL.
 * @retval WSC_ERR_TOO_BIG    `size` is too small. Nothing was written.
 * @retval WSC_ERR_NOT_FOUND  There was no attempt whose TCP connection stood, or the
 *                            loop was freed.
 * @retval WSC_ERR_FORKED     The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `buffer` is writable for `size`
 * bytes.
 */
wsc_status_t wsc_conn_local_address(const wsc_conn_t *conn, char *buffer, size_t size);

/**
 * Tells the subprotocol that the server chose.
 *
 * One of those that `wsc_conn_set_subprotocols` offered.
 *
 * @param conn    Borrowed. Not NULL.
 * @param buffer  Filled with it and a NUL. Not NULL.
 * @param size    Its size in bytes.
 *
 * @retval WSC_OK             Written.
 * @retval WSC_ERR_NULL       `conn` or `buffer` is NULL.
 * @retval WSC_ERR_TOO_BIG    `size` is too small. Nothing was written.
 * @retval WSC_ERR_NOT_FOUND  The server chose none in the last handshake, there was
 *                            none yet, or the loop was freed.
 * @retval WSC_ERR_FORKED     The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `buffer` is writable for `size`
 * bytes.
 */
wsc_status_t wsc_conn_subprotocol(const wsc_conn_t *conn, char *buffer, size_t size);

/**
 * Tells the extensions that the server chose, with their parameters.
 *
 * Such as `permessage-deflate; server_no_context_takeover`: the value of the field
 * `Sec-WebSocket-Extensions` of its answer.
 *
 * @param conn    Borrowed. Not NULL.
 * @param buffer  Filled with it and a NUL. Not NULL.
 * @param size    Its size in bytes.
 *
 * @retval WSC_OK             Written.
 * @retval WSC_ERR_NULL       `conn` or `buffer` is NULL.
 * @retval WSC_ERR_TOO_BIG    `size` is too small. Nothing was written.
 * @retval WSC_ERR_NOT_FOUND  The server chose none in the last handshake, there was
 *                            none yet, or the loop was freed.
 * @retval WSC_ERR_FORKED     The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `buffer` is writable for `size`
 * bytes.
 */
wsc_status_t wsc_conn_extensions(const wsc_conn_t *conn, char *buffer, size_t size);

/**
 * Tells a number of the report on the last attempt.
 *
 * The report is complete when CLOSE was delivered, and lasts until the next attempt
 * begins.
 *
 * @param conn    Borrowed. Not NULL.
 * @param number  A `wsc_report_number_t`.
 * @param value   Set to the number; 0 where there is none.
 *
 * @retval WSC_OK           Told.
 * @retval WSC_ERR_NULL     `conn` or `value` is NULL.
 * @retval WSC_ERR_INVALID  `number` is no `wsc_report_number_t`.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `value` is writable.
 */
wsc_status_t wsc_conn_report_number(wsc_conn_t *conn, int32_t number, uint64_t *value);

/**
 * Tells a text or bytes of the report on the last attempt.
 *
 * As for `wsc_conn_report_number`. To learn the length, give no buffer.
 *
 * @param conn    Borrowed. Not NULL.
 * @param data    A `wsc_report_data_t`.
 * @param buffer  Filled with as much as fits. No NUL follows. May be NULL if `size` is
 *                0.
 * @param size    Size of `buffer` in bytes.
 * @param len     Set to the length of the whole.
 *
 * @retval WSC_OK           Told; if `len` is above `size`, in part.
 * @retval WSC_ERR_NULL     `conn` or `len` is NULL, or `buffer` is NULL and `size` is
 *                          not 0.
 * @retval WSC_ERR_INVALID  `data` is no `wsc_report_data_t`.
 * @retval WSC_ERR_STATE    The loop was freed.
 * @retval WSC_ERR_FORKED   The connection was made before a fork, in the parent.
 *
 * @par Threads
 * Any thread, at any time, also inside a callback.
 *
 * @since 0.1
 * # Safety
 * `conn` has not been passed to `wsc_conn_free`; `buffer` is writable for `size`
 * bytes, `len` is writable.
 */
wsc_status_t wsc_conn_report_data(wsc_conn_t *conn,
                                  int32_t data,
                                  void *buffer,
                                  size_t size,
                                  size_t *len);

/**
 * Finds a header field by name in the response head of a handshake.
 *
 * A pure function of its arguments: it works on the `data` of a
 * WSC_EVENT_HANDSHAKE, or on a copy of it.
 *
 * @param head       Borrowed. The head, from the status line to the empty line.
 * @param len        Length of `head` in bytes.
 * @param name       Borrowed. The field's name, NUL-terminated; case does not matter.
 * @param index      Which of the fields of that name, from 0.
 * @param value      Set to the value, without the white space around it. Borrowed:
 *                   points into `head`, no NUL follows.
 * @param value_len  Set to its length in bytes.
 *
 * @retval WSC_OK             Found.
 * @retval WSC_ERR_NULL       A pointer is NULL (`head` only if `len` is not 0).
 * @retval WSC_ERR_INVALID    `len` is larger than any object.
 * @retval WSC_ERR_UTF8       `name` is not UTF-8.
 * @retval WSC_ERR_NOT_FOUND  There is no such field, or `head` is not a response head.
 *
 * @par Threads
 * Any thread, at any time, also in a forked child.
 *
 * @since 0.1
 * # Safety
 * `head` is readable for `len` bytes, `name` ends in a NUL, `value` and `value_len` are writable.
 */
wsc_status_t wsc_http_header(const void *head,
                             size_t len,
                             const char *name,
                             size_t index,
                             const void **value,
                             size_t *value_len);

/**
 * Tells the n-th header field of the response head of a handshake.
 *
 * A pure function of its arguments, for loops over all fields.
 *
 * @param head       Borrowed. The head, from the status line to the empty line.
 * @param len        Length of `head` in bytes.
 * @param index      Which field, from 0.
 * @param name       Set to the field's name. Borrowed: points into `head`, no NUL follows.
 * @param name_len   Set to its length in bytes.
 * @param value      Set to the value, without the white space around it. Borrowed in
 *                   the same way.
 * @param value_len  Set to its length in bytes.
 *
 * @retval WSC_OK             Found.
 * @retval WSC_ERR_NULL       A pointer is NULL (`head` only if `len` is not 0).
 * @retval WSC_ERR_INVALID    `len` is larger than any object.
 * @retval WSC_ERR_NOT_FOUND  There are not so many fields, or `head` is not a response head.
 *
 * @par Threads
 * Any thread, at any time, also in a forked child.
 *
 * @since 0.1
 * # Safety
 * `head` is readable for `len` bytes, the other pointers are writable.
 */
wsc_status_t wsc_http_header_at(const void *head,
                                size_t len,
                                size_t index,
                                const void **name,
                                size_t *name_len,
                                const void **value,
                                size_t *value_len);

/**
 * Tells the status line of the response head of a handshake, such as
 * "HTTP/1.1 101 Switching Protocols".
 *
 * A pure function of its arguments.
 *
 * @param head      Borrowed. The head, from the status line to the empty line.
 * @param len       Length of `head` in bytes.
 * @param line      Set to the line without its line end. Borrowed: points into
 *                  `head`, no NUL follows.
 * @param line_len  Set to its length in bytes.
 *
 * @retval WSC_OK             Found.
 * @retval WSC_ERR_NULL       A pointer is NULL (`head` only if `len` is not 0).
 * @retval WSC_ERR_INVALID    `len` is larger than any object.
 * @retval WSC_ERR_NOT_FOUND  `head` is not a response head.
 *
 * @par Threads
 * Any thread, at any time, also in a forked child.
 *
 * @since 0.1
 * # Safety
 * `head` is readable for `len` bytes, `line` and `line_len` are writable.
 */
wsc_status_t wsc_http_status_line(const void *head,
                                  size_t len,
                                  const void **line,
                                  size_t *line_len);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WSC_H */
