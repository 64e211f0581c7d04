package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/rules/message"
	"qaserelay/rules/value"
)

// call is the part of a request that is the same at every attempt.
type call struct {
	id      string
	method  string
	url     *url.URL
	headers map[string]string
	written string // the body option, or empty
	body    []byte
	isJSON  bool // of the body
	ownURL  bool // the message brings its URL; it is not that of the notifier
}

// prepare returns the call for m. Its errors are permanent.
func (n *notifier) prepare(m *notifiers.Message) (call call, err error) {
	if call = n.usual; len(m.Options) > 0 || call.url == nil {
		if call, err = n.address(m.Options); err != nil {
			return call, err
		}
	}
	call.id = m.ID
	err = call.fill(m)
	return call, err
}

// address returns a call without a body, from the options of the notifier and of a message.
func (n *notifier) address(own json.RawMessage) (call, error) {
	o, err := notifiers.MergeOptions[Options](n.defaults, own)
	if err != nil {
		return call{}, err
	}
	call, err := newCall(n.config, o, own)
	if err == nil {
		call.ownURL = len(own) > 0 && (n.usual.url == nil || *n.usual.url != *call.url)
	}
	return call, err
}

// newCall returns a call without a body. o are the options of the message over those of the notifier, own those of the
// message alone.
func newCall(c Config, o Options, own json.RawMessage) (made call, err error) {
	made = call{headers: o.Headers, written: o.Body}
	if made.method, err = parseMethod(o.Method); err != nil {
		return made, err
	}
	if made.url, err = httpclient.ParseURL(o.URL); err != nil {
		return made, err
	}
	if err := c.checkHost(made.url, own); err != nil {
		return made, err
	}
	if err := checkHeaders(o.Headers); err != nil {
		return made, err
	}
	if ways := c.authWays(); len(ways) > 0 {
		return made, checkOneLogin(ways[0], o)
	}
	return made, nil
}

// refuse returns remarks on the options of a message.
func refuse(config any, defaults, own json.RawMessage) []notifiers.Advice {
	return notifiers.Refusing(func(c Config, o Options) (all []notifiers.Advice) {
		_, err := newCall(c, o, own)
		var fault *notifiers.FieldError
		switch {
		case errors.As(err, &fault):
			all = append(all, notifiers.Advice{Path: []string{fault.Key}, Wrong: true, Message: fault.Err.Error()})
		case err != nil:
			all = append(all, notifiers.Advice{Wrong: true, Message: err.Error()})
		}
		if u, err := httpclient.ParseURL(o.URL); err == nil {
			all = append(all, c.refuseHost(u)...)
		}
		if method := strings.ToUpper(strings.TrimSpace(o.Method)); method != "" && !isKnownMethod(method) {
			unknown := notifiers.Unfit("method", method, "is not a known method of HTTP", "write one such as POST or PUT")
			unknown.Wrong = false
			all = append(all, unknown)
		}
		return slices.Concat(all, warnBody(o), warnReceiver(o))
	})(config, config.(*Config).withURL(defaults), own)
}

// warnBody warns of a body where HTTP gives it no meaning (RFC 9110, sections 9.3.1 and 9.3.2).
func warnBody(o Options) []notifiers.Advice {
	method := strings.ToUpper(strings.TrimSpace(o.Method))
	if o.Body == "" || method != http.MethodGet && method != http.MethodHead {
		return nil
	}
	return []notifiers.Advice{{Path: []string{"body"}, Whole: true,
		Message: "servers and proxies may ignore or refuse the body of a " + method + " request",
		Hint:    "write method: POST, or write the values into url and leave out body"}}
}

// refuseHost returns remarks on the host of a URL.
func (c Config) refuseHost(u *url.URL) []notifiers.Advice {
	path := []string{"url"}
	if httpclient.IsPlaceholder(u.Hostname()) {
		return []notifiers.Advice{{Path: path, Message: "its host is a placeholder, which waits to be replaced",
			Hint: "write the address of the receiver"}}
	}
	if err := c.guard().CheckLiteral(u.Hostname()); err != nil {
		message, hint, _ := strings.Cut(err.Error(), "; ")
		return []notifiers.Advice{{Path: path, Wrong: true, Message: message, Hint: hint}}
	}
	return nil
}

