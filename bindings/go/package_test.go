package wsc_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"libwsc/wsc"
)

const repository = "../.."

// inRepository skips a test that compares with the repository's files, in a copy of
// the package that lies elsewhere.
func inRepository(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(repository, file))
	if os.IsNotExist(err) {
		t.Skip("not in the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func own(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// The copy exists because cgo does not notice changes outside of the package.
// WSC_BLESS=1 renews it.
func TestHeaderIsCurrent(t *testing.T) {
	header := inRepository(t, "include/wsc.h")
	if os.Getenv("WSC_BLESS") != "" {
		if err := os.WriteFile("wsc.h", header, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if own(t, "wsc.h") != string(header) {
		t.Error("bindings/go/wsc.h differs from include/wsc.h; WSC_BLESS=1 go test renews it")
	}
}

// A module's archive holds nothing from above its directory.
func TestLicences(t *testing.T) {
	for _, file := range []string{"LICENSE", "LICENSE-APACHE", "LICENSE-MIT"} {
		want := inRepository(t, file)
		if got, err := os.ReadFile(file); err != nil || string(got) != string(want) {
			t.Errorf("bindings/go/%s is not that of the repository: %v", file, err)
		}
	}
}

func TestVersion(t *testing.T) {
	if !regexp.MustCompile(`^\d+\.\d+\.\d+`).MatchString(wsc.Version()) {
		t.Errorf("version %q", wsc.Version())
	}
}

// Every status, every phase and everything in reports has a name here.
func TestNamesAreComplete(t *testing.T) {
	source := own(t, "errors.go") + own(t, "report.go")
	names := regexp.MustCompile(`\bWSC_(?:ERR|PHASE|RETRY|REPORT)_[A-Z0-9_]+ = `).FindAllString(own(t, "wsc.h"), -1)
	if len(names) < 40 {
		t.Fatalf("found only %d", len(names))
	}
	for _, name := range names {
		name = strings.TrimSuffix(name, " = ")
		if !regexp.MustCompile(`C\.`+name+`\b`).MatchString(source) && name != "WSC_REPORT_ATTEMPT" { // always 1
			t.Errorf("errors.go and report.go lack %s", name)
		}
	}
	for phase := wsc.PhaseNone; phase <= wsc.PhaseClosing; phase++ {
		if strings.HasPrefix(phase.String(), "phase") {
			t.Errorf("phase %d has no name", phase)
		}
	}
	if got := wsc.Phase(99).String(); got != "phase 99" {
		t.Error(got)
	}
}

// The defaults that the documentation of DialOptions gives are the header's.
func TestDefaults(t *testing.T) {
	header, source := own(t, "wsc.h"), own(t, "options.go")
	for _, test := range []struct{ setter, native, field, here string }{
		{"wsc_conn_set_ping_interval", "20000", "PingInterval", "20 s"},
		{"wsc_conn_set_pong_timeout", "20000", "PongTimeout", "20 s"},
		{"wsc_conn_set_connect_timeout", "10000", "ConnectTimeout", "10 s"},
		{"wsc_conn_set_handshake_timeout", "10000", "HandshakeTimeout", "10 s"},
		{"wsc_conn_set_close_timeout", "5000", "CloseTimeout", "5 s"},
		{"wsc_conn_set_max_message_size", "16777216", "ReadLimit", "16 MiB"},
		{"wsc_conn_set_max_header_size", "65536", "HeaderLimit", "64 KiB"},
		{"wsc_conn_set_send_queue_limit", "1048576", "SendQueueLimit", "1 MiB"},
	} {
		end := strings.Index(header, "wsc_status_t "+test.setter+"(")
		comment := header[strings.LastIndex(header[:end], "/**"):end]
		if !strings.Contains(comment, "Default "+test.native+".") {
			t.Errorf("%s has another default than %s", test.setter, test.native)
		}
		end = regexp.MustCompile(`\n\t` + test.field + ` +(time\.|int)`).FindStringIndex(source)[0]
		comment = source[strings.LastIndex(source[:end], "// "+test.field):end]
		if !strings.Contains(comment, "Default "+test.here+".") {
			t.Errorf("%s is documented with another default than %s", test.field, test.here)
		}
	}
}

// A sample in the README is the file that its fence names.
func TestReadmeSamples(t *testing.T) {
	samples := regexp.MustCompile("(?s)```go (\\S+)\n(.*?)```").FindAllStringSubmatch(own(t, "README.md"), -1)
	if len(samples) == 0 {
		t.Fatal("no samples")
	}
	for _, sample := range samples {
		if own(t, sample[1]) != sample[2] {
			t.Errorf("the README's %s differs from the file", sample[1])
		}
	}
}

func TestFirstExample(t *testing.T) {
	program := filepath.Join(t.TempDir(), "first")
	if out, err := exec.Command("go", "build", "-o", program, "./examples/first").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(program, serveOpen(t, (*peer).echo)).CombinedOutput()
	if err != nil || string(out) != "recv: text hello\n" {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = exec.Command(program, "ws://127.0.0.1:99999").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "wsc: dial: ") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The module works as a copy outside of the repository, for a program that follows the
// README, with the shared library and, in a directory that has no other, with the static
// one.
func TestModuleElsewhere(t *testing.T) {
	dir := t.TempDir()
	module, app := filepath.Join(dir, "module"), filepath.Join(dir, "app")
	copyTree(t, ".", module)
	copyTree(t, "examples/first", app)
	command := func(dir string, env []string, name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	url := serveOpen(t, (*peer).echo)
	expectEcho := func(program string) {
		t.Helper()
		// Without a directory of libraries from outside.
		if out := command(app, []string{"LD_LIBRARY_PATH="}, program, url); out != "recv: text hello\n" {
			t.Errorf("%s printed %q", program, out)
		}
	}

	command(app, nil, "go", "mod", "init", "app")
	command(app, nil, "go", "mod", "edit", "-require=libwsc/wsc@v0.0.0", "-replace=libwsc/wsc="+module)
	command(app, nil, "go", "build")
	expectEcho(filepath.Join(app, "app"))

	libraries := strings.TrimSpace(command(app, nil, "pkg-config", "--variable=libdir", "wsc"))
	archive, err := os.ReadFile(filepath.Join(libraries, "libwsc.a"))
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(dir, "lib")
	if err := os.Mkdir(alone, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(alone, "libwsc.a"), archive, 0o644); err != nil {
		t.Fatal(err)
	}
	env := []string{"CGO_LDFLAGS=-L" + alone, "PKG_CONFIG_PATH=" + alone}
	command(app, env, "go", "build", "-tags", "wsc_static", "-o", "static")
	expectEcho(filepath.Join(app, "static"))
	if needed := command(app, nil, "readelf", "-d", "static"); strings.Contains(needed, "libwsc") {
		t.Errorf("the static program needs libwsc:\n%s", needed)
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// outsideServer starts the server of the repository's own demos, another process and an
// implementation that is not ours.
func outsideServer(t *testing.T) (url string) {
	t.Helper()
	program := os.Getenv("WSC_ECHO_SERVER")
	if program == "" {
		t.Skip("WSC_ECHO_SERVER names no program")
	}
	server := exec.Command(program)
	server.Stderr = os.Stderr
	input, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		input.Close()
		server.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening "))
}

func TestEchoServer(t *testing.T) {
	c := dial(t, outsideServer(t), nil)
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		data := bytes.Repeat([]byte("x"), size)
		if err := c.Write(testContext(t), wsc.Binary, data); err != nil {
			t.Fatal(err)
		}
		if got := read(t, c); got != string(data) {
			t.Errorf("got %d bytes, want %d", len(got), size)
		}
	}
	if err := c.Ping(testContext(t)); err != nil {
		t.Error(err)
	}
	if err := c.Close(wsc.CloseNormal, "bye"); err != nil {
		t.Error(err)
	}
}

// A round trip allocates the message that is read, and nothing else.
func TestAllocations(t *testing.T) {
	c := dial(t, outsideServer(t), nil)
	ctx, data := testContext(t), make([]byte, 64)
	allocations := testing.AllocsPerRun(1000, func() {
		if err := c.Write(ctx, wsc.Binary, data); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(ctx); err != nil || len(got) != len(data) {
			t.Fatal(len(got), err)
		}
	})
	if allocations > 1 {
		t.Errorf("%v allocations", allocations)
	}
	if err := c.Close(wsc.CloseNormal, ""); err != nil {
		t.Error(err)
	}
}

// echoServer is for the examples, which have no testing.T.
func echoServer() (url string, stop func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				p := &peer{conn, bufio.NewReader(conn)}
				if _, err := p.accept(""); err == nil {
					p.echoUntilAsked()
				}
			}()
		}
	}()
	return "ws://" + listener.Addr().String(), func() { listener.Close() }
}

// echoUntilAsked is echo, but answers "close me" with a close frame.
func (p *peer) echoUntilAsked() error {
	for {
		op, payload, err := p.receive()
		if err != nil {
			return err
		}
		if string(payload) == "close me" {
			if _, err := p.Write(closeFrame(1001, "going away")); err != nil {
				return err
			}
			_, err := io.Copy(io.Discard, p)
			return err
		}
		if err := p.send(op, payload); err != nil {
			return fmt.Errorf("echo: %w", err)
		}
		if op == opClose {
			return nil
		}
	}
}
