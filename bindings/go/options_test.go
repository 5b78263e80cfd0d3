package wsc_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"libwsc/wsc"
)

// Setters that DialOptions do not reach, and why.
var unreached = map[string]string{
	"wsc_conn_set_url":                    "Dial takes the URL",
	"wsc_conn_set_tcp_nodelay":            "it is on, as package net has it",
	"wsc_conn_set_header":                 "a new connection has none to replace",
	"wsc_conn_clear_headers":              "a new connection has none to remove",
	"wsc_conn_clear_proxy_headers":        "a new connection has none to remove",
	"wsc_conn_reset_tls":                  "a new connection has none to reset",
	"wsc_conn_set_origin":                 "Header has Origin",
	"wsc_conn_set_auto_pong":              "pings are answered; no call reads them",
	"wsc_conn_set_binary_type":            "Write names the type",
	"wsc_conn_set_proxy_from_environment": "http.ProxyFromEnvironment does it",
	"wsc_conn_set_auto_reconnect":         "a Conn is one attempt, its user dials again",
	"wsc_conn_set_reconnect_delay":        "there is no automatic reconnect",
	"wsc_conn_set_reconnect_limit":        "there is no automatic reconnect",
	"wsc_conn_set_reconnect_stable_after": "there is no automatic reconnect",
	"wsc_conn_set_reconnect_after_fatal":  "there is no automatic reconnect",
	"wsc_conn_set_queue_policy":           "there is no automatic reconnect",
	"wsc_conn_add_prologue":               "without reconnects it is a Write after Dial",
	"wsc_conn_clear_prologue":             "there is no prologue",
	"wsc_loop_set_standby_grace":          "the loop is the package's own",
	"wsc_loop_set_busy_poll":              "the loop is the package's own, and sleeps: readers look for messages before they wait",
}