// isKnownMethod reports whether a request method is common, or one of WebDAV or of caches.
func isKnownMethod(method string) bool {
	return slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
		"QUERY", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "PURGE", "BAN",
		"LINK", "UNLINK", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "ACL", "BIND", "REBIND", "UNBIND", "MERGE", "LABEL",
		"CHECKIN", "CHECKOUT", "MKACTIVITY", "MKCALENDAR", "MKREDIRECTREF", "MKWORKSPACE", "ORDERPATCH",
		"BASELINE-CONTROL", "UNCHECKOUT", "UPDATE", "UPDATEREDIRECTREF", "VERSION-CONTROL"}, method)
}

// checkHost refuses a URL from a rule whose host is not in allow_hosts, if there are any.
func (c Config) checkHost(u *url.URL, own json.RawMessage) error {
	if len(c.AllowHosts) == 0 {
		return nil
	}
	o, err := notifiers.MergeOptions[Options](nil, own)
	if err != nil || o.URL == "" {
		return err
	}
	if !hostAllowed(c.AllowHosts, u.Hostname(), u.Host) {
		return notifiers.Fault("url", "the host %q is not in allow_hosts; add it there if messages may go to it",
			u.Host)
	}
	return nil
}

// hostAllowed reports whether host, with or without its port, is one of allowed. *.example.com stands for every
// subdomain of example.com.
func hostAllowed(allowed []string, host, hostPort string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return slices.ContainsFunc(allowed, func(a string) bool {
		a = strings.ToLower(a)
		if domain, ok := strings.CutPrefix(a, "*."); ok {
			return strings.HasSuffix(host, "."+domain)
		}
		return a == host || a == strings.ToLower(hostPort)
	})
}

// request returns the HTTP request without a signature.
func (c call) request(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, c.method, "", bytes.NewReader(c.body))
	if err != nil {
		return nil, fmt.Errorf("making the request: %w", httpclient.RedactURL(err))
	}
	req.URL, req.Host = c.url, strings.TrimSuffix(c.url.Host, ":")
	req.Header.Set("User-Agent", httpclient.UserAgent)
	if len(c.body) > 0 {
		req.Header.Set("Content-Type", c.contentType())
	}
	for name, value := range c.headers {
		req.Header.Set(name, notifiers.OneLine(value))
		if strings.EqualFold(name, "Host") {
			req.Host = notifiers.OneLine(value)
		}
	}
	req.Header.Set("Webhook-Id", c.id)
	return req, nil
}

