// libwsc for C++17: everything of wsc.h with ownership, exceptions and callables.
//
//   wsc::loop, wsc::connection    callbacks, or batches of events through loop::poll
//   wsc::client                   blocking calls with timeouts, for simple programs
//
// Failing calls throw wsc::error; those marked noexcept never fail. What a view
// (wsc::message and its like) points to dies when the handler returns, or with the
// next poll; copy what you keep. Threads, order and limits are those of wsc.h.
//
// Exceptions from handlers. On a loop that runs its callbacks where it is
// dispatched, loop::dispatch and loop::run throw them on to their caller. On a loop
// with a thread of its own, loop::run and loop::rethrow do. A handler given to
// loop::on_exception takes them instead, where they happen. In every case the
// connection and the loop go on.
#ifndef WSC_HPP
#define WSC_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <wsc.h>

namespace wsc {

// ---------------------------------------------------------------------------
// Values

enum class status : std::int32_t {
    ok = WSC_OK,
    null = WSC_ERR_NULL,
    invalid = WSC_ERR_INVALID,
    url = WSC_ERR_URL,
    url_scheme = WSC_ERR_URL_SCHEME,
    url_port = WSC_ERR_URL_PORT,
    header_name = WSC_ERR_HEADER_NAME,
    header_value = WSC_ERR_HEADER_VALUE,
    subprotocol = WSC_ERR_SUBPROTOCOL,
    origin = WSC_ERR_ORIGIN,
    close_code = WSC_ERR_CLOSE_CODE,
    close_reason = WSC_ERR_CLOSE_REASON,
    utf8 = WSC_ERR_UTF8,
    too_big = WSC_ERR_TOO_BIG,
    mode = WSC_ERR_MODE,
    pem = WSC_ERR_PEM,
    passphrase = WSC_ERR_PASSPHRASE,
    key_mismatch = WSC_ERR_KEY_MISMATCH,
    file = WSC_ERR_FILE,
    state = WSC_ERR_STATE,
    busy = WSC_ERR_BUSY,
    queue_full = WSC_ERR_QUEUE_FULL,
    timeout = WSC_ERR_TIMEOUT,
    forked = WSC_ERR_FORKED,
    aborted = WSC_ERR_ABORTED,
    not_found = WSC_ERR_NOT_FOUND,
    dns = WSC_ERR_DNS,
    refused = WSC_ERR_REFUSED,
    unreachable = WSC_ERR_UNREACHABLE,
    reset = WSC_ERR_RESET,
    closed = WSC_ERR_CLOSED,
    io = WSC_ERR_IO,
    system = WSC_ERR_SYSTEM,
    proxy = WSC_ERR_PROXY,
    proxy_auth = WSC_ERR_PROXY_AUTH,
    proxy_protocol = WSC_ERR_PROXY_PROTOCOL,
    tls = WSC_ERR_TLS,
    certificate = WSC_ERR_CERTIFICATE,
    certificate_expired = WSC_ERR_CERTIFICATE_EXPIRED,
    certificate_self_signed = WSC_ERR_CERTIFICATE_SELF_SIGNED,
    certificate_issuer = WSC_ERR_CERTIFICATE_ISSUER,
    certificate_name = WSC_ERR_CERTIFICATE_NAME,
    certificate_revoked = WSC_ERR_CERTIFICATE_REVOKED,
    pin = WSC_ERR_PIN,
    tls_version = WSC_ERR_TLS_VERSION,
    http = WSC_ERR_HTTP,
    http_status = WSC_ERR_HTTP_STATUS,
    upgrade = WSC_ERR_UPGRADE,
    accept = WSC_ERR_ACCEPT,
    header_too_big = WSC_ERR_HEADER_TOO_BIG,
    subprotocol_mismatch = WSC_ERR_SUBPROTOCOL_MISMATCH,
    extension_mismatch = WSC_ERR_EXTENSION_MISMATCH,
    protocol = WSC_ERR_PROTOCOL,
    message_too_big = WSC_ERR_MESSAGE_TOO_BIG,
    peer_utf8 = WSC_ERR_PEER_UTF8,
    redirect = WSC_ERR_REDIRECT,
    panic = WSC_ERR_PANIC,
};

enum class state : std::int32_t {
    initial = WSC_STATE_INITIAL,
    connecting = WSC_STATE_CONNECTING,
    open = WSC_STATE_OPEN,
    closing = WSC_STATE_CLOSING,
    closed = WSC_STATE_CLOSED,
    waiting = WSC_STATE_WAITING,
};

enum class callbacks : std::int32_t {
    on_dispatch = WSC_CALLBACKS_ON_DISPATCH,
    on_thread = WSC_CALLBACKS_ON_THREAD,
};

enum class binary_type : std::int32_t {
    blob = WSC_BINARY_TYPE_BLOB,
    arraybuffer = WSC_BINARY_TYPE_ARRAYBUFFER,
};

enum class counter : std::int32_t {
    bytes_received = WSC_COUNTER_BYTES_RECEIVED,
    bytes_sent = WSC_COUNTER_BYTES_SENT,
    messages_received = WSC_COUNTER_MESSAGES_RECEIVED,
    messages_sent = WSC_COUNTER_MESSAGES_SENT,
    pings_received = WSC_COUNTER_PINGS_RECEIVED,
    pings_sent = WSC_COUNTER_PINGS_SENT,
    pongs_received = WSC_COUNTER_PONGS_RECEIVED,
    pongs_sent = WSC_COUNTER_PONGS_SENT,
    round_trip_us = WSC_COUNTER_ROUND_TRIP_US,
    memory_bytes = WSC_COUNTER_MEMORY_BYTES,
};

enum class event_type : std::int32_t {
    connect = WSC_EVENT_CONNECT,
    handshake = WSC_EVENT_HANDSHAKE,
    message = WSC_EVENT_MESSAGE,
    ping = WSC_EVENT_PING,
    pong = WSC_EVENT_PONG,
    buffer_full = WSC_EVENT_BUFFER_FULL,
    buffer_drain = WSC_EVENT_BUFFER_DRAIN,
    error = WSC_EVENT_ERROR,
    close = WSC_EVENT_CLOSE,
    reconnect = WSC_EVENT_RECONNECT,
};

enum class message_type : std::int32_t {
    text = WSC_MESSAGE_TEXT,
    binary = WSC_MESSAGE_BINARY,
};

/// Which part of a message this is.
enum class part : std::int32_t {
    whole = WSC_PART_WHOLE,
    first = WSC_PART_FIRST,
    more = WSC_PART_MORE,
    last = WSC_PART_LAST,
};

/// To be combined with `|`.
enum class send_flags : std::int32_t {
    none = 0,
    no_compress = WSC_SEND_NO_COMPRESS,
};

constexpr send_flags operator|(send_flags left, send_flags right) noexcept
{
    return static_cast<send_flags>(static_cast<std::int32_t>(left)
                                   | static_cast<std::int32_t>(right));
}

enum class phase : std::int32_t {
    none = WSC_PHASE_NONE,
    dns = WSC_PHASE_DNS,
    tcp = WSC_PHASE_TCP,
    proxy = WSC_PHASE_PROXY,
    tls = WSC_PHASE_TLS,
    upgrade = WSC_PHASE_UPGRADE,
    open = WSC_PHASE_OPEN,
    closing = WSC_PHASE_CLOSING,
};

enum class tls_version : std::int32_t {
    tls_1_2 = WSC_TLS_1_2,
    tls_1_3 = WSC_TLS_1_3,
};

/// What a pin is the SHA-256 of.
enum class pin_type : std::int32_t {
    certificate = WSC_PIN_CERTIFICATE,
    public_key = WSC_PIN_PUBLIC_KEY,
};

/// What becomes of messages that have not left when an attempt ends and an automatic reconnect follows.
enum class queue_policy : std::int32_t {
    drop = WSC_QUEUE_DROP,
    keep = WSC_QUEUE_KEEP,
    expire = WSC_QUEUE_EXPIRE,
};

/// Whether another attempt could help (`report_number::retry`).
enum class retry : std::int32_t {
    never = WSC_RETRY_NEVER,
    later = WSC_RETRY_LATER,
    now = WSC_RETRY_NOW,
};

enum class report_data : std::int32_t {
    reason = WSC_REPORT_REASON,
    addresses = WSC_REPORT_ADDRESSES,
    head = WSC_REPORT_HEAD,
    body = WSC_REPORT_BODY,
    peer_certificate = WSC_REPORT_PEER_CERTIFICATE,
    alpn = WSC_REPORT_ALPN,
};

enum class report_number : std::int32_t {
    attempt = WSC_REPORT_ATTEMPT,
    phase = WSC_REPORT_PHASE,
    status = WSC_REPORT_STATUS,
    os_error = WSC_REPORT_OS_ERROR,
    http_status = WSC_REPORT_HTTP_STATUS,
    proxy_status = WSC_REPORT_PROXY_STATUS,
    retry = WSC_REPORT_RETRY,
    retry_after_ms = WSC_REPORT_RETRY_AFTER_MS,
    redirects = WSC_REPORT_REDIRECTS,
    tls_version = WSC_REPORT_TLS_VERSION,
    dns_us = WSC_REPORT_DNS_US,
    tcp_us = WSC_REPORT_TCP_US,
    proxy_us = WSC_REPORT_PROXY_US,
    tls_us = WSC_REPORT_TLS_US,
    upgrade_us = WSC_REPORT_UPGRADE_US,
    open_us = WSC_REPORT_OPEN_US,
};

using std::chrono::milliseconds;

/// In place of a time: no limit, never.
inline constexpr milliseconds forever = milliseconds::max();

/// The ABI number this header belongs to; equal to `abi_version()` if it fits the library.
inline constexpr std::uint32_t header_abi_version = WSC_ABI_VERSION;

inline std::string_view version() noexcept { return wsc_version(); }
inline std::uint32_t abi_version() noexcept { return wsc_abi_version(); }

/// A status in a few English words.
inline std::string_view describe(status value) noexcept
{
    return wsc_status_str(static_cast<std::int32_t>(value));
}

// ---------------------------------------------------------------------------
// Errors

/// A call that failed.
class error : public std::runtime_error {
public:
    error(wsc::status status, const std::string &text) : std::runtime_error(text), status_(status) {}

