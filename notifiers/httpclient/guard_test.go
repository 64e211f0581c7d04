package httpclient_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/notifierstest"
)

func TestNamesOfForbiddenAddressesAreRefused(t *testing.T) {
	for addr, tt := range map[string]struct {
		publicOnly bool
		says       string
	}{
		"169.254.169.254":       {false, "metadata"},
		"169.254.0.9":           {false, "metadata"},
		"fe80::1":               {false, "metadata"},
		"fd00:ec2::254":         {false, "metadata"},
		"100.100.100.200":       {true, "metadata"},
		"127.0.0.1":             {true, "allow_private"},
		"10.1.2.3":              {true, "allow_private"},
		"192.168.0.1":           {true, "allow_private"},
		"::1":                   {true, "allow_private"},
		"fd12::1":               {true, "allow_private"},
		"64:ff9b::a9fe:a9fe":    {false, "metadata"},
		"2002:a9fe:a9fe::1":     {false, "metadata"},
		"::ffff:169.254.169.25": {false, "metadata"},
	} {
		t.Run(addr, func(t *testing.T) {
			guard := httpclient.DialGuard{PublicOnly: tt.publicOnly, Resolver: notifierstest.ResolveTo(t, addr)}
			client := httpclient.NewClient(guard)
			client.Timeout = 5 * time.Second
			_, err := client.Get("http://innocent.example/")
			if err == nil || notifierstest.Outcome(err) != "permanent" || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("dialled: %v", err)
			}
			if _, err := (httpclient.Route{Guard: guard}).Client().Post("http://direct.invalid/", "", nil); err == nil ||
				notifierstest.Outcome(err) != "permanent" || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("posted to: %v", err)
			}
			behind := httpclient.Route{Guard: guard, Proxy: &url.URL{Scheme: "http", Host: "127.0.0.1:1"}}.Client()
			if _, err := behind.Get("https://innocent.example/"); err == nil ||
				notifierstest.Outcome(err) != "permanent" || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("asked of a proxy: %v", err)
			}
		})
	}
}

func TestNamesOfOtherAddressesAreConnectedTo(t *testing.T) {
	base := notifierstest.Server(t, func(http.ResponseWriter, *http.Request) {})
	_, port, _ := strings.Cut(strings.TrimPrefix(base, "http://"), ":")
	client := httpclient.NewClient(httpclient.DialGuard{Resolver: notifierstest.ResolveTo(t, "127.0.0.1")})
	resp, err := client.Get(fmt.Sprintf("http://receiver.example:%s/", port))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