func (c call) contentType() string {
	if c.isJSON {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}

// fill sets the body: the one of the options, or else the default one, which GET and HEAD do not have.
func (c *call) fill(m *notifiers.Message) (err error) {
	switch {
	case c.written != "":
		c.body = []byte(c.written)
		c.isJSON = json.Valid(c.body)
	case c.method != http.MethodGet && c.method != http.MethodHead:
		c.body, err = defaultBody(m)
		c.isJSON = true
	}
	return err
}

// defaultBody returns the JSON object of a message. It holds the event byte for byte as it came in: the relay has
// checked that it is JSON, but not its UTF-8.
func defaultBody(m *notifiers.Message) (out []byte, err error) {
	out = make([]byte, 0, 256+2*len(m.Body)+len(m.Event))
	out = value.AppendJSONString(append(out, `{"delivery_id":`...), m.ID)
	for _, k := range message.Keys() {
		text := *k.Text(&m.Message)
		if k.Name == "body" {
			text = wholeBody(m)
		}
		out = append(append(append(out, `,"`...), k.Name...), `":`...)
		out = value.AppendJSONString(out, text)
	}
	if m.Failures != nil {
		if out, err = appendFailures(out, m.Failures); err != nil {
			return nil, fmt.Errorf("writing the default body: %w", err)
		}
	}
	if d, isDigest := digestOf(m); isDigest {
		out = append(fmt.Appendf(out, `,"count":%d,"events":`, d.Count), wholeUTF8(d.Events)...)
		return fmt.Appendf(out, `,"more":%d}`, d.More), nil
	}
	event := wholeUTF8(bytes.TrimSpace(m.Event))
	if len(m.Event) == 0 {
		event = []byte("null")
	}
	return append(append(append(out, `,"event":`...), event...), '}'), nil
}

// digestEvent is the name of the event of a message about several events.
const digestEvent = "relay.digest"

// digest is what the event of a digest holds: all that were counted, and those that are not among the events.
type digest struct {
	Count  int             `json:"count"`
	More   int             `json:"more"`
	Events json.RawMessage `json:"events"` // each as it came in
}

// digestOf returns the events of a digest. ok is false for a message about one event.
func digestOf(m *notifiers.Message) (d digest, ok bool) {
	if m.EventName != digestEvent || json.Unmarshal(m.Event, &d) != nil || !bytes.HasPrefix(d.Events, []byte("[")) {
		return digest{}, false
	}
	return d, true
}

// wholeUTF8 replaces each byte that is not UTF-8, which JSON must be (RFC 8259, section 8.1), by U+FFFD, as lenient
// readers do.
func wholeUTF8(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	return []byte(string([]rune(string(text))))
}

func parseMethod(method string) (string, error) {
	method = strings.ToUpper(strings.TrimSpace(method))
	switch {
	case method == "":
		return http.MethodPost, nil
	case !isToken(method), method == http.MethodConnect, method == http.MethodTrace:
		return "", notifiers.Fault("method", "%q is not valid; write one such as POST or PUT", method)
	}
	if meant := meantMethod(method); meant != "" {
		return "", notifiers.Fault("method", "%q is not a method of HTTP; did you mean %q?", method, meant)
	}
	return method, nil
}

// meantMethod returns the common method that an unknown one is a misspelling of, or "". Servers may have methods of
// their own.
func meantMethod(method string) string {
	if isKnownMethod(method) {
		return ""
	}
	for _, common := range []string{"POST", "PUT", "PATCH", "GET", "DELETE", "HEAD", "OPTIONS"} {
		if len(method) > 2 && (sorted(method) == sorted(common) || isSlip(method, common) || isSlip(common, method)) {
			return common
		}
	}
	return ""
}

func sorted(word string) string { return string(slices.Sorted(slices.Values([]byte(word)))) }

// isSlip reports whether long has one letter more than short, or another one in its place.
func isSlip(long, short string) bool {
	for i := range long {
		without := long[:i] + long[i+1:]
		if without == short || len(long) == len(short) && without == short[:i]+short[i+1:] {
			return true
		}
	}
	return false
}

// checkHeaders refuses names that are not tokens (RFC 9110, section 5.6.2), which could inject other headers, headers
// that the relay sets, and a Host that is not one.
func checkHeaders(headers map[string]string) error {
	for name, value := range headers {
		if strings.EqualFold(name, "Host") && !isHost(notifiers.OneLine(value)) {
			return notifiers.Fault("headers", "the value of Host is not a host; write one such as hooks.example.com")
		}
		if !isToken(name) {
			return notifiers.Fault("headers", "%q is not a valid header name; use letters, digits and -", name)
		}
		if reservedHeader(name) {
			return notifiers.Fault("headers", "%q is set by the relay; leave it out", name)
		}
	}
	return nil
}

// isHost reports whether text can be sent as the Host of a request.
func isHost(text string) bool {
	host, err := httpguts.PunycodeHostPort(text)
	return err == nil && httpguts.ValidHostHeader(host)
}

func reservedHeader(name string) bool {
	return slices.Contains([]string{
		"connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade",
		"webhook-id", "webhook-timestamp", "webhook-signature",
	}, strings.ToLower(name))
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// checkHTTPDefaults checks the options of the notifier that are not templates.
func checkHTTPDefaults(defaults json.RawMessage) error {
	o, err := notifiers.MergeOptions[Options](nil, defaults)
	if err != nil {
		return err
	}
	if _, err := parseMethod(o.Method); err != nil {
		return err
	}
	if o.URL != "" {
		if _, err := httpclient.ParseURL(o.URL); err != nil {
			return err
		}
	}
	for name, value := range o.Headers {
		if strings.ContainsAny(strings.TrimSpace(value), "\r\n\x00") {
			return notifiers.Fault("headers."+name, "a header cannot have a line break; write it in one line")
		}
	}
	return checkHeaders(o.Headers)
}

func checkAllowHosts(hosts []string) error {
	for _, h := range hosts {
		if h == "" || strings.ContainsAny(h, "/@ ?#") || strings.Contains(strings.TrimPrefix(h, "*."), "*") {
			return fmt.Errorf("%q is not a host; write one such as hooks.example.com or *.example.com", h)
		}
	}
	return nil
}