func TestEverySetterIsReached(t *testing.T) {
	var source strings.Builder
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			source.WriteString(own(t, file))
		}
	}
	setters := regexp.MustCompile(`wsc_status_t (wsc_(?:conn|loop)_(?:set|add|clear|reset)_\w+)\(`).
		FindAllStringSubmatch(own(t, "wsc.h"), -1)
	if len(setters) < 50 {
		t.Fatalf("found only %d setters", len(setters))
	}
	known := map[string]bool{}
	for _, setter := range setters {
		name := setter[1]
		known[name] = true
		used := strings.Contains(source.String(), "C."+name+"(")
		reason, excluded := unreached[name]
		switch {
		case !used && !excluded:
			t.Errorf("%s is neither reached nor excluded", name)
		case used && excluded:
			t.Errorf("%s is excluded (%s) and reached", name, reason)
		}
	}
	for name := range unreached {
		if !known[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

// An authority, and what it vouches for.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue makes a certificate and its key, in PEM.
func (a *authority) issue(t testing.TB, names ...string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &private.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// revoke makes a list, in PEM, that revokes the certificate of that number.
func (a *authority) revoke(t testing.TB, serial int64) []byte {
	t.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificates: []pkix.RevokedCertificate{
			{SerialNumber: big.NewInt(serial), RevocationTime: time.Now().Add(-time.Hour)},
		},
	}, a.cert, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func pair(t testing.TB, cert, key []byte) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// serveTLS echoes over TLS. It tells of each handshake that succeeds; one that does not
// is the client's to report.
func serveTLS(t testing.TB, config *tls.Config) (url string, states chan tls.ConnectionState) {
	t.Helper()
	states = make(chan tls.ConnectionState, 10)
	address := listen(t, "tcp", "127.0.0.1:0", func(p *peer) error {
		conn := tls.Server(p.Conn, config)
		if conn.Handshake() != nil {
			return nil
		}
		secure := &peer{conn, bufio.NewReader(conn)}
		if _, err := secure.accept(""); err != nil {
			return nil
		}
		states <- conn.ConnectionState()
		return secure.echo()
	})
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		t.Fatal(err)
	}
	return "wss://localhost:" + port, states
}

func TestTLSTrust(t *testing.T) {
	ca := newAuthority(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, ca.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := ca.issue(t, "localhost")
	url, _ := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{pair(t, cert, key)}})
	_, otherPort, _ := net.SplitHostPort(strings.TrimPrefix(url, "wss://"))
	block, _ := pem.Decode(cert)
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	certPin := wsc.Pin{Type: wsc.PinCertificate, SHA256: sha256.Sum256(parsed.Raw)}
	keyPin := wsc.Pin{Type: wsc.PinPublicKey, SHA256: sha256.Sum256(parsed.RawSubjectPublicKeyInfo)}
	for name, test := range map[string]struct {
		url    string
		tls    *wsc.TLS
		status wsc.Status // 0: it works
	}{
		"system roots alone":    {url, nil, wsc.StatusCertificateIssuer},
		"RootCAs":               {url, &wsc.TLS{RootCAs: ca.pem}, 0},
		"RootCAs alone":         {url, &wsc.TLS{RootCAs: ca.pem, NoSystemRoots: true}, 0},
		"RootCAFiles":           {url, &wsc.TLS{RootCAFiles: []string{file}}, 0},
		"CRLs":                  {url, &wsc.TLS{RootCAs: ca.pem, CRLs: ca.revoke(t, 99)}, 0},
		"CRLs, revoked":         {url, &wsc.TLS{RootCAs: ca.pem, CRLs: ca.revoke(t, 2)}, wsc.StatusCertificateRevoked},
		"CRLs of another":       {url, &wsc.TLS{RootCAs: ca.pem, CRLs: newAuthority(t).revoke(t, 99)}, wsc.StatusCertificate},
		"another authority":     {url, &wsc.TLS{RootCAs: newAuthority(t).pem, NoSystemRoots: true}, wsc.StatusCertificate},
		"another name":          {"wss://127.0.0.1:" + otherPort, &wsc.TLS{RootCAs: ca.pem}, wsc.StatusCertificateName},
		"ServerName":            {"wss://127.0.0.1:" + otherPort, &wsc.TLS{RootCAs: ca.pem, ServerName: "localhost"}, 0},
		"another ServerName":    {url, &wsc.TLS{RootCAs: ca.pem, ServerName: "example.org"}, wsc.StatusCertificateName},
		"InsecureSkipVerify":    {url, &wsc.TLS{InsecureSkipVerify: true}, 0},
		"pin of certificate":    {url, &wsc.TLS{RootCAs: ca.pem, Pins: []wsc.Pin{{wsc.PinCertificate, [32]byte{}}, certPin}}, 0},
		"pin of key":            {url, &wsc.TLS{RootCAs: ca.pem, Pins: []wsc.Pin{keyPin}}, 0},
		"another pin":           {url, &wsc.TLS{RootCAs: ca.pem, Pins: []wsc.Pin{{wsc.PinPublicKey, [32]byte{}}}}, wsc.StatusPin},
		"another pin, insecure": {url, &wsc.TLS{InsecureSkipVerify: true, Pins: []wsc.Pin{{wsc.PinPublicKey, [32]byte{}}}}, wsc.StatusPin},
	} {
		test := test
		t.Run(name, func(t *testing.T) {
			c, _, err := wsc.Dial(testContext(t), test.url, &wsc.DialOptions{TLS: test.tls})
			if test.status == 0 {
				if err != nil {
					t.Fatal(err)
				}
				defer c.CloseNow()
				write(t, c, "x")
				read(t, c)
				return
			}
			var e *wsc.Error
			if !errors.As(err, &e) || e.Phase != wsc.PhaseTLS {
				t.Fatalf("got %v", err)
			}
			// An authority of the same name makes it the signature that is wrong.
			if test.status != wsc.StatusCertificate && e.Status != test.status {
				t.Errorf("got %v, want %v", e.Status, test.status)
			}
			if e.Report == nil || e.Report.Retry != wsc.RetryNever {
				t.Errorf("report: %+v", e.Report)
			}
		})
	}
}

func TestTLSHandshake(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue(t, "localhost", "example.org")
	url, states := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{pair(t, cert, key)},
		NextProtos:   []string{"one", "two"},
	})
	for name, test := range map[string]struct {
		tls     wsc.TLS
		version uint16
		sni     string
		proto   string
	}{
		"defaults":   {wsc.TLS{}, tls.VersionTLS13, "localhost", ""},
		"MaxVersion": {wsc.TLS{MaxVersion: tls.VersionTLS12}, tls.VersionTLS12, "localhost", ""},
		"MinVersion": {wsc.TLS{MinVersion: tls.VersionTLS13}, tls.VersionTLS13, "localhost", ""},
		"ServerName": {wsc.TLS{ServerName: "example.org"}, tls.VersionTLS13, "example.org", ""},
		"SNI":        {wsc.TLS{SNI: "example.com"}, tls.VersionTLS13, "example.com", ""},
		"no SNI":     {wsc.TLS{SNI: "-"}, tls.VersionTLS13, "", ""},
		"NextProtos": {wsc.TLS{NextProtos: []string{"two", "three"}}, tls.VersionTLS13, "localhost", "two"},
	} {
		test := test
		t.Run(name, func(t *testing.T) {
			test.tls.RootCAs = ca.pem
			c := dial(t, url, &wsc.DialOptions{TLS: &test.tls})
			state := <-states
			if state.Version != test.version || state.ServerName != test.sni || state.NegotiatedProtocol != test.proto {
				t.Errorf("the server saw %x %q %q", state.Version, state.ServerName, state.NegotiatedProtocol)
			}
			report := c.Report()
			if report.TLSVersion != test.version || report.NegotiatedProtocol != test.proto {
				t.Errorf("report: %x %q", report.TLSVersion, report.NegotiatedProtocol)
			}
			if peer, err := x509.ParseCertificate(report.PeerCertificate); err != nil || peer.Subject.CommonName != "localhost" {
				t.Errorf("certificate of the server: %v", err)
			}
		})
	}
}

