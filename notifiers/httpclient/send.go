package httpclient

import (
	"fmt"
	"net/http"
	"strings"

	"qaserelay/notifiers"
)

// IsPage reports whether the answer is meant for a browser.
func (a Answer) IsPage() bool {
	return strings.HasPrefix(http.DetectContentType(a.Body), "text/html")
}

// HTTPOutcome says what the answer's status means for the delivery, and how the receiver put it. said is without
// secrets.
func (a Answer) HTTPOutcome(doing, said string) error {
	failed := fmt.Errorf("%s: the receiver answered %s%s", doing, a.Status, quoted(said))
	switch {
	case a.Code >= 200 && a.Code < 300:
		return nil
	case a.Code >= 300 && a.Code < 400:
		return &notifiers.PermanentError{Err: fmt.Errorf("%w: redirects are not followed; write the final address as url%s",
			failed, onHost(a.location))}
	case a.Code == http.StatusTooManyRequests:
		return a.Retry(notifiers.ReasonRate, failed)
	case a.Code == http.StatusRequestTimeout, a.Code == http.StatusTooEarly, a.Code >= 500:
		return a.Retry(notifiers.ReasonServer, failed)
	case a.Code == http.StatusUnauthorized, a.Code == http.StatusForbidden:
		return &notifiers.PermanentError{Reason: notifiers.ReasonAuth,
			Err: fmt.Errorf("%w: check the credentials: basic_auth, bearer, oauth2, headers or signing_secret", failed)}
	case a.Code == http.StatusProxyAuthRequired:
		return proxyRefusal(failed)
	case a.Code == http.StatusGone:
		return &notifiers.GoneError{Err: fmt.Errorf(
			"%w: the receiver has closed this address for good; write its new one as url, or remove what is sent there", failed)}
	case a.Code == http.StatusNotFound:
		return &notifiers.PermanentError{Err: fmt.Errorf("%w: check the url", failed)}
	}
	return &notifiers.PermanentError{Err: fmt.Errorf("%w: check the url, method, headers and body", failed)}
}
