package wsc

// #include <stdlib.h>
// #include "wsc.h"
import "C"

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"sort"
	"strings"
	"time"
	"unsafe"
)

// DialOptions are the settings of a connection. The zero value of each field, and a nil
// *DialOptions, stand for the library's defaults.
//
// A negative time means that there is no limit, or for PingInterval that no pings are
// sent. Times count in milliseconds.
type DialOptions struct {
	// Header is sent with the upgrade request. Host may be set; Connection, Upgrade,
	// Content-Length, Transfer-Encoding and the Sec-WebSocket fields are the library's
	// own.
	Header http.Header
	// Subprotocols are offered to the server, the preferred one first.
	Subprotocols []string
	// Compression offers permessage-deflate (RFC 7692), which is used if the server
	// agrees. It can cost some 300 KiB for each connection; and where secrets are
	// compressed together with what others chose, the length of a message tells about
	// the secrets.
	Compression bool

	// PingInterval is the time between pings. Default 20 s.
	PingInterval time.Duration
	// PongTimeout is how long the peer may be silent after a ping. Default 20 s.
	PongTimeout time.Duration
	// ConnectTimeout is for DNS, TCP and TLS together. Default 10 s.
	ConnectTimeout time.Duration
	// HandshakeTimeout is for the HTTP upgrade. Default 10 s.
	HandshakeTimeout time.Duration
	// CloseTimeout is for the close handshake. Default 5 s.
	CloseTimeout time.Duration

	// ReadLimit is how many bytes a received message may have. Default 16 MiB.
	ReadLimit int64
	// HeaderLimit is how many bytes the server's response head may have. Default 64 KiB.
	HeaderLimit int
	// SendQueueLimit is how many bytes may wait for the socket before Write waits.
	// Default 1 MiB.
	SendQueueLimit int
}

const defaultReadLimit = 16 << 20

// Dial opens a connection to a ws:// or wss:// URL and returns when the handshake is
// complete. It waits until ctx is done, within the timeouts of opts; once it has
// returned, ctx means nothing to the connection. opts may be nil.
//
// The response is the server's answer, without a body. It is not nil if the server
// answered with a status other than 101, which is an *Error with StatusHTTPStatus; then
// it has the status alone. The body need not be closed.
//
// TLS uses the system's trust store and checks the certificate and the host name.
func Dial(ctx context.Context, url string, opts *DialOptions) (*Conn, *http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, failed("dial", err)
	}
	if opts == nil {
		opts = &DialOptions{}
	}
	c, err := newConn(url, opts)
	if err != nil {
		return nil, nil, failed("dial", err)
	}
	if err := c.loop.start(c); err != nil {
		c.CloseNow()
		return nil, nil, failed("dial", err)
	}
	err = c.await(ctx, func() bool { return c.opened })
	head := c.head
	c.head = nil
	c.mu.Unlock()
	if err != nil {
		c.CloseNow()
		return nil, refusal(err), failed("dial", err)
	}
	response, err := responseOf(head)
	if err != nil {
		c.CloseNow()
		return nil, nil, failed("dial", err)
	}
	c.subprotocol = response.Header.Get("Sec-WebSocket-Protocol")
	c.unlimitSends()
	return c, response, nil
}

func newConn(url string, opts *DialOptions) (*Conn, error) {
	l, err := useLoop()
	if err != nil {
		return nil, err
	}
	c := &Conn{loop: l, wake: make(chan struct{}, 1), done: make(chan struct{})}
	err = withString(url, StatusURL, func(url *C.char) error {
		return statusError(C.wsc_conn_new(l.native, url, &c.native))
	})
	if err != nil {
		l.leave()
		return nil, err
	}
	c.uses.Store(1)
	c.id = uint64(C.wsc_conn_id(c.native))
	if err := c.configure(opts); err != nil {
		c.CloseNow()
		return nil, err
	}
	return c, nil
}

func (c *Conn) configure(opts *DialOptions) error {
	for _, name := range sortedKeys(opts.Header) {
		for _, value := range opts.Header[name] {
			if err := c.addHeader(name, value); err != nil {
				return fmt.Errorf("header %q: %w", name, err)
			}
		}
	}
	if len(opts.Subprotocols) > 0 {
		list := strings.Join(opts.Subprotocols, ",")
		err := withString(list, StatusSubprotocol, func(list *C.char) error {
			return statusError(C.wsc_conn_set_subprotocols(c.native, list))
		})
		if err != nil {
			return err
		}
	}
	if err := statusError(C.wsc_conn_set_deflate(c.native, C.bool(opts.Compression))); err != nil {
		return err
	}
	if err := c.setTimes(opts); err != nil {
		return err
	}
	return c.setLimits(opts)
}

