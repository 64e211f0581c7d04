package builtin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/notifierstest"
)

// byProxy returns the settings of a notifier of a kind whose service no name server knows.
func byProxy(k notifiers.Kind, proxy string) (config any, options json.RawMessage) {
	config = k.Config()
	v := reflect.ValueOf(config).Elem()
	v.FieldByName("ProxyURL").Set(reflect.ValueOf(notifiers.NewSecret(proxy)))
	for field, value := range map[string]any{
		"WebhookURL": notifiers.NewSecret("http://service.invalid/hooks/x"), "APIURL": "http://service.invalid/",
		"Server": "http://service.invalid/", "Token": notifiers.NewSecret("1:t0ken"),
		"RoutingKey": notifiers.NewSecret(strings.Repeat("0", 32)),
	} {
		if f := v.FieldByName(field); f.IsValid() && !(field == "Token" && v.FieldByName("WebhookURL").IsValid()) {
			f.Set(reflect.ValueOf(value))
		}
	}
	switch k.Type {
	case "http":
		options = json.RawMessage(`{"url": "http://service.invalid/x"}`)
	case "telegram":
		options = json.RawMessage(`{"chat_id": "7"}`)
	case "ntfy":
		options = json.RawMessage(`{"topic": "qa"}`)
	}
	return config, options
}

func TestEachChannelGoesByItsProxy(t *testing.T) {
	for _, k := range builtin.Kinds() {
		if k.Type == "email" {
			continue // goes to the mail server directly
		}
		for status, want := range map[int]string{
			http.StatusProxyAuthRequired: "permanent", http.StatusForbidden: "permanent",
			http.StatusBadGateway: "retry", http.StatusServiceUnavailable: "retry", http.StatusGatewayTimeout: "retry",
		} {
			var asked atomic.Value
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Store(r.URL.Host + " " + r.Header.Get("Proxy-Authorization"))
				w.WriteHeader(status)
			}))
			t.Cleanup(proxy.Close)
			config, options := byProxy(k, strings.Replace(proxy.URL, "//", "//relay:pr0xy-s3cret@", 1))
			n, err := k.New(config, options)
			if err != nil {
				t.Fatalf("%s: %v", k.Type, err)
			}
			_, err = n.Send(t.Context(), notifierstest.Message())
			if got := notifierstest.Outcome(err); got != want || asked.Load() != "service.invalid Basic cmVsYXk6cHIweHktczNjcmV0" {
				t.Errorf("%s, %d: %s (%v); the proxy was asked for %v", k.Type, status, got, err, asked.Load())
			}
			if err != nil && strings.Contains(err.Error(), "pr0xy") {
				t.Errorf("%s: the password is in %v", k.Type, err)
			}
			if status == http.StatusProxyAuthRequired && !strings.Contains(err.Error(), "proxy_url") {
				t.Errorf("%s: %v", k.Type, err)
			}
		}
		config, options := byProxy(k, "ftp://relay:pr0xy-s3cret@x")
		if _, err := k.New(config, options); err == nil || !strings.Contains(err.Error(), "proxy_url") ||
			strings.Contains(err.Error(), "pr0xy") {
			t.Errorf("%s: %v", k.Type, err)
		}
	}
}
