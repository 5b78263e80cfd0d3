package wsc

/*
#include "wsc.h"

// For cgo the types matter: the bytes of a const char * need no search for pointers, and
// the handle as a number no allocation.
static wsc_status_t wscgo_send(uintptr_t conn, int32_t type, int32_t part,
                               int32_t flags, const char *data, size_t len)
{
    return wsc_conn_send_message((wsc_conn_t *)conn, type, part, flags, data, len);
}
*/
import "C"

import (
	"context"
	"errors"
	"io"
	"unicode/utf8"
	"unsafe"
)

// Write sends one message. The bytes are copied; nil means that they were accepted
// and will be sent in the order of the calls, not that the peer has them.
//
// It waits, until ctx is done, only while the send queue is at its limit or a message
// of a [Conn.Writer] is unfinished. With an error nothing of the message was sent. An
// *Error with StatusUTF8 means that a Text message is not UTF-8.
func (c *Conn) Write(ctx context.Context, typ MessageType, p []byte) error {
	if err := ctx.Err(); err != nil {
		return failed("write", err)
	}
	if c.acquire() {
		status := c.sendPart(typ, C.WSC_PART_WHOLE, p)
		c.release()
		if status == statusOK {
			return nil
		}
	}
	// The same again: it waits, or finds the reason.
	err := c.send(ctx, func() Status { return c.sendPart(typ, C.WSC_PART_WHOLE, p) })
	if err != nil {
		return failed("write", err)
	}
	return nil
}

// sendPart is one call of the library.
func (c *Conn) sendPart(typ MessageType, part C.int32_t, p []byte) Status {
	var data *C.char
	if len(p) > 0 {
		data = (*C.char)(unsafe.Pointer(&p[0]))
	}
	var flags C.int32_t
	if typ&NoCompress != 0 {
		flags = C.WSC_SEND_NO_COMPRESS
	}
	native := C.uintptr_t(uintptr(unsafe.Pointer(c.native)))
	return Status(C.wscgo_send(native, C.int32_t(typ&^NoCompress), part, flags, data, C.size_t(len(p))))
}

// send repeats a call of the library as long as it is refused for a reason that
// passes: the send queue is at its limit, or a message is unfinished.
func (c *Conn) send(ctx context.Context, call func() Status) error {
	for {
		// The channel first: a queue that is full after that tells it when it is empty.
		c.mu.Lock()
		if c.err != nil {
			defer c.mu.Unlock()
			return c.err
		}
		if c.drained == nil {
			c.drained = make(chan struct{})
		}
		retry, writers := c.drained, c.writers
		c.mu.Unlock()
		if !c.acquire() {
			return c.reason()
		}
		status := call()
		c.release()
		switch {
		case status == statusOK:
			return nil
		case status == StatusQueueFull:
		case status == StatusState:
			if retry = c.writerSince(writers); retry == nil {
				return c.reason()
			}
		default:
			return &Error{Status: status}
		}
		select {
		case <-retry:
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// writerSince is a channel that is closed when a writer that was open at any time since
// there had been so many is closed; nil if none was.
func (c *Conn) writerSince(writers int) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.writer != nil:
		return c.writer.over
	case c.writers != writers:
		over := make(chan struct{})
		close(over)
		return over
	}
	return nil
}

// Writer returns a writer of one message, which goes out in parts while it is written:
// a message of any size can be sent with little memory. Close ends it, and has to be
// called. Other writers wait until then, and so do calls of Write once a part is out.
//
// ctx is for the whole life of the writer, whose Write waits like that of Conn. A
// message that has begun cannot be taken back: when a part could not be sent, because
// ctx was done or the text is not UTF-8, Close ends the connection. If no part was out
// yet, nothing of the message is sent and the connection stays usable.
//
// The writer is for one goroutine at a time.
func (c *Conn) Writer(ctx context.Context, typ MessageType) (io.WriteCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, failed("write", err)
	}
	w := &messageWriter{ctx: ctx, conn: c, typ: typ, over: make(chan struct{})}
	for {
		c.mu.Lock()
		err, other := c.err, c.writer
		if err == nil && other == nil {
			c.writer = w
		}
		c.mu.Unlock()
		switch {
		case err != nil:
			return nil, failed("write", err)
		case other == nil:
			return w, nil
		}
		select {
		case <-other.over:
		case <-c.done:
		case <-ctx.Done():
			return nil, failed("write", ctx.Err())
		}
	}
}

// partSize is from how many bytes on a writer sends a part.
const partSize = 32 << 10

type messageWriter struct {
	ctx    context.Context
	conn   *Conn
	typ    MessageType
	buffer []byte
	began  bool // a part is out
	err    error
	over   chan struct{} // closed by Close
}

var errWriterClosed = errors.New("wsc: write: the writer was closed")

func (w *messageWriter) Write(p []byte) (int, error) {
	written := 0
	for w.err == nil && written < len(p) {
		n := partSize - len(w.buffer)
		if n > len(p)-written {
			n = len(p) - written
		}
		w.buffer = append(w.buffer, p[written:written+n]...)
		written += n
		if len(w.buffer) == partSize {
			w.err = w.sendPart()
		}
	}
	return written, w.err
}

// sendPart sends what was collected, of a text whole characters.
func (w *messageWriter) sendPart() error {
	part, n := C.int32_t(C.WSC_PART_FIRST), len(w.buffer)
	if w.began {
		part = C.WSC_PART_MORE
	}
	if w.typ&^NoCompress == Text {
		n -= unfinishedRune(w.buffer)
	}
	if err := w.send(part, w.buffer[:n]); err != nil {
		return err
	}
	w.began = true
	w.buffer = w.buffer[:copy(w.buffer, w.buffer[n:])]
	return nil
}

func (w *messageWriter) send(part C.int32_t, data []byte) error {
	if err := w.ctx.Err(); err != nil {
		return failed("write", err)
	}
	err := w.conn.send(w.ctx, func() Status { return w.conn.sendPart(w.typ, part, data) })
	if err != nil {
		return failed("write", err)
	}
	return nil
}

// unfinishedRune is how many bytes at the end begin a character that is not complete.
func unfinishedRune(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return n
			}
			break
		}
	}
	return 0
}

func (w *messageWriter) Close() error {
	if w.err == errWriterClosed {
		return w.err
	}
	err := w.err
	if err == nil {
		part := C.int32_t(C.WSC_PART_WHOLE)
		if w.began {
			part = C.WSC_PART_LAST
		}
		err = w.send(part, w.buffer)
	}
	if err != nil && w.began {
		w.conn.CloseNow()
	}
	w.err = errWriterClosed
	w.conn.mu.Lock()
	w.conn.writer = nil
	w.conn.writers++
	w.conn.mu.Unlock()
	close(w.over)
	return err
}
