package email

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

func TestEveryLoginWorksOverEverySecurity(t *testing.T) {
	for _, mode := range []string{"starttls", "implicit", "none"} {
		for _, auth := range []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS",
			"SCRAM-SHA-256-PLUS", "XOAUTH2"} {
			if mode == "none" && strings.HasSuffix(auth, "-PLUS") {
				continue // there is nothing to be bound to
			}
			t.Run(mode+"/"+auth, func(t *testing.T) {
				t.Parallel()
				var logins atomic.Int32
				s := serveMail(t, &server{mechs: []string{auth}, login: func(user, password string) error {
					logins.Add(1)
					if user != "user" || password != testPassword {
						return wrongPassword()
					}
					return nil
				}}, mode)
				configured := func(c *Config) { c.TLS, c.Auth = mode, strings.ToLower(auth) }
				if r, err := testEmail(t, s.port, s.roots, configured).Send(t.Context(),
					messageTo(`{"to":["a@x.io"]}`)); err != nil {
					t.Fatalf("%+v: %v", r, err)
				}
				if len(s.mails()) != 1 || logins.Load() != 1 {
					t.Errorf("%d mails, %d logins", len(s.mails()), logins.Load())
				}
				n := testEmail(t, s.port, s.roots, configured,
					func(c *Config) { c.Password = notifiers.NewSecret("wr0ng-s3cret") })
				r, err := n.Send(t.Context(), messageTo(`{"to":["a@x.io"]}`))
				if notifierstest.Outcome(err) != "permanent" || notifiers.Reason(err) != notifiers.ReasonAuth ||
					!strings.Contains(err.Error(), "check username, password") {
					t.Errorf("a wrong password: %s, %s: %v", notifierstest.Outcome(err), notifiers.Reason(err), err)
				}
				notifierstest.NoSecrets(t, []string{"wr0ng-s3cret"}, r, err)
			})
		}
	}
}

func TestAutoTakesTheSafestLogin(t *testing.T) {
	all := []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS",
		"SCRAM-SHA-256-PLUS", "XOAUTH2"}
	for name, tt := range map[string]struct {
		config    Config
		offered   []string
		encrypted bool
		want      string
	}{
		"all, encrypted":             {Config{Auth: "auto"}, all, true, "SCRAM-SHA-256-PLUS"},
		"all, not encrypted":         {Config{Auth: "auto"}, all, false, "SCRAM-SHA-256"},
		"without PLUS":               {Config{Auth: "auto"}, all[:5], true, "SCRAM-SHA-256"},
		"without SCRAM":              {Config{Auth: "auto"}, all[:3], true, "PLAIN"},
		"without SCRAM, in the open": {Config{Auth: "auto"}, all[:3], false, "CRAM-MD5"},
		"PLAIN in the open":          {Config{Auth: "auto"}, all[:2], false, ""},
		"PLAIN to this machine":      {Config{Auth: "auto", Host: "localhost"}, all[:2], false, "PLAIN"},
		"as configured":              {Config{Auth: "cram-md5"}, all, true, "CRAM-MD5"},
		"not offered":                {Config{Auth: "scram-sha-1"}, all[:3], true, ""},
		"a token is never a guess":   {Config{Auth: "auto"}, []string{"XOAUTH2"}, true, ""},
	} {
		if got, err := tt.config.mechanism(tt.offered, tt.encrypted); got != tt.want || (err == nil) != (got != "") {
			t.Errorf("%s: got %q: %v", name, got, err)
		}
	}
}

func TestMailsLogInByTokensOfAnEndpoint(t *testing.T) {
	var given atomic.Int32
	want := notifierstest.AccessToken + "-1"
	s := serveMail(t, &server{mechs: []string{"XOAUTH2", "PLAIN"}, login: func(user, token string) error {
		if user != "user" || token != want {
			return smtpError(535, "the token is not valid: "+token)
		}
		return nil
	}}, "starttls")
	endpoint := notifierstest.TokenEndpoint(t, &given)
	withTokens := func(url string) func(*Config) {
		return func(c *Config) {
			c.TLS, c.Password, c.OAuth2 = "starttls", notifiers.Secret{}, notifierstest.OAuth2(url)
		}
	}
	n := testEmail(t, s.port, s.roots, withTokens(endpoint))
	send := func() (notifiers.Receipt, error) { return n.Send(t.Context(), messageTo(`{"to":["a@x.io"]}`)) }
	for range 2 {
		if _, err := send(); err != nil {
			t.Fatal(err)
		}
	}
	n.pool.expire(n.pool.idle[0])
	want = notifierstest.AccessToken + "-2"
	r, err := send()
	notifierstest.NoSecrets(t, []string{notifierstest.AccessToken}, r, err)
	if notifierstest.Outcome(err) != "retry" || notifiers.Reason(err) != notifiers.ReasonAuth {
		t.Errorf("a token that was good before: %s, %s: %v", notifierstest.Outcome(err), notifiers.Reason(err), err)
	}
	if _, err := send(); err != nil || given.Load() != 2 {
		t.Errorf("after %d tokens: %v", given.Load(), err)
	}
	n = testEmail(t, s.port, s.roots,
		withTokens(notifierstest.Server(t, notifierstest.Echo(401, nil, notifierstest.ClientSecret))))
	r, err = send()
	if notifierstest.Outcome(err) != "permanent" || notifiers.Reason(err) != notifiers.ReasonAuth ||
		!strings.Contains(err.Error(), "oauth2.client_id") {
		t.Errorf("a client that is refused: %s: %v", notifierstest.Outcome(err), err)
	}
	notifierstest.NoSecrets(t, []string{notifierstest.ClientSecret}, r, err)
	n = testEmail(t, s.port, s.roots,
		withTokens(notifierstest.Server(t, notifierstest.Echo(503, http.Header{"Retry-After": {"60"}},
			notifierstest.ClientSecret))))
	_, err = send()
	notifierstest.Fails(t, err, "retry after", "")
}

