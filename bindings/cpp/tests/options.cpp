#include "check.hpp"

#include <limits>

TEST(every_option_reaches_the_library)
{
    wsc::loop loop;
    wsc::connection ws(loop, "ws://127.0.0.1:1/");
    loop.set_standby_grace(5ms);
    loop.set_standby_grace(wsc::forever);
    CHECK_THROWS(loop.set_standby_grace(0ms), wsc::status::invalid);

    ws.set_url(url());
    CHECK_THROWS(ws.set_url("ws:/"), wsc::status::url);
    CHECK_THROWS(ws.set_url("ftp://host/"), wsc::status::url_scheme);
    CHECK_THROWS(ws.set_url("ws://host:99999/"), wsc::status::url_port);

    ws.set_header("X-One", "1");
    ws.add_header("X-One", "2");
    CHECK_THROWS(ws.set_header("a b", "1"), wsc::status::header_name);
    CHECK_THROWS(ws.add_header("X", "1\r\nY: 2"), wsc::status::header_value);
    CHECK_THROWS(ws.set_header(std::string_view("X\0Y", 3), "1"), wsc::status::header_name);
    CHECK_THROWS(ws.set_header("X", std::string_view("1\0002", 3)), wsc::status::header_value);
    ws.clear_headers();

    ws.set_subprotocols("chat, superchat");
    ws.set_subprotocols({"chat", "superchat"});
    ws.set_subprotocols(std::string("chat"));
    CHECK_THROWS(ws.set_subprotocols({"chat", "chat"}), wsc::status::subprotocol);
    ws.set_subprotocols({});
    ws.set_subprotocols("");

    ws.set_origin("https://example.org");
    CHECK_THROWS(ws.set_origin("a b"), wsc::status::origin);
    ws.set_origin("");

    const auto times = {&wsc::endpoint::set_connect_timeout, &wsc::endpoint::set_handshake_timeout,
                        &wsc::endpoint::set_close_timeout, &wsc::endpoint::set_ping_interval,
                        &wsc::endpoint::set_pong_timeout};
    for (const auto set : times) {
        CHECK_THROWS((ws.*set)(0ms), wsc::status::invalid);
        CHECK_THROWS((ws.*set)(-1ms), wsc::status::invalid); // which is not for ever
        CHECK_THROWS((ws.*set)(std::chrono::hours(1000000)), wsc::status::invalid);
        (ws.*set)(wsc::forever);
        (ws.*set)(2s);
    }
    const auto sizes = {&wsc::endpoint::set_max_message_size, &wsc::endpoint::set_max_frame_size,
                        &wsc::endpoint::set_max_receive_size,
                        &wsc::endpoint::set_max_header_size, &wsc::endpoint::set_send_queue_limit,
                        &wsc::endpoint::set_receive_queue_limit};
    for (const auto set : sizes) {
        CHECK_THROWS((ws.*set)(0), wsc::status::invalid);
        (ws.*set)(1 << 20);
    }
    ws.set_max_fragments(100);
    ws.set_streaming(false);
    ws.set_deflate(false);
    ws.set_deflate_level(1);
    ws.set_deflate_max_ratio(100);
    ws.set_deflate_no_context_takeover(true, true);
    ws.set_deflate_threshold(0);
    ws.set_deflate_window_bits(9, 8);
    CHECK_THROWS(ws.set_max_fragments(0), wsc::status::invalid);
    CHECK_THROWS(ws.set_deflate_level(10), wsc::status::invalid);
    CHECK_THROWS(ws.set_deflate_max_ratio(0), wsc::status::invalid);
    CHECK_THROWS(ws.set_deflate_window_bits(16, 15), wsc::status::invalid);
    ws.set_idle_timeout(wsc::forever);
    ws.set_phase_timeout(wsc::phase::dns, 1s);
    CHECK_THROWS(ws.set_phase_timeout(wsc::phase::open, 1s), wsc::status::invalid);
    ws.set_tcp_user_timeout(wsc::forever);
    ws.set_tcp_nodelay(true);
    ws.set_keepalive(wsc::forever);
    ws.set_interface("");
    ws.set_local_address("");
    ws.set_max_redirects(1);
    ws.add_prologue(wsc::message_type::text, std::string_view("gone"));
    ws.clear_prologue();
    ws.set_auto_reconnect(false);
    ws.set_reconnect_delay(1s, 2s);
    CHECK_THROWS(ws.set_reconnect_delay(2s, 1s), wsc::status::invalid);
    ws.set_reconnect_limit(3);
    ws.set_reconnect_limit(std::nullopt);
    CHECK_THROWS(ws.set_reconnect_limit(-1), wsc::status::invalid); // which is not any number
    ws.set_reconnect_stable_after(1s);
    ws.set_reconnect_after_fatal(false);
    ws.set_queue_policy(wsc::queue_policy::expire, 1s);
    ws.set_queue_policy(wsc::queue_policy::drop);
    ws.set_proxy("http://127.0.0.1:1");
    ws.add_proxy_header("X-Proxy", "1");
    ws.clear_proxy_headers();
    ws.set_proxy("");
    CHECK_THROWS(ws.add_tls_ca("nonsense"), wsc::status::pem);
    CHECK_THROWS(ws.add_tls_ca_file("/no/such/file"), wsc::status::file);
    CHECK_THROWS(ws.add_tls_crl(std::string_view("nonsense")), wsc::status::pem);
    CHECK_THROWS(ws.add_tls_crl_file("/no/such/file"), wsc::status::file);
    CHECK_THROWS(ws.set_tls_identity("nonsense", "nonsense"), wsc::status::pem);
    CHECK_THROWS(ws.set_tls_identity_files("/no/such/file"), wsc::status::file);
    CHECK(status_of([&] { ws.set_tls_pkcs12(std::string_view("nonsense")); }) != wsc::status::ok);
    CHECK_THROWS(ws.add_tls_pin(wsc::pin_type::public_key, std::string_view("short")),
                 wsc::status::invalid);
    ws.set_tls_system_roots(true);
    ws.set_tls_server_name(std::nullopt);
    ws.set_tls_server_name("example.org");
    ws.set_tls_verify_name(std::nullopt);
    ws.set_tls_versions(wsc::tls_version::tls_1_2, wsc::tls_version::tls_1_3);
    ws.set_tls_alpn("http/1.1");
    ws.set_tls_danger_accept_anything(false);
    ws.reset_tls();
    CHECK(ws.report(wsc::report_number::attempt) == 0);
    CHECK(ws.report(wsc::report_data::reason).empty());
    ws.set_max_message_size(10);
    ws.set_auto_pong(true);
    ws.set_binary_type(wsc::binary_type::arraybuffer);

    CHECK_THROWS(ws.peer_address(), wsc::status::not_found);
    CHECK_THROWS(ws.send_text("\xff"), wsc::status::utf8);
    CHECK_THROWS(ws.send_text(std::string(11, 'x')), wsc::status::too_big);
    CHECK_THROWS(ws.ping(std::string(126, 'x')), wsc::status::too_big);
    CHECK_THROWS(ws.counter(static_cast<wsc::counter>(99)), wsc::status::invalid);

    ws.on_handshake([&] {
        CHECK("ws://" + ws.peer_address() + "/" == url());
        CHECK(ws.local_address().rfind("127.0.0.1:", 0) == 0);
        CHECK_THROWS(ws.close(999), wsc::status::close_code);
        CHECK_THROWS(ws.close(1000, std::string(124, 'x')), wsc::status::close_reason);
        CHECK(ws.subprotocol().empty() && ws.extensions().empty());
        ws.send_message(wsc::message_type::binary, wsc::part::first, std::string_view("by"),
                        wsc::send_flags::none | wsc::send_flags::no_compress);
        CHECK_THROWS(ws.send("between"), wsc::status::state);
        ws.send_message(wsc::message_type::binary, wsc::part::last, std::string_view("tes"));
    });
    ws.on_message([&](wsc::message message) {
        CHECK(message.is_binary() && message.data() == "bytes");
        CHECK(message.part() == wsc::part::whole);
        CHECK(ws.counter(wsc::counter::messages_received) == 1);
        CHECK(ws.counter(wsc::counter::bytes_sent) > 0);
        ws.close(0);
    });
    ws.connect();
    CHECK_THROWS(ws.connect(), wsc::status::state);
    loop.run();
    CHECK(ws.report(wsc::report_number::attempt) == 1);
    CHECK(ws.report(wsc::report_number::http_status) == 101);
    CHECK(ws.report(wsc::report_data::head).rfind("HTTP/1.1 101 ", 0) == 0);
}

