package http

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/notifierstest"
)

const (
	testSigning = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	testPath    = "/hooks/T0PSECRETPATH"
	testBearer  = "bearer-s3cr3t-value"
)

// testHTTP is a notifier that posts to base.
func testHTTP(t *testing.T, base string, edit ...func(*Config)) notifiers.Notifier {
	t.Helper()
	c := &Config{Timeout: 10 * time.Second, SigningSecret: []notifiers.Secret{notifiers.NewSecret(testSigning)}}
	for _, e := range edit {
		e(c)
	}
	defaults, err := json.Marshal(Options{
		URL:     base + testPath + "?sig=querys3cret",
		Headers: map[string]string{"Authorization": "Bearer " + testBearer},
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNotifier(c, defaults)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestHTTPRequest(t *testing.T) {
	type seen struct {
		method, path, host, body string
		header                   http.Header
	}
	tests := map[string]struct {
		options string
		check   func(seen) bool
	}{
		"the default is a signed POST of the event": {`{}`, func(s seen) bool {
			return s.method == "POST" && s.header.Get("Content-Type") == "application/json" &&
				s.header.Get("User-Agent") == "qase-relay" &&
				strings.Contains(s.body, `"timestamp":1763894000,"payload":{"id":7`)
		}},
		"a rule's body that is JSON": {`{"body":"{\"a\":1}","method":"put"}`, func(s seen) bool {
			return s.method == "PUT" && s.body == `{"a":1}` && s.header.Get("Content-Type") == "application/json"
		}},
		"a rule's body that is text": {`{"body":"a=1"}`, func(s seen) bool {
			return s.body == "a=1" && strings.HasPrefix(s.header.Get("Content-Type"), "text/plain")
		}},
		"headers of a rule join those of the notifier": {`{"headers":{"X-One":"1","Content-Type":"x/y","Host":"h.example"}}`, func(s seen) bool {
			return s.header.Get("X-One") == "1" && s.header.Get("Authorization") != "" &&
				s.header.Get("Content-Type") == "x/y" && s.host == "h.example"
		}},
		"a line end in a header's value is a space": {`{"headers":{"X-One":"a\r\nX-Two: b"}}`, func(s seen) bool {
			return s.header.Get("X-One") == "a X-Two: b" && s.header.Get("X-Two") == ""
		}},
		"GET has no body": {`{"method":"GET"}`, func(s seen) bool { return s.method == "GET" && s.body == "" }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got seen
			n := testHTTP(t, notifierstest.Server(t, func(_ http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				got = seen{r.Method, r.URL.Path, r.Host, string(b), r.Header}
				wh, _ := standardwebhooks.NewWebhook(testSigning)
				if err := wh.Verify(b, r.Header); err != nil {
					t.Errorf("signature: %v", err)
				}
			}))
			if _, err := n.Send(t.Context(),
				notifierstest.Message(func(m *notifiers.Message) { m.Options = json.RawMessage(tt.options) })); err != nil {
				t.Fatal(err)
			}
			if !tt.check(got) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestHTTPSignatureIsThatOfTheStandard(t *testing.T) {
	h := http.Header{"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}}
	n, err := newNotifier(&Config{Timeout: 1,
		SigningSecret: []notifiers.Secret{notifiers.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n.(*notifier).sign(h, []byte(`{"test": 2432232314}`), time.Unix(1614265330, 0))
	if got := h.Get("webhook-signature"); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("got %s", got)
	}
	raw, err := newNotifier(&Config{Timeout: 1, SigningSecret: []notifiers.Secret{notifiers.NewSecret("any text")}},
		nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	raw.(*notifier).sign(h, []byte("x"), now)
	wh, _ := standardwebhooks.NewWebhookRaw([]byte("any text"))
	if err := wh.Verify([]byte("x"), h); err != nil {
		t.Error(err)
	}
}

func TestEachSecretSignsWhileTheyAreChanged(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNotifier(&Config{Timeout: 1, SigningSecret: []notifiers.Secret{
		notifiers.NewSecret(testSigning), notifiers.NewSecret("the old one"),
		notifiers.NewSecret("whsk_" + base64.StdEncoding.EncodeToString(private)),
		notifiers.NewSecret("whsk_" + base64.StdEncoding.EncodeToString(private.Seed())),
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, now := []byte(`{"a":1}`), time.Now()
	h := http.Header{"Webhook-Id": {"msg_1"}}
	n.(*notifier).sign(h, body, now)
	knowsNew, _ := standardwebhooks.NewWebhook(testSigning)
	knowsOld, _ := standardwebhooks.NewWebhookRaw([]byte("the old one"))
	knowsOther, _ := standardwebhooks.NewWebhookRaw([]byte("another one"))
	if err := errors.Join(knowsNew.Verify(body, h), knowsOld.Verify(body, h)); err != nil {
		t.Error(err)
	}
	if knowsOther.Verify(body, h) == nil || knowsNew.Verify([]byte(`{"a":2}`), h) == nil {
		t.Error("a signature fits what it should not")
	}
	signatures := strings.Split(h.Get("Webhook-Signature"), " ")
	if len(signatures) != 4 || signatures[2] != signatures[3] {
		t.Fatalf("got %q", signatures)
	}
	encoded, ok := strings.CutPrefix(signatures[2], "v1a,")
	signature, err := base64.StdEncoding.DecodeString(encoded)
	if signed := fmt.Appendf(nil, "msg_1.%d.%s", now.Unix(), body); !ok || err != nil ||
		!ed25519.Verify(public, signed, signature) {
		t.Errorf("the ed25519 signature %q: %v", signatures[2], err)
	}
}

func TestABase64SecretWithoutItsPrefixSignsForBothReadings(t *testing.T) {
	for secret, tt := range map[string]struct {
		signatures int
		warned     bool
	}{
		"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw":                                {2, false},
		base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 64)): {2, false},
		base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, 65)): {1, true},
		strings.Repeat("0123abcd", 8):                                     {1, true}, // hexadecimal
		"plain text":                                                      {1, true},
		"c2hvcnQ=":                                                        {1, true},
	} {
		c := &Config{Timeout: 1}
		c.SigningSecret = []notifiers.Secret{notifiers.NewSecret(testSigning), notifiers.NewSecret(secret)}
		n, err := newNotifier(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{"Webhook-Id": {"msg_1"}}
		n.(*notifier).sign(h, []byte("x"), time.Now())
		asText, _ := standardwebhooks.NewWebhookRaw([]byte(secret))
		if err := asText.Verify([]byte("x"), h); err != nil {
			t.Errorf("%s as text: %v", secret, err)
		}
		if got := len(strings.Fields(h.Get("Webhook-Signature"))) - 1; got != tt.signatures {
			t.Errorf("%s: %d signatures, want %d", secret, got, tt.signatures)
		}
		if decoded, err := standardwebhooks.NewWebhook(secret); tt.signatures == 2 &&
			(err != nil || decoded.Verify([]byte("x"), h) != nil) {
			t.Errorf("%s: a library that decodes it refuses it", secret)
		}
		said := fmt.Sprint(warn(c))
		if warned := strings.Contains(said, "the second secret"); warned != tt.warned || strings.Contains(said, secret) {
			t.Errorf("%s: check says %s", secret, said)
		}
	}
}

func TestAPageInPlaceOfAnAnswerIsNoted(t *testing.T) {
	for name, tt := range map[string]struct {
		says  string
		noted bool
	}{
		"a page": {"<!DOCTYPE html><title>Log in</title>" + strings.Repeat("x", 2*httpclient.MaxReceipt),
			true},
		"a page in parts": {"\n  <html><body>", true},
		"JSON":            {`{"html":"<html>"}`, false},
		"nothing":         {"", false},
	} {
		n := testHTTP(t, notifierstest.Server(t,
			func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tt.says) }))
		r, err := n.Send(t.Context(), notifierstest.Message())
		if err != nil || strings.HasPrefix(r.Response, "note: ") != tt.noted ||
			len(r.Response) > httpclient.MaxReceipt {
			t.Errorf("%s: %q, %v", name, r.Response[:min(len(r.Response), 100)], err)
		}
	}
}

func TestHTTPRefusesWhatCannotBeSent(t *testing.T) {
	base := notifierstest.Server(t, notifierstest.Echo(200, nil, testSigning))
	port := base[strings.LastIndex(base, ":"):]
	hosts := func(private bool, h ...string) func(*Config) {
		return func(c *Config) { c.AllowHosts, c.AllowPrivate = h, private }
	}
	tests := map[string]struct {
		options string
		edit    func(*Config)
		says    string
	}{
		"no url":                        {`{"url":""}`, nil, ""},
		"another scheme":                {`{"url":"file:///etc/passwd"}`, nil, "https://"},
		"no host":                       {`{"url":"https:///x"}`, nil, "host"},
		"a header name with a line end": {`{"url":"https://x.io","headers":{"X\r\nY":"1"}}`, nil, "header name"},
		"a header of ours": {`{"url":"https://x.io","headers":{"Webhook-Signature":"1"}}`, nil,
			"set by the relay"},
		"a method that is none":       {`{"url":"https://x.io","method":"PO ST"}`, nil, "method"},
		"cloud metadata":              {`{"url":"http://169.254.169.254/latest"}`, nil, "metadata"},
		"cloud metadata, mapped":      {`{"url":"http://[::ffff:169.254.169.254]/"}`, nil, "metadata"},
		"cloud metadata, as a number": {`{"url":"http://[64:ff9b::a9fe:a9fe]/"}`, nil, "metadata"},
		"link-local":                  {`{"url":"http://[fe80::1%25lo]/"}`, nil, "metadata"},
		"a host that is not allowed": {`{"url":"http://127.0.0.1` + port + `/"}`, hosts(true, "hooks.example.com"),
			"allow_hosts"},
		"an allowed host, but private": {`{"url":"http://127.0.0.1` + port + `/"}`, hosts(false, "127.0.0.1"),
			"allow_private"},
		"localhost by name": {`{"url":"http://localhost` + port + `/"}`, hosts(false, "localhost"),
			"allow_private"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &Config{Timeout: 5 * time.Second}
			if tt.edit != nil {
				tt.edit(c)
			}
			n, err := newNotifier(c, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = n.Send(t.Context(),
				notifierstest.Message(func(m *notifiers.Message) { m.Options = json.RawMessage(tt.options) }))
			notifierstest.Fails(t, err, "permanent", tt.says)
		})
	}
	n := testHTTP(t, base, hosts(true, "127.0.0.1"))
	if _, err := n.Send(t.Context(),
		notifierstest.Message(func(m *notifiers.Message) {
			m.Options = json.RawMessage(`{"url":"` + base +
				`/x"}`)
		})); err != nil {
		t.Errorf("an allowed private host: %v", err)
	}
}

func TestWhatTheReceiverSaidIsInTheErrorWithoutAnyHeader(t *testing.T) {
	options := json.RawMessage(`{"headers":{"X-Team":"rule-s3cr3t","Accept":"text/plain"}}`)
	for name, tt := range map[string]struct{ says, want string }{
		"one line, and masked": {"no\n  such   X: rule-s3cr3t " + testBearer, "(“no such X: <secret> <secret>”)"},
		"JSON as it is": {`{"error": "field \"summary\" is missing"}`,
			`(“{"error": "field \"summary\" is missing"}”)`},
		"text, not a secret":  {"text/plain is not taken", "(“text/plain is not taken”)"},
		"its beginning":       {strings.Repeat("long ", 100), strings.Repeat("long ", 39) + "long…”)"},
		"what could steer":    {"a\x1b[31mb", "(“a\uFFFD[31mb”)"},
		"a page for browsers": {"<html><title>Bad</title><style>x{}</style><p>gone <b>away</b>", "400 Bad Request (“Bad gone away”): check"},
		"nothing":             {" \n", "answered 400 Bad Request: check"},
	} {
		t.Run(name, func(t *testing.T) {
			base := notifierstest.Server(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, tt.says)
			})
			receipt, err := testHTTP(t, base).Send(t.Context(),
				notifierstest.Message(func(m *notifiers.Message) { m.Options = options }))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if strings.Contains(receipt.Response, "s3cr3t") {
				t.Errorf("the receipt holds a header: %s", receipt.Response)
			}
		})
	}
}

func TestAnAddressOfAMessageSaysNothingAboutOthers(t *testing.T) {
	answers := notifierstest.Server(t, func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
	})
	allow := func(c *Config) { c.AllowHosts, c.AllowPrivate = []string{"127.0.0.1", "nowhere.invalid"}, true }
	closed := notifierstest.Server(t, nil)
	for _, tt := range []struct {
		name, url string
		edit      func(*Config)
		want      string
		own       bool
	}{
		{"an address that is gone", answers + "/410", func(*Config) {}, "permanent", false},
		{"an address that fails", answers + "/500", func(*Config) {}, "retry", false},
		{"a host of an event that is gone", answers + "/410", allow, "permanent", false},
		{"a host of an event that fails", answers + "/500", allow, "retry", true},
		{"a host of an event that refuses the login", answers + "/401", allow, "permanent", true},
		{"a host of an event without a name", "http://nowhere.invalid/", allow, "retry", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := testHTTP(t, closed, tt.edit)
			options, err := json.Marshal(Options{URL: tt.url})
			if err != nil {
				t.Fatal(err)
			}
			_, err = n.Send(t.Context(), notifierstest.Message(func(m *notifiers.Message) { m.Options = options }))
			var own *notifiers.MessageError
			if got := notifierstest.Outcome(err); got != tt.want || errors.As(err, &own) != tt.own {
				t.Errorf("got %s, about the message alone %v: %v", got, errors.As(err, &own), err)
			}
			if dns := strings.Contains(tt.url, "nowhere"); dns != (notifiers.Reason(err) == notifiers.ReasonDNS) {
				t.Errorf("the reason is %s", notifiers.Reason(err))
			}
		})
	}
}
