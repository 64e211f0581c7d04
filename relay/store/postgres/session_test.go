//go:build unix

package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/postgres/session"
)

// pooler is a connection pooler between clients and a database, as PgBouncer is: the session that was given back last is
// given out first. It speaks as much of the protocol as an unencrypted login without a password needs.
type pooler struct {
	database string // address
	perTx    bool   // pools by transaction, else by session
	noTx     bool   // pools by statement, and so refuses transactions
	most     int    // sessions

	mu      sync.Mutex
	freed   sync.Cond
	idle    []net.Conn
	opened  int
	closing bool
}

// message is one message of the protocol. A startup message has no kind.
type message struct {
	kind byte
	body []byte // with its length
}

func readMessage(r io.Reader, startup bool) (m message, err error) {
	head := make([]byte, 5)
	if startup {
		head = head[:4]
	}
	if _, err = io.ReadFull(r, head); err != nil {
		return m, err
	}
	if !startup {
		m.kind, head = head[0], head[1:]
	}
	m.body = make([]byte, binary.BigEndian.Uint32(head))
	copy(m.body, head)
	_, err = io.ReadFull(r, m.body[4:])
	return m, err
}

func (m message) write(w io.Writer) error {
	all := m.body
	if m.kind != 0 {
		all = append([]byte{m.kind}, m.body...)
	}
	_, err := w.Write(all)
	return err
}

// untilReady copies messages of the server until it is ready for a query, and reports whether it is in a transaction.
func untilReady(server io.Reader, client io.Writer) (inTx bool, err error) {
	for {
		m, err := readMessage(server, false)
		if err != nil {
			return false, err
		}
		if err := m.write(client); err != nil {
			return false, err
		}
		if m.kind == 'Z' {
			return m.body[4] != 'I', nil
		}
	}
}

// open logs a new session in.
func (p *pooler) open(startup message, client io.Writer) (net.Conn, error) {
	server, err := net.Dial("tcp", p.database)
	if err != nil {
		return nil, err
	}
	if err = startup.write(server); err == nil {
		_, err = untilReady(server, client)
	}
	if err != nil {
		_ = server.Close()
	}
	return server, err
}

// take returns an idle session, or a new one while there may be more.
func (p *pooler) take(startup message) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) == 0 && p.opened >= p.most && !p.closing {
		p.freed.Wait()
	}
	if n := len(p.idle); n > 0 {
		server := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return server, nil
	}
	if p.closing {
		return nil, errors.New("closing")
	}
	p.opened++
	return p.open(startup, io.Discard)
}

func (p *pooler) give(server net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, server)
	p.freed.Signal()
}

// serve pools for one client.
func (p *pooler) serve(client net.Conn) {
	defer client.Close()
	startup, err := readMessage(client, true)
	if err != nil {
		return
	}
	server, err := p.open(startup, client) // the client sees a real login
	if err != nil {
		return
	}
	if p.perTx {
		_ = server.Close()
		server = nil
	}
	defer func() {
		if server != nil {
			_ = server.Close()
		}
	}()
	for {
		m, err := readMessage(client, false)
		if err != nil || m.kind == 'X' {
			return
		}
		if p.noTx && bytes.Contains(m.body, []byte("BEGIN")) {
			_ = p.refusal().write(client)
			return
		}
		if server == nil {
			if server, err = p.take(startup); err != nil {
				return
			}
		}
		if m.write(server) != nil {
			return
		}
		if m.kind != 'Q' && m.kind != 'S' {
			continue
		}
		inTx, err := untilReady(server, client)
		if err != nil {
			return
		}
		if p.perTx && !inTx {
			p.give(server)
			server = nil
		}
	}
}

// refusal is the error of PgBouncer for a transaction.
func (p *pooler) refusal() message {
	text := "SFATAL\x00VFATAL\x00C08P01\x00Mtransaction blocks not allowed in statement pooling mode\x00\x00"
	return message{'E', append(binary.BigEndian.AppendUint32(nil, uint32(4+len(text))), text...)}
}

// startPooler returns the address of a pooler before a database.
func startPooler(t *testing.T, p *pooler) string {
	t.Helper()
	p.freed.L = &p.mu
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	clients.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		clients.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.closing = true
		p.freed.Broadcast()
		for _, server := range p.idle {
			_ = server.Close()
		}
	})
	return ln.Addr().String()
}

func testPoolers(t *testing.T, c *pgtest.Cluster) {
	direct := c.Schema(t, "pooled")
	_, rest, _ := strings.Cut(direct, "@")
	database, _, _ := strings.Cut(rest, "/")
	for name, p := range map[string]*pooler{
		"by transaction":                    {perTx: true, most: 20},
		"by transaction, with one session":  {perTx: true, most: 1},
		"by transaction, with two sessions": {perTx: true, most: 2},
		"by statement":                      {noTx: true},
		"by session":                        {},
	} {
		t.Run(name, func(t *testing.T) {
			p.database = database
			where := strings.Replace(direct, database, startPooler(t, p), 1) + "&sslmode=disable"
			s, err := Open(t.Context(), where, Options{})
			if err == nil {
				defer s.Close()
			}
			if pooled := p.perTx || p.noTx; pooled && !errors.Is(err, session.ErrPooled) || !pooled && err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}
