package rules

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// hidden stands in the place of what may be secret.
const hidden = "<secret>"

// maskOptions hides what may be secret in rendered message options: of URLs all but the host, of headers all but the names and what never logs in.
func maskOptions(options json.RawMessage) json.RawMessage {
	var values map[string]any
	if len(options) == 0 || json.Unmarshal(options, &values) != nil {
		return nil
	}
	for key, value := range values {
		switch text, isText := value.(string); {
		case key == "headers":
			values[key] = maskValues(value)
		case key == "url" && isText:
			values[key] = maskURL(text)
		}
	}
	return encodeOptions(values)
}

func maskFallbacks(all []Fallback) []Fallback {
	var masked []Fallback
	for _, f := range all {
		masked = append(masked, Fallback{f.Notifier, maskOptions(f.Options)})
	}
	return masked
}

func maskValues(v any) any {
	headers, isMap := v.(map[string]any)
	if !isMap {
		return hidden
	}
	for name, value := range headers {
		if _, isText := value.(string); !isText || !isOpenHeader(name) {
			headers[name] = hidden
		}
	}
	return headers
}

// isOpenHeader reports whether a header says only what the request is like. Any other one may log in, whatever it is called.
func isOpenHeader(name string) bool {
	return slices.Contains([]string{"accept", "accept-language", "content-type", "user-agent"}, strings.ToLower(name))
}

func maskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return hidden
	}
	return u.Scheme + "://" + u.Host + "/…"
}