TEST(an_automatic_reconnect)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    int reconnects = 0;
    ws.set_auto_reconnect(true);
    ws.set_reconnect_delay(1ms, 2ms);
    ws.on_handshake([&](wsc::handshake answer) {
        if (answer.attempt() == 1) {
            ws.send("reset me");
        } else {
            ws.close();
        }
    });
    ws.on_reconnect([&](wsc::reconnect_info info) {
        CHECK(info.attempt() == 1);
        reconnects += 1;
    });
    ws.connect();
    loop.run();
    CHECK(reconnects == 1);
}

TEST(bytes)
{
    static_assert(std::is_constructible_v<wsc::bytes_view, std::vector<std::uint8_t>>);
    static_assert(std::is_constructible_v<wsc::bytes_view, std::string>);
    static_assert(std::is_constructible_v<wsc::bytes_view, std::array<std::byte, 3>>);
    static_assert(std::is_constructible_v<wsc::bytes_view, unsigned char[3]>);
    static_assert(!std::is_constructible_v<wsc::bytes_view, std::vector<int>>);
    static_assert(!std::is_constructible_v<wsc::bytes_view, char[3]>);
    static_assert(!std::is_constructible_v<wsc::bytes_view, const char *>);
    const std::string text("a\0b", 3);
    const wsc::bytes_view view = text;
    CHECK(view.size() == 3 && !view.empty() && view[2] == std::byte{'b'});
    CHECK(wsc::bytes_view().empty());
}

TEST(library_facts)
{
    CHECK(wsc::abi_version() == wsc::header_abi_version);
    CHECK(!wsc::version().empty());
    CHECK(wsc::describe(wsc::status::ok) != wsc::describe(wsc::status::timeout));
    const wsc::error error(wsc::status::busy, "why");
    const std::runtime_error &base = error;
    CHECK(base.what() == std::string("why") && error.status() == wsc::status::busy);
    CHECK_THROWS(wsc::loop(static_cast<wsc::callbacks>(9)), wsc::status::invalid);
}

TEST(a_nested_dispatch_is_refused)
{
    wsc::loop loop;
    wsc::connection ws(loop, url());
    ws.on_connect([&] {
        CHECK_THROWS(loop.dispatch(0ms), wsc::status::busy);
        CHECK_THROWS(loop.run(), wsc::status::busy);
        ws.abort();
    });
    ws.connect();
    loop.run();
}