func TestAServerCannotMakeUsHashForever(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	for name, tt := range map[string]struct{ count, want string }{
		"far too often":    {"2000000000", "which is too much"},
		"without a number": {"99999999999999999999999", "which is too much"},
	} {
		t.Run(name, func(t *testing.T) {
			_, port, _ := net.SplitHostPort(notifierstest.Listen(t, func(c net.Conn) {
				say := func(line string) string {
					_, _ = c.Write([]byte(line + "\r\n"))
					buf := make([]byte, 4096)
					n, _ := c.Read(buf)
					return string(bytes.TrimSpace(buf[:n]))
				}
				say("220 hi")
				say("250-hi\r\n250 AUTH SCRAM-SHA-256")
				first, _ := base64.StdEncoding.DecodeString(say("334 "))
				_, nonce, _ := strings.Cut(string(first), ",r=")
				say("334 " + b64([]byte("r="+nonce+"x,s="+b64([]byte("salt"))+",i="+tt.count)))
				say("501 as you like")
			}))
			var p int
			fmt.Sscan(port, &p)
			start := time.Now()
			_, err := testEmail(t, p, nil).Send(t.Context(), messageTo(`{"to":["a@x.io"]}`))
			if notifierstest.Outcome(err) != "permanent" || notifiers.Reason(err) != notifiers.ReasonAuth ||
				!strings.Contains(err.Error(), tt.want) || time.Since(start) > notifierstest.Patience {
				t.Errorf("%s after %s: %v", notifierstest.Outcome(err), time.Since(start), err)
			}
		})
	}
}

func TestAServerThatSignedItselfIsTrustedByItsCertificate(t *testing.T) {
	for _, mode := range []string{"starttls", "implicit"} {
		s := serveMail(t, &server{}, mode)
		own := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.certificate}))
		for name, tt := range map[string]struct {
			ca, name   string
			want, says string
		}{
			"its certificate":              {own, "", "delivered", ""},
			"its certificate, by its name": {own, "localhost", "delivered", ""},
			"another name":                 {own, "other.example", "retry", "other.example"},
			"another certificate":          {notifierstest.NewPEM(t).CA, "", "retry", "tls_ca_file"},
			"the system's authorities":     {"", "", "retry", "tls_ca_file"},
		} {
			t.Run(mode+"/"+name, func(t *testing.T) {
				c := Kind().Config().(*Config)
				c.Host, c.Port, c.From, c.TLS, c.TLSCA, c.TLSServerName = "127.0.0.1", s.port, "q@x.io", mode, tt.ca,
					tt.name
				n, err := newNotifier(c, nil)
				if err != nil {
					t.Fatal(err)
				}
				_, err = n.Send(t.Context(), messageTo(`{"to":["a@x.io"]}`))
				if notifierstest.Outcome(err) != tt.want || err != nil && !strings.Contains(err.Error(), tt.says) {
					t.Errorf("got %s: %v", notifierstest.Outcome(err), err)
				}
			})
		}
	}
	c := Kind().Config().(*Config)
	c.Host, c.From, c.TLSCA = "h", "q@x.io", "secret!!"
	_, err := newNotifier(c, nil)
	notifierstest.WantKey(t, err, "tls_ca")
}

func TestEmailLoginsThatCannotBeAreBlamedOnTheirKey(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*Config)
		key  string
	}{
		"a password too":   {func(*Config) {}, "oauth2"},
		"another login":    {func(c *Config) { c.Password = notifiers.Secret{}; c.Auth = "plain" }, "auth"},
		"no user":          {func(c *Config) { c.Password = notifiers.Secret{}; c.Username = "" }, "username"},
		"in the open":      {func(c *Config) { c.Password = notifiers.Secret{}; c.TLS = "none" }, "auth"},
		"no client secret": {func(c *Config) { c.Password = notifiers.Secret{}; c.OAuth2.ClientSecret = notifiers.Secret{} }, "oauth2.client_secret"},
	} {
		c := Kind().Config().(*Config)
		c.Host, c.From, c.Username, c.Password, c.OAuth2 = "smtp.example.com", "a@x.io", "u", notifiers.NewSecret("p"),
			notifierstest.OAuth2("https://login.example.com/token")
		tt.edit(c)
		_, err := newNotifier(c, nil)
		var field *notifiers.FieldError
		if !errors.As(err, &field) || field.Field() != tt.key {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNeitherMailNorTokenComesFromTheMetadataOfACloud(t *testing.T) {
	s := serveMail(t, &server{mechs: []string{"XOAUTH2"}}, "starttls")
	n := testEmail(t, s.port, s.roots, func(c *Config) {
		c.TLS, c.Password, c.OAuth2 = "starttls", notifiers.Secret{},
			notifierstest.OAuth2("http://169.254.169.254/token")
	})
	_, err := n.Send(t.Context(), messageTo(`{"to":["a@x.io"]}`))
	notifierstest.RefusesMetadata(t, err)
	n = testEmail(t, 25, nil, func(c *Config) { c.Host = "mail.example" })
	n.guard.Resolver = notifierstest.ResolveTo(t, "fe80::1")
	_, err = n.Send(t.Context(), messageTo(`{"to":["a@x.io"]}`))
	notifierstest.RefusesMetadata(t, err)
}
