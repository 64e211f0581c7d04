package httpclient_test

import (
	"strings"
	"testing"

	"qaserelay/notifiers/httpclient"
)

func TestAPlainWordOfAPathIsNoSecret(t *testing.T) {
	for url, shown := range map[string]string{
		"http://127.0.0.1/message":                                    "Field 'message' is required (/message)",
		"http://127.0.0.1/Message/":                                   "Field 'message' is required",
		"http://127.0.0.1/squid":                                      "(squid/5.7)",
		"http://127.0.0.1/hook?key=abcd1234":                          "no such hook",
		"https://127.0.0.1/hooks/notifications/kq3v9zt2m4x8c1":        "hooks, notifications",
		"https://127.0.0.1/services/T00/B00/abcdefghijklmnopqrstuvwx": "services",
	} {
		m := httpclient.NewRedactor(httpclient.URLSecrets(url)...)
		if got := m.Redact(shown); got != shown {
			t.Errorf("%s: %q is shown as %q", url, shown, got)
		}
		if got := m.Redact("<" + url + ">"); strings.Contains(got, "127.0.0.1") {
			t.Errorf("%s is shown as %q", url, got)
		}
	}
}

func TestKeysInAPathAreHidden(t *testing.T) {
	for url, secrets := range map[string][]string{
		"http://127.0.0.1/qwzxkvbn":                            {"/qwzxkvbn", "qwzxkvbn"},
		"http://127.0.0.1/k7q2":                                {"k7q2"},
		"http://127.0.0.1/aBcDeFgH":                            {"aBcDeFgH"},
		"http://127.0.0.1/my-hook":                             {"my-hook"},
		"http://127.0.0.1/abanicadefuligomani":                 {"abanicadefuligomani"},
		"http://127.0.0.1/hook?key=abcd1234":                   {"abcd1234", "/hook?key=abcd1234", "key=abcd1234"},
		"http://127.0.0.1/hook/kq3v9zt2m4x8":                   {"kq3v9zt2m4x8", "/hook/kq3v9zt2m4x8"},
		"http://relay:passw0rd@127.0.0.1/message":              {"passw0rd"},
		"http://127.0.0.1/services/T00/B00/abcdefghijklmnopqr": {"abcdefghijklmnopqr"},
	} {
		m := httpclient.NewRedactor(httpclient.URLSecrets(url)...)
		for _, secret := range secrets {
			if got := m.Redact("it is " + secret); strings.Contains(got, secret) {
				t.Errorf("%s: %q", url, got)
			}
		}
	}
}
