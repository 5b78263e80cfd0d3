// Package wsc is a WebSocket client (RFC 6455) over the native library libwsc.
//
//	c, _, err := wsc.Dial(ctx, "wss://example.org/feed", nil)
//	if err != nil {
//		return err
//	}
//	defer c.CloseNow()
//	if err := c.Write(ctx, wsc.Text, []byte("hello")); err != nil {
//		return err
//	}
//	typ, data, err := c.Read(ctx)
//
// # Connections
//
// [Dial] opens a connection, [Conn.Read] and [Conn.Write] move whole messages,
// [Conn.Reader] and [Conn.Writer] move them in parts, for messages of any size, and
// [Conn.ReadInto] is Read without an allocation for each message.
// [Conn.Close] ends the connection with the close handshake and [Conn.CloseNow]
// without. Every connection that Dial returned has to be ended by one of the two, or
// by its peer: then Read returns the reason and everything the connection held is
// freed. Calling CloseNow in a defer is always right.
//
// A Conn is one connection: when it has ended the program dials again. The [Report]
// of an [Error] says whether and when that makes sense.
//
// Pings of the peer are answered by the library, also while nobody reads. It
// sends pings of its own ([DialOptions].PingInterval), and a connection whose
// peer stays silent fails with [StatusTimeout].
//
// # Contexts
//
// A context limits how long a call waits and nothing else. When the context of
// a Read, Write or Ping is done the call returns its error, and the connection
// stays as usable as before: a later Read gets the message that did not come in
// time, and a Write that was given up has sent nothing. A message that was sent in
// part by a Writer is the exception: it cannot be taken back, see [Conn.Writer].
//
// # Concurrency
//
// All methods may be called from any goroutine at any time, with one exception:
// Read and Reader are for one goroutine at a time.
//
// All connections of a process share one loop of the library: one goroutine, which
// waits in Go's network poller, and one thread, which steps in only while the
// program does not get to run. With few connections a reader to whom answers come
// fast waits in the library itself, a millisecond at most, before it leaves the
// waiting to that goroutine. No connection has a thread or goroutine of its own,
// and the library never calls into Go. The loop is made by the first Dial and freed
// when it had no connection for a while; [CloseIdle] frees it at once.
//
// # Limits
//
// A message that waits for Read is counted. Above [DialOptions].ReadQueueLimit the
// socket is not read any more, so that TCP slows the peer down; nothing is dropped. A
// Write waits while more than [DialOptions].SendQueueLimit bytes wait for the socket.
// A message above the limit of [Conn.SetReadLimit] ends the connection.
//
// # Errors
//
// The reason of a failure is found with errors.As and errors.Is:
//
//   - [*CloseError]: the peer closed the connection; it has the code and reason.
//   - [*Error]: the connection or the call failed; it has a [Status], which errors.Is
//     finds, too, the [Phase] that the connection had reached, and a [Report]. It is a
//     net.Error, as context.DeadlineExceeded is, for who asks for timeouts of any kind.
//   - [ErrClosed]: this side called Close or CloseNow.
//   - context.Canceled, context.DeadlineExceeded: the call's own context.
//
// # Build
//
// The package needs cgo, and libwsc with its pkg-config file. With the build tag
// wsc_static it links libwsc.a instead of the shared library; the README of the
// package has the commands.
package wsc
