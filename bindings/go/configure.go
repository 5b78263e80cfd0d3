package wsc

// #include <stdlib.h>
// #include "wsc.h"
import "C"

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"time"
	"unsafe"
)

// A setting gives one field of the options, by its name in errors, to the library. set
// is nil for the zero value, which stands for the library's default.
type setting struct {
	name string
	set  func() error
}

func apply(settings []setting) error {
	for _, s := range settings {
		if s.set == nil {
			continue
		}
		if err := s.set(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// configure applies options to a new connection.
func (c *Conn) configure(rawURL string, opts *DialOptions) error {
	if err := statusError(C.wsc_conn_set_streaming(c.native, true)); err != nil {
		return err
	}
	// What is written has no limit; ReadLimit is that of what is read.
	if err := statusError(C.wsc_conn_set_max_message_size(c.native, math.MaxInt)); err != nil {
		return err
	}
	for _, part := range [][]setting{
		c.httpSettings(opts), c.networkSettings(rawURL, opts), c.times(opts), c.limits(opts),
		c.compression(opts.Compression), c.tlsSettings(opts.TLS),
	} {
		if err := apply(part); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conn) httpSettings(opts *DialOptions) []setting {
	return []setting{
		{"Header", eachField(opts.Header, func(name, value *C.char) C.wsc_status_t {
			return C.wsc_conn_add_header(c.native, name, value)
		})},
		{"Subprotocols", text(strings.Join(opts.Subprotocols, ","), StatusSubprotocol, func(list *C.char) C.wsc_status_t {
			return C.wsc_conn_set_subprotocols(c.native, list)
		})},
	}
}

func (c *Conn) networkSettings(rawURL string, opts *DialOptions) []setting {
	return []setting{
		{"Proxy", c.proxy(rawURL, opts)},
		{"ProxyHeader", eachField(opts.ProxyHeader, func(name, value *C.char) C.wsc_status_t {
			return C.wsc_conn_add_proxy_header(c.native, name, value)
		})},
		{"MaxRedirects", when(opts.MaxRedirects != 0, func() C.wsc_status_t {
			return C.wsc_conn_set_max_redirects(c.native, C.uint32_t(opts.MaxRedirects))
		})},
		{"LocalAddress", text(opts.LocalAddress, StatusInvalid, func(address *C.char) C.wsc_status_t {
			return C.wsc_conn_set_local_address(c.native, address)
		})},
		{"Interface", text(opts.Interface, StatusInvalid, func(name *C.char) C.wsc_status_t {
			return C.wsc_conn_set_interface(c.native, name)
		})},
		{"Socket", c.socket(opts)},
	}
}

// proxy asks the user's function, as net/http does.
func (c *Conn) proxy(rawURL string, opts *DialOptions) func() error {
	if opts.Proxy == nil {
		return nil
	}
	return func() error {
		target, err := url.Parse(rawURL)
		if err != nil {
			return err
		}
		switch target.Scheme {
		case "ws":
			target.Scheme = "http"
		case "wss":
			target.Scheme = "https"
		default: // no proxy leads to a unix socket
			return nil
		}
		request := &http.Request{Method: http.MethodGet, URL: target, Host: target.Host, Header: opts.Header}
		proxy, err := opts.Proxy(request)
		if err != nil || proxy == nil {
			return err
		}
		return withString(proxy.String(), StatusURL, func(proxy *C.char) C.wsc_status_t {
			return C.wsc_conn_set_proxy(c.native, proxy)
		})
	}
}

func (c *Conn) socket(opts *DialOptions) func() error {
	if opts.Socket == nil {
		return nil
	}
	return func() error {
		raw, err := opts.Socket.SyscallConn()
		if err != nil {
			return err
		}
		var status C.wsc_status_t
		err = raw.Control(func(fd uintptr) {
			status = C.wsc_conn_set_socket(c.native, C.int32_t(fd))
		})
		if err != nil {
			return err
		}
		return statusError(status)
	}
}

func (c *Conn) times(opts *DialOptions) []setting {
	settings := []setting{
		{"PingInterval", milliseconds(opts.PingInterval, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_ping_interval(c.native, ms)
		})},
		{"PongTimeout", milliseconds(opts.PongTimeout, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_pong_timeout(c.native, ms)
		})},
		{"IdleTimeout", milliseconds(opts.IdleTimeout, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_idle_timeout(c.native, ms)
		})},
		{"ConnectTimeout", milliseconds(opts.ConnectTimeout, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_connect_timeout(c.native, ms)
		})},
		{"HandshakeTimeout", milliseconds(opts.HandshakeTimeout, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_handshake_timeout(c.native, ms)
		})},
		{"CloseTimeout", milliseconds(opts.CloseTimeout, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_close_timeout(c.native, ms)
		})},
		{"KeepAlive", milliseconds(opts.KeepAlive, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_keepalive(c.native, ms)
		})},
		{"TCPUserTimeout", milliseconds(opts.TCPUserTimeout, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_tcp_user_timeout(c.native, ms)
		})},
	}
	for phase, timeout := range opts.PhaseTimeouts {
		phase := phase
		settings = append(settings, setting{"PhaseTimeouts", milliseconds(timeout, func(ms C.int32_t) C.wsc_status_t {
			return C.wsc_conn_set_phase_timeout(c.native, C.int32_t(phase), ms)
		})})
	}
	return settings
}

