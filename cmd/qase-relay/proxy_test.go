package main

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

// proxy forwards TCP connections and breaks them.
type proxy struct {
	ln net.Listener
	to string

	mu    sync.Mutex
	treat func() treatment // chosen for each connection
	open  map[net.Conn]bool
	conns sync.WaitGroup
}

// treatment handles one connection. Its ends are closed afterwards.
type treatment func(client, server *net.TCPConn)

func newProxy(t *testing.T, to string, treat func() treatment) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ln: ln, to: to, treat: treat, open: map[net.Conn]bool{}}
	p.conns.Go(p.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		p.cut()
		p.conns.Wait()
	})
	return p
}

// newHTTPProxy starts a proxy for a web server and returns its URL.
func newHTTPProxy(t *testing.T, server string, treat func() treatment) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = newProxy(t, u.Host, treat).ln.Addr().String()
	return u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.conns.Go(func() { p.serve(client.(*net.TCPConn)) })
	}
}

func (p *proxy) serve(client *net.TCPConn) {
	defer client.Close()
	p.mu.Lock()
	treat := p.treat()
	p.open[client] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, client)
	}()
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	treat(client, server.(*net.TCPConn))
}

// set treats all further connections in one way, and cuts those that are open.
func (p *proxy) set(treat treatment) {
	p.mu.Lock()
	p.treat = func() treatment { return treat }
	p.mu.Unlock()
	p.cut()
}

// cut resets all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		reset(c.(*net.TCPConn))
	}
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// passOn forwards everything.
func passOn(client, server *net.TCPConn) { join(client, server, io.Copy) }

// slow forwards each piece with a delay.
func slow(d time.Duration) treatment {
	return func(client, server *net.TCPConn) {
		join(client, server, func(to io.Writer, from io.Reader) (int64, error) {
			buffer := make([]byte, 32<<10)
			for {
				n, err := from.Read(buffer)
				if err != nil {
					return 0, err
				}
				<-time.After(d)
				if _, err := to.Write(buffer[:n]); err != nil {
					return 0, err
				}
			}
		})
	}
}

// join copies both ways until one of the ends is closed.
func join(client, server *net.TCPConn, copy func(io.Writer, io.Reader) (int64, error)) {
	var back sync.WaitGroup
	back.Go(func() { _, _ = copy(client, server); _ = client.Close() })
	_, _ = copy(server, client)
	_ = server.Close()
	back.Wait()
}

// refuse resets a connection at once.
func refuse(client, _ *net.TCPConn) { reset(client) }

// swallow reads and answers nothing, until the client closes the connection.
func swallow(client, _ *net.TCPConn) { _, _ = io.Copy(io.Discard, client) }

// exchange forwards a request and returns the answer. The server closes the connection after each answer, and after a
// client that leaves without a request.
func exchange(client, server *net.TCPConn) []byte {
	// ends when the connection is closed after the treatment
	go func() { _, _ = io.Copy(server, client); _ = server.CloseWrite() }()
	answer, _ := io.ReadAll(server)
	return answer
}

// resetAfter forwards the request, and resets the connection instead of the answer.
func resetAfter(client, server *net.TCPConn) {
	exchange(client, server)
	reset(client)
}

// half forwards half of the answer.
func half(client, server *net.TCPConn) {
	answer := exchange(client, server)
	_, _ = client.Write(answer[:len(answer)/2])
}

// stall forwards the request and withholds the answer.
func stall(client, server *net.TCPConn) {
	exchange(client, server)
	_ = server.Close()
	_, _ = io.Copy(io.Discard, client)
}

// lengthen adds a number of bytes, which may be negative, to the Content-Length of the answer.
func lengthen(by int) treatment {
	length := regexp.MustCompile(`(?m)^Content-Length: (\d+)\r$`)
	return func(client, server *net.TCPConn) {
		answer := length.ReplaceAllFunc(exchange(client, server), func(line []byte) []byte {
			n, _ := strconv.Atoi(string(bytes.TrimSpace(line[len("Content-Length: "):])))
			return []byte("Content-Length: " + strconv.Itoa(n+by) + "\r")
		})
		_, _ = client.Write(answer)
	}
}
