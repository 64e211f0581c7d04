package httpclient_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/email"
	httpkind "qaserelay/notifiers/http"
	"qaserelay/notifiers/httpclient"
)

// resolveTo is a resolver by which every name has this address.
func resolveTo(t *testing.T, addr string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go answerNames(conn, netip.MustParseAddr(addr))
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answerNames is a name server (RFC 1035, section 4.1) for questions of one name.
func answerNames(conn net.PacketConn, addr netip.Addr) {
	kind, data := byte(1), addr.AsSlice()
	if addr.Is6() {
		kind = 28
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		end := 12
		for end < n && buf[end] != 0 {
			end += int(buf[end]) + 1
		}
		asked := buf[12 : end+5]
		reply := append([]byte{buf[0], buf[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, asked...)
		if asked[len(asked)-3] == kind {
			reply[7] = 1
			reply = append(reply, 0xC0, 12, 0, kind, 0, 1, 0, 0, 0, 9, 0, byte(len(data)))
			reply = append(reply, data...)
		}
		_, _ = conn.WriteTo(reply, from)
	}
}

func TestNamesOfForbiddenAddressesAreRefused(t *testing.T) {
	for addr, tt := range map[string]struct {
		publicOnly bool
		says       string
	}{
		"169.254.169.254":       {false, "metadata"},
		"169.254.0.9":           {false, "metadata"},
		"fe80::1":               {false, "metadata"},
		"fd00:ec2::254":         {false, "metadata"},
		"100.100.100.200":       {true, "metadata"},
		"127.0.0.1":             {true, "allow_private"},
		"10.1.2.3":              {true, "allow_private"},
		"192.168.0.1":           {true, "allow_private"},
		"::1":                   {true, "allow_private"},
		"fd12::1":               {true, "allow_private"},
		"64:ff9b::a9fe:a9fe":    {false, "metadata"},
		"2002:a9fe:a9fe::1":     {false, "metadata"},
		"::ffff:169.254.169.25": {false, "metadata"},
	} {
		t.Run(addr, func(t *testing.T) {
			guard := httpclient.DialGuard{PublicOnly: tt.publicOnly, Resolver: resolveTo(t, addr)}
			client := httpclient.NewHTTPClient(guard)
			client.Timeout = 5 * time.Second
			_, err := client.Get("http://innocent.example/")
			if err == nil || outcome(err) != "never" || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("dialled: %v", err)
			}
			behind := httpclient.Route{Guard: guard, Proxy: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}}.Client()
			if _, err := behind.Get("https://innocent.example/"); err == nil || outcome(err) != "never" || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("asked of a proxy: %v", err)
			}
		})
	}
}

func TestNamesOfOtherAddressesAreConnectedTo(t *testing.T) {
	base := server(t, func(http.ResponseWriter, *http.Request) {})
	_, port, _ := strings.Cut(strings.TrimPrefix(base, "http://"), ":")
	client := httpclient.NewHTTPClient(httpclient.DialGuard{Resolver: resolveTo(t, "127.0.0.1")})
	resp, err := client.Get(fmt.Sprintf("http://receiver.example:%s/", port))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestNoChannelConnectsToTheMetadataOfACloud(t *testing.T) {
	const forbidden = "169.254.169.254:80"
	for _, c := range channels() {
		t.Run(c.name, func(t *testing.T) {
			n := c.at(t, forbidden, patience)
			receipt, err := n.Send(t.Context(), optionsFor(c.name))
			refusesMetadata(t, "sending", err)
			noSecrets(t, c, receipt, err)
			if p, ok := n.(notifiers.Prober); ok {
				_, err := p.Probe(t.Context(), nil)
				refusesMetadata(t, "probing", err)
			}
		})
	}
	token := oauth2To("http://" + forbidden + "/token")
	t.Run("a token for http", func(t *testing.T) {
		n := login(t, token, func(http.ResponseWriter, *http.Request) { t.Error("it was called without a token") })
		_, err := n.Send(t.Context(), SharedTestMessage())
		refusesMetadata(t, "sending", err)
	})
	t.Run("a token for email", func(t *testing.T) {
		var h httpkind.Config
		token(&h)
		s := serveMail(t, &mailServer{mechs: []string{"XOAUTH2"}}, "starttls")
		n := testEmail(t, s.port, s.roots, func(c *email.Config) { c.TLS, c.Password, c.OAuth2 = "starttls", notifiers.Secret{}, h.OAuth2 })
		_, err := n.Send(t.Context(), optionsFor("email"))
		refusesMetadata(t, "sending", err)
	})
	t.Run("a mail server by its name", func(t *testing.T) {
		n := testEmail(t, 25, nil, func(c *email.Config) { c.Host = "mail.example" })
		n.Guard.Resolver = resolveTo(t, "fe80::1")
		_, err := n.Send(t.Context(), optionsFor("email"))
		refusesMetadata(t, "sending", err)
	})
}

func refusesMetadata(t *testing.T, doing string, err error) {
	t.Helper()
	if outcome(err) != "never" || !strings.Contains(err.Error(), "metadata addresses are never sent to; write another host") {
		t.Errorf("%s: %v", doing, err)
	}
}