func (c *Conn) limits(opts *DialOptions) []setting {
	readLimit, frameLimit := opts.ReadLimit, opts.FrameLimit
	if readLimit == 0 {
		readLimit = defaultReadLimit
	}
	if frameLimit == 0 {
		// Whole messages are limited, be they one frame, and SetReadLimit may raise that.
		frameLimit = math.MaxInt
	}
	c.queueLimit = opts.ReadQueueLimit
	if c.queueLimit == 0 {
		c.queueLimit = defaultQueueLimit
	}
	return []setting{
		{"ReadLimit", size(readLimit, func(size C.size_t) C.wsc_status_t {
			return C.wsc_conn_set_max_receive_size(c.native, size)
		})},
		{"FrameLimit", size(frameLimit, func(size C.size_t) C.wsc_status_t {
			return C.wsc_conn_set_max_frame_size(c.native, size)
		})},
		{"FragmentLimit", size(int64(opts.FragmentLimit), func(count C.size_t) C.wsc_status_t {
			return C.wsc_conn_set_max_fragments(c.native, count)
		})},
		{"ReadQueueLimit", size(int64(opts.ReadQueueLimit), func(limit C.size_t) C.wsc_status_t {
			return C.wsc_conn_set_receive_queue_limit(c.native, limit)
		})},
		{"HeaderLimit", size(int64(opts.HeaderLimit), func(size C.size_t) C.wsc_status_t {
			return C.wsc_conn_set_max_header_size(c.native, size)
		})},
		{"SendQueueLimit", size(int64(opts.SendQueueLimit), func(limit C.size_t) C.wsc_status_t {
			return C.wsc_conn_set_send_queue_limit(c.native, limit)
		})},
	}
}

func (c *Conn) compression(compression *Compression) []setting {
	if compression == nil {
		return nil
	}
	o := *compression
	threshold := o.Threshold
	if threshold < 0 {
		threshold = 0
	}
	return []setting{
		{"Compression", when(true, func() C.wsc_status_t {
			return C.wsc_conn_set_deflate(c.native, true)
		})},
		{"Compression.Level", when(o.Level != 0, func() C.wsc_status_t {
			return C.wsc_conn_set_deflate_level(c.native, int32Of(o.Level))
		})},
		{"Compression.Threshold", when(o.Threshold != 0, func() C.wsc_status_t {
			return C.wsc_conn_set_deflate_threshold(c.native, C.size_t(threshold))
		})},
		{"Compression.WindowBits", when(o.ClientWindowBits != 0 || o.ServerWindowBits != 0, func() C.wsc_status_t {
			return C.wsc_conn_set_deflate_window_bits(c.native, windowBits(o.ClientWindowBits), windowBits(o.ServerWindowBits))
		})},
		{"Compression.NoContextTakeover", when(o.ClientNoContextTakeover || o.ServerNoContextTakeover, func() C.wsc_status_t {
			return C.wsc_conn_set_deflate_no_context_takeover(c.native,
				C.bool(o.ClientNoContextTakeover), C.bool(o.ServerNoContextTakeover))
		})},
		{"Compression.MaxRatio", size(int64(o.MaxRatio), func(ratio C.size_t) C.wsc_status_t {
			return C.wsc_conn_set_deflate_max_ratio(c.native, ratio)
		})},
	}
}

func windowBits(bits int) C.int32_t {
	if bits == 0 {
		return 15
	}
	return int32Of(bits)
}

