package notifiers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

// httpConfig is what can be written for a notifier of type http.
type httpConfig struct {
	// Longest time for one attempt, from dialling to the end of the answer. Default: 15s.
	Timeout time.Duration `yaml:"timeout"`
	// Signs every request as Standard Webhooks 1.0 says: "whsec_" and base64, or any other text as it is.
	SigningSecret Secret `yaml:"signing_secret" secret:"true"`
	// Hosts that a url from a rule may name; needed where an event chooses the host. *.example.com is every subdomain.
	AllowHosts []string `yaml:"allow_hosts"`
	// Lets a notifier with allow_hosts send to loopback and private addresses.
	AllowPrivate bool `yaml:"allow_private"`
}

// httpOptions are the message options of type http.
type httpOptions struct {
	// Request method. Default: POST.
	Method string `yaml:"method" json:"method,omitempty" as:"text"`
	// Where the request goes, http:// or https://.
	URL string `yaml:"url" json:"url,omitempty" as:"url"`
	// Headers of the request; those of a rule are added to those of the notifier.
	Headers map[string]string `yaml:"headers" json:"headers,omitempty" as:"header"`
	// Body of the request. Default: a JSON object with delivery_id, rule, level, title, body, url and event.
	Body string `yaml:"body" json:"body,omitempty" as:"json"`
}

func httpKind() Kind {
	return Kind{
		Type:        "http",
		Summary:     "an HTTP request to any URL, signed if wanted",
		Config:      func() any { return &httpConfig{Timeout: 15 * time.Second} },
		Options:     httpOptions{},
		New:         newHTTP,
		Missing:     httpMissing,
		Concurrency: 16,
	}
}

func httpMissing(_ any, options map[string]bool) (what, hint string) {
	if options["url"] {
		return "", ""
	}
	return "has no address to send to", "add url: https://example.com/hook here or on the notifier"
}

// httpNotifier sends each message as one HTTP request.
type httpNotifier struct {
	config   httpConfig
	defaults json.RawMessage
	key      []byte // signs requests; nil for none
	client   *http.Client
}

func newHTTP(config any, defaults json.RawMessage) (Notifier, error) {
	c := *config.(*httpConfig)
	faults := []error{checkTimeout(c.Timeout), checkHTTPDefaults(defaults)}
	key, err := signingKey(c.SigningSecret)
	if err != nil {
		faults = append(faults, &FieldError{"signing_secret", err})
	}
	if err := checkAllowHosts(c.AllowHosts); err != nil {
		faults = append(faults, &FieldError{"allow_hosts", err})
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	guard := dialGuard{publicOnly: len(c.AllowHosts) > 0 && !c.AllowPrivate}
	return &httpNotifier{c, defaults, key, newHTTPClient(guard)}, nil
}

// Send makes one request. Any 2xx answer means delivered.
func (n *httpNotifier) Send(ctx context.Context, m *Message) (Receipt, error) {
	call, err := n.prepare(m)
	if err != nil {
		return Receipt{}, &PermanentError{Err: err}
	}
	attempt, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	req, err := call.request(attempt)
	if err != nil {
		return Receipt{}, &PermanentError{Err: err}
	}
	n.sign(req.Header, call.body, time.Now())
	mask := n.masker(call)
	doing := call.method + " " + call.url.Scheme + "://" + call.url.Host
	a, err := exchange(n.client, req, maxReceipt)
	if err != nil {
		return Receipt{}, mask.attemptError(ctx, doing, err)
	}
	receipt := a.receipt(mask)
	return receipt, a.httpOutcome(doing, receipt.Response)
}

// masker hides all that may be secret in one call: the rest of the URL, the signing secret, and the headers but those
// that never log in, since services choose names of their own for the ones that do.
func (n *httpNotifier) masker(call httpCall) masker {
	secrets := append(urlSecrets(call.url.String()), n.config.SigningSecret.Value())
	for name, value := range call.headers {
		if !slices.Contains([]string{"Content-Type", "Accept", "User-Agent", "Host"}, http.CanonicalHeaderKey(name)) {
			_, credential, _ := strings.Cut(value, " ")
			secrets = append(secrets, value, oneLine(value), credential)
		}
	}
	return newMasker(secrets...)
}

// httpOutcome says what the answer's status means for the delivery, and how the receiver put it. said is without secrets.
func (a answer) httpOutcome(doing, said string) error {
	failed := fmt.Errorf("%s: the receiver answered %s%s", doing, a.status, quoted(said))
	switch {
	case a.code >= 200 && a.code < 300:
		return nil
	case a.code >= 300 && a.code < 400:
		return &PermanentError{Err: fmt.Errorf("%w: redirects are not followed; write the final address as url%s",
			failed, onHost(a.location))}
	case a.code == http.StatusTooManyRequests:
		return a.again(ReasonRate, failed)
	case a.code == http.StatusRequestTimeout, a.code == http.StatusTooEarly, a.code >= 500:
		return a.again(ReasonServer, failed)
	case a.code == http.StatusUnauthorized, a.code == http.StatusForbidden:
		return &PermanentError{ReasonAuth, fmt.Errorf("%w: check the credentials in headers or signing_secret", failed)}
	case a.code == http.StatusNotFound, a.code == http.StatusGone:
		return &PermanentError{Err: fmt.Errorf("%w: check the url", failed)}
	}
	return &PermanentError{Err: fmt.Errorf("%w: check the url, method, headers and body", failed)}
}

// maxQuote is how many characters of a receiver's text stand in an error.
const maxQuote = 200

// quoted is the beginning of what a receiver said, as one line to be appended. Pages for browsers are left out.
func quoted(said string) string {
	said = strings.Join(strings.Fields(said), " ")
	if said == "" || strings.HasPrefix(said, "<") && !strings.HasPrefix(said, "<secret>") {
		return ""
	}
	if runes := []rune(said); len(runes) > maxQuote {
		said = string(runes[:maxQuote-1]) + "…"
	}
	return " (“" + strings.Map(printableRune, said) + "”)"
}

func printableRune(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return unicode.ReplacementChar
}

// onHost names the host that a redirect leads to: the rest of it may be secret.
func onHost(location string) string {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" {
		return ""
	}
	return " (it leads to " + u.Scheme + "://" + u.Host + ")"
}

func checkTimeout(d time.Duration) error {
	if d <= 0 {
		return &FieldError{"timeout", errors.New("must be more than zero, such as 15s")}
	}
	return nil
}

// Preview returns the body of the request.
func (n *httpNotifier) Preview(m *Message) ([]byte, error) {
	o, err := mergeOptions[httpOptions](n.defaults, m.Options)
	if err != nil {
		return nil, err
	}
	method, err := httpMethod(o.Method)
	if err != nil {
		return nil, err
	}
	return httpBody(method, o.Body, m)
}