    wsc::status status() const noexcept { return status_; }

private:
    wsc::status status_;
};

/// A blocking call whose time was over. Its status is `status::timeout`.
class timeout_error : public error {
public:
    explicit timeout_error(const std::string &text) : error(wsc::status::timeout, text) {}
};

/// An attempt that failed, as `wsc::client` tells it.
class connection_error : public error {
public:
    connection_error(wsc::status status, const std::string &text, wsc::phase phase, int http_status)
        : error(status, text), phase_(phase), http_status_(http_status)
    {
    }

    /// How far the attempt had come.
    wsc::phase phase() const noexcept { return phase_; }
    /// The server's answer if `status()` is `status::http_status` or `status::redirect`, the HTTP
    /// status or SOCKS code of a proxy that refused, else 0.
    int http_status() const noexcept { return http_status_; }

private:
    wsc::phase phase_;
    int http_status_;
};

namespace detail {

inline wsc_status_t raw(status value) noexcept { return static_cast<wsc_status_t>(value); }

inline void check(wsc_status_t result, const char *call)
{
    if (result != WSC_OK) {
        throw error(static_cast<status>(result),
                    std::string(call) + ": " + wsc_status_str(static_cast<std::int32_t>(result)));
    }
}

/// Whether a time is longer than the C API can say.
constexpr bool is_too_long(milliseconds time) noexcept
{
    return time > milliseconds(INT32_MAX);
}

/// Options are refused where they cannot be kept.
inline std::int32_t option_ms(milliseconds time, const char *call)
{
    if (time == forever) {
        return WSC_FOREVER;
    }
    if (time < milliseconds::zero() || is_too_long(time)) {
        check(WSC_ERR_INVALID, call);
    }
    return static_cast<std::int32_t>(time.count());
}

/// Waits may end early.
inline std::int32_t wait_ms(milliseconds time, const char *call)
{
    return time != forever && is_too_long(time) ? INT32_MAX : option_ms(time, call);
}

/// Text for a parameter that ends at a NUL. One inside would cut it short unseen,
/// so it is refused with the status of a bad character there.
class c_string {
public:
    c_string(std::string_view text, wsc_status_t bad, const char *call) : text_(text)
    {
        if (text.find('\0') != std::string_view::npos) {
            check(bad, call);
        }
    }

    const char *get() const noexcept { return text_.c_str(); }

private:
    std::string text_;
};

template <class Container>
using element = std::remove_cv_t<
    std::remove_reference_t<decltype(*std::data(std::declval<const Container &>()))>>;

template <class Container, class = void>
struct is_bytes : std::false_type {};

/// Whatever lies in one piece and has elements of one byte. Not an array of char: a
/// literal ends in a NUL that hardly anyone means to send.
template <class Container>
struct is_bytes<Container, std::void_t<element<Container>,
                                       decltype(std::size(std::declval<const Container &>()))>>
    : std::bool_constant<sizeof(element<Container>) == 1
                         && std::is_trivially_copyable_v<element<Container>>
                         && !(std::is_array_v<Container>
                              && std::is_same_v<element<Container>, char>)> {};

} // namespace detail

// ---------------------------------------------------------------------------
// Views

/// Bytes of someone else's, as `std::span<const std::byte>`, which C++17 lacks.
class bytes_view {
public:
    using value_type = std::byte;
    using const_iterator = const std::byte *;
    using iterator = const_iterator;

    constexpr bytes_view() noexcept = default;
    bytes_view(const void *data, std::size_t size) noexcept
        : data_(static_cast<const std::byte *>(data)), size_(size)
    {
    }
    template <class Container, class = std::enable_if_t<detail::is_bytes<Container>::value>>
    bytes_view(const Container &container) noexcept
        : bytes_view(std::data(container), std::size(container))
    {
    }

    constexpr const std::byte *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr const std::byte *begin() const noexcept { return data_; }
    constexpr const std::byte *end() const noexcept { return data_ + size_; }
    constexpr std::byte operator[](std::size_t index) const noexcept { return data_[index]; }

private:
    const std::byte *data_ = nullptr;
    std::size_t size_ = 0;
};

/// The head of the server's answer to the upgrade request.
class http_head {
public:
    struct field {
        std::string_view name;
        std::string_view value;
    };

    http_head() noexcept = default;
    explicit http_head(std::string_view raw) noexcept : raw_(raw) {}

    /// As received, to the empty line.
    std::string_view raw() const noexcept { return raw_; }

    /// Such as "HTTP/1.1 101 Switching Protocols"; empty if this is no head.
    std::string_view status_line() const noexcept
    {
        const void *line = nullptr;
        std::size_t size = 0;
        const bool found = wsc_http_status_line(raw_.data(), raw_.size(), &line, &size) == WSC_OK;
        return found ? view(line, size) : std::string_view();
    }

    /// The field of that name, in any case; `index` counts those of the same name.
    std::optional<std::string_view> header(std::string_view name, std::size_t index = 0) const
    {
        const detail::c_string terminated(name, WSC_ERR_HEADER_NAME, "http_head::header");
        const void *value = nullptr;
        std::size_t size = 0;
        if (wsc_http_header(raw_.data(), raw_.size(), terminated.get(), index, &value, &size)
            != WSC_OK) {
            return std::nullopt;
        }
        return view(value, size);
    }

    /// The n-th field from 0.
    std::optional<field> header_at(std::size_t index) const noexcept
    {
        const void *name = nullptr;
        const void *value = nullptr;
        std::size_t name_size = 0;
        std::size_t value_size = 0;
        if (wsc_http_header_at(raw_.data(), raw_.size(), index, &name, &name_size, &value,
                               &value_size)
            != WSC_OK) {
            return std::nullopt;
        }
        return field{view(name, name_size), view(value, value_size)};
    }

    /// The subprotocol that the server chose; empty if none.
    std::string_view subprotocol() const
    {
        return header("Sec-WebSocket-Protocol").value_or(std::string_view());
    }

private:
    static std::string_view view(const void *data, std::size_t size) noexcept
    {
        return {static_cast<const char *>(data), size};
    }

    std::string_view raw_;
};

/// What happened to a connection. The views below say the rest for their types.
class event {
public:
    explicit event(const wsc_event_t &raw) noexcept : raw_(&raw) {}

    event_type type() const noexcept { return static_cast<event_type>(raw_->type); }
    /// `id()` of the connection.
    std::uint64_t connection_id() const noexcept { return raw_->conn_id; }
    /// 1 for the connection's first attempt, one more for each further one.
    std::uint32_t attempt() const noexcept { return raw_->attempt; }
    const wsc_event_t &raw() const noexcept { return *raw_; }

    /// The view for this event's type: `event.as<wsc::message>()`. Throws
    /// `status::invalid` for another type's.
    template <class View>
    View as() const
    {
        if (type() != View::event) {
            detail::check(WSC_ERR_INVALID, "event::as");
        }
        return View(*raw_);
    }

protected:
    std::string_view text() const noexcept
    {
        return raw_->data == nullptr
            ? std::string_view()
            : std::string_view(static_cast<const char *>(raw_->data), raw_->len);
    }

private:
    const wsc_event_t *raw_;
};

namespace detail {

template <event_type Type>
class event_of : public wsc::event {
public:
    static constexpr event_type event = Type;
    using wsc::event::event;
};

/// An event that has a payload.
template <event_type Type>
class payload_of : public event_of<Type> {
public:
    using event_of<Type>::event_of;

    std::string_view data() const noexcept { return this->text(); }
    bytes_view bytes() const noexcept { return data(); }
    std::size_t size() const noexcept { return data().size(); }
};

} // namespace detail

using connect_info = detail::event_of<event_type::connect>;
using reconnect_info = detail::event_of<event_type::reconnect>;
using buffer_full_info = detail::event_of<event_type::buffer_full>;
using buffer_drain_info = detail::event_of<event_type::buffer_drain>;
using ping_info = detail::payload_of<event_type::ping>;
using pong_info = detail::payload_of<event_type::pong>;

/// One whole message, or a part of one after `set_streaming(true)`.
class message : public detail::payload_of<event_type::message> {
public:
    using payload_of::payload_of;

    message_type type() const noexcept { return static_cast<message_type>(raw().message_type); }
    bool is_text() const noexcept { return type() == message_type::text; }
    bool is_binary() const noexcept { return type() == message_type::binary; }
    wsc::part part() const noexcept { return static_cast<wsc::part>(raw().part); }
};

/// The server accepted the upgrade.
class handshake : public detail::event_of<event_type::handshake>, public http_head {
public:
    explicit handshake(const wsc_event_t &raw) noexcept : event_of(raw), http_head(text()) {}

