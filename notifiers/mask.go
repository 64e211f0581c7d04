package notifiers

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"qaserelay/rules/message"
)

// MaskOptions masks rendered message options that may hold secrets, for people: those with the tag secret:"masked" in
// the kind's Options. Of a URL the host remains; of headers the names remain, and the values of those that never hold
// credentials. It returns nil if options are not an object.
func (k Kind) MaskOptions(options json.RawMessage) json.RawMessage {
	return MaskOptions([]Kind{k}, options)
}

// MaskOptions masks message options of a notifier that may be of any of the kinds.
func MaskOptions(kinds []Kind, options json.RawMessage) json.RawMessage {
	var values map[string]json.RawMessage
	if json.Unmarshal(options, &values) != nil || values == nil {
		return nil
	}
	for key, value := range values {
		if form, secret := secretForm(kinds, key); secret {
			values[key] = unescaped(mask(form, value))
		}
	}
	return unescaped(values)
}

// secretForm reports whether a message option may hold a secret, and the form of its text.
func secretForm(kinds []Kind, key string) (form string, secret bool) {
	for _, k := range kinds {
		options := reflect.TypeOf(k.Options)
		for i := range options.NumField() {
			tag := options.Field(i).Tag
			if name, _, _ := strings.Cut(tag.Get("yaml"), ","); name == key && tag.Get("secret") == "masked" {
				return tag.Get("as"), true
			}
		}
	}
	return "", false
}

// mask masks one option.
func mask(form string, value json.RawMessage) any {
	switch form {
	case "url":
		return maskURL(value)
	case "header":
		return maskHeaders(value)
	}
	return Hidden
}

func maskURL(value json.RawMessage) string {
	var text string
	_ = json.Unmarshal(value, &text) // an option that is not text is masked as a whole
	return message.MaskURL(text)
}

func maskHeaders(value json.RawMessage) any {
	var headers map[string]any
	if json.Unmarshal(value, &headers) != nil {
		return Hidden
	}
	for name, value := range headers {
		if _, isText := value.(string); !isText || !IsPublicHeader(name) {
			headers[name] = Hidden
		}
	}
	return headers
}

// IsPublicHeader reports whether a request header of this name never holds credentials.
func IsPublicHeader(name string) bool {
	return slices.Contains([]string{"accept", "accept-language", "content-type", "user-agent"}, strings.ToLower(name))
}

// unescaped is v in JSON, with & < > as themselves.
func unescaped(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil // maps of texts and JSON can be encoded
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
