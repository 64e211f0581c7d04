package httpclient_test

import (
	"net/http"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/httpclient"
	"qaserelay/notifiers/notifierstest"
)

// endpoint answers to logins in the header and in the form, and counts them.
func endpoint(t *testing.T, basic, post func(http.ResponseWriter), asked *[]string) *httpclient.OAuth2 {
	t.Helper()
	url := notifierstest.Server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		if _, _, ok := r.BasicAuth(); ok {
			*asked = append(*asked, "basic")
			basic(w)
			return
		}
		*asked = append(*asked, "post")
		post(w)
	})
	return &httpclient.OAuth2{ClientID: "relay", ClientSecret: notifiers.NewSecret("s3cret"), TokenURL: url}
}

func answer(status int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestASecondLoginIsTriedOnlyForAnUnknownClient(t *testing.T) {
	issued := answer(200, `{"access_token":"t","token_type":"Bearer","expires_in":3600}`)
	unknown := answer(401, `{"error":"invalid_client"}`)
	audience := answer(400, `{"error":"invalid_request","error_description":"Requested audience 'other'"}`)
	for name, tt := range map[string]struct {
		style       string
		basic, post func(http.ResponseWriter)
		asked, says string
	}{
		"by the header":              {"", issued, unknown, "basic", ""},
		"by the form":                {"", unknown, issued, "basic post", ""},
		"unknown without a code":     {"", answer(401, ""), issued, "basic post", ""},
		"no client_id in the header": {"", answer(400, `{"error":"invalid_request","error_description":"client_id is missing"}`), issued, "basic post", ""},
		"another error":              {"", audience, unknown, "basic", "audience"},
		"unknown by both":            {"", answer(401, `{"error":"invalid_client","error_description":"first"}`), unknown, "basic post", "first"},
		"the form shows the error":   {"", unknown, audience, "basic post", "audience"},
		"only basic":                 {"basic", unknown, issued, "basic", "invalid_client"},
		"only post":                  {"post", issued, unknown, "post", "invalid_client"},
		"an outage":                  {"", answer(503, ""), issued, "basic", "503"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			c := endpoint(t, tt.basic, tt.post, &asked)
			c.AuthStyle = tt.style
			cache := httpclient.NewTokenCache(c, httpclient.NewClient(httpclient.DialGuard{}))
			_, _, err := cache.Get(t.Context())
			if err != nil {
				err = httpclient.NewRedactor().TokenError(t.Context(), t.Context(), err)
			}
			if strings.Join(asked, " ") != tt.asked || (err == nil) != (tt.says == "") ||
				err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("asked by %q: %v", asked, err)
			}
		})
	}
}

func TestTheLoginThatWorkedIsKept(t *testing.T) {
	var asked []string
	c := endpoint(t, answer(401, `{"error":"invalid_client"}`), answer(200, `{"access_token":"t","expires_in":1}`), &asked)
	cache := httpclient.NewTokenCache(c, httpclient.NewClient(httpclient.DialGuard{}))
	for range 2 { // the token has expired when it comes
		if _, _, err := cache.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(asked, " "); got != "basic post post" {
		t.Errorf("asked by %s", got)
	}
}

func TestAPageIsShownByItsTitleAndFirstLines(t *testing.T) {
	page := "<!DOCTYPE html><html><head><title>ERROR: The requested\nURL</title><style>body { color: red }</style>" +
		"<script>alert(1)</script></head><body><h1>ERROR</h1><p>Access <b>Denied</b> &amp; logged.</p><!-- x -->" +
		strings.Repeat("<p>more</p><div>lines</div>", 100)
	got := httpclient.Answer{Status: "403 Forbidden", Body: []byte(page)}.Receipt(httpclient.NewRedactor()).Response
	if want := "ERROR: The requested URL\nERROR\nAccess Denied & logged.\nmore"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
