package wsc

// #include "wsc.h"
import "C"

import (
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// ErrClosed is the reason why calls fail after Close or CloseNow.
var ErrClosed = fmt.Errorf("the connection was closed by this side: %w", net.ErrClosed)

// A CloseError says that the peer closed the connection with a close frame.
type CloseError struct {
	Code   CloseCode
	Reason string
}

func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("the peer closed the connection: %d", e.Code)
	}
	return fmt.Sprintf("the peer closed the connection: %d %q", e.Code, e.Reason)
}

// A CloseCode is the number in a close frame.
type CloseCode int

// The codes of RFC 6455. Close accepts CloseNormal and 3000 to 4999, the codes of
// applications.
const (
	CloseNormal          CloseCode = 1000
	CloseGoingAway       CloseCode = 1001
	CloseProtocolError   CloseCode = 1002
	CloseUnsupportedData CloseCode = 1003
	CloseNoStatus        CloseCode = 1005 // the frame had no code
	CloseInvalidPayload  CloseCode = 1007
	ClosePolicyViolation CloseCode = 1008
	CloseTooBig          CloseCode = 1009
	CloseExtension       CloseCode = 1010
	CloseInternalError   CloseCode = 1011
)

// An Error says that a connection or a call failed, for a reason other than a
// close frame of the peer or a context.
//
// errors.Is finds its status, as in errors.Is(err, wsc.StatusCertificate), and for some
// also an error of the standard library: StatusTimeout os.ErrDeadlineExceeded, StatusClosed io.ErrUnexpectedEOF,
// StatusRefused syscall.ECONNREFUSED, StatusReset syscall.ECONNRESET.
type Error struct {
	Status Status
	// Phase is how far the connection had come, PhaseNone if the error is of a
	// call and not of the connection.
	Phase Phase
	// HTTPStatus is what the server answered, if Status is StatusHTTPStatus, or the
	// HTTP status or SOCKS code of a proxy that refused.
	HTTPStatus int
	// Text says what happened, for people.
	Text string
	// Report is on the connection that failed. It is nil if the error is of a call, or was
	// returned while the connection was still about to end; what Read returns has it.
	Report *Report
}

var _ net.Error = (*Error)(nil)

func (e *Error) Error() string {
	text := e.Text
	if text == "" {
		text = e.Status.String()
	}
	if e.Phase == PhaseNone {
		return text
	}
	return fmt.Sprintf("%s (%s)", text, e.Phase)
}

// Timeout reports whether a deadline of the library passed. It makes an Error a net.Error,
// as context.DeadlineExceeded is.
func (e *Error) Timeout() bool { return e.Status == StatusTimeout }

// Temporary is Timeout; net.Error asks for it.
//
// Deprecated: As in net.Error, what is temporary is not well-defined. Whether another attempt
// can help is what [Report].Retry tells.
func (e *Error) Temporary() bool { return e.Timeout() }

// Is makes errors.Is find the status, and the errors of the standard library that some
// statuses stand for.
func (e *Error) Is(target error) bool {
	if target == e.Status {
		return true
	}
	switch e.Status {
	case StatusTimeout:
		return target == os.ErrDeadlineExceeded
	case StatusClosed:
		return target == io.ErrUnexpectedEOF
	case StatusRefused:
		return target == syscall.ECONNREFUSED
	case StatusReset:
		return target == syscall.ECONNRESET
	}
	return false
}

// A Status is the kind of a failure, for errors.Is and in [Error]. The values are those
// of wsc_status_t in wsc.h; new ones may come, so handle one that you do not know as a
// failure.
type Status int32

// Mistakes of the caller.
const (
	StatusNull        Status = C.WSC_ERR_NULL
	StatusInvalid     Status = C.WSC_ERR_INVALID      // a number is out of range
	StatusURL         Status = C.WSC_ERR_URL          // the URL is malformed
	StatusURLScheme   Status = C.WSC_ERR_URL_SCHEME   // its scheme is neither ws nor wss
	StatusURLPort     Status = C.WSC_ERR_URL_PORT     // its port is not a number from 1 to 65535
	StatusHeaderName  Status = C.WSC_ERR_HEADER_NAME  // no token, or a field that the library writes
	StatusHeaderValue Status = C.WSC_ERR_HEADER_VALUE // contains a control character
	StatusSubprotocol Status = C.WSC_ERR_SUBPROTOCOL  // no token, or named twice
	StatusOrigin      Status = C.WSC_ERR_ORIGIN
	StatusCloseCode   Status = C.WSC_ERR_CLOSE_CODE   // neither 0, 1000 nor in 3000 to 4999
	StatusCloseReason Status = C.WSC_ERR_CLOSE_REASON // over 123 bytes, not UTF-8, or without a code
	StatusUTF8        Status = C.WSC_ERR_UTF8         // the text is not UTF-8
	StatusTooBig      Status = C.WSC_ERR_TOO_BIG
	StatusMode        Status = C.WSC_ERR_MODE
	StatusFile        Status = C.WSC_ERR_FILE         // a file cannot be read
	StatusPEM         Status = C.WSC_ERR_PEM          // a certificate or key is malformed
	StatusPassphrase  Status = C.WSC_ERR_PASSPHRASE   // a key's passphrase is wrong
	StatusKeyMismatch Status = C.WSC_ERR_KEY_MISMATCH // a key is not the certificate's
)

