package rules

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// Hidden replaces a value that may be secret.
const Hidden = "<secret>"

// Masked returns the notification with the options masked that may be secret.
func (n Notification) Masked() Notification {
	var fallbacks []Fallback
	for _, f := range n.Fallbacks {
		fallbacks = append(fallbacks, Fallback{f.Notifier, maskOptions(f.Options)})
	}
	n.Options, n.Fallbacks = maskOptions(n.Options), fallbacks
	return n
}

// maskOptions masks rendered message options: of a URL all but the host, of headers all values but those that never hold
// credentials.
func maskOptions(options json.RawMessage) json.RawMessage {
	var values map[string]any
	if len(options) == 0 || json.Unmarshal(options, &values) != nil {
		return nil
	}
	for key, value := range values {
		switch text, isText := value.(string); {
		case key == "headers":
			values[key] = maskHeaders(value)
		case key == "url" && isText:
			values[key] = MaskURL(text)
		}
	}
	return encodeOptions(values)
}

// maskHeaders masks the values of headers.
func maskHeaders(v any) any {
	headers, isMap := v.(map[string]any)
	if !isMap {
		return Hidden
	}
	for name, value := range headers {
		if _, isText := value.(string); !isText || !isOpenHeader(name) {
			headers[name] = Hidden
		}
	}
	return headers
}

// isOpenHeader reports whether a header only describes the request. Any other header may hold credentials.
func isOpenHeader(name string) bool {
	return slices.Contains([]string{"accept", "accept-language", "content-type", "user-agent"}, strings.ToLower(name))
}

// MaskURL returns the scheme and host of a URL, which has no secrets.
func MaskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return Hidden
	}
	return u.Scheme + "://" + u.Host + "/…"
}
