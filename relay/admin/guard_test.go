package admin

import (
	"fmt"
	"net/http"
	"os"
	"testing"
)

func TestTheAddressAnswersToItsOwnNames(t *testing.T) {
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		listen string
		urls   []string
		host   string
		want   bool
	}{
		{"127.0.0.1:9090", nil, "127.0.0.1:9090", true},
		{"127.0.0.1:9090", nil, "localhost:9090", true},
		{"127.0.0.1:9090", nil, "LOCALHOST", true},
		{"127.0.0.1:9090", nil, "localhost.:9090", true},
		{"127.0.0.1:9090", nil, "127.9.9.9:1", true},
		{"127.0.0.1:9090", nil, "[::1]:9090", true},
		{"127.0.0.1:9090", nil, "[::1]", true},
		{"127.0.0.1:9090", nil, "", true},
		{"127.0.0.1:9090", nil, "evil.example:9090", false},
		{"127.0.0.1:9090", nil, "evil.example", false},
		{"127.0.0.1:9090", nil, "127.0.0.1.evil.example:9090", false},
		{"127.0.0.1:9090", nil, "localhost.evil.example:9090", false},
		{"127.0.0.1:9090", nil, "203.0.113.7:9090", false},
		{"127.0.0.1:9090", nil, "0.0.0.0:9090", false},
		{"127.0.0.1:9090", nil, "localhost:9090:1", false},
		{"127.0.0.1:9090", nil, "localhost@evil.example", false},
		{"localhost:9090", nil, "evil.example:9090", false},
		{"127.0.0.1:9090", []string{"https://relay.example.com/console"}, "relay.example.com", true},
		{"127.0.0.1:9090", []string{"https://a.example", "https://B.example:8443"}, "b.example:8443", true},
		{"127.0.0.1:9090", []string{"https://relay.example.com"}, "www.relay.example.com", false},
		{"192.0.2.7:9090", nil, "192.0.2.7:9090", true},
		{"192.0.2.7:9090", nil, "192.0.2.8:9090", false},
		{"192.0.2.7:9090", nil, "127.0.0.1:9090", true},
		{"relay.internal:9090", nil, "relay.internal:9090", true},
		{"[2001:db8::7]:9090", nil, "[2001:db8:0::7]:9090", true},
		{":9090", nil, "203.0.113.7:9090", true},
		{"0.0.0.0:9090", nil, "[2001:db8::7]:9090", true},
		{"[::]:9090", nil, own + ":9090", true},
		{":9090", nil, "evil.example:9090", false},
	} {
		if got := newNames(c.listen, c.urls).include(c.host); got != c.want {
			t.Errorf("listening on %s with %v, %q: %v", c.listen, c.urls, c.host, got)
		}
	}
}

// get asks a handler for a page under a name.
func (d *testAPI) get(t *testing.T, path, host string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, d.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp
}

func TestEveryPageHasAName(t *testing.T) {
	d := start(t, Options{Listen: "127.0.0.1:0", URLs: []string{"https://relay.example.com"}})
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz", "/api/v1/events", "/api/v1/events/export", "/nothing"} {
		if resp := d.get(t, path, "evil.example:9090"); resp.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%s under another name: %d", path, resp.StatusCode)
		}
		resp := d.get(t, path, "relay.example.com")
		if resp.StatusCode == http.StatusMisdirectedRequest {
			t.Errorf("%s under its own name: %d", path, resp.StatusCode)
		}
		for _, header := range []string{"X-Content-Type-Options", "X-Frame-Options", "Content-Security-Policy",
			"Referrer-Policy", "Cross-Origin-Resource-Policy"} {
			if resp.Header.Get(header) == "" {
				t.Errorf("%s: no %s", path, header)
			}
		}
	}
	if status, text, _ := d.call(t, "POST", "/-/reload", "Origin", "https://relay.example.com"); status != 200 {
		t.Errorf("a page of the relay's own behind a proxy: %d %s", status, text)
	}
}

func TestWrongTokensAreLimited(t *testing.T) {
	d := open(t, "t0ken")
	counts := map[int]int{}
	for i := range 200 {
		status, _, _ := d.call(t, "GET", "/api/v1/events", "Authorization", fmt.Sprintf("Bearer guess%d", i))
		counts[status]++
	}
	if counts[401] < 10 || counts[429] == 0 || counts[401]+counts[429] != 200 {
		t.Errorf("got %v", counts)
	}
	if status, _, _ := d.call(t, "GET", "/api/v1/events", "Authorization", ""); status != 401 {
		t.Errorf("a request without a token: %d", status)
	}
	if status, _, _ := d.call(t, "GET", "/healthz"); status != 200 {
		t.Errorf("health: %d", status)
	}
}
