package httpclient_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/notifierstest"
)

// TestMain names a proxy in the environment, which is read once in a process. The proxy answers with the URL that it is
// asked for.
func TestMain(m *testing.M) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Method + " " + r.RequestURI))
	}))
	for name, value := range map[string]string{"HTTP_PROXY": proxy.URL, "NO_PROXY": "direct.invalid", "http_proxy": "",
		"no_proxy": ""} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	proxy.Close()
	os.Exit(code)
}

func get(t *testing.T, route httpclient.Route, address string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := httpclient.Exchange(route.Client(), req, 1000)
	return string(a.Body), err
}

func TestTheEnvironmentNamesTheProxy(t *testing.T) {
	if got, err := get(t, httpclient.Route{}, "http://hooks.invalid/x"); got != "GET http://hooks.invalid/x" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := get(t, httpclient.Route{}, "http://direct.invalid/x"); err == nil {
		t.Errorf("NO_PROXY is not kept: %q", got)
	}
	own := notifierstest.Server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("own")) })
	u, err := url.Parse(own)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := get(t, httpclient.Route{Proxy: u}, "http://direct.invalid/x"); got != "own" {
		t.Errorf("proxy_url does not come first: %q, %v", got, err)
	}
}

func TestAProxyIsNotAskedForAddressesInOtherForms(t *testing.T) {
	for _, host := range []string{"169.254.169.254", "169.254.169.254.", "2852039166", "0xa9fea9fe", "0XA9FEA9FE",
		"0251.0376.0251.0376", "169.254.43518", "0x", "a.example.0x7f", "１６９.254.169.254", "169。254。169。254",
		"[::ffff:169.254.169.254]", "[fe80::1%25eth0]", "100.100.100.200.", "0251.0376.0251.0376.",
		"metadata.google.internal", "Metadata.Google.Internal.", "metadata", "instance-data", "ｍetadata"} {
		got, err := get(t, httpclient.Route{}, "http://"+host+"/")
		if err == nil || notifierstest.Outcome(err) != "permanent" || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%s: %q, %v", host, got, err)
		}
	}
	for _, host := range []string{"192.0.2.1", "face", "0xcafe.example", "1.example", "x1", "metadata.example"} {
		if got, err := get(t, httpclient.Route{}, "http://"+host+"/"); err != nil || !strings.HasPrefix(got, "GET ") {
			t.Errorf("%s: %q, %v", host, got, err)
		}
	}
}
