package wsc

// #include "wsc.h"
import "C"

import (
	"net/http"
	"net/url"
	"syscall"
	"time"
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
	// agrees, see [Conn.Extensions]. The zero value is &Compression{}; nil offers none.
	Compression *Compression
	// TLS is for wss:// URLs. Without it the system's trust store is used and the
	// certificate and the host name are checked.
	TLS *TLS

	// Proxy names the proxy for a request, nil for none: http.ProxyFromEnvironment and
	// http.ProxyURL fit. The request has the URL with the scheme http or https in place
	// of ws or wss. A proxy's URL begins with http, https, socks5 or socks5h. Unless
	// this is set there is no proxy.
	Proxy func(*http.Request) (*url.URL, error)
	// ProxyHeader is sent to an HTTP proxy with the CONNECT request.
	ProxyHeader http.Header
	// MaxRedirects is how many HTTP redirects are followed. Default 0. The Cookie,
	// Authorization and Host fields and the client's certificate do not go to another
	// server.
	MaxRedirects uint32
	// LocalAddress is the IP address to connect from, perhaps with a port.
	LocalAddress string
	// Interface is the network interface to connect through, such as "eth0".
	Interface string
	// Socket is a connected stream socket to use in place of a new one, such as a
	// *net.TCPConn. It is duplicated: close it after Dial, and do not use it any more.
	Socket syscall.Conn

	// PingInterval is the time between pings. Default 20 s.
	PingInterval time.Duration
	// PongTimeout is how long the peer may be silent after a ping. Default 20 s.
	PongTimeout time.Duration
	// IdleTimeout is how long the peer may be silent at all. Default none.
	IdleTimeout time.Duration
	// ConnectTimeout is for DNS, TCP, proxy and TLS together. Default 10 s.
	ConnectTimeout time.Duration
	// PhaseTimeouts are for PhaseDNS, PhaseTCP, PhaseProxy and PhaseTLS each, within
	// ConnectTimeout.
	PhaseTimeouts map[Phase]time.Duration
	// HandshakeTimeout is for the HTTP upgrade. Default 10 s.
	HandshakeTimeout time.Duration
	// CloseTimeout is for the close handshake. Default 5 s.
	CloseTimeout time.Duration
	// KeepAlive is after how much silence TCP sends probes, at least 1 s. Default none:
	// pings do more, they reach the server itself.
	KeepAlive time.Duration
	// TCPUserTimeout is how long TCP may wait for an acknowledgement. Default is the
	// system's.
	TCPUserTimeout time.Duration

	// ReadLimit is how many bytes a received message may have, until [Conn.SetReadLimit]
	// says otherwise. Default 16 MiB.
	ReadLimit int64
	// FrameLimit is how many bytes a received frame may have. Default: what the limit of
	// messages leaves.
	FrameLimit int64
	// FragmentLimit is of how many frames a received message may consist. Default
	// 131072.
	FragmentLimit int
	// ReadQueueLimit is how many bytes of messages may wait for Read before the socket
	// is not read any more. Default 256 KiB.
	ReadQueueLimit int
	// HeaderLimit is how many bytes the server's response head may have. Default 64 KiB.
	HeaderLimit int
	// SendQueueLimit is how many bytes may wait for the socket before Write waits.
	// Default 1 MiB.
	SendQueueLimit int
}

// Compression are the settings of permessage-deflate. It can cost some 300 KiB for each
// connection; and where secrets are compressed together with what others chose, the
// length of a message tells about the secrets. [NoCompress] keeps single messages out.
type Compression struct {
	// Level is from 1, the fastest, to 9, the smallest. Default 1.
	Level int
	// Threshold is from how many bytes on a message is compressed. Default 64; negative
	// compresses all.
	Threshold int
	// ClientWindowBits is how far back the compression of what is sent looks, 9 to 15
	// as a power of two, and ServerWindowBits, from 8 on, the same for what is
	// received. Default 15. Less needs less memory.
	ClientWindowBits, ServerWindowBits int
	// ClientNoContextTakeover makes each message that is sent compressed by itself, so
	// that no memory is held between messages. ServerNoContextTakeover asks the server
	// for the same.
	ClientNoContextTakeover, ServerNoContextTakeover bool
	// MaxRatio is how many times its size a received message of more than 1 MiB may
	// inflate to. Default 200.
	MaxRatio int
}

// TLS are the settings for wss:// URLs, named as in crypto/tls where they do the same.
type TLS struct {
	// RootCAs are certificates in PEM that are trusted beside the system's, and
	// RootCAFiles are files with such.
	RootCAs     []byte
	RootCAFiles []string
	// NoSystemRoots trusts only RootCAs and RootCAFiles.
	NoSystemRoots bool

	// CRLs are lists of revoked certificates in PEM, or one in DER, and CRLFiles are files
	// with such. If there are any, one must cover the server's certificate: up to date, and
	// signed by a certificate of RootCAs or RootCAFiles.
	CRLs     []byte
	CRLFiles []string

	// Certificate is what the client shows, in PEM, with those that lead to its
	// authority, and Key its key. CertificateFile and KeyFile, or PKCS12, which is what
	// such a file contains, may take their place. Passphrase is for an encrypted key.
	Certificate, Key         []byte
	CertificateFile, KeyFile string
	PKCS12                   []byte
	Passphrase               string

	// ServerName is the name or address that the server's certificate must have, and
	// that is sent in the clear (SNI), in place of the URL's host.
	ServerName string
	// SNI is what is sent in the clear in place of that; "-" sends nothing.
	SNI string
	// MinVersion and MaxVersion are as in crypto/tls. Default TLS 1.2 and 1.3, the only
	// ones there are.
	MinVersion, MaxVersion uint16
	// NextProtos are offered (ALPN); [Report].NegotiatedProtocol is the server's choice.
	NextProtos []string

	// Pins, if there are any, must contain the server's certificate or its key, beside
	// everything else that is checked.
	Pins []Pin

	// InsecureSkipVerify accepts every certificate, of anybody, for any name, expired or
	// not: whoever is on the way to the server can then read and change everything. For
	// tests; RootCAs is for a certificate of one's own. Only Pins are still checked.
	InsecureSkipVerify bool
}

// A Pin is the SHA-256 of a server's certificate or public key.
type Pin struct {
	Type   PinType
	SHA256 [32]byte
}

// A PinType is what a pin is the SHA-256 of.
type PinType int32

const (
	// PinCertificate is for the certificate, in DER.
	PinCertificate PinType = C.WSC_PIN_CERTIFICATE
	// PinPublicKey is for its public key, a SubjectPublicKeyInfo in DER, which may
	// outlive a renewal.
	PinPublicKey PinType = C.WSC_PIN_PUBLIC_KEY
)