// State and flow.
const (
	StatusState     Status = C.WSC_ERR_STATE // the connection's state does not allow the call
	StatusBusy      Status = C.WSC_ERR_BUSY
	StatusQueueFull Status = C.WSC_ERR_QUEUE_FULL
	StatusTimeout   Status = C.WSC_ERR_TIMEOUT // a deadline of the library passed
	StatusForked    Status = C.WSC_ERR_FORKED
	StatusAborted   Status = C.WSC_ERR_ABORTED
	StatusNotFound  Status = C.WSC_ERR_NOT_FOUND
)

// Network.
const (
	StatusDNS           Status = C.WSC_ERR_DNS            // the host name could not be resolved
	StatusRefused       Status = C.WSC_ERR_REFUSED        // the host refused the connection
	StatusUnreachable   Status = C.WSC_ERR_UNREACHABLE    // the network or host is unreachable
	StatusReset         Status = C.WSC_ERR_RESET          // the connection was reset
	StatusClosed        Status = C.WSC_ERR_CLOSED         // TCP ended without a close frame
	StatusIO            Status = C.WSC_ERR_IO             // any other error of the socket
	StatusSystem        Status = C.WSC_ERR_SYSTEM         // no descriptor, thread or memory left
	StatusProxy         Status = C.WSC_ERR_PROXY          // the proxy refused
	StatusProxyAuth     Status = C.WSC_ERR_PROXY_AUTH     // the proxy wants other credentials
	StatusProxyProtocol Status = C.WSC_ERR_PROXY_PROTOCOL // the proxy's answer makes no sense
)

// TLS.
const (
	StatusTLS                   Status = C.WSC_ERR_TLS
	StatusCertificate           Status = C.WSC_ERR_CERTIFICATE             // the certificate was not accepted
	StatusCertificateExpired    Status = C.WSC_ERR_CERTIFICATE_EXPIRED     // it is not valid now
	StatusCertificateSelfSigned Status = C.WSC_ERR_CERTIFICATE_SELF_SIGNED // nobody vouches for it
	StatusCertificateIssuer     Status = C.WSC_ERR_CERTIFICATE_ISSUER      // its issuer is not trusted
	StatusCertificateName       Status = C.WSC_ERR_CERTIFICATE_NAME        // it is for another name
	StatusCertificateRevoked    Status = C.WSC_ERR_CERTIFICATE_REVOKED     // it was revoked
	StatusPin                   Status = C.WSC_ERR_PIN                     // it is none of those pinned
	StatusTLSVersion            Status = C.WSC_ERR_TLS_VERSION             // no version in common
)

// HTTP and WebSocket.
const (
	StatusHTTP                Status = C.WSC_ERR_HTTP        // the answer is not HTTP
	StatusHTTPStatus          Status = C.WSC_ERR_HTTP_STATUS // the answer is not 101; see HTTPStatus
	StatusUpgrade             Status = C.WSC_ERR_UPGRADE     // its Upgrade or Connection field is wrong
	StatusAccept              Status = C.WSC_ERR_ACCEPT      // its Sec-WebSocket-Accept is wrong
	StatusHeaderTooBig        Status = C.WSC_ERR_HEADER_TOO_BIG
	StatusSubprotocolMismatch Status = C.WSC_ERR_SUBPROTOCOL_MISMATCH // the server's choice was not offered
	StatusExtensionMismatch   Status = C.WSC_ERR_EXTENSION_MISMATCH   // the server's choice was not offered
	StatusProtocol            Status = C.WSC_ERR_PROTOCOL             // the server violated the protocol
	StatusMessageTooBig       Status = C.WSC_ERR_MESSAGE_TOO_BIG      // a message exceeds the read limit
	StatusPeerUTF8            Status = C.WSC_ERR_PEER_UTF8            // the server sent text that is not UTF-8
	StatusRedirect            Status = C.WSC_ERR_REDIRECT             // a redirect cannot be followed
)

// StatusPanic is a bug in the library.
const StatusPanic Status = C.WSC_ERR_PANIC

const statusOK Status = C.WSC_OK

// String describes the status in a few words.
func (s Status) String() string {
	return C.GoString(C.wsc_status_str(C.int32_t(s)))
}

// Error is String: a status is what errors.Is looks for.
func (s Status) Error() string { return s.String() }

// A Phase is how far a connection had come.
type Phase int32

// The phases, in their order.
const (
	PhaseNone    Phase = C.WSC_PHASE_NONE
	PhaseDNS     Phase = C.WSC_PHASE_DNS
	PhaseTCP     Phase = C.WSC_PHASE_TCP
	PhaseProxy   Phase = C.WSC_PHASE_PROXY
	PhaseTLS     Phase = C.WSC_PHASE_TLS
	PhaseUpgrade Phase = C.WSC_PHASE_UPGRADE
	PhaseOpen    Phase = C.WSC_PHASE_OPEN
	PhaseClosing Phase = C.WSC_PHASE_CLOSING
)

var phaseNames = map[Phase]string{
	PhaseNone:    "none",
	PhaseDNS:     "dns",
	PhaseTCP:     "tcp",
	PhaseProxy:   "proxy",
	PhaseTLS:     "tls",
	PhaseUpgrade: "upgrade",
	PhaseOpen:    "open",
	PhaseClosing: "closing",
}

// String names the phase, such as "upgrade".
func (p Phase) String() string {
	if name, ok := phaseNames[p]; ok {
		return name
	}
	return fmt.Sprintf("phase %d", int32(p))
}

// failed says which call failed; the reason stays reachable for errors.As and Is.
func failed(op string, reason error) error {
	return fmt.Errorf("wsc: %s: %w", op, reason)
}

// statusError is the error of a C call, nil for success.
func statusError(status C.wsc_status_t) error {
	if Status(status) == statusOK {
		return nil
	}
	return &Error{Status: Status(status)}
}