    using http_head::raw;
};

/// Why an attempt failed.
class error_info : public detail::event_of<event_type::error> {
public:
    using event_of::event_of;

    wsc::status status() const noexcept { return static_cast<wsc::status>(raw().status); }
    wsc::phase phase() const noexcept { return static_cast<wsc::phase>(raw().phase); }
    /// As `connection_error::http_status` says.
    int http_status() const noexcept { return raw().code; }
    /// For people.
    std::string_view text() const noexcept { return event_of::text(); }
};

/// How an attempt ended.
class close_info : public detail::event_of<event_type::close> {
public:
    using event_of::event_of;

    /// 1005 if the peer gave none, 1006 if no close frame came; of a violation, what the peer was told.
    int code() const noexcept { return raw().code; }
    std::string_view reason() const noexcept { return text(); }
    /// Whether both sides sent a close frame.
    bool clean() const noexcept { return raw().clean != 0; }
    /// Whether the peer began the close handshake.
    bool by_peer() const noexcept { return raw().by_peer != 0; }
    /// Accepted messages that were not handed to the kernel.
    std::uint64_t unsent() const noexcept { return raw().unsent; }
    wsc::status status() const noexcept { return static_cast<wsc::status>(raw().status); }
    wsc::phase phase() const noexcept { return static_cast<wsc::phase>(raw().phase); }
};

/// Room for the events of one `loop::poll`, and those events: a range of `wsc::event`.
class event_batch {
public:
    class const_iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = event;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = event;

        explicit const_iterator(const wsc_event_t *at) noexcept : at_(at) {}
        event operator*() const noexcept { return event(*at_); }
        const_iterator &operator++() noexcept
        {
            ++at_;
            return *this;
        }
        const_iterator operator++(int) noexcept { return const_iterator(at_++); }
        bool operator==(const const_iterator &other) const noexcept { return at_ == other.at_; }
        bool operator!=(const const_iterator &other) const noexcept { return at_ != other.at_; }

    private:
        const wsc_event_t *at_;
    };
    using iterator = const_iterator;

    explicit event_batch(std::size_t capacity = 256) : events_(capacity), capacity_(capacity)
    {
        if (capacity == 0) {
            detail::check(WSC_ERR_INVALID, "wsc::event_batch");
        }
    }

    /// What is moved from is empty; a poll fills it again, up to the same capacity.
    event_batch(event_batch &&other) noexcept
        : events_(std::move(other.events_)), size_(std::exchange(other.size_, 0)),
          capacity_(other.capacity_)
    {
    }
    event_batch &operator=(event_batch &&other) noexcept
    {
        event_batch moved(std::move(other));
        events_.swap(moved.events_);
        std::swap(size_, moved.size_);
        std::swap(capacity_, moved.capacity_);
        return *this;
    }
    event_batch(const event_batch &) = default;
    event_batch &operator=(const event_batch &) = default;
    ~event_batch() = default;

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    event operator[](std::size_t index) const noexcept { return event(events_[index]); }
    const_iterator begin() const noexcept { return const_iterator(events_.data()); }
    const_iterator end() const noexcept { return const_iterator(events_.data() + size_); }

private:
    friend class loop;

    std::vector<wsc_event_t> events_;
    std::size_t size_ = 0;
    std::size_t capacity_;
};

// ---------------------------------------------------------------------------
// Handlers

class connection_ref;

namespace detail {

/// What trampolines need of a loop; it outlives the loop while connections have it.
class loop_state {
public:
    loop_state(wsc_loop_t *handle, callbacks where) noexcept : handle_(handle), where_(where) {}
    loop_state(const loop_state &) = delete;
    loop_state &operator=(const loop_state &) = delete;

    wsc_loop_t *handle() const noexcept
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        return handle_;
    }

    /// Not under the lock: freeing waits for a handler, which may come to `capture`.
    void free() noexcept
    {
        wsc_loop_t *handle = nullptr;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            std::swap(handle, handle_);
        }
        wsc_loop_free(handle);
    }

    /// Takes the exception that is being handled. Never lets one pass.
    void capture() noexcept
    {
        std::shared_ptr<const std::function<void(std::exception_ptr)>> sink;
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            sink = sink_;
            if (!sink) {
                // The first one ends the run. A stop for a later one could come after
                // the run has heeded the first, and would end the next run.
                const bool is_first = pending_.empty();
                keep(std::current_exception());
                if (is_first && running_ > 0 && handle_ != nullptr) {
                    wsc_loop_stop(handle_);
                }
                return;
            }
        }
        (*sink)(std::current_exception());
    }

    /// Throws the oldest exception that nobody has seen.
    void rethrow()
    {
        std::unique_lock<std::mutex> lock(mutex_);
        rethrow(lock);
    }

    /// The same, else begins a run, which an exception from now on stops: none is
    /// slept upon.
    void begin_run()
    {
        std::unique_lock<std::mutex> lock(mutex_);
        rethrow(lock);
        running_ += 1;
    }

    void end_run() noexcept
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        running_ -= 1;
    }

    void set_sink(std::function<void(std::exception_ptr)> sink)
    {
        std::shared_ptr<const std::function<void(std::exception_ptr)>> next;
        if (sink) {
            next = std::make_shared<const std::function<void(std::exception_ptr)>>(std::move(sink));
        }
        const std::lock_guard<std::mutex> lock(mutex_);
        sink_.swap(next);
    }

private:
    enum : std::size_t { kept_on_thread = 16 };

    /// A dispatch ends with the batch it delivers, so what it leaves is bounded; a
    /// thread that nobody asks for its exceptions could leave any number.
    void keep(std::exception_ptr exception) noexcept
    {
        if (where_ == callbacks::on_thread && pending_.size() >= kept_on_thread) {
            return;
        }
        try {
            pending_.push_back(std::move(exception));
        } catch (...) { // no memory for it: the first ones tell the story
        }
    }

    void rethrow(std::unique_lock<std::mutex> &lock)
    {
        if (pending_.empty()) {
            return;
        }
        const std::exception_ptr oldest = std::move(pending_.front());
        pending_.pop_front();
        lock.unlock();
        std::rethrow_exception(oldest);
    }

    mutable std::mutex mutex_;
    wsc_loop_t *handle_;
    const callbacks where_;
    int running_ = 0;
    std::deque<std::exception_ptr> pending_;
    std::shared_ptr<const std::function<void(std::exception_ptr)>> sink_;
};

class after_free {
public:
    after_free() noexcept = default;
    after_free(const after_free &) = delete;
    after_free &operator=(const after_free &) = delete;
    virtual ~after_free() = default;
    virtual void call() = 0;
};

/// What a connection's handlers share: on the heap, so that the connection object may
/// move, until the library says that no callback can run any more.
class connection_state {
public:
    explicit connection_state(std::shared_ptr<loop_state> loop) noexcept : loop_(std::move(loop)) {}

    void set_after_free(std::unique_ptr<after_free> next)
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        after_free_.swap(next);
    }

    /// Of a handler that threw.
    void capture() noexcept { loop_->capture(); }

    static void on_free(void *userdata) noexcept
    {
        std::unique_ptr<connection_state> state(static_cast<connection_state *>(userdata));
        const std::shared_ptr<loop_state> loop = state->loop_;
        const std::unique_ptr<after_free> last = std::move(state->after_free_);
        state.reset();
        if (!last) {
            return;
        }
        try {
            last->call();
        } catch (...) {
            loop->capture();
        }
    }

private:
    std::mutex mutex_;
    std::unique_ptr<after_free> after_free_;
    const std::shared_ptr<loop_state> loop_;
};

template <class Function>
struct is_std_function : std::false_type {};
template <class Signature>
struct is_std_function<std::function<Signature>> : std::true_type {};

/// Whether a callable is one that can be empty, and is.
template <class Function>
bool is_empty(const Function &function) noexcept
{
    if constexpr (std::is_null_pointer_v<Function>) {
        return true;
    } else if constexpr (std::is_pointer_v<Function> || is_std_function<Function>::value) {
        return function == nullptr;
    } else {
        return false;
    }
}

} // namespace detail

// ---------------------------------------------------------------------------
// The loop

/// Carries any number of connections. Moving it is safe at any time; destroying it
/// inside a handler is, too.
class loop {
public:
    /// Where callbacks run: inside `dispatch` and `run`, or on the loop's own thread.
    explicit loop(callbacks where = callbacks::on_dispatch)
    {
        wsc_loop_t *handle = nullptr;
        detail::check(wsc_loop_new(static_cast<std::int32_t>(where), &handle), "wsc::loop");
        try {
            state_ = std::make_shared<detail::loop_state>(handle, where);
        } catch (...) {
            wsc_loop_free(handle);
            throw;
        }
    }

    loop(loop &&other) noexcept = default;
    loop &operator=(loop &&other) noexcept
    {
        if (this != &other) {
            free();
            state_ = std::move(other.state_);
        }
        return *this;
    }
    loop(const loop &) = delete;
    loop &operator=(const loop &) = delete;

    /// Ends the connections without further events. Waits for a handler that runs on
    /// the loop's own thread, never for the network.
    ~loop() { free(); }