func (c *Conn) tlsSettings(options *TLS) []setting {
	if options == nil {
		return nil
	}
	o := *options
	settings := []setting{
		{"TLS.RootCAs", bytesOf(o.RootCAs, func(pem unsafe.Pointer, len C.size_t) C.wsc_status_t {
			return C.wsc_conn_add_tls_ca(c.native, pem, len)
		})},
	}
	for _, path := range o.RootCAFiles {
		settings = append(settings, setting{"TLS.RootCAFiles", text(path, StatusFile, func(path *C.char) C.wsc_status_t {
			return C.wsc_conn_add_tls_ca_file(c.native, path)
		})})
	}
	settings = append(settings, setting{"TLS.CRLs", bytesOf(o.CRLs, func(lists unsafe.Pointer, len C.size_t) C.wsc_status_t {
		return C.wsc_conn_add_tls_crl(c.native, lists, len)
	})})
	for _, path := range o.CRLFiles {
		settings = append(settings, setting{"TLS.CRLFiles", text(path, StatusFile, func(path *C.char) C.wsc_status_t {
			return C.wsc_conn_add_tls_crl_file(c.native, path)
		})})
	}
	settings = append(settings,
		setting{"TLS.NoSystemRoots", when(o.NoSystemRoots, func() C.wsc_status_t {
			return C.wsc_conn_set_tls_system_roots(c.native, false)
		})},
		setting{"TLS.Certificate", c.identity(&o)},
		setting{"TLS.ServerName", text(o.ServerName, StatusInvalid, func(name *C.char) C.wsc_status_t {
			return C.wsc_conn_set_tls_verify_name(c.native, name)
		})},
		setting{"TLS.SNI", c.serverName(&o)},
		setting{"TLS.MinVersion", when(o.MinVersion != 0 || o.MaxVersion != 0, func() C.wsc_status_t {
			return C.wsc_conn_set_tls_versions(c.native,
				tlsVersion(o.MinVersion, C.WSC_TLS_1_2), tlsVersion(o.MaxVersion, C.WSC_TLS_1_3))
		})},
		setting{"TLS.NextProtos", text(strings.Join(o.NextProtos, ","), StatusInvalid, func(list *C.char) C.wsc_status_t {
			return C.wsc_conn_set_tls_alpn(c.native, list)
		})},
		setting{"TLS.InsecureSkipVerify", when(o.InsecureSkipVerify, func() C.wsc_status_t {
			return C.wsc_conn_set_tls_danger_accept_anything(c.native, true)
		})},
	)
	for _, pin := range o.Pins {
		pin := pin
		settings = append(settings, setting{"TLS.Pins", bytesOf(pin.SHA256[:], func(sha256 unsafe.Pointer, len C.size_t) C.wsc_status_t {
			return C.wsc_conn_add_tls_pin(c.native, C.int32_t(pin.Type), sha256, len)
		})})
	}
	return settings
}

var errTwoIdentities = errors.New("only one of Certificate, CertificateFile and PKCS12 may be set")

// identity sets the client's certificate from whichever source there is.
func (c *Conn) identity(o *TLS) func() error {
	memory := len(o.Certificate)+len(o.Key) > 0
	files := o.CertificateFile+o.KeyFile != ""
	archive := len(o.PKCS12) > 0
	switch {
	case memory && files, memory && archive, files && archive:
		return func() error { return errTwoIdentities }
	case memory:
		return func() error { return c.identityInMemory(o) }
	case files:
		return func() error { return c.identityInFiles(o) }
	case archive:
		return func() error {
			return withString(o.Passphrase, StatusPassphrase, func(passphrase *C.char) C.wsc_status_t {
				return withBytes(o.PKCS12, func(data unsafe.Pointer, len C.size_t) C.wsc_status_t {
					return C.wsc_conn_set_tls_pkcs12(c.native, data, len, passphrase)
				})
			})
		}
	}
	return nil
}

func (c *Conn) identityInMemory(o *TLS) error {
	return withString(o.Passphrase, StatusPassphrase, func(passphrase *C.char) C.wsc_status_t {
		return withBytes(o.Certificate, func(chain unsafe.Pointer, chainLen C.size_t) C.wsc_status_t {
			return withBytes(o.Key, func(key unsafe.Pointer, keyLen C.size_t) C.wsc_status_t {
				return C.wsc_conn_set_tls_identity(c.native, chain, chainLen, key, keyLen, passphrase)
			})
		})
	})
}

