package admin

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

const masked = "<secret>"

// maskMessage hides what may be secret in the options of a message, and in those of its fallbacks.
func maskMessage(message []byte) json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(message, &m) != nil {
		return nil
	}
	if m["options"] == nil && m["fallback"] == nil {
		return message
	}
	maskOptions(m)
	if m["fallback"] != nil {
		m["fallback"] = maskFallbacks(m["fallback"])
	}
	return encode(m)
}

func maskFallbacks(value json.RawMessage) json.RawMessage {
	var fallbacks []map[string]json.RawMessage
	if json.Unmarshal(value, &fallbacks) != nil {
		return encode(masked)
	}
	for _, f := range fallbacks {
		maskOptions(f)
	}
	return encode(fallbacks)
}

// maskOptions hides, in the options that stand in m, of a URL all but the host, and of headers all but the names and what never logs in.
func maskOptions(m map[string]json.RawMessage) {
	var options map[string]json.RawMessage
	if m["options"] == nil {
		return
	}
	if json.Unmarshal(m["options"], &options) != nil {
		delete(m, "options")
		return
	}
	for name, value := range options {
		switch name {
		case "url":
			options[name] = maskURL(value)
		case "headers":
			options[name] = maskHeaders(value)
		}
	}
	m["options"] = encode(options)
}

func maskURL(value json.RawMessage) json.RawMessage {
	var text string
	u, err := (*url.URL)(nil), json.Unmarshal(value, &text)
	if err == nil {
		u, err = url.Parse(text)
	}
	if err != nil || u.Host == "" {
		return encode(masked)
	}
	return encode(u.Scheme + "://" + u.Host + "/…")
}

func maskHeaders(value json.RawMessage) json.RawMessage {
	var headers map[string]any
	if json.Unmarshal(value, &headers) != nil {
		return encode(masked)
	}
	open := []string{"accept", "accept-language", "content-type", "user-agent"}
	for name, value := range headers {
		if _, isText := value.(string); !isText || !slices.Contains(open, strings.ToLower(name)) {
			headers[name] = masked
		}
	}
	return encode(headers)
}