    /// The descriptor to watch in an event loop of your own; readable while there is
    /// something to dispatch or poll.
    int fd() const noexcept { return wsc_loop_fd(native_handle()); }

    /// Runs the handlers of what is there, after waiting for it if need be. Throws
    /// what a handler threw.
    void dispatch(milliseconds timeout = forever)
    {
        const std::shared_ptr<detail::loop_state> state = live("loop::dispatch");
        const std::int32_t timeout_ms = detail::wait_ms(timeout, "loop::dispatch");
        state->rethrow();
        // A handler may destroy this loop: from here on only `state` is used.
        const wsc_status_t result = wsc_loop_dispatch(state->handle(), timeout_ms);
        state->rethrow();
        detail::check(result, "loop::dispatch");
    }

    /// Fills `batch` with what is there, after waiting for it if need be, and runs no
    /// handlers. What the events point to is valid until the next poll on this loop.
    event_batch &poll(event_batch &batch, milliseconds timeout = forever)
    {
        const std::shared_ptr<detail::loop_state> state = live("loop::poll");
        batch.size_ = 0;
        batch.events_.resize(batch.capacity_); // of one that was moved from
        detail::check(wsc_loop_poll(state->handle(), batch.events_.data(), batch.events_.size(),
                                    detail::wait_ms(timeout, "loop::poll"), &batch.size_),
                      "loop::poll");
        return batch;
    }

    /// Dispatches until no connection, scheduled reconnect or event is left, or until
    /// `stop`. With a thread of its own it only waits for the same. Throws what a
    /// handler threw; call it again to go on.
    void run()
    {
        const std::shared_ptr<detail::loop_state> state = live("loop::run");
        state->begin_run();
        // A handler may destroy this loop: from here on only `state` is used.
        const wsc_status_t result = wsc_loop_run(state->handle());
        state->end_run();
        state->rethrow();
        detail::check(result, "loop::run");
    }

    /// Makes `run` return, or the next one if none is running. Any thread.
    void stop() { detail::check(wsc_loop_stop(native_handle()), "loop::stop"); }

    /// Ends the wait of `dispatch` or `poll`. Any thread.
    void wake() { detail::check(wsc_loop_wake(native_handle()), "loop::wake"); }

    /// Writes what is queued, as far as the sockets take it.
    void flush() { detail::check(wsc_loop_flush(native_handle()), "loop::flush"); }

    /// How long a wait looks for readiness again and again before it sleeps; 0, as at
    /// first, not at all.
    void set_busy_poll(std::chrono::microseconds busy)
    {
        constexpr const char *call = "loop::set_busy_poll";
        constexpr auto most = std::numeric_limits<std::uint32_t>::max();
        if (busy.count() < 0 || busy.count() > std::chrono::microseconds::rep{most}) {
            detail::check(WSC_ERR_INVALID, call);
        }
        detail::check(
            wsc_loop_set_busy_poll(native_handle(), static_cast<std::uint32_t>(busy.count())),
            call);
    }

    /// How long the host may be away before the background thread does its work.
    void set_standby_grace(milliseconds grace)
    {
        constexpr const char *call = "loop::set_standby_grace";
        detail::check(wsc_loop_set_standby_grace(native_handle(), detail::option_ms(grace, call)),
                      call);
    }

    /// Takes the exceptions of handlers, on the thread that runs those, in place of
    /// `dispatch`, `run` and `rethrow`. It must not throw: that ends the program.
    /// Empty gives them back.
    void on_exception(std::function<void(std::exception_ptr)> handler)
    {
        live("loop::on_exception")->set_sink(std::move(handler));
    }

    /// Throws the oldest exception of a handler that nobody has seen. A loop with a
    /// thread of its own keeps the first 16.
    void rethrow() { live("loop::rethrow")->rethrow(); }

    /// Borrowed; nullptr after a move.
    wsc_loop_t *native_handle() const noexcept { return state_ ? state_->handle() : nullptr; }

private:
    friend class connection;

    const std::shared_ptr<detail::loop_state> &live(const char *call) const
    {
        if (!state_) {
            detail::check(WSC_ERR_NULL, call);
        }
        return state_;
    }

    void free() noexcept
    {
        if (state_) {
            state_->free();
        }
    }

    std::shared_ptr<detail::loop_state> state_;
};

// ---------------------------------------------------------------------------
// Connections

/// A connection of someone else's: its settings and its traffic. Cheap to copy;
/// valid as long as the connection is. Every function may be called from any thread.
class endpoint {
public:
    std::uint64_t id() const noexcept { return wsc_conn_id(conn_); }
    /// As far as events were delivered; a send fails by the real state.
    wsc::state state() const noexcept { return static_cast<wsc::state>(wsc_conn_state(conn_)); }
    wsc_conn_t *native_handle() const noexcept { return conn_; }

    // Settings for the next attempt, unless another time is named

    void set_url(std::string_view url) const
    {
        constexpr const char *call = "set_url";
        detail::check(
            wsc_conn_set_url(conn_, detail::c_string(url, WSC_ERR_URL, call).get()), call);
    }

    /// In place of all headers of that name.
    void set_header(std::string_view name, std::string_view value) const
    {
        write_header(wsc_conn_set_header, name, value, "set_header");
    }

    /// After those of the same name.
    void add_header(std::string_view name, std::string_view value) const
    {
        write_header(wsc_conn_add_header, name, value, "add_header");
    }

    void clear_headers() const { detail::check(wsc_conn_clear_headers(conn_), "clear_headers"); }

    /// Separated by commas, the preferred one first. Empty offers none.
    void set_subprotocols(std::string_view list) const
    {
        constexpr const char *call = "set_subprotocols";
        const detail::c_string terminated(list, WSC_ERR_SUBPROTOCOL, call);
        detail::check(wsc_conn_set_subprotocols(conn_, terminated.get()), call);
    }

    void set_subprotocols(std::initializer_list<std::string_view> list) const
    {
        std::string joined;
        for (const std::string_view item : list) {
            if (!joined.empty()) {
                joined += ',';
            }
            joined += item;
        }
        set_subprotocols(std::string_view(joined));
    }

    /// Empty sends none.
    void set_origin(std::string_view origin) const
    {
        constexpr const char *call = "set_origin";
        detail::check(
            wsc_conn_set_origin(conn_, detail::c_string(origin, WSC_ERR_ORIGIN, call).get()), call);
    }

    /// For DNS, TCP, proxy and TLS together.
    void set_connect_timeout(milliseconds timeout) const
    {
        set_time(wsc_conn_set_connect_timeout, timeout, "set_connect_timeout");
    }

    /// For the HTTP upgrade.
    void set_handshake_timeout(milliseconds timeout) const
    {
        set_time(wsc_conn_set_handshake_timeout, timeout, "set_handshake_timeout");
    }

    /// For the close handshake.
    void set_close_timeout(milliseconds timeout) const
    {
        set_time(wsc_conn_set_close_timeout, timeout, "set_close_timeout");
    }

    /// At once. `forever`: the library sends no pings.
    void set_ping_interval(milliseconds interval) const
    {
        set_time(wsc_conn_set_ping_interval, interval, "set_ping_interval");
    }

    /// At once. How long the peer may stay silent after a ping.
    void set_pong_timeout(milliseconds timeout) const
    {
        set_time(wsc_conn_set_pong_timeout, timeout, "set_pong_timeout");
    }

    /// At once. Without it, answer each ping with `pong`.
    void set_auto_pong(bool on) const
    {
        detail::check(wsc_conn_set_auto_pong(conn_, on), "set_auto_pong");
    }

    /// At once. What `send` sends.
    void set_binary_type(wsc::binary_type type) const
    {
        detail::check(wsc_conn_set_binary_type(conn_, static_cast<std::int32_t>(type)),
                      "set_binary_type");
    }

    /// At once, from the next frame on. Received messages, whatever `set_max_message_size` says.
    void set_max_receive_size(std::size_t size) const
    {
        detail::check(wsc_conn_set_max_receive_size(conn_, size), "set_max_receive_size");
    }

    /// Received messages; at once for sent ones.
    void set_max_message_size(std::size_t size) const
    {
        detail::check(wsc_conn_set_max_message_size(conn_, size), "set_max_message_size");
    }

    void set_max_frame_size(std::size_t size) const
    {
        detail::check(wsc_conn_set_max_frame_size(conn_, size), "set_max_frame_size");
    }

    void set_max_header_size(std::size_t size) const
    {
        detail::check(wsc_conn_set_max_header_size(conn_, size), "set_max_header_size");
    }

    /// Of how many frames a received message may consist.
    void set_max_fragments(std::size_t count) const
    {
        detail::check(wsc_conn_set_max_fragments(conn_, count), "set_max_fragments");
    }

    /// Whether received messages are delivered in parts.
    void set_streaming(bool on) const
    {
        detail::check(wsc_conn_set_streaming(conn_, on), "set_streaming");
    }

    /// Whether compression is offered: permessage-deflate.
    void set_deflate(bool on) const
    {
        detail::check(wsc_conn_set_deflate(conn_, on), "set_deflate");
    }

    /// From 1, the fastest, to 9, the smallest.
    void set_deflate_level(int level) const
    {
        detail::check(wsc_conn_set_deflate_level(conn_, level), "set_deflate_level");
    }