func (c *Conn) identityInFiles(o *TLS) error {
	key := o.KeyFile
	if key == "" {
		key = o.CertificateFile
	}
	if strings.IndexByte(key+o.Passphrase, 0) >= 0 {
		return &Error{Status: StatusFile}
	}
	keyPath, passphrase := C.CString(key), C.CString(o.Passphrase)
	defer C.free(unsafe.Pointer(keyPath))
	defer C.free(unsafe.Pointer(passphrase))
	return withString(o.CertificateFile, StatusFile, func(chainPath *C.char) C.wsc_status_t {
		return C.wsc_conn_set_tls_identity_files(c.native, chainPath, keyPath, passphrase)
	})
}

// serverName sets what is sent in the clear: as ServerName, unless SNI says otherwise.
func (c *Conn) serverName(o *TLS) func() error {
	name := o.SNI
	if name == "" {
		name = o.ServerName
	}
	if name == "" {
		return nil
	}
	return func() error {
		if name == "-" {
			name = ""
		}
		return withString(name, StatusInvalid, func(name *C.char) C.wsc_status_t {
			return C.wsc_conn_set_tls_server_name(c.native, name)
		})
	}
}

func tlsVersion(version uint16, otherwise C.int32_t) C.int32_t {
	if version == 0 {
		return otherwise
	}
	return C.int32_t(version)
}

// The kinds of settings.

func when(condition bool, set func() C.wsc_status_t) func() error {
	if !condition {
		return nil
	}
	return func() error { return statusError(set()) }
}

func text(s string, status Status, set func(*C.char) C.wsc_status_t) func() error {
	if s == "" {
		return nil
	}
	return func() error { return withString(s, status, set) }
}

func bytesOf(data []byte, set func(unsafe.Pointer, C.size_t) C.wsc_status_t) func() error {
	if len(data) == 0 {
		return nil
	}
	return func() error { return statusError(withBytes(data, set)) }
}

func milliseconds(d time.Duration, set func(C.int32_t) C.wsc_status_t) func() error {
	if d == 0 {
		return nil
	}
	ms := C.int32_t(C.WSC_FOREVER)
	switch rounded := (d + time.Millisecond - 1) / time.Millisecond; {
	case d < 0:
	case d > math.MaxInt32*time.Millisecond:
		ms = math.MaxInt32
	default:
		ms = C.int32_t(rounded)
	}
	return func() error { return statusError(set(ms)) }
}

func size(n int64, set func(C.size_t) C.wsc_status_t) func() error {
	if n == 0 {
		return nil
	}
	return func() error {
		if n < 0 {
			return &Error{Status: StatusInvalid}
		}
		return statusError(set(C.size_t(n)))
	}
}

func eachField(header http.Header, add func(name, value *C.char) C.wsc_status_t) func() error {
	if len(header) == 0 {
		return nil
	}
	return func() error {
		names := make([]string, 0, len(header))
		for name := range header {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			for _, value := range header[name] {
				if err := addField(name, value, add); err != nil {
					return fmt.Errorf("%q: %w", name, err)
				}
			}
		}
		return nil
	}
}

func addField(name, value string, add func(name, value *C.char) C.wsc_status_t) error {
	if strings.IndexByte(value, 0) >= 0 {
		return &Error{Status: StatusHeaderValue}
	}
	text := C.CString(value)
	defer C.free(unsafe.Pointer(text))
	return withString(name, StatusHeaderName, func(name *C.char) C.wsc_status_t {
		return add(name, text)
	})
}

// withString gives a C copy of s to use. One that contains a NUL would be cut there.
func withString(s string, status Status, use func(*C.char) C.wsc_status_t) error {
	if strings.IndexByte(s, 0) >= 0 {
		return &Error{Status: status}
	}
	text := C.CString(s)
	defer C.free(unsafe.Pointer(text))
	return statusError(use(text))
}

// withBytes gives a C copy of data to use.
func withBytes(data []byte, use func(unsafe.Pointer, C.size_t) C.wsc_status_t) C.wsc_status_t {
	copied := C.CBytes(data)
	defer C.free(copied)
	return use(copied, C.size_t(len(data)))
}

// int32Of keeps what no int32 can be out of range.
func int32Of(n int) C.int32_t {
	if n < math.MinInt32 || n > math.MaxInt32 {
		return math.MinInt32
	}
	return C.int32_t(n)
}
