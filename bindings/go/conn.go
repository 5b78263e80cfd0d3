package wsc

// #include <stdlib.h>
// #include "wsc.h"
import "C"

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"
)

// A MessageType says whether a message is text or binary.
type MessageType int32

const (
	// Text is for messages of UTF-8, which is checked in both directions.
	Text MessageType = C.WSC_MESSAGE_TEXT
	// Binary is for messages of any bytes.
	Binary MessageType = C.WSC_MESSAGE_BINARY
)

// String is "text" or "binary".
func (t MessageType) String() string {
	switch t {
	case Text:
		return "text"
	case Binary:
		return "binary"
	}
	return "invalid"
}

type message struct {
	typ  MessageType
	data []byte
}

const (
	// receiveLimit is from how many bytes of messages that wait for Read on the
	// socket is not read.
	receiveLimit = 256 << 10
	// messageCost is what a message counts beside its payload.
	messageCost = 64
	// keptMessages is how many messages' room an idle connection keeps.
	keptMessages = 128
)

// A Conn is a WebSocket connection. Dial makes it; its methods may be called from
// any goroutine, Read and Reader from one at a time.
type Conn struct {
	native *C.wsc_conn_t
	id     uint64
	loop   *loop
	// uses counts the calls that use the handle, and one for the connection's life.
	// The call that takes it to 0 frees the handle.
	uses atomic.Int64
	// closed tells that Close or CloseNow was called: messages are dropped.
	closed      atomic.Bool
	readLimit   atomic.Int64
	subprotocol string

	// Of the goroutine that reads: messages taken from the queue.
	batch []message
	next  int

	mu      sync.Mutex
	queue   []message
	queued  int           // what the queue counts against receiveLimit
	paused  bool          // the library does not read
	waiting bool          // a goroutine waits for wake
	wake    chan struct{} // has room for one
	head    []byte        // the response head, from the handshake to the end of Dial
	opened  bool
	failure error         // told by an error event; the close event follows
	err     error         // why calls fail
	over    bool          // done is closed
	result  error         // of Close
	drained chan struct{} // closed when the send queue is empty again; nil if nobody waits
	pings   map[string]chan struct{}
	done    chan struct{}
}

// acquire begins a use of the handle; it fails when the connection is over.
func (c *Conn) acquire() bool {
	for {
		uses := c.uses.Load()
		if uses == 0 {
			return false
		}
		if c.uses.CompareAndSwap(uses, uses+1) {
			return true
		}
	}
}

func (c *Conn) release() {
	if c.uses.Add(-1) == 0 {
		C.wsc_conn_free(c.native)
	}
}

// Read returns the next message, and waits for it until ctx is done. The bytes are
// the caller's.
//
// When ctx is done it returns its error, and nothing is lost: the message that comes
// later is for the next Read. When the connection has ended, Read first returns what
// came before, then, for ever, why it ended: a *CloseError, an *Error, or ErrClosed.
//
// One goroutine at a time may call Read or Reader.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, nil, failed("read", err)
		}
		if c.next < len(c.batch) && !c.closed.Load() {
			m := c.batch[c.next]
			c.batch[c.next] = message{}
			c.next++
			return m.typ, m.data, nil
		}
		if err := c.fill(ctx); err != nil {
			return 0, nil, failed("read", err)
		}
	}
}

// fill takes all messages that wait, so that the lock is not needed for each.
func (c *Conn) fill(ctx context.Context) error {
	err := c.await(ctx, func() bool { return len(c.queue) > 0 })
	defer c.mu.Unlock()
	used := c.batch[:0]
	c.batch, c.next = nil, 0
	if err != nil {
		return err
	}
	c.batch, c.queue = c.queue, used
	c.queued = 0
	c.resume()
	return nil
}