func TestTLSIdentity(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue(t, "localhost")
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	url, states := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{pair(t, cert, key)},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool,
		MaxVersion:   tls.VersionTLS12, // where a refused certificate fails the handshake
	})
	cert, key = ca.issue(t, "somebody")
	_, anotherKey := ca.issue(t, "another")
	dir := t.TempDir()
	files := map[string][]byte{"cert": cert, "key": key, "both": append(append([]byte(nil), cert...), key...)}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	archive, err := exec.Command("openssl", "pkcs12", "-export", "-passout", "pass:secret",
		"-in", filepath.Join(dir, "cert"), "-inkey", filepath.Join(dir, "key")).Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		tls    wsc.TLS
		status wsc.Status // 0: it works
	}{
		"PEM":              {wsc.TLS{Certificate: cert, Key: key}, 0},
		"files":            {wsc.TLS{CertificateFile: filepath.Join(dir, "cert"), KeyFile: filepath.Join(dir, "key")}, 0},
		"one file":         {wsc.TLS{CertificateFile: filepath.Join(dir, "both")}, 0},
		"PKCS#12":          {wsc.TLS{PKCS12: archive, Passphrase: "secret"}, 0},
		"none":             {wsc.TLS{}, wsc.StatusTLS},
		"another key":      {wsc.TLS{Certificate: cert, Key: anotherKey}, wsc.StatusKeyMismatch},
		"no key":           {wsc.TLS{Certificate: cert}, wsc.StatusPEM},
		"no PEM":           {wsc.TLS{Certificate: []byte("x"), Key: key}, wsc.StatusPEM},
		"no file":          {wsc.TLS{CertificateFile: filepath.Join(dir, "none")}, wsc.StatusFile},
		"wrong passphrase": {wsc.TLS{PKCS12: archive, Passphrase: "guess"}, wsc.StatusPassphrase},
		"no PKCS#12":       {wsc.TLS{PKCS12: []byte("x")}, wsc.StatusPEM},
	} {
		test := test
		t.Run(name, func(t *testing.T) {
			test.tls.RootCAs = ca.pem
			c, _, err := wsc.Dial(testContext(t), url, &wsc.DialOptions{TLS: &test.tls})
			if test.status != 0 {
				if !errors.Is(err, test.status) {
					t.Errorf("got %v, want %v", err, test.status)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if state := <-states; state.PeerCertificates[0].Subject.CommonName != "somebody" {
				t.Errorf("the server saw %v", state.PeerCertificates[0].Subject)
			}
		})
	}
}

// A proxy for CONNECT, which tells of its requests.
func serveProxy(t testing.TB, status int) (proxy *url.URL, requests chan *http.Request) {
	requests = make(chan *http.Request, 10)
	address := listen(t, "tcp", "127.0.0.1:0", func(p *peer) error {
		request, err := http.ReadRequest(p.r)
		if err != nil {
			return err
		}
		requests <- request
		if status != http.StatusOK {
			_, err := fmt.Fprintf(p, "HTTP/1.1 %d no\r\nContent-Length: 0\r\n\r\n", status)
			return err
		}
		target, err := net.Dial("tcp", request.Host)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(p, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
			return err
		}
		go func() {
			defer target.Close()
			io.Copy(target, p.r)
		}()
		io.Copy(p, target)
		return nil
	})
	return &url.URL{Scheme: "http", Host: address.String(), User: url.UserPassword("user", "p@ss")}, requests
}

func TestProxy(t *testing.T) {
	target := serveOpen(t, (*peer).echo)
	proxy, requests := serveProxy(t, http.StatusOK)
	var asked *http.Request
	c := dial(t, target+"/path", &wsc.DialOptions{
		Proxy: func(request *http.Request) (*url.URL, error) {
			asked = request
			return proxy, nil
		},
		ProxyHeader: http.Header{"X-Proxy": {"one", "two"}},
	})
	write(t, c, "x")
	read(t, c)
	if asked == nil || asked.URL.String() != strings.Replace(target, "ws", "http", 1)+"/path" {
		t.Errorf("asked for %+v", asked)
	}
	request := <-requests
	if request.Method != http.MethodConnect || "ws://"+request.Host != target ||
		request.Header.Get("Proxy-Authorization") != "Basic dXNlcjpwQHNz" ||
		!reflect.DeepEqual(request.Header["X-Proxy"], []string{"one", "two"}) {
		t.Errorf("the proxy saw %+v", request)
	}

	c = dial(t, target, &wsc.DialOptions{
		Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
	})
	write(t, c, "without a proxy")
	read(t, c)

	broken := errors.New("broken")
	_, _, err := wsc.Dial(testContext(t), target, &wsc.DialOptions{
		Proxy: func(*http.Request) (*url.URL, error) { return nil, broken },
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestProxyRefuses(t *testing.T) {
	for status, want := range map[int]wsc.Status{
		http.StatusForbidden:         wsc.StatusProxy,
		http.StatusProxyAuthRequired: wsc.StatusProxyAuth,
	} {
		proxy, _ := serveProxy(t, status)
		_, response, err := wsc.Dial(testContext(t), "ws://example.org", &wsc.DialOptions{Proxy: http.ProxyURL(proxy)})
		e := wantStatus(t, err, want, wsc.PhaseProxy)
		if response != nil || e.HTTPStatus != status || e.Report.ProxyStatus != status {
			t.Errorf("got %v, %d, %+v", response, e.HTTPStatus, e.Report)
		}
	}
}

func TestRedirects(t *testing.T) {
	target := serveOpen(t, (*peer).echo)
	origin := serve(t, func(p *peer) error {
		if _, err := http.ReadRequest(p.r); err != nil {
			return err
		}
		_, err := fmt.Fprintf(p, "HTTP/1.1 307 There\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n", target)
		return err
	})
	c := dial(t, origin, &wsc.DialOptions{MaxRedirects: 1})
	write(t, c, "x")
	read(t, c)
	if report := c.Report(); report.Redirects != 1 {
		t.Errorf("%d redirects", report.Redirects)
	}
	_, response, err := wsc.Dial(testContext(t), origin, nil)
	wantStatus(t, err, wsc.StatusHTTPStatus, wsc.PhaseUpgrade)
	if location := response.Header.Get("Location"); location != target+"/" {
		t.Errorf("Location %q", location)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	listen(t, "unix", path, func(p *peer) error {
		request, err := p.accept("")
		if err != nil {
			return err
		}
		if request.URL.Path != "/chat" {
			return fmt.Errorf("asked for %v", request.URL)
		}
		return p.echo()
	})
	c := dial(t, "ws+unix://"+path+":/chat", &wsc.DialOptions{Proxy: http.ProxyFromEnvironment})
	write(t, c, "x")
	read(t, c)
}

func TestLocalAddress(t *testing.T) {
	from := make(chan string, 1)
	url := serveOpen(t, func(p *peer) error {
		from <- p.RemoteAddr().String()
		return p.drain()
	})
	dial(t, url, &wsc.DialOptions{LocalAddress: "127.0.0.9"})
	if got := <-from; !strings.HasPrefix(got, "127.0.0.9:") {
		t.Errorf("came from %s", got)
	}
}

func TestSocket(t *testing.T) {
	url := serveOpen(t, (*peer).echo)
	socket, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := wsc.Dial(testContext(t), "ws://example.org/", &wsc.DialOptions{Socket: socket.(*net.TCPConn)})
	socket.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	write(t, c, "x")
	read(t, c)

	_, _, err = wsc.Dial(testContext(t), url, &wsc.DialOptions{Socket: socket.(*net.TCPConn)})
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed socket: %v", err)
	}
}

func TestPhaseTimeouts(t *testing.T) {
	silent := serve(t, (*peer).drainRaw)
	_, _, err := wsc.Dial(testContext(t), strings.Replace(silent, "ws", "wss", 1), &wsc.DialOptions{
		PhaseTimeouts: map[wsc.Phase]time.Duration{wsc.PhaseTLS: 20 * time.Millisecond},
	})
	e := wantStatus(t, err, wsc.StatusTimeout, wsc.PhaseTLS)
	if e.Report.TLS < 10*time.Millisecond || e.Report.Upgrade != 0 {
		t.Errorf("report: %+v", e.Report)
	}
}

// drainRaw reads until the connection ends.
func (p *peer) drainRaw() error {
	_, err := io.Copy(io.Discard, p)
	return ignoreEnd(err)
}

// The context's error says how far Dial had come.
func TestDialContextTellsThePhase(t *testing.T) {
	_, _, err := wsc.Dial(shortContext(t), serve(t, (*peer).drainRaw), nil)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "(upgrade)") {
		t.Error(err)
	}
}

func TestIdleTimeout(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).drain), &wsc.DialOptions{IdleTimeout: 20 * time.Millisecond})
	_, _, err := c.Read(testContext(t))
	wantStatus(t, err, wsc.StatusTimeout, wsc.PhaseOpen)
}

