package notifiers

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Send makes one request. Any 2xx answer means delivered.
func (n *httpNotifier) Send(ctx context.Context, m *Message) (Receipt, error) {
	call, err := n.prepare(m)
	if err != nil {
		return Receipt{}, &PermanentError{Err: err}
	}
	attempt, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	receipt, stale, err := n.try(ctx, attempt, call)
	if stale {
		receipt, _, err = n.try(ctx, attempt, call)
	}
	return receipt, err
}

// try makes the request once. outer is the caller's context, attempt the one with our timeout. stale says that the receiver does not
// take a token that it took before, and that the next try has a new one.
func (n *httpNotifier) try(outer, attempt context.Context, call httpCall) (r Receipt, stale bool, err error) {
	req, err := call.request(attempt)
	if err != nil {
		return Receipt{}, false, &PermanentError{Err: err}
	}
	cached, err := n.authorize(attempt, req.Header)
	if err != nil {
		return Receipt{}, false, newMasker(n.secrets()...).tokenError(outer, attempt, err)
	}
	n.sign(req.Header, call.body, time.Now())
	a, err := exchange(n.client, req, maxReceipt)
	if err == nil && len(a.body) == 0 && a.code >= 200 && a.code < 300 {
		return Receipt{Status: a.status}, false, nil // nothing to be masked
	}
	doing := call.method + " " + call.url.Scheme + "://" + call.url.Host
	mask := n.masker(call.url, req.Header)
	if err != nil {
		return Receipt{}, false, mask.attemptError(outer, doing, explainTrust(err, "tls: {ca_file: …}"))
	}
	if stale = cached && a.code == http.StatusUnauthorized; stale {
		n.tokens.forget(attempt, req.Header.Get("Authorization"))
	}
	r = a.receipt(mask)
	err = a.httpOutcome(doing, r.Response)
	if err == nil && a.isPage() {
		r.Response = cutBytes(pageNote+r.Response, maxReceipt)
	}
	return r, stale, err
}

// pageNote warns in a receipt: a page instead of an answer may be that of a login, a proxy or a mistyped URL.
const pageNote = "note: the answer is a web page; if nothing arrives, make sure that the url is that of a hook\n"

// isPage reports whether the answer is meant for a browser.
func (a answer) isPage() bool {
	return strings.HasPrefix(http.DetectContentType(a.body), "text/html")
}

// secrets lists what the configuration hides.
func (n *httpNotifier) secrets() []string {
	secrets := append(urlSecrets(n.config.ProxyURL.Value()), n.config.Bearer.Value())
	for _, s := range n.config.SigningSecret {
		secrets = append(secrets, s.Value())
	}
	if b := n.config.BasicAuth; b != nil {
		secrets = append(secrets, b.Password.Value(), b.Username+":"+b.Password.Value())
	}
	if o := n.config.OAuth2; o != nil {
		secrets = append(secrets, o.secrets()...)
	}
	return secrets
}

// masker hides all that may be secret in one call: what the configuration hides, the rest of the URL, and the headers but those
// that never log in, since services choose names of their own for the ones that do.
func (n *httpNotifier) masker(u *url.URL, headers http.Header) masker {
	open := []string{
		"Content-Type", "Accept", "User-Agent", "Host", "Webhook-Id", "Webhook-Timestamp",
	}
	secrets := append(urlSecrets(u.String()), n.secrets()...)
	for name, values := range headers {
		if !slices.Contains(open, name) {
			_, credential, _ := strings.Cut(values[0], " ")
			secrets = append(secrets, values[0], credential)
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
		return &PermanentError{ReasonAuth, fmt.Errorf("%w: check the credentials: basic_auth, bearer, oauth2, headers or signing_secret", failed)}
	case a.code == http.StatusProxyAuthRequired:
		return proxyRefusal(failed)
	case a.code == http.StatusGone:
		return &GoneError{fmt.Errorf("%w: the receiver has closed this address for good; write its new one as url, or remove what is sent there", failed)}
	case a.code == http.StatusNotFound:
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