// await takes the lock and waits until the condition holds, the connection has an
// error or ctx is done. It returns with the lock held.
func (c *Conn) await(ctx context.Context, holds func() bool) error {
	c.mu.Lock()
	for {
		if holds() {
			return nil
		}
		if c.err != nil {
			return c.err
		}
		if cap(c.batch) > keptMessages {
			c.batch, c.next = nil, 0
		}
		c.waiting = true
		c.mu.Unlock()
		select {
		case <-c.wake:
			c.mu.Lock()
		case <-ctx.Done():
			c.mu.Lock()
			if !c.waiting {
				<-c.wake
			}
			c.waiting = false
			return ctx.Err()
		}
	}
}

// notify wakes the goroutine in await. The lock is held.
func (c *Conn) notify() {
	if c.waiting {
		c.waiting = false
		c.wake <- struct{}{}
	}
}

// Reader waits like Read and returns a reader of the message. For now the message
// has arrived whole by then; programs should not rely on it.
func (c *Conn) Reader(ctx context.Context) (MessageType, io.Reader, error) {
	typ, data, err := c.Read(ctx)
	if err != nil {
		return 0, nil, err
	}
	return typ, bytes.NewReader(data), nil
}

// Write sends one message. The bytes are copied; nil means that they were accepted
// and will be sent in the order of the calls, not that the peer has them.
//
// It waits, until ctx is done, only while the send queue is at its limit. With an
// error nothing of the message was sent. An *Error with StatusUTF8 means that a Text
// message is not UTF-8.
func (c *Conn) Write(ctx context.Context, typ MessageType, p []byte) error {
	if err := ctx.Err(); err != nil {
		return failed("write", err)
	}
	if !c.acquire() {
		return failed("write", c.reason())
	}
	status := c.send(typ, p)
	c.release()
	if status == statusOK {
		return nil
	}
	return c.sendLater(ctx, "write", status, func() Status { return c.send(typ, p) })
}

// send is one call of the library. The address is taken inside the call, where cgo
// sees that it is one of bytes, whose check is the cheapest.
func (c *Conn) send(typ MessageType, p []byte) Status {
	switch {
	case typ == Text && len(p) > 0:
		return Status(C.wsc_conn_send_text(c.native, unsafe.Pointer(&p[0]), C.size_t(len(p))))
	case typ == Text:
		return Status(C.wsc_conn_send_text(c.native, nil, 0))
	case typ == Binary && len(p) > 0:
		return Status(C.wsc_conn_send_binary(c.native, unsafe.Pointer(&p[0]), C.size_t(len(p))))
	case typ == Binary:
		return Status(C.wsc_conn_send_binary(c.native, nil, 0))
	}
	return StatusInvalid
}

// sendLater turns the status of a send into an error, or tries again while the send
// queue is at its limit.
func (c *Conn) sendLater(ctx context.Context, op string, status Status, send func() Status) error {
	for status == StatusQueueFull {
		// The channel first: a queue that is full after that tells it when it is empty.
		c.mu.Lock()
		if c.err != nil {
			defer c.mu.Unlock()
			return failed(op, c.err)
		}
		if c.drained == nil {
			c.drained = make(chan struct{})
		}
		drained := c.drained
		c.mu.Unlock()
		if !c.acquire() {
			break
		}
		status = send()
		c.release()
		if status != StatusQueueFull {
			break
		}
		select {
		case <-drained:
		case <-c.done:
		case <-ctx.Done():
			return failed(op, ctx.Err())
		}
	}
	switch status {
	case statusOK:
		return nil
	case StatusState, StatusQueueFull:
		return failed(op, c.reason())
	}
	return failed(op, &Error{Status: status})
}

// reason is why the connection cannot be used.
func (c *Conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return c.err
	case c.failure != nil:
		return c.failure
	}
	// The library knows of the end already, its event is on the way.
	return &Error{Status: StatusState, Text: "the connection is ending"}
}

// Writer returns a writer of one message, which is sent when the writer is closed.
// For now the message is collected in memory; programs should not rely on it.
// ctx is for the whole life of the writer.
func (c *Conn) Writer(ctx context.Context, typ MessageType) (io.WriteCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("write", err)
	}
	return &writer{ctx: ctx, conn: c, typ: typ}, nil
}