// The fields that a test on the loopback interface sees no effect of.
func TestOptionsAreAccepted(t *testing.T) {
	c := dial(t, serveOpen(t, (*peer).echo), &wsc.DialOptions{
		KeepAlive:        time.Minute,
		TCPUserTimeout:   time.Minute,
		CloseTimeout:     -1,
		ConnectTimeout:   -1,
		HandshakeTimeout: 1000000 * time.Hour,
		PingInterval:     -1,
		PongTimeout:      -1,
		ReadQueueLimit:   1 << 20,
		SendQueueLimit:   1 << 20,
		HeaderLimit:      1 << 10,
		FrameLimit:       1 << 10,
		FragmentLimit:    10,
	})
	write(t, c, "x")
	read(t, c)
}

func TestOptionsAreChecked(t *testing.T) {
	for name, test := range map[string]struct {
		opts   wsc.DialOptions
		status wsc.Status
	}{
		"LocalAddress":      {wsc.DialOptions{LocalAddress: "localhost"}, wsc.StatusInvalid},
		"Interface":         {wsc.DialOptions{Interface: "an interface of no such length"}, wsc.StatusInvalid},
		"KeepAlive":         {wsc.DialOptions{KeepAlive: time.Millisecond}, wsc.StatusInvalid},
		"PhaseTimeouts":     {wsc.DialOptions{PhaseTimeouts: map[wsc.Phase]time.Duration{wsc.PhaseOpen: time.Second}}, wsc.StatusInvalid},
		"FragmentLimit":     {wsc.DialOptions{FragmentLimit: -1}, wsc.StatusInvalid},
		"ReadQueueLimit":    {wsc.DialOptions{ReadQueueLimit: -1}, wsc.StatusInvalid},
		"Level":             {wsc.DialOptions{Compression: &wsc.Compression{Level: 10}}, wsc.StatusInvalid},
		"Level, huge":       {wsc.DialOptions{Compression: &wsc.Compression{Level: 1<<32 + 6}}, wsc.StatusInvalid},
		"WindowBits":        {wsc.DialOptions{Compression: &wsc.Compression{ClientWindowBits: 8}}, wsc.StatusInvalid},
		"ProxyHeader":       {wsc.DialOptions{ProxyHeader: http.Header{"Host": {"x"}}}, wsc.StatusHeaderName},
		"Proxy":             {wsc.DialOptions{Proxy: http.ProxyURL(&url.URL{Scheme: "ftp", Host: "localhost"})}, wsc.StatusURLScheme},
		"TLS.RootCAs":       {wsc.DialOptions{TLS: &wsc.TLS{RootCAs: []byte("x")}}, wsc.StatusPEM},
		"TLS.RootCAFiles":   {wsc.DialOptions{TLS: &wsc.TLS{RootCAFiles: []string{"/nonexistent"}}}, wsc.StatusFile},
		"TLS.CRLs":          {wsc.DialOptions{TLS: &wsc.TLS{CRLs: []byte("x")}}, wsc.StatusPEM},
		"TLS.CRLFiles":      {wsc.DialOptions{TLS: &wsc.TLS{CRLFiles: []string{"/nonexistent"}}}, wsc.StatusFile},
		"TLS.MinVersion":    {wsc.DialOptions{TLS: &wsc.TLS{MinVersion: tls.VersionTLS11}}, wsc.StatusInvalid},
		"TLS.Pins":          {wsc.DialOptions{TLS: &wsc.TLS{Pins: []wsc.Pin{{}}}}, wsc.StatusInvalid},
		"TLS.NextProtos":    {wsc.DialOptions{TLS: &wsc.TLS{NextProtos: []string{"a", ""}}}, wsc.StatusInvalid},
		"NUL in ServerName": {wsc.DialOptions{TLS: &wsc.TLS{ServerName: "a\x00b"}}, wsc.StatusInvalid},
	} {
		test := test
		t.Run(name, func(t *testing.T) {
			_, _, err := wsc.Dial(testContext(t), "wss://127.0.0.1:1/", &test.opts)
			wantStatus(t, err, test.status, wsc.PhaseNone)
			field := strings.Split(name, ",")[0]
			if !strings.HasPrefix(name, "NUL") && !strings.Contains(err.Error(), field) {
				t.Errorf("%v does not name %s", err, field)
			}
		})
	}
	two := &wsc.TLS{PKCS12: []byte("x"), CertificateFile: "y"}
	if _, _, err := wsc.Dial(testContext(t), "wss://127.0.0.1:1/", &wsc.DialOptions{TLS: two}); err == nil ||
		!strings.Contains(err.Error(), "only one of") {
		t.Error(err)
	}
}