    /// How many times its size a received message may inflate to.
    void set_deflate_max_ratio(std::size_t ratio) const
    {
        detail::check(wsc_conn_set_deflate_max_ratio(conn_, ratio), "set_deflate_max_ratio");
    }

    /// Whether each message is compressed by itself: those sent, those received.
    void set_deflate_no_context_takeover(bool for_client, bool for_server) const
    {
        detail::check(wsc_conn_set_deflate_no_context_takeover(conn_, for_client, for_server),
                      "set_deflate_no_context_takeover");
    }

    /// Smaller messages are sent as they are.
    void set_deflate_threshold(std::size_t size) const
    {
        detail::check(wsc_conn_set_deflate_threshold(conn_, size), "set_deflate_threshold");
    }

    /// How far back compression looks, as powers of two: 9 to 15 for what is sent, 8 to 15
    /// for what is received.
    void set_deflate_window_bits(int for_client, int for_server) const
    {
        detail::check(wsc_conn_set_deflate_window_bits(conn_, for_client, for_server),
                      "set_deflate_window_bits");
    }

    /// At once. From how much queued data on a send is refused.
    void set_send_queue_limit(std::size_t limit) const
    {
        detail::check(wsc_conn_set_send_queue_limit(conn_, limit), "set_send_queue_limit");
    }

    /// At once. From how much undelivered data on the socket is not read.
    void set_receive_queue_limit(std::size_t limit) const
    {
        detail::check(wsc_conn_set_receive_queue_limit(conn_, limit), "set_receive_queue_limit");
    }

    /// At once. How long the server may send nothing at all.
    void set_idle_timeout(milliseconds timeout) const
    {
        set_time(wsc_conn_set_idle_timeout, timeout, "set_idle_timeout");
    }

    /// Of its own for one phase: dns, tcp, proxy or tls.
    void set_phase_timeout(phase which, milliseconds timeout) const
    {
        constexpr const char *call = "set_phase_timeout";
        detail::check(wsc_conn_set_phase_timeout(conn_, static_cast<std::int32_t>(which),
                                                 detail::option_ms(timeout, call)),
                      call);
    }

    /// How long TCP may wait for sent data to be acknowledged.
    void set_tcp_user_timeout(milliseconds timeout) const
    {
        set_time(wsc_conn_set_tcp_user_timeout, timeout, "set_tcp_user_timeout");
    }

    /// Whether small writes leave at once.
    void set_tcp_nodelay(bool on) const
    {
        detail::check(wsc_conn_set_tcp_nodelay(conn_, on), "set_tcp_nodelay");
    }

    /// After which silence TCP sends keepalive probes; whole seconds.
    void set_keepalive(milliseconds time) const
    {
        set_time(wsc_conn_set_keepalive, time, "set_keepalive");
    }

    /// Such as eth0. Empty: the system chooses.
    void set_interface(std::string_view name) const
    {
        set_text(wsc_conn_set_interface, name, WSC_ERR_INVALID, "set_interface");
    }

    /// The address to connect from. Empty: the system chooses.
    void set_local_address(std::string_view address) const
    {
        set_text(wsc_conn_set_local_address, address, WSC_ERR_INVALID, "set_local_address");
    }

    /// A connected socket for the next attempt; it is duplicated.
    void set_socket(int fd) const
    {
        detail::check(wsc_conn_set_socket(conn_, fd), "set_socket");
    }

    /// How many HTTP redirects an attempt follows.
    void set_max_redirects(std::uint32_t count) const
    {
        detail::check(wsc_conn_set_max_redirects(conn_, count), "set_max_redirects");
    }

    /// A message to be sent first whenever the connection opens.
    void add_prologue(message_type type, bytes_view data) const
    {
        detail::check(wsc_conn_add_prologue(conn_, static_cast<std::int32_t>(type), data.data(),
                                            data.size()),
                      "add_prologue");
    }

    void clear_prologue() const { detail::check(wsc_conn_clear_prologue(conn_), "clear_prologue"); }

    // Automatic reconnects, which are for connections and not for wsc::client

    /// Whether a lost connection comes back by itself.
    void set_auto_reconnect(bool on) const
    {
        detail::check(wsc_conn_set_auto_reconnect(conn_, on), "set_auto_reconnect");
    }

    /// The bounds of the random delay before it.
    void set_reconnect_delay(milliseconds least, milliseconds most) const
    {
        constexpr const char *call = "set_reconnect_delay";
        detail::check(wsc_conn_set_reconnect_delay(conn_, detail::option_ms(least, call),
                                                   detail::option_ms(most, call)),
                      call);
    }

    /// How many may follow each other; nothing: any number.
    void set_reconnect_limit(std::optional<std::int32_t> attempts) const
    {
        constexpr const char *call = "set_reconnect_limit";
        if (attempts && *attempts < 0) {
            detail::check(WSC_ERR_INVALID, call);
        }
        detail::check(wsc_conn_set_reconnect_limit(conn_, attempts.value_or(WSC_FOREVER)), call);
    }

    /// How long a connection must have been open to count as stable.
    void set_reconnect_stable_after(milliseconds time) const
    {
        set_time(wsc_conn_set_reconnect_stable_after, time, "set_reconnect_stable_after");
    }

    /// Also after causes that it cannot mend.
    void set_reconnect_after_fatal(bool on) const
    {
        detail::check(wsc_conn_set_reconnect_after_fatal(conn_, on), "set_reconnect_after_fatal");
    }

    /// What becomes of messages that have not left; the time is for `queue_policy::expire`.
    void set_queue_policy(queue_policy policy, milliseconds expire = milliseconds::zero()) const
    {
        constexpr const char *call = "set_queue_policy";
        detail::check(wsc_conn_set_queue_policy(conn_, static_cast<std::int32_t>(policy),
                                                detail::option_ms(expire, call)),
                      call);
    }

    // Proxies

    /// http://, https://, socks5:// or the others of wsc.h; empty: none.
    void set_proxy(std::string_view url) const
    {
        set_text(wsc_conn_set_proxy, url, WSC_ERR_URL, "set_proxy");
    }

    /// As the variables of the environment say.
    void set_proxy_from_environment() const
    {
        detail::check(wsc_conn_set_proxy_from_environment(conn_), "set_proxy_from_environment");
    }

    /// For the CONNECT request.
    void add_proxy_header(std::string_view name, std::string_view value) const
    {
        write_header(wsc_conn_add_proxy_header, name, value, "add_proxy_header");
    }

    /// Removes them all.
    void clear_proxy_headers() const
    {
        detail::check(wsc_conn_clear_proxy_headers(conn_), "clear_proxy_headers");
    }

    // TLS

    /// Trusts further certificates, given in PEM.
    void add_tls_ca(std::string_view pem) const
    {
        detail::check(wsc_conn_add_tls_ca(conn_, pem.data(), pem.size()), "add_tls_ca");
    }

    /// The same, from a file.
    void add_tls_ca_file(std::string_view path) const
    {
        set_text(wsc_conn_add_tls_ca_file, path, WSC_ERR_FILE, "add_tls_ca_file");
    }

    /// Adds lists of revoked certificates, in PEM, or one in DER. From then on a list must
    /// cover the server's certificate.
    void add_tls_crl(bytes_view lists) const
    {
        detail::check(wsc_conn_add_tls_crl(conn_, lists.data(), lists.size()), "add_tls_crl");
    }

    /// The same, from a file.
    void add_tls_crl_file(std::string_view path) const
    {
        set_text(wsc_conn_add_tls_crl_file, path, WSC_ERR_FILE, "add_tls_crl_file");
    }

    /// Whether the system's certificates are trusted.
    void set_tls_system_roots(bool on) const
    {
        detail::check(wsc_conn_set_tls_system_roots(conn_, on), "set_tls_system_roots");
    }

    /// Accepts only a server that has one of the pins, each the SHA-256 of it: 32 bytes.
    void add_tls_pin(pin_type type, bytes_view sha256) const
    {
        detail::check(wsc_conn_add_tls_pin(conn_, static_cast<std::int32_t>(type), sha256.data(),
                                           sha256.size()),
                      "add_tls_pin");
    }

    /// The client's certificate and those that lead to its issuer, and its key, in PEM.
    void set_tls_identity(std::string_view chain, std::string_view key,
                          std::string_view passphrase = {}) const
    {
        constexpr const char *call = "set_tls_identity";
        const detail::c_string c_passphrase(passphrase, WSC_ERR_PASSPHRASE, call);
        detail::check(wsc_conn_set_tls_identity(conn_, chain.data(), chain.size(), key.data(),
                                                key.size(), c_passphrase.get()),
                      call);
    }

    /// The same, from files. Without a key's, it is in the chain's.
    void set_tls_identity_files(std::string_view chain_path, std::string_view key_path = {},
                                std::string_view passphrase = {}) const
    {
        constexpr const char *call = "set_tls_identity_files";
        const detail::c_string c_chain(chain_path, WSC_ERR_FILE, call);
        const detail::c_string c_key(key_path, WSC_ERR_FILE, call);
        const detail::c_string c_passphrase(passphrase, WSC_ERR_PASSPHRASE, call);
        detail::check(wsc_conn_set_tls_identity_files(conn_, c_chain.get(),
                                                      key_path.empty() ? nullptr : c_key.get(),
                                                      c_passphrase.get()),
                      call);
    }