type writer struct {
	ctx    context.Context
	conn   *Conn
	typ    MessageType
	buffer bytes.Buffer
	closed bool
}

var errWriterClosed = errors.New("wsc: write: the writer was closed")

func (w *writer) Write(p []byte) (int, error) {
	if w.closed {
		return 0, errWriterClosed
	}
	return w.buffer.Write(p)
}

func (w *writer) Close() error {
	if w.closed {
		return errWriterClosed
	}
	w.closed = true
	return w.conn.Write(w.ctx, w.typ, w.buffer.Bytes())
}

// lastPing numbers the pings of all connections.
var lastPing atomic.Uint64

// pingPrefix tells the pongs for Ping from those for the library's own pings, which are
// numbers.
const pingPrefix = "wsc ping "

// Ping sends a ping and waits for its pong, until ctx is done. While the messages
// that wait for Read are at their limit the pong is not seen, so some goroutine must
// be reading.
func (c *Conn) Ping(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return failed("ping", err)
	}
	payload := strconv.AppendUint([]byte(pingPrefix), lastPing.Add(1), 10)
	pong := make(chan struct{})
	c.mu.Lock()
	if c.pings == nil {
		c.pings = make(map[string]chan struct{})
	}
	c.pings[string(payload)] = pong
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pings, string(payload))
		c.mu.Unlock()
	}()

	ping := func() Status {
		return Status(C.wsc_conn_ping(c.native, unsafe.Pointer(&payload[0]), C.size_t(len(payload))))
	}
	// sendLater makes the first attempt, too.
	if err := c.sendLater(ctx, "ping", StatusQueueFull, ping); err != nil {
		return err
	}
	select {
	case <-pong:
		return nil
	case <-c.done:
		return failed("ping", c.reason())
	case <-ctx.Done():
		return failed("ping", ctx.Err())
	}
}

// Close ends the connection with the close handshake: what was written goes out, then
// a close frame, and Close waits for the peer's. It returns nil if both sides sent one,
// whoever began, and the reason otherwise. The wait is limited by
// [DialOptions].CloseTimeout.
//
// code is CloseNormal or one from 3000 to 4999, or 0 to send none; reason is UTF-8, at
// most 123 bytes. With other values Close returns an *Error and does nothing.
//
// Messages that were not read are dropped, and a Read that waits returns ErrClosed.
// Close may be called more than once: all calls wait for the same end.
func (c *Conn) Close(code CloseCode, reason string) error {
	if err := c.shut(code, reason); err != nil {
		return failed("close", err)
	}
	<-c.done
	if c.result != nil {
		return failed("close", c.result)
	}
	return nil
}

