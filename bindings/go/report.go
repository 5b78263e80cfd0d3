package wsc

/*
#include "wsc.h"

#define WSCGO_REPORT_NUMBERS (WSC_REPORT_OPEN_US + 1)

// The numbers of the report, by their wsc_report_number_t.
static void wscgo_report_numbers(wsc_conn_t *conn, uint64_t *numbers)
{
    int32_t number;

    for (number = WSC_REPORT_ATTEMPT; number < WSCGO_REPORT_NUMBERS; number++) {
        wsc_conn_report_number(conn, number, &numbers[number]);
    }
}

static size_t wscgo_report_data(wsc_conn_t *conn, int32_t data, char *buffer, size_t size)
{
    size_t len = 0;

    wsc_conn_report_data(conn, data, buffer, size, &len);
    return len;
}
*/
import "C"

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// A Report says what became of a connection: how far it came, how long each phase took,
// whom it spoke to. What did not happen is the zero value.
type Report struct {
	// Phase is how far the connection came.
	Phase Phase
	// Status is why it ended; 0 if it did not, or in order.
	Status Status
	// Reason says so for people.
	Reason string
	// OSError is the system's error behind it.
	OSError syscall.Errno

	// Addresses are those that were tried, with ": " and the error if there is one.
	Addresses []string
	// Redirects is how many were followed.
	Redirects int
	// HTTPStatus is the status of the server's answer.
	HTTPStatus int
	// ProxyStatus is the HTTP status or SOCKS code of a proxy that refused.
	ProxyStatus int
	// Head is the server's answer up to its empty line.
	Head []byte
	// Body is the beginning of the body of an answer that refused, at most 4096 bytes.
	Body []byte

	// Retry tells whether another Dial can help, and RetryAfter how long the server
	// asked to wait.
	Retry      Retry
	RetryAfter time.Duration

	// TLSVersion is as in crypto/tls, such as tls.VersionTLS13.
	TLSVersion uint16
	// PeerCertificate is the server's, in DER, for x509.ParseCertificate.
	PeerCertificate []byte
	// NegotiatedProtocol is what was agreed on in TLS (ALPN).
	NegotiatedProtocol string

	// The time that each phase took, and for which the connection was open.
	DNS, TCP, Proxy, TLS, Upgrade, Open time.Duration
}

// A Retry tells whether another attempt can help.
type Retry int32

const (
	RetryNever Retry = C.WSC_RETRY_NEVER // the same would happen again
	RetryLater Retry = C.WSC_RETRY_LATER // after a while
	RetryNow   Retry = C.WSC_RETRY_NOW   // at once
)

// Report tells about the connection so far, or as a whole when it has ended. It is nil
// if the connection ended by CloseNow.
func (c *Conn) Report() *Report {
	if c.acquire() {
		defer c.release()
		return c.readReport()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.report
}

// readReport needs the handle.
func (c *Conn) readReport() *Report {
	var numbers [C.WSCGO_REPORT_NUMBERS]C.uint64_t
	C.wscgo_report_numbers(c.native, &numbers[0])
	duration := func(number C.int) time.Duration {
		return time.Duration(numbers[number]) * time.Microsecond
	}
	report := &Report{
		Phase:              Phase(numbers[C.WSC_REPORT_PHASE]),
		Status:             Status(numbers[C.WSC_REPORT_STATUS]),
		Reason:             string(c.reportData(C.WSC_REPORT_REASON)),
		OSError:            syscall.Errno(numbers[C.WSC_REPORT_OS_ERROR]),
		Redirects:          int(numbers[C.WSC_REPORT_REDIRECTS]),
		HTTPStatus:         int(numbers[C.WSC_REPORT_HTTP_STATUS]),
		ProxyStatus:        int(numbers[C.WSC_REPORT_PROXY_STATUS]),
		Head:               c.reportData(C.WSC_REPORT_HEAD),
		Body:               c.reportData(C.WSC_REPORT_BODY),
		Retry:              Retry(numbers[C.WSC_REPORT_RETRY]),
		RetryAfter:         time.Duration(numbers[C.WSC_REPORT_RETRY_AFTER_MS]) * time.Millisecond,
		TLSVersion:         uint16(numbers[C.WSC_REPORT_TLS_VERSION]),
		PeerCertificate:    c.reportData(C.WSC_REPORT_PEER_CERTIFICATE),
		NegotiatedProtocol: string(c.reportData(C.WSC_REPORT_ALPN)),
		DNS:                duration(C.WSC_REPORT_DNS_US),
		TCP:                duration(C.WSC_REPORT_TCP_US),
		Proxy:              duration(C.WSC_REPORT_PROXY_US),
		TLS:                duration(C.WSC_REPORT_TLS_US),
		Upgrade:            duration(C.WSC_REPORT_UPGRADE_US),
		Open:               duration(C.WSC_REPORT_OPEN_US),
	}
	if addresses := string(c.reportData(C.WSC_REPORT_ADDRESSES)); addresses != "" {
		report.Addresses = strings.Split(strings.TrimSuffix(addresses, "\n"), "\n")
	}
	return report
}

func (c *Conn) reportData(data C.int32_t) []byte {
	var buffer []byte
	for {
		var start *C.char
		if len(buffer) > 0 {
			start = (*C.char)(unsafe.Pointer(&buffer[0]))
		}
		n := int(C.wscgo_report_data(c.native, data, start, C.size_t(len(buffer))))
		if n <= len(buffer) {
			return buffer[:n]
		}
		buffer = make([]byte, n)
	}
}

// response is the answer of a server that refused; nil if there was none.
func (r *Report) response() *http.Response {
	response, err := responseOf(r.Head)
	if err != nil {
		return nil
	}
	response.Body = io.NopCloser(bytes.NewReader(r.Body))
	return response
}

// responseOf parses a response head.
func responseOf(head []byte) (*http.Response, error) {
	return http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(head), len(head)), nil)
}
