package mask

import (
	"strings"
	"testing"
)

func TestEachKindOfSecretIsHidden(t *testing.T) {
	const s = "s3cr3tV4lue"
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + s
	for name, text := range map[string]string{
		"a header":                      "GET / failed: Authorization: Basic " + s,
		"a header with one word":        "Authorization: " + s + " was refused",
		"a header in JSON":              `{"Authorization": "Bearer ` + s + `", "Accept": "*/*"}`,
		"JSON in JSON":                  `body "{\"password\": \"` + s + `\"}"`,
		"a token":                       "token=" + s + ", retry",
		"a longer name":                 "QASE_API_TOKEN=" + s,
		"a name with a dash":            "x-api-key: " + s,
		"an API key":                    "apikey='" + s + " and more'",
		"an API key with an underscore": "api_key = " + s,
		"a client secret":               "client_secret: " + s,
		"a password":                    `Password="` + s + ` with spaces"`,
		"a password of Ruby":            `:password=>"` + s + `"`,
		"a password that was cut":       `password: "` + s + ` and so`,
		"a bearer":                      "sent Bearer " + s + " to it",
		"a JWT":                         "got " + jwt + " instead",
		"a key of AWS":                  "AKIA" + strings.ToUpper(s) + "12345",
		"a token of GitHub":             "ghp_" + s + "0123456789",
		"a server token of GitHub":      "ghs_" + s + "0123456789",
		"a token of Slack":              "xoxb-123-456-" + s,
		"an app's token of Slack":       "xoxa-2-" + s,
		"a private key":                 "-----BEGIN RSA PRIVATE KEY-----\n" + s + "\n-----END RSA PRIVATE KEY-----",
		"a private key that was cut":    `-----BEGIN PRIVATE KEY-----\n` + s,
		"an address with a password":    "postgres://app:" + s + "@db:5432/app is away",
		"a password and a path":         "https://app:" + s + "@host/x",
		"an address with a login":       "https://" + s + "@host/x",
		"a signed link of S3":           "https://b.s3.amazonaws.com/x.png?X-Amz-Signature=" + s + "&X-Amz-Date=1",
		"a signed link of Google":       "https://storage.googleapis.com/x?x-goog-signature=" + s,
		"a signed link of Azure":        "https://a.blob.core.windows.net/x?sv=1&sig=" + s + "%3D",
		"a token in an address":         "GET https://host/path?access_token=" + s + "&page=2",
	} {
		got := Text(text)
		if strings.Contains(strings.ToLower(got), strings.ToLower(s)) || !strings.Contains(got, hidden) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestOrdinaryTextStays(t *testing.T) {
	for _, text := range []string{
		"AssertionError: expected 200, got 500",
		"expected: <true> but was: <false>",
		"Unexpected token < in JSON at position 0",
		"the password field is not visible",
		"org.openqa.selenium.NoSuchElementException: no such element: #login",
		"basic authentication is not supported", "Bearer authentication failed", "see https://example.com/path?page=2&size=10 for more",
		"ana@example.com could not log in", "Timeout after 30 s",
	} {
		if got := Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