    /// The same, as a PKCS#12 file has them.
    void set_tls_pkcs12(bytes_view data, std::string_view passphrase = {}) const
    {
        constexpr const char *call = "set_tls_pkcs12";
        const detail::c_string c_passphrase(passphrase, WSC_ERR_PASSPHRASE, call);
        detail::check(wsc_conn_set_tls_pkcs12(conn_, data.data(), data.size(), c_passphrase.get()),
                      call);
    }

    /// The name sent in the clear (SNI). Nothing: the URL's host; empty: none.
    void set_tls_server_name(std::optional<std::string_view> name) const
    {
        set_optional(wsc_conn_set_tls_server_name, name, "set_tls_server_name");
    }

    /// The name or address that the certificate must have. Nothing: the URL's host.
    void set_tls_verify_name(std::optional<std::string_view> name) const
    {
        set_optional(wsc_conn_set_tls_verify_name, name, "set_tls_verify_name");
    }

    void set_tls_versions(tls_version least, tls_version most) const
    {
        detail::check(wsc_conn_set_tls_versions(conn_, static_cast<std::int32_t>(least),
                                                static_cast<std::int32_t>(most)),
                      "set_tls_versions");
    }

    /// Protocols to offer, separated by commas.
    void set_tls_alpn(std::string_view list) const
    {
        set_text(wsc_conn_set_tls_alpn, list, WSC_ERR_INVALID, "set_tls_alpn");
    }

    /// DANGER: accepts every certificate, of anybody, for any name, expired or not.
    void set_tls_danger_accept_anything(bool on) const
    {
        detail::check(wsc_conn_set_tls_danger_accept_anything(conn_, on), "set_tls_danger_accept_anything");
    }

    /// Gives every TLS setting its default again.
    void reset_tls() const
    {
        detail::check(wsc_conn_reset_tls(conn_), "reset_tls");
    }

    // Traffic. Sends never block; a full queue is `status::queue_full`, which those
    // named try_ return and the others throw.

    /// One message of the binary type: text, unless `set_binary_type` says binary.
    void send(std::string_view data) const { detail::check(detail::raw(try_send(data)), "send"); }

    /// One message of that type.
    void send(message_type type, std::string_view data) const
    {
        if (type == message_type::text) {
            send_text(data);
        } else {
            send_binary(data);
        }
    }

    void send_text(std::string_view text) const
    {
        detail::check(detail::raw(try_send_text(text)), "send_text");
    }

    void send_binary(bytes_view data) const
    {
        detail::check(detail::raw(try_send_binary(data)), "send_binary");
    }

    [[nodiscard]] wsc::status try_send(std::string_view data) const noexcept
    {
        return static_cast<wsc::status>(wsc_conn_send(conn_, data.data(), data.size()));
    }

    [[nodiscard]] wsc::status try_send_text(std::string_view text) const noexcept
    {
        return static_cast<wsc::status>(wsc_conn_send_text(conn_, text.data(), text.size()));
    }

    [[nodiscard]] wsc::status try_send_binary(bytes_view data) const noexcept
    {
        return static_cast<wsc::status>(wsc_conn_send_binary(conn_, data.data(), data.size()));
    }

    /// One message or one part of a message. A message in parts begins with `part::first`
    /// and ends with `part::last`; other messages are refused in between.
    void send_message(message_type type, part which, bytes_view data,
                      send_flags flags = send_flags::none) const
    {
        detail::check(detail::raw(try_send_message(type, which, data, flags)), "send_message");
    }

    [[nodiscard]] wsc::status try_send_message(message_type type, part which, bytes_view data,
                                               send_flags flags = send_flags::none) const noexcept
    {
        return static_cast<wsc::status>(wsc_conn_send_message(
            conn_, static_cast<std::int32_t>(type), static_cast<std::int32_t>(which),
            static_cast<std::int32_t>(flags), data.data(), data.size()));
    }

    /// At most 125 bytes.
    void ping(std::string_view data = {}) const
    {
        detail::check(wsc_conn_ping(conn_, data.data(), data.size()), "ping");
    }

    /// At most 125 bytes.
    void pong(std::string_view data = {}) const
    {
        detail::check(wsc_conn_pong(conn_, data.data(), data.size()), "pong");
    }

    /// Writes what is queued, as far as the socket takes it.
    void flush() const { detail::check(wsc_conn_flush(conn_), "flush"); }

    /// Holds messages, pings and pongs, and slows the peer down.
    void pause_recv() const { detail::check(wsc_conn_pause_recv(conn_), "pause_recv"); }
    void resume_recv() const { detail::check(wsc_conn_resume_recv(conn_), "resume_recv"); }

    /// Bytes that are queued and not yet taken by the kernel.
    std::size_t buffered_amount() const noexcept { return wsc_conn_buffered_amount(conn_); }

    std::uint64_t counter(wsc::counter which) const
    {
        std::uint64_t value = 0;
        detail::check(wsc_conn_counter(conn_, static_cast<std::int32_t>(which), &value), "counter");
        return value;
    }

    /// A number of the report on the last attempt, complete when close was told; 0 where
    /// there is none.
    std::uint64_t report(report_number which) const
    {
        std::uint64_t value = 0;
        detail::check(wsc_conn_report_number(conn_, static_cast<std::int32_t>(which), &value),
                      "report");
        return value;
    }

    /// A text or bytes of that report; empty where there is none.
    std::string report(report_data which) const
    {
        const auto what = static_cast<std::int32_t>(which);
        std::string value;
        std::size_t size = 0;
        do { // another thread's attempt may change it meanwhile
            value.resize(size);
            const wsc_status_t result
                = wsc_conn_report_data(conn_, what, value.data(), value.size(), &size);
            if (result == WSC_ERR_NOT_FOUND) {
                return {};
            }
            detail::check(result, "report");
        } while (size > value.size());
        value.resize(size);
        return value;
    }

    /// Such as "192.0.2.1:80"; throws `status::not_found` before TCP was connected.
    std::string peer_address() const { return text(wsc_conn_peer_address, "peer_address"); }
    std::string local_address() const { return text(wsc_conn_local_address, "local_address"); }

    /// What the server chose in the last handshake; empty if nothing.
    std::string subprotocol() const { return chosen(wsc_conn_subprotocol, "subprotocol"); }
    std::string extensions() const { return chosen(wsc_conn_extensions, "extensions"); }

protected:
    explicit endpoint(wsc_conn_t *conn) noexcept : conn_(conn) {}

    wsc_conn_t *conn_;

private:
    using header_setter = wsc_status_t (*)(wsc_conn_t *, const char *, const char *);
    using time_setter = wsc_status_t (*)(wsc_conn_t *, std::int32_t);
    using text_getter = wsc_status_t (*)(const wsc_conn_t *, char *, std::size_t);

    void write_header(header_setter set, std::string_view name, std::string_view value,
                      const char *call) const
    {
        const detail::c_string c_name(name, WSC_ERR_HEADER_NAME, call);
        const detail::c_string c_value(value, WSC_ERR_HEADER_VALUE, call);
        detail::check(set(conn_, c_name.get(), c_value.get()), call);
    }

    void set_time(time_setter set, milliseconds time, const char *call) const
    {
        detail::check(set(conn_, detail::option_ms(time, call)), call);
    }

    using text_setter = wsc_status_t (*)(wsc_conn_t *, const char *);

    void set_text(text_setter set, std::string_view text, wsc_status_t bad, const char *call) const
    {
        detail::check(set(conn_, detail::c_string(text, bad, call).get()), call);
    }

    void set_optional(text_setter set, std::optional<std::string_view> text, const char *call) const
    {
        if (text) {
            set_text(set, *text, WSC_ERR_INVALID, call);
        } else {
            detail::check(set(conn_, nullptr), call);
        }
    }

    std::string text(text_getter get, const char *call) const
    {
        std::vector<char> buffer(64);
        wsc_status_t result = get(conn_, buffer.data(), buffer.size());
        while (result == WSC_ERR_TOO_BIG) {
            buffer.resize(buffer.size() * 4);
            result = get(conn_, buffer.data(), buffer.size());
        }
        detail::check(result, call);
        return buffer.data();
    }

    std::string chosen(text_getter get, const char *call) const
    {
        try {
            return text(get, call);
        } catch (const error &error) {
            if (error.status() == wsc::status::not_found) {
                return {};
            }
            throw;
        }
    }
};

/// A connection of someone else's, with its handlers. Handlers get one; what `wsc.h`
/// says of a `wsc_conn_t *` in a callback holds for it.
///
/// A handler is any callable, one that can only be moved included. It takes
/// `(wsc::connection_ref, View)`, one of the two or nothing, where View is the type
/// named with its setter; nullptr removes it. It takes effect with the next event, and
/// what it captured is destroyed when it cannot run any more. On a loop with a thread
/// of its own that can be a moment after the connection was destroyed: what handlers
/// refer to has to live until the loop is destroyed, or until `on_free`.
class connection_ref : public endpoint {
public:
    connection_ref(wsc_conn_t *conn, detail::connection_state *state) noexcept
        : endpoint(conn), state_(state)
    {
    }

    /// Starts an attempt. Never blocks; handlers tell what comes of it.
    void connect() const { detail::check(wsc_conn_connect(conn_), "connect"); }

