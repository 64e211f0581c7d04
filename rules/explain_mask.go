package rules

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// Hidden stands in the place of what may be secret.
const Hidden = "<secret>"

// MaskOptions hides what may be secret in rendered message options: of URLs all but the host, of headers all but the names and what never logs in.
func MaskOptions(options json.RawMessage) json.RawMessage {
	var values map[string]any
	if len(options) == 0 || json.Unmarshal(options, &values) != nil {
		return nil
	}
	for key, value := range values {
		switch text, isText := value.(string); {
		case key == "headers":
			values[key] = maskValues(value)
		case key == "url" && isText:
			values[key] = MaskURL(text)
		}
	}
	return EncodeOptions(values)
}

func MaskFallbacks(all []Fallback) []Fallback {
	var masked []Fallback
	for _, f := range all {
		masked = append(masked, Fallback{f.Notifier, MaskOptions(f.Options)})
	}
	return masked
}

func maskValues(v any) any {
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

// isOpenHeader reports whether a header says only what the request is like. Any other one may log in, whatever it is called.
func isOpenHeader(name string) bool {
	return slices.Contains([]string{"accept", "accept-language", "content-type", "user-agent"}, strings.ToLower(name))
}

func MaskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return Hidden
	}
	return u.Scheme + "://" + u.Host + "/…"
}