func (c *Conn) addHeader(name, value string) error {
	return withString(name, StatusHeaderName, func(name *C.char) error {
		return withString(value, StatusHeaderValue, func(value *C.char) error {
			return statusError(C.wsc_conn_add_header(c.native, name, value))
		})
	})
}

func (c *Conn) setTimes(opts *DialOptions) error {
	for _, setting := range []struct {
		name  string
		value time.Duration
		set   func(C.int32_t) C.wsc_status_t
	}{
		{"PingInterval", opts.PingInterval, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_ping_interval(c.native, ms)
		}},
		{"PongTimeout", opts.PongTimeout, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_pong_timeout(c.native, ms)
		}},
		{"ConnectTimeout", opts.ConnectTimeout, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_connect_timeout(c.native, ms)
		}},
		{"HandshakeTimeout", opts.HandshakeTimeout, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_handshake_timeout(c.native, ms)
		}},
		{"CloseTimeout", opts.CloseTimeout, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_close_timeout(c.native, ms)
		}},
	} {
		if setting.value == 0 {
			continue
		}
		if err := statusError(setting.set(milliseconds(setting.value))); err != nil {
			return fmt.Errorf("%s: %w", setting.name, err)
		}
	}
	return nil
}

func (c *Conn) setLimits(opts *DialOptions) error {
	readLimit := opts.ReadLimit
	if readLimit == 0 {
		readLimit = defaultReadLimit
	}
	c.readLimit.Store(readLimit)
	for _, setting := range []struct {
		name  string
		value int64
		set   func(C.size_t) C.wsc_status_t
	}{
		{"ReadLimit", readLimit, func(size C.size_t) C.wsc_status_t {
			if status := C.wsc_conn_set_max_frame_size(c.native, size); status != C.WSC_OK {
				return status
			}
			return C.wsc_conn_set_max_message_size(c.native, size)
		}},
		{"HeaderLimit", int64(opts.HeaderLimit), func(size C.size_t) C.wsc_status_t {
			return C.wsc_conn_set_max_header_size(c.native, size)
		}},
		{"SendQueueLimit", int64(opts.SendQueueLimit), func(size C.size_t) C.wsc_status_t {
			return C.wsc_conn_set_send_queue_limit(c.native, size)
		}},
	} {
		if setting.value == 0 {
			continue
		}
		if setting.value < 0 {
			return fmt.Errorf("%s: %w", setting.name, &Error{Status: StatusInvalid})
		}
		if err := statusError(setting.set(C.size_t(setting.value))); err != nil {
			return fmt.Errorf("%s: %w", setting.name, err)
		}
	}
	return nil
}

// unlimitSends takes the limit of received messages, which holds for the whole attempt
// by now, from those that are sent.
func (c *Conn) unlimitSends() {
	if c.acquire() {
		C.wsc_conn_set_max_message_size(c.native, math.MaxInt)
		c.release()
	}
}

// withString gives a C copy of s to use. One that contains a NUL would be cut there.
func withString(s string, status Status, use func(*C.char) error) error {
	if strings.IndexByte(s, 0) >= 0 {
		return &Error{Status: status}
	}
	text := C.CString(s)
	defer C.free(unsafe.Pointer(text))
	return use(text)
}

func milliseconds(d time.Duration) C.int32_t {
	if d < 0 {
		return C.WSC_FOREVER
	}
	ms := (d + time.Millisecond - 1) / time.Millisecond
	if ms > math.MaxInt32 {
		return math.MaxInt32
	}
	return C.int32_t(ms)
}

func sortedKeys(header http.Header) []string {
	keys := make([]string, 0, len(header))
	for key := range header {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// responseOf parses a response head.
func responseOf(head []byte) (*http.Response, error) {
	return http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(head), len(head)), nil)
}

// refusal is the response if the error says that there was one.
func refusal(err error) *http.Response {
	e, ok := err.(*Error)
	if !ok || e.HTTPStatus == 0 {
		return nil
	}
	return &http.Response{
		Status:     strings.TrimSpace(fmt.Sprintf("%d %s", e.HTTPStatus, http.StatusText(e.HTTPStatus))),
		StatusCode: e.HTTPStatus,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     http.Header{},
		Body:       http.NoBody,
	}
}