// shut begins to close.
func (c *Conn) shut(code CloseCode, reason string) error {
	if code < 0 || code > math.MaxUint16 {
		return &Error{Status: StatusCloseCode}
	}
	text := C.CBytes([]byte(reason))
	defer C.free(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || c.closed.Load() {
		return nil
	}
	// The handle lives: the connection is not over.
	status := C.wsc_conn_close(c.native, C.uint16_t(code), text, C.size_t(len(reason)))
	// State: the library has ended the connection, and its event is on the way.
	if Status(status) != statusOK && Status(status) != StatusState {
		return statusError(status)
	}
	c.drop()
	return nil
}

// CloseNow ends the connection at once, without the close handshake, and frees what it
// held. It never waits. It does nothing if the connection is over.
func (c *Conn) CloseNow() {
	c.end(ErrClosed, ErrClosed)
	c.mu.Lock()
	c.drop()
	c.mu.Unlock()
}

// drop makes calls fail with ErrClosed and drops messages. The lock is held.
func (c *Conn) drop() {
	c.closed.Store(true)
	c.queue = nil
	if c.err == nil {
		c.err = ErrClosed
	}
	// A peer that is held up could not answer the close frame.
	c.resume()
	c.notify()
}

// resume takes back pause. The lock is held.
func (c *Conn) resume() {
	if c.paused && !c.over {
		C.wsc_conn_resume_recv(c.native)
	}
	c.paused = false
}

// Subprotocol is what the server chose of [DialOptions].Subprotocols, "" if nothing.
func (c *Conn) Subprotocol() string { return c.subprotocol }

// SetReadLimit sets how large a received message may be, from the next one on. A
// larger one ends the connection with StatusMessageTooBig. It cannot raise the limit
// above [DialOptions].ReadLimit, which the library checks before it has read the
// message. A negative limit takes it back to that.
func (c *Conn) SetReadLimit(bytes int64) {
	if bytes < 0 {
		bytes = math.MaxInt64
	}
	c.readLimit.Store(bytes)
}

// push takes messages from the loop.
func (c *Conn) push(messages []message) {
	limit := c.readLimit.Load()
	c.mu.Lock()
	if c.closed.Load() {
		c.mu.Unlock()
		return
	}
	var tooBig error
	for i, m := range messages {
		if int64(len(m.data)) > limit {
			tooBig = &Error{Status: StatusMessageTooBig, Phase: PhaseOpen}
			messages = messages[:i]
			break
		}
		c.queued += len(m.data) + messageCost
	}
	c.queue = append(c.queue, messages...)
	if c.queued >= receiveLimit && !c.paused && !c.over {
		c.paused = true
		C.wsc_conn_pause_recv(c.native)
	}
	c.notify()
	c.mu.Unlock()
	if tooBig != nil {
		c.end(tooBig, tooBig)
	}
}

// handle takes an event that is no message from the loop.
func (c *Conn) handle(event *C.wsc_event_t) {
	switch event._type {
	case C.WSC_EVENT_HANDSHAKE:
		c.mu.Lock()
		c.opened = true
		c.head = dataOf(event)
		c.notify()
		c.mu.Unlock()
	case C.WSC_EVENT_PONG:
		c.handlePong(event)
	case C.WSC_EVENT_BUFFER_DRAIN:
		c.mu.Lock()
		if c.drained != nil {
			close(c.drained)
			c.drained = nil
		}
		c.mu.Unlock()
	case C.WSC_EVENT_ERROR:
		c.mu.Lock()
		c.failure = errorOf(event)
		c.mu.Unlock()
	case C.WSC_EVENT_CLOSE:
		c.handleClose(event)
	}
}

func (c *Conn) handlePong(event *C.wsc_event_t) {
	payload := string(dataOf(event))
	c.mu.Lock()
	defer c.mu.Unlock()
	if pong, ok := c.pings[payload]; ok {
		delete(c.pings, payload)
		close(pong)
	}
}

func (c *Conn) handleClose(event *C.wsc_event_t) {
	c.mu.Lock()
	reason := c.failure
	c.mu.Unlock()
	result := reason
	switch {
	case reason != nil:
	case Status(event.status) != statusOK:
		reason = errorOf(event)
		result = reason
	default:
		reason = &CloseError{Code: CloseCode(event.code), Reason: string(dataOf(event))}
		if event.clean == 0 {
			result = reason
		}
	}
	c.end(reason, result)
}

// end marks the connection as over, for a reason that calls will return unless there
// is one already, and frees its handle.
func (c *Conn) end(reason, result error) {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	if c.err == nil {
		c.err = reason
	}
	c.result = result
	close(c.done)
	c.notify()
	c.mu.Unlock()
	c.loop.forget(c)
	c.release()
}

// dataOf copies the data of an event.
func dataOf(event *C.wsc_event_t) []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(event.data), int(event.len))...)
}

// errorOf is what an error or close event says.
func errorOf(event *C.wsc_event_t) error {
	e := &Error{Status: Status(event.status), Phase: Phase(event.phase)}
	if event._type == C.WSC_EVENT_ERROR {
		e.Text = string(dataOf(event))
		e.HTTPStatus = int(event.code)
	}
	return e
}
