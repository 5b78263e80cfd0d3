// What both clients of Boost.Beast share.
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include "../c/bench.h"

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace ssl = asio::ssl;
namespace websocket = beast::websocket;
using tcp = asio::ip::tcp;

using plain_stream = websocket::stream<tcp::socket>;
using tls_stream = websocket::stream<ssl::stream<tcp::socket>>;

inline tcp::endpoint server()
{
    return {asio::ip::make_address(bench.host), static_cast<unsigned short>(bench.port)};
}

inline asio::const_buffer payload(long number)
{
    return asio::buffer(bench_payload(number), static_cast<std::size_t>(bench.size));
}

inline ssl::context trusting_context()
{
    ssl::context context(ssl::context::tls_client);
    context.set_default_verify_paths();
    context.set_verify_mode(ssl::verify_peer);
    return context;
}

template <class Stream> void configure(Stream &stream)
{
    stream.binary(!bench.deflate);
    stream.auto_fragment(false);
    stream.read_message_max(64 << 20);
}

template <class Stream> void offer_deflate(Stream &stream)
{
    websocket::permessage_deflate deflate;
    deflate.client_enable = bench.deflate;
    stream.set_option(deflate);
}

inline void handshake_tls(plain_stream &) {}

inline void handshake_tls(tls_stream &stream)
{
    stream.next_layer().set_verify_callback(ssl::host_name_verification(bench.host));
    stream.next_layer().handshake(ssl::stream_base::client);
}

template <class Stream> void open(Stream &stream)
{
    auto &socket = beast::get_lowest_layer(stream);
    socket.connect(server());
    socket.set_option(tcp::no_delay(true));
    handshake_tls(stream);
    offer_deflate(stream);
    stream.handshake(bench.host, bench.path);
    configure(stream);
}