func TestCompressionOptions(t *testing.T) {
	for name, test := range map[string]struct {
		options wsc.Compression
		offer   string
	}{
		"defaults": {wsc.Compression{}, ""},
		"all": {wsc.Compression{
			Level: 1, Threshold: -1, ClientWindowBits: 10, ServerWindowBits: 11,
			ClientNoContextTakeover: true, ServerNoContextTakeover: true, MaxRatio: 50,
		}, "client_no_context_takeover server_no_context_takeover client_max_window_bits=10 server_max_window_bits=11"},
	} {
		test := test
		t.Run(name, func(t *testing.T) {
			url := serve(t, func(p *peer) error {
				answer := "permessage-deflate"
				if test.offer != "" {
					answer += "; " + strings.Join(strings.Fields(test.offer), "; ")
				}
				request, err := p.accept("Sec-WebSocket-Extensions: " + answer + "\r\n")
				if err != nil {
					return err
				}
				offer := request.Header.Get("Sec-WebSocket-Extensions")
				for _, parameter := range strings.Fields(test.offer) {
					if !strings.Contains(offer, parameter) {
						return fmt.Errorf("offered %q, want %s", offer, parameter)
					}
				}
				return p.echo()
			})
			c := dial(t, url, &wsc.DialOptions{Compression: &test.options})
			if !strings.HasPrefix(c.Extensions(), "permessage-deflate") {
				t.Errorf("extensions %q", c.Extensions())
			}
		})
	}
}

// What is compressed has RSV1.
func TestNoCompress(t *testing.T) {
	text := strings.Repeat("secret ", 100)
	url := serve(t, func(p *peer) error {
		if _, err := p.accept("Sec-WebSocket-Extensions: permessage-deflate\r\n"); err != nil {
			return err
		}
		for _, want := range []byte{compressed | opText, opText, opText} {
			if op, _, err := p.receive(); err != nil || op != want {
				return fmt.Errorf("got frame %#x, %v; want %#x", op, err, want)
			}
		}
		return p.send(opText, []byte("fine"))
	})
	c := dial(t, url, &wsc.DialOptions{Compression: &wsc.Compression{}})
	write(t, c, text)
	if err := c.Write(testContext(t), wsc.Text|wsc.NoCompress, []byte(text)); err != nil {
		t.Fatal(err)
	}
	w, err := c.Writer(testContext(t), wsc.Text|wsc.NoCompress)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	read(t, c)
}
