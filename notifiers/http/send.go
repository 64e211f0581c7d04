package http

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
)

// Send makes one request. Any 2xx answer means delivered.
func (n *notifier) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	call, err := n.prepare(m)
	if err != nil {
		return notifiers.Receipt{}, &notifiers.PermanentError{Err: err}
	}
	attempt, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	receipt, stale, err := n.try(ctx, attempt, call)
	if stale {
		receipt, _, err = n.try(ctx, attempt, call)
	}
	return receipt, n.judge(call, err)
}

// judge limits an error to its message if the message brings its URL, since other messages have others: the address may
// be gone, and with allow_hosts the host may be the choice of an event.
func (n *notifier) judge(c call, err error) error {
	var gone *notifiers.GoneError
	switch {
	case err == nil || !c.ownURL:
		return err
	case errors.As(err, &gone):
		return &notifiers.PermanentError{Err: gone.Err}
	case len(n.config.AllowHosts) > 0:
		return &notifiers.MessageError{Err: err}
	}
	return err
}

// try makes the request once. outer is the caller's context, attempt the one with the timeout. stale reports that the
// receiver has refused a cached token; the next try gets a new one.
func (n *notifier) try(outer, attempt context.Context, call call) (r notifiers.Receipt, stale bool, err error) {
	req, err := call.request(attempt)
	if err != nil {
		return notifiers.Receipt{}, false, &notifiers.PermanentError{Err: err}
	}
	cached, err := n.authorize(attempt, req.Header)
	if err != nil {
		return notifiers.Receipt{}, false, httpclient.NewRedactor(n.secrets()...).TokenError(outer, attempt, err)
	}
	n.sign(req.Header, call.body, time.Now())
	a, err := httpclient.Exchange(n.client, req, httpclient.MaxReceipt)
	if err == nil && len(a.Body) == 0 && a.Code >= 200 && a.Code < 300 {
		return notifiers.Receipt{Status: a.Status}, false, nil // without anything to redact
	}
	doing := call.method + " " + call.url.Scheme + "://" + call.url.Host
	mask := n.masker(call.url, req.Header)
	if err != nil {
		return notifiers.Receipt{}, false, mask.AttemptError(outer, doing,
			httpclient.ExplainTrust(err, "tls: {ca_file: …}"))
	}
	if stale = cached && a.Code == http.StatusUnauthorized; stale {
		n.tokens.Forget(attempt, req.Header.Get("Authorization"))
	}
	r = a.Receipt(mask)
	err = outcome(doing, a, r.Response)
	if err == nil && a.IsPage() {
		r.Response = notifiers.CutBytes(pageNote+r.Response, httpclient.MaxReceipt)
	}
	return r, stale, err
}

// pageNote begins the receipt of a web page, which may be that of a login, a proxy or a mistyped URL.
const pageNote = "note: the answer is a web page; if nothing arrives, make sure that the url is that of a hook\n"

// secrets returns the secrets of the settings.
func (n *notifier) secrets() []string {
	secrets := append(httpclient.URLSecrets(n.config.ProxyURL.Value()), n.config.Bearer.Value())
	for _, s := range n.config.SigningSecret {
		secrets = append(secrets, s.Value())
	}
	if b := n.config.BasicAuth; b != nil {
		secrets = append(secrets, b.Password.Value(), b.Username+":"+b.Password.Value())
	}
	if o := n.config.OAuth2; o != nil {
		secrets = append(secrets, o.Secrets()...)
	}
	return secrets
}

// mask is the redactor of a text of secrets.
type mask struct {
	of string
	httpclient.Redactor
}

// masker returns the redactor of one call. It hides the secrets of the settings, the URL without its host, and all
// headers that may hold a login, since services choose names of their own for those. Those of the last call are kept,
// since making them takes longer than sending.
func (n *notifier) masker(u *url.URL, headers http.Header) httpclient.Redactor {
	open := []string{
		"Content-Type", "Accept", "User-Agent", "Host", "Webhook-Id", "Webhook-Timestamp", signatureHeader,
	}
	secrets := append(httpclient.URLSecrets(u.String()), n.secrets()...)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if !slices.Contains(open, name) {
			_, credential, _ := strings.Cut(headers[name][0], " ")
			secrets = append(secrets, headers[name][0], credential)
		}
	}
	of := strings.Join(secrets, "\n")
	last := n.last.Load()
	if last == nil || last.of != of {
		last = &mask{of, httpclient.NewRedactor(secrets...)}
		n.last.Store(last)
	}
	if signatures := strings.Fields(headers.Get(signatureHeader)); len(signatures) > 0 {
		return last.With(signatures...)
	}
	return last.Redactor
}

// outcome returns the error of an answer, or nil for a 2xx one. said is the answer's body without secrets.
func outcome(doing string, a httpclient.Answer, said string) error {
	failed := a.Failed(doing, "the receiver", said)
	var reason, advice string
	switch reason = a.RetryReason(); {
	case a.Code >= 200 && a.Code < 300:
		return nil
	case reason != "":
		return a.Retry(reason, failed)
	case a.Code == http.StatusGone:
		return &notifiers.GoneError{Err: fmt.Errorf("%w: the receiver has closed this address for good; write its new "+
			"one as url, or remove what is sent there", failed)}
	case a.IsRedirect():
		advice = a.RedirectAdvice("url")
	case a.Code == http.StatusUnauthorized, a.Code == http.StatusForbidden:
		reason = notifiers.ReasonAuth
		advice = "check the credentials: basic_auth, bearer, oauth2, headers or signing_secret"
	case a.Code == http.StatusNotFound:
		advice = "check the url"
	default:
		advice = "check the url, method, headers and body"
	}
	return &notifiers.PermanentError{Reason: reason, Err: fmt.Errorf("%w: %s", failed, advice)}
}
