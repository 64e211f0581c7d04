package listen

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// logs is a log that may be read while it is written.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.text.Write(p) }

func (l *logs) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.text.String() }

// files are the certificate and the key of a test.
type files struct{ cert, key string }

// write makes a certificate for a name that is valid until a time.
func (f files) write(t *testing.T, name string, until time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: until.Add(-48 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	f.put(t, f.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	f.put(t, f.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func (files) put(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func newFiles(t *testing.T) files {
	dir := t.TempDir()
	return files{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// serve answers HTTP on a listener with "ok".
func serve(t *testing.T, o Options) (addr string, log *logs) {
	t.Helper()
	log = &logs{}
	o.Addr, o.Logger = "127.0.0.1:0", slog.New(slog.NewTextHandler(log, nil))
	l, err := TCP(o)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
	}), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	ended := make(chan struct{})
	go func() { _ = server.Serve(l); close(ended) }()
	t.Cleanup(func() { _ = server.Close(); <-ended })
	return l.Addr().String(), log
}

// nameAt returns the name in the certificate that an address shows.
func nameAt(t *testing.T, addr string) string {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func TestTLSFilesAreReadAgain(t *testing.T) {
	f := newFiles(t)
	f.write(t, "first", time.Now().Add(time.Hour))
	addr, log := serve(t, Options{Cert: f.cert, Key: f.key})
	if got := nameAt(t, addr); got != "first" {
		t.Fatalf("the certificate is of %s", got)
	}
	f.write(t, "second", time.Now().Add(time.Hour))
	await(t, "the new certificate", func() bool { return nameAt(t, addr) == "second" })
	f.put(t, f.cert, []byte("half of a certific"))
	await(t, "a line in the log", func() bool {
		return nameAt(t, addr) == "second" && strings.Contains(log.String(), "the certificate from before stays")
	})
	for range 5 {
		nameAt(t, addr)
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("one bad file was logged %d times:\n%s", n, log)
	}
	if err := os.Remove(f.cert); err != nil {
		t.Fatal(err)
	}
	await(t, "a line about a missing file", func() bool {
		return nameAt(t, addr) == "second" && strings.Contains(log.String(), "no such file")
	})
	f.write(t, "third", time.Now().Add(-time.Hour))
	await(t, "the third certificate", func() bool { return nameAt(t, addr) == "third" })
	if !strings.Contains(log.String(), "TLS certificate is not valid now") {
		t.Errorf("nothing says that it has expired:\n%s", log)
	}
}

func TestTLSFilesThatCannotBeUsed(t *testing.T) {
	good, other := newFiles(t), newFiles(t)
	good.write(t, "a", time.Now().Add(time.Hour))
	other.write(t, "b", time.Now().Add(time.Hour))
	empty := filepath.Join(t.TempDir(), "empty.pem")
	good.put(t, empty, nil)
	for name, c := range map[string]struct{ cert, key, want string }{
		"no key":             {good.cert, "", "needs both"},
		"no certificate":     {"", good.key, "needs both"},
		"a missing file":     {good.cert + "x", good.key, "reading the TLS certificate " + good.cert + "x: no such file"},
		"a missing key":      {good.cert, good.key + "x", "reading the TLS key " + good.key + "x: no such file"},
		"the key of another": {good.cert, other.key, "private key does not match"},
		"an empty file":      {empty, good.key, "failed to find any PEM data"},
		"files in the wrong order": {good.key, good.cert,
			"failed to find certificate PEM data in certificate input"},
		"a folder": {filepath.Dir(good.cert), good.key, "is a directory"},
	} {
		l, err := TCP(Options{Addr: "127.0.0.1:0", Cert: c.cert, Key: c.key})
		if err == nil {
			_ = l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "-----") {
			t.Errorf("%s: %v, want ...%s", name, err, c.want)
		}
	}
}

func TestAPROXYHeaderIsNamed(t *testing.T) {
	f := newFiles(t)
	f.write(t, "a", time.Now().Add(time.Hour))
	for name, o := range map[string]Options{"plain": {}, "TLS": {Cert: f.cert, Key: f.key}} {
		addr, log := serve(t, o)
		for _, header := range []string{"PROXY TCP4 203.0.113.7 10.0.0.1 4711 8080\r\n", "PROXY UNKNOWN\r\n",
			"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02"} {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, header)
			answer, _ := io.ReadAll(c)
			_ = c.Close()
			head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
			if !strings.HasPrefix(head, "HTTP/1.1 400 ") || !strings.Contains(body, "the PROXY protocol is not supported") ||
				!strings.Contains(head, "Content-Length: "+strconv.Itoa(len(body))) {
				t.Errorf("%s: %q got %q", name, header, answer)
			}
		}
		if text := log.String(); strings.Count(text, "PROXY protocol header") != 1 || !strings.Contains(text, "peer=127.0.0.1:") {
			t.Errorf("%s: logs:\n%s", name, text)
		}
	}
	addr, _ := serve(t, Options{})
	resp, err := http.Get("http://" + addr)
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("an ordinary call: %v %v", resp, err)
	}
}