    /// Starts an attempt after a delay, aborting the one that is under way.
    void reconnect(milliseconds delay = milliseconds::zero()) const
    {
        constexpr const char *call = "reconnect";
        detail::check(wsc_conn_reconnect(conn_, detail::option_ms(delay, call)), call);
    }

    void cancel_reconnect() const
    {
        detail::check(wsc_conn_cancel_reconnect(conn_), "cancel_reconnect");
    }

    /// Starts the close handshake, after what was sent before. 1000, 3000 to 4999, or
    /// 0 to send no code.
    void close(std::uint16_t code = 1000, std::string_view reason = {}) const
    {
        detail::check(wsc_conn_close(conn_, code, reason.data(), reason.size()), "close");
    }

    /// Ends the attempt at once.
    void abort() const { detail::check(wsc_conn_abort(conn_), "abort"); }

    /// View: `wsc::connect_info`. TCP is connected; TLS and the upgrade follow.
    template <class Function>
    void on_connect(Function &&function) const
    {
        set<connect_info>(std::forward<Function>(function), "on_connect");
    }

    /// View: `wsc::handshake`. The connection is open.
    template <class Function>
    void on_handshake(Function &&function) const
    {
        set<handshake>(std::forward<Function>(function), "on_handshake");
    }

    /// View: `wsc::message`.
    template <class Function>
    void on_message(Function &&function) const
    {
        set<message>(std::forward<Function>(function), "on_message");
    }

    /// View: `wsc::ping_info`. Answered already, unless `set_auto_pong(false)`.
    template <class Function>
    void on_ping(Function &&function) const
    {
        set<ping_info>(std::forward<Function>(function), "on_ping");
    }

    /// View: `wsc::pong_info`.
    template <class Function>
    void on_pong(Function &&function) const
    {
        set<pong_info>(std::forward<Function>(function), "on_pong");
    }

    /// View: `wsc::buffer_full_info`. The send queue reached its limit.
    template <class Function>
    void on_buffer_full(Function &&function) const
    {
        set<buffer_full_info>(std::forward<Function>(function), "on_buffer_full");
    }

    /// View: `wsc::buffer_drain_info`. The send queue is empty again.
    template <class Function>
    void on_buffer_drain(Function &&function) const
    {
        set<buffer_drain_info>(std::forward<Function>(function), "on_buffer_drain");
    }

    /// View: `wsc::error_info`. Close follows.
    template <class Function>
    void on_error(Function &&function) const
    {
        set<error_info>(std::forward<Function>(function), "on_error");
    }

    /// View: `wsc::close_info`. Once for each attempt, last of all. `reconnect` may be
    /// called here, and the connection destroyed.
    template <class Function>
    void on_close(Function &&function) const
    {
        set<close_info>(std::forward<Function>(function), "on_close");
    }

    /// View: `wsc::reconnect_info`. An automatic reconnect begins when this has returned.
    template <class Function>
    void on_reconnect(Function &&function) const
    {
        set<reconnect_info>(std::forward<Function>(function), "on_reconnect");
    }

    /// Called once with nothing after the connection was destroyed, when no handler can
    /// run any more and all of them were destroyed; on any thread.
    template <class Function>
    void on_free(Function &&function) const
    {
        using callable = std::decay_t<Function>;
        require_state("on_free");
        if (detail::is_empty(function)) {
            state_->set_after_free(nullptr);
            return;
        }
        if constexpr (!std::is_null_pointer_v<callable>) {
            static_assert(std::is_invocable_v<callable &>, "an on_free handler takes nothing");
            struct last : detail::after_free {
                explicit last(Function &&f) : function(std::forward<Function>(f)) {}
                void call() override { std::invoke(function); }
                callable function;
            };
            state_->set_after_free(std::make_unique<last>(std::forward<Function>(function)));
        }
    }

protected:
    detail::connection_state *state_;

private:
    /// A callable as the userdata of its callback, on the heap until the library releases
    /// it: whichever thread lets go of it last, when it is not running.
    template <class View, class Function>
    class handler {
    public:
        template <class Argument>
        handler(detail::connection_state *state, Argument &&function)
            : state_(state), function_(std::forward<Argument>(function))
        {
        }

        static void call(wsc_conn_t *conn, const wsc_event_t *event, void *userdata) noexcept
        {
            auto *self = static_cast<handler *>(userdata);
            try {
                self->call(conn, *event);
            } catch (...) {
                self->state_->capture();
            }
        }

        static void release(void *userdata) noexcept { delete static_cast<handler *>(userdata); }

    private:
        void call(wsc_conn_t *conn, const wsc_event_t &event)
        {
            if constexpr (std::is_invocable_v<Function &, connection_ref, View>) {
                std::invoke(function_, connection_ref(conn, state_), View(event));
            } else if constexpr (std::is_invocable_v<Function &, View>) {
                std::invoke(function_, View(event));
            } else if constexpr (std::is_invocable_v<Function &, connection_ref>) {
                std::invoke(function_, connection_ref(conn, state_));
            } else {
                static_assert(std::is_invocable_v<Function &>,
                              "a handler takes (wsc::connection_ref, View), one of them or nothing");
                std::invoke(function_);
            }
        }

        detail::connection_state *const state_;
        Function function_;
    };

    template <class View, class Function>
    void set(Function &&function, const char *call) const
    {
        using callable = std::decay_t<Function>;
        constexpr auto type = static_cast<std::int32_t>(View::event);
        require_state(call);
        if (detail::is_empty(function)) {
            detail::check(wsc_conn_on_event(conn_, type, nullptr, nullptr, nullptr), call);
            return;
        }
        if constexpr (!std::is_null_pointer_v<callable>) {
            using owned = handler<View, callable>;
            auto userdata = std::make_unique<owned>(state_, std::forward<Function>(function));
            detail::check(wsc_conn_on_event(conn_, type, owned::call, userdata.release(),
                                            owned::release),
                          call);
        }
    }

    void require_state(const char *call) const
    {
        if (state_ == nullptr) {
            detail::check(WSC_ERR_NULL, call);
        }
    }
};

/// A connection. Movable at any time, also while it is open. Destroying it ends it
/// without a close handshake, and is safe inside its own handlers; to close in order,
/// call `close` and wait for `on_close`.
class connection : public connection_ref {
public:
    connection() noexcept : connection_ref(nullptr, nullptr) {}

    /// Sets it up; `connect` starts it.
    connection(loop &on, std::string_view url) : connection()
    {
        constexpr const char *call = "wsc::connection";
        auto state = std::make_unique<detail::connection_state>(on.live(call));
        const detail::c_string terminated(url, WSC_ERR_URL, call);
        wsc_conn_t *conn = nullptr;
        detail::check(wsc_conn_new(on.native_handle(), terminated.get(), &conn), call);
        const wsc_status_t result
            = wsc_conn_on_free(conn, detail::connection_state::on_free, state.get());
        if (result != WSC_OK) {
            wsc_conn_free(conn);
            detail::check(result, call);
        }
        conn_ = conn;
        state_ = state.release();
    }

    connection(connection &&other) noexcept : connection() { swap(other); }
    connection &operator=(connection &&other) noexcept
    {
        connection(std::move(other)).swap(*this);
        return *this;
    }
    connection(const connection &) = delete;
    connection &operator=(const connection &) = delete;
    ~connection() { reset(); }

    /// Ends and frees it, as the destructor does.
    void reset() noexcept
    {
        state_ = nullptr;
        wsc_conn_free(std::exchange(conn_, nullptr));
    }

    void swap(connection &other) noexcept
    {
        std::swap(conn_, other.conn_);
        std::swap(state_, other.state_);
    }

    /// Whether there is one: not after a move or `reset`.
    explicit operator bool() const noexcept { return conn_ != nullptr; }
};

inline void swap(connection &left, connection &right) noexcept { left.swap(right); }

// ---------------------------------------------------------------------------
// Blocking calls

/// A message that is yours.
struct owned_message {
    message_type type = message_type::text;
    std::string data;
    wsc::part part = wsc::part::whole;

    bool is_text() const noexcept { return type == message_type::text; }
    bool is_binary() const noexcept { return type == message_type::binary; }
    bytes_view bytes() const noexcept { return std::string_view(data); }
};

/// How a connection ended.
struct close_result {
    int code = 0;
    std::string reason;
    bool clean = false;
    bool by_peer = false;
    std::uint64_t unsent = 0;
    wsc::status status = wsc::status::ok;
};

/// A connection for programs that do one thing at a time, on a loop of its own.
///
/// `connect`, `send…`, `receive` and `close` wait, up to their timeout, and throw
/// `timeout_error` when it is over; the connection stays as it is, but for `connect`,
/// whose attempt is over then, and `close`, which aborts. One thread at a time may
/// wait. The settings of `endpoint` and its try_ functions are for any thread.
class client : public endpoint {
public:
    explicit client(std::string_view url) : endpoint(nullptr), batch_(64)
    {
        constexpr const char *call = "wsc::client";
        const detail::c_string terminated(url, WSC_ERR_URL, call);
        detail::check(wsc_conn_new(loop_.native_handle(), terminated.get(), &conn_), call);
    }

