package notifiers

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// client makes an HTTP client whose requests take the route.
func (r route) client() *http.Client {
	if r.proxy == nil {
		client := newHTTPClient(r.guard)
		client.Transport.(*http.Transport).TLSClientConfig = r.tls
		return client
	}
	client := newHTTPClient(dialGuard{}) // it is the proxy that is dialled, whose address the operator chose
	transport := client.Transport.(*http.Transport)
	transport.TLSClientConfig = r.tls
	transport.Proxy = func(req *http.Request) (*url.URL, error) {
		return r.proxy, r.guard.checkName(req.Context(), req.URL.Hostname())
	}
	transport.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
		return proxyAnswer(resp.StatusCode)
	}
	return client
}

// proxyAnswer says what a proxy's answer to CONNECT means.
func proxyAnswer(code int) error {
	failed := fmt.Errorf("the proxy answered %s", statusText(code))
	switch code {
	case http.StatusOK:
		return nil
	case http.StatusProxyAuthRequired:
		return proxyRefusal(failed)
	}
	return &transientError{ReasonServer, failed}
}

func proxyRefusal(err error) error {
	return &PermanentError{ReasonAuth, fmt.Errorf("%w: write name and password in proxy_url", err)}
}
