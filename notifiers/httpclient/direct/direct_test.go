package direct_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func zip(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// with adds a header to the answer 200.
func with(header, answer string) string {
	return strings.Replace(answer, "OK\r\n", "OK\r\n"+header+"\r\n", 1)
}

// withLength returns an answer with a body.
func withLength(head, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
}

// TestAnswersAreThoseOfNetHTTP sends two requests to servers of all kinds.
func TestAnswersAreThoseOfNetHTTP(t *testing.T) {
	long := strings.Repeat("x", 70<<10)
	for name, answers := range map[string]script{
		"a length":                  {ok, ok, hang},
		"an empty body":             {withLength("", ""), withLength("", ""), hang},
		"chunks":                    {chunked + "2\r\nok\r\n0\r\n\r\n", ok, hang},
		"chunks with a trailer":     {with("Trailer: X", chunked) + "2\r\nok\r\n0\r\nX: y\r\n\r\n", ok, hang},
		"no chunk":                  {chunked + "0\r\n\r\n", ok, hang},
		"until the end":             {"HTTP/1.1 200 OK\r\n\r\nuntil the end"},
		"news before the answer":    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" + ok, ok, hang},
		"news without an end":       {strings.Repeat("HTTP/1.1 102 Processing\r\nX: "+long[:1000]+"\r\n\r\n", 80) + ok},
		"another protocol":          {"HTTP/1.1 101 Switching Protocols\r\n\r\n"},
		"a status below 100":        {"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok"},
		"a status of its own":       {"HTTP/1.1 299 Of its own\r\nContent-Length: 2\r\n\r\nok", ok, hang},
		"a status without words":    {"HTTP/1.1 500\r\nContent-Length: 2\r\n\r\nok", ok, hang},
		"the last answer":           {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok" + hang},
		"HTTP/1.0":                  {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok" + hang},
		"HTTP/1.0 to the end":       {"HTTP/1.0 200 OK\r\n\r\nok"},
		"HTTP/1.0 that stays":       {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", ok, hang},
		"no answer":                 {""},
		"something else":            {"220 mail.example ESMTP\r\n"},
		"a version of its own":      {"HTTP/7.7 200 OK\r\nContent-Length: 2\r\n\r\nok", ok, hang},
		"half a status":             {"HTTP/1.1 20"},
		"half a header":             {"HTTP/1.1 200 OK\r\nContent-Le"},
		"a header without a name":   {"HTTP/1.1 200 OK\r\n: x\r\n\r\n"},
		"two lengths":               {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"},
		"a length and chunks":       {with("Content-Length: 9", chunked) + "2\r\nok\r\n0\r\n\r\n", ok, hang},
		"a length that is none":     {"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok"},
		"a long header":             {withLength("X: "+long[:60<<10]+"\r\n", "ok"), ok, hang},
		"a header that is too long": {withLength("X: "+long+"\r\n", "ok")},
		"a header without an end":   {"HTTP/1.1 200 OK\r\nX: " + long + long + hang},
		"half a body":               {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"},
		"half a chunk":              {chunked + "9\r\nhalf"},
		"chunks without an end":     {chunked + "4\r\nhalf\r\n"},
		"a chunk of unknown size":   {chunked + "x\r\nhalf"},
		"a long body":               {withLength("", long), ok, hang},
		"gzip":                      {withLength("Content-Encoding: gzip\r\n", zip("zipped")), ok, hang},
		"gzip in chunks": {with("Content-Encoding: GZIP", chunked) + "1e\r\n" + zip("zipped") +
			"\r\n0\r\n\r\n", ok, hang},
		"gzip that is none":   {withLength("Content-Encoding: gzip\r\n", "plain text, not zipped"), ok, hang},
		"gzip without a byte": {withLength("Content-Encoding: gzip\r\n", ""), ok, hang},
		"half of gzip":        {withLength("Content-Encoding: gzip\r\n", zip("zipped")[:15]), ok, hang},
		"bytes behind gzip":   {withLength("Content-Encoding: gzip\r\n", zip("zipped")+"more"), ok, hang},
		"another encoding":    {withLength("Content-Encoding: br\r\n", "br"), ok, hang},
	} {
		t.Run(name, func(t *testing.T) {
			s, seen := serve(t, answers), map[string]string{}
			for client, w := range transports(s) {
				for range 2 {
					seen[client] += "\n" + w.roundTrip(newRequest(t, s, "body")) + "\n"
				}
				seen[client] += fmt.Sprint(w.dials.Load(), " connections")
			}
			compare(t, seen)
		})
	}
}

// TestRequestsAreThoseOfNetHTTP compares the requests that a server gets, and the errors of those that it does not get.
func TestRequestsAreThoseOfNetHTTP(t *testing.T) {
	for name, edit := range map[string]func(*http.Request){
		"a body":              func(*http.Request) {},
		"an empty body":       func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 },
		"GET":                 func(r *http.Request) { r.Method, r.Body, r.ContentLength = "GET", nil, 0 },
		"GET with a body":     func(r *http.Request) { r.Method = "GET" },
		"no method":           func(r *http.Request) { r.Method = "" },
		"CONNECT":             func(r *http.Request) { r.Method = "CONNECT" },
		"a method of its own": func(r *http.Request) { r.Method = "PURGE" },
		"two methods":         func(r *http.Request) { r.Method = "POST POST" },
		"a long body": func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", 100<<10))), 100<<10
		},
		"a body of unknown length":       func(r *http.Request) { r.ContentLength = -1 },
		"a body that cannot be repeated": func(r *http.Request) { r.GetBody = nil },
		"headers": func(r *http.Request) {
			r.Header = http.Header{"X": {"1", "2"}, "lower": {"x"}, "Empty": nil}
		},
		"no headers":               func(r *http.Request) { r.Header = nil },
		"a header with a break":    func(r *http.Request) { r.Header.Set("X", "1\n2") },
		"a name with a break":      func(r *http.Request) { r.Header["X\n"] = []string{"1"} },
		"a trailer":                func(r *http.Request) { r.Trailer = http.Header{"X": {"y"}} },
		"chunks":                   func(r *http.Request) { r.TransferEncoding = []string{"chunked"} },
		"a name":                   func(r *http.Request) { r.Header.Set("User-Agent", "it") },
		"no name":                  func(r *http.Request) { r.Header.Set("User-Agent", "") },
		"an encoding":              func(r *http.Request) { r.Header.Set("Accept-Encoding", "identity") },
		"a range":                  func(r *http.Request) { r.Header.Set("Range", "bytes=0-1") },
		"another host":             func(r *http.Request) { r.Host = "other.example" },
		"a host that is none":      func(r *http.Request) { r.Host = "a b" },
		"a host with a path":       func(r *http.Request) { r.Host = "a/b" },
		"no port":                  func(r *http.Request) { r.URL.Host, r.Host = "hooks.example", "" },
		"an empty port":            func(r *http.Request) { r.URL.Host = "hooks.example:" },
		"IPv6":                     func(r *http.Request) { r.URL.Host, r.Host = "[2001:db8::1]", "" },
		"IPv6 with zone and port":  func(r *http.Request) { r.URL.Host, r.Host = "[fe80::1%eth0]:81", "" },
		"a host in another script": func(r *http.Request) { r.URL.Host, r.Host = "bücher.example", "" },
		"a host in capitals":       func(r *http.Request) { r.URL.Host, r.Host = "HOOKS.example", "" },
		"no host":                  func(r *http.Request) { r.URL.Host = "" },
		"no URL":                   func(r *http.Request) { r.URL = nil },
		"another scheme":           func(r *http.Request) { r.URL.Scheme = "ftp" },
		"a path of its own":        func(r *http.Request) { r.URL.Opaque = "//x/y%2Fz" },
		"name and password":        func(r *http.Request) { r.URL.User = url.UserPassword("relay", "secret") },
		"the last request":         func(r *http.Request) { r.Close = true },
		"the last by its header":   func(r *http.Request) { r.Header.Set("Connection", "close") },
		"a wish to go on":          func(r *http.Request) { r.Header.Set("Expect", "100-continue") },
		"another protocol":         func(r *http.Request) { r.Header.Set("Upgrade", "websocket") },
		"a length of its own":      func(r *http.Request) { r.Header.Set("Content-Length", "99") },
	} {
		t.Run(name, func(t *testing.T) {
			s, seen := serve(t, script{ok, ok, hang}), map[string]string{}
			for client, w := range transports(s) {
				for range 2 {
					body := &closing{Reader: strings.NewReader("body")}
					req := newRequest(t, s, "body")
					req.Body = body
					edit(req)
					had := fmt.Sprint(req.Header)
					seen[client] += "\n" + w.roundTrip(req)
					if client == "direct" && req.Body == body && !body.closed.Load() || fmt.Sprint(req.Header) != had {
						t.Errorf("%s: closed body %v, header %v, was %s", client, body.closed.Load(), req.Header, had)
					}
				}
				for len(s.asked) > 0 {
					seen[client] += "\n" + <-s.asked
				}
				seen[client] += fmt.Sprint("\n", w.dials.Load(), " connections, to ", w.dialed.Load())
				seen[client] = strings.ReplaceAll(seen[client], s.address, "ADDRESS")
			}
			compare(t, seen)
		})
	}
}

// failing is a body that cannot be read.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errOwn }

// closing is a body that sees whether it is closed.
type closing struct {
	io.Reader
	closed atomic.Bool
}

func (c *closing) Close() error {
	c.closed.Store(true)
	return nil
}

func TestAClientAddsTheLoginOfItsURL(t *testing.T) {
	s, seen := serve(t, script{ok, hang}), map[string]string{}
	for name, w := range transports(s) {
		resp, err := (&http.Client{Transport: w}).Get("http://relay:secret@" + s.address + "/x")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		seen[name] = <-s.asked
	}
	if !strings.Contains(seen["direct"], "Basic ") {
		t.Errorf("no login: %s", seen["direct"])
	}
	compare(t, seen)
}

// TestARequestThatCannotBeWrittenIsNotSent differs from net/http, which begins to send it.
func TestARequestThatCannotBeWrittenIsNotSent(t *testing.T) {
	for says, edit := range map[string]func(*http.Request){
		"ContentLength=4 with nil Body":      func(r *http.Request) { r.Body = nil },
		"ContentLength=9 with Body length 4": func(r *http.Request) { r.ContentLength = 9 },
		"ContentLength=2 with Body length 4": func(r *http.Request) { r.ContentLength = 2 },
		"an error of the caller":             func(r *http.Request) { r.Body = io.NopCloser(failing{}) },
	} {
		w, s := transports(nil)["direct"], &server{address: "127.0.0.1:1"}
		req := newRequest(t, s, "body")
		edit(req)
		if got := w.roundTrip(req); !strings.Contains(got, says) || w.dials.Load() > 0 {
			t.Errorf("%s: got %s, %d connections", says, got, w.dials.Load())
		}
	}
}

// overdue is a context whose deadline passes when the channel is closed.
type overdue struct {
	context.Context
	over chan struct{}
}

func (c overdue) Done() <-chan struct{} { return c.over }

func (c overdue) Err() error {
	select {
	case <-c.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// TestEndsAreThoseOfNetHTTP ends requests before their answers, and in the middle of those.
func TestEndsAreThoseOfNetHTTP(t *testing.T) {
	canceled := func(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }
	caused := func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(ctx)
		return ctx, func() { cancel(errOwn) }
	}
	late := func(ctx context.Context) (context.Context, func()) {
		over := make(chan struct{})
		return overdue{ctx, over}, sync.OnceFunc(func() { close(over) })
	}
	for name, tt := range map[string]struct {
		answer string
		in     func(context.Context) (context.Context, func())
	}{
		"canceled before the answer": {hang, canceled},
		"caused before the answer":   {hang, caused},
		"canceled in the header":     {"HTTP/1.1 200 OK\r\nX: " + hang, canceled},
		"canceled in the body":       {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" + hang, canceled},
		"caused in the body":         {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" + hang, caused},
		"canceled in gzip": {with("Content-Encoding: gzip", "HTTP/1.1 200 OK\r\n\r\n") +
			zip("zipped")[:15] + hang, canceled},
		"late": {hang, late},
	} {
		t.Run(name, func(t *testing.T) {
			s, seen := serve(t, script{tt.answer}), map[string]string{}
			for client, w := range transports(s) {
				ctx, end := tt.in(t.Context())
				if !strings.Contains(tt.answer, "\r\n\r\n") {
					go func() { <-s.asked; end() }()
				}
				resp, err := w.RoundTrip(newRequest(t, s, "body").WithContext(ctx))
				if err == nil {
					go end()
					_, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				seen[client] = describe(err)
				end()
				<-s.closed // since the client has closed it
			}
			compare(t, seen)
		})
	}
}