    client(client &&other) noexcept
        : endpoint(std::exchange(other.conn_, nullptr)), loop_(std::move(other.loop_)),
          batch_(std::move(other.batch_)), inbox_(std::move(other.inbox_)),
          inbox_size_(std::exchange(other.inbox_size_, 0)), head_(std::move(other.head_)),
          failure_(std::move(other.failure_)), close_(std::move(other.close_)),
          is_open_(std::exchange(other.is_open_, false)),
          was_started_(std::exchange(other.was_started_, false))
    {
    }
    client &operator=(client &&other) noexcept
    {
        if (this != &other) {
            client moved(std::move(other));
            std::swap(conn_, moved.conn_);
            std::swap(loop_, moved.loop_);
            std::swap(batch_, moved.batch_);
            inbox_.swap(moved.inbox_);
            std::swap(inbox_size_, moved.inbox_size_);
            head_.swap(moved.head_);
            failure_.swap(moved.failure_);
            close_.swap(moved.close_);
            std::swap(is_open_, moved.is_open_);
            std::swap(was_started_, moved.was_started_);
        }
        return *this;
    }
    client(const client &) = delete;
    client &operator=(const client &) = delete;

    /// Ends the connection without a close handshake.
    ~client() { wsc_conn_free(conn_); }

    /// Connects, again if it was connected before, and returns the server's answer,
    /// which lives until the next `connect`. Throws `connection_error` if the attempt
    /// fails. Without a timeout, the deadlines of the settings end it.
    http_head connect(milliseconds timeout = forever)
    {
        const deadline until(timeout);
        if (was_started_ && !close_) {
            notice_end();
        }
        detail::check(wsc_conn_connect(conn_), "connect");
        was_started_ = true;
        inbox_.clear();
        inbox_size_ = 0;
        head_.clear();
        failure_.reset();
        close_.reset();
        if (!pump_until([&] { return is_open_ || close_; }, until)) {
            abort();
            throw timeout_error("connect: the timeout is over");
        }
        if (!is_open_ && head_.empty()) {
            throw_ended("connect");
        }
        return http_head(head_);
    }

    /// The next message; nothing once the connection was closed and all messages were
    /// received. Throws `connection_error` if it ended otherwise. In a forked child it
    /// throws `status::forked`: what waits is the parent's.
    std::optional<owned_message> receive(milliseconds timeout = forever)
    {
        if (!was_started_) {
            detail::check(WSC_ERR_STATE, "receive");
        }
        require_own_process("receive");
        const deadline until(timeout);
        if (!pump_until([&] { return !inbox_.empty() || close_; }, until)) {
            throw timeout_error("receive: the timeout is over");
        }
        if (inbox_.empty()) {
            if (failure_) {
                throw_ended("receive");
            }
            return std::nullopt;
        }
        std::optional<owned_message> next(std::move(inbox_.front()));
        inbox_.pop_front();
        inbox_size_ -= message_cost + next->data.size();
        return next;
    }

    /// One message of the binary type. These wait while the send queue is full, and
    /// keep what arrives meanwhile for `receive`: up to 16 MiB, where they throw
    /// `status::queue_full`, for then neither side reads. Each message counts its data
    /// and 128 bytes, as against the limit of `set_receive_queue_limit`.
    void send(std::string_view data, milliseconds timeout = forever)
    {
        wait_to_send([&] { return try_send(data); }, timeout, "send");
    }

    void send(message_type type, std::string_view data, milliseconds timeout = forever)
    {
        if (type == message_type::text) {
            send_text(data, timeout);
        } else {
            send_binary(data, timeout);
        }
    }

    void send_text(std::string_view text, milliseconds timeout = forever)
    {
        wait_to_send([&] { return try_send_text(text); }, timeout, "send_text");
    }

    void send_binary(bytes_view data, milliseconds timeout = forever)
    {
        wait_to_send([&] { return try_send_binary(data); }, timeout, "send_binary");
    }

    /// Closes in order and tells how that went; messages that were received remain for
    /// `receive`. Without a timeout, the one of `set_close_timeout` ends it. That is how
    /// it ends, too, with a peer that sends more than is kept before it answers: at the
    /// limit of the sends nothing more is read.
    close_result close(std::uint16_t code = 1000, std::string_view reason = {},
                       milliseconds timeout = forever)
    {
        const deadline until(timeout);
        if (!close_) {
            detail::check(wsc_conn_close(conn_, code, reason.data(), reason.size()), "close");
        }
        const auto is_closed = [&] {
            if (!close_ && inbox_size_ >= inbox_limit) {
                // Until CLOSE, which ends the pause. The library holds what it has read.
                detail::check(wsc_conn_pause_recv(conn_), "close");
            }
            return close_.has_value();
        };
        if (!pump_until(is_closed, until)) {
            abort();
            throw timeout_error("close: the timeout is over");
        }
        return *close_;
    }

    /// Ends the connection at once.
    void abort()
    {
        if (close_ || !was_started_) {
            return;
        }
        detail::check(wsc_conn_abort(conn_), "abort");
        while (!close_) {
            pump(deadline(forever));
        }
    }

    /// Whether the connection is open, as far as calls have noticed.
    bool is_open() const noexcept { return is_open_; }

    /// How the last connection ended; nothing while it has not, as far as calls have
    /// noticed.
    const std::optional<close_result> &closed() const noexcept { return close_; }

private:
    class deadline {
    public:
        explicit deadline(milliseconds timeout)
        {
            detail::wait_ms(timeout, "wsc::client"); // refuses negative times
            // A year and more: as good as for ever, and no clock overflows.
            if (timeout < std::chrono::hours(10000)) {
                at_ = clock::now() + timeout;
            }
        }

        milliseconds left() const
        {
            if (!at_) {
                return forever;
            }
            const auto left = std::chrono::ceil<milliseconds>(*at_ - clock::now());
            return left > milliseconds::zero() ? left : milliseconds::zero();
        }

    private:
        using clock = std::chrono::steady_clock;
        std::optional<clock::time_point> at_;
    };

    struct failure {
        wsc::status status;
        wsc::phase phase;
        int http_status;
        std::string text;
    };

    /// What a message counts apart from its data, as in the library's own queue: more
    /// than its object and the block of its data take, or empty ones would be free.
    enum : std::size_t { inbox_limit = 16 << 20, message_cost = 128 };

    /// Throws in a forked child, whose copy of the messages is not for it.
    void require_own_process(const char *call) const
    {
        std::uint64_t received = 0;
        detail::check(wsc_conn_counter(conn_, WSC_COUNTER_MESSAGES_RECEIVED, &received), call);
    }

    /// Pumps until it is done, which is asked before and after; tells whether it is.
    template <class IsDone>
    bool pump_until(IsDone is_done, const deadline &until)
    {
        while (!is_done()) {
            if (!pump(until)) {
                return is_done();
            }
        }
        return true;
    }

    /// Looks, without waiting, whether the connection has ended unnoticed: its CLOSE comes
    /// after all that was received. What has not ended may go on for ever, so there are
    /// limits to the looking.
    void notice_end()
    {
        std::size_t seen = 0;
        do {
            pump(deadline(milliseconds::zero()));
            seen += batch_.size();
        } while (!close_ && !batch_.empty() && seen < inbox_limit / message_cost
                 && inbox_size_ < inbox_limit);
    }

    /// Waits for events and files them. Returns false if the time is over, whatever
    /// has come: a peer that never stops sending must not stop the clock.
    bool pump(const deadline &until)
    {
        const milliseconds left = until.left();
        loop_.poll(batch_, left);
        for (const event happened : batch_) {
            switch (happened.type()) {
            case event_type::handshake:
                head_ = happened.as<handshake>().raw();
                is_open_ = true;
                break;
            case event_type::message: {
                const message received = happened.as<message>();
                inbox_.push_back({received.type(), std::string(received.data()), received.part()});
                inbox_size_ += message_cost + received.size();
                break;
            }
            case event_type::error: {
                const error_info info = happened.as<error_info>();
                failure_ = failure{info.status(), info.phase(), info.http_status(),
                                   std::string(info.text())};
                break;
            }
            case event_type::close: {
                const close_info info = happened.as<close_info>();
                is_open_ = false;
                close_ = close_result{info.code(), std::string(info.reason()), info.clean(),
                                      info.by_peer(), info.unsent(), info.status()};
                break;
            }
            default:
                break;
            }
        }
        return left > milliseconds::zero();
    }

    template <class TrySend>
    void wait_to_send(TrySend try_to, milliseconds timeout, const char *call)
    {
        const deadline until(timeout);
        wsc::status status = wsc::status::ok;
        const auto is_decided = [&] {
            status = try_to();
            return status != wsc::status::queue_full || close_ || inbox_size_ >= inbox_limit;
        };
        if (!pump_until(is_decided, until)) {
            throw timeout_error(std::string(call) + ": the timeout is over");
        }
        if (failure_ && status != wsc::status::ok) {
            throw_ended(call);
        }
        detail::check(detail::raw(status), call);
    }

    [[noreturn]] void throw_ended(const char *call) const
    {
        const failure ended = failure_.value_or(
            failure{wsc::status::aborted, phase::none, 0, "the connection was closed"});
        throw connection_error(ended.status, std::string(call) + ": " + ended.text, ended.phase,
                               ended.http_status);
    }

    wsc::loop loop_;
    event_batch batch_;
    std::deque<owned_message> inbox_;
    std::size_t inbox_size_ = 0;
    std::string head_;
    std::optional<failure> failure_;
    std::optional<close_result> close_;
    bool is_open_ = false;
    bool was_started_ = false;
};

} // namespace wsc

#endif
