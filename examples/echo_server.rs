//! An echo server for the demos and for the tests that run the C examples.
//!
//! Listens on a free port of the loopback interface and prints its address as
//! the first line of its output: `listening ws://127.0.0.1:PORT`. Text and
//! binary messages come back as they are; the text `close me` is answered with
//! a close frame, code 1001, reason `going away`. The server ends when its
//! standard input does, so it never outlives the program that started it.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, accept};

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening ws://{}", listener.local_addr()?)?;
    stdout.flush()?;

    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                if let Err(error) = echo(stream) {
                    eprintln!("echo_server: {error}");
                }
            });
        }
    });

    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

fn echo(stream: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    stream.set_nodelay(true)?;
    let mut socket = accept(stream)?;
    loop {
        match socket.read() {
            Ok(Message::Text(text)) if text.as_str() == "close me" => {
                socket.close(Some(CloseFrame {
                    code: CloseCode::Away,
                    reason: "going away".into(),
                }))?;
            }
            Ok(message @ (Message::Text(_) | Message::Binary(_))) if socket.can_write() => {
                socket.send(message)?;
            }
            // Reading has answered pings and close frames already; what comes
            // after our own close frame is not echoed.
            Ok(_) => {}
            Err(tungstenite::Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
